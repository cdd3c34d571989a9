"""Corrections of a draft in plain words, as changes that are proposed and not yet made.

"make it left", "the nodule is 6 mm", "no effusion", "remove the fracture": what is meant is found by rules.
"shorter impression", "in plain language for the patient": a model words it anew, and rules see to it that it
claims nothing more. A sentence that is none of these is a question and left to the model.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from chat_app import prompts
from chat_app.errors import InputError
from chat_app.grounding.claims import lengths, read
from chat_app.records import Claim, Presence, Report, Review, Statement
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
SHORTER = "Make it as short as it can be."
PLAIN = "Use plain words that a patient without medical training understands."
_MANNERS = {
    re.compile(
        r"(?:please )?(?:make|keep)? ?(?:the |a )?(?:impression )?short(?:er)?(?: impression)?", re.IGNORECASE
    ): SHORTER,
    re.compile(
        r"(?:.* )?(?:in|into) plain (?:language|words|english)\b.*"
        r"|(?:please )?(?:write|word|reword|explain|say) .*\b(?:for|to) the patient",
        re.IGNORECASE,
    ): PLAIN,
}
REWORDED = "impression"
NEW = -1
_SIDE_WORD = re.compile(r"\b(left|right|bilateral)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Proposal:
    """One change of one statement: `text` is how it would read, "" to leave it out.

    number: of the statement in its section, from 0; NEW for one at the end of it.
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


def manner(words: str) -> str:
    """How the impression is to be worded anew, as a model is told; "" where the words ask for no such."""
    said = " ".join(words.split()).rstrip(".! ")
    if said.endswith("?"):
        return ""
    return next((told for pattern, told in _MANNERS.items() if pattern.fullmatch(said)), "")


def ask(report: Report, manner: str) -> str:
    """What a model is asked, to word the impression anew. Raises InputError where there is none."""
    section = report.section(REWORDED)
    if section is None or not section.kept:
        raise InputError("This draft has no impression to word anew.")
    return prompts.render("reword", section=section.title, manner=manner, text=section.text)


def reworded(report: Report, text: str) -> tuple[Proposal, ...]:
    """A model's wording of the impression as changes of its lines, one by one.

    Raises:
        InputError: it says more than the impression did, or nothing.
    """
    lines = [each.strip(" -*•\t") for each in text.splitlines() if each.strip(" -*•\t")]
    places = [place for place in _kept(report) if place[0] == REWORDED]
    before = {each for place in places for each in read(_at(report, place).text)}
    if not lines or any(_is_more(each, before) for line in lines for each in read(line)):
        raise InputError("The model's wording says other things than the draft does: nothing is proposed.")
    found = [_reading(report, place, line) for place, line in zip(places, lines, strict=False)]
    found += [Proposal(*place, "", f"Leave out: {_at(report, place).text}") for place in places[len(lines) :]]
    found += [Proposal(REWORDED, NEW, line, f"Add: {line}") for line in lines[len(places) :]]
    return tuple(found)


def taken(report: Report, proposal: Proposal) -> Report:
    """The report with that change made; it is an edit of the person's, like one by hand.

    Raises:
        InputError: it is signed.
    """
    if not proposal.text:
        return decide.reject(report, proposal.section, proposal.number)
    if proposal.number == NEW:
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
    return (Proposal(first.name, NEW, text, f"Add to {first.title}: {text}"),)


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


def _is_more(claim: Claim, before: Collection[Claim]) -> bool:
    """Whether nothing before claims this finding in this way, on this side where it names one."""
    same = [each for each in before if (each.finding, each.presence) == (claim.finding, claim.presence)]
    return bool(claim.finding) and not any(claim.side in ("", each.side) for each in same)


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
