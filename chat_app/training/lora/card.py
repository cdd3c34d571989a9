"""The card.toml of a trained adapter: its base, its data, how it was trained, what it is worth and not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w

from chat_app.data.modalities import codes
from chat_app.data.records import Record
from chat_app.models.adapters import CARD
from chat_app.training.lora.options import Options
from chat_app.training.lora.scoring import Figure

if TYPE_CHECKING:
    from chat_app.models.cards import Card
    from chat_app.training.lora.lessons import Split

UNKNOWN = "not stated"


def table(
    options: Options, base: Card, sha256: str, split: Split, training: Mapping[str, Any]
) -> dict[str, Any]:
    """All of the card but its figures; these are taken with the adapter itself, which needs a card."""
    every = [*split.train, *split.val, *split.test]
    sets = sorted({record.set for record in every})
    chosen = {name: value for name, value in asdict(options).items() if name not in ("base", "data", "name")}
    return {
        "base": base.name,
        "base_sha256": sha256,
        "about": f"Trained by LoRA on {len(split.train):,} records of {', '.join(sets)}.",
        "licence": f"That of its base ({base.licence}) and of its data ({_stated(every, 'licence')}).",
        "modalities": modalities(every),
        "limits": limits({}, ""),
        "data": {
            "sets": sets,
            "train": len(split.train),
            "val": len(split.val),
            "test": len(split.test),
            "sources": _stated(every, "source"),
            "licences": _stated(every, "licence"),
        },
        "training": {**chosen, **training},
    }


def measured(table: Mapping[str, Any], figures: Mapping[str, Figure], part: str) -> dict[str, Any]:
    """The card with its figures, taken from the split `part`."""
    metrics = {"split": part, **{name: each.as_data() for name, each in figures.items()}}
    return {**table, "limits": limits(figures, part), "metrics": metrics}


def write(folder: Path, table: Mapping[str, Any]) -> None:
    (folder / CARD).write_text(tomli_w.dumps(table), encoding="utf-8")


def limits(figures: Mapping[str, Figure], part: str) -> str:
    """What it must not be used for, with what was found."""
    said = ["Not for clinical use: a draft that a clinician checks."]
    said += [f"Measured on the {part} split of its own data only." if figures else "Not measured."]
    if part == "val" and figures:
        said.append("That split also decided when training stopped, so the figures flatter.")
    worse = [name for name, each in figures.items() if each.after <= each.before]
    if worse:
        said.append(f"It was no better than its base in {' and '.join(worse)}.")
    return " ".join(said)


def modalities(records: Sequence[Record]) -> list[str]:
    """The DICOM codes of the kinds of picture that it was trained on, as far as the set says."""
    named = {record.modality.strip() for record in records}
    return sorted({code for name in named for code in codes(name)})


def _stated(records: Sequence[Record], name: str) -> str:
    counted = Counter(getattr(record, name) or UNKNOWN for record in records)
    return ", ".join(text for text, _ in counted.most_common(12))
