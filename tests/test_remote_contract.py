"""The same client talks to every server: one that fails on order, `transformers serve`, vLLM."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
import servers
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from PIL import Image as Pillow
from servers import ADAPTER, MODEL, Served, Talk

from chat_app import settings as settings_module
from chat_app.errors import SetupError
from chat_app.models import cards, remote
from chat_app.models.remote.chat import RemoteModel


def talkative(talk: Talk) -> None:
    """An answer as long as the real ones, at their pace, to a question that is well put."""
    talk.begin()
    for number in range(talk_length(talk)):
        talk.say(f" word{number}")
        time.sleep(0.01)
        if talk.is_left:
            return
    talk.chunk({}, "length")
    talk.usage(prompt_tokens=40, completion_tokens=24, total_tokens=64)
    talk.event("[DONE]")
    talk.close()


def talk_length(talk: Talk) -> int:
    return int(talk.asked["max_tokens"])


def made_up(tmp: Any) -> Iterator[Served]:
    with servers.fake(talkative, "vllm") as running:
        yield Served(running.url.removesuffix("/v1"), MODEL, "vLLM")


def real(start: Any) -> Any:
    def running(tmp: Any) -> Iterator[Served]:
        context: AbstractContextManager[Served] = start(tmp)
        with context as server:
            yield server

    return running


SERVERS = [
    pytest.param(made_up, id="fake"),
    pytest.param(real(servers.transformers_serve), id="transformers serve"),
    pytest.param(real(servers.vllm), id="vLLM", marks=pytest.mark.slow),
]


@pytest.fixture(scope="module", params=SERVERS)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    yield from request.param(tmp_path_factory.mktemp("server"))


@pytest.fixture
def model(served: Served) -> RemoteModel:
    return opened(served)


def opened(served: Served, **values: Any) -> RemoteModel:
    settings = settings_module.load({"max_new_tokens": 24} | values, {})
    loaded, identity = remote.load(cards.card(served.name), settings, lambda _: None)
    assert isinstance(loaded, RemoteModel)
    assert (identity.name, identity.sha256) == (served.name, "")
    return loaded


def asked(text: str, shade: int = 90) -> HumanMessage:
    stream = io.BytesIO()
    Pillow.new("RGB", (32, 32), (shade, 40, 200 - shade)).save(stream, "PNG")
    picture = {
        "type": "image",
        "base64": base64.b64encode(stream.getvalue()).decode(),
        "mime_type": "image/png",
        "extras": {"modality": "CR"},
    }
    return HumanMessage(content=[picture, {"type": "text", "text": text}])


def pieces(
    model: RemoteModel, messages: list[BaseMessage], **kwargs: Any
) -> tuple[list[str], dict[str, Any]]:
    chunks = list(model.stream(messages, **kwargs))
    assert chunks[-1].chunk_position == "last"
    return [str(chunk.text) for chunk in chunks if chunk.text], chunks[-1].response_metadata


def test_the_server_is_taken_for_what_it_is(model: RemoteModel, served: Served) -> None:
    assert model.server.name == served.kind


def test_a_question_about_a_picture_is_answered_in_pieces(model: RemoteModel) -> None:
    said, facts = pieces(model, [asked("Where are the lungs?")])
    assert len(said) > 3
    # All state how much they read, vLLM because it is asked to.
    assert facts["prompt_tokens"] > 16
    assert model.invoke([asked("Where are the lungs?")]).text == "".join(said)


def test_a_conversation_goes_on(model: RemoteModel) -> None:
    first = [asked("Where are the lungs?")]
    answer = "".join(pieces(model, first)[0])
    said, facts = pieces(model, [*first, AIMessage(content=answer), HumanMessage(content="And the heart?")])
    assert said
    assert facts["prompt_tokens"] > 16


def test_stopping_leaves_the_server_free(served: Served) -> None:
    model = opened(served, max_new_tokens=900)
    stream = model.stream([asked("Where are the lungs?")])
    next(chunk for chunk in stream if chunk.text)
    began = time.monotonic()
    stream.close()  # type: ignore[attr-defined]
    assert time.monotonic() - began < 1
    assert servers.is_at_rest(model)
    # The next question is answered at once, not after the rest of the first one.
    assert pieces(opened(served), [asked("And the heart?")])[0]
    assert time.monotonic() - began < 10


def test_an_adapter_that_is_not_there_is_refused(model: RemoteModel) -> None:
    with pytest.raises(SetupError, match="adapter"):
        list(model.stream([asked("Where are the lungs?")], adapter="no such"))


def test_the_adapters_are_those_that_are_listed(model: RemoteModel, served: Served) -> None:
    assert model.adapters() in ((), (ADAPTER,))
    plain = pieces(model, [asked("Where are the lungs?")])[0]
    for adapter in model.adapters():
        said = pieces(model, [asked("Where are the lungs?")], adapter=adapter)[0]
        assert said
        assert said != plain or not served.keeps


def test_what_is_kept_for_one_owner_is_not_for_another(model: RemoteModel, served: Served) -> None:
    # vLLM on a CPU keeps blocks of 128 tokens.
    question = asked("Where are the lungs? " * 20, shade=120)
    answers = [pieces(model, [question], owner=owner) for owner in ("ann", "bob", "ann")]
    first, other, again = (facts.get("cached_tokens", 0) for _, facts in answers)
    assert first == other == 0
    assert again > 0 or not served.keeps
    assert answers[0][0] and answers[0][0] == answers[1][0] == answers[2][0]


def test_a_model_of_another_name_is_not_there(served: Served) -> None:
    other = Served(served.url, "no-such-model", served.kind)
    with pytest.raises(SetupError, match="no model or adapter of that name"):
        list(opened(other).stream([asked("Where are the lungs?")]))
