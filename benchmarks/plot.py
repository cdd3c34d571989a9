"""A plot of values from 0 to 1 with their intervals and baselines, as SVG written by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

LINE, LEFT, WIDTH, RIGHT, TOP = 22, 250, 420, 60, 64
BASELINES = {"majority": "#b45309", "blank": "#6b7280", "shuffled": "#7c3aed"}
VALUE = "#0f5c8c"


def forest(title: str, measures: Sequence[Mapping[str, Any]]) -> str:
    """A line for each measure: its interval, its value as a dot, the baselines as strokes of a colour."""
    height = TOP + LINE * len(measures) + 30
    total = LEFT + WIDTH + RIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {height}" font-family="sans-serif" '
        f'font-size="12" role="img"><title>{escape(title)}</title>',
        f'<rect width="{total}" height="{height}" fill="white"/>',
        f'<text x="12" y="22" font-size="14" font-weight="bold">{escape(title)}</text>',
        *_key(),
        *(_rule(share / 4, height) for share in range(5)),
        *(_row(number, measure) for number, measure in enumerate(measures)),
    ]
    return "\n".join([*parts, "</svg>", ""])


def _key() -> list[str]:
    shown = {"value, 95 % interval": VALUE, **BASELINES}
    places = (12, 160, 240, 300)
    return [
        f'<rect x="{x}" y="36" width="10" height="10" fill="{colour}"/>'
        f'<text x="{x + 15}" y="45">{name}</text>'
        for x, (name, colour) in zip(places, shown.items(), strict=True)
    ]


def _rule(share: float, height: int) -> str:
    x = _x(share)
    return (
        f'<line x1="{x}" x2="{x}" y1="{TOP - 6}" y2="{height - 22}" stroke="#e5e7eb"/>'
        f'<text x="{x}" y="{height - 8}" text-anchor="middle">{share:g}</text>'
    )


def _row(number: int, measure: Mapping[str, Any]) -> str:
    y = TOP + LINE * number + LINE / 2
    low, high = measure["interval"]
    strokes = "".join(
        f'<line x1="{_x(measure[name])}" x2="{_x(measure[name])}" y1="{y - 7}" y2="{y + 7}" '
        f'stroke="{colour}" stroke-width="2"/>'
        for name, colour in BASELINES.items()
        if name in measure
    )
    return (
        f'<text x="{LEFT - 12}" y="{y + 4}" text-anchor="end">'
        f"{escape(measure['task'])} {escape(measure['metric'])}</text>"
        f'<line x1="{_x(low)}" x2="{_x(high)}" y1="{y}" y2="{y}" stroke="{VALUE}" stroke-width="2"/>'
        f'{strokes}<circle cx="{_x(measure["value"])}" cy="{y}" r="4" fill="{VALUE}"/>'
    )


def _x(share: float) -> float:
    return round(LEFT + WIDTH * share, 1)
