"""The record on disk: events appended under a lock, beside them a head and a key that only their owner reads.

Several threads and programs may write at once. One that is killed loses at most the event under way.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from chat_app import private
from chat_app.audit import chain
from chat_app.audit.chain import Head, Verdict
from chat_app.audit.event import Action, Event
from chat_app.errors import SetupError
from chat_app.settings import Settings

LOG, HEAD, KEY, LOCK = "audit.jsonl", "audit.head", "audit.key", "audit.lock"
LEAST_KEY = 32  # bytes
SECONDS = 30  # that one waits for another who writes
USER = re.compile(r"[A-Za-z0-9._@-]{1,64}")

CHANGED = "The record of who did what was changed or cut: see `lightbox audit verify`, and keep it as it is."
NO_PSEUDONYM = "LIGHTBOX_USER must be a pseudonym of letters, digits and . _ @ - alone, at most 64 of them."
NO_KEY = "The key of the record of who did what is gone or too short: put it back, or move the record away."
UNREADABLE = "The record of who did what cannot be read or written: check the data folder's disk."
HELD = "Another program holds the record of who did what: wait until it has written."


class Silent:
    """Records nothing, where nothing is kept."""

    def record(self, event: Event) -> None: ...

    def check(self) -> None: ...

    def verify(self) -> Verdict:
        return Verdict(0, True, "Nothing is kept here, so nothing was recorded.")


class Audit:
    """The record in the data folder. One a process; its calls may come from any thread."""

    def __init__(self, settings: Settings) -> None:
        if not USER.fullmatch(settings.user):
            raise SetupError(NO_PSEUDONYM)
        self._user = settings.user
        self._folder = private.folder(settings.folder)
        self._key_file = Path(settings.audit_key) if settings.audit_key else self._folder / KEY

    def record(self, event: Event) -> None:
        """Appends one event; when it comes back, the event is on the disk.

        Raises:
            SetupError: it cannot be written, or what is there was changed.
        """
        with self._alone():
            self._begin()
            key = self._key()
            self._append(key, self._caught_up(key, self._head(key)), event)

    def check(self) -> None:
        """Records nothing, and raises SetupError when `record` could not: before what takes long."""
        with self._alone():
            self._begin()
            self._head(self._key())

    def verify(self) -> Verdict:
        """Reads all of it. Raises SetupError, when the key is gone or something cannot be read."""
        with self._alone():
            if not self._log.exists() and not self._head_file.exists():
                return self._nothing()
            key = self._key()
            head = chain.read_head(key, self._head_file.read_bytes()) if self._head_file.exists() else None
            if not self._log.exists():
                return chain.check(key, (), head)
            with self._log.open("rb") as lines:
                return chain.check(key, lines, head)

    def _nothing(self) -> Verdict:
        if self._key_file.exists():
            return Verdict(
                0, False, "There is a key and no record: it was taken away, or nothing was done yet."
            )
        return Verdict(0, True, "Nothing was recorded yet.")

    @property
    def _log(self) -> Path:
        return self._folder / LOG

    @property
    def _head_file(self) -> Path:
        return self._folder / HEAD

    def _key(self) -> bytes:
        try:
            key = self._key_file.read_bytes()
        except FileNotFoundError:
            key = b""
        if len(key) < LEAST_KEY:
            raise SetupError(NO_KEY)
        return key

    def _begin(self) -> None:
        """An empty record where there is none. A key is made with it, never for one that is there."""
        if self._head_file.exists() or (self._log.exists() and self._log.stat().st_size):
            return
        private.ensure(self._key_file, secrets.token_bytes(LEAST_KEY))
        private.ensure(self._log)
        private.replace(self._head_file, chain.head_line(self._key(), Head()))

    def _head(self, key: bytes) -> Head:
        """What the head says, when the log is as long and ends as it says."""
        if not self._log.exists() or not self._head_file.exists():
            raise SetupError(CHANGED)
        head = chain.read_head(key, self._head_file.read_bytes())
        if head is None or self._log.stat().st_size < head.size:
            raise SetupError(CHANGED)
        if head.events and chain.mac(self._bytes(head.size - chain.LINE_END, chain.LINE_END)) != head.last:
            raise SetupError(CHANGED)
        return head

    def _caught_up(self, key: bytes, head: Head) -> Head:
        """The head with the events that a killed program wrote behind it; a torn one is cut off, and said."""
        *lines, torn = self._bytes(head.size).split(b"\n")
        for line in lines:
            if chain.follows(key, head, line + b"\n"):
                raise SetupError(CHANGED)
            head = head.after(line + b"\n")
        if not torn:
            return head
        os.truncate(self._log, head.size)
        return self._append(key, head, Event(Action.MENDED, size=len(torn)))

    def _bytes(self, start: int, count: int = -1) -> bytes:
        with self._log.open("rb") as log:
            log.seek(start)
            return log.read(count)

    def _append(self, key: bytes, head: Head, event: Event) -> Head:
        form = {"at": _now(), "who": self._user, **event.plain}
        line = chain.event_line(key, head, form)
        handle = os.open(self._log, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(handle, line)
            os.fsync(handle)
        finally:
            os.close(handle)
        head = head.after(line)
        private.replace(self._head_file, chain.head_line(key, head))
        return head

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            with FileLock(self._folder / LOCK, timeout=SECONDS, mode=0o600):
                yield
        except Timeout as error:
            raise SetupError(HELD) from error
        except OSError as error:
            raise SetupError(UNREADABLE) from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
