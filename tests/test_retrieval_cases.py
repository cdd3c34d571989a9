"""A case library holds what its folder holds, finds what looks alike, and is its owner's alone."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from dicoms import dicom
from PIL import Image as Pillow
from pydicom.dataset import Dataset
from pydicom.uid import EncapsulatedPDFStorage, EnhancedSRStorage, MRImageStorage, generate_uid

from chat_app import imaging
from chat_app.assistant import Assistant
from chat_app.cli import main
from chat_app.errors import InputError, SetupError
from chat_app.imaging import words
from chat_app.models.scripted import Scripted
from chat_app.records import Image, Tower
from chat_app.retrieval import cases
from chat_app.retrieval.cases import documents, vectors
from chat_app.retrieval.cases import library as libraries
from chat_app.retrieval.cases.index import Indexed, index
from chat_app.retrieval.cases.kinds import may_be_alike
from chat_app.retrieval.cases.search import usual
from chat_app.settings import Settings

if TYPE_CHECKING:
    from chat_app.records import Vectors

ROOT = Path(__file__).parent.parent
ANN, BOB = "ann", "bob"
INDEXES = """
import sys
from pathlib import Path
import numpy as np
from chat_app.records import Tower
from chat_app.retrieval.cases.index import index
from chat_app.settings import Settings
tower = Tower("one", lambda images: np.ones((len(images), 1), np.float32))
print("ready", flush=True)
index(Path(sys.argv[1]), "heads", Settings(data=sys.argv[2]), "ann", tower)
"""


def greys(images: Sequence[Image]) -> Vectors:
    """What a very small tower sees: the picture in 8 x 8 greys."""
    small = [Pillow.fromarray(each.pixels).convert("L").resize((8, 8)) for each in images]
    return np.stack([np.asarray(each, np.float32).ravel() - 127 for each in small])


TOWER = Tower("greys", greys, floor=0.9)


def disc(row: int, column: int) -> np.ndarray[Any, Any]:
    """A bright disc on a dark ground, 300 pixels high, 400 wide."""
    rows, columns = np.ogrid[:300, :400]
    inside = (rows - row) ** 2 + (columns - column) ** 2 < 60**2
    return np.where(inside, 1000, 20).astype(np.uint16)


def head(row: int, column: int, **tags: Any) -> bytes:
    stated = {"SOPClassUID": MRImageStorage, "Modality": "MR", "BodyPartExamined": "BRAIN", **tags}
    name = {"PatientName": "Zirkonius^Ann", "PatientID": "ZK4711", "SOPInstanceUID": generate_uid()}
    return dicom(disc(row, column), **{**name, "SeriesInstanceUID": generate_uid(), **stated})


@pytest.fixture
def kept(tmp_path: Path) -> Settings:
    return Settings(data=str(tmp_path / "kept"))


@pytest.fixture
def heads(tmp_path: Path) -> Path:
    """Three pictures of heads, a disc each in another corner, with a report beside it."""
    folder = tmp_path / "heads"
    folder.mkdir()
    for name, row, column, report in (
        ("zirkonius-left", 80, 80, "Patient name: Ann Zirkonius. Seen on 3 March 2021. A mass at left."),
        ("right", 80, 320, "A mass at right."),
        ("low", 230, 200, "A low mass."),
    ):
        (folder / f"{name}.dcm").write_bytes(head(row, column))
        (folder / f"{name}.txt").write_text(report)
    return folder


@pytest.fixture
def picture(tmp_path: Path) -> Image:
    """A head much like the first, but another file."""
    path = tmp_path / "asked.dcm"
    path.write_bytes(head(84, 78))
    return imaging.read(path, name="image 1")


def found(picture: Image, settings: Settings, owner: str = ANN, tower: Tower = TOWER) -> list[str]:
    return [each.report for each in cases.similar(picture, tower, settings, owner, ["heads"])]


def filled(folder: Path, settings: Settings, *, looked: bool = False) -> Indexed:
    return index(folder, "heads", settings, ANN, TOWER, looked=looked)


def counts(done: Indexed) -> tuple[int, int, int, int]:
    return done.added, done.unchanged, done.removed, len(done.refused)


def bytes_of(settings: Settings) -> bytes:
    return b"".join(path.read_bytes() for path in settings.folder.rglob("*") if path.is_file())


def reports(settings: Settings) -> set[str]:
    return {case.report for case in libraries.existing(settings, ANN, "heads").cases().values()}


# What is found


def test_a_picture_finds_the_case_that_looks_like_it(heads: Path, kept: Settings, picture: Image) -> None:
    filled(heads, kept)
    (first,) = cases.similar(picture, TOWER, kept, ANN, ["heads"])
    assert first.report.endswith("A mass at left.")
    assert first.label == f"case {first.number} of heads, MR, BRAIN"
    assert 0.9 <= first.score < 1
    thumbnail = Pillow.open(io.BytesIO(first.thumbnail))
    assert thumbnail.size == (256, 192) and not thumbnail.info


def test_nothing_that_names_anybody_is_kept(heads: Path, kept: Settings) -> None:
    filled(heads, kept)
    held = bytes_of(kept)
    for name in (b"irkonius", b"ZK4711", b"3 March", str(heads).encode(), b"right.dcm"):
        assert name not in held
    assert not [path for path in kept.folder.rglob("*") if "zirkonius" in path.name or ANN in path.name]


def test_only_the_owner_s_account_can_read_what_is_kept(heads: Path, kept: Settings) -> None:
    filled(heads, kept)
    kinds = [path for path in kept.folder.rglob("*") if not path.name.startswith(".")]
    assert len(kinds) > 5
    assert not [path for path in kinds if path.stat().st_mode & 0o077]


def test_nobody_finds_anything_in_another_s_library(heads: Path, kept: Settings, picture: Image) -> None:
    filled(heads, kept)
    assert cases.libraries(kept, ANN) == ("heads",)
    assert cases.libraries(kept, BOB) == ()
    for owner in (BOB, "", f"../{ANN}", ANN.upper()):
        with pytest.raises(InputError, match="no library of that name"):
            found(picture, kept, owner)
        with pytest.raises(InputError, match="no library of that name"):
            libraries.delete(kept, owner, "heads")
    for name in ("../heads", f"{libraries._place(kept, ANN).name}/heads", "."):
        with pytest.raises(InputError, match="no library of that name"):
            cases.similar(picture, TOWER, kept, BOB, [name])
    index(heads, "heads", kept, BOB, TOWER)
    libraries.delete(kept, BOB, "heads")
    assert found(picture, kept)


def test_the_very_picture_is_not_its_own_similar_case(heads: Path, kept: Settings) -> None:
    filled(heads, kept)
    same = imaging.read(heads / "zirkonius-left.dcm", name="image 1")
    assert found(same, kept) == []


def test_what_looks_like_no_case_finds_none(heads: Path, kept: Settings, tmp_path: Path) -> None:
    filled(heads, kept)
    (tmp_path / "other.dcm").write_bytes(head(230, 40))
    assert found(imaging.read(tmp_path / "other.dcm", name="image 1"), kept) == []


@pytest.mark.parametrize(
    "tags",
    [{"Modality": "CT"}, {"BodyPartExamined": "KNEE"}],
    ids=["another modality", "another part of the body"],
)
def test_a_case_stated_to_be_of_another_kind_is_left_out(
    tags: dict[str, str], heads: Path, kept: Settings, tmp_path: Path
) -> None:
    filled(heads, kept)
    (tmp_path / "asked.dcm").write_bytes(head(84, 78, **tags))
    assert found(imaging.read(tmp_path / "asked.dcm", name="image 1"), kept) == []


@pytest.mark.parametrize(
    ("one", "other", "may"),
    [
        (("CR", "CHEST"), ("X-ray", "chest"), True),
        (("DX", "LUNG"), ("CR", "CHEST"), True),
        (("MR", "HEAD"), ("MRI", "brain"), True),
        (("", ""), ("MR", "KNEE"), True),
        (("OT", "CHEST"), ("CR", ""), True),
        (("CR", "CHEST"), ("CR", "HAND"), False),
        (("CT", "CHEST"), ("CR", "CHEST"), False),
        (("MR", "KNEE"), ("MR", "KNEE"), True),
    ],
)
def test_kinds_are_told_apart_by_what_is_stated(
    one: tuple[str, str], other: tuple[str, str], may: bool
) -> None:
    assert may_be_alike(one, other) is may and may_be_alike(other, one) is may


def test_only_the_nearest_are_given_best_first(kept: Settings, tmp_path: Path, picture: Image) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for step in range(6):
        (folder / f"{step}.dcm").write_bytes(head(80 + 4 * step, 80))
    filled(folder, kept)
    given = cases.similar(picture, TOWER, kept, ANN, ["heads"], most=3)
    assert len(given) == 3
    assert [each.score for each in given] == sorted((each.score for each in given), reverse=True)


def test_a_tower_without_a_measured_floor_goes_by_how_near_cases_usually_are() -> None:
    close = vectors.unit(np.array([[1, 0.0], [1, 0.1], [1, 0.2]], np.float32))
    assert usual(close) > 0.99
    assert usual(close[:1]) == -1


# Towers


def test_vectors_of_two_towers_are_never_mixed(heads: Path, kept: Settings, picture: Image) -> None:
    filled(heads, kept)
    seen: list[int] = []

    def other(images: Sequence[Image]) -> Vectors:
        seen.append(len(images))
        return np.hstack([greys(images), greys(images)])

    for _ in range(2):
        assert len(found(picture, kept, tower=Tower("other", other, floor=0.9))) == 1
    assert seen == [1, 3, 1], "the cases are looked at once, then only the picture asked about"
    assert len(found(picture, kept)) == 1


def test_a_case_deleted_while_a_tower_looks_leaves_no_vector(
    heads: Path, kept: Settings, picture: Image
) -> None:
    filled(heads, kept)

    def slow(images: Sequence[Image]) -> Vectors:
        if len(images) == 3:
            libraries.delete_case(kept, ANN, "heads", 1)
        return greys(images)

    tower = Tower("slow", slow, floor=0.9)
    assert len(found(picture, kept, tower=tower)) == 1
    library = libraries.existing(kept, ANN, "heads")
    assert len(library.cases()) == 2
    assert set(library.vectors(vectors._named(tower))) == set(library.cases())


def test_a_model_elsewhere_compares_no_pictures(settings: Settings, scripted: Scripted) -> None:
    with pytest.raises(SetupError, match="does not compare pictures"):
        _ = Assistant(settings, scripted).tower


def test_nano_s_vectors_have_length_one_and_find_a_picture_again(
    settings: Settings, heads: Path, kept: Settings, tmp_path: Path
) -> None:
    tower = Assistant(settings).tower
    index(heads, "heads", kept, ANN, tower)
    brighter = tmp_path / "brighter.dcm"
    brighter.write_bytes(head(230, 200, WindowCenter="480", WindowWidth="1000"))
    asked = imaging.read(brighter, name="image 1")
    rows = tower.look([vectors.small(asked)])
    assert rows.shape == (1, 472) and rows.dtype == np.float32
    assert np.linalg.norm(rows) == pytest.approx(1, abs=1e-5)
    assert found(asked, kept, tower=tower)[0] == "A low mass."


# What is kept


def test_an_unchanged_case_is_not_kept_again(heads: Path, kept: Settings) -> None:
    assert counts(filled(heads, kept)) == (3, 0, 0, 0)
    before = {path: path.stat().st_mtime_ns for path in kept.folder.rglob("*.case")}
    assert counts(filled(heads, kept)) == (0, 3, 0, 0)
    assert {path: path.stat().st_mtime_ns for path in kept.folder.rglob("*.case")} == before


def test_a_case_keeps_its_number_when_its_report_changes(heads: Path, kept: Settings) -> None:
    filled(heads, kept)
    numbers = {case.report: case.number for case in libraries.existing(kept, ANN, "heads").cases().values()}
    (heads / "low.txt").write_text("A cyst of hafnium.")
    (heads / "new.dcm").write_bytes(head(150, 200))
    assert counts(filled(heads, kept)) == (2, 2, 0, 0)
    after = {case.report: case.number for case in libraries.existing(kept, ANN, "heads").cases().values()}
    assert after["A cyst of hafnium."] == numbers["A low mass."]
    assert sorted(after.values()) == [1, 2, 3, 4]
    assert b"A low mass" not in bytes_of(kept)


def test_a_case_that_is_gone_leaves_no_byte_and_no_vector(heads: Path, kept: Settings) -> None:
    filled(heads, kept)
    (heads / "low.dcm").unlink()
    assert filled(heads, kept).removed == 1
    assert b"A low mass" not in bytes_of(kept)
    library = libraries.existing(kept, ANN, "heads")
    assert set(library.vectors(vectors._named(TOWER))) == set(library.cases()) and len(library.cases()) == 2


def test_a_deleted_case_or_library_is_gone(heads: Path, kept: Settings) -> None:
    filled(heads, kept)
    (number,) = (
        case.number
        for case in libraries.existing(kept, ANN, "heads").cases().values()
        if case.report == "A low mass."
    )
    libraries.delete_case(kept, ANN, "heads", number)
    assert reports(kept) and "A low mass." not in reports(kept)
    assert b"A low mass" not in bytes_of(kept)
    with pytest.raises(InputError, match="no case of that number"):
        libraries.delete_case(kept, ANN, "heads", number)
    libraries.delete(kept, ANN, "heads")
    assert cases.libraries(kept, ANN) == () and b"mass" not in bytes_of(kept)


def test_two_runs_at_once_are_refused(heads: Path, kept: Settings) -> None:
    filled(heads, kept)
    with libraries.changing(kept, ANN), pytest.raises(InputError, match="at this moment"):
        filled(heads, kept)


def test_a_killed_run_leaves_whole_cases_and_the_next_completes_it(tmp_path: Path, kept: Settings) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(40):
        (folder / f"{number}.dcm").write_bytes(head(60 + 4 * number, 100))
        (folder / f"{number}.txt").write_text(f"Mass {number}.")
    command = [sys.executable, "-c", INDEXES, str(folder), kept.data]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout and process.stdout.readline().strip() == "ready"
        while process.poll() is None and len(list(kept.folder.rglob("*.case"))) < 5:
            time.sleep(0.001)
        assert process.poll() is None, "it was over before it could be killed"
        process.kill()
    half = libraries.existing(kept, ANN, "heads")
    keys = list(half.cases())
    assert 5 <= len(keys) < 40
    assert all(Pillow.open(io.BytesIO(half.thumbnail(key))).size == (256, 192) for key in keys)
    done = filled(folder, kept)
    assert (done.cases, done.unchanged) == (40, len(keys))


@pytest.mark.parametrize("name", ["", "Heads", "../heads", "a b", "a" * 41])
def test_a_name_that_is_none_is_refused(name: str, heads: Path, kept: Settings) -> None:
    with pytest.raises(InputError, match="name of a library"):
        index(heads, name, kept, ANN, TOWER)


# What is read


def test_a_picture_that_may_show_a_name_waits_until_a_person_has_looked(
    heads: Path, kept: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "available", lambda: False)
    (heads / "us.dcm").write_bytes(head(80, 80, Modality="US"))
    done = filled(heads, kept)
    assert (done.cases, len(done.refused)) == (3, 1)
    assert done.refused[0].startswith("us.dcm: Ultrasound pictures often have a name burnt into them")
    assert filled(heads, kept, looked=True).cases == 4


def test_what_is_no_picture_is_said_and_the_rest_goes_on(heads: Path, kept: Settings) -> None:
    (heads / "notes.pdf").write_bytes(b"%PDF-1.7")
    (heads / "broken.dcm").write_bytes((heads / "low.dcm").read_bytes()[:400])
    (heads / "low.txt").write_bytes(b"\x00\x01\x02")
    done = filled(heads, kept)
    assert done.cases == 3
    assert {each.partition(":")[0] for each in done.refused} >= {"notes.pdf", "low.txt"}
    assert any("broken" in each or "heads" in each for each in done.refused)


def test_the_labels_of_a_set_stand_for_reports_and_say_so(
    tmp_path: Path, kept: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "available", lambda: False)
    folder = tmp_path / "set"
    folder.mkdir()
    rows = [
        {"id": "1", "image": "1.png", "split": "train", "labels": ["glioma"], "modality": "MRI"},
        {"id": "2", "image": "2.png", "split": "train", "labels": ["cyst"], "report": "A simple cyst."},
        {"id": "3", "image": "3.png", "split": "train", "labels": ["cyst"]},
    ]
    (folder / "records.jsonl").write_text("\n".join(map(json.dumps, rows)))
    for number in (1, 2):
        Pillow.fromarray((disc(60 * number, 100) // 4).astype(np.uint8)).save(folder / f"{number}.png")
    done = filled(folder, kept)
    assert reports(kept) == {"Labels, not a report: glioma.", "A simple cyst."}
    assert len(done.refused) == 1 and done.refused[0].startswith("3.png: There is no such file")


def test_a_report_of_the_study_serves_all_its_pictures(tmp_path: Path, kept: Settings) -> None:
    study = tmp_path / "export" / "study"
    (study / "series").mkdir(parents=True)
    for number in range(3):
        tags = {"SeriesInstanceUID": "1.2.3", "InstanceNumber": number + 1, "StudyInstanceUID": "1.2"}
        (study / "series" / f"IM{number}").write_bytes(head(80, 80, **tags))
    (study / "report.txt").write_text("One mass in three slices.")
    done = filled(tmp_path / "export", kept)
    assert done.cases == 1
    assert reports(kept) == {"One mass in three slices."}


def structured(study: str, text: str) -> bytes:
    heading, said, code = Dataset(), Dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "121071", "DCM", "Finding"
    said.ValueType, said.ConceptNameCodeSequence, said.TextValue = "TEXT", [code], text
    heading.ValueType, heading.ContentSequence = "CONTAINER", [said]
    tags = {"StudyInstanceUID": study, "ContentSequence": [heading], "PixelData": None}
    return dicom(SOPClassUID=EnhancedSRStorage, Modality="SR", **tags)


def packed(study: str, text: str) -> bytes:
    from reportlab.pdfgen.canvas import Canvas

    stream = io.BytesIO()
    page = Canvas(stream)
    page.drawString(72, 720, text)
    page.save()
    data = stream.getvalue() + b" " * (len(stream.getvalue()) % 2)
    tags = {"StudyInstanceUID": study, "EncapsulatedDocument": data, "PixelData": None}
    return dicom(SOPClassUID=EncapsulatedPDFStorage, Modality="DOC", **tags)


def test_reports_in_dicom_files_belong_to_their_study(tmp_path: Path, kept: Settings) -> None:
    for study, column in (("1.1", 80), ("1.2", 320)):
        folder = tmp_path / "export" / study / "images"
        folder.mkdir(parents=True)
        (folder / "IM1").write_bytes(head(80, column, StudyInstanceUID=study))
        (tmp_path / "export" / study / "reports").mkdir()
    (tmp_path / "export" / "1.1" / "reports" / "SR1").write_bytes(structured("1.1", "A cyst."))
    (tmp_path / "export" / "1.2" / "reports" / "DOC1").write_bytes(packed("1.2", "No cyst is seen."))
    (tmp_path / "export" / "SR2").write_bytes(structured("", "Nobody's."))
    done = filled(tmp_path / "export", kept)
    assert done.refused == (f"SR2: {documents.NOWHERE}",)
    assert reports(kept) == {"Finding: A cyst.", "No cyst is seen."}


# The command line


def test_the_command_line_keeps_lists_finds_and_deletes(
    heads: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIGHTBOX_DATA", str(tmp_path / "kept"))
    (heads / "notes.pdf").write_bytes(b"%PDF-1.7")
    asked = tmp_path / "asked.dcm"
    asked.write_bytes(head(84, 78))
    assert main(["similar", str(asked)]) == 2
    assert "No library is named" in capsys.readouterr().err
    assert main(["library", str(heads), "--name", "heads"]) == 0
    said = capsys.readouterr()
    assert "3 cases: 3 read, 0 unchanged, 0 removed, 1 refused." in said.out
    assert "notes.pdf: This is a PDF document" in said.err
    assert main(["library"]) == 0
    assert capsys.readouterr().out.split() == ["heads", "3", "cases"]
    assert main(["similar", str(asked), "--library", "heads", "--most", "1"]) == 0
    assert capsys.readouterr().out.startswith("[1] case ")
    assert main(["library", "--name", "heads", "--delete-case", "1"]) == 0
    assert main(["library", "--name", "heads", "--delete"]) == 0
    assert main(["similar", str(asked), "--library", "heads"]) == 2
    assert "You have no library of that name" in capsys.readouterr().err
