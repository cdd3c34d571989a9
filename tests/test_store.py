"""The store: what was kept comes back as it was, to its owner alone, and what was deleted is gone."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from identifiers import SEEDS, saved, seeded
from keeping import ME, OTHER, Stacked, conversation, files, image, keep, report, same, stacked, turn

from chat_app import imaging, store
from chat_app.errors import InputError, SetupError
from chat_app.records import Conversation, Study
from chat_app.settings import Settings
from chat_app.store import arrays, database
from chat_app.store.cases import Cases
from chat_app.store.tables import Table

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


def test_a_store_that_keeps_nothing_takes_everything(tmp_path: Path) -> None:
    where = Settings(store="none", data=str(tmp_path / "data"))
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
