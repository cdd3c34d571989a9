"""Puts a row to the assistant through the same straight line as the page: a file is read, a question asked.

It does not know what the right reply is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from PIL import Image as Pillow

from chat_app import imaging
from chat_app.errors import ChatAppError
from chat_app.evaluation.records import Corners
from chat_app.evaluation.task import Reply, Row
from chat_app.records import Answer, Box, Conversation, Image, ModelId, Report, Section, Source, Waiting

NAME = "image 1"
Kind = TypeVar("Kind")


class Asked(Protocol):
    """What an evaluation needs of the assistant."""

    def ask(
        self, conversation: Conversation, question: str, *, images: Sequence[str] = ()
    ) -> Iterator[str | Waiting | Answer]: ...

    def draft(
        self, conversation: Conversation, template: str, *, told: Mapping[str, str] = {}
    ) -> Iterator[Section | Report]: ...


class Examiner:
    """Asks each question about each picture once, for the replies are greedy, and keeps them.

    folder: where black pictures are written. agreed: the machines that may be sent to. model: who replied,
    once it did. faults: how many questions ended in an error of ours instead of a reply.
    """

    def __init__(self, assistant: Asked, folder: Path, agreed: tuple[str, ...] = ()) -> None:
        self.assistant = assistant
        self.folder = folder
        self.agreed = agreed
        self.model: ModelId | None = None
        self.faults = 0
        self._replies: dict[tuple[Path, str], Reply] = {}

    def reply(self, row: Row) -> Reply:
        """What the assistant says to the row's question about the row's picture."""
        return self._once(row.record.path, row, row.question)

    def unseen_reply(self, row: Row, number: int) -> Reply:
        """What it says to the same question in unseen words; `number` takes turns among the phrasings."""
        return self._once(row.record.path, row, row.unseen[number % len(row.unseen)])

    def blank_reply(self, row: Row) -> Reply:
        """What it says to the same question about a black picture of the same size."""
        return self._once(self._black(row.record.path), row, row.question)

    def _once(self, path: Path, row: Row, question: str) -> Reply:
        key = (path, row.template or question)
        if key not in self._replies:
            self._replies[key] = self._put(path, row.template, question)
        return self._replies[key]

    def _put(self, path: Path, template: str, question: str) -> Reply:
        try:
            image = imaging.read(path, name=NAME)
            conversation = Conversation(agreed=self.agreed).with_image(image)
            if template:
                return self._draft(conversation, template)
            return self._ask(conversation, question, image)
        except ChatAppError:
            self.faults += 1
            return Reply("")

    def _ask(self, conversation: Conversation, question: str, image: Image) -> Reply:
        answer = _last(self.assistant.ask(conversation, question, images=(NAME,)), Answer)
        self.model = answer.model
        return Reply(answer.text, tuple(_fraction(box, image) for box in answer.boxes))

    def _draft(self, conversation: Conversation, template: str) -> Reply:
        report = _last(self.assistant.draft(conversation, template), Report)
        self.model = report.model
        return Reply("\n".join(f"# {section.title}\n{_seen(section)}" for section in report.sections))

    def _black(self, path: Path) -> Path:
        image = imaging.read(path, name=NAME)
        black = self.folder / f"{image.columns}x{image.rows}.png"
        if not black.is_file():
            Pillow.new("L", (image.columns, image.rows)).save(black)
        return black


def _last(pieces: Iterable[object], kind: type[Kind]) -> Kind:
    *_, last = pieces
    if not isinstance(last, kind):
        raise TypeError(f"The assistant must end with one {kind.__name__}, not {type(last).__name__}.")
    return last


def _fraction(box: Box, image: Image) -> tuple[str, Corners]:
    x0, y0, x1, y1 = box.corners
    return box.label, (x0 / image.columns, y0 / image.rows, x1 / image.columns, y1 / image.rows)


def _seen(section: Section) -> str:
    """Only what the model saw: what the user, the file or the template said is no merit of the model."""
    return "\n".join(s.text for s in section.statements if s.source in (Source.SEEN, Source.UNSUPPORTED))
