"""What a clinician decides about a draft: one statement at a time, kept beside what was drafted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_app.errors import InputError
from chat_app.grounding.statements import fixed, said
from chat_app.records import Box, ModelId, Report, Review, Section, Source, Statement, Status
from chat_app.reports import decide

BOX = Box(1, 2, 3, 4, "lung", "image 1")


def report(status: Status = Status.DRAFT) -> Report:
    seen = (*said("Heart large.\nLungs clear.", [], ["image 1"]), Statement("Same.", Source.UNSUPPORTED, "-"))
    boxed = Statement("Left lung.", Source.SEEN, "seen in image 1", (BOX,))
    sections = (
        Section("history", "History", fixed("Not provided.")),
        Section("findings", "Findings", (*seen, boxed), decided=True),
    )
    return Report("g", "G", sections, ModelId("m", ""), "", 0, ("image 1",), status=status)


def findings(changed: Report) -> tuple[Statement, ...]:
    section = changed.section("findings")
    assert section
    return section.statements


def test_a_draft_begins_with_every_statement_open() -> None:
    assert len(report().open) == 4


def test_an_accepted_statement_reads_as_it_did_and_is_decided() -> None:
    changed = decide.accept(report(), "findings", 0)
    assert findings(changed)[0] == replace(findings(report())[0], review=Review.ACCEPTED)
    assert len(changed.open) == 3 and changed.version == 2


def test_what_rests_on_nothing_cannot_be_accepted() -> None:
    with pytest.raises(InputError, match="rests on nothing"):
        decide.accept(report(), "findings", 2)


def test_a_rejected_statement_leaves_the_report_and_stays_in_the_record() -> None:
    changed = decide.reject(report(), "findings", 1)
    section = changed.section("findings")
    assert section and "Lungs clear." not in section.text and len(section.statements) == 4
    assert "Lungs clear." not in [each.text for each in changed.statements]


def test_an_edited_statement_is_the_persons_and_keeps_what_was_drafted_and_its_boxes() -> None:
    changed = findings(decide.edit(report(), "findings", 3, "Right  lung.\n"))[3]
    assert (changed.text, changed.drafted, changed.source) == ("Right lung.", "Left lung.", Source.TOLD)
    assert (changed.review, changed.boxes, changed.basis) == (Review.EDITED, (BOX,), "written by you")


def test_an_edit_of_an_edit_still_stands_beside_the_first_draft() -> None:
    twice = decide.edit(decide.edit(report(), "findings", 0, "Heart huge."), "findings", 0, "Heart normal.")
    assert findings(twice)[0].drafted == "Heart large."


def test_an_edit_that_changes_nothing_is_no_decision() -> None:
    assert decide.edit(report(), "findings", 0, " Heart large. ").version == 1


def test_what_a_person_adds_is_decided_by_being_added() -> None:
    changed = decide.add(report(), "findings", "Old rib fracture.")
    added = findings(changed)[-1]
    assert (added.text, added.review, added.source) == ("Old rib fracture.", Review.ADDED, Source.TOLD)
    assert len(changed.open) == 4
    reworded = findings(decide.edit(changed, "findings", 4, "Rib fracture."))[-1]
    assert (reworded.text, reworded.review, reworded.drafted) == ("Rib fracture.", Review.ADDED, "")


def test_a_decision_can_be_taken_back() -> None:
    rejected = decide.reject(report(), "findings", 0)
    assert findings(decide.reopen(rejected, "findings", 0)) == findings(report())
    edited = decide.reject(decide.edit(report(), "findings", 0, "Heart small."), "findings", 0)
    assert findings(decide.reopen(edited, "findings", 0))[0].review is Review.EDITED


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 4001])
def test_a_statement_needs_words_and_not_too_many(text: str) -> None:
    for write in (
        lambda: decide.edit(report(), "findings", 0, text),
        lambda: decide.add(report(), "history", text),
    ):
        with pytest.raises(InputError):
            write()


@pytest.mark.parametrize(("section", "number"), [("plan", 0), ("findings", 4), ("findings", -1)])
def test_only_statements_that_are_there_are_decided_about(section: str, number: int) -> None:
    for decision in (decide.accept, decide.reject, decide.reopen):
        with pytest.raises(InputError, match="no s"):
            decision(report(), section, number)


@pytest.mark.parametrize("status", [Status.FINAL, Status.AMENDED, Status.ERROR])
def test_a_signed_report_is_not_changed(status: Status) -> None:
    closed = report(status)
    changes = (
        lambda: decide.accept(closed, "findings", 0),
        lambda: decide.edit(closed, "findings", 0, "No."),
        lambda: decide.add(closed, "findings", "No."),
        lambda: decide.answer(closed, "key", "No."),
        lambda: decide.fill(closed, "size", "6"),
    )
    for change in changes:
        with pytest.raises(InputError, match=r"amendment|in error"):
            change()


def test_a_field_is_filled_and_emptied() -> None:
    filled = decide.fill(report(), "size", " 6 ")
    assert filled.fields == {"size": "6"}
    assert decide.fill(filled, "size", "").fields == {}


def test_an_edit_is_shown_word_by_word() -> None:
    assert decide.difference("The heart is large.", "The heart is not large.") == (
        ("kept", "The heart is"),
        ("added", "not"),
        ("kept", "large."),
    )


@given(st.text(), st.text())
def test_both_texts_can_be_read_out_of_the_difference(before: str, after: str) -> None:
    pieces = decide.difference(before, after)
    old = " ".join(words for kind, words in pieces if kind != "added")
    new = " ".join(words for kind, words in pieces if kind != "removed")
    assert (old.split(), new.split()) == (before.split(), after.split())
