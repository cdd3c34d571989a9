"""A sentence as clauses, and the parts of them that claim nothing: history, questions, advice, conditions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from chat_app.grounding.claims.sides import spelled

# What a sentence begins with when it says why the picture was made, or how.
_HEADED = re.compile(
    r"^\W*(?:(?:clinical|medical|relevant) )?(?:indications?|history|information|details|question|"
    r"reason for [\w ]+|technique|comparison|procedure)\s*:"
)
_LABEL = re.compile(r"^\W*(?:findings?|impression|conclusion|opinion|observations?)\s*:\s*")
_MARKS = re.compile(r"\[\d+\]|\(?\bimage \d+(?:, (?:slice|frame) \d+)?\)?")

# Where one thing that is said ends and another begins.
_SPLIT = re.compile(
    r"\s*;\s*|(?<!\bvs)(?<!\bdr)(?<!e\.g)(?<!i\.e)[.!]\s+(?=\w)"
    r"|,?\s+(?:but(?! also)|however|although|though|whereas|while|yet|except(?: for)?|other than|"
    r"nevertheless)\b,?"
    r"|,\s+(?=(?:there|no|neither)\b)|,\s+(?=(?:the|both) [\w -]{2,40}? (?:is|are|was|were|has|have)\b)"
    r"|,?\s+and\s+(?=(?:there|no)\b|(?:the|both) [\w -]{2,40}? (?:is|are|was|were|has|have|shows?)\b)"
)
# "Apart from X there is no Y" is X, and no Y.
_APART = re.compile(r"^\W*(?:apart from|aside from|other than|besides|except for|despite)\b")
_APART_END = re.compile(r",?\s+(?=there (?:is|are|was|were)\b|no\b)|,\s+")
_TOPIC = re.compile(r"^\W*(?:in|at|on|within|along|over|for)\b(?!.*\b(?:is|are|was|were|has|have)\b)")

_MODALITY = (
    r"(?:ct|mri?|pet|ultrasound|radiographs?|films?|imaging|biopsy|fna|aspiration|mammogra\w+|"
    r"bronchoscopy|angiogra\w+)"
)
_ADVICE = re.compile(
    r"\b(?:(?:biopsy|aspiration|excision) of|recommend\w*|advis(?:ed?|able)"
    r"|(?:is|are|would be|may be|might be) (?:warranted|indicated|helpful|useful|suggested)"
    rf"|suggest(?:ed)? (?:follow|further|repeat|a follow|correlat|{_MODALITY})"
    rf"|consider (?:\w+ )?{_MODALITY}|(?:should|could|can|must) be (?:obtained|performed|"
    r"considered|followed|repeated|biopsied)"
    r"|correlat(?:e|ion) (?:clinically|with|is)|clinical correlation|please correlate"
    r"|follow[- ]?up (?:in|at|with|by|ct|mri?|imaging|films?|radiographs?|ultrasound)\b)"
)
_ADVICE_SPLIT = re.compile(
    r",\s+|\s+[-\u2013]\s+|\s+(?=for which\b)"
    r"|\s+and\s+(?=follow|ct\b|mri\b|further|biopsy|correlation|recommend)"
)
_GIVEN = re.compile(r"^\W*(?:given|in view of|because of|due to|in light of)\b")

_ASKED = re.compile(
    r"\b(?:evaluat(?:e|ion|ing)|assess(?:ment|ing)?|check(?:ing)?|look(?:ing)?|screen(?:ing)?|search)"
    r" (?:for|of)\b"
    r"|\brule out\b|(?<!\w)r/o\b|\bto (?:exclude|look for|confirm)\b|^\W*(?:please )?(?:exclude|query)\b"
    r"|\b(?:helps? |used )(?:to )?(?:differentiate|distinguish|tell)\b"
)
# "Difficult to exclude" asks nothing: it says that nobody knows.
_CANNOT = re.compile(
    r"\b(?:not|cannot|can't|unable|difficult|hard|impossible|possible)(?: to)?(?: [\w-]+ly)?\s*$"
)
_PAST = re.compile(
    r"\b(?:(?:family |past |prior |previous )?(?:medical |surgical )?history (?:of|for)|h/o|hx of|"
    r"known history of|status[- ]?post|s/p|historical(?:ly)?|previously treated)\b"
)
# A finding of an earlier time, unless something is said of how it is now.
_EARLIER = re.compile(
    r"^\W*(?:previous|prior|past|former) (?!film|stud|exam|ct|mr|radiograph|scan|imag)[^,;]*$"
)
_SEEN_THEN = re.compile(
    r"[^,;]*\b(?:was|were) (?:\w+ )?(?:seen|noted|present|visible) (?:on|in|at) the "
    r"(?:prior|previous|last|earlier)\b"
)
_NOW_SAID = re.compile(r"\b(?:is|are|has|have|now|again|no longer|unchanged|stable)\b")
_NOW = re.compile(
    r",?\s+(?:now|currently|today|presents?|presenting|who)\b|,?\s+with (?=(?:new|an?|small|mild|"
    r"persistent|residual)\b)"
    r"|,\s+(?=(?:there|the|new|an?|small)\b)|\s+(?:is|are|shows?|demonstrates?) (?=(?:unchanged|stable|"
    r"again|a|an)\b)"
)
_IF = re.compile(r"\b(?:if|in case of|should there be|unless)\b[^,]*")
# What is denied of others or of new ones only says nothing of those that are there.
_OTHERS = re.compile(
    r"\b(?:no|without|any|nor|or) (?:evidence of |sign of )?(?:(?:a|any|definite|suspicious) )*(?:new|"
    r"other|additional|further|second|more|interval|enlarging|increasing|growing|worsening|"
    r"progressive)\b(?! (?:change|increase|decrease|improvement|progression|growth|worsening))[^,;]*"
    r"|^[^,]*\botherwise\b[^,]*"
)


@dataclass(frozen=True)
class Clause:
    """Words in lower case. silent: from and to, in which nothing is claimed. asks: it ends as a question."""

    text: str
    silent: tuple[tuple[int, int], ...] = ()
    asks: bool = False

    def is_silent(self, position: int) -> bool:
        return any(start <= position < end for start, end in self.silent)


def clauses(sentence: str) -> Iterator[Clause]:
    """The clauses of one sentence, in order; none of a sentence that says why or how a picture was made."""
    text = " ".join(_MARKS.sub(" ", spelled(sentence)).split()).lower().replace("’", "'")  # noqa: RUF001
    if _HEADED.search(text):
        return
    asks = text.endswith("?")
    for piece in _pieces(_LABEL.sub("", text)):
        yield Clause(piece, tuple(_silent(piece)), asks)


def _pieces(text: str) -> Iterator[str]:
    start = 0
    for match in _SPLIT.finditer(text):
        # "In the right lung, there is a nodule": what comes first says where.
        if not (_TOPIC.match(text[start : match.start()]) or _APART.match(text[start : match.start()])):
            yield from _apart(text[start : match.start()])
            start = match.end()
    yield from _apart(text[start:])


def _apart(text: str) -> Iterator[str]:
    first = _APART.match(text)
    end = _APART_END.search(text, first.end()) if first else None
    if first and end:
        yield text[first.end() : end.start()]
        rest = text[end.end() :]
        yield rest if re.match(r"(?:there|no)\b", rest) else f"otherwise {rest}"
    elif text.strip():
        yield text


def _silent(text: str) -> Iterator[tuple[int, int]]:
    yield from _advice(text)
    for match in _ASKED.finditer(text):
        if not _CANNOT.search(text[: match.start()]):
            yield match.start(), len(text)
    for match in _PAST.finditer(text):
        now = _NOW.search(text, match.end())
        yield match.start(), now.start() if now else len(text)
    if _EARLIER.match(text) and not _NOW_SAID.search(text):
        yield 0, len(text)
    for pattern in (_IF, _OTHERS, _SEEN_THEN):
        yield from (match.span() for match in pattern.finditer(text))


def _advice(text: str) -> Iterator[tuple[int, int]]:
    """The parts that advise, and all that follows the first; what the advice is given for is claimed."""
    start = 0
    for end in [*(match.start() for match in _ADVICE_SPLIT.finditer(text)), len(text)]:
        if _ADVICE.search(text, start, end):
            given = _GIVEN.match(text[start:end])
            yield (start if not given else end), len(text)
            return
        start = end
