"""Drafts of held-out pictures by nano, from file to every form: sections, sources, boxes, other readers."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docx
import jsonschema
import pypdf
import pytest
from fhir.resources.R4B.bundle import Bundle

from chat_app import exporters, imaging, settings
from chat_app.assistant import Assistant
from chat_app.records import Conversation, Report, Source
from chat_app.reports import decide, replaying, review

# Set, template, adapter, and what the draft has boxes of.
DRAFTS = {
    "chest film": ("cxr_lungbox", "chest-radiograph", "", {"right lung", "left lung"}),
    "brain MR": ("mri_brain", "mr-brain", "", {"tumour"}),
    "breast ultrasound": ("us_breast", "breast-ultrasound", "breast-ultrasound", {"lesion"}),
    "blood smear": ("blood_cells", "blood-smear", "", {"white blood cell"}),
}


@pytest.fixture(scope="module")
def nano() -> Iterator[Assistant]:
    yield Assistant(settings.load(environ={}))


def held_out(folder: Path) -> Path:
    """The first picture of the test split that has a box."""
    rows = map(json.loads, (folder / "records.jsonl").read_text(encoding="utf-8").splitlines())
    return folder / next(row["image"] for row in rows if row["split"] == "test" and row.get("boxes"))


@pytest.fixture(params=DRAFTS)
def drafted(
    request: pytest.FixtureRequest, nano: Assistant, shared_data: Path
) -> tuple[Report, Conversation, set[str]]:
    data, template, adapter, things = DRAFTS[request.param]
    (image,) = imaging.study([held_out(shared_data / data)]).images
    talk = Conversation().with_image(image)
    *_, report = nano.draft(talk, template, told={"history": "Found by chance."}, adapter=adapter)
    assert isinstance(report, Report)
    return report, talk, things


def test_a_draft_has_its_sections_a_source_a_line_and_boxes_on_the_picture(
    drafted: tuple[Report, Conversation, set[str]],
) -> None:
    report, talk, things = drafted
    assert [each.name for each in report.sections][-2:] == ["findings", "impression"]
    assert all(each.basis and each.source is not Source.UNSUPPORTED for each in report.statements)
    assert report.sections[0].text == "Found by chance."
    boxes = [box for each in report.statements for box in each.boxes]
    (image,) = talk.study.images
    assert {box.label for box in boxes} & things
    assert all(box.x1 <= image.columns and box.y1 <= image.rows for box in boxes)
    assert report.hashes == {"image 1": image.sha256} and report.model.sha256
    assert not [each for each in review.remarks(report, talk.study.images) if each.check == "unsupported"]


def test_every_form_of_a_draft_opens_elsewhere(drafted: tuple[Report, Conversation, set[str]]) -> None:
    report, talk, _ = drafted
    finding = next(each for each in report.statements if each.source is Source.SEEN)
    made = {
        ending: form.export(report, talk.study.images)
        for ending, form in exporters.known().items()
        if not form.BESIDE
    }
    pages = " ".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(made[".pdf"])).pages)
    document = docx.Document(io.BytesIO(made[".docx"]))
    head = document.sections[0].header.paragraphs
    words = " ".join(each.text for each in (*head, *document.paragraphs))
    for text in (" ".join(pages.split()), words, made[".md"].decode()):
        assert finding.text in text and "DRAFT" in text
    assert Bundle.model_validate_json(made[".fhir.json"])
    schema = (Path(exporters.__file__).parent / "report.schema.json").read_text(encoding="utf-8")
    jsonschema.validate(json.loads(made[".json"]), json.loads(schema))
    phrases: list[dict[str, Any]] = json.loads(made[".radfact.json"])
    assert all(each["boxes"] is None or each["boxes"] for each in phrases)


def test_a_draft_is_drawn_again_word_for_word_whatever_was_decided(
    drafted: tuple[Report, Conversation, set[str]], nano: Assistant
) -> None:
    report, talk, _ = drafted
    changed = decide.reject(decide.edit(report, "findings", 0, "Otherwise."), "impression", 0)
    *_, again = nano.draft(talk, report.template, told=replaying.told(changed), adapter=report.model.adapter)
    assert isinstance(again, Report)
    assert replaying.differences(changed, again) == ()
