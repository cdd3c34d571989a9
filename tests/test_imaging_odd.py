"""What careless scanners and archives send is shown right, set apart and said, or refused."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicoms import RAMP, ct, deflated_meta, dicom, enhanced, series, written
from numpy.typing import NDArray
from PIL import Image as Pillow
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import (
    BreastTomosynthesisImageStorage,
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    PositronEmissionTomographyImageStorage,
    XRayAngiographicImageStorage,
)

from chat_app.errors import UnreadableFile
from chat_app.imaging import Limits, Opened, study
from chat_app.imaging.dicom import DicomFile
from chat_app.records import Image, Window

pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning:pydicom")

BYTES = np.arange(80, dtype=np.uint16).reshape(8, 10)
SAGITTAL = [0, 1, 0, 0, 0, -1]


def opened(folder: Path, *files: bytes) -> Opened:
    for number, data in enumerate(files):
        written(folder, data, f"IM{number:04d}")
    return study([folder])


def frames(found: Opened) -> list[int]:
    return [image.frames for image in found.images]


def notes(found: Opened) -> set[str]:
    return {note for image in found.images for note in image.notes}


def stored(image: Image, number: int) -> NDArray[Any]:
    assert image.stack is not None
    return image.stack.frame(number).values


def level(value: int) -> NDArray[np.int16]:
    return np.full((8, 10), value, np.int16)


def relabelled(data: bytes, syntax: str) -> bytes:
    """The same file under another transfer syntax, nothing else changed."""
    body = data[144 + int.from_bytes(data[140:144], "little") :]
    meta = deflated_meta()
    kept = DeflatedExplicitVRLittleEndian.encode()
    padded = syntax.encode() + b"\0" * (len(syntax) % 2)
    start = meta.index(b"\x02\0\x10\0UI")
    end = meta.index(kept) + len(kept) + len(kept) % 2
    meta = meta[:start] + b"\x02\0\x10\0UI" + len(padded).to_bytes(2, "little") + padded + meta[end:]
    length = (len(meta) - 144).to_bytes(4, "little")
    return meta[:140] + length + meta[144:] + body


def test_colour_among_grey_slices_is_a_picture_of_its_own(tmp_path: Path) -> None:
    colour = np.full((8, 10, 3), 100, np.uint8)
    lone = {"RescaleSlope": None, "RescaleIntercept": None, "WindowCenter": None, "WindowWidth": None}
    mixed = [ct(z) for z in range(4)] + [ct(z + 0.5, colour, **lone) for z in range(4)]
    found = opened(tmp_path, *mixed)
    assert sorted(image.pixels.ndim for image in found.images) == [2, 3]
    assert all(image.at(n).pixels.dtype == np.uint8 for image in found.images for n in (1, 2, 3, 4))


def test_pages_of_other_depths_are_each_shown_as_they_are(tmp_path: Path) -> None:
    deep = (np.arange(80).reshape(8, 10) * 700).astype(np.uint16)
    colour, grey = np.full((8, 10, 3), 100, np.uint8), np.full((8, 10), 50, np.uint8)
    first, *others = (Pillow.fromarray(pixels) for pixels in (colour, deep, grey))
    stream = io.BytesIO()
    first.save(stream, "TIFF", save_all=True, append_images=others)
    image = opened(tmp_path, stream.getvalue()).images[0]
    assert image.at(2).pixels.dtype == np.uint8
    assert (image.at(2).pixels.min(), image.at(2).pixels.max()) == (0, 255)
    assert (image.at(3).pixels == 50).all()


def test_pictures_that_share_a_uid_by_mistake_are_all_shown(tmp_path: Path) -> None:
    found = opened(tmp_path, *(ct(z, level(z), SOPInstanceUID="1.2.3.4") for z in range(5)))
    assert (frames(found), found.notes) == ([5], ())


def test_pictures_of_one_uid_and_place_differ_by_their_pixels(tmp_path: Path) -> None:
    found = opened(tmp_path, *(ct(0, level(value), SOPInstanceUID="1.2.3.4") for value in (1, 1, 2)))
    assert len(found.images) == 2
    assert found.notes == ("1 file is a copy of another and not shown twice.",)


def test_two_patients_under_one_uid_are_never_one_stack(tmp_path: Path) -> None:
    files = [ct(z + shift, PatientID=who) for z in range(3) for who, shift in (("A", 0.0), ("B", 0.5))]
    found = opened(tmp_path, *files)
    assert frames(found) == [3, 3]
    patients = [image.origin.patient for image in found.images if image.origin]
    assert len(set(patients)) == 2


@pytest.mark.parametrize(("spaces", "expected"), [(2, [3, 3]), (6, [6])])
def test_slices_of_two_spaces_are_told_apart_unless_each_has_its_own(
    tmp_path: Path, spaces: int, expected: list[int]
) -> None:
    files = [ct(z, FrameOfReferenceUID=f"1.2.{z % spaces + 1}") for z in range(6)]
    assert frames(opened(tmp_path, *files)) == expected


def test_slices_without_a_series_are_put_together_and_it_is_said(tmp_path: Path) -> None:
    found = opened(tmp_path, *(ct(z, SeriesInstanceUID=None) for z in range(5)))
    assert frames(found) == [5]
    assert any("name no series" in note for note in notes(found))


@pytest.mark.parametrize("step", [1e-5, -1e-5])
def test_directions_that_differ_by_rounding_are_one(tmp_path: Path, step: float) -> None:
    def tipped(z: int) -> bytes:
        cosine = 0.705 + (step if z % 2 else -step)
        return ct(z, ImageOrientationPatient=[1, 0, 0, 0, round(cosine, 6), round((1 - cosine**2) ** 0.5, 6)])

    assert frames(opened(tmp_path, *map(tipped, range(6)))) == [6]


def test_spacings_that_differ_by_rounding_are_one(tmp_path: Path) -> None:
    spacings = (["0.500001", "0.5"], ["0.5", "0.5"])
    assert frames(opened(tmp_path, *(ct(z, PixelSpacing=spacings[z % 2]) for z in range(6)))) == [6]


def test_places_that_differ_by_rounding_are_one(tmp_path: Path) -> None:
    files = [
        ct(z + 0.005 + (way - 0.5) / 500, Modality="MR", EchoTime=way) for z in range(6) for way in (0, 1)
    ]
    assert frames(opened(tmp_path, *files)) == [6, 6]


def test_stations_over_each_other_are_told_apart(tmp_path: Path) -> None:
    places = [(x * 4.0, 0.0, z) for z in (0.0, -300.0) for x in range(5)]
    tags = {"Modality": "MR", "ImageOrientationPatient": SAGITTAL}
    found = opened(tmp_path, *(ct(0, ImagePositionPatient=list(place), **tags) for place in places))
    assert frames(found) == [5, 5]
    assert "Slices of one station (1 of 2): the series holds several." in notes(found)


def test_phases_of_a_tilted_gantry_are_no_stations(tmp_path: Path) -> None:
    files = [
        ct(0, ImagePositionPatient=[0, z * 6.0, z * 10.0], TemporalPositionIdentifier=time)
        for z in range(5)
        for time in (1, 2)
    ]
    found = opened(tmp_path, *files)
    assert frames(found) == [5, 5]
    assert "Slices of one time (2): the series holds several." in notes(found)


def test_b_values_are_said(tmp_path: Path) -> None:
    values = (0.0, 500.0, 1000.0)
    files = [ct(z, Modality="MR", DiffusionBValue=b) for z in range(4) for b in values]
    found = opened(tmp_path, *files)
    assert frames(found) == [4, 4, 4]
    assert {f"Slices of one b value ({b:g}): the series holds several." for b in values} <= notes(found)


def test_a_time_of_acquisition_tells_apart_and_is_not_said(tmp_path: Path) -> None:
    files = [ct(z, level(t), AcquisitionTime=f"1015{t:02d}.5") for t in (3, 1, 2) for z in range(4)]
    found = opened(tmp_path, *files)
    assert [int(stored(image, 1)[0, 0]) for image in found.images] == [1, 2, 3]
    assert "Slices of one time of acquisition (2 of 3): the series holds several." in notes(found)
    assert not any("1015" in note for note in notes(found))


def test_interleaved_acquisitions_are_stacks_of_their_own(tmp_path: Path) -> None:
    files = [ct(z * 5 + shift, AcquisitionNumber=a) for z in range(6) for a, shift in ((1, 0.0), (2, 1.7))]
    found = opened(tmp_path, *files)
    assert frames(found) == [6, 6]
    assert not any("missing" in note for note in notes(found))


def test_acquisitions_that_follow_each_other_stay_one_stack(tmp_path: Path) -> None:
    files = [ct(z * 5, AcquisitionNumber=1 + z // 3) for z in range(6)]
    assert frames(opened(tmp_path, *files)) == [6]


def test_captures_of_another_size_are_no_localisers(tmp_path: Path) -> None:
    small, large = np.zeros((3, 3), np.uint8), np.zeros((9, 9), np.uint8)
    tags = {"StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.3"}
    files = [dicom(pixels, SOPInstanceUID=f"1.{n}", **tags) for n, pixels in enumerate([small] + [large] * 5)]
    found = opened(tmp_path, *files)
    assert len(found.images) == 6 and found.notes == ()


def test_bits_above_the_lowest_are_where_the_header_says() -> None:
    frame = DicomFile.open(dicom(RAMP << 4, BitsStored=12, HighBit=15), Limits()).frame(1)
    assert np.array_equal(frame.values, RAMP)
    signed = ((RAMP.astype(np.int16) - 2048) << 2).astype(np.int16)
    frame = DicomFile.open(dicom(signed, BitsStored=12, HighBit=13), Limits()).frame(1)
    assert np.array_equal(frame.values, RAMP.astype(np.int16) - 2048)


def test_a_wrong_high_bit_moves_nothing() -> None:
    frame = DicomFile.open(dicom(RAMP, BitsStored=12, HighBit=15), Limits()).frame(1)
    assert np.array_equal(frame.values, RAMP)


@pytest.mark.parametrize("slope", [0, "nan", "inf"])
def test_a_slope_that_is_none_is_refused(tmp_path: Path, slope: Any) -> None:
    data = ct(0, RescaleSlope="1.00").replace(b"1.00", f"{slope:<4}".encode())
    with pytest.raises(UnreadableFile, match="how to show its pixels is damaged"):
        opened(tmp_path, data)


def test_a_dark_frame_of_a_deep_palette_stays_dark() -> None:
    dataset = dcmread(io.BytesIO(dicom(np.full((8, 10), 5, np.uint8))))
    entries = np.arange(256, dtype="<u2") * 257
    entries[5] = 200
    dataset.PhotometricInterpretation = "PALETTE COLOR"
    for colour in ("Red", "Green", "Blue"):
        dataset.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", [256, 0, 16])
        dataset.add_new(f"{colour}PaletteColorLookupTableData", "OW", entries.tobytes())
    stream = io.BytesIO()
    dataset.save_as(stream)
    assert (DicomFile.open(stream.getvalue(), Limits()).frame(1).values == 0).all()


@pytest.mark.parametrize("photometric", ["HSV", "CMYK", "YBR_PARTIAL_420", "MONOCHROME2"])
def test_three_samples_of_another_colour_space_are_not_shown_as_rgb(tmp_path: Path, photometric: str) -> None:
    data = dicom(np.zeros((8, 10, 3), np.uint8), PhotometricInterpretation=photometric)
    with pytest.raises(UnreadableFile, match="colour space"):
        opened(tmp_path, data)


@pytest.mark.parametrize(
    ("written_as", "said"),
    [("1.2.840.10008.1.2.1", "1.2.840.10008.1.2"), ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1")],
)
def test_a_wrong_transfer_syntax_does_not_shift_the_pixels(
    tmp_path: Path, written_as: str, said: str
) -> None:
    image = opened(tmp_path, relabelled(dicom(BYTES, syntax=written_as), said)).images[0]
    assert np.array_equal(stored(image, 1), BYTES)


def test_pixels_of_the_swapped_private_syntax_are_swapped_back(tmp_path: Path) -> None:
    data = relabelled(dicom(BYTES.byteswap(), syntax=ImplicitVRLittleEndian), "1.2.840.113619.5.2")
    assert np.array_equal(stored(opened(tmp_path, data).images[0], 1), BYTES)


def test_another_private_syntax_is_called_so(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="a private transfer syntax"):
        opened(tmp_path, relabelled(dicom(BYTES), "1.3.46.670589.33.1.4.1"))


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({"MaskSubtractionSequence": [Dataset()]}, "mask"),
        ({"PixelPresentation": "COLOR"}, "colours that the file lays over"),
        ({"PresentationIntentType": "FOR PROCESSING"}, "its greys are raw"),
        ({"TotalPixelMatrixColumns": 3000, "TotalPixelMatrixRows": 2000}, "one tile of a slide"),
    ],
)
def test_what_the_file_asks_for_and_is_not_shown_is_said(
    tmp_path: Path, tags: dict[str, Any], said: str
) -> None:
    assert any(said in note for note in notes(opened(tmp_path, dicom(**tags))))


def test_a_small_structure_between_the_sampled_pixels_is_shown_and_not_denied(tmp_path: Path) -> None:
    masks = np.zeros((40, 16, 16), np.uint16)
    masks[4, 5, 5] = 1
    found = opened(tmp_path, dicom(masks))
    assert not any("same value" in note for note in notes(found))
    assert found.images[0].at(5).pixels[5, 5] == 255


KINDS = {
    "kind": [
        {"MRImageFrameTypeSequence": {"ComplexImageComponent": each}} for each in ("MAGNITUDE", "PHASE")
    ],
    "echo": [{"MREchoSequence": {"EffectiveEchoTime": each}} for each in (10.0, 20.0)],
    "b value": [{"MRDiffusionSequence": {"DiffusionBValue": each}} for each in (0.0, 1000.0)],
    "time": [{"FrameContentSequence": {"TemporalPositionIndex": each}} for each in (1, 2)],
    "index": [{"FrameContentSequence": {"DimensionIndexValues": [1, each]}} for each in (1, 2)],
    "nothing": [{}, {}],
}


@pytest.mark.parametrize("told_by", KINDS)
def test_an_enhanced_file_of_two_volumes_becomes_two_stacks(tmp_path: Path, told_by: str) -> None:
    parts = [{"z": float(z), **kind} for z in range(5) for kind in KINDS[told_by]]
    found = opened(tmp_path, enhanced(parts))
    assert frames(found) == [5, 5] and len({image.sha256 for image in found.images}) == 2
    greys = [[int(stored(image, n)[0, 0]) for n in range(1, 6)] for image in found.images]
    assert greys == [[90, 70, 50, 30, 10], [100, 80, 60, 40, 20]]


def test_the_volumes_of_an_enhanced_file_keep_their_windows(tmp_path: Path) -> None:
    windows = {"MAGNITUDE": (100.0, 200.0), "PHASE": (0.0, 4096.0)}
    parts = [
        {
            "z": float(z),
            "MRImageFrameTypeSequence": {"ComplexImageComponent": kind},
            "FrameVOILUTSequence": {"WindowCenter": center, "WindowWidth": width},
        }
        for z in range(5)
        for kind, (center, width) in windows.items()
    ]
    found = opened(tmp_path, enhanced(parts))
    assert [image.window for image in found.images] == [Window(*pair) for pair in windows.values()]
    said = "Slices of one kind of image ({}): the series holds several."
    assert {said.format("magnitude"), said.format("phase")} <= notes(found)


def test_windows_of_frames_that_differ_are_said(tmp_path: Path) -> None:
    window = [{"FrameVOILUTSequence": {"WindowCenter": 100 + z, "WindowWidth": 50}} for z in range(5)]
    found = opened(tmp_path, enhanced([{"z": float(z), **each} for z, each in enumerate(window)]))
    assert frames(found) == [5]
    assert any("that of slice 3, for all: their own differ" in note for note in notes(found))


def test_a_window_that_the_middle_slice_lacks_is_taken_from_another(tmp_path: Path) -> None:
    lacking = {"WindowCenter": None, "WindowWidth": None}
    image = opened(tmp_path, *(ct(z, **(lacking if z == 3 else {})) for z in range(6))).images[0]
    assert (image.frame, image.window) == (3, Window(40, 400))
    assert "The window is that of slice 2, for all: their own differ." in image.notes


def test_runs_of_one_series_are_not_called_mixed(tmp_path: Path) -> None:
    runs = np.stack([BYTES] * 3)
    tags = {"Modality": "XA", "StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.3"}
    found = opened(tmp_path, *(dicom(runs, SOPInstanceUID=f"1.4.{n}", **tags) for n in (1, 2)))
    assert frames(found) == [3, 3]
    assert not any("mixed" in note for note in notes(found))


def test_links_that_lead_nowhere_are_said_and_end(tmp_path: Path) -> None:
    folder = series(tmp_path / "study", [0.0, 5.0])
    (folder / "itself").symlink_to(folder / "itself")
    (folder / "outside").symlink_to(tmp_path)
    (folder / "above").symlink_to(folder)
    found = study([folder])
    assert frames(found) == [2]
    assert [text.split(":")[0] for text in found.refused] == ["2 files"]


def test_a_folder_that_cannot_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = series(tmp_path / "study", [0.0, 5.0])
    (folder / "closed").mkdir()
    scan = os.scandir

    def refusing(path: str) -> Iterator[os.DirEntry[str]]:
        if str(path).endswith("closed"):
            raise PermissionError
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    found = study([folder])
    assert frames(found) == [2]
    assert any("folder cannot be read" in text for text in found.refused)


def test_a_tomosynthesis_is_slices_in_order_whatever_order_they_were_written_in(tmp_path: Path) -> None:
    heights = [3.0, 1.0, 5.0, 2.0, 4.0]
    tags = {"Modality": "MG", "SOPClassUID": BreastTomosynthesisImageStorage, "BodyPartExamined": "BREAST"}
    (image,) = study([written(tmp_path, enhanced([{"z": z} for z in heights], **tags))]).images
    assert (image.unit, image.frames, image.modality) == ("slice", 5, "MG")
    assert image.stack is not None
    positions = [image.stack.plane(number).position_mm for number in range(1, 6)]
    assert positions == sorted(positions) or positions == sorted(positions, reverse=True)
    greys = [int(image.stack.frame(number).values[0, 0]) // 10 for number in range(1, 6)]
    assert [heights[grey - 1] for grey in greys] in (sorted(heights), sorted(heights, reverse=True))


def test_an_angiogram_is_frames_in_the_order_of_time(tmp_path: Path) -> None:
    run = np.stack([np.full((8, 10), 10 * number, np.uint8) for number in range(1, 7)])
    tags = {"Modality": "XA", "SOPClassUID": XRayAngiographicImageStorage, "FrameTimeVector": [0, *[66] * 5]}
    (image,) = study([written(tmp_path, dicom(run, **tags))]).images
    assert (image.unit, image.frames, image.frame) == ("frame", 6, 1)
    assert image.stack is not None
    assert [int(image.stack.frame(number).values[0, 0]) for number in range(1, 7)] == [10, 20, 30, 40, 50, 60]
    assert "look at it" in image.caution


def test_slices_of_a_pet_keep_their_own_slopes_under_one_window(tmp_path: Path) -> None:
    for number, slope in enumerate((0.5, 2.0, 8.0)):
        pixels = np.full((8, 10), round(1000 / slope), np.int16)
        pixels[0, 0] = 0
        tags = {
            "Modality": "PT",
            "RescaleIntercept": 0,
            "RescaleSlope": slope,
            "SOPClassUID": PositronEmissionTomographyImageStorage,
        }
        tags |= {"WindowCenter": 1000, "WindowWidth": 4000}
        written(tmp_path, ct(5.0 * number, pixels, **tags), f"{number}")
    (image,) = study([tmp_path]).images
    assert image.stack is not None
    frames = [image.stack.frame(number) for number in (1, 2, 3)]
    assert [round(float(f.values[4, 4]) * f.slope + f.intercept) for f in frames] == [1000, 1000, 1000]
    assert len({int(image.at(number).pixels[4, 4]) for number in (1, 2, 3)}) == 1
