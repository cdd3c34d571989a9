"""The frames of a kept picture as rows: added a few at a time, read one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from chat_app.errors import InputError
from chat_app.records import Image, Stack
from chat_app.store import blobs, pictures
from chat_app.store.arrays import packed
from chat_app.store.pictures import KeptFrame
from chat_app.store.tables import FrameRow, ImageRow

MISSING = "This frame is not kept: the case grew too large, or the frame could not be decoded."


@dataclass(frozen=True)
class Told:
    """What a picture's row says, made before the row is written, as it takes a decoded frame."""

    name: str
    form: str
    stack: str
    pixels: bytes

    @classmethod
    def of(cls, image: Image) -> Told:
        return cls(image.name, pictures.image_form(image), pictures.whole(image), packed(image.pixels))

    def is_row(self, row: ImageRow | None) -> bool:
        """Whether that row says the same: then its frames are of the same picture, masked in the same way."""
        return row is not None and (row.form, row.stack) == (self.form, self.stack)


def begin(session: Session, case: str, told: Told) -> None:
    """Writes the picture's row, in the place of one that says something else, whose frames go."""
    old = session.get(ImageRow, (case, told.name))
    if told.is_row(old):
        return
    place = old.place if old else _next(session, case)
    drop(session, case, told.name)
    (pixels,) = blobs.put(session, case, [told.pixels])
    session.add(
        ImageRow(
            case=case,
            name=told.name,
            place=place,
            form=told.form,
            stack=told.stack,
            pixels=pixels,
            run=pictures.RUN,
        )
    )
    blobs.sweep(session, case)


def drop(session: Session, case: str, name: str) -> None:
    """Deletes a picture and its frames, if it is there; what they held is left to the sweep."""
    session.execute(delete(ImageRow).where(ImageRow.case == case, ImageRow.name == name))
    session.expire_all()


def missing(session: Session, case: str, image: Image) -> list[int]:
    """The frames of the picture that are not kept yet, the one on show first."""
    rows = select(FrameRow.number).where(FrameRow.case == case, FrameRow.image == image.name)
    there = set(session.scalars(rows))
    frames = image.stack.frames if image.stack else 0
    order = sorted(range(1, frames + 1), key=lambda number: number != image.frame)
    return [number for number in order if number not in there]


def decoded(stack: Stack, numbers: Sequence[int]) -> Iterator[tuple[int, KeptFrame]]:
    """Those of the frames that can be decoded, ready to be kept."""
    for number in numbers:
        with suppress(InputError):  # a damaged one is missing later, and says so
            yield number, pictures.frame(stack, number)


def add(
    session: Session, case: str, name: str, kept: Sequence[tuple[int, KeptFrame]], most_bytes: int
) -> bool:
    """Keeps the frames, unless the case would take more than `most_bytes`; whether it did."""
    size = sum(len(frame.values) + len(frame.overlay or b"") for _, frame in kept)
    if blobs.size(session, case) + size > most_bytes:
        return False
    for number, frame in kept:
        if session.get(FrameRow, (case, name, number)):
            continue  # somebody else was quicker
        values, *overlay = blobs.put(session, case, [each for each in (frame.values, frame.overlay) if each])
        session.add(
            FrameRow(
                case=case,
                image=name,
                number=number,
                form=frame.form,
                plane=frame.plane,
                looks=frame.looks,
                values=values,
                overlay="".join(overlay),
            )
        )
        session.flush()
    return True


def read(session: Session, case: str, name: str, number: int) -> KeptFrame:
    """Raises InputError, when it is not kept."""
    row = _row(session, case, name, number)
    overlay = blobs.get(session, case, row.overlay) if row.overlay else None
    values = blobs.get(session, case, row.values)
    return KeptFrame(row.form, row.plane, row.looks, values, overlay)


def plane(session: Session, case: str, name: str, number: int) -> str:
    """How it lies, without reading its pixels. Raises as `read` does."""
    return _row(session, case, name, number).plane


def _row(session: Session, case: str, name: str, number: int) -> FrameRow:
    row = session.get(FrameRow, (case, name, number))
    if row is None:
        raise InputError(MISSING)
    return row


def _next(session: Session, case: str) -> int:
    return (session.scalar(select(func.max(ImageRow.place)).where(ImageRow.case == case)) or 0) + 1
