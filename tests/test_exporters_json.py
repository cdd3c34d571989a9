"""A report as JSON is opened again as it was; what is damaged or foreign is refused in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from drafts import HOSTILE, hostile, report
from hypothesis import given, settings
from hypothesis import strategies as st

from chat_app import exporters
from chat_app.errors import InputError, TooLarge
from chat_app.exporters import json as form
from chat_app.exporters.parts import form as models
from chat_app.exporters.parts import text as texts
from chat_app.records import Box, Report, Status

SCHEMA = json.loads((Path(exporters.__file__).parent / "report.schema.json").read_text(encoding="utf-8"))
REPORTS = {status.value: report(status) for status in Status} | {
    name: hostile(text) for name, text in HOSTILE.items()
}
# Half a character and what is none cannot be in a file of UTF-8: a mark stands there instead.
EXACT = [name for name in REPORTS if name not in ("control", "lone surrogate")]

Change = Callable[[dict[str, Any]], object]


def plain(made: Report) -> dict[str, Any]:
    return json.loads(form.export(made))


def changed(change: Change) -> str:
    """A report's JSON with one thing altered."""
    made = plain(report(Status.FINAL))
    change(made)
    return json.dumps(made)


def finding(made: dict[str, Any]) -> dict[str, Any]:
    return made["sections"][2]["statements"][0]


DAMAGE: dict[str, Change] = {
    "a key is missing": lambda made: made.pop("seed"),
    "a key is unknown": lambda made: made.update(extra=1),
    "a section's key is unknown": lambda made: made["sections"][0].update(html="<b>"),
    "the status is none": lambda made: made.update(status="signed"),
    "the seed is a text": lambda made: made.update(seed="7"),
    "the version is nought": lambda made: made.update(version=0),
    "a section is a text": lambda made: made["sections"].append("findings"),
    "a source is none": lambda made: finding(made).update(source="dreamt"),
    "a decision is none": lambda made: finding(made).update(review="approved"),
    "a text is a list": lambda made: finding(made).update(text=["a"]),
    "a box has three corners": lambda made: finding(made)["boxes"][0]["box"].pop(),
    "a box is upside down": lambda made: finding(made)["boxes"][0].update(box=[9, 9, 1, 1]),
    "a box lies outside": lambda made: finding(made)["boxes"][0].update(box=[-1, 0, 1, 1]),
    "a corner is not a number": lambda made: finding(made)["boxes"][0].update(box=[float("nan"), 0, 1, 1]),
    "a hash is none": lambda made: made["hashes"].update({"image 1": "../../etc"}),
    "a signature has no name": lambda made: made["signatures"][0].pop("name"),
}


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_follows_the_published_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(plain(REPORTS[name]), SCHEMA, jsonschema.Draft202012Validator)


def test_the_published_schema_is_the_one_that_is_checked() -> None:
    assert json.loads(models.schema()) == SCHEMA
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("name", EXACT)
def test_a_report_comes_back_as_it_was(name: str) -> None:
    before = REPORTS[name]
    after = form.read(form.export(before).decode())
    assert asdict(after) == asdict(before)
    assert form.export(after) == form.export(before)


@pytest.mark.parametrize("name", ["control", "lone surrogate"])
def test_what_no_file_can_hold_comes_back_marked(name: str) -> None:
    before = REPORTS[name]
    after = form.read(form.export(before).decode())
    assert after.title == texts.whole(before.title)
    assert form.export(after) == form.export(before)


@given(st.text(st.characters(codec="utf-8")), st.floats(0, 1e6), st.floats(1e-6, 1e6))
@settings(max_examples=8, deadline=None)
def test_any_words_and_any_box_come_back(words: str, start: float, size: float) -> None:
    made = report()
    box = Box(start, start, start + size + 1e-3, start + size + 1e-3, texts.whole(words), "image 1")
    said = replace(made.sections[2].statements[0], text=texts.whole(words), boxes=(box,))
    before = replace(made, sections=(replace(made.sections[2], statements=(said,)),))
    assert asdict(form.read(form.export(before).decode())) == asdict(before)


@pytest.mark.parametrize("change", DAMAGE.values(), ids=list(DAMAGE))
def test_what_is_not_as_it_must_be_is_refused_in_one_sentence(change: Change) -> None:
    with pytest.raises(InputError) as caught:
        form.read(changed(change))
    said = str(caught.value)
    assert said.startswith("This report cannot be opened, for ") and said.endswith("export it again.")
    assert said.count(".") == 1 and len(said) < 150


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "7", '"report"', "<html>", "{}", '{"form": "other"}', "[" * 100_000, "9" * 5000],
    ids=lambda text: text[:12] or "empty",
)
def test_a_foreign_file_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="not a report that Lightbox wrote"):
        form.read(text)


def test_a_file_longer_than_any_report_is_refused_unread() -> None:
    with pytest.raises(TooLarge, match="10,000,000 characters"):
        form.read(" " * (form.MOST_CHARACTERS + 1))


def test_a_refusal_repeats_nothing_that_the_file_brings() -> None:
    with pytest.raises(InputError) as caught:
        form.read(changed(lambda made: made.update({"Doe^Jane": "12345"})))
    assert "Doe" not in str(caught.value) and "12345" not in str(caught.value)


def test_the_json_keeps_what_was_rejected_edited_and_answered() -> None:
    made = plain(report(Status.FINAL))
    findings = made["sections"][2]["statements"]
    assert [each["review"] for each in findings] == ["accepted", "edited", "rejected", "open"]
    assert findings[1]["drafted"] == "Heart of normal size."
    assert findings[0]["topic"] == "lungs"
    assert made["answered"] and made["fields"] and made["categories"][0]["value"] == "4A"
    assert made["signatures"][0]["name"] == "Ada Ward"
    assert (made["notice"], made["version"]) == ("FINAL — not for clinical use", 3)
