"""When words came with little confidence, and where two answers say otherwise."""

from __future__ import annotations

import math

import pytest

from chat_app.grounding.trust import differences, is_unsure

SURE, UNSURE = math.log(0.99), math.log(0.5)


@pytest.mark.parametrize(
    ("logprobs", "unsure"),
    [
        ((SURE, SURE, SURE), False),
        ((UNSURE, SURE, SURE, SURE, SURE, SURE), True),
        ((SURE, UNSURE, UNSURE), True),
        ((), True),
    ],
    ids=["sure", "the first word unsure", "unsure in the mean", "a model that gives none"],
)
def test_an_answer_is_unsure_by_its_first_word_or_by_all(logprobs: tuple[float, ...], unsure: bool) -> None:
    assert is_unsure(logprobs) is unsure


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ("Yes, it is.", "No, it is not.", ("yes or no",)),
        ("There is a pneumothorax.", "There is no pneumothorax.", ("whether there is pneumothorax",)),
        ("Left pleural effusion.", "Right pleural effusion.", ("the side of pleural effusion",)),
        ("A nodule of 6 mm.", "A nodule of 9 mm.", ("the size of nodule",)),
        ("Yes. There is a nodule.", "Yes, a nodule is seen.", ()),
        ("The heart is enlarged.", "There is a pleural effusion.", ()),
        ("Words.", "", ()),
    ],
)
def test_two_answers_differ_where_they_speak_of_the_same_thing(
    one: str, other: str, said: tuple[str, ...]
) -> None:
    assert differences(one, other) == said == differences(other, one)
