"""What an adapter adds to nano: a kind of picture, the classes told apart in it, the things found in it.

It lies beside the adapter as specialty.toml, and training reads one from the folder of pictures where it is
there. It knows nothing of weights.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from chat_app.errors import InputError
from chat_app.models import adapters

FILE = "specialty.toml"
# As many as the tower has room for.
MOST_CLASSES, MOST_THINGS = 8, 3
LISTS = ("classes", "things", "bare", "modalities", "body_parts")


@dataclass(frozen=True)
class Specialty:
    """One kind of picture.

    kind: "breast ultrasound"; part: what of the body it shows. bare: the classes in whose pictures none of
    the things is. words: other names of classes and things. modalities, body_parts: what a DICOM file of
    such a picture states; empty where anything may be stated.
    """

    kind: str
    part: str = ""
    classes: tuple[str, ...] = ()
    things: tuple[str, ...] = ()
    bare: tuple[str, ...] = ()
    modalities: tuple[str, ...] = ()
    body_parts: tuple[str, ...] = ()
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        """Raises InputError where it is more than the tower has room for, or nothing at all."""
        if not self.kind.strip():
            raise InputError("A specialty needs the name of its kind of picture.")
        if not self.classes and not self.things:
            raise InputError("A specialty needs classes to tell apart or things to find: label the pictures.")
        if len(self.classes) > MOST_CLASSES or len(self.things) > MOST_THINGS:
            raise InputError(
                f"There is room for {MOST_CLASSES} classes and {MOST_THINGS} things, and the pictures have "
                f"{len(self.classes)} and {len(self.things)}: choose those that matter in a {FILE}."
            )
        if unknown := (set(self.bare) - set(self.classes)) | (
            set(self.words) - {*self.classes, *self.things}
        ):
            raise InputError(
                f"The specialty speaks of {min(unknown)!r}, which is none of its classes or things."
            )

    def named(self, name: str) -> tuple[str, ...]:
        """That class or thing, and what else it is called."""
        return (name, *self.words.get(name, ()))

    def thing_of(self, label: str) -> int | None:
        """Which of the things a box with that label marks; None where it is none of them."""
        plain = label.lower()
        return next((i for i, thing in enumerate(self.things) if thing.lower() in plain), None)

    def class_of(self, labels: Iterable[str]) -> int | None:
        """The one class among these labels; None where there is none or several."""
        found = [self.classes.index(label) for label in labels if label in self.classes]
        return found[0] if len(found) == 1 else None


def of(adapter: str, folder: str = "") -> Specialty | None:
    """What the adapter of that name adds; None where it adds no kind of picture, or there is no such adapter.

    folder: of the adapters, "" for Lightbox's own. Raises SetupError or InputError for what cannot be read.
    """
    path = next((card.folder / FILE for card in adapters.found(folder) if card.name == adapter), None)
    return read(path) if path and path.is_file() else None


def read(path: Path) -> Specialty:
    """Raises InputError when the file is not as it must be."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        lists: Any = {name: tuple(map(str, table.pop(name, ()))) for name in LISTS}
        words = {name: tuple(map(str, others)) for name, others in table.pop("words", {}).items()}
        return Specialty(**table, **lists, words=words)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"The {FILE} cannot be understood: mend it as docs/train-your-own.md says."
        ) from error


def write(specialty: Specialty, path: Path) -> None:
    table: dict[str, Any] = {"kind": specialty.kind, "part": specialty.part}
    table |= {name: list(getattr(specialty, name)) for name in LISTS if getattr(specialty, name)}
    table["words"] = {name: list(others) for name, others in specialty.words.items()}
    path.write_text(tomli_w.dumps(table), encoding="utf-8")
