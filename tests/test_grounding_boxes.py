"""Boxes between a model's grid and the original's pixels, and text that is shown while it is written."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_app.grounding.boxes import parse, readable, related, to_grid
from chat_app.records import Box, View

TUMOUR = "<box><x10><y20><x50><y60></box>"


def view(columns: int = 200, rows: int = 100, *, pad: bool = False, name: str = "image 1") -> View:
    side = 192
    scale = side / max(columns, rows)
    width, height = (max(1, round(columns * scale)), max(1, round(rows * scale))) if pad else (side, side)
    left, top = (side - width) // 2, (side - height) // 2
    return View(name, np.zeros((side, side, 3), np.uint8), left, top, width, height, columns, rows)


def one(text: str, seen: View | None = None) -> Box:
    (box,) = parse(text, [seen or view()], ["image 1"]).boxes
    return box


def test_a_box_becomes_its_number_and_lies_in_original_pixels() -> None:
    parsed = parse(f"Tumour {TUMOUR}.", [view()], ["image 1"])
    assert parsed.text == "Tumour [1]."
    assert parsed.boxes[0].corners == pytest.approx((21.0, 20.5, 101.0, 60.5))
    assert (parsed.boxes[0].image, parsed.refused, parsed.warnings) == ("image 1", 0, ())


def test_a_padded_view_is_mapped_without_its_padding() -> None:
    box = one("Tumour <box><x0><y25><x99><y74></box>.", view(pad=True))
    assert box.corners == pytest.approx((1.0, 1.0, 199.0, 99.0))


def test_corners_in_the_padding_are_clipped_to_the_picture() -> None:
    box = one("Tumour <box><x0><y0><x99><y99></box>", view(pad=True))
    assert box.corners == pytest.approx((1, 0, 199, 100))


def test_both_corners_in_one_bin_are_that_bin() -> None:
    assert one("Platelet <box><x7><y7><x7><y7></box>").corners == pytest.approx((14, 7, 16, 8))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Tumour <box><x50><y20><x10><y60></box>.", "Tumour."),
        ("Tumour <box><x10><y60><x50><y20></box>.", "Tumour."),
        ("Tumour <box><x10><y20><x100><y60></box>.", "Tumour."),
        ("Tumour <box><x10><y20></box>.", "Tumour."),
        ("Tumour <box><x10><y20><x50>", "Tumour"),
        ("Tumour <box><x10><y20><x5", "Tumour"),
        ("Tumour <box> is here.", "Tumour is here."),
        ("Tumour <y20><x10><x50><y60></box>.", "Tumour."),
        ("Tumour </box>.", "Tumour."),
        (f"Tumour <box><x{'9' * 5000}><y1><x2><y3></box>.", "Tumour."),
    ],
)
def test_what_is_no_box_is_removed_and_counted(text: str, left: str) -> None:
    parsed = parse(text, [view()], ["image 1"])
    assert (parsed.text, parsed.boxes) == (left, ())
    assert parsed.refused >= 1
    assert "cannot be drawn" in parsed.warnings[0]


def test_a_box_wholly_in_the_padding_is_refused() -> None:
    parsed = parse("Tumour <box><x10><y2><x50><y20></box>.", [view(pad=True)], ["image 1"])
    assert (parsed.boxes, parsed.refused) == ((), 1)


def test_the_good_box_keeps_its_number_beside_a_bad_one() -> None:
    parsed = parse(f"Cells <box><x9><y9><x1><y1></box> and {TUMOUR}.", [view()], ["image 1"])
    assert (parsed.text, len(parsed.boxes), parsed.refused) == ("Cells and [1].", 1, 1)


def test_a_box_goes_to_the_picture_its_sentence_names() -> None:
    views = [view(), view(1000, 1000, name="image 2")]
    parsed = parse(f"Clear in image 1. In image 2 a tumour {TUMOUR}.", views, ["image 1", "image 2"])
    assert (parsed.boxes[0].image, parsed.boxes[0].x1) == ("image 2", 505)


def test_a_box_of_no_certain_picture_is_refused() -> None:
    views = [view(), view(name="image 2")]
    assert parse(f"A tumour {TUMOUR}.", views, ["image 1", "image 2"]).refused == 1
    assert parse(f"In image 7 a tumour {TUMOUR}.", views, ["image 1"]).refused == 1


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Tumour {}.", "tumour"),
        ("The tumour is here: {}.", "tumour"),
        ("Yes, the tumour is here: {}.", "tumour"),
        ("There is a white blood cell here {}.", "white blood cell"),
        ("In the left lung there is an opacity {}.", "opacity"),
        ("A patchy opacity with unsharp margins {}.", "patchy opacity"),
        ("It is a chest X-ray. Right lung {}.", "right lung"),
        ("WBC {}.", "WBC"),
        ("The lesion is at the centre. {}", "lesion"),
        ("In image 1 the tumour is here {}.", "tumour"),
        ("{}", ""),
        ("It is here: {}.", ""),
    ],
)
def test_the_label_is_what_the_sentence_names(text: str, label: str) -> None:
    assert one(text.format(TUMOUR)).label == label


def test_each_of_two_boxes_has_its_own_label() -> None:
    parsed = parse(f"Right lung {TUMOUR}, left lung {TUMOUR}.", [view()], ["image 1"])
    assert parsed.text == "Right lung [1], left lung [2]."
    assert [box.label for box in parsed.boxes] == ["right lung", "left lung"]


def test_two_boxes_of_one_thing_share_its_label() -> None:
    parsed = parse(f"White cells {TUMOUR} and {TUMOUR}.", [view()], ["image 1"])
    assert [box.label for box in parsed.boxes] == ["white cells", "white cells"]


def test_a_model_without_boxes_is_left_as_it_writes() -> None:
    assert parse(" Tumour <box>. ", [view()], ["image 1"], "").text == "Tumour <box>."


@given(
    columns=st.integers(20, 4000),
    rows=st.integers(20, 4000),
    pad=st.booleans(),
    across=st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted).filter(lambda v: v[1] - v[0] > 0.005),
    down=st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted).filter(lambda v: v[1] - v[0] > 0.005),
)
def test_a_box_comes_back_from_the_grid_within_one_bin(
    columns: int, rows: int, pad: bool, across: list[float], down: list[float]
) -> None:
    seen = view(columns, rows, pad=pad)
    box = Box(across[0] * columns, down[0] * rows, across[1] * columns, down[1] * rows)
    back = one(f"Lung {to_grid(box, seen)}.", seen)
    bin_x, bin_y = columns / seen.width * 1.92, rows / seen.height * 1.92
    for before, after, size in zip(box.corners, back.corners, (bin_x, bin_y) * 2, strict=True):
        assert abs(before - after) <= size * 1.000001


TOKENS = ("<box>", "</box>", "<x1>", "<y2>", "<x50>", "<y60>", "<x123>")
TEXTS = ("<b", "ox>", "<", "</", "x", "x5", ">", " ", "\n", "lung. ", "5.5 mm", "[1]", ", ", "(", "Dr. ")
PIECES = (*TOKENS, *TEXTS, TUMOUR, f" {TUMOUR}", "Tumour", "image 1")
WRITTEN = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


@given(WRITTEN)
def test_streamed_text_only_grows_and_ends_as_the_parsed_text(text: str) -> None:
    seen = ([view()], ["image 1"])
    shown = [readable(text[:end], *seen) for end in range(len(text) + 1)]
    for earlier, later in pairwise([*shown, parse(text, *seen).text]):
        assert later.startswith(earlier)


@given(WRITTEN)
def test_no_token_of_a_box_is_ever_shown(text: str) -> None:
    shown = readable(text, [view()], ["image 1"])
    assert not any(token in shown for token in TOKENS)


def test_words_never_stick_to_a_box_or_to_where_one_was() -> None:
    assert parse(f"A{TUMOUR}B <box>C", [view()], ["image 1"]).text == "A [1] B C"


def test_ordinary_text_is_shown_as_it_comes() -> None:
    assert readable("No tumour, 3 < 5 m", [view()], ["image 1"]) == "No tumour, 3 < 5 m"


@pytest.mark.parametrize(
    ("region", "words"),
    [
        (Box(10, 10, 20, 20, image="image 1"), "The region you drew lies in [1]."),
        (Box(0, 0, 90, 90, image="image 1"), "[1] lies in the region you drew."),
        (Box(30, 30, 90, 90, image="image 1"), "The region you drew overlaps [1] in part."),
        (Box(60, 60, 90, 90, image="image 1"), "The region you drew does not touch [1]."),
        (Box(10, 10, 20, 20, image="image 2"), ""),
    ],
)
def test_a_region_is_compared_with_the_boxes_of_its_picture(region: Box, words: str) -> None:
    assert related(region, [Box(5, 5, 50, 50, image="image 1")]) == words


def test_a_sentence_that_names_the_whole_means_the_slice_that_was_shown() -> None:
    seen = View("image 1, slice 5", np.zeros((100, 100, 3), np.uint8), 0, 0, 100, 100, 100, 100)
    parsed = parse("In image 1 <box><x10><y10><x20><y20></box>.", [seen], ["image 1, slice 5"])
    assert parsed.boxes[0].image == "image 1, slice 5"
