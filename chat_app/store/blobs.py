"""Packed bytes of a case under their SHA-256: written once, read by it, gone when nothing refers to them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sqlalchemy import delete, func, select, union
from sqlalchemy.orm import Session

from chat_app.errors import InputError
from chat_app.store.database import GONE
from chat_app.store.tables import BlobRow, FrameRow, ImageRow, ViewRow


def put(session: Session, case: str, pieces: Sequence[bytes]) -> list[str]:
    """Keeps each piece that is not there yet, and gives their keys in order."""
    keys = {piece: hashlib.sha256(piece).hexdigest() for piece in pieces}
    found = {key: piece for piece, key in keys.items()}
    mine = BlobRow.case == case
    there = set(session.scalars(select(BlobRow.sha256).where(mine, BlobRow.sha256.in_(found))))
    session.add_all(BlobRow(case=case, sha256=key, data=found[key]) for key in found.keys() - there)
    return [keys[piece] for piece in pieces]


def get(session: Session, case: str, sha256: str) -> bytes:
    """Raises InputError, when it is gone, and its case with it."""
    data = session.scalar(select(BlobRow.data).where(BlobRow.case == case, BlobRow.sha256 == sha256))
    if data is None:
        raise InputError(GONE)
    return data


def size(session: Session, case: str) -> int:
    """Bytes that the case takes, packed."""
    return session.scalar(select(func.sum(func.length(BlobRow.data))).where(BlobRow.case == case)) or 0


def sweep(session: Session, case: str) -> None:
    """Deletes what nothing in the case refers to any more."""
    used = union(
        select(ImageRow.pixels).where(ImageRow.case == case),
        select(FrameRow.values).where(FrameRow.case == case),
        select(FrameRow.overlay).where(FrameRow.case == case),
        select(ViewRow.pixels).where(ViewRow.case == case),
    )
    session.flush()
    session.execute(delete(BlobRow).where(BlobRow.case == case, BlobRow.sha256.not_in(used)))
