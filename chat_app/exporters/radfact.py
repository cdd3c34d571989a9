"""A report as RadFact's grounded phrases: the kept statements of its findings, boxes in shares of a picture.

The form has no place for which picture a box lies in: it is meant for reports of one (microsoft/RadFact,
grounded_phrase_list; MAIRA-2, arXiv 2406.04449).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from chat_app.errors import InputError
from chat_app.exporters.parts.findings import decided
from chat_app.exporters.parts.originals import NONE, Originals, check
from chat_app.exporters.parts.text import line
from chat_app.records import Box, Image, Report, Study

TITLE = "RadFact"
ENDING = ".radfact.json"
BESIDE = False


def export(report: Report, pictures: Sequence[Image] = (), originals: Originals = NONE) -> bytes:
    """A list of {"text", "boxes"}; "boxes" is null, never empty, where a statement has none."""
    check(report, pictures)
    study = Study(tuple(pictures))
    phrases = [
        {
            "text": line(each.statement.text),
            "boxes": [_share(mark.box, study) for mark in each.marks] or None,
        }
        for each in decided(report)
    ]
    return (json.dumps(phrases, ensure_ascii=False, indent=2) + "\n").encode()


def _share(box: Box, study: Study) -> dict[str, Any]:
    """The corners from 0 to 1; what reaches past the picture ends at its edge."""
    try:
        image = study.named(box.image)
    except KeyError:
        raise InputError(
            "RadFact counts boxes in shares of the picture: open the pictures of this report beside it."
        ) from None
    return {
        "x_min": min(1.0, box.x0 / image.columns),
        "y_min": min(1.0, box.y0 / image.rows),
        "x_max": min(1.0, box.x1 / image.columns),
        "y_max": min(1.0, box.y1 / image.rows),
    }
