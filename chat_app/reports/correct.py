"""Corrections of a draft in plain words, as changes that are proposed and not yet made.

"make it left", "the nodule is 6 mm", "no effusion", "remove the fracture": what is meant is found by rules; a
sentence that is none of these is a question and left to the model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from chat_app.errors import InputError
from chat_app.grounding.claims import lengths, read
from chat_app.records import Presence, Report, Review, Statement
from chat_app.reports import decide
from chat_app.reports.marks import Place

_WHAT = r"(?:(?P<it>it|this|that)|(?:the |this |that )?(?P<what>[\w -]+?))"
_CHANGE = r"(?:please )?(?:make|change|set|put|move)"
_SIDE = r"(?P<side>left|right|bilateral|both sides)"
_SIDED = (
    re.compile(rf"{_CHANGE} {_WHAT} (?:to |on |into )*(?:the )?{_SIDE}(?: side)?", re.IGNORECASE),
    re.compile(
        rf"{_WHAT} (?:is|are|should be)(?: on)?(?: the)? {_SIDE}(?:[ -]sided?)?(?:,? not .+)?", re.IGNORECASE
    ),
)
_SIZED = re.compile(
    rf"(?:{_CHANGE} )?{_WHAT} (?:is|are|measures?|should be|to be|to)?\s*"
    r"(?P<size>\d+(?:[.,]\d+)?(?:\s*(?:x|×|by)\s*\d+(?:[.,]\d+)?)*\s*(?:mm|cm))(?: large| in size)?",  # noqa: RUF001
    re.IGNORECASE,
)
_ABSENT = re.compile(r"(?:there (?:is|are) )?no (?P<what>[\w -]+)", re.IGNORECASE)
_REMOVED = re.compile(rf"(?:please )?(?:remove|delete|drop|leave out|take out) {_WHAT}", re.IGNORECASE)
_SIDE_WORD = re.compile(r"\b(left|right|bilateral)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Proposal:
    """One change of one statement: `text` is how it would read, "" to leave it out.

    number: of the statement in its section, from 0; as many as there are for a new one.
    """

    section: str
    number: int
    text: str
    words: str


def proposals(report: Report, words: str, pointed: Place | None = None) -> tuple[Proposal, ...]:
    """What the words would change; nothing where they are no correction. pointed: what "it" means.

    Raises:
        InputError: they are a correction, and of what they speak is not to be found or not told apart.
    """
    said = " ".join(words.split()).rstrip(".! ")
    if said.endswith("?"):
        return ()
    sided = ((pattern, _sided) for pattern in _SIDED)
    for pattern, propose in ((_SIZED, _sized), *sided, (_REMOVED, _removed), (_ABSENT, _absent)):
        if match := pattern.fullmatch(said):
            return propose(report, match, pointed)
    return ()


def taken(report: Report, proposal: Proposal) -> Report:
    """The report with that change made; it is an edit of the person's, like one by hand.

    Raises:
        InputError: it is signed.
    """
    section = report.section(proposal.section)
    if not proposal.text:
        return decide.reject(report, proposal.section, proposal.number)
    if section and proposal.number == len(section.statements):
        return decide.add(report, proposal.section, proposal.text)
    return decide.edit(report, proposal.section, proposal.number, proposal.text)


def _sided(report: Report, match: re.Match[str], pointed: Place | None) -> tuple[Proposal, ...]:
    side = match["side"].lower().replace("both sides", "bilateral")
    if not match["it"] and not _findings(match["what"]):
        return ()
    places = _meant(report, match["what"] or "", pointed)
    return tuple(_reading(report, place, _with_side(_at(report, place).text, side)) for place in places)


def _sized(report: Report, match: re.Match[str], pointed: Place | None) -> tuple[Proposal, ...]:
    if not match["it"] and not _findings(match["what"]):
        return ()
    places = _meant(report, match["what"] or "", pointed)
    size = match["size"].replace(",", ".")
    return tuple(_reading(report, place, _with_size(_at(report, place).text, size)) for place in places)


def _removed(report: Report, match: re.Match[str], pointed: Place | None) -> tuple[Proposal, ...]:
    places = _meant(report, match["what"] or "", pointed)
    return tuple(Proposal(*place, "", f"Leave out: {_at(report, place).text}") for place in places)


def _absent(report: Report, match: re.Match[str], pointed: Place | None) -> tuple[Proposal, ...]:
    """A denial takes the place of each claim that it contradicts; with none, it is a finding of its own."""
    wanted = _findings(match["what"])
    if not wanted:
        return ()
    text = f"No {match['what'].strip()}."
    against = [place for place in _kept(report) if _claims(_at(report, place).text, Presence.ABSENT) & wanted]
    if against:
        return tuple(_reading(report, place, text) for place in against)
    first = next((each for each in report.sections if each.decided), None)
    if first is None:
        return ()
    return (Proposal(first.name, len(first.statements), text, f"Add to {first.title}: {text}"),)


def _reading(report: Report, place: Place, text: str) -> Proposal:
    return Proposal(*place, text, f"Instead of “{_at(report, place).text}”: {text}")


def _meant(report: Report, what: str, pointed: Place | None) -> tuple[Place, ...]:
    """The statements that are spoken of: those of a finding, else the one that is pointed at."""
    if what:
        wanted = _findings(what)
        found = [each for each in _kept(report) if _claims(_at(report, each).text) & wanted]
        if not found:
            raise InputError(f"The draft says nothing of {what!r}: add it, or name a finding that it has.")
        return tuple(found)
    if pointed is None or pointed not in list(_kept(report)):
        raise InputError("Which statement is meant? Show one on the picture first, or name its finding.")
    return (pointed,)


def _kept(report: Report) -> Iterator[Place]:
    for section in report.sections:
        for number, statement in enumerate(section.statements):
            if section.decided and statement.review is not Review.REJECTED:
                yield section.name, number


def _at(report: Report, place: Place) -> Statement:
    section = report.section(place[0])
    assert section is not None
    return section.statements[place[1]]


def _findings(what: str) -> set[str]:
    return _claims(f"There is a {what}.")


def _claims(text: str, but: Presence | None = None) -> set[str]:
    """The names of the findings that a sentence claims, but those claimed in that way."""
    return {each.finding for each in read(text) if each.finding and each.presence is not but}


def _with_side(text: str, side: str) -> str:
    def other(found: re.Match[str]) -> str:
        return side.capitalize() if found[0][0].isupper() else side

    if _SIDE_WORD.search(text):
        return _SIDE_WORD.sub(other, text)
    on = "on both sides" if side == "bilateral" else f"on the {side}"
    return f"{text.rstrip('. ')}, {on}."


def _with_size(text: str, size: str) -> str:
    runs = [each for each in lengths(text) if not each.away]
    if runs:
        return f"{text[: runs[0].start]}{size}{text[runs[0].end :]}"
    return f"{text.rstrip('. ')}, {size}."
