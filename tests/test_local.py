"""Local weights behind LangChain's chat model: streaming, stopping, probabilities, who asks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from langchain_core.messages import HumanMessage
from minds import picture
from transformers import AutoProcessor, LlavaForConditionalGeneration

from chat_app.imaging.view import look
from chat_app.models.cards.nano import CARD
from chat_app.models.local.chat import LocalModel
from chat_app.models.local.engine import Engine
from chat_app.models.nano import chat
from chat_app.records import Image


@pytest.fixture(scope="module")
def model() -> Iterator[LocalModel]:
    weights = LlavaForConditionalGeneration.from_pretrained(chat.WEIGHTS, dtype=torch.float32)
    made = LocalModel(engine=Engine(weights, AutoProcessor.from_pretrained(chat.WEIGHTS)), max_new_tokens=40)
    yield made
    made.engine.close()


@pytest.fixture
def endless(model: LocalModel, monkeypatch: pytest.MonkeyPatch) -> LocalModel:
    """The same model, which never comes to an end by itself."""
    monkeypatch.setattr(model.engine, "_ends", set())
    return model.model_copy(update={"max_new_tokens": 1500})


def message(text: str) -> HumanMessage:
    return HumanMessage([picture(1, 192), {"type": "text", "text": text}])


def rests(model: LocalModel) -> bool:
    """Whether the engine comes to rest within a minute."""
    deadline = time.monotonic() + 60
    while model.engine.busy and time.monotonic() < deadline:
        time.sleep(0.01)
    return not model.engine.busy


def test_a_picture_is_compared_as_the_model_sees_it(model: LocalModel) -> None:
    pixels = [np.full((50, 50), grey, np.uint8) for grey in (20, 200)]
    pictures = [Image(name="image 1", pixels=each, sha256="", format="PNG") for each in pixels]
    views = [look(each, CARD.contract) for each in pictures]
    rows = model.features(views)
    assert rows.shape == (2, 192) and rows.dtype == np.float32
    np.testing.assert_array_equal(model.features(views[1:])[0], rows[1])
    assert not np.allclose(rows[0], rows[1])


def test_the_pieces_are_the_whole(model: LocalModel) -> None:
    pieces = list(model.stream([message("Describe the image.")]))
    assert "".join(piece.text for piece in pieces) == model.invoke([message("Describe the image.")]).text


def test_each_written_token_has_its_log_probability(model: LocalModel) -> None:
    *_, last = model.stream([message("Describe the image.")])
    logprobs = last.response_metadata["logprobs"]
    assert 0 < len(logprobs) <= 40 and all(value <= 0 for value in logprobs)


def test_the_last_chunk_says_what_was_read_and_what_was_known(model: LocalModel) -> None:
    question = [message("Where are the lungs?")]
    first, again = (list(model.stream(question, owner="ann"))[-1].response_metadata for _ in range(2))
    assert first["cached_tokens"] == 0
    assert again["cached_tokens"] == again["prompt_tokens"] - 1


def test_an_answer_cut_at_its_longest_says_so(model: LocalModel) -> None:
    short = model.model_copy(update={"max_new_tokens": 3})
    question = [message("Describe the image.")]
    assert list(short.stream(question))[-1].response_metadata["truncated"]
    assert "truncated" not in list(model.stream(question))[-1].response_metadata


def test_an_owner_who_left_is_forgotten(model: LocalModel) -> None:
    question = [message("Is it normal?")]
    list(model.stream(question, owner="bob"))
    model.forget("bob")
    assert list(model.stream(question, owner="bob"))[-1].response_metadata["cached_tokens"] == 0


def test_closing_the_stream_frees_the_model(endless: LocalModel) -> None:
    stream = endless.stream([message("Describe the image.")])
    next(stream)
    assert endless.engine.busy == 1
    stream.close()  # type: ignore[attr-defined]
    assert rests(endless)


def test_who_waits_is_told_how_many_come_first(endless: LocalModel) -> None:
    slots = endless.engine.slots
    streams: list[Any] = [endless.stream([message("Go on.")], owner=str(n)) for n in range(slots + 2)]
    for stream in streams[:slots]:
        next(chunk for chunk in stream if chunk.text)
    first, second = (next(stream).response_metadata["waiting"] for stream in streams[slots:])
    assert (first, second) == ([0], [1])
    for stream in streams:
        stream.close()
    assert rests(endless)


def test_sampling_follows_its_seed(model: LocalModel) -> None:
    warm = model.model_copy(update={"temperature": 3.0, "seed": 1})
    other = model.model_copy(update={"temperature": 3.0, "seed": 2})
    question = [message("Describe the image.")]
    assert warm.invoke(question).text == warm.invoke(question).text != other.invoke(question).text
