"""What every form says of the report as a whole: where it stands, who signed, how to make it again."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

from chat_app.errors import InputError
from chat_app.exporters.parts.text import line
from chat_app.records import Report, Signature, Status

CAUTION = "Lightbox is a research tool, not a medical device: not for diagnosis."
AUTHOR = "Lightbox"

# Statuses that a person's signature stands behind.
SIGNED = (Status.FINAL, Status.AMENDED)


def banner(report: Report) -> str:
    """The status as it stands on every page: "DRAFT — not for clinical use"."""
    return f"{report.status.upper()} — not for clinical use"


def standing(report: Report) -> str:
    """Status, version and pictures in one sentence each."""
    pictures = line(", ".join(report.images)) or "none"
    return f"Status: {report.status}. Version: {report.version}. Pictures: {pictures}."


def signatures(report: Report) -> tuple[str, ...]:
    """One line for each, in the order they were given."""
    return tuple(
        f"{each.status}: {line(each.name)}, {line(each.at)}, SHA-256 of what was signed {line(each.sha256)}"
        for each in report.signatures
    )


def signed(report: Report) -> Signature | None:
    """Who last signed a report that is final or amended; None for any other.

    Raises:
        InputError: it is final or amended, and nobody signed it as that.
    """
    if report.status not in SIGNED:
        return None
    given = [each for each in report.signatures if each.status in SIGNED]
    if not given:
        raise InputError(f"This report is {report.status} and bears no signature of that: sign it first.")
    return given[-1]


def moment(report: Report) -> datetime:
    """When it became what it is: the time of the last signature, or now where none says it."""
    for each in reversed(report.signatures):
        with suppress(ValueError):
            at = datetime.fromisoformat(each.at)
            return at if at.tzinfo else at.replace(tzinfo=UTC)
    return datetime.now(UTC).replace(microsecond=0)


def rows(report: Report) -> tuple[tuple[str, str], ...]:
    """Name and value of all that is needed to make the draft again; what is not known is left out."""
    model = report.model
    label = f" ({model.label})" if model.label else ""
    named = {
        "Model": f"{model.speaker}{label}",
        "SHA-256": model.sha256 or "unknown",
        "weights held as": model.dtype,
        "prompt": report.prompt,
        "template": report.template,
        "seed": str(report.seed),
        **{f"SHA-256 of {name}": digest for name, digest in report.hashes.items()},
        "version of the report": str(report.version),
        "Lightbox": report.application,
    }
    return tuple((line(name), line(value)) for name, value in named.items() if line(value))


def stamp(report: Report) -> str:
    """The rows as one sentence."""
    (first, model), *others = rows(report)
    return "; ".join([f"{first} {model}", *(f"{name} {value}" for name, value in others)]) + "."
