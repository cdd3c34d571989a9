"""The suites of questions and places, and how they are put: side by side, blank, shuffled."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import minds
import numpy as np
import pytest
from PIL import Image as Pillow

from chat_app import cli, evaluation
from chat_app.assistant import Assistant
from chat_app.data.records import Record
from chat_app.errors import InputError
from chat_app.evaluation import Held, ask, held, suite
from chat_app.evaluation.ask import Examiner
from chat_app.evaluation.measure import Measure, Way, value
from chat_app.evaluation.task import Row
from chat_app.models.scripted import Scripted
from chat_app.records import Answer, Box, Conversation, ModelId, Report, Section, Source, Statement
from chat_app.settings import Settings

MODEL = ModelId("told", "0" * 64)
TAUGHT = Held(taught=True)
GREYS = (60, 120, 180, 240)


class Told:
    """Answers by the grey of the picture and the question; `fixed` answers are the program's own."""

    def __init__(
        self, replies: Mapping[tuple[int, str], str], boxes: Sequence[Box] = (), fixed: bool = False
    ) -> None:
        self.replies, self.boxes, self.fixed = replies, tuple(boxes), fixed
        self.asked: list[tuple[int, str]] = []

    def ask(
        self, conversation: Conversation, question: str, *, images: Sequence[str] = ()
    ) -> Iterator[str | Answer]:
        grey = int(np.ravel(conversation.study.named(*images).pixels[5, 5])[0])
        self.asked.append((grey, question))
        text = next((t for (g, part), t in self.replies.items() if g == grey and part in question), "")
        said = (Statement(text, Source.TEMPLATE if self.fixed else Source.SEEN, ""),) if text else ()
        yield Answer(text, MODEL, "p", 0, statements=said, boxes=self.boxes if grey else ())

    def draft(
        self, conversation: Conversation, template: str, *, told: Mapping[str, str] = {}
    ) -> Iterator[Section | Report]:
        raise AssertionError("Nothing is drafted here.")


def save(folder: Path, lines: Sequence[Mapping[str, Any]]) -> Path:
    """A set whose pictures have one grey each, by the number of the line's picture."""
    folder.mkdir()
    for number, grey in enumerate(GREYS):
        pixels = np.full((20, 30), grey, np.uint8)
        pixels[number * 5 : number * 5 + 4] = 0
        pixels[5, 5] = grey
        Pillow.fromarray(pixels).save(folder / f"{number}.png")
    (folder / "records.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    return folder


def line(number: int, picture: int, split: str, **fields: Any) -> dict[str, Any]:
    return {"id": str(number), "image": f"{picture}.png", "split": split, "group": str(picture), **fields}


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    """Closed and open questions on four pictures; the official split has the first two in both parts."""

    def asked(question: str, answer: str, kind: str, official: str = "") -> dict[str, str]:
        return {"question": question, "answer": answer, "answer_type": kind, "official": official}

    normal, where = "Is it normal?", "Where is it?"
    lines = [
        line(0, 0, "train", **asked(normal, "No", "CLOSED", "train")),
        line(1, 1, "train", **asked(normal, "no", "CLOSED", "train"), organ="HEAD"),
        line(2, 0, "train", **asked(where, "left side", "OPEN", "test")),
        line(3, 2, "test", **asked(normal, "Yes", "CLOSED", "train"), organ="HEAD"),
        line(4, 3, "test", **asked(normal, "No", "CLOSED", "train"), organ="CHEST"),
        line(5, 2, "test", **asked(where, "the left upper lobe", "OPEN", "test"), organ="HEAD"),
        line(6, 3, "test", **asked(where, "Right", "OPEN", "test"), organ="CHEST"),
    ]
    return save(tmp_path / "questions", lines)


def by_metric(result: evaluation.Evaluation) -> dict[str, Measure]:
    return {f"{each.task} {each.metric}": each for each in result.measures}


RIGHT = {
    (GREYS[2], "normal"): "Yes, it is.",
    (GREYS[3], "normal"): "There is nothing.",
    (GREYS[2], "Where"): "In the left lower lobe.",
    (GREYS[3], "Where"): "Right-sided.",
}


# What a suite is


@pytest.mark.parametrize("name", suite.known())
def test_a_suite_is_named_as_its_file_and_says_how_it_scores(name: str) -> None:
    each = suite.named(name)
    assert name == each.NAME and each.PROTOCOL.endswith(".")
    assert each.__doc__ and each.__doc__.splitlines()[0].endswith(".")


def test_the_command_lists_every_suite(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["evaluate", "--help"])
    listed = capsys.readouterr().out
    for name in suite.known():
        asks = (suite.named(name).__doc__ or "").splitlines()[0].split()
        assert " ".join(asks[:3]) in " ".join(listed.split())


def test_an_unknown_suite_names_the_known_ones(questions: Path) -> None:
    with pytest.raises(InputError, match=r"grounding, nano, reports, specialty, vqa"):
        evaluation.evaluate("poetry", Told({}), questions)


@pytest.mark.parametrize("name", ["grounding", "reports"])
def test_a_suite_with_nothing_to_ask_says_so(questions: Path, name: str) -> None:
    with pytest.raises(InputError, match="nothing to ask about"):
        evaluation.evaluate(name, Told({}), questions)


# Questions and answers


def test_closed_and_open_answers_are_scored(questions: Path) -> None:
    found = by_metric(evaluation.evaluate("vqa", Told(RIGHT), questions, held=TAUGHT))
    assert {name: value(each.rows) for name, each in found.items()} == pytest.approx(
        {
            "closed accuracy": 0.5,
            "closed answered": 1.0,
            "open token F1": (2 * 2 / (4 + 3) + 1) / 2,
            "open token recall": (2 / 3 + 1) / 2,
            "open exact match": 0.5,
            "open answered": 1.0,
        }
    )


def test_beside_it_stand_what_needs_no_picture(questions: Path) -> None:
    found = by_metric(evaluation.evaluate("vqa", Told(RIGHT), questions, held=TAUGHT))
    closed, recall = found["closed accuracy"].rows, found["open token recall"].rows
    assert (value(closed, Way.MAJORITY), value(closed, Way.BLANK)) == (0.5, 0.0)
    assert value(closed, Way.SHUFFLED) == 0.0
    assert value(recall, Way.MAJORITY) == pytest.approx(1 / 6)


def test_a_model_that_was_not_taught_is_asked_to_be_brief(questions: Path) -> None:
    plain, brief = Told(RIGHT), Told(RIGHT)
    evaluation.evaluate("vqa", plain, questions, held=TAUGHT)
    evaluation.evaluate("vqa", brief, questions)
    assert (GREYS[2], "Is it normal?") in plain.asked
    assert any(question.startswith("Is it normal?\n") for _, question in brief.asked)


def test_choices_are_asked_along(tmp_path: Path) -> None:
    choices = {"A": "Mass", "B": "Cyst"}
    asked = line(0, 0, "test", question="What is it?", answer="Cyst", answer_type="CLOSED", choices=choices)
    told = Told({(GREYS[0], "What is it?\nA: Mass\nB: Cyst"): "B"})
    result = evaluation.evaluate("vqa", told, save(tmp_path / "choices", [asked]), held=TAUGHT)
    assert value(result.measures[0].rows) == 1.0


def test_a_refusal_by_the_program_is_no_answer(questions: Path) -> None:
    refused = {(grey, ""): "Yes" for grey in GREYS}
    found = by_metric(evaluation.evaluate("vqa", Told(refused, fixed=True), questions, held=TAUGHT))
    assert value(found["closed answered"].rows) == value(found["closed accuracy"].rows) == 0.0


def test_one_task_can_be_asked_alone(questions: Path) -> None:
    result = evaluation.evaluate("vqa", Told(RIGHT), questions, names=["open"])
    assert {each.task for each in result.measures} == {"open"}
    with pytest.raises(InputError, match="closed, open"):
        evaluation.evaluate("vqa", Told(RIGHT), questions, names=["half"])


def test_the_published_split_is_marked_as_sharing_its_images(questions: Path) -> None:
    result = evaluation.evaluate("vqa", Told(RIGHT), questions, "official=test", held=TAUGHT)
    form = evaluation.as_data(result)
    assert form["split"] == "official=test"
    assert form["leak"]["share"] == 1.0
    assert form["leak"]["says"].startswith("Shares its images with training")


def test_by_the_split_that_keeps_pictures_apart_nothing_leaks(questions: Path) -> None:
    form = evaluation.as_data(evaluation.evaluate("vqa", Told(RIGHT), questions, held=TAUGHT))
    assert form["leak"]["alike"] == 0
    assert set(form["measures"][0]["subgroups"]["organ"]) == {"HEAD", "CHEST"}


def test_what_was_trained_on_elsewhere_is_looked_through(questions: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    other.mkdir()
    picture = Pillow.open(questions / "2.png")
    picture.save(other / "copy.png")
    (other / "records.jsonl").write_text(json.dumps({"id": "1", "image": "copy.png", "split": "val"}))
    result = evaluation.evaluate("vqa", Told(RIGHT), questions, held=TAUGHT, trained=other)
    assert len(result.leak.alike) == 1
    clean = evaluation.as_data(result)["measures"][0]["without alike"]
    assert (clean["n"], clean["value"]) == (1, 0.0)
    assert "Without those pictures: closed accuracy 0.00" in evaluation.as_text(result)


def test_the_result_holds_row_ids_and_no_words(questions: Path) -> None:
    text = json.dumps(evaluation.as_data(evaluation.evaluate("vqa", Told(RIGHT), questions, held=TAUGHT)))
    assert "questions:3" in text
    assert not re.search(r"normal\?|lobe|png", text)


def test_the_command_writes_a_result_that_compares_with_itself(
    questions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted = Scripted()
    scripted.default = "Yes."
    monkeypatch.setattr(
        "chat_app.assistant.Assistant", lambda settings: Assistant(settings, model=scripted)
    )
    target = tmp_path / "result.json"
    command = ("evaluate", "vqa", "--model", "nano", "--data", str(questions), "-o", str(target))
    assert cli.main(command) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:4] == ["closed", "accuracy", "2", "0.50"]
    written = json.loads(target.read_text())
    assert (written["model"]["name"], written["limit"]) == ("nano", 100)
    assert cli.main(["evaluate", "compare", str(target), str(target)]) == 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--radfact", "boxes.json"), "takes no --radfact"),
        (("--radeval", "python"), "takes no --radeval"),
        (("--limit", "-1"), "1 or more"),
        (("-o", "nowhere/result.json"), "another folder"),
    ],
)
def test_what_would_fail_at_the_end_is_refused_at_once(
    questions: Path, options: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["evaluate", "vqa", "--data", str(questions), *options]) == 2
    assert says in capsys.readouterr().err


def test_how_the_model_is_held_is_known_for_one_that_runs_here(tmp_path: Path) -> None:
    folder = tmp_path / "chest"
    folder.mkdir()
    (folder / "adapter_config.json").write_text("{}")
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    chosen = Settings(adapters=str(tmp_path), adapter="chest")
    digest = hashlib.sha256(b"weights").hexdigest()
    assert held(chosen) == Held("fp32", digest, taught=True)
    assert held(Settings()).adapter == ""
    assert held(Settings(model="openai:x@http://127.0.0.1:9/v1")) == Held()


# Places


@pytest.fixture
def places(tmp_path: Path) -> Path:
    """Two pictures to score: one with a lesion, one with two cells."""

    def box(label: str, *corners: float) -> dict[str, Any]:
        return {"label": label, "box": list(corners)}

    lesion = box("Lesion", 0.1, 0.2, 0.5, 0.6)
    cells = [box("cell", 0.0, 0.0, 0.2, 0.5), box("cell", 0.5, 0.5, 0.7, 1.0)]
    lines = [
        line(0, 0, "train", boxes=[lesion]),
        line(1, 1, "test", boxes=[lesion]),
        line(2, 2, "test", boxes=cells),
    ]
    return save(tmp_path / "places", lines)


def test_boxes_are_paired_and_scored(places: Path) -> None:
    drawn = [Box(3, 4, 15, 12, "lesion", "image 1"), Box(0, 0, 6, 10, "cell", "image 1")]
    found = by_metric(evaluation.evaluate("grounding", Told({}, drawn), places))
    f1, near = found["boxes F1 at IoU 0.5"].rows, found["boxes mIoU"].rows
    assert value(f1) == pytest.approx(2 * 2 / (1 + 1 + 1 + 2))
    assert value(near) == pytest.approx(2 / 3)
    assert value(f1, Way.BLANK) == 0.0
    assert value(f1, Way.MAJORITY) == pytest.approx(2 * 1 / (1 + 1 + 0 + 2))
    assert [each.about["label"] for each in f1] == ["lesion", "cell"]


def test_boxes_without_the_label_count_when_none_has_it(places: Path) -> None:
    drawn = [Box(3, 4, 15, 12, "", "image 1")]
    result = evaluation.evaluate("grounding", Told({}, drawn), places, names=["lesion"])
    assert value(result.measures[0].rows) == 1.0


def test_places_are_exported_as_radfact_reads_them(places: Path) -> None:
    drawn = [Box(3, 4, 15, 12, "lesion", "image 1")]
    radfact = evaluation.evaluate("grounding", Told({}, drawn), places, names=["lesion"]).radfact
    phrase = {"text": "lesion", "boxes": [{"x_min": 0.1, "y_min": 0.2, "x_max": 0.5, "y_max": 0.6}]}
    assert radfact == {"candidates": {"places:1": [phrase]}, "references": {"places:1": [phrase]}}
    nothing = evaluation.evaluate("grounding", Told({}), places, names=["lesion"]).radfact
    assert nothing["candidates"] == {"places:1": [{"text": "lesion", "boxes": None}]}


# How they are put


def rows_of(folder: Path) -> list[Row]:
    pictures = sorted(folder.glob("*.png"))
    records = [Record(str(n), folder.name, path, "test") for n, path in enumerate(pictures)]
    return [Row(record, question, "") for record in records for question in ("What?", "Where is it?")]


def test_each_picture_gets_another_one_of_its_set(questions: Path) -> None:
    records = [row.record for row in rows_of(questions)]
    others = ask.shuffled(records)
    assert set(others) == set(others.values()) == {record.path for record in records}
    assert all(path != other for path, other in others.items())
    assert others == ask.shuffled(records[::-1])


def test_of_one_picture_there_is_no_other(questions: Path, tmp_path: Path) -> None:
    rows = rows_of(questions)[:2]
    others = ask.shuffled(row.record for row in rows)
    assert not others
    assert not Examiner(Told({}), tmp_path, others).can(rows, Way.SHUFFLED)


def test_asked_side_by_side_the_replies_are_those_of_asking_one_by_one(tmp_path: Path) -> None:
    folder = str(minds.folder("llava-15-7b"))
    chosen = Settings(model="llava-15-7b", weights=folder, dtype="fp32", max_new_tokens=6)
    for number in range(4):
        pixels = np.random.default_rng(number).integers(0, 255, (40, 50), np.uint8)
        Pillow.fromarray(pixels).save(tmp_path / f"{number}.png")
    rows = rows_of(tmp_path)
    assistant = Assistant(chosen)
    together = Examiner(assistant, tmp_path, {}).replies(rows)
    alone = [Examiner(assistant, tmp_path, {}, at_once=1).replies([row])[0] for row in rows]
    assert together == alone
    assert all(reply.text for reply in together) and not any(reply.fault for reply in together)


def test_it_is_said_how_far_it_is(
    questions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ask, "SAY_EVERY", 3)
    said: list[str] = []
    Examiner(Told({}), tmp_path, {}, say=said.append).replies(rows_of(questions), Way.BLANK)
    assert said == []  # all pictures have one size, so there are two black ones to ask about
    Examiner(Told({}), tmp_path, {}, say=said.append).replies(rows_of(questions))
    assert said == ["3 of 8 answers, seen ...", "6 of 8 answers, seen ..."]


def test_several_are_under_way_at_once(questions: Path, tmp_path: Path) -> None:
    both = threading.Barrier(ask.AT_ONCE, timeout=10)

    class Waiting(Told):
        def ask(self, *args: Any, **options: Any) -> Iterator[str | Answer]:
            both.wait()
            yield Answer("Yes.", MODEL, "p", 0)

    replies = Examiner(Waiting({}), tmp_path, {}).replies(rows_of(questions))
    assert [reply.text for reply in replies] == ["Yes."] * 8


def test_vqa_rad_s_published_split_shares_its_images(shared_data: Path) -> None:
    found = evaluation.evaluate(
        "vqa", Told({}), shared_data / "vqa_rad", "official_split=test", limit=5, held=TAUGHT
    )
    assert found.leak.share == 1.0


def test_vqa_rad_s_own_split_does_not(shared_data: Path) -> None:
    found = evaluation.evaluate("vqa", Told({}), shared_data / "vqa_rad", limit=20, held=TAUGHT)
    assert not found.leak.alike
