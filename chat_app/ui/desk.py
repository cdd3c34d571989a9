"""What one browser session has on its desk: its conversation, its draft, and the work in hand.

It knows nothing of gradio; one lives in each session's `gr.State` and nowhere else.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

from chat_app.records import NAME, Answer, Box, Conversation, Image, Report, Turn
from chat_app.reports import marks

if TYPE_CHECKING:
    from chat_app.dicomweb import Found
    from chat_app.reports.correct import Proposal
    from chat_app.ui.slices import Lease

ANSWER, DRAFT = "answer", "draft"
STAYS = ("reader",)  # what a desk has for as long as its session lasts


@dataclass(eq=False)
class Kept:
    """What of a desk is kept as a case; what is on the desk and is not here has still to be kept.

    case: its number, "" before there is one. images, turns, report: the records as they were kept.
    opened: hashes of the pictures, by name, whose opening is in the record of who did what. told: the faults
    that were said. is_elsewhere: another desk has the case now. left: what was on the desk when it was
    cleared. words, pictures: held while turns and reports, or pictures, are kept.
    """

    case: str = ""
    images: dict[str, Image] = field(default_factory=dict)
    turns: tuple[Turn, ...] = ()
    report: Report | None = None
    opened: dict[str, str] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    is_elsewhere: bool = False
    left: tuple[Conversation, Report | None] | None = None

    def __post_init__(self) -> None:
        # No fields: gradio makes a dict of the empty desk, and a lock cannot be copied.
        self.words, self.pictures = threading.RLock(), threading.Lock()


@dataclass(eq=False)
class Desk:
    """One session's own things. Handlers change it in place, so no late answer can undo a fresh upload.

    fresh: names of the pictures that came since the last question. shown: the name of the one on show.
    beside: of the one it is compared with. cut: the plane the one on show is cut anew in, "" as it came.
    frames: which frame of each picture was looked at last. moves: grows when the viewer has to turn to it.
    keys: places of the key images, "image 1, slice 5". region: what the next question is about.
    reads: whose boxes lie on the pictures, the last answer's or the draft's. pointed: the statement of the
    draft that is shown, as section and number, or None. proposals: changes of the draft, not made yet.
    adapter: the one that answers; corpora: the documents it is given passages of; None for the settings'.
    unsearched: pictures as they came, by name, in which no name was looked for yet.
    notes: what was said when files were opened. folder: where the uploads lie while pictures need them.
    leases: what the browser may fetch, by picture and cut.
    work: one event for each thing being generated; setting it ends the generation.
    reader: whose cases those of this browser are, "" where the page itself knows. kept: what is in the store.
    doomed: the case that one more click deletes. changing: held while one case goes from the desk.
    """

    conversation: Conversation = field(default_factory=Conversation)
    report: Report | None = None
    fresh: tuple[str, ...] = ()
    shown: str = ""
    beside: str = ""
    cut: str = ""
    frames: dict[str, int] = field(default_factory=dict)
    moves: int = 0
    keys: tuple[str, ...] = ()
    region: Box | None = None
    reads: str = ANSWER
    pointed: marks.Place | None = None
    proposals: tuple[Proposal, ...] = ()
    adapter: str | None = None
    corpora: tuple[str, ...] | None = None
    unsearched: dict[str, Image] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    folder: tempfile.TemporaryDirectory[str] | None = None
    leases: dict[tuple[str, str], Lease] = field(default_factory=dict)
    found: dict[str, Found] = field(default_factory=dict)
    work: dict[str, threading.Event] = field(default_factory=dict)
    reader: str = ""
    kept: Kept = field(default_factory=Kept)
    doomed: str = ""

    def __post_init__(self) -> None:
        self.changing = threading.Lock()

    def __deepcopy__(self, memo: object) -> Desk:
        """gradio copies the empty desk for every session: each gets an owner of its own."""
        return Desk()

    @contextmanager
    def working(self, kind: str) -> Iterator[threading.Event]:
        """The event that stops this piece of work; an older piece of the same kind is stopped first.

        It is set when the block ends in whatever way, a closed tab included.
        """
        self.halt(kind)
        stop = self.work[kind] = threading.Event()
        try:
            yield stop
        finally:
            stop.set()
            if self.work.get(kind) is stop:
                del self.work[kind]

    def halt(self, *kinds: str) -> None:
        """Ends the work of these kinds, or all of it; what it still gives is not for this desk any more."""
        for kind in kinds or tuple(self.work):
            if stop := self.work.pop(kind, None):
                stop.set()

    def stop(self, kind: str) -> None:
        """Asks the work of this kind to end; what it has given so far is kept."""
        if stop := self.work.get(kind):
            stop.set()

    def owns(self, kind: str, stop: threading.Event) -> bool:
        """Whether the work that `stop` belongs to is still wanted here."""
        return self.work.get(kind) is stop

    def add(self, image: Image) -> None:
        self.conversation = self.conversation.with_image(image)
        self.fresh = (*self.fresh, image.name)
        self.show(image.name)

    def leave_out(self, name: str) -> None:
        """Takes a picture away that nothing was asked about yet; the others keep their names."""
        kept = tuple(image for image in self.images if image.name != name)
        self.conversation = replace(self.conversation, study=replace(self.conversation.study, images=kept))
        self.fresh = tuple(each for each in self.fresh if each != name)
        self.keys = tuple(each for each in self.keys if whose(each) != name)
        self.unsearched.pop(name, None)
        self.frames.pop(name, None)  # its number may be given again, to a picture of fewer frames
        self._end_leases(name)
        if self.region and whose(self.region.image) == name:
            self.region = None
        self.beside = "" if self.beside == name else self.beside
        if self.shown == name:
            self.show(self.names[-1] if self.names else "")

    def clear_caution(self, name: str) -> None:
        """A person has looked at the picture and found no name in it."""
        image = replace(self.picture(name), caution="")
        self.conversation = replace(self.conversation, study=self.conversation.study.turned(image))

    def searched(self, image: Image) -> None:
        """Puts the picture as it was found by the search in the place of the one that waited for it."""
        self.unsearched.pop(image.name, None)
        if image.name not in self.names:
            return
        # Where nothing was blacked out, the browser goes on with the frames it has.
        if image.stack is not self.picture(image.name).stack:
            self._end_leases(image.name)
        self.conversation = replace(self.conversation, study=self.conversation.study.turned(image))

    def agree(self, host: str) -> None:
        """The person lets this conversation be sent to that machine."""
        agreed = (*self.conversation.agreed, host)
        self.conversation = replace(self.conversation, agreed=agreed)

    def show(self, name: str, frame: int = 0) -> None:
        """Puts a picture on show, at the frame last looked at or at this one."""
        if name != self.shown or frame:
            self.cut = ""
        self.shown = name
        self.beside = "" if self.beside == name else self.beside
        if frame:
            self.frames[name] = frame
            self.moves += 1

    def mark(self, name: str, frame: int) -> None:
        """Makes a frame a key image, or no longer one."""
        place = self.place(name, frame)
        marked = place in self.keys
        self.keys = tuple(each for each in self.keys if each != place) if marked else (*self.keys, place)

    def record(self, turn: Turn, number: int) -> None:
        """Makes this the turn of that number (from 0); whatever came after it is gone."""
        self.conversation = self.conversation.before(number).with_turn(turn)
        self.fresh, self.region = (), None
        self.reads, self.pointed = ANSWER, None
        self._turn_to(turn.answer.boxes)

    def _turn_to(self, boxes: Iterable[Box]) -> None:
        """Shows a picture that has one of these boxes, the one on show if it can be."""
        boxed = [box.image for box in boxes if whose(box.image) in self.names]
        if boxed and self.place(self.shown) not in boxed:
            place = min(boxed, key=lambda each: (whose(each) != self.shown, self.names.index(whose(each))))
            self.show(whose(place), self.frame_of(place))

    def point(self, section: str, number: int) -> None:
        """Turns the viewer to what a statement of the draft was seen in, and to its boxes."""
        if self.report is None or (place := self.report.section(section)) is None:
            return
        self.reads, self.pointed = DRAFT, (section, number)
        seen = [box.image for box in place.statements[number].boxes] or list(self.report.images)
        here = [each for each in seen if whose(each) in self.names]
        if here and self.place(self.shown) not in here:
            self.show(whose(here[0]), self.frame_of(here[0]))

    def press(self, number: object) -> None:
        """Points at the statement of the draft that the box of this number belongs to, if any."""
        if self.report is None or self.reads != DRAFT:
            return
        places = marks.numbers(self.report).items()
        self.pointed = next((place for place, numbers in places if number in numbers), self.pointed)

    def clear(self) -> None:
        """An empty desk; what was being generated ends, no frame can be fetched, the uploads are deleted."""
        self.halt()
        for lease in self.leases.values():
            lease.end()
        if self.folder:
            self.folder.cleanup()
        empty = Desk()
        with self.changing:
            self.kept.left = self.conversation, self.report
            for each in fields(self):
                if each.name not in STAYS:
                    setattr(self, each.name, getattr(empty, each.name))

    def bring_back(self, conversation: Conversation, report: Report | None, kept: Kept) -> None:
        """Puts a case as it was kept onto the empty desk, turned to what its last answer or draft shows."""
        with self.changing:
            self.conversation, self.report, self.kept = conversation, report, kept
        self.fresh = () if conversation.turns else self.names
        self.show(self.names[-1] if self.names else "")
        self.reads = ANSWER if conversation.turns or report is None else DRAFT
        self._turn_to(self.boxes)

    def now(self, kept: Kept) -> tuple[Conversation, Report | None]:
        """What is on the desk of that case, or was when it went from it."""
        with self.changing:
            here = (self.conversation, self.report)
            return here if self.kept is kept else kept.left or (Conversation(), None)

    @property
    def case(self) -> str:
        """The number of the case that what is on the desk is kept as, "" where there is none."""
        return self.kept.case

    def _end_leases(self, name: str) -> None:
        for key in [each for each in self.leases if each[0] == name]:
            self.leases.pop(key).end()

    @property
    def images(self) -> tuple[Image, ...]:
        return self.conversation.study.images

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(image.name for image in self.images)

    @property
    def next_number(self) -> int:
        """The number of the next picture; that of one left out is not given again while later ones stand."""
        return max((int(name.split()[1]) for name in self.names), default=0) + 1

    def picture(self, name: str) -> Image:
        """The picture of that name, at the frame with which it came. Raises KeyError."""
        return {image.name: image for image in self.images}[name]

    @property
    def image(self) -> Image | None:
        return self.picture(self.shown) if self.shown else None

    def frame(self, name: str) -> int:
        """The frame of a picture that was looked at last, from 1."""
        return self.frames.get(name, self.picture(name).frame)

    def frame_of(self, place: str) -> int:
        """The frame that a place means; the picture's own where it names none."""
        match = NAME.fullmatch(place)
        return int(match[2]) if match and match[2] else self.picture(whose(place)).frame

    def place(self, name: str, frame: int = 0) -> str:
        """What a question calls that frame, or the one last looked at: "image 1, slice 5"."""
        if name not in self.names:
            return ""
        image = self.picture(name)
        return replace(image, frame=frame or self.frame(name)).place

    @property
    def answer(self) -> Answer | None:
        turns = self.conversation.turns
        return turns[-1].answer if turns else None

    @property
    def about(self) -> tuple[str, ...]:
        """The pictures the next question is about unless the user says otherwise."""
        turns = self.conversation.turns
        before = turns[-1].images if turns else self.names
        # One that was not kept, or left out, is not here any more.
        return self.fresh or tuple(name for name in dict.fromkeys(map(whose, before)) if name in self.names)

    @property
    def boxes(self) -> tuple[Box, ...]:
        """The boxes of the last answer, or of the draft, in the order of their numbers."""
        if self.reads == DRAFT:
            return marks.boxes(self.report) if self.report else ()
        return self.answer.boxes if self.answer else ()

    @property
    def pressed(self) -> int:
        """The number of the box whose label stands open: the first of the statement that is shown."""
        if self.report is None or self.pointed is None:
            return 0
        return next(iter(marks.numbers(self.report).get(self.pointed, ())), 0)


def whose(place: str) -> str:
    """The name of the picture that a place lies in: "image 1" of "image 1, slice 5"."""
    return place.split(",")[0]
