"""The scripted model, and that no model of ours reports to LangSmith."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from langchain_core.messages import HumanMessage, SystemMessage

from chat_app.errors import ModelError
from chat_app.models.scripted import Scripted

ROOT = Path(__file__).parent.parent


def test_replies_come_in_order_then_the_default() -> None:
    model = Scripted(default="I cannot tell.").enqueue("first", "second")
    assert [model.invoke("?").text for _ in range(4)] == [
        "first",
        "second",
        "I cannot tell.",
        "I cannot tell.",
    ]


def test_a_stream_gives_the_same_words_in_pieces() -> None:
    model = Scripted().enqueue("The film  is normal.\nNo more.")
    pieces = [piece.text for piece in model.stream("?")]
    assert len(pieces) > 3
    assert "".join(pieces) == "The film  is normal.\nNo more."


def test_it_keeps_what_it_was_sent(scripted: Scripted) -> None:
    sent = [SystemMessage("Be brief."), HumanMessage("Is it normal?")]
    scripted.enqueue("Yes.").invoke(sent)
    assert scripted.history == [sent]


def test_a_queued_error_is_raised(scripted: Scripted) -> None:
    scripted.enqueue(ModelError("Out of memory: try a smaller picture."), "Yes.")
    with pytest.raises(ModelError, match="memory"):
        scripted.invoke("?")
    assert scripted.invoke("?").text == "Yes."


def test_an_empty_script_says_so(scripted: Scripted) -> None:
    with pytest.raises(ModelError, match="no further reply"):
        scripted.invoke("?")


def test_it_counts_words_and_asks_no_one(scripted: Scripted) -> None:
    assert scripted.get_num_tokens("Is this film normal?") == 4


def test_two_scripts_share_nothing() -> None:
    Scripted().enqueue("mine")
    assert not Scripted().queue


def test_tracing_stays_off_whatever_the_user_s_environment_says() -> None:
    variables = ("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING", "LANGCHAIN_TRACING_V2")
    code = (
        "from chat_app.models.scripted import Scripted; from langsmith.utils import tracing_is_enabled;"
        f"import os; print(tracing_is_enabled(), *(os.environ[name] for name in {variables}))"
    )
    environ = os.environ | dict.fromkeys(variables, "true") | {"LANGSMITH_API_KEY": "none"}
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == ["False", "false", "false", "false", "false"]
