"""Names in the pixels: asked about, found, blacked out, and looked for once more."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicoms import dicom
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, MultiFrameTrueColorSecondaryCaptureImageStorage

from chat_app import imaging
from chat_app.errors import InputError, SetupError
from chat_app.imaging import burned, words
from chat_app.records import Box, Frame, Image, Look, Plane, Window

HEADER = ("SMITH^JOHN", "MRN0012345", "19310820", "General Hospital")
ANATOMY = (150, 150, 170, 170)


def drawn(*lines: tuple[str, tuple[int, int]], size: int = 24) -> NDArray[np.uint8]:
    """A dim picture of 300 x 400 with white lines of text."""
    canvas = Pillow.new("L", (400, 300), 40)
    for text, place in lines:
        ImageDraw.Draw(canvas).text(place, text, fill=255, font=ImageFont.load_default(size))
    return np.asarray(canvas)


NAMED = drawn(("SMITH^JOHN", (10, 8)), ("L", (370, 140)), ("8.4 cm", (180, 200)))


def header(**tags: Any) -> Dataset:
    dataset = Dataset()
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    return dataset


@pytest.fixture
def ocr() -> None:
    pytest.importorskip("rapidocr")


@pytest.mark.parametrize("modality", ["US", "IVUS", "XA", "RF", "ES", "XC", "SC", "OT"])
def test_a_kind_that_often_has_names_is_asked_about(modality: str) -> None:
    assert "look at it before it is asked about" in burned.caution(header(Modality=modality))


@pytest.mark.parametrize(
    "tags",
    [
        {"BurnedInAnnotation": "YES"},
        {"SOPClassUID": MultiFrameTrueColorSecondaryCaptureImageStorage},
        {"ConversionType": "WSD"},
        {"ConversionType": "DF"},
        {"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]},
        {"DateOfSecondaryCapture": "20190717"},
    ],
)
def test_a_capture_of_any_modality_is_asked_about(tags: dict[str, Any]) -> None:
    assert burned.caution(header(Modality="CT", **tags))


@pytest.mark.parametrize("modality", ["CT", "MR", "CR", "DX", "MG", "PT", "NM"])
def test_a_picture_as_its_scanner_made_it_is_not_asked_about(modality: str) -> None:
    tags = {"ImageType": ["DERIVED", "SECONDARY", "MPR"], "SOPClassUID": CTImageStorage}
    assert burned.caution(header(Modality=modality, **tags)) == ""


def test_a_header_that_denies_it_is_not_believed_of_ultrasound() -> None:
    assert burned.caution(header(Modality="US", BurnedInAnnotation="NO"))


def test_names_numbers_and_places_of_a_header_are_looked_for() -> None:
    dataset = header(PatientName="Smith^John", PatientID="12", OperatorsName=["A^B", "C"], Modality="US")
    assert words.known(dataset) == {"Smith^John", "12", "A^B", "C"}


@pytest.mark.parametrize(
    "text",
    [
        "SMITH JOHN",
        "Smith, John",
        "SM1TH",
        "5MITH J0HN",
        "SMITHJOHN",
        "SMlTH^JOHN",
        "mrn0012345",
        "0012345",
        "20/08/1931",
    ],
)
def test_a_header_value_is_known_again_through_the_slips_of_a_reader(text: str) -> None:
    parts = [part for value in HEADER for part in words.parts(value)]
    assert words._is_known(text, parts) or words._is_identifying(text)


@pytest.mark.parametrize("text", ["LYMPH NODE", "SUPINE", "8.4 cm", "L", "MI 1.1", "Gen THI"])
def test_words_that_are_not_in_the_header_are_not_taken_for_it(text: str) -> None:
    assert not words._is_known(text, [part for value in HEADER for part in words.parts(value)])


@pytest.mark.parametrize(
    "text",
    [
        "31.12.1962", "1962-12-31", "08/20/31", "24-MAY-02", "5/25/2011", "11-05-25-142825", "08:50:28",
        "NAME: X", "DOB 1931", "Pat: X", "MRN 12", "DOE^JANE", "Dr. Who", "BAPTIST MED CTR", "4711234",
    ],
)  # fmt: skip
def test_a_line_that_may_name_someone_is_told_without_a_header(text: str) -> None:
    assert words._is_identifying(text)


@pytest.mark.parametrize(
    "text",
    [
        "L", "R", "AP", "PA", "LAT", "SUPINE", "ERECT", "PORTABLE AP", "80 kV", "11cm", "28Hz",
        "MI 1.1", "TIS<0.4 MI=0.8 AO=100%", "2.5 mAs", "7.5MHz", "65bpm", "DR 60", "IM: 12", "50%",
    ],
)  # fmt: skip
def test_sides_and_technique_are_left_alone(text: str) -> None:
    assert words._is_technique(text) and not words._is_identifying(text)


@pytest.mark.parametrize("text", ["14 Feb", "1 MAR", "14 February 1988", "MAY 24, 2002"])
def test_a_day_of_a_month_is_a_date_without_its_year(text: str) -> None:
    assert words._is_identifying(text)


@pytest.mark.parametrize("text", ["2 SEPTUM", "1 MARGIN", "DECUB 30"])
def test_a_word_that_begins_like_a_month_is_none(text: str) -> None:
    assert not words._is_identifying(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [("Li^Na", "LIANA"), ("Li^Na", "NA LI"), ("19310820", "PUR 1931"), ("19880214", "1988")],
)
def test_a_short_name_and_a_year_of_the_header_are_known_again(value: str, text: str) -> None:
    assert words._is_known(text, list(words.parts(value)))


def test_another_year_than_that_of_the_header_is_not_known() -> None:
    assert not words._is_known("1932", list(words.parts("19310820")))


def test_what_stands_beside_a_name_goes_with_it_and_a_marker_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = [
        words.Words("Smith", Box(10, 10, 60, 30), 1.0),
        words.Words("Jö", Box(65, 10, 80, 30), 1.0),
        words.Words("rg", Box(85, 11, 99, 31), 1.0),
        words.Words("L", Box(105, 10, 115, 30), 1.0),
        words.Words("Liver", Box(10, 50, 60, 70), 1.0),
    ]
    monkeypatch.setattr(words, "read_text", lambda pixels: lines)
    assert words.find(NAMED, HEADER) == lines[:3]


def test_a_file_without_a_header_waits_when_there_are_words_at_its_edge(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(words, "available", lambda: True)
    monkeypatch.setattr(words, "read_text", lambda pixels: [words.Words("Okonkwo", Box(5, 5, 90, 30), 1.0)])
    checked = burned.check(Image("image 1", NAMED, "", "PNG"))
    assert checked.caution == burned.WRITTEN and checked.pixels is NAMED
    assert not burned.check(Image("image 1", NAMED, "", "DICOM", modality="CR")).caution


def test_what_was_read_is_not_in_a_repr() -> None:
    assert "SMITH" not in repr(words.Words("SMITH", Box(0, 0, 2, 2), 1.0))


def test_a_reader_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "available", lambda: False)
    words._engine.cache_clear()
    with pytest.raises(SetupError, match=r"pip install 'lightbox-chat\[ocr\]'"):
        words.read_text(NAMED)


def test_without_a_reader_the_caution_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "available", lambda: False)
    image = Image("image 1", NAMED, "", "DICOM", modality="US", caution="Look.")
    assert burned.check(image) is image


def test_the_first_and_the_last_frame_are_among_those_searched() -> None:
    assert burned.sampled(1) == [1]
    assert burned.sampled(2) == [1, 2]
    assert burned.sampled(29) == [1, 8, 15, 22, 29]


@pytest.mark.parametrize("kind", ["grey", "colour"])
def test_a_drawn_name_is_found_and_a_marker_is_not(ocr: None, kind: str) -> None:
    pixels = NAMED if kind == "grey" else np.stack([NAMED] * 3, axis=-1)
    found = words.find(pixels, HEADER)
    assert [each.text for each in found] == ["SMITH^JOHN"]
    assert found[0].box.y1 < 60


def test_a_name_that_no_header_knows_is_found_in_a_margin_when_strict(ocr: None) -> None:
    pixels = drawn(("Wilhelmina Okonkwo", (10, 8)), ("SUPINE", (300, 8)), ("Liver", (180, 140)))
    assert words.find(pixels) == []
    assert [each.text for each in words.find(pixels, is_strict=True)] == ["Wilhelmina Okonkwo"]


def test_check_blacks_a_name_out_keeps_the_rest_and_says_so(ocr: None) -> None:
    image = Image("image 1", NAMED, "", "PNG")
    checked = burned.check(image, HEADER)
    assert words.find(checked.pixels, HEADER) == []
    assert "was blacked out" in checked.caution and "SMITH" not in checked.caution
    assert np.array_equal(checked.pixels[100:], NAMED[100:])


def test_check_says_that_nothing_was_found(ocr: None) -> None:
    image = Image("image 1", drawn(("L", (370, 140))), "", "DICOM", modality="US", caution="Look.")
    checked = burned.check(image, HEADER)
    assert checked.caution == "Look. No name was found in it by machine."
    assert checked.pixels is image.pixels


def test_slices_that_no_one_writes_on_are_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "find", None)
    image = Image("image 1", NAMED, "", "DICOM", modality="CT", frames=300)
    assert burned.check(image, HEADER) is image


def test_text_that_cannot_be_blacked_out_is_said(ocr: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(burned, "mask", lambda values, boxes, black=0: values)
    checked = burned.check(Image("image 1", NAMED, "", "PNG"), HEADER)
    assert "is left in this picture" in checked.caution


class Still:
    """A stack of one picture, shown in every frame."""

    unit, frames, looks = "frame", 3, (Look("as in the file", Window(2000, 4000)),)

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.pixels = pixels

    def frame(self, number: int) -> Frame:
        return Frame(self.pixels.astype(np.int16) * 16 - 100, overlay=self.pixels > 200, inverted=number == 3)

    def plane(self, number: int) -> Plane:
        return Plane()

    def image(self, name: str, number: int, look: Look | None = None) -> Image:
        return Image(name, self.pixels, "", "DICOM", frame=number, frames=3, stack=self)

    def reformat(self, plane: str) -> Still:
        return self


@pytest.fixture
def masked() -> Iterator[burned.Masked]:
    yield burned.Masked(Still(NAMED), (Box(0, 0, 200, 60),))


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_masked_stack_is_black_in_every_frame_and_in_its_overlay(
    masked: burned.Masked, number: int
) -> None:
    frame = masked.frame(number)
    black = frame.values[:60, :200]
    assert len(np.unique(black)) == 1
    assert black[0, 0] == (frame.values.max() if frame.inverted else frame.values.min())
    assert frame.overlay is not None and not frame.overlay[:60, :200].any()
    assert np.array_equal(frame.values[60:], Still(NAMED).frame(number).values[60:])


def test_a_masked_stack_shows_masked_pictures_at_any_frame(masked: burned.Masked) -> None:
    image = masked.image("image 1", 1)
    assert image.stack is masked
    assert not image.at(2).pixels[:60, :200].any()


def test_a_masked_volume_is_not_cut_in_other_planes(masked: burned.Masked) -> None:
    with pytest.raises(InputError, match="was masked"):
        masked.reformat("coronal")


def test_a_cine_is_masked_in_every_frame(ocr: None) -> None:
    image = replace(Still(NAMED).image("image 1", 1), modality="US", caution="Look.")
    checked = burned.check(image, HEADER)
    assert isinstance(checked.stack, burned.Masked)
    assert words.find(checked.at(2).pixels, HEADER) == []


@pytest.mark.parametrize(
    "stored",
    [NAMED, NAMED.astype(np.uint16) * 16, NAMED.astype(np.int16) * 16 - 1024, np.stack([NAMED] * 3, axis=-1)],
    ids=["uint8", "uint16", "int16", "RGB"],
)
def test_stored_pixels_are_black_in_the_box_and_untouched_beside_it(stored: NDArray[Any]) -> None:
    dataset = dcmread(io.BytesIO(dicom(stored)))
    before = dataset.pixel_array.copy()
    burned.mask_dataset(dataset, [Box(10.2, 5.0, 150.5, 40.0)])
    after = dataset.pixel_array
    assert np.all(after[5:40, 10:151] == (0 if stored.ndim == 3 else stored.min()))
    assert np.array_equal(after[40:], before[40:]) and np.array_equal(after[:, 151:], before[:, 151:])


def test_the_black_of_an_inverted_picture_is_its_highest_value() -> None:
    dataset = dcmread(io.BytesIO(dicom(NAMED, PhotometricInterpretation="MONOCHROME1")))
    burned.mask_dataset(dataset, [Box(0, 0, 50, 50)])
    assert np.all(dataset.pixel_array[:50, :50] == 255)


def test_every_frame_of_a_stored_cine_is_masked() -> None:
    dataset = dcmread(io.BytesIO(dicom(np.stack([NAMED, NAMED]), NumberOfFrames=2)))
    burned.mask_dataset(dataset, [Box(0, 0, 50, 50)])
    assert np.all(dataset.pixel_array[:, :50, :50] == 40)


def test_colour_planes_are_masked_alike() -> None:
    planes = np.moveaxis(np.stack([NAMED] * 3, axis=-1), -1, 0)
    dataset = dcmread(io.BytesIO(dicom(np.stack([NAMED] * 3, axis=-1), PlanarConfiguration=1)))
    dataset.PixelData = planes.tobytes()
    burned.mask_dataset(dataset, [Box(0, 0, 50, 50)])
    assert not dataset.pixel_array[:50, :50].any() and dataset.pixel_array[60:].any()


REAL = {
    "us_j2k_ybr_rct": ["BAPTIST"],
    "us_palette": ["5/25/2011", "11-05-25-142825"],
    "us_palette16_aloka": ["24-MAY-02"],
    "vl1_colour_photo": ["9261"],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_what_is_burnt_into_a_real_picture_is_found_and_gone_after(
    ocr: None, shared_data: Path, name: str
) -> None:
    path = shared_data / "dicom" / f"{name}.dcm"
    dataset = dcmread(path)
    image = replace(imaging.read(path, name="image 1"), caution=burned.caution(dataset))
    assert image.caution
    found = " ".join(each.text for each in words.find(image.pixels, words.known(dataset), is_strict=True))
    assert all(text in found for text in REAL[name])
    checked = burned.check(image, words.known(dataset))
    assert "blacked out" in checked.caution
    left = " ".join(each.text for each in words.read_text(checked.pixels))
    assert not any(text in left for text in REAL[name])


@pytest.mark.slow
def test_the_picture_itself_is_not_blacked_out(ocr: None, shared_data: Path) -> None:
    image = imaging.read(shared_data / "dicom" / "us_j2k_ybr_rct.dcm", name="image 1")
    checked = burned.check(replace(image, caution="Look."), ())
    middle = (slice(120, 340), slice(120, 520))
    assert np.array_equal(checked.pixels[middle], image.pixels[middle])
