"""Keeps what is on a desk as a case, after each step, and records who did what; it decides nothing itself.

What is kept is told from the desk, not from the events: a step that could not be kept is kept with the next.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from chat_app import audit, private, store
from chat_app.audit import Action, Audit, Event, Silent
from chat_app.errors import ChatAppError, InputError, SetupError
from chat_app.hosts import is_loopback
from chat_app.records import Conversation, Image, Report, Turn
from chat_app.settings import Settings
from chat_app.store import Case, Ephemeral, Store
from chat_app.ui.desk import Desk, Kept
from chat_app.ui.faults import say, told

KEY = "browser.key"
SECRET = re.compile(r"[0-9a-f]{32}")

NOT_HERE = "This case is not among yours any more: choose one of those listed."
ELSEWHERE = "This case was opened once more, in another tab: what is done here from now on is not kept."


class Keeper:
    """The one store and the one record of a process, for all its desks.

    user: whose all cases are, "" for a page that several people reach: then a case belongs to a browser.
    key: what the browsers' secrets are stored under, for such a page.
    """

    def __init__(self, kept: Store, record: Audit | Silent, *, user: str = "", key: str = "") -> None:
        self.store, self.record, self.user, self.key = kept, record, user, key
        self.is_keeping = not isinstance(kept, Ephemeral)
        # By number, what desk keeps a case now; a desk that is gone keeps none.
        self._keeping: weakref.WeakValueDictionary[str, Kept] = weakref.WeakValueDictionary()

    @property
    def is_shared(self) -> bool:
        """Whether a browser has to say whose cases are its own."""
        return self.is_keeping and not self.user

    def greet(self, desk: Desk, secret: str) -> str:
        """Takes over the secret of the browser at this desk, or a new one where it has none; gives it back.

        The store is given its hash: who reads the store cannot pass for the browser.
        """
        secret = secret if SECRET.fullmatch(secret) else secrets.token_hex(16)
        # No pseudonym has a colon.
        desk.reader = f"browser:{hashlib.sha256(secret.encode()).hexdigest()}"
        return secret

    def owner(self, desk: Desk) -> str:
        """Whose the store is told a case is; "" where nothing is kept, or nobody knows yet whose it were."""
        return (self.user or desk.reader) if self.is_keeping else ""

    # The record

    def check(self, desk: Desk) -> None:
        """Before an answer or a draft is begun, which take long: there is a case to put it down to.

        Raises:
            SetupError: nothing can be recorded.
        """
        self.record.check()
        with _said(desk.kept):
            self._begin(desk, desk.kept)

    def opened(self, desk: Desk) -> None:
        """Records the pictures that came, and begins a case for them.

        Raises:
            SetupError: it cannot be recorded; such pictures are not on the desk any more.
        """
        kept = desk.kept
        with kept.words:
            fresh = [each for each in desk.images if kept.opened.get(each.name) != each.sha256]
            if fresh:
                with _said(kept):
                    self._begin(desk, kept)
            try:
                for image in fresh:
                    self.record.record(audit.opened(kept.case, image))
                    kept.opened[image.name] = image.sha256
            except ChatAppError:
                for image in fresh:
                    if kept.opened.get(image.name) != image.sha256:
                        desk.leave_out(image.name)
                raise

    def asked(self, desk: Desk, turn: Turn) -> None:
        """Raises SetupError, as the next."""
        self.record.record(audit.asked(desk.case, turn, desk.conversation.study))

    def reported(self, desk: Desk, action: Action, report: Report, form: str = "") -> None:
        """Records what was done to a report, before it is. Raises SetupError where that cannot be."""
        self.record.record(audit.reported(action, desk.case, report, desk.conversation.study, form))

    # The store

    def keep(self, desk: Desk, kept: Kept | None = None) -> None:
        """Keeps turns and report as they are now, of the case on the desk or of one that has just left it.

        A fault is said once, and the page goes on.
        """
        kept = kept or desk.kept
        with _said(kept), kept.words:
            conversation, report = desk.now(kept)
            if (conversation.turns == kept.turns and report is kept.report) or not self._begin(desk, kept):
                return
            self._keep_turns(kept, conversation.turns)
            if report is not None and report is not kept.report:
                self.store.keep_report(kept.case, report)
                kept.report = report

    def keep_pictures(self, desk: Desk) -> None:
        """Keeps the pictures that may be, one after the other, until those on the desk are; it takes long.

        A fault is said once, as with `keep`.
        """
        kept = desk.kept
        with _said(kept), kept.pictures:
            while (images := self._wanted(desk, kept)) != kept.images and self._begin(desk, kept):
                self._keep_next(kept, images)

    def uploads(self, kept: Kept, folder: TemporaryDirectory[str] | None) -> None:
        """Deletes the files of a desk that was emptied, once the pictures being kept have been read."""

        def delete() -> None:
            with kept.pictures:
                if folder:
                    folder.cleanup()

        if kept.pictures.locked():
            threading.Thread(target=delete, name="uploads", daemon=True).start()
        else:
            delete()

    def _wanted(self, desk: Desk, kept: Kept) -> dict[str, Image]:
        """One that a person has to look at first is not kept."""
        return {each.name: each for each in desk.now(kept)[0].study.images if not each.caution}

    def _keep_next(self, kept: Kept, images: dict[str, Image]) -> None:
        for name in kept.images.keys() - images.keys():
            self.store.leave_out(kept.case, name)
            del kept.images[name]
        image = next((each for name, each in images.items() if kept.images.get(name) is not each), None)
        if image is None:
            return
        kept.images[image.name] = image  # also one that cannot be decoded: it will not be able to later
        try:
            lacking = self.store.keep_image(kept.case, image)
        except SetupError:
            del kept.images[image.name]
            raise
        if lacking:
            say(lacking)

    def _keep_turns(self, kept: Kept, turns: tuple[Turn, ...]) -> None:
        pairs = zip(kept.turns, turns, strict=False)
        same = next((n for n, (one, other) in enumerate(pairs) if one is not other), None)
        number = min(len(kept.turns), len(turns)) if same is None else same
        if number < len(kept.turns):
            self.store.cut(kept.case, number)
            kept.turns = turns[:number]
        for turn in turns[number:]:
            self.store.keep_turn(kept.case, len(kept.turns), turn)
            kept.turns = (*kept.turns, turn)

    def _begin(self, desk: Desk, kept: Kept) -> bool:
        """Whether there is a case to keep something in; begun now, if there was none.

        Raises:
            InputError: this desk has lost it.
        """
        if kept.is_elsewhere:
            raise InputError(ELSEWHERE)
        with kept.words:
            if not kept.case and (owner := self.owner(desk)):
                kept.case = self.store.case(owner)
                self._keeping[kept.case] = kept
        return bool(kept.case)

    # Earlier cases

    def cases(self, desk: Desk) -> tuple[Case, ...]:
        """Those of whoever sits at this desk, newest first, and of them those that something is in."""
        owner = self.owner(desk)
        every = self.store.cases(owner) if owner else ()
        return tuple(each for each in every if each.title or each.turns or each.status)

    def bring_back(self, desk: Desk, case: str) -> tuple[Conversation, Report | None, Kept]:
        """The case for this desk to go on with; the desk that had it until now keeps nothing in it any more.

        Raises:
            InputError: it is not one of theirs.
            SetupError: it cannot be read, or not recorded that it was.
        """
        self._check(desk, case)
        if before := self._keeping.get(case):
            with before.pictures, before.words:  # what it is keeping just now is brought back too
                before.is_elsewhere = True
        conversation, reports = self.store.bring_back(case, self.owner(desk))
        images = conversation.study.images
        hashes = {each.name: each.sha256 for each in images}
        self.record.record(Event(Action.BROUGHT_BACK, case, images=tuple(hashes.values())))
        report = reports[-1] if reports else None
        kept = Kept(case, {each.name: each for each in images}, conversation.turns, report, hashes)
        self._keeping[case] = kept
        return conversation, report, kept

    def delete(self, desk: Desk, case: str) -> None:
        """Deletes a case, once it is recorded: rather an event too many than one that nobody knows of.

        Raises:
            InputError: it is not one of theirs.
            SetupError: it cannot be recorded, or not be deleted.
        """
        self._check(desk, case)
        self.record.record(Event(Action.DELETED, case))
        self.store.delete(case, self.owner(desk))

    def _check(self, desk: Desk, case: str) -> None:
        if case not in [each.id for each in self.cases(desk)]:
            raise InputError(NOT_HERE)

    def close(self) -> None:
        self.store.close()


def silent() -> Keeper:
    """One that keeps and records nothing."""
    return Keeper(Ephemeral(), Silent())


def opened(settings: Settings, *, is_shared: bool | None = None) -> Keeper:
    """The store and the record that the settings name; one a process.

    is_shared: whether several people reach the page; by default, whether it listens beyond this machine.

    Raises:
        SetupError: they cannot be opened.
    """
    record = audit.open(settings)
    kept = store.open(settings)
    shared = not is_loopback(settings.host) if is_shared is None else is_shared
    if settings.is_ephemeral or not shared:
        return Keeper(kept, record, user=settings.user)
    return Keeper(kept, record, key=_key(private.folder(settings.folder) / KEY))


def _key(path: Path) -> str:
    """The same after a restart, so that browsers can still read what they stored under it."""
    private.ensure(path, secrets.token_hex(16).encode())
    try:
        return path.read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        raise SetupError(private.UNWRITABLE) from error


@contextmanager
def _said(kept: Kept) -> Iterator[None]:
    """Says a fault, the same one once a case; what was to be done is left for the next step."""
    with told():
        try:
            yield
        except ChatAppError as error:
            if str(error) not in kept.told:
                kept.told.add(str(error))
                raise
