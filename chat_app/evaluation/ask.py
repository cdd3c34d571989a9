"""Puts rows to the assistant through the same straight line as the page, several side by side.

It does not know what the right reply is.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from PIL import Image as Pillow

from chat_app import imaging
from chat_app.data import pictures
from chat_app.data.records import Corners, Record
from chat_app.errors import ChatAppError, InputError
from chat_app.evaluation.measure import Way
from chat_app.evaluation.task import Reply, Row
from chat_app.records import Answer, Box, Conversation, Image, ModelId, Report, Section, Source, Waiting

NAME = "image 1"
AT_ONCE = 4
"""How many are asked at once: as many as the engine of a local model writes side by side."""

SAY_EVERY = 100  # answers

Kind = TypeVar("Kind")


class Asked(Protocol):
    """What an evaluation needs of the assistant; it is called from several threads."""

    def ask(
        self, conversation: Conversation, question: str, *, images: Sequence[str] = ()
    ) -> Iterator[str | Waiting | Answer]: ...

    def draft(
        self, conversation: Conversation, template: str, *, told: Mapping[str, str] = {}
    ) -> Iterator[Section | Report]: ...


class Put(NamedTuple):
    """A question about a picture, or a report to draft about it."""

    path: Path
    template: str
    question: str


class Examiner:
    """Asks each question about each picture once, for the replies are greedy, and keeps them.

    folder: where black pictures are written. others: the picture that takes each one's place when they are
    shuffled. agreed: the machines that may be sent to. at_once: how many questions are under way. say: is
    told how far it is. model: who replied, once it did. faults: how many questions ended in an error of ours
    instead of a reply.
    """

    def __init__(
        self,
        assistant: Asked,
        folder: Path,
        others: Mapping[Path, Path],
        agreed: tuple[str, ...] = (),
        at_once: int = AT_ONCE,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.assistant = assistant
        self.folder = folder
        self.others = others
        self.at_once = at_once
        self.say = say
        self.model: ModelId | None = None
        # One owner, so that a picture that several questions are about is looked at once.
        self._empty = Conversation(agreed=agreed)
        self._replies: dict[Put, Reply] = {}
        self._sizes: dict[Path, Path] = {}

    @property
    def faults(self) -> int:
        return sum(reply.fault for reply in self._replies.values())

    def replies(self, rows: Sequence[Row], way: Way = Way.SEEN) -> list[Reply]:
        """What the assistant says to each row, in order.

        BLANK: about a black picture of the same size. SHUFFLED: about another picture of the same set.
        UNSEEN: to the same question in unseen words, the phrasings taking turns. See `can`.
        """
        puts = self._puts(rows, way)
        fresh = list(dict.fromkeys(put for put in puts if put not in self._replies))
        with ThreadPoolExecutor(self.at_once, thread_name_prefix="examiner") as pool:
            for number, (put, reply) in enumerate(zip(fresh, pool.map(self._reply, fresh), strict=True), 1):
                self._replies[put] = reply
                if number % SAY_EVERY == 0:
                    self.say(f"{number:,} of {len(fresh):,} answers, {way} ...")
        return [self._replies[put] for put in puts]

    def can(self, rows: Sequence[Row], way: Way) -> bool:
        """Whether these rows can be put that way."""
        if way is Way.SHUFFLED:
            return all(row.record.path in self.others for row in rows)
        return way is not Way.UNSEEN or all(row.unseen for row in rows)

    def _puts(self, rows: Sequence[Row], way: Way) -> list[Put]:
        if way is Way.UNSEEN:
            asked = [row.unseen[number % len(row.unseen)] for number, row in enumerate(rows)]
        else:
            asked = [row.question for row in rows]
        paths = [row.record.path for row in rows]
        if way is Way.BLANK:
            paths = [self._black(path) for path in paths]
        if way is Way.SHUFFLED:
            paths = [self.others[path] for path in paths]
        return [
            Put(path, row.template, "" if row.template else question)
            for path, row, question in zip(paths, rows, asked, strict=True)
        ]

    def _reply(self, put: Put) -> Reply:
        try:
            image = imaging.read(put.path, name=NAME, frame=1)
            conversation = self._empty.with_image(image)
            if put.template:
                return self._draft(conversation, put.template)
            return self._ask(conversation, put.question, image)
        except ChatAppError:
            return Reply("", fault=True)

    def _ask(self, conversation: Conversation, question: str, image: Image) -> Reply:
        answer = _last(self.assistant.ask(conversation, question, images=(NAME,)), Answer)
        self.model = answer.model
        fixed = bool(answer.statements) and all(s.source is Source.TEMPLATE for s in answer.statements)
        return Reply(answer.text, tuple(_fraction(box, image) for box in answer.boxes), fixed)

    def _draft(self, conversation: Conversation, template: str) -> Reply:
        report = _last(self.assistant.draft(conversation, template), Report)
        self.model = report.model
        return Reply("\n".join(f"# {section.title}\n{_seen(section)}" for section in report.sections))

    def _black(self, path: Path) -> Path:
        """A black picture of the same size; of one that cannot be opened itself, which ends in a fault."""
        if path not in self._sizes:
            try:
                columns, rows = pictures.size(path)
            except InputError:
                return path
            black = self.folder / f"{columns}x{rows}.png"
            if not black.is_file():
                Pillow.new("L", (columns, rows)).save(black)
            self._sizes[path] = black
        return self._sizes[path]


def shuffled(records: Iterable[Record]) -> dict[Path, Path]:
    """For each picture another one of its set: a ring in an order that a fixed seed gives.

    A picture that is the only one of its set has none.
    """
    sets: dict[str, set[Path]] = {}
    for record in records:
        sets.setdefault(record.set, set()).add(record.path)
    rings = [random.Random(0).sample(sorted(paths), len(paths)) for paths in sets.values() if len(paths) > 1]
    return {path: other for ring in rings for path, other in zip(ring, [*ring[1:], ring[0]], strict=True)}


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
