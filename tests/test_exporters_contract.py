"""Whatever form a report leaves in: its status, its stamp, no hostile word alive, and no word lost."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pydicom
import pypdf
import pytest
from docx import Document
from drafts import HOSTILE, about, film, hostile, opened, picture, report

from chat_app import exporters
from chat_app.errors import InputError
from chat_app.exporters.parts import originals
from chat_app.exporters.parts.originals import Originals
from chat_app.records import Image, Report, Status

FORMS = exporters.known()
PLAIN = [ending for ending, form in FORMS.items() if not form.BESIDE]
BESIDE = [ending for ending, form in FORMS.items() if form.BESIDE]
# RadFact's own form has nothing but sentences and boxes, and a presentation state only what is drawn.
WORDLESS = (".radfact.json", ".pr.dcm")

Case = tuple[tuple[Image, ...], Originals]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """One radiograph with its header."""
    images = opened(film(tmp_path_factory.mktemp("film")))
    return images, originals.of(about(report(), images), images)


def exported(ending: str, made: Report, case: Case) -> bytes:
    images, headers = case
    named = about(made, images)
    return FORMS[ending].export(named, images, headers if FORMS[ending].BESIDE else {})


def words(ending: str, data: bytes) -> str:
    """All that a reader of that form can read."""
    if ending == ".pdf":
        return " ".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages)
    if ending == ".docx":
        written = Document(io.BytesIO(data))
        edges = [written.sections[0].header, written.sections[0].footer]
        return " ".join(part.text for each in (written, *edges) for part in each.paragraphs)
    if ending == ".pdf.dcm":
        return words(".pdf", pydicom.dcmread(io.BytesIO(data)).EncapsulatedDocument)
    if ending.endswith(".dcm"):
        values = [element.value for element in pydicom.dcmread(io.BytesIO(data)).iterall()]
        return " ".join(value for value in values if isinstance(value, str))
    return data.decode()


def test_the_forms_are_those_of_the_folder() -> None:
    folder = Path(exporters.__file__).parent
    assert len(FORMS) == len([path for path in folder.glob("*.py") if path.stem != "__init__"])
    assert set(PLAIN) == {".md", ".json", ".docx", ".pdf", ".fhir.json", ".radfact.json"}
    assert set(BESIDE) == {".sr.dcm", ".pr.dcm", ".pdf.dcm"}


@pytest.mark.parametrize("ending", FORMS)
@pytest.mark.parametrize("status", Status)
def test_every_form_takes_a_report_of_every_status(ending: str, status: Status, case: Case) -> None:
    if ending in BESIDE and status is Status.ERROR:
        with pytest.raises(InputError, match="entered in error"):
            exported(ending, report(status), case)
        return
    data = exported(ending, report(status), case)
    assert isinstance(data, bytes) and data
    if ending not in WORDLESS:
        assert status.upper() in words(ending, data)


@pytest.mark.parametrize("ending", FORMS)
@pytest.mark.parametrize("text", HOSTILE.values(), ids=list(HOSTILE))
def test_every_form_takes_hostile_words(ending: str, text: str, case: Case) -> None:
    data = exported(ending, hostile(text), case)
    assert data
    assert words(ending, data) is not None


@pytest.mark.parametrize("ending", [ending for ending in FORMS if ending != ".radfact.json"])
def test_every_form_says_how_to_make_it_again(ending: str, case: Case) -> None:
    said = " ".join(words(ending, exported(ending, report(), case)).split())
    for part in ("nano", "breast", "ab12" * 16, case[0][0].sha256, "0123456789ab", "nf4", "0.3.0"):
        assert part in said


@pytest.mark.parametrize("ending", [ending for ending in FORMS if ending not in WORDLESS])
def test_what_was_rejected_is_said_nowhere_but_in_the_json(ending: str, case: Case) -> None:
    said = words(ending, exported(ending, report(Status.FINAL), case))
    assert ("clavicle" in said) is (ending == ".json")
    assert "Opacity in the right lower zone" in " ".join(said.split())


@pytest.mark.parametrize("ending", BESIDE)
def test_a_form_that_goes_back_beside_the_pictures_wants_their_files(ending: str, case: Case) -> None:
    with pytest.raises(InputError, match="needs them: give those of image 1"):
        FORMS[ending].export(about(report(), case[0]), case[0])


@pytest.mark.parametrize("ending", [".docx", ".pdf", ".fhir.json", ".radfact.json", ".pdf.dcm"])
def test_another_picture_under_its_name_is_refused(ending: str, case: Case) -> None:
    images, headers = case
    with pytest.raises(InputError, match="not the picture this report was made from"):
        FORMS[ending].export(about(report(), images), [picture()], headers)


@pytest.mark.parametrize("ending", [".fhir.json", ".sr.dcm", ".pdf.dcm"])
@pytest.mark.parametrize("status", [Status.FINAL, Status.AMENDED])
def test_nothing_is_final_without_a_name(ending: str, status: Status, case: Case) -> None:
    with pytest.raises(InputError, match="sign it first"):
        exported(ending, replace(report(status), signatures=()), case)


@pytest.mark.parametrize("ending", PLAIN)
def test_no_form_repeats_whose_picture_it_is_unless_it_goes_home(ending: str, case: Case) -> None:
    data = exported(ending, report(), case)
    assert b"Doe" not in data and b"4711" not in data


@pytest.mark.parametrize(
    ("name", "ending"),
    [("a.md", ".md"), ("A.FHIR.JSON", ".fhir.json"), ("x.y.json", ".json"), ("r.sr.dcm", ".sr.dcm")],
)
def test_the_longest_ending_names_the_form(name: str, ending: str) -> None:
    assert exporters.ending(Path(name)) is FORMS[ending]


def test_an_ending_that_is_not_known_is_answered_with_those_that_are() -> None:
    with pytest.raises(InputError, match=r"must end in \.docx, \.fhir\.json.* or \.sr\.dcm"):
        exporters.ending(Path("report.doc"))


def test_listing_the_forms_loads_none_of_their_libraries() -> None:
    code = "import sys; from chat_app import exporters; exporters.known(); print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"reportlab", "docx", "fhir", "highdicom", "pydicom", "PIL"} & set(result.stdout.split())
