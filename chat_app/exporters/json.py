"""Answers and reports as JSON: the form of the command line's --json and of the page's download."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from chat_app.records import Answer, Box, ModelId, Report, Section, Statement, View
from chat_app.reports.draft import NOTICE

ENDING = ".json"


def export(report: Report) -> str:
    """The report as indented JSON; `notice` and `status` stand first, boxes are in original pixels."""
    form = {
        "notice": NOTICE,
        "status": report.status,
        "template": report.template,
        "title": report.title,
        "images": list(report.images),
        "sections": [_section(section) for section in report.sections],
        "warnings": list(report.warnings),
        "model": _model(report.model),
        "prompt": report.prompt,
        "seed": report.seed,
        "timings": dict(report.timings),
    }
    return json.dumps(form, ensure_ascii=False, indent=2) + "\n"


def answer(said: Answer) -> dict[str, Any]:
    """The answer as plain values; "[1]" in its text is boxes[0], and a box is [x0, y0, x1, y1]."""
    return {
        "answer": said.text,
        "asked": said.asked,
        "boxes": _boxes(said.boxes),
        "statements": [_statement(statement) for statement in said.statements],
        "sources": list(dict.fromkeys(statement.basis for statement in said.statements)),
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
        "statements": [_statement(statement) for statement in section.statements],
    }


def _statement(statement: Statement) -> dict[str, Any]:
    return {
        "text": statement.text,
        "source": statement.source.value,
        "basis": statement.basis,
        "boxes": _boxes(statement.boxes),
    }


def _boxes(boxes: Sequence[Box]) -> list[dict[str, Any]]:
    """Corners to a hundredth of a pixel, which is finer than any model's grid."""
    return [
        {"label": box.label, "image": box.image, "box": [round(corner, 2) for corner in box.corners]}
        for box in boxes
    ]


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
