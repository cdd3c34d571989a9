"""The questions nano was taught, as data: one wording it is asked in, and the many ways people put it.

Reads wording.toml. It knows nothing of pictures or models.
"""

from __future__ import annotations

import random
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

KINDS = ("chest X-ray", "brain MR", "breast ultrasound", "blood smear")
TUMOURS = ("glioma", "meningioma", "pituitary tumour")
_CHOICE = re.compile(r"\(([^()]*)\)")


@dataclass(frozen=True)
class Intent:
    """One thing that can be asked. `kinds`: the pictures it makes sense for; empty means any."""

    name: str
    say: str
    kinds: tuple[str, ...]
    asks: tuple[frozenset[str], ...]
    ways: tuple[str, ...]
    held_out: tuple[str, ...]

    def drawn(self, rng: random.Random) -> str:
        """One of its ways, each choice in it taken at random; $names are left standing."""
        text = _with_words(rng.choice(self.ways), rng)
        while match := _CHOICE.search(text):
            text = text[: match.start()] + rng.choice(match[1].split("|")) + text[match.end() :]
        return " ".join(text.split())


@cache
def _book() -> dict[str, dict[str, object]]:
    text = resources.files(__package__).joinpath("wording.toml").read_text("utf-8")
    return tomllib.loads(text)


@cache
def intents() -> dict[str, Intent]:
    """All intents by name, in the order of the file."""
    found = {}
    for name, entry in _book()["intents"].items():
        assert isinstance(entry, dict)
        asks = tuple(frozenset(ask.split()) for ask in entry.get("asks", ()))
        kinds, ways, held_out = (tuple(entry.get(key, ())) for key in ("kinds", "ways", "held_out"))
        found[name] = Intent(name, entry["say"], kinds, asks, ways, held_out)
    return found


@cache
def nouns() -> dict[str, tuple[str, ...]]:
    """Names of organs and things by the kind of picture that could hold them ("elsewhere": none of them)."""
    return {kind: tuple(words) for kind, words in _book()["nouns"].items()}  # type: ignore[arg-type]


@cache
def concepts() -> dict[str, re.Pattern[str]]:
    """Whole-word patterns by the concept they stand for."""
    return {name: re.compile(rf"\b({words})\b") for name, words in _book()["concepts"].items()}


@cache
def _words() -> dict[str, tuple[str, ...]]:
    return {name: tuple(words) for name, words in _book()["words"].items()}  # type: ignore[arg-type]


def _with_words(way: str, rng: random.Random) -> str:
    return re.sub(r"\{(\w+)\}", lambda m: rng.choice(_words()[m[1]]), way)
