"""A store that keeps nothing: for pages that strangers share, and for whoever wants it so."""

from __future__ import annotations

from typing import NoReturn

from chat_app.errors import InputError
from chat_app.records import Image, Report, Turn
from chat_app.store.case import Case

NOTHING = "Nothing is kept here, so there is no case to bring back or delete."


class Ephemeral:
    """Does what a Store does, and forgets it at once."""

    def case(self, owner: str) -> str:
        return ""

    def keep_image(self, case: str, image: Image) -> str:
        return ""

    def leave_out(self, case: str, name: str) -> None: ...

    def keep_turn(self, case: str, number: int, turn: Turn) -> None: ...

    def cut(self, case: str, number: int) -> None: ...

    def keep_report(self, case: str, report: Report) -> None: ...

    def cases(self, owner: str) -> tuple[Case, ...]:
        return ()

    def bring_back(self, case: str, owner: str) -> NoReturn:
        raise InputError(NOTHING)

    def delete(self, case: str, owner: str) -> NoReturn:
        raise InputError(NOTHING)

    def delete_all(self, owner: str) -> int:
        return 0

    def close(self) -> None: ...
