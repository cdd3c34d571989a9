"""What the check of citations knows of words, read from words.toml.

It knows which say little, which say the same, and which the opposite.
"""

from __future__ import annotations

import functools
import math
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chat_app.grounding.tokens import placed

FILE = Path(__file__).with_name("words.toml")
WRITTEN = re.compile(r"[a-z]+(?:-[a-z]+)*")
LEAST = 3  # letters before a "*"


@dataclass(frozen=True)
class Lexicon:
    """plain: words that say little. same: the word that stands for each of several that mean one thing.

    opposites: for each word or pair of words, or its beginning with a "*", the poles it belongs to, which are
    numbered so that 2n and 2n + 1 are opposite. denial, no_denial: patterns.
    """

    plain: frozenset[str]
    same: Mapping[str, str]
    opposites: Mapping[str, tuple[int, ...]]
    denial: re.Pattern[str]
    no_denial: re.Pattern[str]

    def words(self, text: str) -> tuple[tuple[str, int], ...]:
        """The words of a text that are compared, each with where it starts; denials are none of them."""
        return tuple(
            (self.same.get(word, word), at) for word, at in placed(text) if not self.denial.fullmatch(word)
        )

    def is_plain(self, word: str) -> bool:
        """Whether it says little by itself, or is compared as an opposite anyway."""
        return word in self.plain or next(self._poles(word), None) is not None

    def turning(self, text: str) -> Iterator[tuple[int, int, int]]:
        """Each word of a text in lower case that belongs to a pole: the pole, and from and to."""
        spots = [match.span() for match in WRITTEN.finditer(text)]
        for (start, end), (_, following) in zip(spots, [*spots[1:], (0, 0)], strict=True):
            for pole in self._poles(text[start:end]):
                yield pole, start, end
            for pole in self.opposites.get(text[start:following], ()):
                yield pole, start, following

    def _poles(self, word: str) -> Iterator[int]:
        yield from self.opposites.get(word, ())
        for length in range(LEAST, len(word) + 1):
            yield from self.opposites.get(f"{word[:length]}*", ())


def is_alike(one: str, other: str) -> bool:
    """Whether they are one word or only end otherwise ("recommended", "recommendation")."""
    if one == other:
        return True
    shortest = min(len(one), len(other))
    stem = max(5, math.ceil(0.7 * shortest))
    return (
        shortest >= stem and one[:stem] == other[:stem] and abs(len(one) - len(other)) <= min(5, shortest - 3)
    )


@functools.cache
def known() -> Lexicon:
    """What words.toml holds."""
    table = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return Lexicon(
        plain=frozenset(table["plain"]),
        same={word: row[0] for row in table["same"] for word in row},
        opposites=_poles(table["opposites"]),
        denial=re.compile(rf"{_pattern(table['denials']).pattern}|n't\b"),
        no_denial=_pattern(table["no_denials"]),
    )


def _poles(rows: Iterable[Sequence[Sequence[str]]]) -> Mapping[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for number, pole in enumerate(pole for row in rows for pole in row):
        for word in pole:
            found[word] = (*found.get(word, ()), number)
    return found


def _pattern(words: Iterable[str]) -> re.Pattern[str]:
    alternatives = "|".join(re.escape(word).replace(r"\*", r"\w*").replace(r"\ ", r"\s") for word in words)
    return re.compile(rf"(?<![\w-])(?:{alternatives})(?!\w)")
