"""The first tables: cases, pictures, turns, reports, and what was decided about them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

HEX, ID, WORD = sa.String(64), sa.String(32), sa.String(32)


def upgrade() -> None:
    op.create_table(
        "cases",
        sa.Column("id", ID, primary_key=True),
        sa.Column("owner", sa.String(200), nullable=False, index=True),
        sa.Column("made", WORD, nullable=False),
    )
    _of_case("blobs", _text("sha256", HEX, key=True), sa.Column("data", sa.LargeBinary, nullable=False))
    _of_case(
        "images",
        _text("name", WORD, key=True),
        sa.Column("place", sa.Integer, nullable=False),
        *map(_text, ("form", "stack")),
        _text("pixels", HEX),
        _text("run", WORD),
    )
    _of_images()
    _of_case("turns", _number("number"), _text("made", WORD), *map(_text, ("form", "answer")))
    _of("turns", "views", _number("turn"), _number("number"), _text("form"), _text("pixels", HEX))
    _of_case("reports", _number("number"), _text("made", WORD), _text("status", WORD), _text("form"))
    _of(
        "reports",
        "decisions",
        _number("report"),
        _text("section", sa.String(100), key=True),
        _number("statement"),
        _text("review", WORD),
    )


def _of_images() -> None:
    op.create_table(
        "frames",
        _text("case", ID, key=True),
        _text("image", WORD, key=True),
        _number("number"),
        *map(_text, ("form", "plane", "looks")),
        _text("values", HEX),
        _text("overlay", HEX),
        sa.ForeignKeyConstraint(["case", "image"], ["images.case", "images.name"], ondelete="CASCADE"),
    )


def _of_case(name: str, *columns: sa.Column[object]) -> None:
    """A table whose rows go with their case."""
    whole = sa.ForeignKeyConstraint(["case"], ["cases.id"], ondelete="CASCADE")
    op.create_table(name, _text("case", ID, key=True), *columns, whole)


def _of(parent: str, name: str, number: sa.Column[object], *columns: sa.Column[object]) -> None:
    """A table whose rows go with a numbered row of their case."""
    keys = [f"{parent}.case", f"{parent}.number"]
    whole = sa.ForeignKeyConstraint(["case", number.name], keys, ondelete="CASCADE")
    op.create_table(name, _text("case", ID, key=True), number, *columns, whole)


def _text(name: str, kind: sa.types.TypeEngine[str] | None = None, key: bool = False) -> sa.Column[object]:
    return sa.Column(name, kind or sa.Text(), primary_key=key, nullable=False)


def _number(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Integer, primary_key=True, nullable=False, autoincrement=False)
