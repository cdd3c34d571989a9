"""Texts as statements, each with what it rests on."""

from __future__ import annotations

import pytest

from chat_app.grounding.statements import fixed, from_file, listed, said, sentences, told, unfinished
from chat_app.records import Box, Source

LUNG = Box(0, 0, 10, 10, "right lung", "image 1")
CELL = Box(5, 5, 6, 6, "cell", "image 2")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No. There is no effusion.", ("No.", "There is no effusion.")),
        ("A 5.5 mm nodule. Clear.", ("A 5.5 mm nodule.", "Clear.")),
        ("Seen by Dr. Ray. Ask.", ("Seen by Dr. Ray.", "Ask.")),
        ("Dense, e.g. Calcium. Yes.", ("Dense, e.g. Calcium.", "Yes.")),
        ("Left vs. Right.", ("Left vs. Right.",)),
        ("See Fig. 3 there.", ("See Fig. 3 there.",)),
        ("1. Heart large.\n2. Lungs clear.", ("1. Heart large.", "2. Lungs clear.")),
        ("Heart large\nLungs clear", ("Heart large", "Lungs clear")),
        ("Is it? Yes! (Surely.) Good.", ("Is it?", "Yes!", "(Surely.)", "Good.")),
        ("The lung is here. [1] [2]", ("The lung is here. [1] [2]",)),
        ("  \n ", ()),
    ],
)
def test_a_text_falls_into_its_sentences(text: str, expected: tuple[str, ...]) -> None:
    assert sentences(text) == expected


def test_no_word_is_lost_between_sentences() -> None:
    text = "No. A 5.5 mm nodule, e.g. here. Dr. Ray\nsays so."
    assert " ".join(sentences(text)).split() == text.split()


def test_unfinished_is_what_follows_the_last_sentence() -> None:
    assert unfinished("Clear. The tumour is") == "The tumour is"
    assert unfinished("Clear. ") == ""


def test_a_sentence_with_boxes_was_seen_where_they_lie() -> None:
    first, second, third = said("Lung [1]. Cell [2], [2]. Clear.", [LUNG, CELL], ["image 1", "image 2"])
    assert (first.source, first.basis, first.boxes) == (Source.SEEN, "seen in image 1", (LUNG,))
    assert (second.basis, second.boxes) == ("seen in image 2", (CELL,))
    assert (third.basis, third.boxes) == ("seen in image 1 and image 2", ())


def test_a_number_without_a_box_is_only_text() -> None:
    (statement,) = said("As in [7] and [0].", [LUNG], ["image 1"])
    assert statement.boxes == ()


def test_a_model_without_a_picture_rests_on_nothing() -> None:
    assert said("Clear.", [], [])[0].source is Source.UNSUPPORTED


def test_what_the_user_wrote_keeps_its_lines() -> None:
    statements = told("Cough. Fever.\n\n Smoker. ")
    assert [statement.text for statement in statements] == ["Cough. Fever.", "Smoker."]
    assert {statement.source for statement in statements} == {Source.TOLD}


def test_file_and_program_are_named_as_sources() -> None:
    assert from_file("CT of the head.", ["image 2"])[0].basis == "stated by the file of image 2"
    assert from_file("CT of the head.")[0].source is Source.FILE
    assert [statement.source for statement in fixed("Stop. Ask again.")] == [Source.TEMPLATE] * 2


def test_names_are_listed_as_in_a_sentence() -> None:
    assert listed([]) == ""
    assert listed(["image 1"]) == "image 1"
    assert listed(["image 1", "image 2", "image 3"]) == "image 1, image 2 and image 3"
