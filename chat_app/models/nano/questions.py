"""Understands what is asked of nano: anybody's words become the wording it was taught, or nothing.

A question is read as the set of concepts its words stand for (wording.toml), and taken for the intent that
asks for the most of them. It knows nothing of pixels.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from chat_app.models.nano.specialty import Specialty
from chat_app.models.nano.wording import Intent, concepts, intents, nouns, plain

# The concepts that stand for a kind of picture, and how it is spoken of; a brain MR that is asked for as
# "MR" is one, an ultrasound may be of anything.
_KIND_WORDS = {
    "chestx": "chest X-ray",
    "brainmr": "brain MR",
    "smear": "blood smear",
    "breastus": "breast ultrasound",
    "ultrasound": "ultrasound",
    "tomogram": "CT",
    "mammogram": "mammogram",
}
# A word that belongs to one kind of picture, with its noun in wording.toml and that kind.
_AT_HOME = (
    (r"lungs?|pulmonary|pleural|pneumothorax|pneumonia|effusions?", "lung", "chest X-ray"),
    (r"brain", "brain", "brain MR"),
    (r"leukocytes?", "white blood cell", "blood smear"),
    (r"platelets?", "platelet", "blood smear"),
    (r"erythrocytes?", "red blood cell", "blood smear"),
)
# Nouns of wording.toml that taught questions are about, or that mean too many things to stand for one.
_TAUGHT = {
    *("lung", "brain", "brain tumour", "pituitary gland"),
    *("blood cell", "red blood cell", "white blood cell", "platelet"),
}
# Whatever else is asked, a question about these is one nano must decline.
_DECISIVE = frozenset({"age", "care", "change", "measure"})


@dataclass(frozen=True)
class Asked:
    """What was understood: the intent, the wording nano was taught, the thing asked about if any."""

    intent: str
    say: str
    noun: str = ""


def understand(question: str, kind: str = "", added: Specialty | None = None) -> Asked | None:
    """The taught question meant by `question` before a picture of `kind`; None when there is none.

    added: what the adapter that is to answer adds.
    """
    text = plain(question)
    spoken = _concepts(text, added)
    noun = _noun(text, kind, added)
    elsewhere = noun not in nouns(added).get(kind, ())
    if noun and not spoken & _DECISIVE and (elsewhere or "disease" not in spoken):
        return Asked("noun", intents()["noun"].say.replace("$noun", noun), noun)
    intent = _meant(spoken, kind, added)
    if intent is None:
        return Asked("noun", intents()["noun"].say.replace("$noun", noun), noun) if noun else None
    if intent.name == "is_kind":
        named = added.kind if added and "added" in spoken else _named(spoken)
        return Asked(intent.name, intent.say.replace("$kind", named), named)
    if intent.name == "is_tumour":
        # It names the tumour reliably and compares names badly: the name answers the question as well.
        intent = intents()["tumour"]
    return Asked(intent.name, intent.say)


def _named(spoken: frozenset[str]) -> str:
    return next((kind for concept, kind in _KIND_WORDS.items() if concept in spoken), "")


def _concepts(text: str, added: Specialty | None) -> frozenset[str]:
    return frozenset(name for name, pattern in concepts(added).items() if pattern.search(text))


def _meant(spoken: frozenset[str], kind: str, added: Specialty | None) -> Intent | None:
    """The intent with the most concepts; one that suits the kind of picture counts more."""
    best: tuple[float, Intent] | None = None
    for intent in intents(added).values():
        held = [len(ask) + 2 * len(ask & _DECISIVE) for ask in intent.asks if ask <= spoken]
        if not held:
            continue
        score = max(held) + (0.5 if kind in intent.kinds else -0.75 if kind and intent.kinds else 0.0)
        if best is None or score > best[0]:
            best = (score, intent)
    return best[1] if best else None


@cache
def _untaught(added: Specialty | None) -> tuple[str, ...]:
    """Nouns that no taught question is about, longest first so that "mediastinum" is not cut short."""
    every = {noun for group in nouns(added).values() for noun in group}
    own = set(added.things) if added else set()
    return tuple(sorted(every - _TAUGHT - own, key=len, reverse=True))


def _noun(text: str, kind: str, added: Specialty | None) -> str:
    """The thing asked about that no taught question covers: at home in another kind, or untaught."""
    without_kinds = re.sub(r"chest x-ray|brain (mr|scan)|breast ultrasound", "", text)
    for word, noun, home in _AT_HOME:
        if kind not in ("", home) and re.search(rf"\b({word})\b", without_kinds):
            return noun
    if kind == "blood smear" and re.search(r"\b(tumour|mass|lesions?|lumps?|nodules?)\b", text):
        return "brain tumour"
    return next((n for n in _untaught(added) if re.search(rf"\b{n}(e?s)?\b", text)), "")
