"""Where cases are kept: a database of the operator's choice, or nowhere."""

from __future__ import annotations

from chat_app.settings import Settings
from chat_app.store.case import Case, Store
from chat_app.store.ephemeral import Ephemeral

__all__ = ["Case", "Ephemeral", "Store", "open"]


def open(settings: Settings) -> Store:
    """The store that the settings name; one a process is enough, for all its threads.

    Raises:
        SetupError: it cannot be reached or read, or was written by a newer Lightbox.
    """
    if settings.is_ephemeral:
        return Ephemeral()
    from chat_app.store.cases import Cases  # whose libraries take a moment to load

    return Cases(settings)
