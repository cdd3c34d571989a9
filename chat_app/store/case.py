"""What a store does, whether it keeps anything or not, and how a kept case is listed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from chat_app.records import Conversation, Image, Report, Turn


@dataclass(frozen=True)
class Case:
    """One line about a kept case. made: ISO 8601, UTC. title: kinds of pictures, from codes of their files.

    status: of the last report, "" where none was drafted.
    """

    id: str
    made: str
    title: str
    turns: int
    status: str = ""


class Store(Protocol):
    """Keeps cases of several owners apart; each call is done, or not at all, when it comes back.

    owner: a name that means nothing. case: what `case` gave, a random number in hexadecimal. Every call
    raises SetupError where the database cannot be reached, and InputError where there is no such case, or it
    is another's.
    """

    def case(self, owner: str) -> str:
        """Begins a case and gives its number; nothing is kept in it yet."""
        ...

    def keep_image(self, case: str, image: Image) -> str:
        """Keeps a picture in the place of the one of its name: what is shown of it, then frame by frame.

        Gives a sentence where not all frames could be kept, else "". It takes as long as all frames take to
        decode; ended in the middle, it leaves a picture that says which frames it has not. What an earlier
        one of its name showed is gone, so that nothing is left of what was masked since; one that was brought
        back is kept already. Raises InputError for a picture that a person has to look at first.
        """
        ...

    def leave_out(self, case: str, name: str) -> None:
        """Deletes a picture of the case that nothing was asked about."""
        ...

    def keep_turn(self, case: str, number: int, turn: Turn) -> None:
        """Makes this the turn of that number, from 0; whatever came after it is gone."""
        ...

    def cut(self, case: str, number: int) -> None:
        """Deletes the turns from this number on: for Undo."""
        ...

    def keep_report(self, case: str, report: Report) -> None:
        """Keeps one more version of the report, with what was decided in it; the same again is kept once."""
        ...

    def cases(self, owner: str) -> tuple[Case, ...]:
        """The owner's cases, newest first."""
        ...

    def bring_back(self, case: str, owner: str) -> tuple[Conversation, tuple[Report, ...]]:
        """The case as it was kept, and all versions of its reports, oldest first.

        Not kept are to whom it might be sent, which is agreed to anew, and what a model had read of it. Days
        between studies, and whether one opened later is of the same patient, are known only to the process
        that opened them. A volume whose file states no millimetres is not cut anew.
        """
        ...

    def delete(self, case: str, owner: str) -> None:
        """Deletes the case and all that belongs to it, from the files too."""
        ...

    def delete_all(self, owner: str) -> int:
        """Deletes all cases of the owner, and gives how many there were."""
        ...

    def close(self) -> None: ...
