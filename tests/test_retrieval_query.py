"""A question is searched with its own words first, then with what it leaves unsaid."""

from __future__ import annotations

import pytest

from chat_app.records import Answer, Conversation, ModelId, Turn
from chat_app.retrieval.query import built


def after(*questions: str) -> Conversation:
    conversation = Conversation()
    for question in questions:
        answer = Answer("Yes.", ModelId("nano", ""), "prompt", 0)
        conversation = conversation.with_turn(Turn(question, (), answer))
    return conversation


def test_a_question_with_a_subject_stays_as_it_is() -> None:
    question = "When is a solid nodule followed?"
    assert built(question, after("What is a pleural effusion?")) == question


@pytest.mark.parametrize("question", ["How big may it be?", "and what then?", "Does it need follow-up?"])
def test_a_question_without_a_subject_takes_that_of_an_earlier_one(question: str) -> None:
    earlier = after("Is there a pleural effusion?", "Is it large?")
    assert built(question, earlier) == f"{question} pleural effusion"


def test_identifiers_of_an_earlier_question_are_not_searched() -> None:
    earlier = after("Has Mr. Miller, case no. 47110815, born on 3 May 1950, a pneumothorax of 3 cm?")
    assert not {"miller", "47110815", "1950", "name", "number", "date"} & set(
        built("and then?", earlier).split()
    )
    assert "pneumothorax" in built("and then?", earlier)
