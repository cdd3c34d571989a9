"""The store: what was kept comes back as it was, to its owner alone, and what was deleted is gone."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from identifiers import SEEDS, saved, seeded
from keeping import Stacked, conversation, image, report, same, turn

from chat_app import imaging, store, subject
from chat_app.errors import InputError, SetupError
from chat_app.imaging.geometry import Grid
from chat_app.records import Conversation, Image, Study
from chat_app.settings import Settings
from chat_app.store import arrays, cases, database, forms, pictures
from chat_app.store.cases import Cases
from chat_app.store.tables import Table

ME, OTHER = "reader-1", "reader-2"


@pytest.fixture
def where(tmp_path: Path) -> Settings:
    return Settings(data=str(tmp_path / "data"))


@pytest.fixture
def kept(where: Settings) -> Iterator[Cases]:
    opened = store.open(where)
    assert isinstance(opened, Cases)
    yield opened
    opened.close()


def keep(kept: store.Store, said: Conversation, owner: str = ME) -> str:
    case = kept.case(owner)
    for each in said.study.images:
        assert not kept.keep_image(case, each)
    for number, each in enumerate(said.turns):
        kept.keep_turn(case, number, each)
    return case


def files(where: Settings) -> bytes:
    """All bytes of the store, its log among them."""
    return b"".join(path.read_bytes() for path in sorted(where.folder.iterdir()))


# What was kept comes back


def test_a_case_comes_back_as_it_was_kept(kept: Cases) -> None:
    said = conversation()
    case = keep(kept, said)
    found, reports = kept.bring_back(case, ME)
    assert same(found, said)
    assert reports == ()


def test_what_comes_back_after_a_restart_is_the_same(where: Settings, kept: Cases) -> None:
    said = conversation()
    case = keep(kept, said)
    kept.close()
    again = store.open(where)
    assert same(again.bring_back(case, ME)[0], said)
    again.close()


def test_every_version_of_a_report_comes_back_in_order(kept: Cases) -> None:
    case = kept.case(ME)
    versions = [report(version) for version in (1, 2, 3)]
    for each in versions:
        kept.keep_report(case, each)
        kept.keep_report(case, each)  # shown again, unchanged
    found = kept.bring_back(case, ME)[1]
    assert all(map(same, found, versions))
    assert len(found) == 3


def test_what_a_person_decided_can_be_asked_of_the_database(where: Settings, kept: Cases) -> None:
    case = kept.case(ME)
    kept.keep_report(case, report())
    rows = sqlite3.connect(where.folder / database.FILE).execute("SELECT statement, review FROM decisions")
    assert rows.fetchall() == [(1, "accepted"), (2, "edited"), (3, "rejected"), (4, "added")]


def test_what_it_may_be_sent_to_is_agreed_to_anew_and_the_owner_is_a_new_secret(kept: Cases) -> None:
    said = replace(conversation(), agreed=("model.example",))
    found = kept.bring_back(keep(kept, said), ME)[0]
    assert found.agreed == ()
    assert found.owner != said.owner


def test_an_edited_question_takes_the_later_turns_with_it(kept: Cases) -> None:
    case = keep(kept, conversation(3))
    kept.keep_turn(case, 1, turn(9))
    found = kept.bring_back(case, ME)[0]
    assert [each.question for each in found.turns] == ["What is it, 0?", "What is it, 9?"]


def test_undo_takes_a_turn_and_what_the_model_was_shown_for_it(where: Settings, kept: Cases) -> None:
    case = keep(kept, conversation(2))
    kept.cut(case, 1)
    assert len(kept.bring_back(case, ME)[0].turns) == 1
    held = sqlite3.connect(where.folder / database.FILE).execute("SELECT count(*) FROM blobs").fetchone()
    assert held == (3,)  # two pictures and one view


def test_a_picture_left_out_does_not_come_back(kept: Cases) -> None:
    case = keep(kept, conversation(0))
    kept.leave_out(case, "image 1")
    assert [each.name for each in kept.bring_back(case, ME)[0].study.images] == ["image 2"]


def test_cases_are_listed_newest_first_without_a_word_of_anyone(kept: Cases) -> None:
    first, second = keep(kept, conversation(2)), keep(kept, conversation(0))
    kept.keep_report(first, report())
    newest, oldest = kept.cases(ME)
    assert (newest.id, oldest.id) == (second, first)
    assert oldest.title == "computed radiography of the chest, AP view"
    assert (oldest.turns, oldest.status, newest.status) == (2, "preliminary", "")


# Stacks


def stacked(frames: int = 5, damaged: int = 0) -> Image:
    return Stacked(frames, damaged).image("image 1", 3)


def test_frames_come_back_without_loss_and_look_the_same(kept: Cases) -> None:
    shown = stacked()
    case = keep(kept, Conversation(Study((shown,))))
    (found,) = kept.bring_back(case, ME)[0].study.images
    assert same(found, shown)
    assert shown.stack and found.stack
    assert same(found.stack.looks, shown.stack.looks)
    assert (found.stack.unit, found.stack.frames) == ("slice", 5)
    for number in range(1, 6):
        assert same(found.stack.frame(number), shown.stack.frame(number))
        assert found.stack.plane(number) == shown.stack.plane(number)
        assert same(found.at(number), shown.at(number))
        under = [each.stack.image("image 1", number, shown.stack.looks[1]) for each in (found, shown)]
        assert same(*under)


def test_a_stack_is_read_frame_by_frame_when_it_is_asked_for(
    kept: Cases, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = keep(kept, Conversation(Study((stacked(30),))))
    asked: list[int] = []
    read = cases.frames.read

    def noted(session: object, case: str, name: str, number: int) -> pictures.KeptFrame:
        asked.append(number)
        return read(session, case, name, number)  # type: ignore[arg-type]

    monkeypatch.setattr(cases.frames, "read", noted)
    (found,) = kept.bring_back(case, ME)[0].study.images
    assert asked == []
    found.at(7)
    assert 7 in asked
    assert len(asked) < 10  # and a few ahead


def test_a_damaged_frame_hides_no_others_and_is_said(kept: Cases) -> None:
    case = kept.case(ME)
    assert kept.keep_image(case, stacked(damaged=4)).startswith("Of image 1 4 of 5 slices are kept: ")
    (found,) = kept.bring_back(case, ME)[0].study.images
    assert found.at(5).frame == 5
    with pytest.raises(InputError, match=r"^This frame is not kept"):
        found.at(4)


def test_a_case_takes_no_more_than_the_settings_say_and_says_what_is_lacking(tmp_path: Path) -> None:
    small = Cases(Settings(data=str(tmp_path / "data"), store_mb=0))
    case = small.case(ME)
    said = small.keep_image(case, stacked())
    assert said == (
        "Of image 1 0 of 5 slices are kept: a case holds at most 0 MB, and no frame that cannot be decoded."
    )
    (found,) = small.bring_back(case, ME)[0].study.images
    assert same(found, stacked())  # what was on show is there all the same
    small.close()


def test_a_picture_masked_later_leaves_nothing_of_what_it_showed_before(where: Settings, kept: Cases) -> None:
    case = keep(kept, Conversation(Study((stacked(),))))
    before = arrays.packed(Stacked().frame(2).values)
    assert before in files(where)
    masked = replace(stacked(3), notes=("Text in the picture was blacked out.",))
    kept.keep_image(case, masked)
    database.clear(kept._engine)
    assert arrays.packed(Stacked().frame(4).values) not in files(where)
    assert [each.frames for each in kept.bring_back(case, ME)[0].study.images] == [3]


def test_a_picture_that_a_person_has_to_look_at_first_is_not_kept(kept: Cases) -> None:
    case = kept.case(ME)
    with pytest.raises(InputError, match=r"^Image 1 is not kept yet\. A name may be burnt in\.$"):
        kept.keep_image(case, image(caution="A name may be burnt in."))
    assert kept.bring_back(case, ME)[0].study.images == ()


def test_a_picture_that_was_brought_back_can_be_kept_again(
    kept: Cases, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = keep(kept, Conversation(Study((stacked(),))))
    monkeypatch.setattr(pictures, "RUN", "another")
    (found,) = kept.bring_back(case, ME)[0].study.images
    assert kept.keep_image(case, found) == ""
    (again,) = kept.bring_back(case, ME)[0].study.images
    assert all(same(again.at(number), stacked().at(number)) for number in range(1, 6))


def test_a_picture_kept_by_two_at_once_is_kept_once(kept: Cases) -> None:
    case = kept.case(ME)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: kept.keep_image(case, stacked(30)), range(4))) == [""] * 4
    (found,) = kept.bring_back(case, ME)[0].study.images
    assert same(found.at(30), stacked(30).at(30))


def test_frames_that_were_kept_are_not_decoded_again(kept: Cases, monkeypatch: pytest.MonkeyPatch) -> None:
    case = keep(kept, Conversation(Study((stacked(),))))
    monkeypatch.setattr(pictures, "frame", None)
    assert kept.keep_image(case, stacked()) == ""


def test_a_volume_that_came_back_can_be_cut_as_before(kept: Cases, dicom: object, tmp_path: Path) -> None:
    folder = tmp_path / "series"
    folder.mkdir()
    for number in range(4):
        values = (np.arange(30).reshape(5, 6) + 100 * number).astype(np.uint16)
        dicom(  # type: ignore[operator]
            f"series/{number}.dcm",
            values,
            Modality="CT",
            SeriesInstanceUID="1.2.3",
            FrameOfReferenceUID="1.2.4",
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            ImagePositionPatient=[0, 0, 2 * number],
            PixelSpacing=[1, 1],
            RescaleSlope=1,
            RescaleIntercept=-1024,
        )
    (shown,) = imaging.study([folder]).images
    case = keep(kept, Conversation(Study((shown,))))
    (found,) = kept.bring_back(case, ME)[0].study.images
    assert shown.stack and found.stack
    for plane in ("axial", "coronal", "sagittal"):
        one, other = (each.stack.reformat(plane) for each in (shown, found))
        assert one.frames == other.frames
        for number in range(1, one.frames + 1):
            assert same(one.image("image 1", number), other.image("image 1", number))


def test_the_grid_of_a_cut_is_that_of_its_voxels() -> None:
    from chat_app.imaging.volume import Volume, Voxels

    steps = (np.array([0, 0, 2.0]), np.array([0, 1.0, 0]), np.array([-1.0, 0, 0]))
    values = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    volume = Volume(
        lambda: Voxels(values),
        (3, 4, 5),
        Grid(np.array([9.0, 8, 7]), steps),
        looks=lambda _: (),
        sha256=lambda: "",
        described=dict,
    )
    cut = volume.as_stored()
    assert cut.grid
    at_corner = int(cut.frame(1).values[0, 0])
    slice_, row, column = np.unravel_index(at_corner, values.shape)
    corner = np.array([9.0, 8, 7]) + slice_ * steps[0] + row * steps[1] + column * steps[2]
    assert cut.grid.corner.tolist() == corner.tolist()


# Another run


def test_another_run_compares_neither_days_nor_a_lone_patient(
    kept: Cases, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = keep(kept, conversation())
    monkeypatch.setattr(pictures, "RUN", "another")
    for each in kept.bring_back(case, ME)[0].study.images:
        assert (each.origin.patient, each.origin.study, each.origin.day) == ("", "b2", None)


def test_no_frame_of_another_run_s_picture_knows_its_patient(
    kept: Cases, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = replace(stacked(), origin=image().origin)
    case = keep(kept, Conversation(Study((shown,))))
    monkeypatch.setattr(pictures, "RUN", "another")
    (found,) = kept.bring_back(case, ME)[0].study.images
    assert found.at(5).origin == found.origin == replace(shown.origin, patient="", day=None)


def test_pictures_of_two_runs_are_not_told_to_be_of_two_patients(
    kept: Cases, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = keep(kept, Conversation(Study((image(1),))))
    monkeypatch.setattr(pictures, "RUN", "another")
    kept.keep_image(case, replace(image(2), origin=replace(image(2).origin, patient="under another key")))
    found = kept.bring_back(case, ME)[0].study.images
    assert subject.patients(found) == ""
    assert [each.origin.patient for each in found] == ["", "under another key"]


def test_another_run_still_knows_two_patients_from_one(kept: Cases, monkeypatch: pytest.MonkeyPatch) -> None:
    second = image(2)
    second = replace(second, origin=replace(second.origin, patient="z9"))
    case = keep(kept, Conversation(Study((image(1), second))))
    monkeypatch.setattr(pictures, "RUN", "another")
    found = kept.bring_back(case, ME)[0].study.images
    assert [each.origin.patient for each in found] == ["a1", "z9"]


# Owners, deletion, privacy


def test_nobody_sees_or_deletes_what_is_another_s(kept: Cases) -> None:
    case = keep(kept, conversation())
    assert kept.cases(OTHER) == ()
    for act in (kept.bring_back, kept.delete):
        with pytest.raises(InputError, match=r"^There is no case of yours with that number"):
            act(case, OTHER)
    assert kept.delete_all(OTHER) == 0
    assert len(kept.bring_back(case, ME)[0].turns) == 2


def test_another_s_case_is_not_told_from_none(kept: Cases) -> None:
    case = keep(kept, conversation())
    said = []
    for number in (case, "0" * 32):
        with pytest.raises(InputError) as raised:
            kept.bring_back(number, OTHER)
        said.append(str(raised.value))
    assert said[0] == said[1]


@pytest.mark.parametrize("act", ["delete", "delete_all"])
def test_a_deleted_case_leaves_no_byte_behind(where: Settings, kept: Cases, act: str) -> None:
    said = Conversation(Study((stacked(40), replace(image(2), name="image 2"))), (turn(0),))
    other = keep(kept, conversation(1), OTHER)
    case = keep(kept, said)
    kept.keep_report(case, report(5))
    traces = [
        case.encode(),
        arrays.packed(said.study.images[0].pixels),
        *(arrays.packed(Stacked().frame(number).values)[-64:] for number in range(1, 41)),
        arrays.packed(said.turns[0].answer.views[0].pixels)[-64:],
        b"version 5.",
    ]
    before = files(where)
    assert sum(trace in before for trace in traces) > len(traces) - 4  # but those that a page's end cuts
    if act == "delete":
        kept.delete(case, ME)
    else:
        assert kept.delete_all(ME) == 1
    left = files(where)
    # The other case has the same view: in that one it stays.
    assert [trace in left for trace in traces] == [trace == traces[-2] for trace in traces]
    assert len(left) < len(before)
    with sqlite3.connect(where.folder / database.FILE) as raw:
        assert raw.execute("PRAGMA freelist_count").fetchone() == (0,)
    assert same(kept.bring_back(other, OTHER)[0], conversation(1))


def test_what_a_killed_program_had_deleted_is_cleared_away_by_the_next(
    where: Settings, kept: Cases, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = keep(kept, conversation())
    monkeypatch.setattr(database, "clear", lambda _: None)
    kept.delete(case, ME)
    assert case.encode() in files(where)
    store.open(where).close()
    assert case.encode() not in files(where)


def test_a_log_that_another_program_reads_is_said_and_cleared_later(where: Settings, kept: Cases) -> None:
    case = keep(kept, conversation())
    kept._engine.dispose()
    reader = sqlite3.connect(where.folder / database.FILE, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM cases").fetchall()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "PRAGMAS", (*database.PRAGMAS, "busy_timeout = 100"))
        with pytest.raises(SetupError, match=r"^It is deleted, but another program still reads the store"):
            kept.delete(case, ME)
    reader.execute("COMMIT")
    assert kept.cases(ME) == ()
    kept.delete_all(ME)
    assert case.encode() not in files(where)


def test_a_late_answer_does_not_bring_a_deleted_case_back(kept: Cases) -> None:
    case = keep(kept, conversation())
    kept.delete(case, ME)
    for late in (lambda: kept.keep_turn(case, 2, turn()), lambda: kept.keep_image(case, image())):
        with pytest.raises(InputError, match=r"^This case is not kept any more"):
            late()
    assert kept.cases(ME) == ()


def test_only_their_owner_can_read_the_folder_and_the_files(where: Settings, kept: Cases) -> None:
    keep(kept, conversation())
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in where.folder.iterdir()}
    assert stat.S_IMODE(where.folder.stat().st_mode) == 0o700
    assert {"store.sqlite", "store.sqlite-wal"} <= set(modes)
    assert set(modes.values()) == {0o600}


def test_a_folder_open_to_others_is_refused_and_not_changed(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    with pytest.raises(SetupError, match=r"^Others can look into the data folder"):
        store.open(Settings(data=str(tmp_path / "open")))
    assert stat.S_IMODE((tmp_path / "open").stat().st_mode) == 0o755


def test_no_identifier_of_a_file_is_kept(where: Settings, kept: Cases, tmp_path: Path) -> None:
    path = tmp_path / "picture.dcm"
    path.write_bytes(saved(seeded()))
    (shown,) = imaging.study([path]).images
    keep(kept, Conversation(Study((shown,))))
    database.clear(kept._engine)
    left = files(where)
    assert [name for name, seed in SEEDS.items() if str(seed).encode() in left] == []
    assert b"picture.dcm" not in left


def test_facts_of_unknown_names_and_keywords_with_values_are_not_kept(kept: Cases) -> None:
    stranger = image(facts={"PatientName": "Zqname", "KVP": "120"}, withheld=("PatientName", "Zq^name"))
    case = keep(kept, Conversation(Study((stranger,))))
    (found,) = kept.bring_back(case, ME)[0].study.images
    assert (found.facts, found.withheld) == ({"KVP": "120"}, ("PatientName",))


# Nothing kept


@pytest.mark.parametrize("where", [Settings(store="none")])
def test_a_store_that_keeps_nothing_takes_everything(where: Settings) -> None:
    nowhere = store.open(where)
    case = keep(nowhere, conversation())
    nowhere.keep_report(case, report())
    assert nowhere.cases(ME) == ()
    assert nowhere.delete_all(ME) == 0
    with pytest.raises(InputError, match=r"^Nothing is kept here"):
        nowhere.bring_back(case, ME)
    assert not where.folder.exists()


def test_the_room_is_light_where_nothing_is_kept() -> None:
    code = (
        "import sys; from chat_app import settings, store; "
        "store.open(settings.Settings(store='none')); print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"sqlalchemy", "alembic", "torch"} & set(loaded.split())


# The database


def test_the_migrations_make_the_tables_of_the_code(kept: Cases) -> None:
    with kept._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": database.VERSIONS})
        assert compare_metadata(context, Table.metadata) == []


def test_sqlite_is_held_to_its_rules(kept: Cases) -> None:
    with kept._engine.connect() as connection:
        asked = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "secure_delete", "synchronous", "auto_vacuum")
        }
    assert list(asked.values()) == ["wal", 1, 1, 2, 2]


def test_a_store_of_a_newer_program_is_refused_and_not_changed(where: Settings, kept: Cases) -> None:
    kept.close()
    with sqlite3.connect(where.folder / database.FILE) as raw:
        raw.execute(f"UPDATE {database.VERSIONS} SET version_num = '9999'")
    with pytest.raises(SetupError, match=r"^The store was written by a newer Lightbox"):
        store.open(where)


def test_a_migration_that_fails_changes_nothing(where: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("disk full")

    upgrade = database.command.upgrade
    monkeypatch.setattr(database.command, "upgrade", lambda *args: (upgrade(*args), fail()))
    with pytest.raises(SetupError):
        store.open(where)
    monkeypatch.undo()
    with sqlite3.connect(where.folder / database.FILE) as raw:
        assert raw.execute("SELECT name FROM sqlite_master").fetchall() == []
    store.open(where).close()


def test_a_file_that_is_no_database_is_refused_in_one_sentence(where: Settings) -> None:
    where.folder.mkdir(mode=0o700)
    (where.folder / database.FILE).write_bytes(b"no database at all" * 100)
    with pytest.raises(SetupError, match=r"^The store cannot be read or written"):
        store.open(where)


@pytest.mark.parametrize(
    "url", ["no url", "martian://secret@host/x", "postgresql://u:secret@[/x", "sqlite://"]
)
def test_a_wrong_url_is_said_without_repeating_it(url: str) -> None:
    with pytest.raises(SetupError) as raised:
        store.open(Settings(store=url))
    assert "secret" not in str(raised.value)
    assert "secret" not in repr(Settings(store=url))


def test_a_sqlite_file_can_be_named_by_its_url(tmp_path: Path) -> None:
    there = Settings(store=f"sqlite:///{tmp_path}/mine.sqlite")
    opened = store.open(there)
    keep(opened, conversation(1))
    opened.close()
    assert stat.S_IMODE((tmp_path / "mine.sqlite").stat().st_mode) == 0o600


def test_a_row_of_another_version_is_refused_in_one_sentence(where: Settings, kept: Cases) -> None:
    case = keep(kept, conversation(1))
    with sqlite3.connect(where.folder / database.FILE) as raw:
        raw.execute("""UPDATE turns SET form = '{"question":"?","colour":"red"}'""")
    with pytest.raises(SetupError, match=r"^What was kept of this case cannot be read"):
        kept.bring_back(case, ME)


def test_several_threads_keep_turns_of_their_own(kept: Cases) -> None:
    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(lambda _: keep(kept, conversation(3)), range(8)))
    assert all(same(kept.bring_back(number, ME)[0], conversation(3)) for number in numbers)


# Bytes


@given(
    arrays_of.arrays(st.sampled_from(sorted(arrays.KINDS)), arrays_of.array_shapes(max_dims=3, max_side=6))
)
def test_any_array_is_packed_without_loss(values: np.ndarray) -> None:
    found = arrays.unpacked(arrays.packed(values))
    assert found.dtype == values.dtype
    assert found.shape == values.shape
    assert found.tobytes() == values.tobytes()


def test_what_is_no_picture_is_not_packed() -> None:
    with pytest.raises(ValueError, match="is not kept"):
        arrays.packed(np.array(["Zqname"]))


def test_damaged_bytes_are_said() -> None:
    with pytest.raises(SetupError, match=r"^What was kept"):
        pictures.array(b'["|u1", 2]\nno')


def test_a_form_says_what_it_cannot_read() -> None:
    with pytest.raises(SetupError, match=r"^What was kept"):
        forms.read(Study, "[")
