"""The questions nano was taught, as data: one wording it is asked in, and the many ways people put it.

Reads wording.toml, and added.toml for the kind of picture that an adapter adds. It knows nothing of pictures
or models.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from chat_app.models.nano.specialty import Specialty

KINDS = ("chest X-ray", "brain MR", "blood smear")
TUMOURS = ("glioma", "meningioma", "pituitary tumour")
_SAME = (
    (r"\b(tumou?rs?|neoplasms?)\b", "tumour"),
    (r"\b(x[ -]?rays?|radiograph(s|y)?|cxr)\b", "x-ray"),
    (r"\b(wbcs?|leu[ck]ocytes?|white (blood )?(cell|corpuscle)s?)\b", "leukocyte"),
    (r"\b(thrombocytes?|platelets?|plts?)\b", "platelet"),
    (r"\b(erythrocytes?|rbcs?|red (blood )?(cell|corpuscle)s?)\b", "erythrocyte"),
    (r"\b(mri|magnetic resonance( imag(e|ing))?)\b", "mr"),
    (r"\b(ultrasonograph(y|ic)|sonogra(m|phy)|echograph(y|ic))\b", "ultrasound"),
    (r"\b(anteroposterior|antero-posterior)\b", "ap"),
    (r"\b(posteroanterior|postero-anterior)\b", "pa"),
    (r"\br lung\b", "right lung"),
    (r"\bl lung\b", "left lung"),
    (r"\bgliomas\b", "glioma"),
    (r"\bmeningiomas\b", "meningioma"),
    (r"\b(pituitary|hypophys\w+)( (gland )?(tumour|adenoma)s?)?\b", "pituitary tumour"),
    (r"\b(where|what)'s\b", r"\1 is"),
)
# The class is asked for by one of its names, or as such.
_CLASS = r"class(?:es|ed|if\w+)?|categor\w+|grad(?:e|ing)"
_CHOICE = re.compile(r"\(([^()]*)\)")


@dataclass(frozen=True)
class Intent:
    """One thing that can be asked. `kinds`: the pictures it makes sense for; empty means any.

    thing: which of an adapter's things it is about, from 1; 0 for none.
    """

    name: str
    say: str
    kinds: tuple[str, ...]
    asks: tuple[frozenset[str], ...]
    ways: tuple[str, ...]
    held_out: tuple[str, ...]
    thing: int = 0

    def drawn(self, rng: random.Random) -> str:
        """One of its ways, each choice in it taken at random; $names are left standing."""
        text = _with_words(rng.choice(self.ways), rng)
        while match := _CHOICE.search(text):
            text = text[: match.start()] + rng.choice(match[1].split("|")) + text[match.end() :]
        return " ".join(text.split())


@cache
def intents(added: Specialty | None = None) -> dict[str, Intent]:
    """All intents by name, in the order of the file; those of the kind that an adapter adds come first."""
    base = {name: _intent(name, entry) for name, entry in _book("wording.toml")["intents"].items()}
    return base if added is None else {**_added(added), **base}


def _intent(name: str, entry: dict[str, Any], kinds: tuple[str, ...] = (), thing: int = 0) -> Intent:
    asks = tuple(frozenset(ask.replace("THING", f"thing{thing}").split()) for ask in entry.get("asks", ()))
    ways, held_out = (tuple(entry.get(key, ())) for key in ("ways", "held_out"))
    return Intent(name, entry["say"], kinds or tuple(entry.get("kinds", ())), asks, ways, held_out, thing)


def _added(added: Specialty) -> dict[str, Intent]:
    book, kinds = _book("added.toml"), (added.kind,)
    found = {}
    if added.classes:
        choice = "|".join(name for each in added.classes for name in added.named(each))
        entry = _filled(book["class"], {"$classes": _listed(added.classes), "$class": choice})
        # "the kind of lesion" asks for the class, whichever of the things it names.
        asks = [
            ask.replace("THING", f"thing{n + 1}") for ask in entry["asks"] for n in range(len(added.things))
        ]
        entry["asks"] = list(dict.fromkeys([*(ask for ask in entry["asks"] if "THING" not in ask), *asks]))
        found["class"] = _intent("class", entry, kinds)
    for number, thing in enumerate(added.things, 1):
        words = {"$things": "|".join(added.named(thing)), "$thing": thing}
        for form in ("any", "where"):
            name = f"{form}_thing{number}"
            found[name] = _intent(name, _filled(book[form], words), kinds, number)
    return found


def _filled(entry: dict[str, Any], words: dict[str, str]) -> dict[str, Any]:
    def put(text: str) -> str:
        for name, word in words.items():
            text = text.replace(name, word)
        return text

    return {
        key: put(value) if isinstance(value, str) else [put(each) for each in value]
        for key, value in entry.items()
    }


def _listed(names: tuple[str, ...]) -> str:
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


@cache
def nouns(added: Specialty | None = None) -> dict[str, tuple[str, ...]]:
    """Names of organs and things by the kind of picture that could hold them ("elsewhere": none of them).

    What an adapter's own kind of picture is called, shows and holds is none of the others.
    """
    groups: dict[str, list[str]] = _book("wording.toml")["nouns"]
    if added is None:
        return {kind: tuple(words) for kind, words in groups.items()}
    names = [name for each in (*added.classes, *added.things) for name in added.named(each)]
    own = f" {' '.join([added.kind, added.part, *names])} ".lower()
    left = {kind: tuple(w for w in words if f" {w.lower()} " not in own) for kind, words in groups.items()}
    return {**left, added.kind: added.things}


@cache
def concepts(added: Specialty | None = None) -> dict[str, re.Pattern[str]]:
    """Whole-word patterns by the concept they stand for."""
    patterns = dict(_book("wording.toml")["concepts"])
    if added is not None:
        patterns["added"] = re.escape(plain(added.kind))
        names = [name for each in added.classes for name in added.named(each)]
        patterns["class"] = f"{_any_of(names)}|{_CLASS}" if names else ""
        for number, thing in enumerate(added.things, 1):
            patterns[f"thing{number}"] = _any_of(added.named(thing))
    return {name: re.compile(rf"\b({words})\b") for name, words in patterns.items() if words}


def plain(question: str) -> str:
    """Lower case, no punctuation, one word for each thing that has several."""
    text = re.sub(r"[^\w\s'-]", " ", question.lower())
    for pattern, word in _SAME:
        text = re.sub(pattern, word, text)
    return " ".join(text.split())


def _any_of(names: Iterable[str]) -> str:
    return "|".join(rf"{re.escape(plain(name))}(?:e?s)?" for name in names)


@cache
def _book(name: str) -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath(name).read_text("utf-8"))


@cache
def _words() -> dict[str, tuple[str, ...]]:
    return {name: tuple(words) for name, words in _book("wording.toml")["words"].items()}


def _with_words(way: str, rng: random.Random) -> str:
    return re.sub(r"\{(\w+)\}", lambda m: rng.choice(_words()[m[1]]), way)
