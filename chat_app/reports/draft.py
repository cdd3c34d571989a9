"""The pieces of a draft: who fills which section, what the model is asked, and what a clinician edits.

It asks no model itself; the assistant does, and hands the answer to `from_model`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from chat_app import prompts
from chat_app.errors import InputError
from chat_app.grounding.statements import fixed, listed, said, told
from chat_app.records import Box, Image, Section, Source, Statement
from chat_app.reports.technique import NOT_PROVIDED, describe, technique
from chat_app.templates import Point, SectionTemplate, Template

COMPARISON = "18834-2"  # LOINC: previous findings

# "Other" and "secondary capture" say how a file came about, not what it shows (PS3.3 C.7.3.1.1.1).
SILENT = ("OT", "SC")

NOTICE = "DRAFT — not for clinical use"

# What a model answers about a point with nothing wrong, or that is not to be seen; see prompts/point.md.
NORMAL, UNSEEN = "NORMAL", ("NOT ASSESSED", "CANNOT BE ASSESSED")
ONLY_COPIES = "What the model wrote here only repeated the findings."

# A bullet or number before a finding, a heading the model repeats, and box numbers: the boxes stay attached.
BULLET = re.compile(r"^\s*(?:[-*•]\s+|\d{1,2}[.)]\s+)")
NUMBERS = re.compile(r"\s*\[\d+\]")


def check(template: Template, facts: Mapping[str, str]) -> None:
    """Refuses what the user told about a section that is not theirs to fill.

    Raises:
        InputError: a key of `facts` names no such section.
    """
    open_ = [section.name for section in template.sections if section.source != "model"]
    for name in facts:
        if name not in open_:
            raise InputError(f"This report takes no {name!r} from you; it takes {', '.join(open_)}.")


def fill(section: SectionTemplate, facts: Mapping[str, str], images: Sequence[Image]) -> Section:
    """A section no model writes: from the pictures' files, then the user's words, else "Not provided."."""
    given = told(facts.get(section.name, ""))
    stated = (technique(images),) if section.source == "file" else ()
    known = tuple(statement for statement in stated if statement.source is Source.FILE)
    if section.code == COMPARISON:
        known = tuple(_loaded(place, days) for place, days in _earlier(images).items())
    return section_of(section, (*known, *given) or fixed(NOT_PROVIDED))


def ask(template: Template, section: SectionTemplate, done: Sequence[Section]) -> str:
    """What a general model is asked for a section, beside all that is known from the sections before it."""
    points = [f"- {each.name}: {each.look}" for each in section.points]
    return prompts.render(
        "section",
        title=template.title,
        section=section.title,
        known=_known(done),
        checklist="\n".join(points) or "- The whole picture.",
        question=section.question,
    )


def from_model(section: SectionTemplate, text: str, boxes: Sequence[Box], images: Sequence[str]) -> Section:
    """A section out of a model's parsed text: one finding a line, with its boxes instead of their numbers."""
    lines = (BULLET.sub("", line) for line in _headless(text, section.title).splitlines())
    statements = [_unnumbered(each) for each in said("\n".join(lines), boxes, images)]
    kept = tuple(each for each in statements if each.text.strip(" .:-"))
    return section_of(section, kept or fixed("The model wrote nothing for this section."))


def ask_point(template: Template, section: SectionTemplate, point: Point, done: Sequence[Section]) -> str:
    """What a general model is asked about one point; all points of a section are told the same is known."""
    return prompts.render(
        "point",
        title=template.title,
        section=section.title,
        known=_known(done),
        point=point.name,
        look=point.look,
        question=point.question,
    )


def from_point(
    section: SectionTemplate, point: Point, text: str, boxes: Sequence[Box], images: Sequence[str]
) -> Section:
    """What a model said about one point: findings, the template's own phrase, or that it was not assessed."""
    word = text.strip(" .*:\n").upper()
    if word == NORMAL:
        phrase = point.normal or f"{point.name}: nothing abnormal."
        basis = f"template's phrase, as the model calls {listed(images)} normal there"
        return section_of(section, (Statement(phrase, Source.TEMPLATE, basis, topic=point.name),))
    if word in UNSEEN or not word:
        return section_of(section, (replace(fixed("Not assessed.")[0], topic=point.name),))
    written = from_model(section, text, boxes, images)
    return replace(written, statements=tuple(replace(each, topic=point.name) for each in written.statements))


def without_copies(section: Section, done: Sequence[Section]) -> Section:
    """The section without what the sections before it say word for word; an impression repeats nothing."""
    said_before = {_bare(each.text) for one in done if one.decided for each in one.statements}
    kept = tuple(each for each in section.statements if _bare(each.text) not in said_before)
    return replace(section, statements=kept or fixed(ONLY_COPIES) if section.statements else ())


def of_priors(statements: Sequence[Statement], pictures: Sequence[Image]) -> tuple[Statement, ...]:
    """The statements, those that were seen in earlier pictures alone marked as such."""
    earlier = _earlier(pictures)
    return tuple(_of_prior(each, earlier) for each in statements)


def _earlier(pictures: Sequence[Image]) -> dict[str, int]:
    """The pictures made before the newest, by how many days; those that do not say when are left out."""
    days = {image.place: image.origin.day for image in pictures if image.origin.day is not None}
    newest = max(days.values(), default=0)
    return {place: newest - day for place, day in days.items() if day < newest}


def _loaded(place: str, days: int) -> Statement:
    text = f"An earlier picture is loaded: {place}, {in_days(days)} earlier."
    return Statement(text, Source.PRIOR, f"from the dates of the files, {place} among them")


def _of_prior(statement: Statement, earlier: Mapping[str, int]) -> Statement:
    """earlier: by the name of each earlier picture, by how many days."""
    named = [place for place in earlier if statement.basis == f"seen in {place}"]
    if statement.source is not Source.SEEN or not named:
        return statement
    days = earlier[named[0]]
    return replace(statement, source=Source.PRIOR, basis=f"from a prior, {named[0]}, {in_days(days)} earlier")


def in_days(days: int) -> str:
    return "1 day" if days == 1 else f"{days} days"


def mismatch(template: Template, images: Sequence[Image]) -> str:
    """A sentence naming the pictures whose own files contradict what the template is for, else ""."""
    wrong = [image for image in images if not _fits(template, image)]
    if not wrong:
        return ""
    named = listed([f"{image.name} ({describe(image) or image.modality})" for image in wrong])
    be = "is" if len(wrong) == 1 else "are"
    return f"By what the files state, {named} {be} outside what the report {template.title!r} is for."


def _known(done: Sequence[Section]) -> str:
    return "\n".join(f"- {each.title}: {' '.join(each.text.split())}" for each in done) or "- Nothing."


def _bare(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def section_of(section: SectionTemplate, statements: Sequence[Statement]) -> Section:
    """The section of a report that this one of a template becomes."""
    return Section(section.name, section.title, tuple(statements), section.code, section.source == "model")


def _headless(text: str, title: str) -> str:
    return re.sub(rf"^\W*{re.escape(title)}s?\W*[:\n]\W*", "", text, flags=re.IGNORECASE)


def _unnumbered(statement: Statement) -> Statement:
    return replace(statement, text=NUMBERS.sub("", statement.text).strip())


def _fits(template: Template, image: Image) -> bool:
    """Whether the file contradicts nothing; one that states nothing contradicts nothing."""
    modality = "" if image.modality in SILENT else image.modality
    pairs = ((modality, template.scope.modalities), (image.body_part, template.scope.body_parts))
    return all(not stated or not allowed or stated in allowed for stated, allowed in pairs)
