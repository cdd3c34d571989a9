"""The many ways to put a question of prompts/dialogues/: (a|b) picks one, {name} one of words.toml.

$thing stays, for whoever asks to fill in. It knows nothing of records or models.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from chat_app import prompts
from chat_app.errors import SetupError

WORDS = "words"
KEYS = {"say", "ways", "held_out", "answers"}
CHOICE = re.compile(r"\(([^()]*)\)")
WORD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Task:
    """One thing that can be asked.

    say: its plain wording. ways: what training draws from. held_out: never trained on, they only measure.
    answers: by case, with $names.
    """

    name: str
    say: str
    ways: tuple[str, ...]
    held_out: tuple[str, ...]
    answers: Mapping[str, str]


@cache
def tasks() -> dict[str, Task]:
    """Every task by the name of its file.

    Raises:
        SetupError: a file is not as it must be.
    """
    return {name: _task(name, table) for name, table in _tables().items() if name != WORDS}


@cache
def words() -> dict[str, tuple[str, ...]]:
    return {name: tuple(choices) for name, choices in _tables()[WORDS].items()}


@cache
def every(way: str) -> tuple[str, ...]:
    """All that the way can say, each once."""
    return tuple(dict.fromkeys(map(_tidy, _spelled(_with_words(way)))))


def drawn(ways: tuple[str, ...], rng: random.Random) -> str:
    """One of the ways with its choices taken, as people type: with or without capital and mark."""
    text = _with_words(rng.choice(ways))
    while match := CHOICE.search(text):
        text = _put(text, match, rng.choice(match[1].split("|")))
    text = _tidy(text)
    capital = rng.random() < 0.7
    mark = rng.choice(("?", "?", "", ".")) if text[-1].isalnum() else ""
    return (text[0].upper() if capital else text[0]) + text[1:] + mark


def _tables() -> dict[str, dict[str, Any]]:
    try:
        return {name: tomllib.loads(text) for name, text in prompts.dialogues().items()}
    except tomllib.TOMLDecodeError as error:
        raise SetupError(f"A file of prompts/dialogues is not valid TOML: {error}.") from error


def _task(name: str, table: Mapping[str, Any]) -> Task:
    if set(table) != KEYS or not table["ways"]:
        raise SetupError(f"The dialogue {name!r} needs {', '.join(sorted(KEYS))}, and nothing else.")
    for way in (*table["ways"], *table["held_out"]):
        if unknown := set(WORD.findall(way)) - set(words()):
            raise SetupError(f"The dialogue {name!r} uses the unknown word {min(unknown)!r}.")
    return Task(name, table["say"], tuple(table["ways"]), tuple(table["held_out"]), table["answers"])


def _with_words(way: str) -> str:
    return WORD.sub(lambda match: f"({'|'.join(words()[match[1]])})", way)


def _spelled(text: str) -> Iterator[str]:
    match = CHOICE.search(text)
    if match is None:
        yield text
        return
    for choice in match[1].split("|"):
        yield from _spelled(_put(text, match, choice))


def _put(text: str, match: re.Match[str], choice: str) -> str:
    return text[: match.start()] + choice + text[match.end() :]


def _tidy(text: str) -> str:
    return " ".join(text.split())
