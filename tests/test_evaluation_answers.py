"""Free answers against a person's: the published normaliser, and what is scored after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat_app.evaluation import answers


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The left lung.", "left lung"),
        ("Left-sided", "left"),
        ("on the right side", "on right"),
        ("X-ray", "xray"),
        ("a chest x ray!", "chest xray"),
        ("Two lesions [1] [2]", "2 lesions"),
        ("Yeah, it is.", "yes it is"),
        ("TRUE", "yes"),
        ("3.5 cm tumour", "3.5 cm tumor"),
        ("No, not on the left", "no not on left"),
        ("isn\N{RIGHT SINGLE QUOTATION MARK}t", "isn't"),
        ("the side", "side"),
        ("", ""),
    ],
)
def test_answers_are_normalised(text: str, words: str) -> None:
    assert " ".join(answers.tokens(text)) == words


@pytest.mark.parametrize(
    ("reply", "truth", "question", "right"),
    [
        ("Yes.", "yes", "Is it?", 1),
        ("Yes, there is an effusion.", "Yes", "Is it?", 1),
        ("No.", "yes", "Is it?", 0),
        ("There is no effusion.", "no", "Is there an effusion?", 0),
        ("It is normal: yes.", "yes", "Is it?", 0),
        ("I cannot tell.", "no", "Is it?", 0),
        ("No, I cannot tell.", "no", "Is it?", 0),
        ("", "no", "Is it?", 0),
        ("On the right.", "Right", "Is it on the left or right?", 1),
        ("Left or right.", "Right", "Is it on the left or right?", 0),
        ("Not on the right.", "Right", "Is it on the left or right?", 0),
        ("An MRI of the head", "MRI", "Is this an MRI or a CT scan?", 1),
        ("A CT, perhaps MRI", "MRI", "Is this an MRI or a CT scan?", 0),
        ("brightly", "right", "Left or right?", 0),
        ("white matter", "White matter", "Is it in the gray or white matter?", 1),
        ("gray matter", "White matter", "Is it in the gray or white matter?", 0),
    ],
)
def test_a_closed_answer_is_right_only_when_it_is_given(
    reply: str, truth: str, question: str, right: int
) -> None:
    assert answers.closed(reply, truth, question) == right


@pytest.mark.parametrize(
    ("reply", "right"),
    [
        ("B", 1),
        ("(B) an effusion", 1),
        ("B: fracture", 1),
        ("A", 0),
        ("A pleural effusion.", 1),
        ("Pleural effusion", 1),
        ("A fracture or a pleural effusion", 0),
        ("I cannot tell: pleural effusion?", 0),
        ("D", 0),
        ("", 0),
    ],
)
def test_of_lettered_choices_one_is_taken(reply: str, right: int) -> None:
    choices = {"A": "Fracture", "B": "Pleural effusion", "C": "Mass"}
    assert answers.chosen(reply, "Pleural effusion", choices) == right


@pytest.mark.parametrize(
    ("reply", "truth", "f1", "recall", "exact"),
    [
        ("left lung", "The left lung", 1.0, 1.0, 1.0),
        ("left upper lobe of the lung", "left lung", 4 / 7, 1.0, 0.0),
        ("right", "left", 0.0, 0.0, 0.0),
        ("lung lung", "lung", 2 / 3, 1.0, 0.0),
        ("", "lung", 0.0, 0.0, 0.0),
    ],
)
def test_open_answers_share_words(reply: str, truth: str, f1: float, recall: float, exact: float) -> None:
    assert answers.f1(reply, truth) == pytest.approx(f1)
    assert answers.recall(reply, truth) == pytest.approx(recall)
    assert answers.exact(reply, truth) == exact


def test_the_published_normaliser_is_the_one_in_use() -> None:
    page = (Path(__file__).parents[1] / "docs" / "evaluation.md").read_text(encoding="utf-8")
    assert f"`{answers.NORMALISER}`" in page
    for word in (*answers.SPELLINGS, *answers.VERDICTS, *answers.OF_A_SIDE):
        assert word in page, word
