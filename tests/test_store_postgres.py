"""The store in a real PostgreSQL: the same promises, and several programs at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy
from keeping import ME, OTHER, Stacked, conversation, keep, report, same, turn
from postgres import running

from chat_app import store
from chat_app.errors import InputError, SetupError
from chat_app.records import Conversation, Study
from chat_app.settings import Settings
from chat_app.store import database

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running() as url:
        yield url


@pytest.fixture
def kept(url: str) -> Iterator[store.Store]:
    opened = store.open(Settings(store=url))
    yield opened
    for owner in (ME, OTHER):
        opened.delete_all(owner)
    opened.close()


def test_a_case_comes_back_as_it_was_kept(kept: store.Store) -> None:
    said = Conversation(Study((Stacked().image("image 1", 3),)), (turn(0), turn(1)))
    case = keep(kept, said)
    for version in (1, 2):
        kept.keep_report(case, report(version))
    found, reports = kept.bring_back(case, ME)
    assert same(found, said)
    assert all(map(same, reports, (report(1), report(2))))
    assert same(found.study.images[0].at(5), said.study.images[0].at(5))


def test_nobody_sees_what_is_another_s(kept: store.Store) -> None:
    case = keep(kept, conversation())
    assert kept.cases(OTHER) == ()
    with pytest.raises(InputError):
        kept.bring_back(case, OTHER)


def test_a_deleted_case_has_no_row_left(kept: store.Store, url: str) -> None:
    case = keep(kept, conversation())
    kept.keep_report(case, report())
    kept.delete(case, ME)
    engine = database.connect(Settings(store=url))
    with engine.connect() as connection:
        for name in sqlalchemy.inspect(engine).get_table_names():
            if name != database.VERSIONS:
                assert connection.exec_driver_sql(f'SELECT count(*) FROM "{name}"').scalar() == 0
    engine.dispose()


def test_a_late_answer_does_not_bring_a_deleted_case_back(kept: store.Store) -> None:
    case = keep(kept, conversation())
    kept.delete(case, ME)
    with pytest.raises(InputError, match=r"^This case is not kept any more"):
        kept.keep_turn(case, 2, turn())


def test_programs_that_open_an_empty_database_at_once_all_find_it_ready(url: str) -> None:
    with sqlalchemy.create_engine(url.replace("postgresql", "postgresql+pg8000")).begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(lambda _: store.open(Settings(store=url)), range(4)))
    assert same(opened[0].bring_back(keep(opened[3], conversation()), ME)[0], conversation())
    for each in opened:
        each.close()


def test_programs_keep_turns_of_one_case_one_after_the_other(kept: store.Store) -> None:
    case = keep(kept, conversation(0))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: kept.keep_turn(case, 0, turn(0, ("image 1", "image 2"))), range(12)))
    assert same(kept.bring_back(case, ME)[0].turns, (turn(0, ("image 1", "image 2")),))


def test_a_server_that_is_away_is_said_in_one_sentence(url: str) -> None:
    with pytest.raises(SetupError, match=r"^The store cannot be read or written"):
        store.open(Settings(store="postgresql://lightbox:secret@127.0.0.1:1/postgres"))
