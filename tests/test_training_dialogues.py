"""Dialogues made from labels: right answers, many ways to ask, wrong premises."""

from __future__ import annotations

import random
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chat_app import prompts
from chat_app.data.records import Record
from chat_app.errors import SetupError
from chat_app.training import dialogues, wording
from chat_app.training.dialogues import Question, Vocabulary, asked, dialogue, phrasings


def record(**known: Any) -> Record:
    plain = {"id": "1", "set": "own", "path": Path("1.png"), "split": "train", "modality": "MRI"}
    return Record(**{**plain, "body_part": "Brain", **known})


GLIOMA = record(labels=("Glioma",), boxes=(("glioma", (0.1, 0.2, 0.3, 0.4)),))
OTHER = record(id="2", labels=("pituitary_tumor",), boxes=(("WBC", (0.1, 0.2, 0.3, 0.4)),))
WORDS = Vocabulary.of([GLIOMA, OTHER])


def mark(corners: tuple[float, ...]) -> str:
    return "".join(f"<{value}>" for value in corners)


def answers(given: Record, task: str, *, boxes: bool = True) -> dict[str, str]:
    found = asked(given, WORDS, mark if boxes else None)
    return {each.question.thing: each.answer for each in found if each.question.task == task}


def test_a_vocabulary_holds_what_the_set_speaks_of() -> None:
    assert WORDS.labels == {("MRI", "Brain"): ("glioma", "pituitary tumor")}
    assert WORDS.things == {("MRI", "Brain"): ("WBC", "glioma")}


@pytest.mark.parametrize(
    ("task", "thing", "says"),
    [
        ("kind", "", "This is an MRI of the brain."),
        ("is_kind", "an X-ray of the chest", "No, this is an MRI of the brain."),
        ("is_kind", "an MRI of the brain", "Yes, this is an MRI of the brain."),
        ("label", "", "Glioma."),
        ("presence", "glioma", "Yes, there is glioma."),
        ("presence", "pituitary tumor", "No, there is no pituitary tumor."),
        ("where", "glioma", "Glioma <0.1><0.2><0.3><0.4>."),
        ("where", "WBC", "There is no WBC in this image."),
        ("premise", "pituitary tumor", "There is no pituitary tumor in this image."),
        ("premise", "glioma", "I cannot measure the glioma: the image carries no scale."),
        ("unknown", "", "I cannot tell that from the image."),
        ("findings", "", "The image shows an MRI of the brain. Glioma."),
        ("impression", "", "Glioma."),
    ],
)
def test_labels_become_answers(task: str, thing: str, says: str) -> None:
    assert answers(GLIOMA, task)[thing] == says


def test_every_task_of_the_folder_is_asked() -> None:
    reported = replace(GLIOMA, report="A mass.", sections={"findings": "A mass.", "impression": "Glioma."})
    assert {each.question.task for each in asked(reported, WORDS, mark)} == set(wording.tasks())


def test_a_report_is_said_as_it_is_and_not_made_up_from_labels() -> None:
    given = record(labels=("glioma",), report="FINDINGS: A mass.", sections={"findings": "A mass."})
    assert answers(given, "report") == {"": "FINDINGS: A mass."}
    assert answers(given, "findings") == {"": "A mass."} and not answers(given, "impression")


def test_a_model_that_writes_no_boxes_is_asked_for_none() -> None:
    assert answers(GLIOMA, "where") and not answers(GLIOMA, "where", boxes=False)


def test_nothing_is_said_to_be_absent_where_nothing_was_labelled() -> None:
    given = record(labels=())
    assert {each.question.task for each in asked(given, WORDS, mark)} == {"kind", "is_kind", "unknown"}


def test_what_only_boxes_tell_is_not_said_to_be_absent_where_none_was_drawn() -> None:
    given = answers(replace(GLIOMA, boxes=()), "presence")
    assert "WBC" not in given and "WBC" in answers(GLIOMA, "presence")
    assert given["pituitary tumor"] == "No, there is no pituitary tumor."


def test_no_finding_is_no_thing_that_could_be_there() -> None:
    normal = record(labels=("No Finding",))
    words = Vocabulary.of([normal, GLIOMA])
    found = asked(normal, words)
    assert "Is there any no finding?" not in {each.question.say for each in found}
    assert any(each.question.task == "label" and each.answer == "No finding." for each in found)


@pytest.mark.parametrize("task", sorted(wording.tasks()))
def test_there_are_a_hundred_ways_to_ask_and_some_are_kept_apart(task: str) -> None:
    for question, ways in phrasings(task, WORDS).items():
        kept = set(question.ways(held_out=True))
        assert len(set(ways)) == len(ways) >= 100
        assert len(kept) >= 2 and not {_bare(way) for way in ways} & {_bare(way) for way in kept}
        assert not [way for way in ways if set("(){}|$") & set(way)]


def _bare(text: str) -> str:
    return text.lower().strip(" ?.")


def test_phrasings_name_what_can_be_asked() -> None:
    assert set(phrasings("presence", WORDS)) == {
        Question("presence", thing) for thing in ("WBC", "glioma", "pituitary tumor")
    }
    assert set(phrasings("where", WORDS)) == {Question("where", thing) for thing in ("WBC", "glioma")}


def test_what_is_drawn_is_one_of_the_ways() -> None:
    question, rng = Question("presence", "glioma"), random.Random(1)
    ways = set(map(_bare, question.ways()))
    assert {_bare(question.drawn(rng)) for _ in range(50)} <= ways
    assert _bare(question.drawn(rng, held_out=True)) not in ways


def test_yes_and_no_are_asked_about_as_often() -> None:
    many = Vocabulary.of([GLIOMA, *(record(id=str(n), labels=(f"sign {n}",)) for n in range(9))])
    rng, said = random.Random(0), list[str]()
    for _ in range(200):
        said += [answer for _, answer in dialogue(GLIOMA, many, rng, 12)]
    yes, no = (sum(answer.startswith(word) for answer in said) for word in ("Yes, there", "No, there"))
    assert 0.7 < yes / no < 1.4


def test_a_dialogue_follows_its_seed_and_is_as_long_as_asked() -> None:
    one, two, other = (dialogue(GLIOMA, WORDS, random.Random(seed), 5, mark) for seed in (4, 4, 5))
    assert one == two != other and len(one) == 5


def test_questions_of_the_set_itself_are_used_as_they_are() -> None:
    own = replace(GLIOMA, turns=(("What?", "That."), ("And?", "No.")))
    assert dialogue(own, WORDS, random.Random(0), 1) == [("What?", "That.")]


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (("X-ray", "chest"), "an X-ray of the chest"),
        (("Ultrasound", "breast"), "an ultrasound of the breast"),
        (("CT", ""), "a CT"),
        (("Microscopy", "blood smear"), "a microscopy of the blood smear"),
        (("", "chest"), ""),
    ],
)
def test_kinds_are_said_in_words(kind: tuple[str, str], says: str) -> None:
    assert dialogues.in_words(kind) == says


@pytest.mark.parametrize(
    ("text", "says"),
    [("say = ", "not valid TOML"), ('say = "x"', "needs answers"), (None, "unknown word 'nothing'")],
)
def test_a_wrong_file_is_said(monkeypatch: pytest.MonkeyPatch, text: str | None, says: str) -> None:
    files = prompts.dialogues()
    assert tomllib.loads(files["kind"])["say"]
    files["kind"] = text or files["kind"].replace("{img}", "{nothing}")
    monkeypatch.setattr(prompts, "dialogues", lambda: files)
    wording.tasks.cache_clear()
    try:
        with pytest.raises(SetupError, match=says):
            wording.tasks()
    finally:
        wording.tasks.cache_clear()
