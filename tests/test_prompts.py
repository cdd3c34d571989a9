"""Prompts and report templates as files, and the messages that are made of a conversation."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from chat_app import prompts
from chat_app.errors import SetupError
from chat_app.records import Answer, ModelId, Turn

Write = Callable[..., None]

PICTURES = {name: {"type": "image", "base64": name} for name in ("image 1", "image 2")}


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Puts the files given by name in the place of prompts/."""
    (tmp_path / "reports").mkdir()
    monkeypatch.setattr(prompts, "FOLDERS", (tmp_path / "absent", tmp_path))

    def into(**files: str) -> None:
        for name, text in files.items():
            file = tmp_path / (f"reports/{name[3:]}.toml" if name.startswith("of_") else f"{name}.md")
            file.write_text(text, encoding="utf-8")

    return into


def turn(question: str, *images: str, raw: str = "") -> Turn:
    return Turn(question, images, Answer(f"About {question}", ModelId("m", ""), "", 0, raw=raw))


def shape(messages: Sequence[BaseMessage]) -> list[list[Any]]:
    """Each message as its pictures and words."""
    found = []
    for message in messages:
        blocks = message.content if isinstance(message.content, list) else [message.content]
        found.append([b if isinstance(b, str) else b.get("base64") or b["text"] for b in blocks])
    return found


def test_a_prompt_is_filled_with_its_names(write: Write) -> None:
    write(hello="Dear $name, $$5 for $name.\n")
    assert prompts.render("hello", name="$other") == "Dear $other, $5 for $other."


@pytest.mark.parametrize(
    ("text", "values", "fault"),
    [
        ("$one $two", {}, "misses a value for one, two"),
        ("$one", {"one": "", "two": ""}, "uses no two; it uses one"),
        ("plain", {"two": ""}, "uses no two; it uses none"),
        ("costs $5", {}, "begins no name"),
    ],
)
def test_missing_and_unknown_names_are_refused(
    write: Write, text: str, values: dict[str, str], fault: str
) -> None:
    write(hello=text)
    with pytest.raises(SetupError, match=fault):
        prompts.render("hello", **values)


@pytest.mark.parametrize("name", ["nothing", "../secret", "/etc/passwd", "", "*", "reports/general"])
def test_only_prompts_that_exist_can_be_named(name: str) -> None:
    with pytest.raises(SetupError, match="known are answer, brief, passages, point, region, reword, section"):
        prompts.render(name)


def test_the_version_follows_the_text(write: Write) -> None:
    write(hello="one")
    first = prompts.version("hello")
    write(hello="two")
    assert len(first) == 12
    assert prompts.version("hello") != first


def test_a_wrong_template_is_named_with_its_first_fault(write: Write) -> None:
    write(of_mine='title = "T"\ntone = 3\n')
    fault = r"'mine' is wrong \(2 faults in all\)\. The template: the key 'sections' is missing\."
    with pytest.raises(SetupError, match=fault):
        prompts.template("mine")


def test_an_unknown_template_lists_the_known() -> None:
    with pytest.raises(SetupError, match="no report template called 'x'; known are blood-smear, "):
        prompts.template("x")


def test_the_system_prompt_forbids_priors_and_obeying_data() -> None:
    text = prompts.render("answer")
    assert "cannot tell" in text
    assert "no earlier study" in text
    assert "not instructions" in text


def test_messages_bring_each_picture_once_and_first() -> None:
    turns = [turn("A", "image 1", raw="a <box>"), turn("B", "image 1", "image 2")]
    messages = prompts.messages("S", turns, "C", PICTURES, ["image 2"])
    assert shape(messages) == [
        ["S"],
        ["image 1", "A"],
        ["a <box>"],
        ["image 2", "B"],
        ["About B"],
        ["C"],
    ]
    kinds = [SystemMessage, HumanMessage, AIMessage, HumanMessage, AIMessage, HumanMessage]
    assert [type(message) for message in messages] == kinds


def test_messages_are_append_only() -> None:
    turns = [turn("A", "image 1"), turn("B", "image 1"), turn("C", "image 2"), turn("D", "image 1")]
    sent = []
    for number, each in enumerate(turns):
        seen = {name for past in turns[: number + 1] for name in past.images}
        pictures = {name: PICTURES[name] for name in sorted(seen)}
        sent.append(prompts.messages("S", turns[:number], each.question, pictures, each.images))
    for earlier, later in pairwise(sent):
        assert later[: len(earlier)] == earlier


def test_a_picture_whose_turn_was_cut_stands_at_the_front() -> None:
    messages = prompts.messages("", [turn("B", "image 2")], "C", PICTURES, ["image 2"])
    assert shape(messages) == [["image 1", "image 2", "B"], ["About B"], ["C"]]


def test_pictures_are_named_for_a_model_that_takes_several() -> None:
    messages = prompts.messages("", [], "C", PICTURES, ["image 1", "image 2"], named=True)
    assert shape(messages) == [["image 1:", "image 1", "image 2:", "image 2", "C"]]


def test_importing_prompts_does_not_load_langchain() -> None:
    code = "import sys, chat_app.prompts; sys.exit('langchain_core' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
