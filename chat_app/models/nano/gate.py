"""Decides, before nano's language model speaks, whether the picture is one it was taught.

The file's own word comes first: a DICOM that says CT is not looked at as if it were anything else. Then the
tower must name the kind with confidence, and the picture's texture must lie near that of the kind's training
pictures (Mahalanobis distance, Lee et al. 2018). Texture, because the tower's last tokens have learned to
overlook what tells a nerve ultrasound from a breast ultrasound.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from chat_app.models.nano.specialty import Specialty
from chat_app.models.nano.tower import DECISIONS, OPEN_KIND, Sight
from chat_app.models.nano.wording import KINDS

FILE = "gate.safetensors"
# What a DICOM header may say, its modality and its body part; where one is empty it may say anything.
Stated = tuple[tuple[str, ...], tuple[str, ...]]
# PS3.3 C.7.3.1.1.1, and body parts of PS3.16 Annex L.
STATED: Mapping[str, Stated] = {
    "chest X-ray": (("CR", "DX", "RG"), ("CHEST", "LUNG", "THORAX")),
    "brain MR": (("MR",), ("BRAIN", "HEAD")),
    "blood smear": (("SM", "GM"), ("BLOOD",)),
}
# These say how a file came about, not what it shows.
SILENT = ("", "OT", "SC")
SURE = 0.5
# The limit on the distance: what this share of the validation pictures keep, and a margin on it.
SHARE, MARGIN = 0.985, 1.3
KNOWN = "chest X-rays, brain MR with contrast and blood smears"


@dataclass(frozen=True)
class Passage:
    """The gate's word: the kind of picture it let through, or the sentence with which it refused."""

    kind: str = ""
    refusal: str = ""


class Gate:
    """means (kinds, d) and precision (d, d) of each kind's texture; limits (kinds,) on the distance.

    kinds: what each is called, by the tower's word for it. stated: what a header must say of each. knows:
    all of them, for a refusal.
    """

    def __init__(
        self, means: Tensor, precision: Tensor, limits: Tensor, added: Specialty | None = None
    ) -> None:
        """added: for the one kind of picture that an adapter adds."""
        self.means, self.precision, self.limits = means, precision, limits
        self.kinds = {OPEN_KIND: added.kind} if added else {kind: kind for kind in KINDS}
        self.stated = {added.kind: (added.modalities, added.body_parts)} if added else STATED
        self.knows = f"{added.kind} with this adapter" if added else KNOWN

    @classmethod
    def fit(
        cls, texture: Tensor, kinds: Tensor, others: Tensor, other_kinds: Tensor, share: float = SHARE
    ) -> Gate:
        """From training pictures (n, d) and their kinds; limits follow from the `others`."""
        means = torch.stack([texture[kinds == k].mean(0) for k in range(len(KINDS))])
        centred = texture - means[kinds]
        spread = centred.T @ centred / len(centred)
        precision = torch.linalg.inv(spread + 0.05 * spread.diagonal().mean() * torch.eye(len(spread)))
        gate = cls(means, precision, torch.zeros(len(KINDS)))
        distances = gate.distances(others)
        limits = [distances[other_kinds == k, k].quantile(share) for k in range(len(KINDS))]
        gate.limits = MARGIN * torch.stack(limits)
        return gate

    def beside(self, texture: Tensor, others: Tensor, added: Specialty, share: float = SHARE) -> Gate:
        """A gate for the kind of picture that an adapter adds, from training pictures and others of it.

        The texture lies below what adapters change, so that it is one and the same with and without them.
        """
        gate = Gate(texture.mean(0, keepdim=True), self.precision, torch.zeros(1), added)
        gate.limits = MARGIN * gate.distances(others)[:, 0].quantile(share).reshape(1)
        return gate

    @classmethod
    def load(cls, path: Path, added: Specialty | None = None) -> Gate:
        table = load_file(path)
        return cls(table["means"], table["precision"], table["limits"], added)

    def save(self, path: Path) -> None:
        table = {"means": self.means, "precision": self.precision, "limits": self.limits}
        save_file({name: tensor.contiguous() for name, tensor in table.items()}, path)

    def distances(self, texture: Tensor) -> Tensor:
        """(n, kinds): squared Mahalanobis distance of each picture to each kind."""
        apart = texture.float().unsqueeze(1) - self.means
        return torch.einsum("nkd,de,nke->nk", apart, self.precision, apart)

    def decide(self, sight: Sight, modality: str, body_part: str) -> Passage:
        """For one picture (batch of one) and what its file states ("" where it states nothing)."""
        stated, refusal = self._allowed(modality, body_part)
        if refusal:
            return Passage(refusal=refusal)
        chances = sight.decisions["kind"][0].softmax(-1)
        class_ = DECISIONS["kind"][int(chances.argmax())]
        if class_ not in self.kinds or float(chances.max()) < SURE:
            return Passage(refusal=self._unknown(stated))
        row, seen = list(self.kinds).index(class_), self.kinds[class_]
        if float(self.distances(sight.texture)[0, row]) > float(self.limits[row]):
            return Passage(refusal=self._unknown(stated))
        if stated and seen not in stated:
            said = _words(modality, body_part)
            return Passage(
                refusal=f"The file says {said}, but the picture does not look like it: I do not answer."
            )
        return Passage(kind=seen)

    def farness(self, sight: Sight, modality: str, body_part: str) -> float:
        """How far the texture lies from that of its nearest kind, in limits; infinite for another header."""
        if self._allowed(modality, body_part)[1]:
            return math.inf
        return float((self.distances(sight.texture)[0] / self.limits).min())

    def _allowed(self, modality: str, body_part: str) -> tuple[tuple[str, ...], str]:
        """The kinds the header allows (empty: any), or the refusal when it allows none."""
        if modality in SILENT and not body_part:
            return (), ""
        allowed = tuple(
            kind
            for kind, (codes, parts) in self.stated.items()
            if (modality in SILENT or not codes or modality in codes)
            and (not body_part or not parts or any(part in body_part for part in parts))
        )
        if allowed:
            return allowed, ""
        said = _words(modality, body_part)
        return (), f"The file says {said}. I only know {self.knows}, so I cannot tell."

    def _unknown(self, stated: tuple[str, ...]) -> str:
        if stated:
            return "This picture is unlike those I was taught, so I cannot tell."
        return (
            f"I cannot tell what this is: it is unlike the pictures I was taught. I only know {self.knows}."
        )


def _words(modality: str, body_part: str) -> str:
    return " of ".join(part for part in (modality, body_part) if part not in SILENT)
