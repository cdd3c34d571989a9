"""What a question is about: which pictures it names or comes with, and whether they belong together."""

from __future__ import annotations

import re
from collections.abc import Sequence

from chat_app.errors import InputError
from chat_app.grounding import statements
from chat_app.records import Box, Conversation, Image

NAMED = re.compile(r"\bimage\s*(\d+)\b(?:,?\s*(?:slice|frame)\s*(\d+)\b)?", re.IGNORECASE)


def names(conversation: Conversation, question: str, images: Sequence[str]) -> tuple[str, ...]:
    """The names of the pictures a question is about, as they were given; what it names itself comes first."""
    known = [image.name for image in conversation.study.images]
    if not known:
        raise InputError("There is no picture to ask about: open one first.")
    found = NAMED.findall(question)
    # "Image 1" in words is the slice of it that came with the question.
    given = {name.partition(",")[0]: name for name in reversed(images)}
    spelt = [f"image {int(image)}" + (f", slice {int(part)}" if part else "") for image, part in found]
    named = [given.get(name, name) for name in spelt]
    for name in (*images, *named):
        if name.partition(",")[0] not in known:
            raise InputError(f"There is no {name} here; open are {', '.join(known)}.")
    if named or images:
        return tuple(dict.fromkeys(named or images))
    return conversation.turns[-1].images if conversation.turns else (known[-1],)


def check_region(conversation: Conversation, region: Box | None, names: Sequence[str]) -> None:
    """Raises InputError when the region lies on none of the pictures named, or outside its own."""
    if region is None:
        return
    image = conversation.study.named(region.image)
    if region.image not in names:
        raise InputError(f"The region lies on {region.image}, and the question is about {names[0]}.")
    if region.x1 > image.columns or region.y1 > image.rows:
        raise InputError(f"The region lies outside {image.name}: draw it again.")


def patients(pictures: Sequence[Image]) -> str:
    """A sentence when the files say that the pictures are of different people, else ""."""
    first = {each.origin.patient: each.name for each in reversed(pictures) if each.origin.patient}
    if len(first) < 2:
        return ""
    return f"By what the files state, {statements.listed(sorted(first.values()))} are of different patients."
