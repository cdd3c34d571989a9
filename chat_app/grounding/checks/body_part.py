"""A finding of another part of the body than the one that is shown."""

from __future__ import annotations

from collections.abc import Iterator

from chat_app.grounding.reading import Circumstances, Reading, Stated
from chat_app.grounding.vocabulary import Region, known
from chat_app.records import Remark

NAME = "body_part"
# Slides: what lies under a microscope has no body part that can be seen.
SLIDES = frozenset({"SM", "GM"})


def check(reading: Reading, about: Circumstances) -> Iterator[Remark]:
    """Compares where findings can be with what the files state, else with what the template is for."""
    for stated in reading.stated:
        region = known().regions.get(known().region(stated.claim.finding, stated.claim.anatomy))
        if region and not _may_show(region, about):
            yield stated.said.remark(NAME, _words(stated, region, about))


def _words(stated: Stated, region: Region, about: Circumstances) -> str:
    shown = ", ".join(sorted(about.shown_parts)).lower() or "of a slide"
    return f"This speaks of the {region.name} ({stated.claim.finding}), but the picture is {_of(shown)}."


def _of(shown: str) -> str:
    return shown if shown.startswith("of ") else f"of the {shown}"


def _may_show(region: Region, about: Circumstances) -> bool:
    modalities, parts = about.shown_modalities, about.shown_parts
    if region.modalities:
        return not modalities or bool(modalities & set(region.modalities))
    if modalities and modalities <= SLIDES:
        return False
    return not parts or bool(parts & set(region.parts))
