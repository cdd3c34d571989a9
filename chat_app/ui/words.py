"""Sentences that say what a statement rests on, and a model's words with nothing in them alive."""

from __future__ import annotations

from collections.abc import Sequence

from chat_app.exporters.markdown import inert
from chat_app.records import Answer, Box, Statement


def sources(statements: Sequence[Statement]) -> str:
    """Markdown saying what each statement rests on, once where all rest on the same; words stay text."""
    said = [each for each in statements if each.text.strip()]
    if len({each.basis for each in said}) == 1:
        return f"↳ {inert(said[0].basis)}"
    return "\n".join(f"- **{inert(each.basis)}** · {inert(_short(each.text))}" for each in said)


def placed(region: Box) -> str:
    """A region in words, in pixels of its picture."""
    across, down = f"{region.x0:g}-{region.x1:g}", f"{region.y0:g}-{region.y1:g}"
    return f"about the region {across} x {down} on {region.image}"


def spoken(answer: Answer, region: Box | None = None) -> str:
    """An answer as plain text for the conversation: its words, what they rest on, what to be warned of."""
    bases = dict.fromkeys(each.basis for each in answer.statements)
    lines = [answer.text.strip() or "No words came back."]
    if answer.stopped:
        lines.append("■ stopped")
    if region:
        lines.append(f"▢ {placed(region)}")
    if bases:
        lines.append("↳ " + "; ".join(bases))
    return "\n".join([*lines, *(f"⚠ {warning}" for warning in answer.warnings)])


def _short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else f"{text[:most].rstrip()} …"
