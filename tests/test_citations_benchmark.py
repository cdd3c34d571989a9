"""The benchmark of citations: its own code."""

from __future__ import annotations

from benchmarks import citations, misquotes
from chat_app.records import Passage

TEXT = "About 20 people (some of them old) have 3 mm in the left lung, which hurts."
STRANGER = "The parathyroid glands are located behind the thyroid."


def source() -> misquotes.Source:
    passage = Passage("a", TEXT, "Lung")
    other = Passage("b", "It is treated. It increases before noon in most of the older patients.", "Lung")
    return misquotes.Source(TEXT, "It is rare.", passage, other, STRANGER, {"people": 9, "parathyroid": 1})


def test_every_kind_of_fault_changes_the_sentence() -> None:
    made = {kind: change(source()) for kind, change in (misquotes.RIGHT | misquotes.WRONG).items()}
    assert made["shortened"] == "About 20 people have 3 mm in the left lung."
    assert made["reworded"].startswith("approximately 20") or "patients" in made["reworded"]
    assert "41 people" in made["number"] and "3 cm" in made["unit"] and "right lung" in made["side"]
    assert made["elsewhere"] == "It increases before noon in most of the older patients."
    assert made["invented"].endswith("the parathyroid glands are located behind the thyroid.")


def test_the_table_has_right_and_wrong_ones_in_both_halves() -> None:
    found = {(case.half, case.is_right) for case in citations.written()}
    assert len(found) == 4
