"""What of a conversation a model is sent: pictures always, recent turns whole, old ones in large steps."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_app import memory
from chat_app.errors import BadQuestion, SetupError
from chat_app.memory import MESSAGE_TOKENS, Kept
from chat_app.records import Answer, Contract, Conversation, Image, ModelId, Study, Turn

IMAGE_TOKENS = 36
NAMES = ("image 1", "image 2", "image 3")
STUDY = Study(tuple(Image(name, np.zeros((2, 2), np.uint8), "", "PNG") for name in NAMES))


def words(text: str) -> int:
    return len(text.split())


def turn(number: int, *images: str, tokens: int = 10) -> Turn:
    answer = Answer(" ".join(["a"] * tokens), ModelId("m", ""), "", 0)
    return Turn(f"question {number}", images or ("image 1",), answer)


def kept(
    turns: list[Turn], question: str = "And now?", images: tuple[str, ...] = ("image 1",), **contract: int
) -> Kept:
    card = Contract(size=192, **{"context": 512, **contract})  # type: ignore[arg-type]
    conversation = Conversation(STUDY, tuple(turns))
    return memory.window(conversation, question, images, card, words, IMAGE_TOKENS, reserve=64)


def test_a_short_conversation_is_kept_whole() -> None:
    turns = [turn(0), turn(1)]
    found = kept(turns)
    assert (found.turns, found.images, found.dropped, found.warnings) == (tuple(turns), ("image 1",), 0, ())
    assert found.used == IMAGE_TOKENS + 2 + MESSAGE_TOKENS + 2 * (2 + 10 + 2 * MESSAGE_TOKENS)
    assert found.budget == 512 - 64
    assert found.fullness == found.used / 448


def test_the_latest_turns_stay_and_the_loss_is_told() -> None:
    turns = [turn(number, tokens=50) for number in range(12)]
    found = kept(turns)
    assert 0 < found.dropped < 12
    assert found.turns == tuple(turns[found.dropped :])
    assert f"The {found.dropped} earliest turns were not read" in found.warnings[0]


@given(st.lists(st.integers(1, 120), min_size=1, max_size=40))
def test_what_is_kept_always_fits_with_its_picture(sizes: list[int]) -> None:
    turns = [turn(number, tokens=size) for number, size in enumerate(sizes)]
    for end in range(len(turns) + 1):
        found = kept(turns[:end])
        assert found.used <= found.budget
        assert found.images == ("image 1",)
        assert len(found.turns) + found.dropped == end


def test_the_cut_stays_until_the_budget_is_passed_again() -> None:
    turns = [turn(number, tokens=20) for number in range(40)]
    cuts = [kept(turns[:end]).dropped for end in range(41)]
    moves = sum(before != after for before, after in pairwise(cuts))
    assert cuts == sorted(cuts)
    assert cuts[-1] > 25
    assert moves <= 7


def test_a_cut_goes_down_to_half_of_the_room() -> None:
    turns = [turn(number, tokens=20) for number in range(40)]
    fullest = max((kept(turns[:end]) for end in range(41)), key=lambda found: found.used)
    after = next(kept(turns[:end]) for end in range(41) if kept(turns[:end]).dropped)
    room = fullest.budget - IMAGE_TOKENS - 2 - MESSAGE_TOKENS
    assert after.used - (fullest.budget - room) <= room // 2


def test_a_model_of_one_picture_hears_only_of_that_one() -> None:
    turns = [turn(0, "image 1"), turn(1, "image 2"), turn(2, "image 1")]
    found = kept(turns, images=("image 1",))
    assert (found.turns, found.images, found.warnings) == ((turns[0], turns[2]), ("image 1",), ())


def test_a_question_that_names_no_picture_is_about_the_last() -> None:
    assert kept([turn(0, "image 1"), turn(1, "image 2")], images=()).images == ("image 2",)


def test_pictures_stay_when_their_turn_is_cut() -> None:
    turns = [turn(0, "image 2"), *(turn(number, tokens=60) for number in range(1, 10))]
    found = kept(turns, most_images=3)
    assert found.images == ("image 2", "image 1")
    assert turns[0] not in found.turns


def test_a_picture_left_out_is_told() -> None:
    turns = [turn(number, name) for number, name in enumerate(NAMES)]
    found = kept(turns, images=("image 3",), most_images=2)
    assert found.images == ("image 2", "image 3")
    assert found.turns == tuple(turns[1:])
    assert found.warnings == ("Not shown to the model for this answer: image 1.",)


def test_more_pictures_than_the_model_takes_are_refused() -> None:
    with pytest.raises(BadQuestion, match="looks at one picture at a time: ask about fewer"):
        kept([], images=("image 1", "image 2"))


def test_a_question_that_does_not_fit_is_refused_with_its_room() -> None:
    with pytest.raises(BadQuestion, match="takes 1000 tokens and there is room for 404: shorten it"):
        kept([], question="word " * 1000)
    assert kept([], question="word " * 404).fullness == 1.0


def test_a_context_without_room_for_a_picture_is_the_operators_fault() -> None:
    with pytest.raises(SetupError, match="larger"):
        kept([], context=120)


def test_the_system_prompt_takes_room() -> None:
    card = Contract(size=192, context=512)
    plain = memory.window(Conversation(STUDY), "q", ("image 1",), card, words, IMAGE_TOKENS)
    found = memory.window(Conversation(STUDY), "q", ("image 1",), card, words, IMAGE_TOKENS, system="a b c")
    assert found.used - plain.used == 3 + MESSAGE_TOKENS
