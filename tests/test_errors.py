"""The error tree: drawn as it is, each error explained, each sentence fit to be shown."""

from __future__ import annotations

import inspect

import pytest

from chat_app import errors
from chat_app.errors import ChatAppError, FrameNeeded

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]


def drawn(kind: type[ChatAppError], depth: int = 0) -> list[tuple[int, str]]:
    children = [child for child in kind.__subclasses__() if child.__module__ == errors.__name__]
    return [(depth, kind.__name__), *(line for child in children for line in drawn(child, depth + 1))]


def tree_in_docstring() -> list[tuple[int, str]]:
    drawing = (errors.__doc__ or "").splitlines()
    lines = [line for line in drawing if line.startswith(("ChatAppError ", "├", "│", "└"))]
    return [(indent(line) // 4, line.lstrip("├─│└ ").split()[0]) for line in lines]


def indent(line: str) -> int:
    return len(line) - len(line.lstrip("├─│└ "))


def test_the_tree_is_drawn_as_it_is() -> None:
    assert tree_in_docstring() == drawn(ChatAppError)


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_ours(kind: type[Exception]) -> None:
    assert issubclass(kind, ChatAppError)


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_says_in_one_sentence_when_it_is_raised(kind: type[Exception]) -> None:
    words = kind.__doc__ or ""
    assert words.endswith(".") and words.count(". ") == 0 and "\n" not in words


def test_a_missing_frame_says_which_can_be_chosen() -> None:
    error = FrameNeeded(30)
    assert str(error) == "This file holds 30 frames: choose one, from 1 to 30."
    assert error.frames == 30
