"""Which scored pictures are, or look like, pictures that the model may have been trained on.

Copies, also ones that were scaled, saved again or made brighter, are found as `lightbox data check` finds
them; two pictures of one patient that do not look alike are not: groups keep those apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from chat_app.data import alike, pictures
from chat_app.data.alike import Hash
from chat_app.data.records import Record
from chat_app.errors import InputError

SAY_EVERY = 500  # pictures
MUCH = 0.1
"""The share of scored pictures from which a split is called one that shares its images with training."""


@dataclass(frozen=True)
class Leak:
    """What was compared: so many scored pictures with so many to train on, and which of the former leak."""

    scored: int
    trained: int
    alike: frozenset[Path]

    @property
    def share(self) -> float:
        """Of the scored pictures."""
        return len(self.alike) / self.scored if self.scored else 0.0

    @property
    def is_shared(self) -> bool:
        """Whether so many leak that the split is one that shares its images with training."""
        return self.share >= MUCH

    @property
    def says(self) -> str:
        """What it means for the figures, in a sentence."""
        if not self.trained:
            return "No picture to train on is here, so nothing could be compared with the scored ones."
        compared = f"{self.scored} scored pictures with {self.trained} to train on"
        if not self.alike:
            return f"Of {compared} compared, none of the former is, or looks like, one of the latter."
        said = "Shares its images with training: of" if self.is_shared else "Of"
        return (
            f"{said} {compared} compared, {len(self.alike)} of the former are or look like one of the latter."
        )


def look(scored: Iterable[Record], trained: Iterable[Record], say: Callable[[str], None]) -> Leak:
    """Compares the pictures of two lists of records; one that cannot be opened is like none."""
    asked = list(dict.fromkeys(record.path for record in scored))
    learnt = list(dict.fromkeys(record.path for record in trained))
    same = set(asked) & set(learnt)
    others = [path for path in asked if path not in same]
    return Leak(len(asked), len(learnt), frozenset(same | _alike(others, learnt, say)))


def _alike(asked: Sequence[Path], learnt: Sequence[Path], say: Callable[[str], None]) -> set[Path]:
    """Those of `asked` that look like one of `learnt`."""
    if not (asked and learnt):
        return set()
    hashes: dict[Path, Hash] = {}
    for number, path in enumerate((*asked, *learnt), 1):
        if number % SAY_EVERY == 0:
            say(f"Comparing picture {number:,} of {len(asked) + len(learnt):,} ...")
        if (code := _hashed(path)) is not None:
            hashes[path] = code
    paths, scored, trained = list(hashes), set(asked), set(learnt)
    found: set[Path] = set()
    for first, second in alike.twins(list(hashes.values())):
        for here, there in ((first, second), (second, first)):
            if any(paths[position] in trained for position in there):
                found |= {paths[position] for position in here if paths[position] in scored}
    return found


def _hashed(path: Path) -> Hash | None:
    try:
        return alike.hashed(pictures.opened(path).pixels)
    except InputError:
        return None
