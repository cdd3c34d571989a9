"""Reads a free answer: which of several words it asserts, which it denies, whether it refuses.

Keywords with negation inside one clause; it knows no grammar beyond that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_CLAUSE = re.compile(r"[.;:!?\n]+|,?\s+\b(?:but|however|although)\b|^\s*(?:yes|no),")
_DENIAL = re.compile(
    r"\b(?:no|not|without|neither|nor|never|absent|absence|negative for|free of|rules? out|isn't|aren't)\b"
)
_UNSURE = re.compile(
    r"\b(?:cannot|can not|can't|could not|unable to|not able to|do not know|don't know)\b"
    r"|\boutside (?:what|my|the kinds)\b|\bnot one of\b|\bonly (?:answer|know)\b|\bdo not answer\b"
    r"|\bnot (?:trained|taught|made)\b|\b(?:did not|didn't) understand\b|\byou can ask\b"
)
_NOT_HERE = re.compile(
    r"\b(?:there (?:is|are)|there's|i see) no\b[^.]*\b(?:in|on) (?:this|the|an?)\b"
    r"|\b(?:does not|doesn't|do not) (?:show|contain|have)\b"
    r"|\bnot (?:shown|visible|seen|part of)\b"
)


def refuses(text: str) -> bool:
    """Whether the answer says that it cannot tell, or that what was asked about is not in this picture."""
    return unsure(text) or bool(_NOT_HERE.search(_plain(text)))


def unsure(text: str) -> bool:
    """Whether the answer says that it cannot tell."""
    return bool(_UNSURE.search(_plain(text)))


def asserted(text: str, words: Mapping[str, str]) -> str | None:
    """The one value of `words` (value -> pattern) the text asserts; None when it asserts none or several."""
    found = {value for value, pattern in words.items() if says(text, pattern)}
    return found.pop() if len(found) == 1 else None


def says(text: str, pattern: str) -> bool | None:
    """True when the text asserts the pattern, False when it only denies it, None when it does not name it.

    A word after a denial in its clause is denied; a clause that cannot tell says nothing.
    """
    word = re.compile(rf"\b(?:{pattern})")
    hits = [clause[: hit.start()] for clause in _clauses(text) for hit in word.finditer(clause)]
    return any(not _DENIAL.search(before) for before in hits) if hits else None


def _clauses(text: str) -> list[str]:
    return [clause for clause in _CLAUSE.split(_plain(text)) if not _UNSURE.search(clause)]


def _plain(text: str) -> str:
    return text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
