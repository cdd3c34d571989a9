"""The database behind the store: opened, brought up to date, and emptied so that nothing is left of a case.

SQLite in a file that only its owner can read, unless the settings name another. It knows nothing of cases.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, SQLAlchemyError

from chat_app import private
from chat_app.errors import InputError, SetupError
from chat_app.settings import Settings

FILE = "store.sqlite"
VERSIONS = "lightbox_version"
MIGRATIONS = Path(__file__).parent / "migrations"
SECONDS = 30  # that one waits for another who writes
LOCK = 5_170_941  # of PostgreSQL's advisory locks, ours

# secure_delete: what is deleted is overwritten. synchronous: what was committed outlives a cut of the power.
PRAGMAS = (
    "auto_vacuum = INCREMENTAL",
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "secure_delete = ON",
    "temp_store = MEMORY",
)

NEWER = "The store was written by a newer Lightbox: install that, or name another place with LIGHTBOX_STORE."
NO_URL = "LIGHTBOX_STORE must be empty, none, or a database's URL, as postgresql://USER@HOST/NAME."
NO_DRIVER = (
    "The driver of that database is not installed: for PostgreSQL, pip install 'lightbox-chat[postgres]'."
)
UNREADABLE = (
    "The store cannot be read or written: see whether its disk is full, its server away, or it is damaged."
)
GONE = "This case is not kept any more: it was deleted."
IN_USE = (
    "It is deleted, but another program still reads the store: stop that, and delete again to clear its log."
)


def connect(settings: Settings) -> Engine:
    """The store's database, ready and up to date.

    Raises:
        SetupError: it cannot be reached or read, or was written by a newer Lightbox.
    """
    url = _url(settings)
    try:
        engine = create_engine(url, connect_args=_arguments(url), hide_parameters=True)
    except (ArgumentError, NoSuchModuleError) as error:
        raise SetupError(NO_URL) from error
    except ImportError as error:
        raise SetupError(NO_DRIVER) from error
    if url.get_backend_name() == "sqlite":
        _prepare(engine, url)
    with mapped():
        _migrate(engine)
        if engine.dialect.name == "sqlite":
            _empty(engine)  # of what a program deleted that ended before it had cleared it away
    return engine


@contextmanager
def mapped() -> Iterator[None]:
    """Faults of the database in our words: its own repeat what was to be written."""
    try:
        yield
    except IntegrityError:
        raise InputError(GONE) from None
    except (SQLAlchemyError, sqlite3.Error):
        raise SetupError(UNREADABLE) from None


def clear(engine: Engine) -> None:
    """Leaves no trace of deleted rows in the files of the database, as far as it lets one.

    SQLite has overwritten them; its log is emptied and its file made smaller. PostgreSQL frees the space and
    writes over it in time. Raises SetupError, when another program keeps SQLite's log from being emptied.
    """
    with mapped():
        if engine.dialect.name == "sqlite" and not _empty(engine):
            raise SetupError(IN_USE)
        if engine.dialect.name == "postgresql":
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("VACUUM")


def _url(settings: Settings) -> URL:
    if not settings.store:
        file = private.folder(settings.folder) / FILE
        return URL.create("sqlite", database=str(file))
    try:
        url = make_url(settings.store)
    except (ArgumentError, ValueError):
        raise SetupError(NO_URL) from None  # the fault repeats the URL, and with it a password
    # Its driver by default is not one whose licence we can ask for.
    return url.set(drivername="postgresql+pg8000") if url.drivername == "postgresql" else url


def _arguments(url: URL) -> dict[str, Any]:
    return {"timeout": SECONDS} if url.get_backend_name() in {"sqlite", "postgresql"} else {}


def _prepare(engine: Engine, url: URL) -> None:
    """SQLite: a closed file, our pragmas, and transactions that begin where we say.

    The driver itself would begin one late, and two that have read would each wait for the other to write.
    """
    if not url.database or url.database == ":memory:":
        raise SetupError(NO_URL)
    private.ensure(Path(url.database))

    @event.listens_for(engine, "connect")
    def _(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", True)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _migrate(engine: Engine) -> None:
    """In one transaction, under a lock: killed in the middle, or begun by two at once, it does no harm."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
        context = MigrationContext.configure(connection, opts={"version_table": VERSIONS})
        current = context.get_current_revision()
        if current and current not in {each.revision for each in scripts.walk_revisions()}:
            raise SetupError(NEWER)
        if current != scripts.get_current_head():
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _empty(engine: Engine) -> bool:
    """Whether the log could be emptied: no one may be reading from it."""
    with closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        cursor.executescript("PRAGMA incremental_vacuum")  # execute() would free one page and stop
        busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    return not busy
