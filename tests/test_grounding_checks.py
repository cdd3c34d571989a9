"""What the checks find in drafts: seeded faults, clean drafts, and one contract for every check."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from clean_drafts import Draft, clean, draft, found, picture, seen, with_section
from faults import Fault, adds, faults, rejected, says, states, uncalibrated

from benchmarks import checks as bench
from chat_app.grounding import checks, vocabulary
from chat_app.grounding.checks import Circumstances, contradiction, has_prior, impression, known, run
from chat_app.grounding.reading import reading
from chat_app.records import Box, Origin, Plane, Remark, Source, Statement

SEEDED, SOUND = faults(), clean()
FILES = sorted(path.stem for path in Path(checks.__file__).parent.glob("*.py") if path.stem != "__init__")
FILM = next(each for each in SOUND if each.name == "normal film")
EFFUSION = next(each for each in SOUND if each.name == "left effusion")
NODULE = next(each for each in SOUND if each.name == "chest nodule")


def remarks(made: Draft) -> list[Remark]:
    return list(run(made.report, made.about))


def names(made: Draft) -> set[str]:
    return {remark.check for remark in remarks(made)}


def share(rows: list[Fault]) -> float:
    return sum(map(bench.is_caught, rows)) / len(rows)


def test_there_are_as_many_drafts_as_is_said() -> None:
    assert len(SEEDED) >= 80 and len(SOUND) >= 20
    assert len([each for each in SEEDED if each.held_out]) >= len(SEEDED) / 3
    assert len([each for each in SOUND if each.held_out]) >= len(SOUND) / 3
    assert {fault.check for fault in SEEDED} == set(FILES)


def test_faults_are_caught_by_the_right_check() -> None:
    assert share(SEEDED) >= 0.95, "\n".join(bench.failures(SEEDED, []))


def test_faults_kept_apart_are_caught_as_well() -> None:
    held_out = [each for each in SEEDED if each.held_out]
    assert share(held_out) >= 0.95, "\n".join(bench.failures(held_out, []))


def test_clean_drafts_are_left_alone() -> None:
    alarms = [each.name for each in SOUND if bench.alarms(each)]
    assert len(alarms) / len(SOUND) < 0.05, "\n".join(bench.failures([], SOUND))


def test_a_fault_that_is_missed_is_shown() -> None:
    missed = Fault("1: sides, normal film", "sides", FILM)
    shown = list(bench.failures([missed], []))
    assert shown == ["missed 1: sides, normal film; remarked on: nothing"]
    assert not bench.is_caught(missed)


@pytest.mark.parametrize("name", FILES)
def test_a_check_says_in_one_line_what_it_looks_for(name: str) -> None:
    assert known()[name].endswith(".") and len(known()[name]) < 110
    assert name == import_module(f"chat_app.grounding.checks.{name}").NAME


@pytest.mark.parametrize("name", FILES)
def test_a_remark_is_one_sentence_at_a_place_of_the_report(name: str) -> None:
    for fault in (each for each in SEEDED if each.check == name):
        report = fault.draft.report
        for remark in (each for each in run(report, fault.draft.about) if each.check == name):
            assert remark.words[0].isupper() and remark.words.endswith(".") and len(remark.words) < 140
            section = report.section(remark.section)
            assert section is None or remark.statement < len(section.statements)


@pytest.mark.parametrize("name", FILES)
def test_a_check_finds_nothing_in_nothing(name: str) -> None:
    module = import_module(f"chat_app.grounding.checks.{name}")
    empty = replace(FILM.report, sections=())
    assert list(module.check(reading(empty), Circumstances())) == []


@pytest.mark.parametrize("name", FILES)
def test_a_check_looks_past_what_was_rejected(name: str) -> None:
    made = rejected("impression")(rejected("findings")(adds("findings", "Large left pneumothorax.")(FILM)))
    assert names(made) <= {"required"}


def test_a_remark_counts_statements_from_the_start_of_its_section() -> None:
    made = says("findings", "The heart is normal.", "Large right pneumothorax.")(FILM)
    made = says("impression", "Right pneumothorax.")(made)
    (remark,) = [each for each in remarks(made) if each.critical]
    assert (remark.section, remark.statement) == ("findings", 1)
    assert remark.words == "Possible critical finding, pneumothorax: verify now."


def test_what_is_critical_comes_first() -> None:
    made = adds("findings", "There is a pneumothorax.", "Unchanged.")(FILM)
    assert [each.critical for each in remarks(made)] == sorted(
        (each.critical for each in remarks(made)), reverse=True
    )


def test_a_comparison_is_fine_where_an_earlier_picture_is_loaded() -> None:
    made = says("impression", "The left pleural effusion has increased.")(EFFUSION)
    assert names(made) == {"comparison"}
    assert names(replace(made, about=replace(made.about, has_prior=True))) == set()


def test_a_person_may_compare_with_what_is_not_loaded() -> None:
    told = Statement("The effusion is unchanged.", Source.TOLD, "written by you")
    section = replace(found(EFFUSION, "impression"), statements=(told,))
    assert names(with_section(EFFUSION, section)) == set()


@pytest.mark.parametrize(
    ("days", "patients", "expected"),
    [
        ((0, 3), ("a", "a"), True),
        ((0, 0), ("a", "a"), False),
        ((0, 3), ("a", "b"), False),
        ((0, None), ("a", "a"), False),
        ((0, 3), ("", ""), False),
    ],
    ids=["two days", "one day", "two patients", "no date", "no patient"],
)
def test_an_earlier_picture_is_of_the_same_patient_and_another_day(
    days: tuple[int | None, int | None], patients: tuple[str, str], expected: bool
) -> None:
    origins = [Origin(patient=who, day=day) for who, day in zip(patients, days, strict=True)]
    images = [replace(picture("film", f"image {n}"), origin=origin) for n, origin in enumerate(origins, 1)]
    assert has_prior(images) is expected


def test_a_length_that_a_person_gave_needs_no_spacing() -> None:
    told = Statement("A 6 mm nodule in the right upper lobe.", Source.TOLD, "told by you")
    made = with_section(NODULE, replace(found(NODULE, "findings"), statements=(told,)))
    made = says("impression", "Solitary nodule in the right upper lobe.")(made)
    assert names(uncalibrated(made)) == set()


def test_a_length_is_measured_in_the_picture_of_its_boxes() -> None:
    flat = replace(picture("chest", "image 2"), plane=Plane())
    about = replace(NODULE.about, pictures=(*NODULE.about.pictures, flat))
    boxed = replace(seen("A 6 mm nodule."), boxes=(Box(0, 0, 5, 5, image="image 2"),))
    made = with_section(replace(NODULE, about=about), replace(found(NODULE, "findings"), statements=(boxed,)))
    assert "measurement" in names(made)
    assert "measurement" not in names(replace(NODULE, about=about))


@pytest.mark.parametrize(
    ("findings", "impression"),
    [
        ("Left pleural effusion. Right pleural effusion.", "Bilateral effusions."),
        ("A nodule in the left lung. A nodule in the right lung.", "Nodule in the right lung."),
        ("No large effusion. Small left effusion.", "Small left effusion."),
        ("No acute fracture. Old fracture of the left clavicle.", "Old left clavicle fracture."),
        ("No effusion on the right. Left effusion.", "Left effusion."),
        ("Consolidation at the right base.", "Right basal pneumonia; CT is recommended if it persists."),
        ("Cardiomegaly and effusions.", "Heart failure."),
        ("The effusion may represent empyema. No pneumothorax.", "Effusion."),
        ("No new consolidation. Atelectasis at the left base.", "Left basal atelectasis."),
    ],
)
def test_what_only_looks_wrong_is_left_alone(findings: str, impression: str) -> None:
    made = draft("here", "film", tuple(findings.split(". ")), (impression,))
    assert names(made) <= {"comparison"}


@pytest.mark.parametrize(
    ("kind", "sentence", "check"),
    [
        ("film", "Comparison with the left side shows no difference.", ""),
        ("chest", "Follow-up CT or MRI is recommended.", ""),
        ("film", "CT is recommended for the opacity.", ""),
        ("head", "MRI may show more.", ""),
        ("brain", "T2 hyperintense rim.", ""),
        ("chest", "T2-weighted images show nothing.", "modality"),
        ("film", "Degenerative changes of T12.", ""),
    ],
)
def test_advice_and_vertebrae_are_no_other_modality(kind: str, sentence: str, check: str) -> None:
    made = draft("here", kind, (sentence,), ("Nothing else.",))
    assert names(made) == ({check} if check else set())


def test_checks_name_findings_that_are_known() -> None:
    findings = vocabulary.known().findings
    assert {*impression.SIGNS, *(sign for signs in impression.SIGNS.values() for sign in signs)} <= set(
        findings
    )
    assert set(contradiction.EXPECTED) <= set(findings)


def test_the_sex_that_files_do_not_agree_on_is_not_known() -> None:
    made = adds("findings", "The uterus is normal.")(FILM)
    assert "sex" in names(states(PatientSex="M")(made))
    assert "sex" not in names(states(PatientSex="O")(made))
    assert "sex" not in names(made)


def test_a_remark_has_the_same_key_after_an_edit_elsewhere() -> None:
    before = adds("findings", "There is a pneumothorax.")(EFFUSION)
    after = says("impression", "Something else.")(before)
    key = "critical: Possible critical finding, pneumothorax: verify now."
    assert key in {each.key for each in remarks(before)} & {each.key for each in remarks(after)}


@pytest.mark.parametrize(
    ("letters", "x", "sides"),
    [
        (("R", "L", "H", "F"), (10, 60), True),
        (("R", "L", "H", "F"), (130, 190), False),
        (("L", "R", "H", "F"), (130, 190), True),
        (("R", "L", "H", "F"), (60, 140), False),
        (("A", "P", "H", "F"), (10, 60), False),
        (None, (10, 60), False),
    ],
    ids=["wrong half", "right half", "mirrored", "across the middle", "lateral", "file says nothing"],
)
def test_a_box_on_the_other_side_is_remarked_on(
    letters: tuple[str, str, str, str] | None, x: tuple[int, int], sides: bool
) -> None:
    image = replace(picture("film"), plane=Plane(letters=letters))
    boxed = replace(seen("Left pleural effusion."), boxes=(Box(x[0], 20, x[1], 60, image="image 1"),))
    about = replace(EFFUSION.about, pictures=(image,))
    section = replace(found(EFFUSION, "findings"), statements=(boxed,))
    assert ("sides" in names(with_section(replace(EFFUSION, about=about), section))) is sides
