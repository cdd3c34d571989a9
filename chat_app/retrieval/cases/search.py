"""Finds the cases of an owner's libraries that a picture looks like, by the cosine of a tower's vectors.

Every case that may be of the picture's kind is compared; nothing is approximated. It knows how alike two
pictures are to the tower, not whether they show the same disease.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from chat_app.errors import InputError
from chat_app.records import Image, Similar, Tower
from chat_app.retrieval.cases import kinds, vectors
from chat_app.retrieval.cases import library as libraries
from chat_app.retrieval.cases.library import Library
from chat_app.settings import Settings

if TYPE_CHECKING:
    from chat_app.records import Vectors

MOST = 5
# Of a tower whose floor was not measured: the share of cases that have no other as near as that.
RARE, SAMPLE = 0.01, 500
NAMELESS = "No library is named to search in: run lightbox library to see which there are."


def similar(
    picture: Image, tower: Tower, settings: Settings, owner: str, names: Sequence[str], most: int = MOST
) -> tuple[Similar, ...]:
    """The cases that the picture looks like, best first; empty where there is none.

    Left out are the picture itself, by the hash of its file, and cases whose modality or part of the body is
    stated to be another. Cases that this tower has not seen yet are looked at now, and that is kept.

    Raises:
        InputError: no library is named, or this owner has none of that name.
        ModelError: the tower could not look.
    """
    if not names:
        raise InputError(NAMELESS)
    asked = vectors.unit(tower.look([vectors.small(picture)]))[0]
    found = [
        each
        for name in sorted(set(names))
        for each in _in(libraries.existing(settings, owner, name), picture, asked, tower, most)
    ]
    return tuple(sorted(found, key=lambda each: -each.score)[:most])


def _in(library: Library, picture: Image, asked: Vectors, tower: Tower, most: int) -> Iterator[Similar]:
    """The best of one library."""
    kind = (picture.modality, picture.body_part)
    cases = {
        key: case
        for key, case in library.cases().items()
        if case.sha256 != picture.sha256 and kinds.may_be_alike(kind, (case.modality, case.body_part))
    }
    if not cases:
        return
    keys = list(cases)
    rows = vectors.of(library, keys, tower)
    for row, score in nearest(rows, asked, tower.floor or usual(rows), most):
        case = cases[keys[row]]
        yield Similar(
            library=library.name,
            number=case.number,
            score=score,
            modality=case.modality,
            body_part=case.body_part,
            report=case.report,
            thumbnail=library.thumbnail(keys[row]),
        )


def nearest(rows: Vectors, asked: Vectors, floor: float, most: int) -> list[tuple[int, float]]:
    """The rows of (n, d) nearest to (d,) with their cosines, none below the floor, best first."""
    scores = rows @ asked
    best = np.argsort(-scores, kind="stable")[:most]
    return [(int(row), float(scores[row])) for row in best if scores[row] >= floor]


def usual(rows: Vectors) -> float:
    """How near nearly every case has another: the floor for a tower of which none was measured.

    Below it a picture is less like any case than they are like each other. Of a lone case it says nothing.
    """
    if len(rows) < 2:
        return -1.0
    sample = np.linspace(0, len(rows) - 1, min(SAMPLE, len(rows))).astype(int)
    scores = rows[sample] @ rows.T
    scores[np.arange(len(sample)), sample] = -1.0  # a case is no neighbour of its own
    return float(np.quantile(scores.max(axis=1), RARE))
