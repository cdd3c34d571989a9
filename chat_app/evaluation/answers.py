"""Free answers against the one that a person wrote: a published normaliser, and what is scored after it.

After SQuAD's (Rajpurkar 2016): lower case, no punctuation, no articles. Beyond that number words become
digits, words for yes and no become these, "left side" becomes "left", and British spellings American ones.
Left and right, and every negation, are kept. A change here changes NORMALISER.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from chat_app.evaluation.words import unsure

NORMALISER = "lightbox-answers 1"

ARTICLES = frozenset({"a", "an", "the"})
NUMBERS: Mapping[str, str] = {
    "zero": "0",
    "one": "1",
    "two": "2",
    "three": "3",
    "four": "4",
    "five": "5",
    "six": "6",
    "seven": "7",
    "eight": "8",
    "nine": "9",
    "ten": "10",
    "eleven": "11",
    "twelve": "12",
}
VERDICTS: Mapping[str, str] = {
    **dict.fromkeys(("yes", "yeah", "yep", "true", "correct"), "yes"),
    **dict.fromkeys(("no", "nope", "false", "incorrect"), "no"),
}
SPELLINGS: Mapping[str, str] = {
    "tumour": "tumor",
    "tumours": "tumors",
    "oedema": "edema",
    "haemorrhage": "hemorrhage",
    "haematoma": "hematoma",
    "ischaemia": "ischemia",
    "oesophagus": "esophagus",
    "grey": "gray",
    "colour": "color",
    "centre": "center",
    "bilaterally": "bilateral",
}
SIDES = frozenset({"left", "right"})
OF_A_SIDE = frozenset({"side", "sided", "sides"})

_BOX = re.compile(r"\[\d+\]")
_X_RAY = re.compile(r"\bx[\s-]rays?\b")
_WORD = re.compile(r"\d+(?:\.\d+)?|[^\W_]+(?:'[^\W_]+)?")
_LETTER = re.compile(r"\s*\(?([A-Z])(?:[).:,]|\s*$)")
_CHOICE = re.compile(r"([^\W_]+) or (?:(?:in|on|at|to) )?([^\W_]+)")


def tokens(text: str) -> list[str]:
    """The words of an answer, normalised."""
    plain = _X_RAY.sub("xray", _BOX.sub(" ", text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")))
    kept: list[str] = []
    for word in _WORD.findall(plain):
        if word in ARTICLES or (word in OF_A_SIDE and kept and kept[-1] in SIDES):
            continue
        kept.append(SPELLINGS.get(word, NUMBERS.get(word, word)))
    if kept and kept[0] in VERDICTS:
        kept[0] = VERDICTS[kept[0]]
    return kept


def exact(reply: str, truth: str) -> float:
    """1 when both are the same words in the same order."""
    return float(tokens(reply) == tokens(truth))


def recall(reply: str, truth: str) -> float:
    """The share of the true answer's words that the reply holds."""
    return _shared(reply, truth) / max(1, len(tokens(truth)))


def f1(reply: str, truth: str) -> float:
    """Twice the shared words of all words of both."""
    return 2 * _shared(reply, truth) / max(1, len(tokens(reply)) + len(tokens(truth)))


def closed(reply: str, truth: str, question: str) -> float:
    """Whether the reply gives this answer, and no other, to a question that leaves few.

    To yes and no only the reply's first word counts. Any other answer must stand in the reply word for word,
    not denied, and beside none of the other things that the question offers ("left or right?").
    """
    said, wanted = tokens(reply), tokens(truth)
    if not said or not wanted or unsure(reply):
        return 0.0
    if wanted in (["yes"], ["no"]):
        return float(said[0] == wanted[0])
    place = _find(said, wanted)
    if place < 0 or {"no", "not", "without"} & set(said[:place]):
        return 0.0
    others = _offered(question) - set(wanted)
    return float(not others & (set(said[:place]) | set(said[place + len(wanted) :])))


def chosen(reply: str, truth: str, choices: Mapping[str, str]) -> float:
    """Whether the reply takes the true one of choices with letters: by its letter, or by its words alone."""
    letter = _LETTER.match(reply)
    if letter:
        return float(choices.get(letter[1]) == truth)
    said = tokens(reply)
    named = [words for words in choices.values() if words and _find(said, tokens(words)) >= 0]
    return float(named == [truth] and not unsure(reply))


def answered(reply: str) -> float:
    """Whether anything is claimed: not nothing, and not that it cannot be told."""
    return float(bool(tokens(reply)) and not unsure(reply))


def _shared(reply: str, truth: str) -> int:
    return (Counter(tokens(reply)) & Counter(tokens(truth))).total()


def _find(words: list[str], part: list[str]) -> int:
    """Where the part begins; -1 where it is not in the words."""
    starts = range(len(words) - len(part) + 1)
    return next((start for start in starts if words[start : start + len(part)] == part), -1)


def _offered(question: str) -> set[str]:
    """The words on either side of an "or"."""
    plain = " ".join(tokens(question))
    return {word for pair in _CHOICE.findall(plain) for word in pair} - {"it", "this", "is"}
