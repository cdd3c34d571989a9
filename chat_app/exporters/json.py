"""Answers and reports as JSON: the form of the command line's --json, of the page's download, and of a report
that is to be opened again. report.schema.json beside this file says what a report holds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from chat_app.errors import InputError, TooLarge
from chat_app.exporters.parts.originals import NONE, Originals
from chat_app.exporters.parts.stamp import banner
from chat_app.exporters.parts.text import whole
from chat_app.grounding.claims import normal_form
from chat_app.grounding.claims import read as read_claims
from chat_app.grounding.vocabulary import known
from chat_app.records import Answer, Box, Category, Claim, Image, ModelId, Report, Section, Statement, View

TITLE = "JSON"
ENDING = ".json"
BESIDE = False

FORM = "lightbox report 1"
MOST_CHARACTERS = 10_000_000  # a thousand times a long report
FOREIGN = "This is not a report that Lightbox wrote as JSON: choose one that it did."
DAMAGED = "This report cannot be opened, for {where} is not as it must be: export it again."


def export(report: Report, pictures: Sequence[Image] = (), originals: Originals = NONE) -> bytes:
    """The report as indented JSON with all that `read` needs; boxes are in original pixels, not rounded."""
    form = {
        "form": FORM,
        "notice": banner(report),
        "status": report.status,
        "version": report.version,
        "template": report.template,
        "title": report.title,
        "images": list(report.images),
        "hashes": dict(report.hashes),
        "sections": [_section(section) for section in report.sections],
        "fields": dict(report.fields),
        "categories": [_category(category) for category in report.categories],
        "answered": dict(report.answered),
        "signatures": [vars(signature) for signature in report.signatures],
        "warnings": list(report.warnings),
        "model": _model(report.model),
        "prompt": report.prompt,
        "seed": report.seed,
        "timings": dict(report.timings),
        "application": report.application,
    }
    return (whole(json.dumps(form, ensure_ascii=False, indent=2)) + "\n").encode()


def read(text: str) -> Report:
    """The report that `export` wrote: nothing is taken over that the schema does not allow.

    Raises:
        InputError: it is no such report, or is damaged.
        TooLarge: it is longer than any report.
    """
    from chat_app.exporters.parts import form

    if len(text) > MOST_CHARACTERS:
        raise TooLarge(f"This file has more than {MOST_CHARACTERS:,} characters: it is no report.")
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError):
        raise InputError(FOREIGN) from None
    if not isinstance(plain, dict) or plain.get("form") != FORM:
        raise InputError(FOREIGN)
    try:
        return form.report(plain)
    except form.Wrong as error:
        raise InputError(DAMAGED.format(where=error)) from None


def answer(said: Answer) -> dict[str, Any]:
    """The answer as plain values; "[1]" in its text is boxes[0], and a box is [x0, y0, x1, y1]."""
    return {
        "answer": said.text,
        "asked": said.asked,
        "boxes": _rounded(said.boxes),
        "statements": [_said(statement) for statement in said.statements],
        "sources": list(dict.fromkeys(statement.basis for statement in said.statements)),
        "corpora": list(said.corpora),
        "passages": [vars(each) for each in said.passages],
        "citations": [vars(each) for each in said.citations],
        "without": said.without,
        "warnings": list(said.warnings),
        "model": _model(said.model),
        "prompt": said.prompt,
        "seed": said.seed,
        "timings": dict(said.timings),
        "views": [_view(view) for view in said.views],
        "stopped": said.stopped,
    }


def _section(section: Section) -> dict[str, Any]:
    return {
        "name": section.name,
        "title": section.title,
        "code": {"system": "http://loinc.org", "value": section.code} if section.code else None,
        "decided": section.decided,
        "statements": [_statement(statement, section) for statement in section.statements],
    }


def _statement(statement: Statement, section: Section) -> dict[str, Any]:
    claims = read_claims(statement.text) if section.decided else ()
    return {
        "text": statement.text,
        "source": statement.source.value,
        "basis": statement.basis,
        "boxes": [_box(box, box.corners) for box in statement.boxes],
        "topic": statement.topic,
        "review": statement.review.value,
        "drafted": statement.drafted,
        "claims": [_claim(claim) for claim in claims],
    }


def _claim(claim: Claim) -> dict[str, Any]:
    """What the rules read out of the words; it is read again, not taken over, when the report is opened."""
    named = known().findings.get(claim.finding)
    return {
        "normal": normal_form(claim),
        "finding": claim.finding,
        "presence": claim.presence.value,
        "side": claim.side,
        "anatomy": claim.anatomy,
        "sizes_mm": [float(size) for size in claim.sizes_mm],
        "change": claim.change,
        "snomed": named.snomed if named else "",
    }


def _said(statement: Statement) -> dict[str, Any]:
    """A statement of an answer, about which nobody decides."""
    return {
        "text": statement.text,
        "source": statement.source.value,
        "basis": statement.basis,
        "boxes": _rounded(statement.boxes),
    }


def _rounded(boxes: Sequence[Box]) -> list[dict[str, Any]]:
    """Corners to a hundredth of a pixel, which is finer than any model's grid."""
    return [_box(box, [round(corner, 2) for corner in box.corners]) for box in boxes]


def _box(box: Box, corners: Sequence[float]) -> dict[str, Any]:
    return {"label": box.label, "image": box.image, "box": [float(corner) for corner in corners]}


def _category(category: Category) -> dict[str, Any]:
    return {
        "system": category.system,
        "version": category.version,
        "value": category.value,
        "inputs": dict(category.inputs),
        "missing": list(category.missing),
        "advice": category.advice,
        "source": category.source,
        "because": category.because,
    }


def _view(view: View) -> dict[str, Any]:
    """What the model was shown, so that it can be made again: the hash is of the view's own pixels."""
    return {
        "image": view.image,
        "frame": view.frame,
        "frames": view.frames,
        "plane": view.plane,
        "original": [view.columns, view.rows],
        "size": view.pixels.shape[0],
        "placed": [view.left, view.top, view.width, view.height],
        "windows": [[each.center, each.width, each.name] for each in view.windows],
        "sha256": hashlib.sha256(view.pixels.tobytes()).hexdigest(),
        "description": view.description,
    }


def _model(model: ModelId) -> dict[str, str]:
    return {
        "name": model.name,
        "sha256": model.sha256,
        "label": model.label,
        "adapter": model.adapter,
        "dtype": model.dtype,
    }
