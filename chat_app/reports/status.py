"""Where a report stands, which way it may go, and what a signature binds.

It knows no clock and no page: time and name are handed in. Whether a name is that of the person who gives it
is not known here either.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from chat_app.errors import InputError
from chat_app.records import Remark, Report, Signature, Statement, Status

# ACR Practice Parameter for Communication of Diagnostic Imaging Findings (2020): a preliminary report comes
# before the final one and is kept, and what changes after a final one is an amendment.
WAYS: dict[Status, tuple[Status, ...]] = {
    Status.DRAFT: (Status.PRELIMINARY, Status.FINAL, Status.ERROR),
    Status.PRELIMINARY: (Status.FINAL, Status.ERROR),
    Status.FINAL: (Status.ERROR,),
    Status.AMENDED: (Status.ERROR,),
    Status.ERROR: (),
}
BINDING = (Status.FINAL, Status.AMENDED)
LONGEST_NAME = 100


def ways(report: Report) -> tuple[Status, ...]:
    """What the report can become by a signature; one that was final before becomes amended."""
    if report.status not in BINDING and any(each.status in BINDING for each in report.signatures):
        return (Status.AMENDED, Status.ERROR)
    return WAYS[report.status]


def check_way(report: Report, to: Status) -> None:
    """Raises InputError where a report that stands as it does cannot become `to`."""
    allowed = ways(report)
    if to not in allowed:
        named = " or ".join(allowed) or "nothing else"
        raise InputError(f"A report that is {report.status} cannot become {to}: it can become {named}.")


def hindrances(report: Report, remarks: Sequence[Remark] = ()) -> tuple[str, ...]:
    """What stands in the way of a signature, each as a sentence for the person."""
    unanswered = [each for each in remarks if each.critical and not report.answered.get(each.key)]
    found = [f"{each.words} Say what was done about it, or why it is none." for each in unanswered]
    if undecided := len(report.open):
        found.append(
            f"{undecided} of its statements {_be(undecided)} not decided yet: accept, edit or reject."
        )
    if bare := len(report.unsupported):
        found.append(f"{bare} of its statements {_be(bare)} resting on nothing: edit or reject.")
    return tuple(found)


def signed(
    report: Report, to: Status, name: str, remarks: Sequence[Remark] = (), now: datetime | None = None
) -> Report:
    """The report as `to`, signed; what is signed cannot be changed without becoming another version.

    A preliminary report needs a name too: someone has looked at it. remarks: what the checks find now.

    Raises:
        InputError: it cannot become that, it has no name to sign with, or something stands in the way.
    """
    check_way(report, to)
    name = " ".join(name.split())
    if not 0 < len(name) <= LONGEST_NAME:
        raise InputError(f"A report is signed with a name of 1 to {LONGEST_NAME} characters: give yours.")
    if to in BINDING and (hindered := hindrances(report, remarks)):
        raise InputError(f"This report cannot be signed yet. {' '.join(hindered)}")
    at = (now or datetime.now(UTC)).isoformat(timespec="seconds")
    changed = replace(report, status=to, version=report.version + 1)
    signature = Signature(name, at, to, digest(changed))
    return replace(changed, signatures=(*report.signatures, signature))


def digest(report: Report) -> str:
    """SHA-256 of what a signature binds: text, sources, decisions, pictures, model, prompt and status."""
    bound = {
        "status": report.status,
        "template": report.template,
        "prompt": report.prompt,
        "seed": report.seed,
        "model": [report.model.name, report.model.sha256, report.model.adapter, report.model.dtype],
        "images": [[name, report.hashes.get(name, "")] for name in report.images],
        "sections": [
            [section.name, section.title, [_bound(each) for each in section.statements]]
            for section in report.sections
        ],
        "fields": sorted(report.fields.items()),
        "categories": [each.words for each in report.categories],
        "answered": sorted(report.answered.items()),
    }
    return hashlib.sha256(json.dumps(bound, ensure_ascii=True, sort_keys=True).encode()).hexdigest()


def is_sound(report: Report) -> bool:
    """Whether the last signature is of exactly this report; one without any signature is not signed."""
    return bool(report.signatures) and report.signatures[-1].sha256 == digest(report)


def check_open(report: Report) -> None:
    """Raises InputError where a report may not be changed as it stands."""
    if report.status is Status.ERROR:
        raise InputError("This report was entered in error and stays as it is: draft another.")
    if report.status in BINDING:
        raise InputError("This report is signed: begin an amendment to change it.")


def amendment(report: Report) -> Report:
    """A new version of a signed report that can be changed; it keeps the decisions and the signatures it had.

    Raises:
        InputError: it is not signed as final.
    """
    if report.status not in BINDING:
        raise InputError(f"A report that is {report.status} needs no amendment: change it as it is.")
    return replace(report, status=Status.PRELIMINARY, version=report.version + 1)


def _bound(statement: Statement) -> list[object]:
    boxes = [[box.image, *box.corners] for box in statement.boxes]
    return [statement.text, statement.source, statement.basis, statement.review, boxes]


def _be(count: int) -> str:
    return "is" if count == 1 else "are"
