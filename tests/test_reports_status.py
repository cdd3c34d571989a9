"""Where a report stands: which way it may go, what hinders a signature, and what a signature binds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import pytest

from chat_app.errors import InputError
from chat_app.grounding.statements import said
from chat_app.records import Box, ModelId, Remark, Report, Section, Source, Statement, Status
from chat_app.reports import decide, status

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CRITICAL = Remark("critical", "Possible critical finding: pneumothorax.", "findings", 0, critical=True)


def drafted() -> Report:
    seen = said("Heart large.\nLungs clear.", [], ["image 1"])
    section = Section("findings", "Findings", seen, decided=True)
    hashes = {"image 1": "ab" * 32}
    return Report("g", "G", (section,), ModelId("m", "c0"), "g@1", 0, ("image 1",), hashes=hashes)


def decided() -> Report:
    return decide.reject(decide.accept(drafted(), "findings", 0), "findings", 1)


def final() -> Report:
    return status.signed(decided(), Status.FINAL, "Dr. Ada Lin", now=NOW)


ALLOWED = {
    (Status.DRAFT, Status.PRELIMINARY),
    (Status.DRAFT, Status.FINAL),
    (Status.DRAFT, Status.ERROR),
    (Status.PRELIMINARY, Status.FINAL),
    (Status.PRELIMINARY, Status.ERROR),
    (Status.FINAL, Status.ERROR),
    (Status.AMENDED, Status.ERROR),
}


@pytest.mark.parametrize(("begin", "end"), list(product(Status, Status)))
def test_a_report_goes_only_the_ways_that_are_allowed(begin: Status, end: Status) -> None:
    report = replace(decided(), status=begin)
    if (begin, end) in ALLOWED:
        assert status.signed(report, end, "Ada", now=NOW).status is end
    else:
        with pytest.raises(InputError, match=f"{begin} cannot become {end}"):
            status.signed(report, end, "Ada", now=NOW)


def test_what_was_final_becomes_amended_and_keeps_its_first_signature() -> None:
    changed = decide.edit(status.amendment(final()), "findings", 0, "Heart normal.")
    with pytest.raises(InputError, match="cannot become final"):
        status.signed(changed, Status.FINAL, "Ada", now=NOW)
    amended = status.signed(changed, Status.AMENDED, "Ada", now=NOW)
    assert [each.status for each in amended.signatures] == [Status.FINAL, Status.AMENDED]
    assert amended.version > final().version
    again = status.signed(status.amendment(amended), Status.AMENDED, "Ada", now=NOW)
    assert len(again.signatures) == 3


@pytest.mark.parametrize("begin", [Status.DRAFT, Status.PRELIMINARY, Status.ERROR])
def test_only_a_signed_report_is_amended(begin: Status) -> None:
    with pytest.raises(InputError, match="needs no amendment"):
        status.amendment(replace(decided(), status=begin))


def test_statements_nobody_decided_about_hinder_a_final_signature_and_not_a_preliminary_one() -> None:
    with pytest.raises(InputError, match="2 of its statements are not decided yet"):
        status.signed(drafted(), Status.FINAL, "Ada", now=NOW)
    assert status.signed(drafted(), Status.PRELIMINARY, "Ada", now=NOW).status is Status.PRELIMINARY


def test_a_statement_that_rests_on_nothing_hinders_a_signature() -> None:
    bare = Section("history", "History", (Statement("Old film was clear.", Source.UNSUPPORTED, "-"),))
    report = replace(decided(), sections=(*decided().sections, bare))
    assert "1 of its statements is resting on nothing" in status.hindrances(report)[0]


def test_a_critical_remark_must_be_answered_first() -> None:
    with pytest.raises(InputError, match=r"pneumothorax\. Say what was done"):
        status.signed(decided(), Status.FINAL, "Ada", [CRITICAL], NOW)
    answered = decide.answer(decided(), CRITICAL.key, "Ward called by me at 12:00.")
    assert status.signed(answered, Status.FINAL, "Ada", [CRITICAL], NOW).status is Status.FINAL


@pytest.mark.parametrize("name", ["", "   ", "x" * 101])
def test_a_signature_needs_a_name(name: str) -> None:
    with pytest.raises(InputError, match="signed with a name"):
        status.signed(decided(), Status.FINAL, name, now=NOW)


def test_a_signature_holds_name_time_and_what_it_binds() -> None:
    signature = final().signatures[0]
    assert (signature.name, signature.at) == ("Dr. Ada Lin", "2026-03-01T12:00:00+00:00")
    assert signature.sha256 == status.digest(final()) and status.is_sound(final())


def first(report: Report, **changes: object) -> Report:
    section = report.sections[0]
    statement = replace(section.statements[0], **changes)  # type: ignore[arg-type]
    return replace(report, sections=(replace(section, statements=(statement, *section.statements[1:])),))


@pytest.mark.parametrize(
    "change",
    [
        lambda report: first(report, text="Heart normal."),
        lambda report: first(report, boxes=(Box(0, 0, 1, 1, "", "image 1"),)),
        lambda report: first(report, source=Source.TOLD),
        lambda report: replace(report, hashes={"image 1": "cd" * 32}),
        lambda report: replace(report, model=ModelId("m", "c1")),
        lambda report: replace(report, prompt="g@2"),
        lambda report: replace(report, status=Status.PRELIMINARY),
        lambda report: replace(report, answered={"key": "reason"}),
    ],
    ids=["text", "boxes", "source", "picture", "weights", "prompt", "status", "answer"],
)
def test_whatever_is_changed_after_signing_breaks_the_signature(change: Callable[[Report], Report]) -> None:
    assert not status.is_sound(change(final()))


def test_a_draft_is_not_signed() -> None:
    assert not status.is_sound(drafted())
