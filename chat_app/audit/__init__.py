"""The record of who did what: append-only, each event chained to the one before by a keyed hash.

It holds no text and no identifier. docs/privacy.md says what it can show and what it cannot.
"""

from __future__ import annotations

from chat_app.audit.chain import Verdict
from chat_app.audit.event import Action, Event, asked, changed, opened, reported
from chat_app.audit.log import Audit, Silent
from chat_app.settings import Settings

__all__ = ["Action", "Audit", "Event", "Silent", "Verdict", "asked", "changed", "open", "opened", "reported"]


def open(settings: Settings) -> Audit | Silent:
    """The record in the data folder; a silent one where nothing is kept.

    Raises:
        SetupError: the folder cannot be used, or `user` is no pseudonym.
    """
    return Silent() if settings.is_ephemeral else Audit(settings)
