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
from chat_app.templates import SectionTemplate, Template

# "Other" and "secondary capture" say how a file came about, not what it shows (PS3.3 C.7.3.1.1.1).
SILENT = ("OT", "SC")

NOTICE = "DRAFT — not for clinical use"

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
    return _section(section, (*known, *given) or fixed(NOT_PROVIDED))


def ask(template: Template, section: SectionTemplate, done: Sequence[Section]) -> str:
    """What a general model is asked for a section, beside all that is known from the sections before it."""
    known = [f"- {each.title}: {' '.join(each.text.split())}" for each in done]
    points = [f"- {each.name}: {each.look}" for each in section.points]
    return prompts.render(
        "section",
        title=template.title,
        section=section.title,
        known="\n".join(known) or "- Nothing.",
        checklist="\n".join(points) or "- The whole picture.",
        question=section.question,
    )


def from_model(section: SectionTemplate, text: str, boxes: Sequence[Box], images: Sequence[str]) -> Section:
    """A section out of a model's parsed text: one finding a line, with its boxes instead of their numbers."""
    lines = (BULLET.sub("", line) for line in _headless(text, section.title).splitlines())
    statements = [_unnumbered(each) for each in said("\n".join(lines), boxes, images)]
    kept = tuple(each for each in statements if each.text.strip(" .:-"))
    return _section(section, kept or fixed("The model wrote nothing for this section."))


def from_program(section: SectionTemplate, text: str) -> Section:
    """A section in which the program itself speaks: a refusal, or what stopped it."""
    return _section(section, fixed(text))


def mismatch(template: Template, images: Sequence[Image]) -> str:
    """A sentence naming the pictures whose own files contradict what the template is for, else ""."""
    wrong = [image for image in images if not _fits(template, image)]
    if not wrong:
        return ""
    named = listed([f"{image.name} ({describe(image) or image.modality})" for image in wrong])
    be = "is" if len(wrong) == 1 else "are"
    return f"By what the files state, {named} {be} outside what the report {template.title!r} is for."


def _section(section: SectionTemplate, statements: tuple[Statement, ...]) -> Section:
    return Section(section.name, section.title, statements, section.code, section.source == "model")


def _headless(text: str, title: str) -> str:
    return re.sub(rf"^\W*{re.escape(title)}s?\W*[:\n]\W*", "", text, flags=re.IGNORECASE)


def _unnumbered(statement: Statement) -> Statement:
    return replace(statement, text=NUMBERS.sub("", statement.text).strip())


def _fits(template: Template, image: Image) -> bool:
    """Whether the file contradicts nothing; one that states nothing contradicts nothing."""
    modality = "" if image.modality in SILENT else image.modality
    pairs = ((modality, template.scope.modalities), (image.body_part, template.scope.body_parts))
    return all(not stated or not allowed or stated in allowed for stated, allowed in pairs)
