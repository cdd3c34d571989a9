"""One event, made of names, numbers and hashes: what was typed, answered or written has no place in it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from chat_app import __version__
from chat_app.records import Image, ModelId, Report, Study, Turn

# What a name may be that stands as it is: of a model, an adapter, a prompt, a form of export.
NAME = re.compile(r"[A-Za-z0-9_.:/@+-]{0,120}")
HEX = re.compile(r"[0-9a-f]{0,64}")


class Action(StrEnum):
    """What was done. MENDED: the record itself, after a program had ended in the middle of an event."""

    OPENED = "opened"
    VIEWED = "viewed"
    ASKED = "asked"
    DRAFTED = "drafted"
    EDITED = "edited"
    DECIDED = "decided"
    SIGNED = "signed"
    EXPORTED = "exported"
    BROUGHT_BACK = "brought back"
    INDEXED = "indexed"
    DELETED = "deleted"
    MENDED = "mended"


@dataclass(frozen=True)
class Event:
    """What was done to a case or a corpus, and with what.

    case: its random number. weights: the hash of the model's. prompt: name and version of what it was told.
    images: SHA-256 of the files. quoted: hashes of the passages that were found for a question. output:
    SHA-256 of what was answered or written. form: of an export. report: version of the report, 0 for none.
    size: bytes cut off by mending, else 0. corpus: its name. documents, passages: how many it then holds, or
    how many were deleted.
    """

    action: Action
    case: str = ""
    model: str = ""
    weights: str = ""
    adapter: str = ""
    prompt: str = ""
    seed: int | None = None
    images: tuple[str, ...] = ()
    output: str = ""
    form: str = ""
    report: int = 0
    size: int = 0
    quoted: tuple[str, ...] = ()
    corpus: str = ""
    documents: int = 0
    passages: int = 0

    @property
    def plain(self) -> Mapping[str, object]:
        """As JSON has it. What is no name or hash does not stand as it is: its own hash does."""
        told: dict[str, object] = {
            "action": self.action.value,
            "case": _hash(self.case),
            "model": _name(self.model),
            "weights": _hash(self.weights),
            "adapter": _name(self.adapter),
            "prompt": _name(self.prompt),
            "seed": None if self.seed is None else int(self.seed),
            "images": [_hash(each) for each in self.images],
            "quoted": [_hash(each) for each in self.quoted],
            "output": _hash(self.output),
            "form": _name(self.form),
            "report": int(self.report),
            "size": int(self.size),
            "corpus": _name(self.corpus),
            "documents": int(self.documents),
            "passages": int(self.passages),
        }
        said = {name: value for name, value in told.items() if value not in ("", None, [])}
        return {
            **{name: value for name, value in said.items() if value != 0 or name == "seed"},
            "by": __version__,
        }


def digest(text: str) -> str:
    """SHA-256 of a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def opened(case: str, image: Image) -> Event:
    """A picture was opened."""
    return Event(Action.OPENED, case, images=(image.sha256,))


def asked(case: str, turn: Turn, study: Study) -> Event:
    """A question was answered about some of the study's pictures."""
    answer = turn.answer
    images = _hashes(study, (*answer.images, *turn.images))
    event = _spoken(Action.ASKED, case, answer.model, answer.prompt, answer.seed, images, answer.text)
    return replace(event, quoted=tuple(each.id for each in answer.passages))


def changed(action: Action, corpus: str, documents: int, passages: int) -> Event:
    """A corpus was brought up to date, or some of it was deleted."""
    return Event(action, corpus=corpus, documents=documents, passages=passages)


def reported(action: Action, case: str, report: Report, study: Study, form: str = "") -> Event:
    """A report was drafted, edited, decided about, signed or exported: as it read then."""
    words = "\n\n".join(f"{section.title}\n{section.text}" for section in report.sections)
    images = _hashes(study, report.images)
    return _spoken(
        action, case, report.model, report.prompt, report.seed, images, words, form, report.version
    )


def _spoken(
    action: Action,
    case: str,
    model: ModelId,
    prompt: str,
    seed: int,
    images: tuple[str, ...],
    words: str,
    form: str = "",
    report: int = 0,
) -> Event:
    spoken = (model.name, model.sha256, model.adapter)
    return Event(action, case, *spoken, prompt, seed, images, digest(words), form, report)


def _hashes(study: Study, places: Iterable[str]) -> tuple[str, ...]:
    """The files' hashes of the pictures that these places lie in, each once."""
    names = {place.partition(",")[0] for place in places}
    return tuple(dict.fromkeys(each.sha256 for each in study.images if each.name in names))


def _name(text: str) -> str:
    return text if NAME.fullmatch(text) else f"sha256:{digest(text)}"


def _hash(text: str) -> str:
    return text if HEX.fullmatch(text) else digest(text)
