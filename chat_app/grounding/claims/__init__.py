"""What a report sentence claims, by rules: findings, whether they are there, where, how large, how changed.

It knows the words of findings.toml and the grammar of report sentences as far as its parts say; no model is
asked. What it cannot read claims nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chat_app.grounding.claims.changes import change
from chat_app.grounding.claims.clauses import Clause, clauses
from chat_app.grounding.claims.lengths import lengths
from chat_app.grounding.claims.mentions import Mention, mentions
from chat_app.grounding.claims.presence import presence
from chat_app.grounding.claims.sides import side
from chat_app.grounding.claims.zones import Zone, zones
from chat_app.grounding.vocabulary import WHOLE, known
from chat_app.records import Claim, Presence

__all__ = ["lengths", "normal_form", "read"]

# The time of the rules grows with the square of a sentence.
LONGEST = 2000

# Places that say little: they give way to any other.
_VAGUE = (WHOLE, "lobe", "lymph node", "bone", "soft tissue", "nipple")


def read(sentence: str) -> tuple[Claim, ...]:
    """What one sentence claims, in the order it is said; the same thing said twice is one claim.

    History, clinical questions, advice, conditions, and denials of new or other findings only claim nothing,
    nor does what is longer than any sentence of a report.
    """
    if len(sentence) > LONGEST:
        return ()
    found = (claim for clause in clauses(sentence) for claim in _claims(clause))
    return tuple(dict.fromkeys(found))


def normal_form(claim: Claim) -> str:
    """The claim as "[anatomy: description + category]", after MedTri (arXiv 2602.22143).

    As in "[left lower lobe: nodule, 6 mm, new, present]"; a place that no one named is left out.
    """
    side = "bilateral" if claim.side == "both" else claim.side
    where = " ".join(filter(None, (side, claim.anatomy)))
    size = " x ".join(f"{value:g}" for value in claim.sizes_mm)
    parts = (claim.finding, f"{size} mm" if size else "", claim.change, claim.presence.value)
    said = ", ".join(part for part in parts if part)
    return f"[{where}: {said}]" if where else f"[{said}]"


def _claims(clause: Clause) -> Iterator[Claim]:
    every = mentions(clause.text)
    spoken = zones(clause.text, every)
    for number, mention in enumerate(every):
        if not clause.is_silent(mention.start):
            yield _claim(clause, every, spoken, number)


def _claim(clause: Clause, every: Sequence[Mention], spoken: Sequence[Zone], number: int) -> Claim:
    mention, zone = every[number], spoken[number]
    state = presence(clause.text, mention, every, asks=clause.asks)
    is_absent = state is Presence.ABSENT
    changed = _change(mention, spoken, number)
    return Claim(
        finding=mention.finding,
        presence=state,
        side=_side(spoken, number),
        anatomy=_anatomy(mention, zone),
        sizes_mm=tuple(mm for each in lengths(zone.words) if not each.away for mm in each.mm),
        change=changed if not is_absent or changed == "resolved" else "",
    )


def _side(spoken: Sequence[Zone], number: int) -> str:
    """Said before or in the finding, else after it, else of one that it is joined to."""
    zone = spoken[number]
    own = side(f"{zone.before} {zone.inside}")
    if own != "both" and (after := side(zone.after)):
        own = after if not own or after == own else "both" if _is_list(zone) else own
    if own or not zone.joined or number + 1 == len(spoken):
        return own
    return side(spoken[number + 1].after)


def _is_list(zone: Zone) -> bool:
    """Whether the words after it go on naming places: "nodules in the right lung and in the left"."""
    return "and" in zone.after.split() or "than" in zone.after.split()


def _change(mention: Mention, spoken: Sequence[Zone], number: int) -> str:
    zone = spoken[number]
    graded = known().findings[mention.finding].graded
    before = zone.before.removesuffix("increased ").removesuffix("decreased ") if graded else zone.before
    own = change(f"{before} | {zone.after}")
    if own or not zone.joined or number + 1 == len(spoken):
        return own
    return change(spoken[number + 1].after)


def _anatomy(mention: Mention, zone: Zone) -> str:
    """The most particular place that is named with it, else where such a finding is."""
    if mention.of == WHOLE:
        return ""
    finding = known().findings[mention.finding]
    if mention.of:
        return mention.of if mention.denied else finding.anatomy or mention.of
    if finding.of and finding.anatomy not in ("", *_VAGUE):
        return finding.anatomy
    named = [each for each in zone.structures if each.name not in _VAGUE]
    parts = [each for each in named if each.within]
    best = next(iter((*parts, *named)), None)
    vague = [each.name for each in zone.structures if each.name != WHOLE]
    return best.name if best else finding.anatomy or next(iter(vague), "")
