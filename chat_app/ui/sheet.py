"""The draft in the page: what its browser half shows of a report, and where in the report it points.

The browser gets data only, which it sets as text; what it says is checked against the desk's own report.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import gradio as gr

from chat_app.errors import InputError
from chat_app.records import Remark, Report, Review, Section, Source, Statement
from chat_app.reports import decide, marks, review, status
from chat_app.reports.draft import NOTICE
from chat_app.templates import FLAGS, Field
from chat_app.ui.components import changed
from chat_app.ui.desk import Desk

PAPER = resources.files("chat_app.ui") / "paper"

# A `gr.HTML` whose value is data, as the viewer is.
Sheet = changed(
    gr.HTML,
    "Sheet",
    preprocess=lambda _, value: value,
    postprocess=lambda _, value: value,
    api_info=lambda _: {"type": "object"},
)


def component() -> Any:
    """The empty sheet."""
    return Sheet(
        html_template=_part("html"),
        css_template=_part("css"),
        js_on_load=_part("js"),
        apply_default_css=False,
        elem_id="sheet",
    )


def _part(ending: str) -> str:
    return (PAPER / f"sheet.{ending}").read_text(encoding="utf-8")


def value(
    desk: Desk,
    report: Report | None,
    standing: str,
    remarks: Sequence[Remark] = (),
    *,
    is_coming: bool = False,
) -> dict[str, Any]:
    """What the browser half shows: see Sheet in paper/sheet.js.

    standing: the line above it. is_coming: the report is still being drafted, and there is nothing to decide.
    """
    # First of all: what is read from the desk after this moment is at least as new as it says.
    made = time.monotonic_ns() // 1000
    pointed = "{} {}".format(*desk.pointed) if desk.pointed else ""
    proposals = [{"number": number, "words": each.words} for number, each in enumerate(desk.proposals)]
    shown = {"standing": standing, "made": made, "pointed": pointed, "proposals": proposals}
    if report is None:
        empty = ("alarms", "sections", "fields", "categories", "ways", "hindrances", "signatures")
        return {**shown, **dict.fromkeys(empty, ()), "isOpen": False, "isSigned": False}
    may_change = is_open(report) and not is_coming
    return {
        **shown,
        "alarms": [
            {"key": each.key, "words": each.words, "answer": report.answered.get(each.key, "")}
            for each in remarks
            if each.critical
        ],
        "sections": [_section(desk, each, remarks, marks.numbers(report)) for each in report.sections],
        "fields": [_field(field, text) for field, text in review.fields(report)],
        "categories": [each.words for each in report.categories],
        "isOpen": may_change,
        "ways": [] if is_coming else list(status.ways(report)),
        "isSigned": report.status in status.BINDING,
        "hindrances": list(status.hindrances(report, remarks)) if may_change else [],
        "signatures": [f"Signed as {each.status} by {each.name}, {each.at}" for each in report.signatures],
    }


def is_open(report: Report) -> bool:
    """Whether it may be changed as it stands."""
    return status.ways(report) != () and report.status not in status.BINDING


def standing(report: Report) -> str:
    """The line above a draft: its status, what it was made from, and what is wrong with it."""
    pictures = ", ".join(report.images) or "no picture"
    notice = "" if report.status in status.BINDING else f" {NOTICE}."
    warnings = "".join(f" ⚠ {warning}" for warning in report.warnings)
    return f"Status: {report.status}, from {pictures}.{notice}{warnings}"


def place(report: Report | None, said: Mapping[str, Any]) -> tuple[str, int]:
    """The section and the number of the statement the browser speaks of.

    Raises:
        InputError: there is no draft, or it has no such statement.
    """
    name, number = said.get("section"), said.get("statement")
    section = report.section(str(name)) if report else None
    if section is None or not isinstance(number, int) or not 0 <= number < len(section.statements):
        raise InputError("That statement is not in this draft: choose one of those on the page.")
    return section.name, number


DECISIONS = {"accept": decide.accept, "reject": decide.reject, "reopen": decide.reopen}


def decided(report: Report, said: Mapping[str, Any]) -> Report:
    """The report after the decision the browser tells. Raises as `place` and the decision do."""
    section, number = place(report, said)
    decision = DECISIONS.get(str(said.get("decision")))
    if decision is None:
        raise InputError("A statement is accepted, edited or rejected: choose one of these.")
    return decision(report, section, number)


def _section(
    desk: Desk, section: Section, remarks: Sequence[Remark], numbers: Mapping[marks.Place, tuple[int, ...]]
) -> dict[str, Any]:
    here = [each for each in remarks if each.section == section.name]
    return {
        "name": section.name,
        "title": section.title,
        "code": section.code,
        "decided": section.decided,
        "remarks": [each.words for each in here if each.statement < 0],
        "statements": [
            {
                **_line(statement),
                "boxes": numbers[section.name, number],
                "isPlaced": statement.source is Source.SEEN and bool(desk.names),
                "remarks": [each.words for each in here if each.statement == number],
            }
            for number, statement in enumerate(section.statements)
        ],
    }


def _field(field: Field, text: str) -> dict[str, Any]:
    choices = FLAGS if field.type == "flag" else field.choices
    return {"name": field.name, "label": field.label, "unit": field.unit, "choices": choices, "value": text}


def _line(statement: Statement) -> dict[str, Any]:
    is_edited = statement.drafted and statement.review is Review.EDITED
    return {
        "text": statement.text,
        "pieces": decide.difference(statement.drafted, statement.text) if is_edited else (),
        "topic": statement.topic,
        "source": statement.source.value,
        "basis": statement.basis,
        "review": statement.review.value,
    }
