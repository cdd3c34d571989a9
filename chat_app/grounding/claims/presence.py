"""Whether a clause says that a finding is there: denials, doubts, and how far each of them reaches.

The words around a finding decide, as in NegEx (Chapman 2001): what comes before reaches forward along a list,
what comes after reaches back over its subject. Of grammar it knows where such a reach ends, no more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from chat_app.grounding.claims.mentions import Mention
from chat_app.records import Presence

# What looks like a denial and is none: nothing has changed, not only, no contrast agent.
_PSEUDO = re.compile(
    r"\b(?:no|not|without)(?: (?:any|significant(?:ly)?|interval|appreciable|definite|substantial(?:ly)?|"
    r"relevant|obvious|major|further|clear|material(?:ly)?|longer))*"
    r" (?:changes?|changed|increases?|increased|decreases?|decreased|improvement|improved|worsening|"
    r"progression|growth|different)(?: (?:in|of))?\b"
    r"|\bnot (?:only|just|simply|merely|well seen|well visuali[sz]ed|to mention)\b"
    r"|\b(?:no|without) (?:intravenous |iv |oral )?(?:contrast|prior|previous|comparison|earlier)\b"
)
_CANNOT = (
    r"(?:cannot|can't|can not|could not|couldn't|not|never|hard to|difficult to|unable to|impossible to|"
    r"not possible to)"
)
# "cannot be excluded" and its like: neither there nor not.
_OPEN_AFTER = re.compile(
    rf"\b{_CANNOT}(?: (?:be|been|being|\w+ly|yet|safely|confidently))* (?:exclude[sd]?|ruled? out|"
    r"assessed|evaluated|(?:distinguished|differentiated) from)\b"
)
_OPEN_BEFORE = re.compile(
    rf"\b{_CANNOT}(?: (?:be|\w+ly))* (?:exclude|rule out|(?:be )?(?:distinguished|differentiated) from)\b"
)

_NO = re.compile(
    r"\b(?:no|without|absence of|absent|negative for|free (?:of|from)|neither|nor|lack of|devoid of|"
    r"den(?:y|ies)|nothing to suggest|resolution of|removal of|exclud(?:es|ed|ing)|rul(?:ed|ing) out|"
    r"no longer|(?:do(?:es)?|did|is|are|was|were|has|have|can|could)(?: not|n't)(?: (?:clearly|definitely|"
    r"significantly|markedly))?(?: (?:show|demonstrate|have|contain|reveal|suggest|indicate|see|identify|"
    r"any|an?|the|represent|display|exhibit|enlarged|dilated|widened|deviated))"
    r"|fails? to (?:show|demonstrate|reveal)|cannot (?:see|identify))\b"
)
_NO_AFTER = re.compile(
    r"^(?:\W*(?:is|are|was|were|has|have|had|can|could|do|does))?(?: (?:been|be|now|"
    r"\w+ly))*\W*\b(?:absent|excluded|ruled out|(?<!partially )(?<!partly )resolved|cleared|gone|"
    r"disappeared|removed|negative"
    r"|none(?! (?:of|larger|greater|more|exceed\w*|above|over|is|are|was|were|measur\w*))"
    r"|(?:not|no longer|never|n't)(?: (?:\w+ly|be|been|any longer|well))* (?:seen|identified|present|"
    r"visible|visuali[sz]ed|evident|demonstrated|appreciated|detected|found|shown|noted|observed|apparent|"
    r"recognised|recognized|there|suspected))\b"
)
_INSIDE = re.compile(r"\b(?:not|n't|never|nor)\b")

_MAYBE = re.compile(
    r"\b(?:possibl[ey]|probabl[ey]|(?:un)?likely|may(?! \d)|might|could|suspicio(?:us|n)|suspected|"
    r"suspect|worrisome|concern(?:ing)?|suggest(?:s|ed|ing|ive)?|question(?:able|ed)?(?: of)?|equivocal|"
    r"query|presum(?:ed|ably)|perhaps|favou?r(?:s|ed|ing)?|versus|vs|rather than|over|differential|"
    r"apparent|if not|consider|indeterminate for|raises? the (?:possibility|concern|question)|"
    r"conceivabl[ey]|looks? like|resembl(?:es?|ing)|appears? to (?:be|represent))\b\.?"
)
_SURE = re.compile(
    r"\b(?:over (?:the|both|left|right)|no (?:suspicious|concerning|suggestion)|"
    r"suspicious (?=(?:\w+ )?(?:mass|nodule|lesion|calcif|microcalc|node|area|lymph|axillary)))"
)
_MAYBE_AFTER = re.compile(
    r"^(?:\W*(?:is|are|was|were|remains?|seems?|appears?))?(?: (?:\w+ly|also|a|an|more|less|most|very|"
    r"only|considered|be|been))*\W*"
    r"\b(?:possible|possibility|(?:un)?likely|probable|suspected|questionable|questioned|equivocal|"
    r"uncertain|considered|favou?red|conceivable|indeterminate|doubtful)\b(?=\W*$|\W*[,;.)]|\s+(?:given|"
    r"in|on|at|due|because|here|and)\b)"
)
# "The heart is probably normal."
_IS_MAYBE = re.compile(r"\W+(?:is|are|appears?|looks?) (?:probably|possibly|likely|perhaps)\b")
_ASKED = re.compile(r"\?\s*(?:\w+ ){0,3}$")
_EITHER = re.compile(r"^[^,;]*?\b(?:versus|vs|or possibly|or less likely)\b")

_SAYS = re.compile(
    r"\b(?:is|are|was|were|has|have|had|remains?|can|cannot|could|absent|not|no longer|excluded|resolved|"
    r"none|removed|possible|(?:un)?likely|probable|suspected|questionable|equivocal|considered|"
    r"favou?red)\b"
)
_VERB = re.compile(r"\b(?:is|are|was|were|has|have|had|shows?|remains?|appears?)\b")
_SUBJECT_END = re.compile(
    r";|,\s+(?:and\s+)?(?:an?|the|there|no|small|new|mild|left|right)\b|\bwith(?:out)?\b"
)
_AND = re.compile(r"\b(?:and|or)\b|/")
_OTHER = re.compile(r";|\bwith(?:out)?\b|\bno\b")
# A part of a list that begins so is a statement of its own: "no effusion, small nodule".
_FRESH = (
    r"(?:an?|the|there|small|mild\w*|moderate\w*|large|tiny|trace|minimal|minor|subtle|severe|marked\w*|"
    r"slight\w*|new|stable|unchanged|persistent|increas\w+|decreas\w+|worsening|improv\w+|left|right|"
    r"bilateral|bibas\w+|biapical|both|multiple|several|few|old|healed|chronic|known|extensive|probable|"
    r"possible|likely|\d+)"
)
_NEXT = re.compile(
    rf"(?:,|;|\band\b|\bwith\b)\s+(?:and\s+)?{_FRESH}\b|\bbut\b|\bwhich\b|\bthat (?:is|are)\b|:"
)
# "No bleeding in the lesion" speaks of a lesion that is there.
_THERE = re.compile(
    r"\b(?:within|in|around|adjacent to|near|surrounding|from) (?:the|this|these|that|its) (?:\w+ )?$"
)
_OR = re.compile(r"^[^;]*?\b(?:or|nor)\b")
_BREAK = re.compile(rf"\bwith\b|\bwithout\b|(?:,|\band\b)\s+{_FRESH}\b|\bwhich\b|;|\b(?:no|not)\b")


def presence(text: str, mention: Mention, others: Sequence[Mention], *, asks: bool = False) -> Presence:
    """What the clause says of the mention; `others` are all that it names, asks: it is a question."""
    masked = _PSEUDO.sub(lambda match: "~" * len(match.group()), text)
    if _is_open(text[: mention.start], _subject(text[mention.end :])):
        return Presence.UNCERTAIN
    if mention.denied:
        is_doubted = asks or _is_doubted(masked, mention, others) or _IS_MAYBE.match(text, mention.end)
        return Presence.UNCERTAIN if is_doubted else Presence.ABSENT
    if _is_denied(masked, mention, others):
        return Presence.ABSENT
    if asks or _is_doubted(masked, mention, others):
        return Presence.UNCERTAIN
    return Presence.PRESENT


def _subject(after: str) -> str:
    """What follows a finding up to the end of what is said of it."""
    end = _SUBJECT_END.search(after)
    return after[: end.start()] if end else after


def _is_open(before: str, subject: str) -> bool:
    found = _OPEN_AFTER.search(subject)
    if found and not _VERB.search(subject[: found.start()].removesuffix("has ").removesuffix("is ")):
        return True
    return any(not _BREAK.search(before, cue.end()) for cue in _OPEN_BEFORE.finditer(before))


def _is_denied(text: str, mention: Mention, others: Sequence[Mention]) -> bool:
    before, after = text[: mention.start], text[mention.end :]
    if mention.of and _INSIDE.search(text[mention.start : mention.end]):
        return True
    if any(_reaches(text, cue.end(), mention.start) for cue in _NO.finditer(before)):
        return True
    predicate = _predicate(after, mention.end, others)
    return bool(predicate is not None and _NO_AFTER.match(predicate))


def _reaches(text: str, start: int, end: int) -> bool:
    """Whether a denial that ends at `start` reaches a finding that begins at `end`."""
    between = text[start:end]
    if _VERB.search(between) or _THERE.search(between):
        return False
    return all(_is_listed(text, start + stop.start(), end) for stop in _NEXT.finditer(between))


def _is_listed(text: str, stop: int, end: int) -> bool:
    """Whether the comma there belongs to a list that "or" closes: "no small, large or calcified nodule"."""
    if text[stop] != ",":
        return False
    rest = _VERB.split(text[end:])[0]
    return bool(_OR.match(text[stop:end]) or _OR.match(rest))


def _predicate(after: str, end: int, others: Sequence[Mention]) -> str | None:
    """What is said of the finding and of those listed with it, from the verb on; None if unclear."""
    verb = _SAYS.search(after)
    if verb is None:
        return None
    between = after[: verb.start()]
    named = any(end <= each.start < end + verb.start() for each in others)
    if (named and not _AND.search(between)) or _OTHER.search(between):
        return None
    return after[verb.start() :]


def _is_doubted(text: str, mention: Mention, others: Sequence[Mention]) -> bool:
    before, after = text[: mention.start], text[mention.end :]
    if _ASKED.search(before):
        return True
    plain = _SURE.sub(lambda match: "~" * len(match.group()), before)
    if any(not _BREAK.search(plain, cue.end()) for cue in _MAYBE.finditer(plain)):
        return True
    predicate = _predicate(after, mention.end, others)
    if predicate is not None and _MAYBE_AFTER.match(predicate):
        return True
    either = _EITHER.match(after)
    inside = [each for each in others if either and mention.end <= each.start < mention.end + either.end()]
    return bool(either and not inside)
