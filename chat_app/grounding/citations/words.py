"""What the check of citations knows of words, read from words.toml.

It knows which say little, which say the same, and which the opposite.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from chat_app.grounding.tokens import placed

FILE = Path(__file__).with_name("words.toml")


@dataclass(frozen=True)
class Lexicon:
    """plain: words that say little. same: the word that stands for each of several that mean one thing.

    opposites: patterns of words and of those that say the opposite. denial, no_denial: patterns.
    """

    plain: frozenset[str]
    same: Mapping[str, str]
    opposites: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...]
    denial: re.Pattern[str]
    no_denial: re.Pattern[str]

    def words(self, text: str) -> tuple[tuple[str, int], ...]:
        """The words of a text that are compared, each with where it starts; denials are none of them."""
        return tuple(
            (self.same.get(word, word), at) for word, at in placed(text) if not self.denial.fullmatch(word)
        )


@functools.cache
def known() -> Lexicon:
    """What words.toml holds."""
    table = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return Lexicon(
        plain=frozenset(table["plain"]),
        same={word: row[0] for row in table["same"] for word in row},
        opposites=tuple((_pattern(one), _pattern(other)) for one, other in table["opposites"]),
        denial=re.compile(rf"{_pattern(table['denials']).pattern}|n't\b"),
        no_denial=_pattern(table["no_denials"]),
    )


def _pattern(words: Iterable[str]) -> re.Pattern[str]:
    alternatives = "|".join(re.escape(word).replace(r"\*", r"\w*").replace(r"\ ", r"\s") for word in words)
    return re.compile(rf"(?<![\w-])(?:{alternatives})(?!\w)")
