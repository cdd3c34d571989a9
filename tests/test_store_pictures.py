"""Pictures in the store: frames come back without loss, read when they are asked for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from keeping import ME, Stacked, conversation, files, image, keep, same, stacked

from chat_app import imaging, subject
from chat_app.errors import InputError, SetupError
from chat_app.imaging.burned import Masked
from chat_app.imaging.geometry import Grid
from chat_app.records import Box, Conversation, Study
from chat_app.settings import Settings
from chat_app.store import arrays, cases, database, forms, pictures
from chat_app.store.cases import Cases

# Stacks


def test_frames_come_back_without_loss_and_look_the_same(kept: Cases) -> None:
    shown = stacked()
    case = keep(kept, Conversation(Study((shown,))))
    (found,) = kept.bring_back(case, ME)[0].study.images
    assert same(found, shown)
    assert shown.stack and found.stack
    assert same(found.stack.looks, shown.stack.looks)
    assert (found.stack.unit, found.stack.frames) == ("slice", 5)
    for number in range(1, 6):
        assert same(found.stack.frame(number), shown.stack.frame(number))
        assert found.stack.plane(number) == shown.stack.plane(number)
        assert same(found.at(number), shown.at(number))
        under = [each.stack.image("image 1", number, shown.stack.looks[1]) for each in (found, shown)]
        assert same(*under)


def test_a_stack_is_read_frame_by_frame_when_it_is_asked_for(
    kept: Cases, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = keep(kept, Conversation(Study((stacked(30),))))
    asked: list[int] = []
    read = cases.frames.read

    def noted(session: object, case: str, name: str, number: int) -> pictures.KeptFrame:
        asked.append(number)
        return read(session, case, name, number)  # type: ignore[arg-type]

    monkeypatch.setattr(cases.frames, "read", noted)
    (found,) = kept.bring_back(case, ME)[0].study.images
    assert asked == []
    found.at(7)
    assert 7 in asked
    assert len(asked) < 10  # and a few ahead


def test_a_damaged_frame_hides_no_others_and_is_said(kept: Cases) -> None:
    case = kept.case(ME)
    assert kept.keep_image(case, stacked(damaged=4)).startswith("Of image 1 4 of 5 slices are kept: ")
    (found,) = kept.bring_back(case, ME)[0].study.images
    assert found.at(5).frame == 5
    with pytest.raises(InputError, match=r"^This frame is not kept"):
        found.at(4)


def test_a_case_takes_no_more_than_the_settings_say_and_says_what_is_lacking(tmp_path: Path) -> None:
    small = Cases(Settings(data=str(tmp_path / "data"), store_mb=0))
    case = small.case(ME)
    said = small.keep_image(case, stacked())
    assert said == (
        "Of image 1 0 of 5 slices are kept: a case holds at most 0 MB, and no frame that cannot be decoded."
    )
    (found,) = small.bring_back(case, ME)[0].study.images
    assert same(found, stacked())  # what was on show is there all the same
    small.close()


def test_a_picture_masked_later_leaves_nothing_of_what_it_showed_before(where: Settings, kept: Cases) -> None:
    case = keep(kept, Conversation(Study((stacked(),))))
    before = arrays.packed(Stacked().frame(4).values)
    assert before in files(where)
    masked = replace(stacked(3), notes=("Text in the picture was blacked out.",))
    kept.keep_image(case, masked)
    database.clear(kept._engine)
    assert before not in files(where)
    assert [each.frames for each in kept.bring_back(case, ME)[0].study.images] == [3]


def test_a_masked_picture_comes_back_masked_in_every_frame(kept: Cases) -> None:
    shown = stacked()
    assert shown.stack
    masked = Masked(shown.stack, (Box(2, 1, 6, 5, "", "image 1"),)).image("image 1", 3)
    case = keep(kept, Conversation(Study((masked,))))
    (found,) = kept.bring_back(case, ME)[0].study.images
    assert all(same(found.at(number), masked.at(number)) for number in range(1, 6))
    assert found.stack and masked.stack
    assert all(same(found.stack.frame(number), masked.stack.frame(number)) for number in range(1, 6))
    assert kept.keep_image(case, found) == ""


def test_a_picture_that_a_person_has_to_look_at_first_is_not_kept(kept: Cases) -> None:
    case = kept.case(ME)
    with pytest.raises(InputError, match=r"^Image 1 is not kept yet\. A name may be burnt in\.$"):
        kept.keep_image(case, image(caution="A name may be burnt in."))
    assert kept.bring_back(case, ME)[0].study.images == ()


def test_a_picture_that_was_brought_back_can_be_kept_again(
    kept: Cases, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = keep(kept, Conversation(Study((stacked(),))))
    monkeypatch.setattr(pictures, "RUN", "another")
    (found,) = kept.bring_back(case, ME)[0].study.images
    assert kept.keep_image(case, found) == ""
    (again,) = kept.bring_back(case, ME)[0].study.images
    assert all(same(again.at(number), stacked().at(number)) for number in range(1, 6))


def test_a_picture_kept_by_two_at_once_is_kept_once(kept: Cases) -> None:
    case = kept.case(ME)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: kept.keep_image(case, stacked(30)), range(4))) == [""] * 4
    (found,) = kept.bring_back(case, ME)[0].study.images
    assert same(found.at(30), stacked(30).at(30))


def test_frames_that_were_kept_are_not_decoded_again(kept: Cases, monkeypatch: pytest.MonkeyPatch) -> None:
    case = keep(kept, Conversation(Study((stacked(),))))
    monkeypatch.setattr(pictures, "frame", None)
    assert kept.keep_image(case, stacked()) == ""


def test_a_volume_that_came_back_can_be_cut_as_before(kept: Cases, dicom: object, tmp_path: Path) -> None:
    folder = tmp_path / "series"
    folder.mkdir()
    for number in range(4):
        values = (np.arange(30).reshape(5, 6) + 100 * number).astype(np.uint16)
        dicom(  # type: ignore[operator]
            f"series/{number}.dcm",
            values,
            Modality="CT",
            SeriesInstanceUID="1.2.3",
            FrameOfReferenceUID="1.2.4",
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            ImagePositionPatient=[0, 0, 2 * number],
            PixelSpacing=[1, 1],
            RescaleSlope=1,
            RescaleIntercept=-1024,
        )
    (shown,) = imaging.study([folder]).images
    case = keep(kept, Conversation(Study((shown,))))
    (found,) = kept.bring_back(case, ME)[0].study.images
    assert shown.stack and found.stack
    for plane in ("axial", "coronal", "sagittal"):
        one, other = (each.stack.reformat(plane) for each in (shown, found))
        assert one.frames == other.frames
        for number in range(1, one.frames + 1):
            assert same(one.image("image 1", number), other.image("image 1", number))


def test_the_grid_of_a_cut_is_that_of_its_voxels() -> None:
    from chat_app.imaging.volume import Volume, Voxels

    steps = (np.array([0, 0, 2.0]), np.array([0, 1.0, 0]), np.array([-1.0, 0, 0]))
    values = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    volume = Volume(
        lambda: Voxels(values),
        (3, 4, 5),
        Grid(np.array([9.0, 8, 7]), steps),
        looks=lambda _: (),
        sha256=lambda: "",
        described=dict,
    )
    cut = volume.as_stored()
    assert cut.grid
    at_corner = int(cut.frame(1).values[0, 0])
    slice_, row, column = np.unravel_index(at_corner, values.shape)
    corner = np.array([9.0, 8, 7]) + slice_ * steps[0] + row * steps[1] + column * steps[2]
    assert cut.grid.corner.tolist() == corner.tolist()


# Another run


def test_another_run_compares_neither_days_nor_a_lone_patient(
    kept: Cases, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = keep(kept, conversation())
    monkeypatch.setattr(pictures, "RUN", "another")
    for each in kept.bring_back(case, ME)[0].study.images:
        assert (each.origin.patient, each.origin.study, each.origin.day) == ("", "b2", None)


def test_no_frame_of_another_run_s_picture_knows_its_patient(
    kept: Cases, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = replace(stacked(), origin=image().origin)
    case = keep(kept, Conversation(Study((shown,))))
    monkeypatch.setattr(pictures, "RUN", "another")
    (found,) = kept.bring_back(case, ME)[0].study.images
    assert found.at(5).origin == found.origin == replace(shown.origin, patient="", day=None)


def test_pictures_of_two_runs_are_not_told_to_be_of_two_patients(
    kept: Cases, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = keep(kept, Conversation(Study((image(1),))))
    monkeypatch.setattr(pictures, "RUN", "another")
    kept.keep_image(case, replace(image(2), origin=replace(image(2).origin, patient="under another key")))
    found = kept.bring_back(case, ME)[0].study.images
    assert subject.patients(found) == ""
    assert [each.origin.patient for each in found] == ["", "under another key"]


def test_another_run_still_knows_two_patients_from_one(kept: Cases, monkeypatch: pytest.MonkeyPatch) -> None:
    second = image(2)
    second = replace(second, origin=replace(second.origin, patient="z9"))
    case = keep(kept, Conversation(Study((image(1), second))))
    monkeypatch.setattr(pictures, "RUN", "another")
    found = kept.bring_back(case, ME)[0].study.images
    assert [each.origin.patient for each in found] == ["a1", "z9"]


# Bytes


@given(
    arrays_of.arrays(st.sampled_from(sorted(arrays.KINDS)), arrays_of.array_shapes(max_dims=3, max_side=6))
)
def test_any_array_is_packed_without_loss(values: np.ndarray) -> None:
    found = arrays.unpacked(arrays.packed(values))
    assert found.dtype == values.dtype
    assert found.shape == values.shape
    assert found.tobytes() == values.tobytes()


def test_what_is_no_picture_is_not_packed() -> None:
    with pytest.raises(ValueError, match="is not kept"):
        arrays.packed(np.array(["Zqname"]))


def test_damaged_bytes_are_said() -> None:
    with pytest.raises(SetupError, match=r"^What was kept"):
        pictures.array(b'["|u1", 2]\nno')


def test_a_form_says_what_it_cannot_read() -> None:
    with pytest.raises(SetupError, match=r"^What was kept"):
        forms.read(Study, "[")
