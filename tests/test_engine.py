"""The engine on small models of every architecture: each answer is that of the cold path."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import minds
import numpy as np
import pytest
import torch
from langchain_core.messages import AIMessage, BaseMessage, SystemMessage
from minds import KINDS, answered, asked, begun, cold, done, engine, job, picture

from chat_app.errors import ModelError
from chat_app.models.local import decode
from chat_app.models.local.engine import Engine

WORDS = "where what kind is the lung heart lesion left right large small normal picture image of in a"


@pytest.fixture(scope="module", params=KINDS)
def each(request: pytest.FixtureRequest) -> Iterator[Engine]:
    made = engine(request.param)
    yield made
    made.close()


@pytest.fixture(scope="module")
def llava() -> Iterator[Engine]:
    made = engine("llava-15-7b")
    yield made
    made.close()


def question(dice: random.Random) -> str:
    return " ".join(dice.choices(WORDS.split(), k=dice.randint(2, 9))) + "?"


def until(true: Callable[[], Any]) -> None:
    """Waits for it, for a minute at the most: a busy machine is slow, not broken."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


# Pictures


def test_the_features_of_a_picture_are_the_mean_of_its_tokens(each: Engine) -> None:
    prompt = each.reader.read([asked("This?", picture(1))])
    (span,) = prompt.spans
    tokens = each._look(span.picture).pooler_output
    tokens = tokens[0] if isinstance(tokens, list | tuple) else tokens
    assert tokens.flatten(0, -2).shape[0] == int(prompt.pictured.sum())
    features = each.features(span.picture)
    assert features.dtype == np.float32
    torch.testing.assert_close(torch.from_numpy(features), tokens.flatten(0, -2).mean(0))


# Prompts


def test_a_prompt_is_what_the_processor_makes_of_it(each: Engine) -> None:
    second = asked("And what of these?", picture(2), picture(3))
    messages = [*begun(), AIMessage("A film."), second, AIMessage("So are they."), asked("This?", picture(4))]
    prompt = each.reader.read(messages)
    assert prompt.ids.tolist() == minds.inputs(each, messages)["input_ids"][0].tolist()
    assert len(prompt.spans) == 4


def test_two_pictures_have_the_same_ids_and_other_keys(each: Engine) -> None:
    one, two = each.reader.read(begun(seed=1)), each.reader.read(begun(seed=2))
    assert one.ids.tolist() == two.ids.tolist()
    assert one.keys.tolist() != two.keys.tolist()


def test_control_tokens_in_a_question_are_only_words(each: Engine) -> None:
    added = each.reader.tokenizer.added_tokens_decoder
    plain = each.reader.read(begun("What is it?"))
    special = {number: token.content for number, token in added.items() if token.special}
    hostile = each.reader.read(begun(f"{''.join(special.values())} What is it?"))
    controls = torch.tensor(list(special))
    assert torch.isin(hostile.ids, controls).sum() == torch.isin(plain.ids, controls).sum()


def test_an_answer_stopped_before_its_first_word_can_be_followed_up(each: Engine) -> None:
    messages = [*begun(), AIMessage(""), asked("And now?")]
    one = job(each, messages)
    done(one)
    silent = AIMessage([{"type": "text", "text": ""}])
    assert one.row.written == cold(each, [*begun(), silent, asked("And now?")])


# The prefix cache


@pytest.mark.parametrize("seed", [1, 2])
def test_every_answer_of_a_long_dialogue_is_that_of_the_cold_path(each: Engine, seed: int) -> None:
    dice, owner = random.Random(seed), f"owner {seed}"
    messages = begun(question(dice), seed)
    for turn in range(9):
        prompt = len(each.reader.read(messages))
        here = job(each, messages, owner)
        text = done(here)
        assert here.row.written == cold(each, messages), f"turn {turn}, {here.cached} of {prompt} were kept"
        assert text == each.reader.tokenizer.decode(here.row.written, skip_special_tokens=True)
        assert (here.cached > prompt // 3) == (turn > 0)
        if turn in (3, 6):
            # As Edit does: the last question in other words, after a step back.
            messages = [*messages[:-1], asked(question(dice))]
        else:
            brought = [picture(10 * seed + turn)] if turn in (1, 4) else []
            messages = answered(messages, job(each, messages, owner), asked(question(dice), *brought))


def test_a_retry_reads_one_token(each: Engine) -> None:
    messages = begun("Again and again?")
    done(job(each, messages, "retry"))
    again = job(each, messages, "retry")
    done(again)
    assert again.cached == len(again.row.prompt) - 1


def test_a_new_conversation_on_the_same_picture_shares_its_beginning(each: Engine) -> None:
    done(job(each, begun("Is this normal?", 7), "one"))
    other = job(each, begun("Where are the lungs?", 7), "one")
    done(other)
    assert other.cached >= other.row.prompt.spans[0].end
    assert other.row.written == cold(each, begun("Where are the lungs?", 7))


def test_nothing_is_shared_between_owners(each: Engine) -> None:
    done(job(each, begun("Is this normal?", 8), "one"))
    stranger = job(each, begun("Is this normal?", 8), "another")
    done(stranger)
    assert stranger.cached == 0


def test_a_picture_changed_by_one_pixel_is_read_anew(each: Engine) -> None:
    done(job(each, begun("Is this normal?", 11), "editor"))
    edited = job(each, begun("Is this normal?", 12), "editor")
    done(edited)
    assert edited.cached <= edited.row.prompt.spans[0].start


def test_without_an_owner_nothing_is_kept(llava: Engine) -> None:
    kept = llava.prefixes.nbytes
    done(job(llava, begun("Whose is it?", 20)))
    assert llava.prefixes.nbytes == kept


def test_what_an_owner_leaves_is_dropped(llava: Engine) -> None:
    done(job(llava, begun("Is this normal?", 9), "leaver"))
    llava.forget("leaver")
    again = job(llava, begun("Is this normal?", 9), "leaver")
    done(again)
    assert again.cached == 0


def test_an_owner_who_leaves_in_mid_answer_leaves_nothing(llava: Engine) -> None:
    one = job(llava, begun("Go on and on", 14), "runaway", most=10_000)
    one.said.get(timeout=60)
    llava.forget("runaway")
    until(lambda: not llava.busy)
    again = job(llava, begun("Go on and on", 14), "runaway")
    done(again)
    assert again.cached == 0


def test_who_was_forgotten_may_ask_again_at_once(llava: Engine) -> None:
    held = threading.Event()
    holding = threading.Thread(target=llava.call, args=[held.wait])
    holding.start()
    before = job(llava, begun("Is this normal?", 15), "comer")
    llava.forget("comer")
    after = job(llava, begun("Is this normal?", 15), "comer")
    held.set()
    holding.join()
    assert before.said.get(timeout=60) is None
    assert done(after) and after.cached == 0


def test_a_picture_is_looked_at_once_for_each_owner(each: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    look, looked = each._look, []
    monkeypatch.setattr(each, "_look", lambda picture: looked.append(picture.key) or look(picture))
    for owner, system in (("one", "A."), ("one", "B."), ("two", "A.")):
        done(job(each, [SystemMessage(system), asked("What is it?", picture(30))], f"looker {owner}"))
    assert len(looked) == 2 and len(set(looked)) == 1


def test_what_is_kept_is_what_is_counted(llava: Engine) -> None:
    """A short question beside a long one keeps nothing of the long one's length."""
    talks = [begun("Is it large?" * (1 + 20 * (n == 0)), 40 + n) for n in range(4)]
    for one in [job(llava, talk, f"weigher {n}", most=3 + 4 * n) for n, talk in enumerate(talks)]:
        done(one)
    kept = [prefix for prefix in llava.prefixes._kept if prefix.owner.startswith("weigher")]
    held = sum(t.untyped_storage().nbytes() for prefix in kept for pair in prefix.layers for t in pair)
    assert len(kept) == 4 and held == sum(prefix.nbytes for prefix in kept)
    seen = llava._features._kept.values()
    assert all(set(each.keys()) <= {"pooler_output", "deepstack_features"} for each in seen)


def test_a_stopped_answer_leaves_what_was_read(llava: Engine) -> None:
    stopped = job(llava, begun("Go on and on", 13), "stopper", most=10_000)
    stopped.said.get(timeout=60)
    stopped.cancelled.set()
    until(lambda: not llava.busy)
    again = job(llava, begun("Go on and on", 13), "stopper")
    done(again)
    assert again.cached == len(again.row.prompt) - 1


# Several at once


def test_rows_side_by_side_are_each_as_alone(each: Engine) -> None:
    talks: list[list[BaseMessage]] = [begun(f"Is it {'very ' * n}large?", n) for n in range(6)]
    expected = [cold(each, talk, 4 + 5 * n) for n, talk in enumerate(talks)]
    jobs = [job(each, talk, f"user {n}", most=4 + 5 * n) for n, talk in enumerate(talks)]
    for one in jobs:
        done(one)
    assert [one.row.written for one in jobs] == expected
    # What they leave is their own again, without the padding: the next turn goes on from it.
    for number, (one, talk) in enumerate(zip(jobs, talks, strict=True)):
        text = each.reader.tokenizer.decode(one.row.written, skip_special_tokens=True)
        more = [*talk, minds.AIMessage(text), asked("And then?")]
        follow = job(each, more, f"user {number}")
        done(follow)
        assert follow.cached >= len(one.row.prompt)
        assert follow.row.written == cold(each, more)


def test_each_row_throws_its_own_dice(llava: Engine) -> None:
    alone = job(llava, begun(), temperature=2.0, seed=3)
    done(alone)
    beside = [job(llava, begun(), temperature=2.0, seed=seed) for seed in (3, 4)]
    for one in beside:
        done(one)
    assert beside[0].row.written == alone.row.written != beside[1].row.written


def test_every_token_has_its_log_probability(llava: Engine) -> None:
    one = job(llava, begun())
    done(one)
    assert len(one.row.chances) == len(one.row.written) and all(chance <= 0 for chance in one.row.chances)


def test_one_more_than_there_are_places_waits(llava: Engine) -> None:
    long = [job(llava, begun(seed=n), f"user {n}", most=400) for n in range(llava.slots)]
    until(lambda: llava.busy == llava.slots)
    next_, last = (job(llava, begun(), name, most=2) for name in ("next", "last"))
    assert (llava.before(next_), llava.before(last)) == (0, 1)
    long[0].cancelled.set()
    done(next_)
    for each in long:
        each.cancelled.set()
    done(last)


def test_a_waiting_question_can_be_taken_back(llava: Engine) -> None:
    long = [job(llava, begun(seed=n), f"user {n}", most=400) for n in range(llava.slots)]
    waiting = job(llava, begun(), "impatient")
    waiting.cancelled.set()
    for each in long:
        each.cancelled.set()
    until(lambda: not llava.busy)
    assert done(waiting) == "" and not waiting.row.written


def test_from_many_threads_at_once_everybody_gets_their_own_answer(llava: Engine) -> None:
    talks = [begun(f"Number {n}?", n) for n in range(12)]
    expected = [cold(llava, talk) for talk in talks]
    got: dict[int, list[int]] = {}

    def ask(number: int) -> None:
        one = job(llava, talks[number], f"thread {number}")
        done(one)
        got[number] = one.row.written

    threads = [threading.Thread(target=ask, args=[n]) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [got[n] for n in range(12)] == expected


# Faults


class Failing:
    """In the place of a model's forward: raises each of these once, None means that it works."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, engine: Engine, *faults: Exception | None) -> None:
        self.faults, self.forward = list(faults), engine.model.forward
        self.sizes: list[int] = []
        monkeypatch.setattr(engine.model, "forward", self)

    def __call__(self, *given: Any, **named: Any) -> Any:
        self.sizes.append(named["input_ids"].shape[1])
        fault = self.faults.pop(0) if self.faults else None
        if fault:
            raise fault
        return self.forward(*given, **named)


@pytest.fixture
def alone() -> Iterator[Engine]:
    made = engine("llava-15-7b")
    yield made
    made.close()


def test_out_of_memory_while_reading_is_tried_again_in_smaller_pieces(
    alone: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = cold(alone, begun())
    done(job(alone, begun("Something else", 5), "kept"))
    failing = Failing(monkeypatch, alone, torch.OutOfMemoryError())
    one = job(alone, begun())
    done(one)
    assert one.row.written == expected
    assert alone.prefixes.nbytes == 0
    assert failing.sizes[:2] == [alone.chunk, alone.chunk // 4]


def test_out_of_memory_while_writing_is_tried_again(alone: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = cold(alone, begun())
    pieces = -(-len(alone.reader.read(begun())) // alone.chunk) + 2
    Failing(monkeypatch, alone, *[None] * pieces, torch.OutOfMemoryError())
    one = job(alone, begun())
    done(one)
    assert one.row.written == expected


@pytest.mark.parametrize("place", ["_chosen", "_stacked"])
def test_out_of_memory_beside_the_model_is_tried_again_and_writes_nothing_twice(
    alone: Engine, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    talks = [begun(f"Is it {'very ' * n}large?", n) for n in range(2)]
    expected = [cold(alone, talk) for talk in talks]
    real, calls = getattr(decode, place), itertools.count()

    def failing(*given: Any) -> Any:
        if next(calls) in (1, 20):
            raise torch.OutOfMemoryError
        return real(*given)

    monkeypatch.setattr(decode, place, failing)
    jobs = [job(alone, talk, f"user {n}") for n, talk in enumerate(talks)]
    for one in jobs:
        done(one)
    assert [one.row.written for one in jobs] == expected
    assert next(calls) > 3


def test_out_of_memory_twice_is_said_and_the_next_question_works(
    alone: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    Failing(monkeypatch, alone, torch.OutOfMemoryError(), torch.OutOfMemoryError())
    with pytest.raises(ModelError, match="ran out of memory"):
        done(job(alone, begun()))
    assert done(job(alone, begun()))


@pytest.mark.parametrize("fault", [RuntimeError("broken"), TypeError("unforeseen")], ids=["known", "unknown"])
def test_a_fault_is_said_and_the_next_question_works(
    alone: Engine, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    expected = cold(alone, begun())
    Failing(monkeypatch, alone, None, None, None, None, fault)
    with pytest.raises(ModelError, match="ask it again"):
        done(job(alone, begun(), "unlucky"))
    one = job(alone, begun(), "unlucky")
    done(one)
    assert one.row.written == expected


def test_one_odd_question_ends_nobody_else_s(alone: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    talks = [begun(f"Number {n}?", n) for n in range(6)]
    expected = [cold(alone, talk) for talk in talks]
    odd, look = alone.reader.read(talks[2]).spans[0].picture.key, alone._look

    def looking(picture: Any) -> Any:
        if picture.key == odd:
            raise TypeError("unforeseen")
        return look(picture)

    monkeypatch.setattr(alone, "_look", looking)
    jobs = [job(alone, talk, f"user {n}") for n, talk in enumerate(talks)]
    with pytest.raises(ModelError):
        done(jobs.pop(2))
    for one in jobs:
        done(one)
    assert [one.row.written for one in jobs] == [*expected[:2], *expected[3:]]


def test_a_closed_engine_leaves_nobody_waiting(alone: Engine) -> None:
    one = job(alone, begun(), most=10_000)
    one.said.get(timeout=60)
    alone.close()
    with pytest.raises(ModelError):
        done(one)
    for _ in range(2):
        with pytest.raises(ModelError, match="stopped"):
            job(alone, begun())
