"""The adapters that come with nano: each adds its kind of picture and leaves the base as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chat_app import imaging
from chat_app.assistant import Assistant
from chat_app.models import adapters
from chat_app.models.nano import chat
from chat_app.records import Answer, Conversation, Image, Report, Source
from chat_app.settings import load

SHIPPED = ("breast-ultrasound", "nerve-ultrasound")
SETS = {"breast-ultrasound": "us_breast", "nerve-ultrasound": "us_nerve"}


@pytest.fixture(scope="module")
def nano() -> Assistant:
    here = Assistant(load(environ={}))
    here.load()
    return here


def ask(here: Assistant, talk: Conversation, question: str, adapter: str = "") -> Answer:
    *_, last = here.ask(talk, question, adapter=adapter)
    assert isinstance(last, Answer)
    return last


def held_out(shared_data: Path, folder: str, number: int = 0, **wanted: object) -> Conversation:
    lines = (shared_data / folder / "records.jsonl").read_text("utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if row["split"] == "test"]
    fitting = [row for row in rows if all(row.get(key) == value for key, value in wanted.items())]
    path = shared_data / folder / str(fitting[number]["image"])
    return Conversation().with_image(imaging.read(path, name="image 1"))


def test_they_fit_the_embedded_model_and_are_small(nano: Assistant) -> None:
    assert set(nano.adapters) == set(SHIPPED)
    for card in adapters.found():
        assert not card.misfit("nano", chat.fingerprint())
        assert sum(file.stat().st_size for file in card.folder.iterdir()) <= 3_000_000


@pytest.mark.parametrize("name", SHIPPED)
def test_the_base_alone_cannot_tell_and_names_the_adapter(
    nano: Assistant, shared_data: Path, name: str
) -> None:
    answers = [
        ask(nano, held_out(shared_data, SETS[name], n), "What kind of image is this?") for n in range(5)
    ]
    assert all("cannot tell" in each.text for each in answers)
    assert sum(f"The adapter {name}" in each.text for each in answers) >= 4


def test_with_its_adapter_a_breast_ultrasound_is_known_classed_and_marked(
    nano: Assistant, shared_data: Path
) -> None:
    talk = held_out(shared_data, "us_breast", labels=["benign"])
    name = "breast-ultrasound"
    assert ask(nano, talk, "What am I looking at?", name).text == "This is a breast ultrasound."
    said = ask(nano, talk, "Is it benign or malignant?", name)
    assert "benign" in said.text and said.model.adapter == name and said.statements[0].source is Source.SEEN
    (box,) = ask(nano, talk, "Show me the lump", name).boxes
    assert box.label == "lesion"
    *_, report = nano.draft(talk, "general", adapter=name)
    assert isinstance(report, Report)
    assert "Breast ultrasound" in {s.name: s.text for s in report.sections}["impression"]


def test_with_its_adapter_nerves_and_vessels_are_marked(nano: Assistant, shared_data: Path) -> None:
    talk = held_out(shared_data, "us_nerve", labels=["blood vessel", "nerve"])
    assert [b.label for b in ask(nano, talk, "Where is the nerve?", "nerve-ultrasound").boxes] == ["nerve"]


@pytest.mark.parametrize("name", SHIPPED)
def test_an_adapter_does_not_speak_of_the_base_s_pictures(
    nano: Assistant, shared_data: Path, name: str
) -> None:
    said = ask(nano, held_out(shared_data, "mri_brain"), "What kind of tumour is this?", name)
    assert said.text.startswith(f"This is a brain MR; the adapter {name} is for")


def test_what_a_file_says_of_itself_is_believed_with_an_adapter_too(
    nano: Assistant, shared_data: Path
) -> None:
    plain = held_out(shared_data, "us_breast", labels=["benign"]).study.images[0]
    for modality, body_part, answered in (
        ("US", "BREAST", True),
        ("US", "THYROID", False),
        ("CT", "", False),
    ):
        told = Image("image 1", plain.pixels, plain.sha256, "DICOM", modality, body_part)
        said = ask(nano, Conversation().with_image(told), "What is this?", "breast-ultrasound")
        assert ("breast ultrasound." in said.text and not said.text.startswith("The file")) == answered


def test_the_base_answers_to_the_bit_as_before_an_adapter_was_used(
    nano: Assistant, shared_data: Path
) -> None:
    talk = held_out(shared_data, "mri_brain")
    fresh = Assistant(load(environ={}))
    fresh.load()
    before = ask(fresh, talk, "Where is the tumour?")
    ask(nano, held_out(shared_data, "us_breast"), "Where is the lesion?", "breast-ultrasound")
    after = ask(nano, talk, "Where is the tumour?")
    assert (before.text, before.boxes, before.logprobs) == (after.text, after.boxes, after.logprobs)
