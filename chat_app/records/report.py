"""A report as frozen records: what it says, what each sentence rests on, what a person decided about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from chat_app.records.models import ModelId
from chat_app.records.pictures import Box


class Source(StrEnum):
    """What a statement rests on."""

    SEEN = "seen"
    TOLD = "told"
    FILE = "file"
    RETRIEVED = "retrieved"
    PRIOR = "prior"
    TEMPLATE = "template"
    COMPUTED = "computed"
    UNSUPPORTED = "unsupported"


class Review(StrEnum):
    """What a person decided about a statement."""

    OPEN = "open"
    ACCEPTED = "accepted"
    EDITED = "edited"
    REJECTED = "rejected"
    ADDED = "added"


class Status(StrEnum):
    """Where a report stands; reports/status.py says which way it may go."""

    DRAFT = "draft"
    PRELIMINARY = "preliminary"
    FINAL = "final"
    AMENDED = "amended"
    ERROR = "entered in error"


class Presence(StrEnum):
    """What a sentence says of a finding: that it is there, that it is not, or neither for sure."""

    PRESENT = "present"
    ABSENT = "absent"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True)
class Claim:
    """One thing that one sentence says, read out of its words by rules (grounding/claims.py).

    finding: its name in the vocabulary ("pleural effusion"), "" for a sentence that names none. side:
    "left", "right", "both" or "". anatomy: where, in the vocabulary's words ("lower lobe"), or "".
    sizes_mm: every length, in the order written. change: against an earlier picture: "new", "larger",
    "smaller", "unchanged", "resolved" or "".
    """

    finding: str
    presence: Presence
    side: str = ""
    anatomy: str = ""
    sizes_mm: tuple[float, ...] = ()
    change: str = ""


@dataclass(frozen=True)
class Statement:
    """One sentence and what it rests on; `basis` says it in words ("seen in image 1").

    topic: the point of the section's checklist it answers, "" for none. review: what a person decided.
    drafted: how it read before a person changed it, "" where it reads as it came.
    """

    text: str
    source: Source
    basis: str
    boxes: tuple[Box, ...] = ()
    topic: str = ""
    review: Review = Review.OPEN
    drafted: str = ""


@dataclass(frozen=True)
class Section:
    """One part of a report. `name` is its key in the template, `code` its LOINC code.

    decided: a person decides about each of its statements before the report is signed.
    """

    name: str
    title: str
    statements: tuple[Statement, ...]
    code: str = ""
    decided: bool = False

    @property
    def kept(self) -> tuple[Statement, ...]:
        """The statements that nobody rejected."""
        return tuple(each for each in self.statements if each.review is not Review.REJECTED)

    @property
    def text(self) -> str:
        return "\n".join(statement.text for statement in self.kept)


@dataclass(frozen=True)
class Remark:
    """What a check found (grounding/checks): `words` for the person, beside the sentence it is about.

    check: the name of the check. section, statement: where, the statement counted from 0; -1 for the section
    as a whole, and "" for the report as a whole. critical: a possible critical finding, which has to be
    answered before the report is final.
    """

    check: str
    words: str
    section: str = ""
    statement: int = -1
    critical: bool = False

    @property
    def key(self) -> str:
        """The same remark again, after an edit elsewhere, has the same key."""
        return f"{self.check}: {self.words}"


@dataclass(frozen=True)
class Category:
    """An assessment category, worked out by rules from fields (reports/categories), never by a model.

    value: "4A", or "" when it is not assignable. inputs: the fields it was worked out from. missing: what
    it lacks, in words. advice: what the system says to do next, in our words. source: the document. because:
    why it cannot be assigned although nothing is missing, as where the system is not for such a patient.
    """

    system: str
    version: str
    value: str
    inputs: Mapping[str, str]
    missing: tuple[str, ...] = ()
    advice: str = ""
    source: str = ""
    because: str = ""

    @property
    def words(self) -> str:
        why = self.because or f"missing {', '.join(self.missing)}"
        return f"{self.system} {self.version}: {self.value or f'not assignable: {why}'}"


@dataclass(frozen=True)
class Signature:
    """Who made a report what it is, and when (ISO 8601, UTC); sha256: of all that was signed."""

    name: str
    at: str
    status: Status
    sha256: str


@dataclass(frozen=True, eq=False)
class Report:
    """A draft, section by section. Only a clinician makes it anything else.

    hashes: SHA-256 of each picture by its name. fields: what a person filled in for the categories.
    answered: what a person wrote about critical remarks, by the remark's key. version: grows with each
    change. application: the version of Lightbox.
    """

    template: str
    title: str
    sections: tuple[Section, ...]
    model: ModelId
    prompt: str
    seed: int
    images: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    status: Status = Status.DRAFT
    hashes: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    categories: tuple[Category, ...] = ()
    answered: Mapping[str, str] = field(default_factory=dict)
    signatures: tuple[Signature, ...] = ()
    version: int = 1
    application: str = ""

    def section(self, name: str) -> Section | None:
        return next((each for each in self.sections if each.name == name), None)

    @property
    def statements(self) -> tuple[Statement, ...]:
        """Every statement that nobody rejected."""
        return tuple(statement for section in self.sections for statement in section.kept)

    @property
    def unsupported(self) -> tuple[Statement, ...]:
        """Statements that rest on nothing; a report that has any is never done."""
        return tuple(each for each in self.statements if each.source is Source.UNSUPPORTED)

    @property
    def open(self) -> tuple[Statement, ...]:
        """Statements that a person has still to decide about."""
        decided = (each for section in self.sections if section.decided for each in section.statements)
        return tuple(each for each in decided if each.review is Review.OPEN)
