"""Understands what is asked of nano: anybody's words become the wording it was taught, or nothing.

A question is read as the set of concepts its words stand for (wording.toml), and taken for the intent that
asks for the most of them. It knows nothing of pixels.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from chat_app.models.nano.wording import Intent, concepts, intents, nouns

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
_KIND_WORDS = {
    "chest X-ray": "chestx",
    "brain MR": "brainmr",
    "breast ultrasound": "breastus",
    "blood smear": "smear",
}
# A word that belongs to one kind of picture, with its noun in wording.toml and that kind.
_AT_HOME = (
    (r"lungs?|pulmonary|pleural|pneumothorax|pneumonia|effusions?", "lung", "chest X-ray"),
    (r"brain", "brain", "brain MR"),
    (r"breasts?", "breast", "breast ultrasound"),
    (r"leukocytes?", "white blood cell", "blood smear"),
    (r"platelets?", "platelet", "blood smear"),
    (r"erythrocytes?", "red blood cell", "blood smear"),
)
# Nouns of wording.toml that taught questions are about, or that mean too many things to stand for one.
_TAUGHT = {
    *("lung", "brain", "brain tumour", "pituitary gland", "breast", "breast lesion", "skin"),
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


def understand(question: str, kind: str = "") -> Asked | None:
    """The taught question meant by `question` before a picture of `kind`; None when there is none."""
    text = plain(question)
    spoken = _concepts(text)
    noun = _noun(text, kind)
    elsewhere = noun not in nouns().get(kind, ())
    if noun and not spoken & _DECISIVE and (elsewhere or "disease" not in spoken):
        return Asked("noun", intents()["noun"].say.replace("$noun", noun), noun)
    intent = _meant(spoken, kind)
    if intent is None:
        return Asked("noun", intents()["noun"].say.replace("$noun", noun), noun) if noun else None
    named = next((k for k, concept in _KIND_WORDS.items() if concept in spoken), "")
    if intent.name == "is_kind":
        return Asked(intent.name, intent.say.replace("$kind", named), named)
    if intent.name == "is_tumour":
        # It names the tumour reliably and compares names badly: the name answers the question as well.
        intent = intents()["tumour"]
    return Asked(intent.name, intent.say)


def plain(question: str) -> str:
    """Lower case, no punctuation, one word for each thing that has several."""
    text = re.sub(r"[^\w\s'-]", " ", question.lower())
    for pattern, word in _SAME:
        text = re.sub(pattern, word, text)
    return " ".join(text.split())


def _concepts(text: str) -> frozenset[str]:
    return frozenset(name for name, pattern in concepts().items() if pattern.search(text))


def _meant(spoken: frozenset[str], kind: str) -> Intent | None:
    """The intent with the most concepts; one that suits the kind of picture counts more."""
    best: tuple[float, Intent] | None = None
    for intent in intents().values():
        held = [len(ask) + 2 * len(ask & _DECISIVE) for ask in intent.asks if ask <= spoken]
        if not held:
            continue
        score = max(held) + (0.5 if kind in intent.kinds else -0.75 if kind and intent.kinds else 0.0)
        if best is None or score > best[0]:
            best = (score, intent)
    return best[1] if best else None


@cache
def _untaught() -> tuple[str, ...]:
    """Nouns that no taught question is about, longest first so that "mediastinum" is not cut short."""
    every = {noun for group in nouns().values() for noun in group}
    return tuple(sorted(every - _TAUGHT, key=len, reverse=True))


def _noun(text: str, kind: str) -> str:
    """The thing asked about that no taught question covers: at home in another kind, or untaught."""
    without_kinds = re.sub(r"chest x-ray|brain (mr|scan)|breast ultrasound", "", text)
    for word, noun, home in _AT_HOME:
        if kind not in ("", home) and re.search(rf"\b({word})\b", without_kinds):
            return noun
    if kind == "blood smear" and re.search(r"\b(tumour|mass|lesions?|lumps?|nodules?)\b", text):
        return "brain tumour"
    return next((n for n in _untaught() if re.search(rf"\b{n}(e?s)?\b", text)), "")
