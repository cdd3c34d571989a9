"""Citations are supported where a passage says what it is cited for, and not found where it does not."""

from __future__ import annotations

import time

import pytest

from benchmarks.citations import outcomes, written
from chat_app.grounding.citations import MOST, checked
from chat_app.grounding.citations.marks import cited
from chat_app.grounding.citations.quantities import quantities
from chat_app.records import Citation, Passage

NODULES = Passage(
    "a1",
    "A solid nodule smaller than 6 mm needs no routine follow-up. A nodule of 6 to 8 mm is followed by CT at "
    "6 to 12 months. A tube too deep enters the right main bronchus.",
    "Nodules of the lung",
)
AIR = Passage(
    "b2", "A tension pneumothorax is decompressed before imaging. It displaces the heart.", "Pneumothorax"
)


def only(sentence: str) -> Citation:
    (citation,) = checked(f"{sentence} [P1]", (NODULES, AIR))
    return citation


@pytest.mark.parametrize(
    "sentence",
    [
        "Solid nodules under 6 mm need no routine follow-up.",
        "Nodules of 6 to 8 mm are followed by CT.",
        "Nodules of 0.6 to 0.8 cm are followed by CT at six to twelve months.",
        "A tube that is too deep enters the right main bronchus.",
    ],
)
def test_what_the_passage_says_is_supported(sentence: str) -> None:
    assert only(sentence).is_supported


@pytest.mark.parametrize(
    "sentence",
    [
        "Solid nodules under 6 mm need routine follow-up.",
        "Solid nodules larger than 6 mm need no routine follow-up.",
        "Nodules of 6 to 8 mm are followed by CT at 6 to 12 weeks.",
        "Nodules of 6 to 9 mm are followed by CT.",
        "Nodules of 6 to 8 mm are followed by MR.",
        "A tube too deep enters the left main bronchus.",
        "A tension pneumothorax is decompressed before imaging.",
    ],
)
def test_what_it_does_not_say_is_not_found(sentence: str) -> None:
    assert not only(sentence).is_supported


def test_the_quote_stands_in_the_passage_word_for_word() -> None:
    citation = only("Nodules of 6 to 8 mm are followed by CT.")
    assert citation.quote == "A nodule of 6 to 8 mm is followed by CT at 6 to 12 months."
    assert only("Nodules of 6 to 9 mm are followed by CT.").quote in NODULES.text


def test_a_number_that_no_passage_has_is_not_supported() -> None:
    text = "A tension pneumothorax is decompressed before imaging [P7]."
    expected = Citation(7, "A tension pneumothorax is decompressed before imaging.", "", is_supported=False)
    assert checked(text, (NODULES, AIR)) == (expected,)
    assert not checked("Seen there [P0].", (NODULES,))[0].passage


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Nodules grow [P1, P3].", [(1, "Nodules grow."), (3, "Nodules grow.")]),
        ("Nodules grow [P1][P3].", [(1, "Nodules grow."), (3, "Nodules grow.")]),
        ("Nodules grow. [P2] Cysts do not.", [(2, "Nodules grow.")]),
        ("Nodules grow.[P2]\nCysts do not.", [(2, "Nodules grow.")]),
        ("Cysts hurt. [P2] says that nodules grow.", [(2, "says that nodules grow.")]),
        (
            "- Nodules may grow [P1], and cysts may hurt [P2].",
            [(1, "Nodules may grow"), (2, "cysts may hurt.")],
        ),
        ("The nodule [1] may grow [P1].", [(1, "The nodule may grow.")]),
        ("The nodule [1] may grow.", []),
        ("Nothing is cited.", []),
    ],
)
def test_a_number_stands_for_the_words_before_it(text: str, found: list[tuple[int, str]]) -> None:
    assert list(cited(text)) == found


def test_amounts_are_compared_whatever_their_unit() -> None:
    assert quantities("two years") == quantities("24 months") == {(24.0, "month")}
    assert quantities("0.5 mg") == quantities("500 micrograms")
    assert quantities("3 to 6 weeks") == {(21.0, "day"), (42.0, "day")}
    assert quantities("1,500 ml") == quantities("1.5 l")
    assert quantities("5 \N{GREEK SMALL LETTER MU}m") == quantities("5 \N{MICRO SIGN}m") == {(0.005, "mm")}
    assert quantities("20 % of 20 mg") == {(20.0, "%"), (20.0, "mg")}


@pytest.mark.parametrize(
    "text",
    [
        "[P1" * 20_000,
        "a. " * 20_000 + "[P1]",
        "[P1]" * 20_000,
        "[P1, " * 20_000,
        "1,1" * 20_000 + " [P1]",
        "no not " * 9000,
    ],
)
def test_no_text_takes_long_to_check(text: str) -> None:
    began = time.process_time()
    assert len(checked(text, (NODULES, AIR))) <= MOST
    assert time.process_time() - began < 5


def test_a_passage_that_is_one_endless_sentence_is_read() -> None:
    passage = Passage("c", "no nodule of 6 mm, " * 5000, "Nodules")
    began = time.process_time()
    assert checked("There is no nodule of 6 mm [P1].", (passage,))
    assert time.process_time() - began < 10


@pytest.mark.slow
def test_of_the_written_table_most_is_judged_as_it_is() -> None:
    rows = outcomes(list(written()))
    assert len(rows) >= 200
    assert sum(case.is_right == got for case, got in rows) > 0.8 * len(rows)
