"""The evaluation: what it asks, how it reads free answers, and what its figures mean."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from chat_app import evaluation
from chat_app.errors import InputError, ModelError, SetupError
from chat_app.evaluation import records as recorded
from chat_app.evaluation import score, task, words
from chat_app.evaluation.measure import Measure, Way, value
from chat_app.evaluation.records import Record
from chat_app.evaluation.task import Reply, Row, Task
from chat_app.models.nano import wording
from chat_app.records import Answer, Box, Conversation, ModelId, Report, Section, Source, Statement

MODEL = ModelId("told", "0" * 64)
TASKS = task.known()
KINDS = {
    "chest": {"modality": "X-ray", "body_part": "chest", "view": "PA", "labels": ["No Finding"]},
    "brain": {"modality": "MRI", "body_part": "brain", "labels": ["glioma"]},
    "breast": {"modality": "Ultrasound", "body_part": "breast", "labels": ["malignant"]},
    "blood": {"modality": "Microscopy", "body_part": "blood smear", "labels": ["RBC", "WBC"]},
    "nerve": {"modality": "Ultrasound", "body_part": "peripheral nerves", "labels": ["nerve"]},
}
LABELS = {
    "chest": "Right Lung",
    "brain": "glioma",
    "breast": "malignant lesion",
    "blood": "WBC",
    "nerve": "nerve",
}
UNSURE = "I cannot tell."


class Told:
    """Answers every question on a lit picture with what it was told, and cannot tell on a black one."""

    def __init__(self, *pairs: tuple[str, str], box: Box | None = None) -> None:
        self.pairs, self.box, self.asked = pairs, box, list[str]()

    def ask(
        self, conversation: Conversation, question: str, *, images: Sequence[str] = ()
    ) -> Iterator[str | Answer]:
        self.asked.append(question)
        dark = not conversation.study.named(*images).pixels.any()
        text = UNSURE if dark else next((reply for part, reply in self.pairs if part in question), UNSURE)
        boxes = (self.box,) if self.box and not dark else ()
        yield text
        yield Answer(text, MODEL, prompt="p", seed=0, boxes=boxes)

    def draft(
        self, conversation: Conversation, template: str, *, told: Mapping[str, str] = {}
    ) -> Iterator[Section | Report]:
        history = Section("history", "History", (Statement("Meningioma.", Source.TOLD, "told"),))
        findings = Section("findings", "Findings", (Statement("A mass.", Source.SEEN, "seen"),))
        impression = Section("impression", "Impression", (Statement("Glioma.", Source.SEEN, "seen"),))
        yield from (history, findings, impression)
        yield Report(template, "Report", (history, findings, impression), MODEL, "p", 0)


def record(kind: str = "chest", **changes: Any) -> Record:
    said = KINDS[kind] | changes
    boxes = tuple(said.get("boxes", ((LABELS[kind], (0.1, 0.1, 0.5, 0.5)),)))
    labels = tuple(said["labels"])
    return Record("1", "set", Path("1.png"), "test", said["modality"], said["body_part"], labels, boxes, said)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four pictures of each kind, three to train on, and one folder that is no set."""
    root = tmp_path / "data"
    for kind, fields in KINDS.items():
        (root / kind).mkdir(parents=True)
        box = [{"label": LABELS[kind], "box": [0.1, 0.2, 0.5, 0.6]}]
        lines = [
            fields | {"id": f"{kind}{number}", "image": f"{number}.png", "boxes": box, "split": split}
            for number, split in enumerate(["train", "train", "train", "test"])
        ]
        for line in lines:
            Pillow.fromarray(np.full((20, 30), 128, np.uint8)).save(root / kind / line["image"])
        (root / kind / "records.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    (root / "text").mkdir()
    return root


def scores(assistant: Told, data: Path, *names: str, metric: str = "accuracy") -> dict[str, Measure]:
    found = evaluation.evaluate("nano", assistant, data, names=names).measures
    return {each.task: each for each in found if each.metric == metric}


def values(measure: Measure) -> dict[Way, float]:
    return {way: value(measure.rows, way) for way in measure.ways}


# Reading a set


def test_a_set_is_read_with_what_only_it_says(data: Path) -> None:
    found, skipped = recorded.read(data)
    chest = next(each for each in found if each.set == "chest")
    assert (chest.kind, chest.labels, chest.said["view"]) == ("chest", ("No Finding",), "PA")
    assert chest.boxes == (("Right Lung", (0.1, 0.2, 0.5, 0.6)),)
    assert skipped == ["text: no data set"]


def test_a_record_whose_picture_is_missing_is_skipped_and_said(data: Path) -> None:
    (data / "chest" / "0.png").unlink()
    found, skipped = recorded.read(data)
    assert len(found) == 19
    assert "1 records whose picture is missing" in skipped


def test_a_line_that_is_no_record_is_named(data: Path) -> None:
    (data / "brain" / "records.jsonl").write_text('{"id": "1", "image": "0.png"}')
    with pytest.raises(SetupError, match="Line 1 of the set brain"):
        recorded.read(data)


@pytest.mark.parametrize(("folder", "says"), [("nowhere", "data folder"), ("text", "No data set")])
def test_a_folder_without_records_is_refused(data: Path, folder: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        recorded.read(data / folder)


def test_one_set_alone_can_be_scored(data: Path) -> None:
    found, skipped = recorded.read(data / "chest")
    assert ({each.set for each in found}, skipped) == ({"chest"}, [])


def test_a_split_of_another_name_is_chosen_by_its_field(data: Path) -> None:
    found = [replace(each, said={"official": "exam"}) for each in recorded.read(data)[0][:3]]
    moved, name = recorded.split_by([*found, record()], "official=exam")
    assert (name, {each.split for each in moved}, len(moved)) == ("exam", {"exam"}, 3)
    with pytest.raises(InputError, match="'fold'"):
        recorded.split_by(found, "fold=1")


def test_an_unknown_split_names_the_known_ones(data: Path) -> None:
    with pytest.raises(InputError, match="test, train"):
        evaluation.evaluate("nano", Told(), data, "exam")


def test_an_unknown_task_names_the_known_ones(data: Path) -> None:
    with pytest.raises(InputError, match=r"modality.*tumour"):
        evaluation.evaluate("nano", Told(), data, names=["fortune"])


# Every task keeps the contract


@pytest.mark.parametrize("each", TASKS, ids=lambda each: each.NAME)
def test_a_task_is_named_as_its_file(each: Task) -> None:
    assert each.__name__.endswith(f".{each.NAME}")  # type: ignore[attr-defined]


@pytest.mark.parametrize("each", TASKS, ids=lambda each: each.NAME)
def test_a_task_asks_and_reads_an_empty_reply_as_no_claim(each: Task) -> None:
    rows = each.rows([record(kind) for kind in KINDS])
    assert rows
    assert all(each.parse(Reply(""), row) is None for row in rows)


@pytest.mark.parametrize("each", TASKS, ids=lambda each: each.NAME)
def test_a_task_is_asked_in_unseen_words_too(each: Task) -> None:
    for row in each.rows([record(kind) for kind in KINDS]):
        assert row.template or (len(row.unseen) >= 2 and row.question not in row.unseen)


def test_no_unseen_wording_was_ever_trained_on() -> None:
    trained = [taught(way) for intent in wording.intents().values() for way in intent.ways]
    rows = [row for each in TASKS for row in each.rows([record(kind) for kind in KINDS])]
    unseen = {text for row in rows for text in row.unseen}
    assert not [text for text in unseen if any(pattern.fullmatch(bare(text)) for pattern in trained)]


def bare(text: str, keep: str = "") -> str:
    return " ".join(re.sub(rf"[^\w\s{re.escape(keep)}]", " ", text.lower()).split())


NOUNS = [bare(noun) for noun in (*wording.KINDS, *wording.TUMOURS, *chain(*wording.nouns().values()))]


def taught(way: str) -> re.Pattern[str]:
    """All that a training phrase can become."""
    filled = re.sub(r"\{(\w+)\}", lambda found: f"({'|'.join(wording._words()[found[1]])})", way)
    named = re.sub(r"\$\w+", f"({'|'.join(NOUNS)})", bare(filled, keep="()|$"))
    return re.compile(named.replace(" ", r"\s*"))


def test_a_phrase_that_was_trained_on_would_be_seen() -> None:
    assert taught("what (kind|type) of {img} is (this|it)").fullmatch(bare("What type of scan is it?"))


# Reading a free answer


@pytest.mark.parametrize(
    ("name", "kind", "text", "claim"),
    [
        ("modality", "chest", "This is a chest X-ray.", "X-ray"),
        ("modality", "brain", "A contrast-enhanced T1-weighted MRI of the head.", "MR"),
        ("modality", "brain", "It is a brain MR, not an X-ray.", "MR"),
        ("modality", "blood", "A stained blood smear under the microscope.", "microscopy"),
        ("modality", "chest", "I cannot tell whether this is an X-ray.", None),
        ("modality", "chest", "An X-ray or an ultrasound.", None),
        ("body_part", "chest", "The chest is shown.", "chest"),
        ("body_part", "blood", "No part of the body: it is blood under a microscope.", "blood"),
        ("view", "chest", "It is a PA view.", "PA"),
        ("view", "chest", "Anteroposterior, taken lying down.", "AP"),
        ("view", "chest", "It may be AP or PA.", None),
        ("normal", "chest", "Yes, the film is normal.", "normal"),
        ("normal", "chest", "The film is not normal.", "abnormal"),
        ("normal", "chest", "No, it is abnormal.", "abnormal"),
        ("normal", "chest", "There is no abnormality.", "normal"),
        ("normal", "chest", "No pneumonia and no effusion.", "normal"),
        ("normal", "chest", "There is an opacity in the right lung.", "abnormal"),
        ("normal", "chest", "Yes.", "normal"),
        ("normal", "chest", "No.", "abnormal"),
        ("normal", "chest", "I can't tell.", None),
        ("tumour", "brain", "A meningioma is likely [1].", "meningioma"),
        ("tumour", "brain", "Most likely a pituitary tumour, not a glioma.", "pituitary tumor"),
        ("tumour", "brain", "No glioma, but a meningioma.", "meningioma"),
        ("tumour", "brain", "Glioma or meningioma.", None),
        ("pneumonia", "chest", "Yes, it looks like those labelled pneumonia.", "yes"),
        ("pneumonia", "chest", "No, it looks like those labelled normal.", "no"),
        ("pneumonia", "chest", "I am not sure: it may be like those labelled pneumonia.", "yes"),
        ("pneumonia", "chest", "There is no pneumonia.", "no"),
        ("pneumonia", "chest", "Yes.", "yes"),
        ("pneumonia", "chest", "I cannot tell.", None),
        ("report_form", "chest", "# Findings\nA film.\n# Impression\nNormal.", "whole"),
        ("report_form", "chest", "# Findings\n\n# Impression\nNormal.", None),
        ("tumour", "brain", "It may be a glioma, but I am not sure.", "glioma"),
        ("tumour", "brain", "I cannot rule one out. It looks like a glioma.", "glioma"),
        ("normal", "chest", "I am not sure: the film may be abnormal.", "abnormal"),
        ("normal", "chest", "I cannot tell one disease from another. The film looks normal.", "normal"),
        ("normal", "chest", "I cannot tell whether the film is normal.", None),
        ("modality", "nerve", "I cannot tell what this is. I only know chest X-rays and brain MR.", None),
        ("normal", "chest", "I did not understand. You can ask me whether a chest film is normal.", None),
        ("outside", "nerve", "The picture does not look like it to me, so I do not answer.", "refused"),
        ("premise", "chest", "I was not taught to mark abnormalities on chest films.", "refused"),
        ("premise", "blood", "I see no white blood cell, so there is nothing to mark.", "answered"),
        ("premise", "brain", "There is no lung in this picture: it is a brain MR.", "refused"),
        ("premise", "brain", "This picture does not show the lungs.", "refused"),
        ("premise", "brain", "The tumour is here [1].", "answered"),
        ("outside", "nerve", "I cannot tell: this is none of the kinds that I know.", "refused"),
        ("outside", "nerve", "This is a breast ultrasound.", "answered"),
    ],
)
def test_a_free_answer_is_read(name: str, kind: str, text: str, claim: str | None) -> None:
    assert named(name).parse(Reply(text), Row(record(kind), "?", "")) == claim


@pytest.mark.parametrize(
    ("text", "white", "platelets"),
    [
        ("Red cells, white cells and platelets.", "present", "present"),
        ("Red and white blood cells; no platelets.", "present", "absent"),
        ("Only erythrocytes.", "absent", "absent"),
        ("I see no white blood cell. There are red blood cells and thrombocytes.", "absent", "present"),
        ("I cannot tell.", None, None),
    ],
)
def test_each_kind_of_cell_is_read_apart(text: str, white: str | None, platelets: str | None) -> None:
    cells = named("cells")
    claims = {row.part: cells.parse(Reply(text), row) for row in cells.rows([record("blood")])}
    assert claims == {"white cells": white, "platelets": platelets}


@pytest.mark.parametrize(
    ("boxes", "side", "claim"),
    [
        ((("left lung", (0.6, 0, 0.9, 1)), ("right lung", (0.1, 0, 0.4, 1))), "right", (0.1, 0, 0.4, 1)),
        ((("lung", (0.6, 0, 0.9, 1)), ("lung", (0.1, 0, 0.4, 1))), "right", (0.1, 0, 0.4, 1)),
        ((("lung", (0.6, 0, 0.9, 1)), ("lung", (0.1, 0, 0.4, 1))), "left", (0.6, 0, 0.9, 1)),
        ((("left lung", (0.1, 0, 0.4, 1)),), "right", None),
        ((("lung", (0.1, 0, 0.4, 1)),), "right", None),
    ],
)
def test_the_patient_s_right_lung_is_the_picture_s_left_one(boxes: Any, side: str, claim: Any) -> None:
    row = Row(record(), "?", (0, 0, 1, 1), part=side)
    assert named("lung_box").parse(Reply("", boxes), row) == claim


@pytest.mark.parametrize(
    ("labels", "truth"),
    [(["No Finding"], "normal"), (["Pneumonia"], "abnormal"), (["Unknown"], None), ([], None)],
)
def test_a_film_without_a_verdict_is_not_asked_about(labels: list[str], truth: str | None) -> None:
    assert [row.truth for row in named("normal").rows([record(labels=labels)])] == ([truth] if truth else [])


def test_a_picture_with_two_tumours_has_no_one_place() -> None:
    two = (("glioma", (0.1, 0.1, 0.2, 0.2)), ("glioma", (0.5, 0.5, 0.6, 0.6)))
    assert named("tumour_box").rows([record("brain", boxes=two)]) == []


def test_a_report_without_findings_claims_nothing() -> None:
    row = Row(record("brain"), "", "glioma", template="general")
    assert named("report").parse(Reply("# Findings\nA mass.\n# Impression\nGlioma."), row) == "glioma"
    assert named("report").parse(Reply("# Findings\n\n# Impression\nGlioma."), row) is None


def named(name: str) -> Task:
    return {each.NAME: each for each in TASKS}[name]


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("I cannot tell.", True),
        ("I can\N{RIGHT SINGLE QUOTATION MARK}t tell from this.", True),
        ("The lungs are not visible in this picture.", True),
        ("There is no pneumonia.", False),
        ("The film is normal.", False),
    ],
)
def test_a_refusal_is_told_from_a_finding_that_is_absent(text: str, refused: bool) -> None:
    assert words.refuses(text) is refused


# The figures


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [(0, 10, 0.0, 0.278), (10, 10, 0.722, 1.0), (8, 10, 0.490, 0.943), (81, 263, 0.255, 0.366)],
)
def test_wilson_s_interval_is_that_of_the_book(right: int, n: int, low: float, high: float) -> None:
    assert score.wilson(right, n) == pytest.approx((low, high), abs=0.001)


@pytest.mark.parametrize(
    ("other", "share"),
    [((0, 0, 1, 1), 1.0), ((0, 0, 0.5, 1), 0.5), ((0.5, 0, 1.5, 1), 1 / 3), ((1, 0, 2, 1), 0.0)],
)
def test_overlap_is_the_shared_part_of_both(other: score.Corners, share: float) -> None:
    assert score.overlap((0, 0, 1, 1), other) == pytest.approx(share)


def test_a_right_answer_scores_and_a_black_picture_does_not(data: Path) -> None:
    result = scores(Told(("kind of tumour", "A glioma.")), data, "tumour")["tumour"]
    assert values(result) == {Way.SEEN: 1.0, Way.BLANK: 0.0, Way.UNSEEN: 0.0, Way.MAJORITY: 1.0}
    assert len(result.rows) == 1
    assert not scores(Told(), data, "tumour", metric="mean IoU")


def test_unseen_words_are_asked(data: Path) -> None:
    assistant = Told(("tumour", "A glioma."), ("growth", "A glioma."))
    assert values(scores(assistant, data, "tumour")["tumour"])[Way.UNSEEN] == 1.0
    assert set(assistant.asked) & set(named("tumour").rows([record("brain")])[0].unseen)


def test_the_majority_is_that_of_the_training_split(data: Path) -> None:
    listing = data / "brain" / "records.jsonl"
    lines = [json.loads(line) for line in listing.read_text().splitlines()]
    for line in lines:
        line["labels"] = ["meningioma"] if line["split"] == "train" else ["glioma"]
    listing.write_text("\n".join(map(json.dumps, lines)))
    assert values(scores(Told(("kind", "A glioma.")), data, "tumour")["tumour"])[Way.MAJORITY] == 0.0


def test_a_box_is_scored_by_overlap_in_the_original_s_pixels(data: Path) -> None:
    told = Told(("tumour", "Here [1]."), box=Box(3, 4, 15, 12, "tumour", "image 1"))
    right = values(scores(told, data, "tumour_box")["tumour_box"])
    assert (right[Way.SEEN], right[Way.BLANK], right[Way.MAJORITY]) == (1.0, 0.0, 1.0)
    near = values(scores(told, data, "tumour_box", metric="mean IoU")["tumour_box"])
    assert near[Way.SEEN] == pytest.approx(1.0)


def test_a_box_that_misses_by_half_is_wrong(data: Path) -> None:
    told = Told(("tumour", "Here [1]."), box=Box(9, 4, 21, 12, "tumour", "image 1"))
    assert values(scores(told, data, "tumour_box")["tumour_box"])[Way.SEEN] == 0.0
    near = values(scores(told, data, "tumour_box", metric="mean IoU")["tumour_box"])
    assert (near[Way.SEEN], near[Way.MAJORITY]) == pytest.approx((1 / 3, 1.0))


def test_the_report_is_judged_by_what_the_model_saw(data: Path) -> None:
    result = scores(Told(), data, "report")["report"]
    assert len(result.rows) == 2
    assert values(result)[Way.SEEN] == pytest.approx(1 / 2)


def test_always_refusing_and_never_refusing_score_half(data: Path) -> None:
    for assistant in (Told(), Told(("", "It is a chest X-ray."))):
        both = scores(assistant, data, "premise", "outside")
        assert {value(each.rows) for each in both.values()} == {0.5}


def test_an_error_counts_as_a_wrong_answer_and_is_said(data: Path) -> None:
    class Broken(Told):
        def ask(self, *args: Any, **options: Any) -> Iterator[str | Answer]:
            raise ModelError("Out of memory: try a smaller picture.")

    result = evaluation.evaluate("nano", Broken(), data, names=["view"])
    assert value(result.measures[0].rows) == 0.0
    assert any("ended in an error" in reason for reason in result.skipped)


def test_a_question_about_a_picture_is_put_once(data: Path) -> None:
    assistant = Told(("cells", "Red and white cells."))
    assert len(scores(assistant, data, "cells")) == 2
    asked_of_both_pictures, asked_in_unseen_words = 2, 1
    counts = sorted(assistant.asked.count(question) for question in set(assistant.asked))
    assert counts == [asked_in_unseen_words, asked_of_both_pictures]


def test_the_limit_draws_the_same_rows_each_time(data: Path) -> None:
    first, again = Told(), Told()
    for assistant in (first, again):
        evaluation.evaluate("nano", assistant, data, "train", names=["modality"], limit=5)
    assert sorted(first.asked) == sorted(again.asked)
    drawn = evaluation.evaluate("nano", first, data, "train", names=["modality"], limit=5).measures[0]
    assert len(drawn.rows) == 5


def test_a_set_no_task_asks_about_is_said(data: Path) -> None:
    skipped = evaluation.evaluate("nano", Told(), data, names=["tumour"]).skipped
    assert "nerve: no task asks about it" in skipped
    assert "text: no data set" in skipped


# The forms


def test_the_data_form_has_what_a_program_reads(data: Path) -> None:
    held = evaluation.Held("fp32", "b" * 64)
    form = json.loads(json.dumps(evaluation.as_data(evaluation.evaluate("nano", Told(), data, held=held))))
    assert form["model"]["name"] == "told"
    assert (form["suite"], form["split"], form["limit"]) == ("nano", "test", 100)
    assert (form["dtype"], form["adapter"]) == ("fp32", "b" * 64)
    assert len(form["data"]["sha256"]) == len(form["prompts"]) == 64
    assert form["protocol"] and form["lightbox"]
    wanted = {"task", "metric", "n", "clusters", "value", "interval", "majority", "blank", "rows"}
    for line in form["measures"]:
        assert wanted <= set(line)
        assert line["interval"][0] <= line["value"] <= line["interval"][1]
        assert len(line["rows"]["id"]) == len(line["rows"]["merits"]["seen"]) == line["n"]


def test_the_table_prints_the_black_picture_s_figure(data: Path) -> None:
    result = evaluation.evaluate("nano", Told(("kind of", "Glioma.")), data, names=["tumour"])
    text = evaluation.as_text(result)
    heading, line, *_ = text.splitlines()
    assert "blank" in heading
    assert line.split() == ["tumour", "accuracy", "1", "1.00", "0.21-1.00", "1.00", "0.00", "0.00"]
    assert "Note: text: no data set." in text


def test_the_card_s_table_is_markdown(data: Path) -> None:
    result = evaluation.evaluate("nano", Told(), data, names=["view"])
    assert [line.count("|") for line in evaluation.as_markdown(result).splitlines()] == [10, 10, 10]


def test_the_shared_data_gives_rows_to_every_task(shared_data: Path) -> None:
    found, skipped = recorded.read(shared_data)
    test_split = [each for each in found if each.split == "test"]
    assert all(each.rows(test_split) for each in TASKS)
    assert not [reason for reason in skipped if "missing" in reason]
