"""Lengths that a sentence states, in millimetres.

The thickness of slices, dates, durations and vertebral levels are no lengths.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MM = {"mm": 1.0, "cm": 10.0, "millimet": 1.0, "centimet": 10.0, "um": 0.001, "micron": 0.001}
MM |= {"\N{MICRO SIGN}m": 0.001, "\N{GREEK SMALL LETTER MU}m": 0.001}

_NUMBER = r"\d+(?:[.,]\d+)?"
_UNIT = r"(?:mm|cm|millimet(?:er|re)s?|centimet(?:er|re)s?|[µu]m|microns?)"
_JOIN = r"\s*(?:x|×|by|to|and|-|–)\s*"  # noqa: RUF001
# "3 x 4 cm", "12 mm x 8 mm", "5-7 mm", "6-mm"; a number without a unit takes that of the next one with one.
_LENGTH = re.compile(
    rf"(?<![\w.,/])(?:{_NUMBER}(?:\s*-?\s*{_UNIT})?{_JOIN})*{_NUMBER}\s*-?\s*{_UNIT}(?![\w²³])", re.IGNORECASE
)
_PART = re.compile(rf"({_NUMBER})(?:\s*-?\s*({_UNIT}))?", re.IGNORECASE)
_SLICED = re.compile(
    r"^[\s-]*(?:thick |axial |coronal |sagittal |thin )*(?:slices?|sections?|cuts?|collimation|"
    r"reconstruct\w+|increments?|intervals?|slice thickness|matrix|gap)\b"
)
_SLICES = re.compile(
    r"\b(?:(?:slice|section) (?:thickness|spacing)|collimation|increment|reconstructed (?:at|"
    r"in))(?: (?:of|is|was|at))*\s*$"
)
_AWAY = re.compile(
    r"^\s*(?:away |deep |distal |proximal |superior |inferior )?(?:from|above|below|beyond|deep to|"
    r"distal to)\b"
)


@dataclass(frozen=True)
class Length:
    """One run of numbers with their unit. away: it says how far off something is, not how large it is."""

    start: int
    end: int
    mm: tuple[float, ...]
    away: bool = False


def lengths(text: str) -> Iterator[Length]:
    """Every length in the text, in order, without those that say how thick a slice is."""
    low = text.lower()
    for match in _LENGTH.finditer(low):
        before, after = low[: match.start()], low[match.end() :]
        if not (_SLICED.match(after) or _SLICES.search(before)):
            yield Length(match.start(), match.end(), _mm(match.group()), bool(_AWAY.match(after)))


def _mm(run: str) -> tuple[float, ...]:
    parts = [(float(number.replace(",", ".")), unit) for number, unit in _PART.findall(run)]
    values, factor = list[float](), 1.0
    for number, unit in reversed(parts):
        factor = _factor(unit) if unit else factor
        values.append(round(number * factor, 4))
    return tuple(reversed(values))


def _factor(unit: str) -> float:
    return next(value for name, value in MM.items() if unit.startswith(name))
