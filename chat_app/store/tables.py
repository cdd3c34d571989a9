"""The tables of the store. Whatever belongs to a case goes with it."""

from __future__ import annotations

from sqlalchemy import ForeignKey, ForeignKeyConstraint, LargeBinary, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

HEX = 64


class Table(DeclarativeBase):
    """The root of all of them; migrations/ holds how they came to be what they are."""


def _case() -> Mapped[str]:
    """The first part of the key of all that belongs to a case."""
    return mapped_column(ForeignKey("cases.id", ondelete="CASCADE"), primary_key=True)


class CaseRow(Table):
    """One conversation. id: random. owner: a name that means nothing. made: ISO 8601, UTC."""

    __tablename__ = "cases"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    owner: Mapped[str] = mapped_column(String(200), index=True)
    made: Mapped[str] = mapped_column(String(32))


class BlobRow(Table):
    """Packed bytes under their SHA-256. Two cases share none, so that nothing of one hangs on another."""

    __tablename__ = "blobs"

    case: Mapped[str] = _case()
    sha256: Mapped[str] = mapped_column(String(HEX), primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)


class ImageRow(Table):
    """One picture. form: the Image without its arrays. stack: the Whole of its frames, "" where it has none.

    pixels: key of a blob. run: the process whose secret its origin is digested under.
    """

    __tablename__ = "images"

    case: Mapped[str] = _case()
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    place: Mapped[int]
    form: Mapped[str] = mapped_column(Text)
    stack: Mapped[str] = mapped_column(Text)
    pixels: Mapped[str] = mapped_column(String(HEX))
    run: Mapped[str] = mapped_column(String(32))


class FrameRow(Table):
    """One frame of a picture, from 1. form: all but its arrays. values, overlay, tables: keys of blobs."""

    __tablename__ = "frames"
    __table_args__ = (
        ForeignKeyConstraint(["case", "image"], ["images.case", "images.name"], ondelete="CASCADE"),
    )

    case: Mapped[str] = mapped_column(String(32), primary_key=True)
    image: Mapped[str] = mapped_column(String(32), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    form: Mapped[str] = mapped_column(Text)
    plane: Mapped[str] = mapped_column(Text)
    looks: Mapped[str] = mapped_column(Text)
    values: Mapped[str] = mapped_column(String(HEX))
    overlay: Mapped[str] = mapped_column(String(HEX))


class TurnRow(Table):
    """One question and its answer, from 0. form: the Turn without the answer; answer: without its views."""

    __tablename__ = "turns"

    case: Mapped[str] = _case()
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    made: Mapped[str] = mapped_column(String(32))
    form: Mapped[str] = mapped_column(Text)
    answer: Mapped[str] = mapped_column(Text)


class ViewRow(Table):
    """What the model was shown for one answer, in order from 0. pixels: key of a blob."""

    __tablename__ = "views"
    __table_args__ = (
        ForeignKeyConstraint(["case", "turn"], ["turns.case", "turns.number"], ondelete="CASCADE"),
    )

    case: Mapped[str] = mapped_column(String(32), primary_key=True)
    turn: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    form: Mapped[str] = mapped_column(Text)
    pixels: Mapped[str] = mapped_column(String(HEX))


class ReportRow(Table):
    """One version of a report as it was shown, from 0. form: the whole Report."""

    __tablename__ = "reports"

    case: Mapped[str] = _case()
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    made: Mapped[str] = mapped_column(String(32))
    status: Mapped[str] = mapped_column(String(32))
    form: Mapped[str] = mapped_column(Text)


class DecisionRow(Table):
    """What a person decided about one statement of one version; those still open have none."""

    __tablename__ = "decisions"
    __table_args__ = (
        ForeignKeyConstraint(["case", "report"], ["reports.case", "reports.number"], ondelete="CASCADE"),
    )

    case: Mapped[str] = mapped_column(String(32), primary_key=True)
    report: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    section: Mapped[str] = mapped_column(String(100), primary_key=True)
    statement: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    review: Mapped[str] = mapped_column(String(32))
