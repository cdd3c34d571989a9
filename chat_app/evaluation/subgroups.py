"""Whom and what a row is about, as far as its record says: the subgroups that are scored apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chat_app.evaluation.measure import Figure, Scored, figure

SAID: Mapping[str, tuple[str, ...]] = {
    "sex": ("sex",),
    "view": ("view",),
    "organ": ("organ", "image_organ", "location"),
    "language": ("q_lang",),
    "question type": ("question_type", "content_type", "base_type"),
}
"""The name of a subgroup, and under which names sets keep it; the first that a record has counts."""

BANDS = ((0, 17), (18, 39), (40, 64))
OLDEST = 65
MOST_YEARS = 120


def of(row: Scored) -> dict[str, str]:
    """The subgroups this row belongs to, by name."""
    said = {name: _said(row, keys) for name, keys in SAID.items()}
    found = {**said, "age": band(row.record.said.get("age")), **row.about}
    return {name: group for name, group in found.items() if group}


def figures(rows: Sequence[Scored]) -> dict[str, dict[str, Figure]]:
    """A figure for each subgroup of each kind, where there are at least two of a kind to compare."""
    tables: dict[str, dict[str, list[Scored]]] = {}
    for row in rows:
        for name, group in of(row).items():
            tables.setdefault(name, {}).setdefault(group, []).append(row)
    return {
        name: {group: figure(groups[group]) for group in sorted(groups, key=_order)}
        for name, groups in sorted(tables.items())
        if len(groups) > 1
    }


def band(age: object) -> str:
    """The band of an age in years; "" where there is none that can be."""
    try:
        years = int(float(str(age)))
    except (ValueError, OverflowError):
        return ""
    if not 0 <= years <= MOST_YEARS:
        return ""
    return next((f"{low}-{high}" for low, high in BANDS if years <= high), f"{OLDEST}+")


def _said(row: Scored, keys: Sequence[str]) -> str:
    return next((str(row.record.said[key]).strip() for key in keys if row.record.said.get(key)), "")


def _order(group: str) -> tuple[int, str]:
    """Bands of age as they follow one another, all else by the alphabet."""
    first = group.split("-")[0].rstrip("+")
    return (int(first) if first.isdecimal() else -1, group)
