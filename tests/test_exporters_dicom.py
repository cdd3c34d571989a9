"""Reports as DICOM: boxes on the very pixels, flags by status, the patient's study, and others read it."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest
from dicoms import enhanced, series, written
from drafts import BOXES, about, film, opened, report, statement
from orthanc import PASSWORD, USER, Orthanc
from pydicom.uid import UltrasoundMultiFrameImageStorage

from chat_app.dicomweb import Server
from chat_app.errors import InputError
from chat_app.exporters import encapsulated, presentation, sr
from chat_app.exporters.parts import originals
from chat_app.records import Box, Report, Status, Window

FORMS = {"sr": sr, "pr": presentation, "pdf": encapsulated}
FLAGS = {
    Status.DRAFT: ("PARTIAL", "UNVERIFIED", "PRELIMINARY"),
    Status.PRELIMINARY: ("COMPLETE", "UNVERIFIED", "PRELIMINARY"),
    Status.FINAL: ("COMPLETE", "VERIFIED", "FINAL"),
    Status.AMENDED: ("COMPLETE", "VERIFIED", "FINAL"),
}


def exported(name: str, made: Report, *places: Path) -> bytes:
    images = opened(*places)
    named = about(made, images)
    return FORMS[name].export(named, images, originals.of(named, images))


def read(name: str, made: Report, *places: Path) -> Any:
    return pydicom.dcmread(io.BytesIO(exported(name, made, *places)))


def boxed(*boxes: Box) -> Report:
    return report(findings=[statement(f"Opacity {number}.", box) for number, box in enumerate(boxes, 1)])


def regions(data: bytes) -> list[Any]:
    groups = highdicom.sr.srread(io.BytesIO(data)).content.get_planar_roi_measurement_groups()
    return [group.roi for group in groups]


def corners(outline: Sequence[Sequence[float]]) -> tuple[float, float, float, float]:
    points = np.asarray(outline)
    return (*points.min(0), *points.max(0))


def graphics(dataset: Any) -> list[tuple[Any, Any]]:
    """Each outline with the reference of its picture."""
    return [
        (each.ReferencedImageSequence[0], np.reshape(graphic.GraphicData, (-1, 2)))
        for each in dataset.GraphicAnnotationSequence
        for graphic in each.GraphicObjectSequence
    ]


@pytest.mark.parametrize("status", FLAGS)
def test_the_flags_of_a_structured_report_follow_its_status(status: Status, tmp_path: Path) -> None:
    made = read("sr", report(status), film(tmp_path))
    assert (made.CompletionFlag, made.VerificationFlag, made.PreliminaryFlag) == FLAGS[status]
    assert status.upper() in made.SeriesDescription
    if status in (Status.FINAL, Status.AMENDED):
        (observer,) = made.VerifyingObserverSequence
        assert str(observer.VerifyingObserverName).strip("^") == "Ada Ward"
        assert str(observer.VerificationDateTime).startswith("20261127180000")
    else:
        assert "VerifyingObserverSequence" not in made
        assert "Ada" not in str(made)


def test_highdicom_reads_back_the_boxes_to_a_hundredth_of_a_pixel(tmp_path: Path) -> None:
    found = regions(exported("sr", report(), film(tmp_path)))
    assert [region.graphic_type.value for region in found] == ["POLYLINE"] * 2
    for region, box in zip(found, BOXES, strict=True):
        assert corners(region.value) == pytest.approx(box.corners, abs=0.01)
        assert np.array_equal(region.value[0], region.value[-1])


def test_each_region_refers_to_the_file_it_was_drawn_on(tmp_path: Path) -> None:
    path = film(tmp_path)
    (first, _) = regions(exported("sr", report(), path))
    source = first.ContentSequence[0].ReferencedSOPSequence[0]
    assert source.ReferencedSOPInstanceUID == pydicom.dcmread(path).SOPInstanceUID
    assert "ReferencedFrameNumber" not in source


def test_dcmtk_reads_every_statement_and_the_boxes(tmp_path: Path) -> None:
    dump = dumped(exported("sr", report(), film(tmp_path)), tmp_path)
    assert "Preliminary Flag    : PRELIMINARY" in dump
    assert "(POLYLINE,12.3456001/30,45/30,45/60.5,12.3456001/60.5,12.3456001/30)" in dump
    for words in ("Cough for 2 weeks.", "Opacity in the right lower zone.", "Opacity ≥ 3 mm → follow up."):
        assert words in dump
    assert "clavicle" not in dump


def test_dcmtk_finds_no_fault_with_a_presentation_state(tmp_path: Path) -> None:
    if not (program := shutil.which("dcmpschk")):
        pytest.skip("dcmtk's dcmpschk is not installed")
    path = tmp_path / "state.dcm"
    path.write_bytes(exported("pr", report(Status.FINAL), film(tmp_path / "film")))
    done = subprocess.run([program, "-v", str(path)], capture_output=True, text=True)
    assert "Test passed" in done.stdout + done.stderr, done.stderr


def dumped(data: bytes, folder: Path) -> str:
    """What dcmtk's dsrdump makes of a structured report."""
    if not (program := shutil.which("dsrdump")):
        pytest.skip("dcmtk's dsrdump is not installed")
    path = folder / "report.dcm"
    path.write_bytes(data)
    command = [program, "+U8", "+Pl", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "E:" not in done.stderr
    return done.stdout


def test_the_model_is_named_for_what_it_wrote_and_for_nothing_else(tmp_path: Path) -> None:
    dump = str(read("sr", report(Status.FINAL), film(tmp_path)))
    assert dump.count("Algorithm Name") == 4  # of six statements: one was told, one is fixed
    content = highdicom.sr.srread(
        io.BytesIO(exported("sr", report(Status.FINAL), film(tmp_path / "b")))
    ).content
    observers = [context.observer_type.meaning for context in content.get_observer_contexts()]
    assert sorted(observers) == ["Device", "Person"]


def test_a_claim_s_presence_is_coded(tmp_path: Path) -> None:
    images = opened(film(tmp_path))
    made = about(report(), images)
    document = sr.document(made, originals.of(made, images))
    assert "Absent" in str(document)


@pytest.mark.parametrize("name", FORMS)
def test_a_form_belongs_to_the_patient_and_study_of_its_pictures(name: str, tmp_path: Path) -> None:
    tags = {
        "SpecificCharacterSet": "ISO_IR 192",
        "PatientName": "Yamada^Tarou=山田^太郎",
        "StudyDate": "20250102",
    }
    path = film(tmp_path, **tags)
    before, made = pydicom.dcmread(path), read(name, report(), path)
    for keyword in ("StudyInstanceUID", "PatientID", "PatientName", "StudyDate"):
        assert made[keyword].value == before[keyword].value
    assert made.SeriesInstanceUID != before.SeriesInstanceUID
    assert made.SOPInstanceUID == made.file_meta.MediaStorageSOPInstanceUID
    assert "PixelData" not in made


@pytest.mark.parametrize("name", FORMS)
def test_each_export_is_an_instance_of_its_own(name: str, tmp_path: Path) -> None:
    path = film(tmp_path)
    first, second = (read(name, report(), path) for _ in range(2))
    assert first.SOPInstanceUID != second.SOPInstanceUID


@pytest.mark.parametrize("name", ["sr", "pr"])
def test_a_box_on_a_slice_goes_to_the_file_of_that_slice(name: str, tmp_path: Path) -> None:
    folder = series(tmp_path / "ct", [30, 10, 0, 20, 40])
    places = {pydicom.dcmread(path).SOPInstanceUID: path for path in folder.iterdir()}
    box = Box(1, 2, 5, 6, image="image 1, slice 2")
    data = exported(name, boxed(box), folder)
    if name == "sr":
        reference = regions(data)[0].ContentSequence[0].ReferencedSOPSequence[0]
    else:
        reference = graphics(pydicom.dcmread(io.BytesIO(data)))[0][0]
    header = pydicom.dcmread(places[reference.ReferencedSOPInstanceUID])
    [image] = opened(folder)
    assert image.stack is not None
    assert header.ImagePositionPatient[2] == image.stack.plane(2).position_mm
    assert "ReferencedFrameNumber" not in reference


@pytest.mark.parametrize("name", ["sr", "pr"])
def test_a_box_on_a_frame_names_the_frame_as_its_file_counts(name: str, tmp_path: Path) -> None:
    # The frames lie in the file in another order than they are paged through.
    path = written(tmp_path, enhanced([{"z": 0}, {"z": 20}, {"z": 10}, {"z": 30}], PatientID="1"))
    [image] = opened(path)
    assert image.stack is not None
    greys = [int(image.stack.frame(number).values[0, 0]) for number in range(1, 5)]
    box = Box(1, 2, 5, 6, image="image 1, slice 2")
    data = exported(name, boxed(box), path)
    if name == "sr":
        reference = regions(data)[0].ContentSequence[0].ReferencedSOPSequence[0]
    else:
        reference = graphics(pydicom.dcmread(io.BytesIO(data)))[0][0]
    assert reference.ReferencedFrameNumber == greys[1] // 10
    assert greys != sorted(greys)


def test_a_presentation_state_draws_numbered_boxes_in_its_layer(tmp_path: Path) -> None:
    made = read("pr", report(), film(tmp_path))
    for (_, outline), box in zip(graphics(made), BOXES, strict=True):
        assert corners(outline) == pytest.approx(box.corners, abs=0.01)
    (annotation,) = made.GraphicAnnotationSequence
    assert [each.UnformattedTextValue for each in annotation.TextObjectSequence] == ["1", "2"]
    assert annotation.GraphicLayer == made.GraphicLayerSequence[0].GraphicLayer
    assert (made.ContentLabel, made.PresentationLUTShape) == ("DRAFT", "IDENTITY")
    assert made.SoftcopyVOILUTSequence[0].WindowCenter == 4000


CINE = {"SOPClassUID": UltrasoundMultiFrameImageStorage, "Modality": "US"}
ON_FRAME_2 = Box(1, 2, 50, 60, image="image 1, frame 2")


def cine(folder: Path, **tags: Any) -> Path:
    """Four grey frames without functional groups."""
    pixels = np.stack([np.full((80, 100), grey, np.uint8) for grey in (10, 60, 120, 240)])
    return film(folder, pixels, **CINE, **tags)


def window(dataset: Any) -> tuple[float, float, int]:
    """Centre, width and frame of the only window of a presentation state."""
    (item,) = dataset.SoftcopyVOILUTSequence
    (image,) = item.ReferencedImageSequence
    return item.WindowCenter, item.WindowWidth, image.ReferencedFrameNumber


def test_a_presentation_state_over_a_cine_has_the_window_of_its_file(tmp_path: Path) -> None:
    made = read("pr", boxed(ON_FRAME_2), cine(tmp_path, WindowCenter=100, WindowWidth=50))
    assert window(made) == (100, 50, 2)
    assert (made.RescaleSlope, made.RescaleIntercept) == (1, 0)


def test_where_a_cine_states_no_window_all_that_can_be_stored_is_shown(tmp_path: Path) -> None:
    images = opened(cine(tmp_path, WindowCenter=None, WindowWidth=None))
    made = about(boxed(ON_FRAME_2), images)
    headers = originals.of(made, images)
    assert window(presentation.state(made, (), headers)) == (128, 256, 2)
    shown = replace(images[0], stack=None, window=Window(90, 30))
    center, width, _ = window(presentation.state(made, [shown], headers))
    assert (center, width) == (90, 30)


@pytest.mark.parametrize(("slopes", "words"), [((2, 2), ""), ((2, 3), "do not all mean the same")])
def test_frames_have_to_be_rescaled_alike(tmp_path: Path, slopes: tuple[int, int], words: str) -> None:
    frames = [
        {"z": z, "PixelValueTransformationSequence": {"RescaleSlope": slope, "RescaleIntercept": 1}}
        for z, slope in enumerate(slopes)
    ]
    path = written(tmp_path, enhanced(frames, WindowCenter=40, WindowWidth=80))
    boxes = [Box(1, 2, 5, 6, image=f"image 1, slice {number}") for number in (1, 2)]
    if words:
        with pytest.raises(InputError, match=words):
            exported("pr", boxed(*boxes), path)
    else:
        assert read("pr", boxed(*boxes), path).RescaleSlope == 2


@pytest.mark.parametrize("name", FORMS)
def test_a_date_and_time_as_they_were_written_before_dicom_are_read(name: str, tmp_path: Path) -> None:
    with pydicom.config.disable_value_validation():
        path = film(tmp_path, StudyDate="2025.01.31", StudyTime="14:04:38")
        made = read(name, report(), path)
    assert (str(made.StudyDate), str(made.StudyTime)) == ("20250131", "140438")


@pytest.mark.parametrize("name", ["sr", "pr"])
def test_a_header_that_does_not_fit_is_refused_without_quoting_it(name: str, tmp_path: Path) -> None:
    with pydicom.config.disable_value_validation():
        path = film(tmp_path, PatientBirthDate="Quill1950")
    with pytest.raises(InputError, match="does not fit this form") as caught:
        exported(name, report(), path)
    assert "Quill" not in str(caught.value) and caught.value.__cause__ is None


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMS)
def test_of_real_files_each_is_taken_or_refused_in_words(name: str, shared_data: Path) -> None:
    taken = 0
    for path in sorted((shared_data / "dicom").glob("*.dcm")):
        with suppress(InputError):
            image = opened(path)[0]
            whole = Box(0, 0, image.columns, image.rows, image=image.place)
            made = replace(boxed(whole), images=(image.place,), hashes={image.place: image.sha256})
            assert FORMS[name].export(made, [image], originals.of(made, [image]))
            taken += 1
    assert taken > 30


def test_a_film_whose_lowest_value_is_white_stays_so(tmp_path: Path) -> None:
    path = film(tmp_path, PhotometricInterpretation="MONOCHROME1")
    assert read("pr", report(), path).PresentationLUTShape == "INVERSE"


def test_a_presentation_state_over_colour_is_refused_in_words(tmp_path: Path) -> None:
    path = film(tmp_path, np.zeros((80, 100, 3), np.uint8), WindowCenter=None, WindowWidth=None)
    with pytest.raises(InputError, match="over grey pictures only"):
        exported("pr", report(), path)
    assert exported("sr", report(), path)


def test_a_presentation_state_without_boxes_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no boxes"):
        exported("pr", report(findings=[statement("Clear.")]), film(tmp_path))


def test_an_encapsulated_pdf_is_the_pdf(tmp_path: Path) -> None:
    made = read("pdf", report(Status.FINAL), film(tmp_path))
    assert made.EncapsulatedDocument[: made.EncapsulatedDocumentLength].startswith(b"%PDF")
    assert made.MIMETypeOfEncapsulatedDocument == "application/pdf"
    assert made.DocumentTitle == "FINAL, not for clinical use: Chest radiograph"
    assert (made.VerificationFlag, made.BurnedInAnnotation) == ("VERIFIED", "YES")
    assert len(made.EncapsulatedDocument) % 2 == 0


@pytest.mark.parametrize("name", FORMS)
def test_a_file_that_says_nothing_of_its_patient_is_taken_all_the_same(name: str, tmp_path: Path) -> None:
    made = read(name, report(), film(tmp_path, PatientName=None, PatientID=None))
    assert made.PatientName == "" and made.PatientID == ""


@pytest.mark.parametrize("name", FORMS)
def test_a_file_without_a_study_is_refused_in_words(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lacks the UIDs"):
        exported(name, report(), film(tmp_path, StudyInstanceUID=None))


@pytest.mark.parametrize("name", ["sr", "pr"])
def test_a_box_that_reaches_past_the_picture_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Box 1 reaches past its picture"):
        exported(name, boxed(Box(1, 1, 101, 20, image="image 1")), film(tmp_path))


@pytest.mark.parametrize("name", FORMS)
def test_pictures_of_two_studies_are_refused(name: str, tmp_path: Path) -> None:
    places = film(tmp_path / "a"), film(tmp_path / "b")
    with pytest.raises(InputError, match="of several studies"):
        exported(name, report(), *places)


def test_a_picture_that_is_no_dicom_file_has_no_header(tmp_path: Path, picture: Any) -> None:
    images = opened(picture())
    made = about(report(), images)
    assert originals.of(made, images) == {}


def test_files_are_known_by_their_hash_whatever_they_are_called_now(tmp_path: Path) -> None:
    first, second = film(tmp_path / "a"), film(tmp_path / "b")
    made = about(report(), opened(first))
    found = originals.matched(made, opened(second, first))
    assert [(image.name, image.sha256) for image in found] == [("image 1", made.hashes["image 1"])]
    assert originals.matched(made, opened(second)) == ()


def test_a_file_is_not_taken_for_a_picture_whose_hash_is_not_known(tmp_path: Path) -> None:
    images = opened(film(tmp_path))
    with pytest.raises(InputError, match="holds no hash of image 1"):
        originals.of(report(hashes={}), images)


def test_headers_hold_no_pixels(tmp_path: Path) -> None:
    images = opened(film(tmp_path))
    (found,) = originals.of(about(report(), images), images)["image 1"]
    assert "PixelData" not in found.header


def test_a_real_archive_takes_all_three_and_gives_them_back(orthanc: Orthanc, tmp_path: Path) -> None:
    server = Server(orthanc.url, user=USER, password=PASSWORD)
    path = film(tmp_path / "film")
    study = pydicom.dcmread(path).StudyInstanceUID
    (tmp_path / "made").mkdir()
    for name in FORMS:
        (tmp_path / "made" / name).write_bytes(exported(name, replace(report(Status.FINAL)), path))
    assert server.push([path, tmp_path / "made"]).stored == 4
    assert server.pull(study, tmp_path / "back") == 4
    back = {each.Modality: each for each in map(pydicom.dcmread, (tmp_path / "back").iterdir())}
    assert set(back) == {"CR", "SR", "PR", "DOC"}
    assert back["DOC"].EncapsulatedDocument.startswith(b"%PDF")
    assert corners(graphics(back["PR"])[0][1]) == pytest.approx(BOXES[0].corners, abs=0.01)
    stream = io.BytesIO()
    back["SR"].save_as(stream)
    assert "Verification Flag   : VERIFIED" in dumped(stream.getvalue(), tmp_path)
