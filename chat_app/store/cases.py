"""Cases in a database: each step is one transaction, so that a case is found as its last step left it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from chat_app.errors import InputError
from chat_app.imaging.limits import MEGA
from chat_app.records import Answer, Conversation, Image, Report, Review, Study, Turn, View
from chat_app.reports.technique import describe
from chat_app.settings import Settings
from chat_app.store import blobs, database, forms, frames, pictures
from chat_app.store.arrays import packed
from chat_app.store.case import Case
from chat_app.store.frames import Told
from chat_app.store.tables import CaseRow, DecisionRow, ImageRow, ReportRow, TurnRow, ViewRow

AT_A_TIME = 8  # frames; others who want to write wait no longer than these take
NOT_YOURS = "There is no case of yours with that number: `lightbox cases` lists them."
UNKNOWN = "a picture whose file does not say what it shows"


class Cases:
    """A Store in a database. One a process; its calls may come from any thread."""

    def __init__(self, settings: Settings) -> None:
        self._engine = database.connect(settings)
        self._looking = self._engine.execution_options(writes=False)
        self._most_bytes = settings.store_mb * MEGA

    def case(self, owner: str) -> str:
        number = secrets.token_hex(16)
        with self._writing() as session:
            session.add(CaseRow(id=number, owner=owner, made=_now()))
        return number

    def keep_image(self, case: str, image: Image) -> str:
        if image.caution:
            raise InputError(f"{image.name.capitalize()} is not kept yet. {image.caution}")
        if pictures.is_kept(image):
            return ""  # it was brought back: its frames are where they would be kept
        told = Told.of(image)
        with self._writing(case) as session:
            frames.begin(session, case, told)
            wanted = frames.missing(session, case, image)
        while wanted and image.stack:
            kept = list(frames.decoded(image.stack, wanted[:AT_A_TIME]))
            with self._writing(case) as session:
                if not told.is_row(session.get(ImageRow, (case, image.name))):
                    return ""  # another of its name has come meanwhile
                if not frames.add(session, case, image.name, kept, self._most_bytes):
                    break
            wanted = wanted[AT_A_TIME:]
        return self._said(case, image)

    def _said(self, case: str, image: Image) -> str:
        with self._reading() as session:
            lacking = len(frames.missing(session, case, image))
        if not lacking:
            return ""
        most = f"a case holds at most {self._most_bytes / MEGA:g} MB, and no frame that cannot be decoded"
        return f"Of {image.name} {image.frames - lacking} of {image.frames} {image.unit}s are kept: {most}."

    def leave_out(self, case: str, name: str) -> None:
        with self._writing(case) as session:
            frames.drop(session, case, name)
            blobs.sweep(session, case)

    def keep_turn(self, case: str, number: int, turn: Turn) -> None:
        form, answer = forms.written(turn, ("answer",)), forms.written(turn.answer, ("views",))
        views = turn.answer.views
        with self._writing(case) as session:
            _cut(session, case, number)
            session.add(TurnRow(case=case, number=number, made=_now(), form=form, answer=answer))
            session.flush()
            keys = blobs.put(session, case, [packed(view.pixels) for view in views])
            for place, (view, key) in enumerate(zip(views, keys, strict=True)):
                said = forms.written(view, ("pixels",))
                session.add(ViewRow(case=case, turn=number, number=place, form=said, pixels=key))
            blobs.sweep(session, case)

    def cut(self, case: str, number: int) -> None:
        with self._writing(case) as session:
            _cut(session, case, number)
            blobs.sweep(session, case)

    def keep_report(self, case: str, report: Report) -> None:
        form = forms.written(report)
        with self._writing(case) as session:
            last = session.scalar(_last(case))
            if last is not None and last.form == form:
                return
            number = 0 if last is None else last.number + 1
            row = ReportRow(case=case, number=number, made=_now(), status=report.status.value, form=form)
            session.add(row)
            session.flush()
            session.add_all(_decisions(case, number, report))

    def cases(self, owner: str) -> tuple[Case, ...]:
        newest = select(CaseRow).where(CaseRow.owner == owner).order_by(CaseRow.made.desc(), CaseRow.id)
        with self._reading() as session:
            return tuple(_listed(session, row) for row in session.scalars(newest).all())

    def bring_back(self, case: str, owner: str) -> tuple[Conversation, tuple[Report, ...]]:
        with self._reading() as session:
            _owned(session, case, owner)
            images = self._images(session, case)
            turns = tuple(_turn(session, row) for row in session.scalars(_turns(case)).all())
            kept = select(ReportRow.form).where(ReportRow.case == case).order_by(ReportRow.number)
            reports = tuple(forms.read(Report, form) for form in session.scalars(kept))
        return Conversation(Study(images), turns), reports

    def delete(self, case: str, owner: str) -> None:
        with self._writing() as session:
            session.delete(_owned(session, case, owner))
        database.clear(self._engine)

    def delete_all(self, owner: str) -> int:
        with self._writing() as session:
            rows = session.scalars(select(CaseRow).where(CaseRow.owner == owner)).all()
            for row in rows:
                session.delete(row)
        database.clear(self._engine)
        return len(rows)

    def close(self) -> None:
        self._engine.dispose()

    def _images(self, session: Session, case: str) -> tuple[Image, ...]:
        rows = session.scalars(select(ImageRow).where(ImageRow.case == case).order_by(ImageRow.place)).all()
        images = [pictures.image(row.form, blobs.get(session, case, row.pixels)) for row in rows]
        known = pictures.comparable(images, [row.run for row in rows])
        return tuple(self._with_stack(image, row) for image, row in zip(known, rows, strict=True))

    def _with_stack(self, image: Image, row: ImageRow) -> Image:
        """Frames are read when they are asked for, each in a transaction of its own."""
        case, name = row.case, row.name

        def read(number: int) -> pictures.KeptFrame:
            with self._reading() as later:
                return frames.read(later, case, name, number)

        def lie(number: int) -> str:
            with self._reading() as later:
                return frames.plane(later, case, name, number)

        return pictures.with_stack(image, row.stack, read, lie)

    @contextmanager
    def _writing(self, case: str = "") -> Iterator[Session]:
        """One transaction; in the case of that number, which is held until it ends."""
        with database.mapped(), Session(self._engine) as session, session.begin():
            if case and session.get(CaseRow, case, with_for_update=True) is None:
                raise InputError(database.GONE)
            yield session

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        with database.mapped(), Session(self._looking) as session, session.begin():
            yield session


def _owned(session: Session, case: str, owner: str) -> CaseRow:
    """Another's case is not told from none."""
    row = session.get(CaseRow, case)
    if row is None or row.owner != owner:
        raise InputError(NOT_YOURS)
    return row


def _cut(session: Session, case: str, number: int) -> None:
    session.execute(delete(TurnRow).where(TurnRow.case == case, TurnRow.number >= number))


def _turn(session: Session, row: TurnRow) -> Turn:
    shown = (
        select(ViewRow).where(ViewRow.case == row.case, ViewRow.turn == row.number).order_by(ViewRow.number)
    )
    views = tuple(
        forms.read(View, each.form, pixels=pictures.array(blobs.get(session, row.case, each.pixels)))
        for each in session.scalars(shown).all()
    )
    return forms.read(Turn, row.form, answer=forms.read(Answer, row.answer, views=views))


def _decisions(case: str, number: int, report: Report) -> Iterator[DecisionRow]:
    for section in report.sections:
        for place, statement in enumerate(section.statements):
            if statement.review is not Review.OPEN:
                review = statement.review.value
                yield DecisionRow(
                    case=case, report=number, section=section.name, statement=place, review=review
                )


def _listed(session: Session, row: CaseRow) -> Case:
    told = session.scalars(select(ImageRow.form).where(ImageRow.case == row.id).order_by(ImageRow.place))
    images = [forms.read(Image, form, pixels=pictures.nothing()) for form in told]
    kinds = dict.fromkeys(describe(image) or UNKNOWN for image in images)
    turns = session.scalar(select(func.count()).select_from(TurnRow).where(TurnRow.case == row.id)) or 0
    last = session.scalar(_last(row.id))
    return Case(row.id, row.made, "; ".join(kinds), turns, last.status if last else "")


def _turns(case: str) -> Select[TurnRow]:
    return select(TurnRow).where(TurnRow.case == case).order_by(TurnRow.number)


def _last(case: str) -> Select[ReportRow]:
    return select(ReportRow).where(ReportRow.case == case).order_by(ReportRow.number.desc()).limit(1)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
