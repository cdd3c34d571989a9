"""lightbox cases, lightbox audit: what is kept here, deleted, and whether the record of it was changed."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from chat_app import settings

if TYPE_CHECKING:
    from chat_app.store import Case


def cases(options: argparse.Namespace) -> int:
    """One line a case, newest first."""
    from chat_app import store

    chosen = settings.load()
    kept = store.open(chosen)
    for case in kept.cases(chosen.user):
        print(_line(case))
    kept.close()
    return 0


def _line(case: Case) -> str:
    turns = f"{case.turns} question{'' if case.turns == 1 else 's'}"
    report = f"report: {case.status}" if case.status else "no report"
    return "  ".join((case.id, case.made[:16].replace("T", " "), turns, report, case.title or "no picture"))


def delete(options: argparse.Namespace) -> int:
    """Deletes one case, and records that it was."""
    from chat_app import audit, store

    chosen = settings.load()
    record = audit.open(chosen)  # whoever may not record may not delete
    kept = store.open(chosen)
    kept.delete(options.id, chosen.user)
    kept.close()
    record.record(audit.Event(audit.Action.DELETED, options.id))
    print("The case is deleted.")
    return 0


def verify(options: argparse.Namespace) -> int:
    """Says what is found; 1 when the record was changed."""
    from chat_app import audit

    found = audit.open(settings.load()).verify()
    print(found.says)
    return int(not found.sound)
