"""Left in one place and right in another, or against the side that the picture's file or a box shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chat_app.grounding.claims.sides import side
from chat_app.grounding.reading import Circumstances, Reading, Stated
from chat_app.records import Box, Image, Remark, Source

NAME = "sides"
STATED = {"L": "left", "R": "right"}
# Of the width: how far from the middle a patient may lie who is not quite centred.
MARGIN = 0.05


def check(reading: Reading, about: Circumstances) -> Iterator[Remark]:
    """Compares sides of what is claimed to be there; two sides within the findings are no contradiction."""
    there = [each for each in reading.stated if each.is_there]
    findings = [each for each in there if not each.said.is_impression]
    for each in there:
        if each.claim.side in ("left", "right"):
            if each.said.is_impression:
                yield from _against_findings(each, findings)
            yield from _against_file(each, about)
            yield from _against_boxes(each, about)


def _against_findings(stated: Stated, findings: Sequence[Stated]) -> Iterator[Remark]:
    same = [each for each in findings if each.claim.finding == stated.claim.finding]
    sides = set(map(_side, same or [each for each in findings if _is_alike(each, stated)]))
    if len(sides) == 1 and sides <= {"left", "right"} and stated.claim.side not in sides:
        other = sides.pop()
        words = (
            f"The impression says {stated.claim.side} for {stated.claim.finding}, the findings say {other}: "
            "check the side."
        )
        yield stated.said.remark(NAME, words)


def _side(stated: Stated) -> str:
    """The side of a claim, else the one that its sentence names."""
    return stated.claim.side or side(stated.said.statement.text.lower())


def _is_alike(one: Stated, other: Stated) -> bool:
    """Whether the one may be what the other is called in the impression."""
    return bool(one.finding.family & other.finding.family)


def _against_file(stated: Stated, about: Circumstances) -> Iterator[Remark]:
    """Only for what a model saw; a picture of one side shows nothing of the other (PS3.3 C.7.3.1.1.1)."""
    if stated.said.statement.source is not Source.SEEN:
        return
    shown = about.behind(stated.said.statement)
    stated_sides = {
        image.facts.get("ImageLaterality") or image.facts.get("Laterality", "") for image in shown
    }
    shown_side = STATED.get(stated_sides.pop(), "") if len(stated_sides) == 1 else ""
    if shown_side and shown_side != stated.claim.side:
        words = (
            f"This says {stated.claim.side} for {stated.claim.finding}, but the picture's file states the "
            f"{shown_side} side: check the side."
        )
        yield stated.said.remark(NAME, words)


def _against_boxes(stated: Stated, about: Circumstances) -> Iterator[Remark]:
    """Only where the sentence claims one thing, its boxes lie on one side, and the file says which."""
    boxes = stated.said.statement.boxes
    halves = {_half(box, image) for box in boxes for image in about.pictures if box.image == image.place}
    other = {"left", "right"} - {stated.claim.side}
    if len(stated.said.claims) == 1 and halves == other:
        words = (
            f"This says {stated.claim.side} for {stated.claim.finding}, but its box lies on the patient's "
            f"{halves.pop()}: check the side."
        )
        yield stated.said.remark(NAME, words)


def _half(box: Box, image: Image) -> str:
    """The patient's side on which the box lies wholly; "" where it crosses the middle or nothing says."""
    if not image.plane.letters or {*image.plane.letters[:2]} != {"L", "R"}:
        return ""
    middle, edge = image.columns / 2, MARGIN * image.columns
    if box.x1 < middle - edge:
        return STATED[image.plane.letters[0]]
    return STATED[image.plane.letters[1]] if box.x0 > middle + edge else ""
