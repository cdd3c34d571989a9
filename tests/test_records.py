"""The records: what they refuse, and that nobody can change one under another's hands."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import numpy as np
import pytest

from chat_app import records
from chat_app.records import (
    Answer,
    Box,
    Conversation,
    Image,
    ModelId,
    Report,
    Section,
    Source,
    Statement,
    Study,
    Turn,
    View,
    Window,
)

DATACLASSES = [kind for _, kind in inspect.getmembers(records, dataclasses.is_dataclass)]
MODEL = ModelId("scripted", "0" * 64)


def image(name: str = "image 1", rows: int = 80, columns: int = 100) -> Image:
    return Image(name, np.zeros((rows, columns), np.uint8), sha256="a" * 64, format="png")


def turn(question: str) -> Turn:
    return Turn(question, ("image 1",), Answer("Yes.", MODEL, prompt="answer", seed=0))


@pytest.mark.parametrize("kind", DATACLASSES)
def test_every_record_is_frozen(kind: type) -> None:
    assert kind.__dataclass_params__.frozen


def test_a_box_over_the_whole_picture_is_valid() -> None:
    assert Box(0, 0, 100, 80).corners == (0, 0, 100, 80)


@pytest.mark.parametrize(
    "corners",
    [
        (5, 0, 5, 9),
        (6, 0, 5, 9),
        (0, 9, 5, 9),
        (0, 9, 5, 8),
        (-1, 0, 5, 9),
        (0, -1, 5, 9),
        (0, 0, float("nan"), 9),
    ],
)
def test_a_box_with_crossed_or_outer_corners_is_refused(corners: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="corners"):
        Box(*corners)


def test_rows_are_the_height_and_columns_the_width() -> None:
    assert (image(rows=80, columns=100).rows, image(rows=80, columns=100).columns) == (80, 100)


def test_pictures_stand_in_the_order_they_came() -> None:
    study = Study().with_image(image("image 1")).with_image(image("image 2"))
    assert [picture.name for picture in study.images] == ["image 1", "image 2"]


def test_a_picture_is_found_by_its_name() -> None:
    study = Study((image("image 1"), image("image 2")))
    assert study.named("image 2") is study.images[1]
    with pytest.raises(KeyError):
        study.named("image 3")


def test_adding_to_a_conversation_leaves_the_old_one_alone() -> None:
    empty = Conversation()
    longer = empty.with_image(image()).with_turn(turn("Is it normal?"))
    assert (len(empty.study.images), len(empty.turns)) == (0, 0)
    assert (len(longer.study.images), len(longer.turns)) == (1, 1)


def test_going_back_keeps_the_pictures_and_the_turns_before() -> None:
    conversation = Conversation().with_image(image())
    for question in ("first", "second", "third"):
        conversation = conversation.with_turn(turn(question))
    back = conversation.before(1)
    assert [each.question for each in back.turns] == ["first"]
    assert back.study is conversation.study


@pytest.mark.parametrize(
    ("width", "more", "words"),
    [
        (64, {}, "image 1, 100 x 80 squashed to 64 x 64"),
        (51, {}, "image 1, 100 x 80 padded from 51 x 64 to 64 x 64"),
        (64, {"windows": (Window(40, 400),)}, "image 1, 100 x 80 squashed to 64 x 64, window 40/400"),
        (
            64,
            {"windows": (Window(-600, 1500, "lung"),)},
            "image 1, 100 x 80 squashed to 64 x 64, window -600/1500 (lung)",
        ),
    ],
)
def test_a_view_says_what_the_model_saw(width: int, more: dict[str, Any], words: str) -> None:
    pixels = np.zeros((64, 64, 3), np.uint8)
    assert View("image 1", pixels, 0, 0, width, 64, columns=100, rows=80, **more).description == words


def test_a_view_of_a_slice_says_of_how_many_and_how_it_lies() -> None:
    pixels = np.zeros((64, 64, 3), np.uint8)
    view = View("image 1, slice 5", pixels, 0, 0, 64, 64, 64, 64, frame=5, frames=23, plane="axial")
    assert view.description == "image 1, slice 5 of 23, axial, 64 x 64 squashed to 64 x 64"


def test_a_section_reads_one_statement_a_line() -> None:
    statements = (Statement("Clear lungs.", Source.SEEN, ""), Statement("No effusion.", Source.SEEN, ""))
    assert Section("findings", "Findings", statements).text == "Clear lungs.\nNo effusion."


def test_a_report_lists_what_rests_on_nothing() -> None:
    seen = Statement("Clear lungs.", Source.SEEN, "seen in image 1")
    bare = Statement("Unchanged.", Source.UNSUPPORTED, "no earlier study")
    report = Report("general", "Report", (Section("findings", "Findings", (seen, bare)),), MODEL, "p", 0)
    assert report.unsupported == (bare,)
    assert report.status == "draft"
