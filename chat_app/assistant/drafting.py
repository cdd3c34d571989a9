"""One draft on its way: what no model writes is filled in, the rest asked about the pictures, point by point.

A model that was taught its questions is asked for a section as it was taught; any other about one point of
the anatomy at a time, so that what is fixed wording need not be generated.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from chat_app.assistant.speaker import Speaker, Spoken
from chat_app.grounding.statements import fixed
from chat_app.records import Conversation, Image, Section, Statement
from chat_app.reports import draft
from chat_app.templates import Point, SectionTemplate, Template


@dataclass
class Drafting:
    """What one draft needs; `done` and `warnings` grow while `sections` is read.

    groups: the names of the pictures that the model is shown at once, one group after another.
    """

    speaker: Speaker
    form: Template
    conversation: Conversation
    groups: Sequence[tuple[str, ...]]
    pictures: Sequence[Image]
    told: Mapping[str, str]
    adapter: str
    stop: threading.Event | None = None
    done: list[Section] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def is_stopped(self) -> bool:
        return self.stop is not None and self.stop.is_set()

    def sections(self) -> Iterator[Section]:
        """Each section, again and again while it grows."""
        for each in self.form.sections:
            if self.is_stopped:
                break
            section = draft.section_of(each, ())
            for section in self._written(each):
                yield section
            self.done.append(section)
        if self.is_stopped:
            self.warnings.append("The draft was stopped before its end.")

    def _written(self, section: SectionTemplate) -> Iterator[Section]:
        if section.source != "model":
            yield draft.fill(section, self.told, self.pictures)
        elif section.is_anatomy and not self.speaker.card.taught:
            yield from self._by_points(section)
        else:
            yield self._whole(section)

    def _whole(self, section: SectionTemplate) -> Section:
        """A section asked for at once."""
        is_taught = self.speaker.card.taught
        question = section.question if is_taught else draft.ask(self.form, section, self.done)
        kept: list[Statement] = []
        for spoken in self._spoken(question):
            kept += self._placed(draft.from_model(section, spoken.text, spoken.boxes, spoken.images), spoken)
        return draft.without_copies(draft.section_of(section, kept), self.done)

    def _by_points(self, section: SectionTemplate) -> Iterator[Section]:
        """A section that grows by one point of the anatomy after the other."""
        kept: list[Statement] = []
        for point in section.points:
            if self.is_stopped:
                break
            question = draft.ask_point(self.form, section, point, self.done)
            for spoken in self._spoken(question):
                kept += self._placed(self._point(section, point, spoken), spoken)
            yield draft.section_of(section, kept)

    def _point(self, section: SectionTemplate, point: Point, spoken: Spoken) -> Section:
        return draft.from_point(section, point, spoken.text, spoken.boxes, spoken.images)

    def _spoken(self, question: str) -> Iterator[Spoken]:
        """What the model says of each group of pictures."""
        for group in self.groups:
            spoken = Spoken(group, self.adapter)
            for _ in self.speaker.speak(self.conversation, question, spoken, 0, self.stop):
                pass
            self.warnings += [each for each in spoken.warnings if each not in self.warnings]
            yield spoken
            if spoken.stopped:
                break

    def _placed(self, section: Section, spoken: Spoken) -> Sequence[Statement]:
        """Its statements: the program's own where it spoke itself; those of an earlier picture marked."""
        if spoken.fixed:
            return fixed(spoken.text)
        return draft.of_priors(section.statements, self.pictures)
