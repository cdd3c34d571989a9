"""A model on a server: what each kind is sent, what goes wrong there in words, and leaving it at once."""

from __future__ import annotations

import gc
import json
import logging
import re
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import servers
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from orthanc import free_port
from servers import ADAPTER, MODEL, PAGES, Fake, Talk, fake, is_at_rest

from chat_app import client
from chat_app import settings as settings_module
from chat_app.errors import ChatAppError, ModelError, SetupError
from chat_app.models import cards, remote
from chat_app.models.remote import faults, line
from chat_app.models.remote.chat import RemoteModel
from chat_app.models.remote.servers import SERVERS

KEY, QUESTION, PICTURE = "sk-zqkey", "Zqquestion about the lungs?", "enFwaWN0dXJl" * 9
ANSWER = "The lungs are clear."
SHARED = {"model", "messages", "stream", "max_tokens", "temperature", "seed"}


def opened(running: Fake, **values: Any) -> RemoteModel:
    settings = settings_module.load({"api_key": KEY, "max_new_tokens": 7} | values, {})
    model, _ = remote.load(cards.card(running.name), settings, lambda _: None)
    assert isinstance(model, RemoteModel)
    return model


def question(text: str = QUESTION) -> HumanMessage:
    extras = {"modality": "Zqmodality", "name": "image 1"}
    picture = {"type": "image", "base64": PICTURE, "mime_type": "image/png", "extras": extras}
    return HumanMessage(content=[picture, {"type": "text", "text": text}])


def told(model: RemoteModel, **kwargs: Any) -> str:
    return "".join(str(chunk.text) for chunk in model.stream([question()], **kwargs))


def fault(model: RemoteModel, **kwargs: Any) -> ChatAppError:
    with pytest.raises(ChatAppError) as caught:
        told(model, **kwargs)
    return caught.value


# What is sent


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("unknown", set()),
        ("transformers", set()),
        ("llama.cpp", {"stream_options"}),
        ("ollama", {"stream_options"}),
        ("sglang", {"stream_options", "cache_salt"}),
        ("vllm", {"stream_options", "cache_salt"}),
    ],
)
def test_each_kind_is_sent_what_it_takes_and_no_more(kind: str, more: set[str]) -> None:
    with fake(kind=kind) as running:
        assert told(opened(running, seed=3, temperature=0.5), owner="somebody") == ANSWER
    (body,) = running.asked
    assert set(body) == SHARED | more
    assert (body["model"], body["stream"], body["max_tokens"]) == (MODEL, True, 7)
    assert (body["seed"], body["temperature"]) == (3, 0.5)
    assert body.get("stream_options", {"include_usage": True}) == {"include_usage": True}


def test_words_to_stop_at_are_sent_only_where_there_are_any() -> None:
    with fake() as running:
        told(opened(running), stop=["END"])
    assert set(running.asked[0]) == SHARED | {"stop"}


def test_pictures_are_sent_inside_and_nothing_beside_them() -> None:
    with fake() as running:
        model = opened(running)
        said = [SystemMessage("Be brief."), question(), AIMessage("They are clear."), HumanMessage("Sure?")]
        model.invoke(said)
    system, first, answer, second = running.asked[0]["messages"]
    assert system == {"role": "system", "content": "Be brief."}
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}}
    assert first == {"role": "user", "content": [picture, {"type": "text", "text": QUESTION}]}
    assert answer == {"role": "assistant", "content": "They are clear."}
    assert second == {"role": "user", "content": "Sure?"}
    assert "Zqmodality" not in json.dumps(running.asked)


def test_salts_tell_owners_apart_and_do_not_name_them() -> None:
    with fake(kind="vllm") as running:
        model = opened(running)
        for owner in ("ann", "bob", "ann", ""):
            told(model, owner=owner)
    first, second, again, nobody = (body.get("cache_salt") for body in running.asked)
    assert first == again != second
    assert "ann" not in first and len(first) >= 43
    assert nobody is None


@pytest.mark.parametrize(("kind", "name"), [("vllm", ADAPTER), ("sglang", f"{MODEL}:{ADAPTER}")])
def test_an_adapter_is_a_model_of_another_name(kind: str, name: str) -> None:
    with fake(kind=kind) as running:
        model = opened(running)
        assert model.adapters() == (ADAPTER,)
        assert told(model, adapter=ADAPTER) == ANSWER
    assert running.asked[0]["model"] == name


@pytest.mark.parametrize("kind", ["llama.cpp", "ollama", "transformers", "unknown"])
def test_a_server_without_adapters_is_not_asked_for_one(kind: str) -> None:
    with fake(kind=kind) as running:
        model = opened(running)
        assert model.adapters() == ()
        assert isinstance(fault(model, adapter=ADAPTER), SetupError)
    assert not running.asked


def test_an_adapter_that_came_later_is_found() -> None:
    pages: dict[str, Any] = {"/v1/models": {"data": PAGES["vllm"]["/v1/models"]["data"][:1]}}
    with fake(pages=pages) as running:
        model = opened(running)
        assert "no adapter of that name" in str(fault(model, adapter=ADAPTER))
        pages |= PAGES["vllm"]
        assert told(model, adapter=ADAPTER) == ANSWER


@pytest.mark.parametrize("name", ["o1-mini", "gpt-5-med", "codex-rad", "org/model@main", "llava:7b"])
def test_a_name_like_one_of_openai_changes_nothing(name: str) -> None:
    with fake() as running:
        settings = settings_module.load({"temperature": 0.5}, {})
        model, _ = remote.load(cards.card(f"openai:{name}@{running.url}"), settings, lambda _: None)
        model.invoke([SystemMessage("Be brief."), question()])
    (body,) = running.asked
    assert (set(body), body["model"], body["temperature"]) == (SHARED, name, 0.5)
    assert body["messages"][0]["role"] == "system"


def meant_for_openai() -> set[str]:
    """The names of variables in the sources of what asks."""
    import langchain_openai
    import openai

    roots = [Path(str(each.__file__)).parent for each in (openai, langchain_openai)]
    sources = [path.read_text(encoding="utf-8") for root in roots for path in root.rglob("*.py")]
    return {name for text in sources for name in re.findall(r"\b(?:AZURE_)?OPENAI_[A-Z0-9_]+", text)}


CUSTOM = (
    "Authorization: Bearer zq\nHost: zq.example\nuser-agent: zq\nX-Zq: zq\nCookie: zq\nAccept: zq\n"
    "content-type: multipart/form-data; boundary=zq\nContent-Length: 7\nTransfer-Encoding: zq\nZq: zq\u00e9"
)


@pytest.mark.parametrize(("key", "sent"), [("", "none"), (KEY, KEY)])
def test_nothing_meant_for_openai_goes_to_another_server(
    key: str, sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = meant_for_openai()
    assert {"OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_BASE_URL", "OPENAI_PROXY"} <= names
    for name in names:
        monkeypatch.setenv(name, f"http://127.0.0.1:1/zq{name}")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", CUSTOM)
    monkeypatch.setenv("LANGSMITH_GATEWAY", "true")
    monkeypatch.setenv("LANGSMITH_GATEWAY_API_KEY", "zqgateway")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with fake() as running:
        assert told(opened(running, api_key=key)) == ANSWER
    assert all(set(each) <= client.HEADERS for each in running.headers)
    assert {each["authorization"] for each in running.headers} == {f"Bearer {sent}"}
    assert {each["host"] for each in running.headers} == {running.url.split("/")[2]}
    assert {each["user-agent"] for each in running.headers} == {client.AGENT}
    shown = json.dumps([running.headers, running.asked]).replace("Zq", "").replace(KEY, "")
    assert "zq" not in shown


def test_headers_that_openai_would_set_are_set_again() -> None:
    headers = {"authorization": "Bearer zq", "host": "zq", "User-Agent": "zq", "X-Zq": "zq"}
    request = faults.HTTP.Request("GET", "http://127.0.0.1:8000/v1", headers=headers)
    client._Bare("ours")(request)
    ours = {"authorization": "Bearer ours", "host": "127.0.0.1:8000", "user-agent": client.AGENT}
    assert dict(request.headers) == ours


def test_the_key_is_sent_and_shown_nowhere() -> None:
    with fake() as running:
        model = opened(running)
        told(model)
    assert {each["authorization"] for each in running.headers} == {f"Bearer {KEY}"}
    shown = f"{model!r} {model} {model.model_dump()} {model.line!r} {model.to_json()}"
    assert KEY not in shown


@pytest.mark.parametrize("key", [f" {KEY}\n", f"\t{KEY} "])
def test_a_key_is_taken_without_the_space_around_it(key: str) -> None:
    with fake() as running:
        told(opened(running, api_key=key))
    assert {each["authorization"] for each in running.headers} == {f"Bearer {KEY}"}


@pytest.mark.parametrize("key", ["sk-zqé", "sk zq", "sk-\nzq", "sk-\x00zq", "„sk-zq“"])
def test_what_can_be_no_key_is_refused_and_not_repeated(key: str) -> None:
    with fake() as running, pytest.raises(SetupError, match="LIGHTBOX_API_KEY") as caught:
        opened(running, api_key=key)
    assert_told_little(caught.value)
    assert "zq" not in str(caught.value)
    assert not running.pages


def test_tokens_are_hardly_counted_too_few() -> None:
    # Counted with Mistral's SentencePiece of 32k, the tokenizer of LLaVA-Med, without its first token.
    counted = {
        "Where are the lungs?": 6,
        "HU -1024, 5 mm; T2w FLAIR; C5/C6; ICD-10 J18.9": 33,
        "pneumoperitoneum hepatosplenomegaly cholangiocarcinoma bronchopulmonary": 28,
        "Wo liegt die Lunge? Größere Veränderung, Ödem.": 17,
        "肺在哪里 请描述这张图像": 17,
        "| ct | 60 | 0.767  | 0.733 | 0.117 | 0.675 |": 38,
        "Pt c/o SOB, PMHx HTN DM2 CKD": 18,
        "Pt c/o SOB, PMHx HTN DM2 CKD. Hx of CABG x3, AFib on ASA/NSAIDs, s/p TAVR; r/o PE vs PNA": 52,
        "pht bx dx tx sx fx hx": 12,
    }
    model = RemoteModel(line=None, server=SERVERS["vllm"])
    for text, tokens in counted.items():
        assert tokens <= model.get_num_tokens(text) <= 4 * tokens, text


# What comes back


def crumbs(talk: Talk) -> None:
    """All that a stream may hold beside an answer's text, lines ended as on Windows."""
    talk.begin().raw(": ping\n\n").raw("\r\n").chunk({"role": "assistant", "content": None})
    talk.raw('event: message\r\ndata: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m",')
    talk.raw('"choices":[{"index":0,"delta":{"content":"The lungs"},"finish_reason":null}]}\r\n\r\n')
    talk.chunk({"reasoning_content": "Hm."}).say(" are clear.").chunk({}, "stop")
    talk.usage(prompt_tokens=40, completion_tokens=5, prompt_tokens_details={"cached_tokens": 32})
    talk.event("[DONE]").close()


def starting() -> servers.Script:
    """A server that is not ready when it is first asked, nor the second time."""
    refused = iter((503, 503))

    def script(talk: Talk) -> None:
        if code := next(refused, None):
            talk.refuse(code, {"error": {"message": "Loading model", "code": code}})
        else:
            servers.answers(talk)

    return script


def ending(reason: object) -> servers.Script:
    return lambda talk: talk.begin().say(ANSWER).chunk({}, reason).close()


WHOLE: dict[str, servers.Script] = {
    "an ordinary answer": servers.answers,
    "several tokens a chunk": lambda talk: talk.begin().say("The lungs are", " clear.").end(),
    "no [DONE]": lambda talk: talk.begin().say(ANSWER).end(done=False),
    "no end of the transfer": lambda talk: talk.begin().say(ANSWER).chunk({}, "stop").cut(),
    "crumbs": crumbs,
    "at the third try": starting(),
    **{f"ended by {reason}": ending(reason) for reason in ("length", "eos", "eos_token", "stop_sequence")},
}


@pytest.mark.parametrize("script", WHOLE.values(), ids=WHOLE)
def test_a_whole_answer_is_given(script: servers.Script) -> None:
    with fake(script) as running:
        model = opened(running)
        assert told(model) == ANSWER
    assert is_at_rest(model)


def test_the_last_chunk_says_what_the_server_read() -> None:
    with fake(crumbs, "vllm") as running:
        *_, last = opened(running).stream([question()])
    assert last.chunk_position == "last"
    assert last.response_metadata == {"prompt_tokens": 40, "cached_tokens": 32}


def test_the_last_chunk_is_silent_where_the_server_is() -> None:
    with fake() as running:
        model = opened(running)
        *_, last = model.stream([question()])
        assert (last.chunk_position, last.response_metadata) == ("last", {})
        assert model.invoke([question()]).text == ANSWER


def test_the_last_chunk_says_when_the_answer_reached_its_longest_length() -> None:
    with fake(ending("length")) as running:
        model = opened(running)
        *_, last = model.stream([question()])
        assert last.response_metadata == {"truncated": True}
        assert model.invoke([question()]).response_metadata["truncated"] is True


def said(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": f"Zqbody {message}", "type": "invalid_request_error", **more}}


def refusing(code: int, body: object = None, **headers: str) -> servers.Script:
    return lambda talk: talk.refuse(code, said("") if body is None else body, **headers)


def streaming(event: object) -> servers.Script:
    """One that sends this after a first piece."""
    return lambda talk: talk.begin().say("The").event(event).close()


VLLM_LONG = "The decoder prompt (length 9000) is longer than the maximum model length of 4096."
OPENAI_LONG = "This model's maximum context length is 4096 tokens. However, you requested 9000 tokens."
SGLANG_LONG = "The input (9000 tokens) is longer than the model's context length (4096 tokens)."
LLAMA_LONG = "request (9000 tokens) exceeds the available context size (4096 tokens), try increasing it"

BAD: dict[str, tuple[servers.Script, type[ChatAppError], str]] = {
    "long for vLLM": (refusing(400, said(VLLM_LONG)), ModelError, faults.LONG),
    "long for SGLang": (refusing(400, {"object": "error", "message": SGLANG_LONG}), ModelError, faults.LONG),
    "long for OpenAI": (refusing(400, said(OPENAI_LONG)), ModelError, faults.LONG),
    "long for llama.cpp": (refusing(400, said(LLAMA_LONG)), ModelError, faults.LONG),
    "long for a proxy": (refusing(413, b"<html>"), ModelError, faults.LONG),
    "many pictures": (refusing(400, said("At most 1 image(s) may be provided")), ModelError, faults.FEWER),
    "no mmproj": (refusing(500, said("image input is not supported - hint: ")), SetupError, faults.BLIND),
    "bad field": (refusing(422, {"detail": "Unexpected fields: {'Zqbody'}"}), SetupError, faults.ODD),
    "no key": (refusing(401), SetupError, faults.REFUSED),
    "wrong key": (refusing(403, b"Zqbody"), SetupError, faults.REFUSED),
    "no such model": (refusing(404, said("The model `x` does not exist.")), SetupError, faults.ABSENT),
    "other model": (refusing(400, {"detail": "Server is pinned to 'a'"}), SetupError, faults.ABSENT),
    "elsewhere": (refusing(307, b"", Location="http://127.0.0.1:1/v1"), SetupError, faults.MOVED),
    "busy": (refusing(429), ModelError, faults.BUSY),
    "starting": (refusing(503), ModelError, faults.BUSY),
    "slow inside": (refusing(408), ModelError, faults.SLOW),
    "failing": (refusing(500), ModelError, "failed at this (HTTP 500)"),
    "a proxy's page": (refusing(502, b"<html>Zqbody</html>"), ModelError, "failed at this (HTTP 502)"),
    "a teapot": (refusing(418), SetupError, faults.OTHER),
    "a page": (refusing(200, b"<html>Zqbody</html>"), ModelError, faults.GARBAGE),
    "no stream": (refusing(200, {"choices": []}), ModelError, faults.GARBAGE),
    "nothing": (lambda talk: talk.begin().close(), ModelError, faults.GARBAGE),
    "no JSON": (streaming('{"Zqbody'), ModelError, faults.GARBAGE),
    "JSON of another kind": (streaming("[1, 2]"), ModelError, faults.GARBAGE),
    "a number": (streaming("42"), ModelError, faults.GARBAGE),
    "odd choices": (streaming('{"choices": 7}'), ModelError, faults.GARBAGE),
    "odd delta": (streaming('{"choices": [{"delta": "Zqbody"}]}'), ModelError, faults.GARBAGE),
    "no text": (lambda talk: talk.begin().raw(b"data: \xff\n\n"), ModelError, faults.GARBAGE),
    "cut": (lambda talk: talk.begin().say("The lungs").cut(), ModelError, faults.BROKEN),
    "cut at once": (lambda talk: talk.cut(), ModelError, faults.BROKEN),
    "no reason": (lambda talk: talk.begin().say("The").event("[DONE]").close(), ModelError, faults.BROKEN),
    "brackets": (streaming("[" * 100_000), ModelError, faults.GARBAGE),
    "filtered": (ending("content_filter"), ModelError, faults.FILTERED),
    "aborted": (ending("abort"), ModelError, faults.ENDED),
    "given up": (ending("error"), ModelError, faults.ENDED),
    "repeating": (ending("repetition"), ModelError, faults.ENDED),
    "a reason in parts": (ending({"type": "abort", "message": "Zqbody"}), ModelError, faults.ENDED),
    "a reason as a list": (ending(["stop"]), ModelError, faults.ENDED),
    "filtered and cut": (
        lambda talk: talk.begin().say("The").chunk({}, "content_filter").cut(),
        ModelError,
        faults.FILTERED,
    ),
    "error inside": (streaming(said("")), ModelError, "in the middle of its answer"),
    "error in words": (streaming({"error": "Zqbody"}), ModelError, "in the middle of its answer"),
    "long inside": (streaming(said(SGLANG_LONG)), ModelError, faults.LONG),
}


@pytest.mark.parametrize(("script", "kind", "words"), BAD.values(), ids=BAD)
def test_what_goes_wrong_is_said_in_one_sentence(
    script: servers.Script, kind: type[ChatAppError], words: str
) -> None:
    with fake(script) as running:
        model = opened(running)
        error = fault(model)
    assert type(error) is kind
    assert words in str(error)
    assert_told_little(error)
    assert is_at_rest(model)


def assert_told_little(error: ChatAppError) -> None:
    """One sentence; nothing of the question, the answer, the key or the address, in the traceback neither."""
    words = str(error)
    assert words.endswith(".") and ". " not in words and "\n" not in words
    whole = "".join(traceback.format_exception(error))
    for secret in (KEY, QUESTION, PICTURE, "Zqbody", "/chat/completions"):
        assert secret not in whole


@pytest.mark.parametrize("code", [429, 500])
def test_a_busy_server_is_asked_three_times(code: int) -> None:
    with fake(refusing(code)) as running:
        fault(opened(running))
    assert len(running.asked) == 3


def test_a_redirect_is_not_followed() -> None:
    with fake() as other:
        for code in (301, 307, 308):
            with fake(refusing(code, b"", Location=other.url + "/chat/completions")) as running:
                fault(opened(running))
    assert not other.asked


def test_a_server_that_ends_is_away() -> None:
    with fake() as running:
        model = opened(running)
    assert str(fault(model)) == faults.AWAY


@pytest.mark.parametrize("pauses", [(0.4, 9.0), (9.0, 0.4)])
def test_patience_ends(pauses: tuple[float, float]) -> None:
    def silent(talk: Talk) -> None:
        talk.begin()
        if pauses[0] > pauses[1]:
            talk.say("The lungs")
        talk.wait()

    with fake(silent) as running:
        model = opened(running)
        model.patience = pauses
        began = time.monotonic()
        assert str(fault(model)) == faults.SLOW
        assert time.monotonic() - began < 2
        assert running.gone.wait(1)
    assert is_at_rest(model)


def openai_faults() -> list[type[Exception]]:
    import openai

    public = [getattr(openai, name) for name in openai.__all__]
    return [each for each in public if isinstance(each, type) and issubclass(each, Exception)]


@pytest.mark.parametrize("kind", openai_faults(), ids=lambda kind: kind.__name__)
def test_every_fault_that_openai_has_is_mapped(kind: type[Exception]) -> None:
    error = kind.__new__(kind)
    error.args = ("Zqbody",)
    codes = {"BadRequestError": 400, "AuthenticationError": 401, "PermissionDeniedError": 403}
    codes |= {"NotFoundError": 404, "ConflictError": 409, "UnprocessableEntityError": 422}
    codes |= {"RateLimitError": 429, "InternalServerError": 500, "OAuthError": 401}
    if kind.__name__ in codes:
        error.status_code = codes[kind.__name__]  # type: ignore[attr-defined]
    with pytest.raises(ChatAppError) as caught, faults.said():
        raise error
    assert_told_little(caught.value)
    assert type(caught.value) in (SetupError, ModelError)


def http_faults() -> list[type[Exception]]:
    found, left = [], [faults.HTTP.HTTPError]
    while left:
        found.append(left.pop())
        left += found[-1].__subclasses__()
    return found


@pytest.mark.parametrize("kind", http_faults(), ids=lambda kind: kind.__name__)
def test_every_fault_of_its_http_library_is_mapped(kind: type[Exception]) -> None:
    error = kind.__new__(kind)
    error.args = ("Zqbody",)
    with pytest.raises(ChatAppError) as caught, faults.said():
        raise error
    assert_told_little(caught.value)


def test_a_certificate_that_is_not_trusted_is_named() -> None:
    import ssl

    import openai

    error = openai.APIConnectionError.__new__(openai.APIConnectionError)
    error.__cause__ = faults.HTTP.ConnectError("Zqbody")
    error.__cause__.__cause__ = ssl.SSLCertVerificationError("Zqbody")
    assert str(faults.named(error)) == faults.TRUST
    assert str(faults.unreachable(error, "pacs.example")) == faults.TRUST


# Waiting and leaving


def test_whoever_waits_hears_something() -> None:
    def late(talk: Talk) -> None:
        talk.begin()
        time.sleep(0.7)
        servers_answer(talk)

    with fake(late) as running:
        chunks = list(opened(running).stream([question()]))
    first = next(number for number, chunk in enumerate(chunks) if chunk.text)
    assert 2 <= first <= 4
    assert all(chunk.response_metadata.get("waiting") == [0] for chunk in chunks[:first])
    assert "".join(str(chunk.text) for chunk in chunks) == ANSWER


def servers_answer(talk: Talk) -> None:
    talk.say("The lungs", " are clear.").end()


def test_whoever_waits_for_thoughts_hears_something() -> None:
    def thoughtful(talk: Talk) -> None:
        talk.begin()
        for _ in range(12):
            talk.chunk({"reasoning_content": "Hm."})
            time.sleep(0.05)
        servers_answer(talk)

    with fake(thoughtful) as running:
        chunks = list(opened(running).stream([question()]))
    assert any("waiting" in chunk.response_metadata for chunk in chunks)


LEFT: dict[str, servers.Script] = {
    "before it answers": lambda talk: talk.wait(),
    "before the first word": lambda talk: talk.begin().wait(),
    "between two words": lambda talk: talk.begin().say("The lungs").wait(),
}


@pytest.mark.parametrize("script", LEFT.values(), ids=LEFT)
def test_leaving_closes_the_line_at_once(script: servers.Script, caplog: pytest.LogCaptureFixture) -> None:
    with fake(script) as running:
        model = opened(running)
        stream = model.stream([question()])
        next(stream)
        began = time.monotonic()
        stream.close()  # type: ignore[attr-defined]
        assert running.gone.wait(1)
        assert time.monotonic() - began < 1
        assert is_at_rest(model)
    assert not caplog.records


def test_leaving_while_it_waits_to_try_again_is_as_quick() -> None:
    with fake(refusing(429, None, Retry_After="30", Retry_After_Ms="30000")) as running:
        model = opened(running)
        stream = model.stream([question()])
        next(stream)
        began = time.monotonic()
        stream.close()  # type: ignore[attr-defined]
        assert time.monotonic() - began < 1
    assert len(running.asked) == 1
    assert is_at_rest(model)


def test_leaving_one_question_leaves_the_others_alone() -> None:
    met = threading.Barrier(2, timeout=5)

    def together(talk: Talk) -> None:
        talk.begin().say("The lungs")
        met.wait()
        time.sleep(0.3)
        talk.say(" are clear.").end()

    with fake(together) as running:
        model = opened(running)
        left, other = model.stream([question()]), model.stream([question()])
        next(left)
        said = str(next(other).text)
        left.close()  # type: ignore[attr-defined]
        assert said + "".join(str(chunk.text) for chunk in other) == ANSWER


def test_questions_in_a_row_share_a_connection() -> None:
    pytest.importorskip("openai", "3", reason="openai 2 leaves the end of an answer unread")
    with fake() as running:
        model = opened(running)
        for _ in range(3):
            told(model)
    assert len(set(running.lines)) == 1


def test_a_connection_that_was_left_is_not_used_again() -> None:
    def script(talk: Talk) -> None:
        talk.begin().say("The lungs")
        if len(running.asked) == 1:
            talk.wait()
        else:
            talk.say(" are clear.").end()

    with fake(script) as running:
        model = opened(running)
        stream = model.stream([question()])
        next(stream)
        stream.close()  # type: ignore[attr-defined]
        assert told(model) == ANSWER
    assert len(set(running.lines)) == 2


def test_a_connection_that_the_server_closed_is_made_anew() -> None:
    def closing(talk: Talk) -> None:
        servers.answers(talk)
        talk.handler.close_connection = True

    with fake(closing) as running:
        model = opened(running)
        assert [told(model) for _ in range(3)] == [ANSWER] * 3
    assert len(running.asked) == 3


def test_the_thread_that_reads_ends_with_the_model() -> None:
    before = set(threading.enumerate())
    with fake() as running:
        model = opened(running)
        told(model)
        threads = [each for each in threading.enumerate() if each.name == "model-server"]
        (thread,) = set(threads) - before
        del model
        gc.collect()
        thread.join(2)
    assert not thread.is_alive()


def test_two_ask_at_once() -> None:
    met = threading.Barrier(2, timeout=5)

    def together(talk: Talk) -> None:
        talk.begin().say("The lungs")
        met.wait()
        talk.say(" are clear.").end()

    said: list[str] = []
    with fake(together) as running:
        model = opened(running)
        asking = [threading.Thread(target=lambda: said.append(told(model))) for _ in range(2)]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
    assert said == [ANSWER, ANSWER]


# What is kept to oneself


@pytest.mark.parametrize("name", ["a whole answer", "failing", "bad field", "no JSON", "odd delta"])
def test_nothing_is_logged_of_what_is_asked(
    name: str, caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    script = BAD[name][0] if name in BAD else servers.answers
    caplog.set_level(logging.DEBUG)
    with fake(script) as running:
        model = opened(running)
        with suppress(ChatAppError):
            told(model)
    logged = "\n".join(f"{record.name} {record.getMessage()} {record.exc_text}" for record in caplog.records)
    logged += "".join(str(each.message) for each in recwarn)
    for secret in (KEY, QUESTION, PICTURE, "Zqbody", "/v1"):
        assert secret not in logged


# Naming and finding it


def test_a_model_that_is_known_keeps_its_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    known = cards.card("nano")
    served = cards.card("openai:Nano@http://gpu.example/v1")
    assert (served.contract, served.image_tokens) == (known.contract, known.image_tokens)
    assert served.taught == known.taught
    weights = cards.Weights("Org/Nano-1", "X", 0, 0, 0, ())
    elsewhere = cards.Card("n", "", "", "", known.contract, 49, weights=weights)
    monkeypatch.setattr(cards, "known", lambda: (elsewhere,))
    assert cards.card("openai:org/nano-1@http://gpu.example/v1").contract == known.contract
    assert cards.card("openai:nano-2@http://gpu.example/v1").contract == remote.CONTRACT


@pytest.mark.parametrize("kind", SERVERS)
def test_each_kind_is_told_by_what_it_lists(kind: str) -> None:
    with fake(kind=kind) as running:
        assert opened(running).server == SERVERS[kind]


@pytest.mark.parametrize(
    ("kind", "page", "found"),
    [
        ("vllm", "/version", {"version": "0.32.0"}),
        ("llama.cpp", "/props", {"default_generation_settings": {}}),
        ("ollama", "/api/version", {"version": "0.9"}),
        ("sglang", "/get_model_info", {"model_path": "x"}),
        ("transformers", "/openapi.json", {"paths": {"/load_model": {}}}),
    ],
)
@pytest.mark.parametrize("models", [404, b"<html>", {"data": [{"id": MODEL, "owned_by": "me"}]}])
def test_each_kind_is_told_by_a_page_of_its_own(kind: str, page: str, found: Any, models: Any) -> None:
    with fake(pages={"/v1/models": models, page: found}) as running:
        assert opened(running).server == SERVERS[kind]


def test_llama_cpp_is_told_by_its_header_while_it_loads() -> None:
    with fake(pages={"/v1/models": 503}, header="llama.cpp") as running:
        assert opened(running).server == SERVERS["llama.cpp"]


ODD: list[Any] = [
    404,
    500,
    b"",
    b"\xff",
    b"[",
    b"[" * 100_000,
    [],
    7.0,
    "x",
    None,
    {},
    {"data": 3},
    {"data": [3]},
]
ODD += [{"data": [{"id": 5, "owned_by": {}}]}, {"data": {"id": "x"}}, {"version": None, "paths": []}]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:40])
def test_nonsense_makes_it_a_server_of_no_known_kind(odd: Any) -> None:
    pages = dict.fromkeys(["/v1/models", "/version", "/api/version", "/props", "/get_model_info"], odd)
    with fake(pages=pages | {"/openapi.json": odd}) as running:
        model = opened(running)
        assert model.server.name.startswith("a server of a kind")
        assert told(model) == ANSWER


def test_a_server_that_does_not_say_who_it_is_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    import openai

    monkeypatch.setattr(line, "QUICK", openai.Timeout(0.2))
    pages: dict[str, Any] = {"/v1/models": {"data": []}, "/version": lambda talk: talk.wait()}
    with fake(pages=pages) as running:
        assert opened(running).server.name.startswith("a server of a kind")


def test_a_server_that_is_not_there_is_named() -> None:
    port = free_port()
    with pytest.raises(SetupError, match=rf"127\.0\.0\.1:{port} cannot be reached") as caught:
        opened(Fake(f"http://127.0.0.1:{port}/v1"))
    assert_told_little(caught.value)


@pytest.mark.parametrize("code", [401, 403])
def test_a_key_that_is_refused_is_named(code: int) -> None:
    with fake(pages={"/v1/models": code}) as running, pytest.raises(SetupError, match="LIGHTBOX_API_KEY"):
        opened(running)


def test_a_server_that_has_moved_is_not_followed() -> None:
    away: Callable[[Talk], None] = refusing(302, b"", Location="http://127.0.0.1:1/v1/models")
    with fake(pages={"/v1/models": away}) as running, pytest.raises(SetupError, match="another address"):
        opened(running)


def test_a_model_that_is_not_listed_is_refused_where_lists_are_whole() -> None:
    pages = {"/v1/models": {"data": [servers.entry("vllm", "another")]}}
    with fake(pages=pages) as running, pytest.raises(SetupError, match="check the name before the @"):
        opened(running)


def tagged(**lines: Any) -> dict[str, Any]:
    """Ollama's pages where its list of models has these beside an ordinary one."""
    models = [
        {"name": "other:latest", "remote_host": "https://ollama.com:443"},
        {"name": "llava:latest"} | lines,
    ]
    return PAGES["ollama"] | {"/api/tags": {"models": [7, *models]}}


def test_a_model_that_ollama_asks_elsewhere_is_refused_under_another_name() -> None:
    pages = tagged(remote_host="https://ollama.com:443", remote_model="qwen3-vl:235b")
    with fake(pages=pages) as running:
        with pytest.raises(SetupError, match="whose tag says cloud") as caught:
            opened(running)
        assert_told_little(caught.value)
        cloud = settings_module.load({}, {})
        remote.load(cards.card(f"openai:llava:cloud@{running.url}"), cloud, lambda _: None)


@pytest.mark.parametrize(
    "page", [404, b"[", [], {"models": 3}, {"models": [{"name": 3, "remote_host": "x"}]}]
)
def test_an_ollama_that_lists_nothing_of_the_kind_is_asked(page: Any) -> None:
    for pages in (tagged(), PAGES["ollama"] | {"/api/tags": page}):
        with fake(pages=pages) as running:
            assert told(opened(running)) == ANSWER


def test_naming_a_server_imports_nothing_heavy() -> None:
    code = (
        "import sys, chat_app.models.cards as c, chat_app.models.remote as r; n = 'openai:x@http://10.0.0.7';"
        " c.card(n); assert r.warning(n); print(*sys.modules)"
    )
    root = Path(__file__).parent.parent
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {"openai", "langchain_openai", "langchain_core", "httpx", "httpx2", "torch", "tiktoken"}
    assert heavy & set(loaded) == set()
