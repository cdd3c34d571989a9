"""Nothing identifying goes further: header, nested, private, drawn, hidden, logged or named."""

from __future__ import annotations

import io
import json
import shutil
from collections import Counter
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicomanonymizer.dicom_anonymization_databases import dicomfields_2026c as table
from dicoms import dicom
from hypothesis import given
from hypothesis import strategies as st
from identifiers import FILE_NAME, PLAIN, SEEDS, UID_ROOT, every_attribute, keyword, residue, saved, seeded
from pydicom import dcmread
from pydicom.datadict import dictionary_has_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import UID, JPEGBaseline8Bit

from chat_app import imaging
from chat_app.errors import InputError, SetupError
from chat_app.imaging import deidentify, profile, words
from chat_app.imaging.facts import facts

KEY = b"a key of this test, 32 bytes long"
OTHER_KEY = b"another key that is also long enough"
# Holds, and is held by, nothing that a rule of its own removes.
OUTER, INNER = "SharedFunctionalGroupsSequence", "PlaneOrientationSequence"


def cleaned(dataset: Dataset, key: bytes = KEY, **options: Any) -> FileDataset:
    return deidentify.clean(dataset, key, **options).dataset


def reread(dataset: FileDataset) -> FileDataset:
    return dcmread(io.BytesIO(saved(dataset)))


def test_every_seed_is_there_to_be_found() -> None:
    assert len(SEEDS) >= 44
    assert residue(saved(seeded())) == list(SEEDS)


def test_no_seed_is_left_in_the_bytes_of_the_saved_file() -> None:
    assert residue(saved(cleaned(seeded()))) == []


def test_no_seed_is_left_when_characteristics_go_too() -> None:
    dataset = cleaned(seeded(), keep_characteristics=False)
    assert residue(saved(dataset)) == []
    assert not dataset.PatientSex and "PatientAge" not in dataset


def test_no_root_of_a_foreign_uid_is_left() -> None:
    assert UID_ROOT.encode() not in saved(cleaned(seeded()))


def test_an_element_of_a_command_does_not_get_into_a_file() -> None:
    dataset = seeded()
    dataset.add_new(0x00001000, "UI", f"{UID_ROOT}.7")
    assert 0x00001000 not in cleaned(dataset)


def test_the_source_is_left_as_it_is() -> None:
    source = seeded()
    before = saved(source)
    cleaned(source)
    assert saved(source) == before


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_every_attribute_of_table_e_1_1_loses_its_value_at_any_depth(depth: int) -> None:
    seeds = every_attribute()
    assert len(seeds) > 600
    result = reread(cleaned(_at_depth(seeds, depth)))
    for level in (OUTER, INNER)[:depth]:
        result = result[level][0]
    left = [keyword(seed) for tag, seed in seeds.items() if tag in result and result[tag].value == seed.value]
    assert left == []


def test_every_row_of_table_e_1_1_is_among_those_seeded() -> None:
    """And no row is left out but commands and file meta information, which are never taken over."""
    seeds = every_attribute()
    ranges = [row for row in table.ALL_TAGS if len(row) == 4]
    single = {Tag(row) for row in table.ALL_TAGS if len(row) == 2}
    assert {tag for tag in single if tag not in seeds} == {Tag(0, 0x1000), Tag(0, 0x1001), Tag(2, 3)}
    assert len(table.ALL_TAGS) == len(single) + len(ranges) and len(ranges) == 3
    for group, element, of_group, of_element in ranges:
        rows = [t for t in seeds if (t.group & of_group, t.element & of_element) == (group, element)]
        assert len({t.group for t in rows}) >= 3
    assert sum(not dictionary_has_tag(tag) for tag in seeds) > 20  # newer than what pydicom knows


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_what_looks_for_residue_finds_it_where_the_profile_does_nothing(
    depth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = every_attribute()
    monkeypatch.setattr(profile, "_ruled", lambda element, key, withheld, **_: copy(element))
    monkeypatch.setattr(profile, "strike", lambda body, names: Counter())
    source = _at_depth(seeds, depth)
    marks = {keyword(seed): f"ZQ{int(tag):08X}" for tag, seed in seeds.items()}
    there = residue(saved(source), marks)
    assert residue(saved(cleaned(source)), marks) == there and len(there) > 400


@pytest.mark.parametrize("rule", ["a text", "a date", "a UID", "a sequence", "an overlay"])
def test_one_rule_that_does_nothing_is_noticed(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spared = {
        "a text": 0x00081030, "a date": 0x00080020, "a UID": 0x0020000D, "a sequence": 0x00400275,
        "an overlay": 0x60003000,
    }[rule]  # fmt: skip
    ruled = profile._ruled

    def lenient(element: DataElement, *args: Any, **options: Any) -> DataElement | None:
        return copy(element) if element.tag == spared else ruled(element, *args, **options)

    monkeypatch.setattr(profile, "_ruled", lenient)
    monkeypatch.setattr(profile, "strike", lambda body, names: Counter())
    assert residue(saved(cleaned(seeded()))) != []


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_no_mark_of_any_attribute_of_the_table_is_left_in_the_bytes(depth: int) -> None:
    seeds = every_attribute()
    marks = {keyword(seed): f"ZQ{int(tag):08X}" for tag, seed in seeds.items()}
    marks |= {"dates": "19310820", "times": "031415", "UIDs": UID_ROOT, "ages": "047Y", "numbers": "76543"}
    source = _at_depth(seeds, depth)
    assert len(residue(saved(source), marks)) > 400
    assert residue(saved(cleaned(source)), marks) == []


def _at_depth(elements: dict[Any, Any], depth: int) -> FileDataset:
    dataset = seeded()
    place: Dataset = dataset
    for level in (OUTER, INNER)[:depth]:
        item = Dataset()
        setattr(place, level, Sequence([item]))
        place = item
    for element in elements.values():
        place.add(element)
    return dataset


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=4, max_size=60))
def test_no_name_in_any_script_survives(name: str) -> None:
    dataset = seeded()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    marked = f"Zq{name}zQ".replace("\\", "").replace("^", "").replace("=", "")
    dataset.PatientName = dataset.PatientComments = dataset.TextString = dataset.SequenceName = marked[:14]
    assert residue(saved(cleaned(dataset)), {"name": marked[:14]}) == []


def test_a_text_outside_the_table_is_emptied_and_a_code_is_kept() -> None:
    dataset = seeded()
    dataset.SequenceName, dataset.ScanOptions, dataset.ImageType = "Zqsequence", "FS", ["ORIGINAL", "PRIMARY"]
    result = cleaned(dataset)
    assert result.SequenceName == "" and result.ScanOptions == "FS"
    assert list(result.ImageType) == ["ORIGINAL", "PRIMARY"]


def test_a_window_keeps_a_name_that_is_a_known_word_and_no_other() -> None:
    dataset = seeded()
    dataset.WindowCenter, dataset.WindowWidth = [40, 400], [400, 1500]
    dataset.WindowCenterWidthExplanation = ["LUNG", "Zqname"]
    assert list(cleaned(dataset).WindowCenterWidthExplanation) == ["LUNG", ""]


def test_a_code_string_that_is_no_code_is_emptied() -> None:
    dataset = seeded()
    dataset.ScanOptions = "Zqname^given"
    assert cleaned(dataset).ScanOptions == ""


def test_a_number_of_five_digits_is_no_code() -> None:
    dataset = seeded()
    dataset.ScanOptions = ["FS", "19310820", "MRN77120"]
    assert list(cleaned(dataset).ScanOptions) == ["FS", "", ""]


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("BodyPartExamined", "ZQBODY"),
        ("ConvolutionKernel", "Zqkernel"),
        ("RescaleType", "ZQTYPE"),
        ("Manufacturer", "Zqhospital"),
        ("LongCodeValue", "Zqcode"),
    ],
)
@pytest.mark.parametrize("depth", [0, 1])
def test_what_is_of_no_list_is_emptied_where_a_list_is_known(keyword: str, value: str, depth: int) -> None:
    dataset = seeded()
    setattr(dataset.SharedFunctionalGroupsSequence[0] if depth else dataset, keyword, value)
    assert residue(saved(cleaned(dataset)), {"value": value}) == []


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("BodyPartExamined", "WHOLE BODY"),
        ("ConvolutionKernel", "FC21"),
        ("ConvolutionKernel", "STANDARD"),
        ("RescaleType", "HU"),
        ("Manufacturer", "GE MEDICAL SYSTEMS"),
        ("Manufacturer", "Siemens HealthCare GmbH"),
        ("Manufacturer", "ALOKA CO., LTD."),
        ("ManufacturerModelName", "MAGNETOM Vida"),
    ],
)
def test_what_is_listed_stays(keyword: str, value: str) -> None:
    dataset = seeded()
    setattr(dataset, keyword, value)
    assert cleaned(dataset)[keyword].value == value


@pytest.mark.parametrize("keyword", ["ScanOptions", "ImageType", "ManufacturerModelName", "PatientPosition"])
def test_a_name_of_the_header_is_struck_wherever_it_was_typed(keyword: str) -> None:
    dataset = seeded()
    dataset.PatientName, dataset.PatientID = "Okonkwo^Wilhelmina", "MRN48"
    for value in ("OKONKWO", "FS MRN48"):
        setattr(dataset, keyword, value)
        setattr(dataset.SharedFunctionalGroupsSequence[0], keyword, value)
        result = deidentify.clean(dataset, KEY)
        assert residue(saved(result.dataset), {"name": value}) == [] and keyword in result.withheld


def test_a_patient_called_head_does_not_take_the_body_part_along() -> None:
    dataset = seeded()
    dataset.PatientName, dataset.BodyPartExamined = "HEAD^CHEST", "CHEST"
    assert cleaned(dataset).BodyPartExamined == "CHEST"


def test_a_listed_code_gets_the_words_of_its_scheme() -> None:
    dataset = seeded()
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "T-D3000", "SRT", "Zqname"
    dataset.AnatomicRegionSequence = Sequence([code])
    result = cleaned(dataset).AnatomicRegionSequence[0]
    assert (result.CodeValue, result.CodeMeaning) == ("T-D3000", "Thoracic structure (body structure)")


@pytest.mark.parametrize("keyword", ["SliceThickness", "InstanceNumber"])
def test_a_text_where_a_number_should_be_is_dropped(keyword: str) -> None:
    source = seeded()
    setattr(source, keyword, 76543210)
    result = cleaned(dcmread(io.BytesIO(saved(source).replace(b"76543210", b"Zqnumber"))))
    assert keyword not in result
    assert residue(saved(result), {"number": "Zqnumber"}) == []


@pytest.mark.parametrize(
    ("tag", "vr"), [(0x00180050, "LO"), (0x00280030, "OB"), (0x00080060, "PN"), (0x00180015, "UN")]
)
def test_a_text_under_a_representation_that_is_not_the_elements_own_is_dropped(tag: int, vr: str) -> None:
    dataset = seeded()
    value = "Zqdisguised" if vr in ("LO", "PN") else b"Zqdisguised "
    dataset[tag] = DataElement(tag, vr, value)
    assert residue(saved(dataset), {"disguised": "Zqdisguised"})
    assert residue(saved(cleaned(reread(dataset))), {"disguised": "Zqdisguised"}) == []


def test_what_was_withheld_is_named_without_its_value() -> None:
    withheld = deidentify.clean(seeded(), KEY).withheld
    assert {"PatientName", "PatientBirthDate", "PersonName", profile.PRIVATE, profile.DRAWING} <= set(
        withheld
    )
    assert "Modality" not in withheld and "PatientSex" not in withheld
    assert residue("\n".join(withheld).encode()) == []


def test_sex_side_and_a_band_of_ages_are_kept() -> None:
    result = cleaned(seeded())
    assert (result.PatientSex, result.Laterality, result.PatientAge) == ("F", "L", "040Y")


@pytest.mark.parametrize(
    ("age", "band"),
    [
        ("047Y", "040Y"),
        ("060Y", "060Y"),
        ("069Y", "060Y"),
        ("090Y", "090Y"),
        ("104Y", "090Y"),
        ("011M", "000Y"),
    ],
)
def test_an_age_becomes_the_first_year_of_its_decade(age: str, band: str) -> None:
    assert profile.band(age) == band


@pytest.mark.parametrize("age", ["", "47", "Zqname", "047y", "47Y"])
def test_what_is_no_age_is_not_kept(age: str) -> None:
    assert profile.band(age) == ""


def test_an_age_in_a_nested_item_is_banded_too() -> None:
    dataset = seeded()
    dataset.SharedFunctionalGroupsSequence[0].PatientAge = "047Y"
    assert cleaned(dataset).SharedFunctionalGroupsSequence[0].PatientAge == "040Y"


def test_the_file_says_what_was_done_to_it() -> None:
    result = cleaned(seeded())
    codes = [code.CodeValue for code in result.DeidentificationMethodCodeSequence]
    assert result.PatientIdentityRemoved == "YES"
    assert result.LongitudinalTemporalInformationModified == "REMOVED"
    assert codes == ["113100", "113108"]
    assert "Basic Application Confidentiality Profile" in result.DeidentificationMethod
    assert "BurnedInAnnotation" not in result


def test_searched_pixels_are_said_to_be_clean() -> None:
    result = cleaned(seeded(), searched=True, keep_characteristics=False)
    assert [code.CodeValue for code in result.DeidentificationMethodCodeSequence] == ["113100", "113101"]
    assert result.BurnedInAnnotation == "NO"


def test_the_preamble_and_the_file_meta_information_are_ours() -> None:
    result = cleaned(seeded())
    assert saved(result)[:128] == bytes(128)
    assert result.file_meta.ImplementationVersionName == "LIGHTBOX"
    assert result.file_meta.MediaStorageSOPInstanceUID == result.SOPInstanceUID
    assert "SourceApplicationEntityTitle" not in result.file_meta
    assert "PrivateInformation" not in result.file_meta


def test_a_uid_becomes_the_same_one_in_every_file_under_one_key() -> None:
    first, second = cleaned(seeded()), cleaned(seeded())
    assert first.StudyInstanceUID == second.StudyInstanceUID != PLAIN["StudyInstanceUID"]
    assert UID(first.StudyInstanceUID).is_valid
    assert len({first.StudyInstanceUID, first.SeriesInstanceUID, first.SOPInstanceUID}) == 3


def test_a_uid_becomes_another_under_another_key() -> None:
    assert cleaned(seeded()).StudyInstanceUID != cleaned(seeded(), OTHER_KEY).StudyInstanceUID


def test_a_reference_still_names_the_picture_it_named() -> None:
    dataset = seeded()
    dataset.ReferencedImageSequence[0].ReferencedSOPInstanceUID = PLAIN["SOPInstanceUID"]
    result = cleaned(dataset)
    assert result.ReferencedImageSequence[0].ReferencedSOPInstanceUID == result.SOPInstanceUID


def test_a_registered_uid_stays() -> None:
    assert cleaned(seeded()).SOPClassUID == seeded().SOPClassUID


def test_a_face_in_a_volume_of_the_head_is_said() -> None:
    dataset = seeded()
    assert deidentify.FACE not in deidentify.clean(dataset, KEY).notes
    dataset.BodyPartExamined = "HEAD"
    assert deidentify.FACE in deidentify.clean(dataset, KEY).notes


def test_pixel_data_of_no_stated_shape_is_left_out() -> None:
    dataset = seeded()
    del dataset.Rows
    assert "PixelData" not in cleaned(dataset)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(SetupError, match="16 bytes"):
        deidentify.clean(seeded(), b"short")


def test_a_picture_without_contrast_stays_one_without() -> None:
    dataset = seeded()
    dataset.ContrastBolusAgent = "NONE"
    assert "ContrastBolusAgent" not in facts(cleaned(dataset))


def test_bits_where_an_overlay_lay_are_cleared() -> None:
    dataset = seeded()
    dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 12, 11, 0
    drawn = np.full((64, 64), 0x8123, np.uint16)
    dataset.PixelData = drawn.tobytes()
    assert set(np.frombuffer(cleaned(dataset).PixelData, np.uint16)) == {0x0123}


def test_a_comment_in_a_jpeg_stream_is_blanked_and_the_picture_is_not() -> None:
    from PIL import Image as Pillow

    stream = io.BytesIO()
    Pillow.fromarray(np.tile(np.arange(64, dtype=np.uint8), (64, 1))).save(
        stream, "JPEG", comment=b"Zqcomment", exif=b"Exif\0\0Zqexif"
    )
    dataset = dcmread(io.BytesIO(dicom(np.zeros((64, 64), np.uint8), BitsStored=8)))
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset.PixelData = encapsulate([stream.getvalue()])
    result = saved(cleaned(dataset))
    assert residue(saved(dataset), {"comment": "Zqcomment", "exif": "Zqexif"}) == ["comment", "exif"]
    assert residue(result, {"comment": "Zqcomment", "exif": "Zqexif"}) == []
    assert np.array_equal(dcmread(io.BytesIO(result)).pixel_array, dataset.pixel_array)


def test_the_picture_looks_the_same_before_and_after(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    source = seeded()
    del source[0x60003000]  # an overlay is drawn before, and not after
    before.write_bytes(saved(source))
    after.write_bytes(saved(cleaned(source)))
    assert _same(before, after)


def test_every_shared_picture_looks_the_same_before_and_after(shared_data: Path, tmp_path: Path) -> None:
    after = tmp_path / "after"
    seen = 0
    for before in sorted((shared_data / "dicom").glob("*.dcm")):
        try:
            imaging.read(before, name="image 1", frame=1)
        except InputError:
            continue
        after.write_bytes(saved(cleaned(dcmread(before, force=True))))
        assert _same(before, after), before.name
        seen += 1
    assert seen > 40


def _same(before: Path, after: Path) -> bool:
    first, second = (imaging.read(path, name="image 1", frame=1) for path in (before, after))
    stated = [image.facts for image in (first, second)]
    return np.array_equal(first.pixels, second.pixels) and stated[0] == stated[1]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with a patient's name: two slices of a series, a report, a drawing and a text."""
    folder = tmp_path / FILE_NAME
    (folder / "Zqname").mkdir(parents=True)
    for number in (1, 2):
        dataset = seeded()
        dataset.InstanceNumber = number
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"{UID_ROOT}.{number}0"
        (folder / "Zqname" / f"{FILE_NAME}{number}").write_bytes(saved(dataset))
    report = seeded()
    del report.PixelData, report.Rows
    report.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"
    (folder / "Zqreport").write_bytes(saved(report))
    (folder / "Zqtext.txt").write_text("Zqname Zqgiven")
    (folder / "Zqdamaged.dcm").write_bytes(saved(seeded())[:3000])
    return folder


def test_a_folder_becomes_one_without_identifiers(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    summary = deidentify.folder(source, target, KEY, ocr=False)
    written = sorted(str(path.relative_to(target)) for path in target.rglob("*") if path.is_file())
    assert written == ["report.json", "study-1/series-1/0001.dcm", "study-1/series-1/0002.dcm"]
    assert (summary.read, summary.written, sum(summary.left_out.values())) == (5, 2, 3)
    for path in target.rglob("*.*"):
        assert residue(path.read_bytes()) == [], path.name


def test_slices_stay_together_and_in_their_order(source: Path, tmp_path: Path) -> None:
    deidentify.folder(source, tmp_path / "out", KEY, ocr=False)
    slices = [dcmread(path) for path in sorted((tmp_path / "out").rglob("*.dcm"))]
    assert [each.InstanceNumber for each in slices] == [1, 2]
    assert slices[0].SeriesInstanceUID == slices[1].SeriesInstanceUID
    assert slices[0].SOPInstanceUID != slices[1].SOPInstanceUID


def test_the_report_counts_and_names_nobody(source: Path, tmp_path: Path) -> None:
    summary = deidentify.folder(source, tmp_path / "out", KEY, ocr=False)
    report = (tmp_path / "out" / "report.json").read_bytes()
    assert json.loads(report)["withheld"]["PatientName"] == 2
    assert "2 of 5 files were written" in summary.as_text()
    assert "Basic Text SR" in summary.as_text()
    for text in (report, summary.as_text().encode()):
        assert residue(text, {**SEEDS, "file": "zqfilename", "folder": str(tmp_path), "text": "zqtext"}) == []


def test_nothing_identifying_is_logged_or_printed(
    source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    said: list[str] = []
    deidentify.folder(source, tmp_path / "out", KEY, ocr=False, say=said.append)
    out, err = capfd.readouterr()
    assert residue("\n".join([caplog.text, out, err, *said]).encode(), {**SEEDS, "file": "zqfilename"}) == []


def test_a_target_that_is_not_empty_is_refused(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "kept").write_text("kept")
    with pytest.raises(InputError, match="not empty"):
        deidentify.folder(source, tmp_path / "out", KEY, ocr=False)


@pytest.mark.parametrize("inside", ["", "new"])
def test_a_target_in_the_source_is_refused(source: Path, inside: str) -> None:
    with pytest.raises(InputError, match="lies in the one to read"):
        deidentify.folder(source, source / inside, KEY, ocr=False)


def test_a_missing_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to read"):
        deidentify.folder(tmp_path / "no", tmp_path / "out", KEY, ocr=False)


def test_unsearched_ultrasound_is_left_out_unless_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "us").write_bytes(dicom(np.zeros((32, 32), np.uint8), Modality="US"))
    summary = deidentify.folder(folder, tmp_path / "out", KEY, ocr=False)
    assert summary.written == 0 and "install the extra ocr" in summary.as_text()
    assert deidentify.folder(folder, tmp_path / "all", KEY, ocr=False, unseen_pixels=True).written == 1


def test_asking_for_a_search_without_the_extra_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "available", lambda: False)
    with pytest.raises(SetupError, match=r"lightbox-chat\[ocr\]"):
        deidentify.folder(tmp_path, tmp_path / "out", KEY, ocr=True)


@pytest.mark.slow
def test_a_folder_of_ultrasound_is_searched_and_masked(shared_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("rapidocr")
    folder = tmp_path / "in"
    folder.mkdir()
    for name in (
        "us_palette.dcm",
        "us_j2k_ybr_rct.dcm",
        "us_cine_ybr422_30frames.dcm",
        "vl1_colour_photo.dcm",
    ):
        shutil.copy(shared_data / "dicom" / name, folder / name)
    summary = deidentify.folder(folder, tmp_path / "out", KEY, ocr=True)
    assert summary.written == 4, summary.as_text()
    for path in (tmp_path / "out").rglob("*.dcm"):
        assert dcmread(path).BurnedInAnnotation == "NO"
        read = imaging.read(path, name="image 1", frame=1)
        assert words.find(read.pixels, ("BAPTIST", "PHILIPS")) == []


def places(opened: imaging.Opened) -> list[Any]:
    """All that tells how the pictures are sorted, shown and placed."""
    return [
        (
            image.name, image.frames, image.frame, image.unit, image.modality, image.window, image.notes,
            [look.name for look in image.stack.looks],
            [(image.stack.plane(n), image.at(n).pixels.tobytes()) for n in range(1, image.frames + 1)],
        )
        for image in opened.images
        if image.stack
    ]  # fmt: skip


SERIES = ("series_ct_chest_P002", "series_ct_chest_normal002")
ENHANCED = ("enhanced_mr_10frames.dcm", "enhanced_mr_siemens_xa10.dcm", "enhanced_mr_philips_64frames.dcm")


@pytest.mark.parametrize("name", [*SERIES, *ENHANCED])
def test_a_series_is_sorted_placed_and_cut_as_it_was(shared_data: Path, tmp_path: Path, name: str) -> None:
    source, target = shared_data / "dicom" / name, tmp_path / "out"
    summary = deidentify.folder(source, target, KEY, ocr=False)
    assert summary.written and summary.written == summary.read - sum(summary.left_out.values())
    before, after = imaging.study([source]), imaging.study([target])
    assert places(before) == places(after) and before.images[0].frames > 1
    cuts = [[_cut(image) for image in each.images] for each in (before, after)]
    assert cuts[0] == cuts[1]


def _cut(image: Any) -> bytes:
    """The middle of the volume cut coronally; why it is none where it cannot be cut."""
    try:
        stack = image.stack.reformat("coronal")
    except InputError as error:
        return str(error).encode()
    return bytes(stack.image("image 1", (stack.frames + 1) // 2).pixels.tobytes())
