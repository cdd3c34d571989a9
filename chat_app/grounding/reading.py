"""A report as the checks see it: each sentence that nobody rejected, where it stands and what it claims."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from chat_app.grounding.claims import read
from chat_app.grounding.vocabulary import Finding, known
from chat_app.records import Claim, Image, Presence, Remark, Report, Section, Source, Statement

IMPRESSION = "impression"
# DICOM's codes for what says how a file came about, not what it shows (PS3.3 C.7.3.1.1.1).
SILENT = ("", "OT", "SC")


@dataclass(frozen=True)
class Circumstances:
    """What is known around a report.

    has_prior: an earlier picture of the same patient is loaded. required: names of the sections that the
    template demands. modalities, body_parts: DICOM codes of what it is for; none for anything.
    """

    pictures: tuple[Image, ...] = ()
    has_prior: bool = False
    required: tuple[str, ...] = ()
    modalities: tuple[str, ...] = ()
    body_parts: tuple[str, ...] = ()

    @property
    def shown_modalities(self) -> frozenset[str]:
        """What the files state, else what the template is for."""
        stated = {each.modality for each in self.pictures} - set(SILENT)
        return frozenset(stated or self.modalities)

    @property
    def shown_parts(self) -> frozenset[str]:
        """What the files state, else what the template is for."""
        stated = {each.body_part for each in self.pictures if each.body_part}
        return frozenset(stated or self.body_parts)

    def behind(self, statement: Statement) -> tuple[Image, ...]:
        """The pictures that a sentence is about: those of its boxes, else all."""
        named = {box.image.split(",")[0] for box in statement.boxes if box.image}
        return tuple(each for each in self.pictures if each.name in named) or self.pictures

    def fact(self, *keywords: str) -> str:
        """What the files state under any of these, where all that state it agree; else ""."""
        values = {each.facts[key] for each in self.pictures for key in keywords if key in each.facts}
        return values.pop() if len(values) == 1 else ""


@dataclass(frozen=True)
class Said:
    """One sentence of a section that a person decides about. number: its place there, from 0."""

    section: Section
    number: int
    statement: Statement
    claims: tuple[Claim, ...]

    @property
    def is_impression(self) -> bool:
        return self.section.name == IMPRESSION

    def remark(self, check: str, words: str, *, critical: bool = False) -> Remark:
        return Remark(check, words, self.section.name, self.number, critical)


@dataclass(frozen=True)
class Stated:
    """One claim, with the sentence that makes it."""

    said: Said
    claim: Claim

    @property
    def is_there(self) -> bool:
        """Claimed to be there, surely or not."""
        return self.claim.presence is not Presence.ABSENT

    @property
    def finding(self) -> Finding:
        return known().findings[self.claim.finding]


@dataclass(frozen=True)
class Reading:
    """A report and every sentence of it that counts."""

    report: Report
    said: tuple[Said, ...]

    @property
    def stated(self) -> tuple[Stated, ...]:
        return tuple(Stated(said, claim) for said in self.said for claim in said.claims)


def reading(report: Report) -> Reading:
    """The sentences of all sections that a person decides about, without those that were rejected."""
    return Reading(report, tuple(_said(report.sections)))


def has_prior(pictures: Iterable[Image]) -> bool:
    """Whether two of them are of one patient and of different days; pictures that do not say are of none."""
    days: dict[str, set[int]] = {}
    for image in pictures:
        if image.origin.patient and image.origin.day is not None:
            days.setdefault(image.origin.patient, set()).add(image.origin.day)
    return any(len(each) > 1 for each in days.values())


def _said(sections: Iterable[Section]) -> Iterator[Said]:
    for section in sections:
        for number, statement in enumerate(section.statements):
            if section.decided and statement in section.kept and statement.source is not Source.TEMPLATE:
                yield Said(section, number, statement, read(statement.text))
