"""Assessment categories at their boundaries: each row says what the system's document has at that place."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_app import prompts
from chat_app.errors import InputError, SetupError
from chat_app.records import Category
from chat_app.reports import categories
from chat_app.reports.categories import bi_rads, fleischner, li_rads, lung_rads, pi_rads, ti_rads
from chat_app.templates import FLAGS, TYPES, Field, Scope, Template

SYSTEMS = categories.known()
DOCUMENT = (Path(__file__).parent.parent / "docs" / "categories.md").read_text(encoding="utf-8")
UNITS = {"mm", "mo", "a"}  # UCUM: millimetre, month, year

Row = tuple[str, str, str]
Assess = Callable[[Mapping[str, str]], Category]


def filled(text: str) -> dict[str, str]:
    """ "size_mm: 6, aphe: yes" as fields."""
    return dict(part.strip().split(": ") for part in text.split(",") if part.strip())


# What every system keeps to


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_says_what_it_is_and_what_it_reads(name: str) -> None:
    system = SYSTEMS[name]
    assert system.SYSTEM and system.VERSION
    assert "20" in system.SOURCE and len(system.SOURCE) > 40
    names = [field.name for field in system.FIELDS]
    assert len(set(names)) == len(names)
    for field in system.FIELDS:
        assert field.label and field.type in TYPES
        assert bool(field.choices) == (field.type == "choice")
        assert (field.unit in UNITS) == (field.type == "number")


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_is_documented_with_its_version_and_source(name: str) -> None:
    system = SYSTEMS[name]
    assert f"| {system.SYSTEM} | {system.VERSION} |" in DOCUMENT
    place = re.search(r"\d{4};\d+:\d+-\d+", system.SOURCE)
    assert (place[0] if place else "ACR BI-RADS v2025 Manual") in DOCUMENT


@pytest.mark.parametrize("name", SYSTEMS)
def test_nothing_filled_in_is_not_assignable(name: str) -> None:
    found = SYSTEMS[name].assess({})
    assert (found.value, found.advice, found.because, dict(found.inputs)) == ("", "", "", {})
    assert found.missing
    assert found.words.startswith(f"{SYSTEMS[name].SYSTEM} {SYSTEMS[name].VERSION}: not assignable: missing ")
    assert found.source == SYSTEMS[name].SOURCE


FIELDS = [(name, field) for name, system in SYSTEMS.items() for field in system.FIELDS]
WRONG = {"number": ("6 mm", "-1", "0", "6,5", "nan", "1e9", "six"), "choice": ("tea",), "flag": ("maybe",)}


@pytest.mark.parametrize(("name", "field"), FIELDS, ids=[f"{name} {field.name}" for name, field in FIELDS])
def test_a_wrong_value_is_refused_with_its_field_and_not_repeated(name: str, field: Field) -> None:
    for text in WRONG[field.type]:
        with pytest.raises(InputError) as raised:
            SYSTEMS[name].assess({field.name: text})
        sentence = str(raised.value)
        assert repr(field.label) in sentence and sentence.count(".") <= 2
        assert "tea" not in sentence and "maybe" not in sentence


def value_of(field: Field) -> st.SearchStrategy[str]:
    numbers = st.decimals("0.1", "60", places=1).map(str)
    by = {"number": numbers, "flag": st.sampled_from(FLAGS)}
    return by[field.type] if field.type in by else st.sampled_from(field.choices)


@pytest.mark.parametrize("name", SYSTEMS)
@given(data=st.data())
def test_whatever_is_filled_in_gives_a_value_or_the_reason_for_none(name: str, data: st.DataObject) -> None:
    system = SYSTEMS[name]
    kinds = {field.name: st.just("") | value_of(field) for field in system.FIELDS}
    fields = data.draw(st.fixed_dictionaries(kinds))
    try:
        found = system.assess(fields)
    except InputError:
        return  # two numbers that contradict each other
    assert bool(found.value) != bool(found.because or (found.missing and not found.value))
    assert found.value or not found.advice
    assert all(fields[field] == text for field, text in found.inputs.items())
    assert found == system.assess({**fields, "something_else": "x"})


# Lung-RADS v2022: Christensen et al., J Am Coll Radiol 2024;21:473-488; "table" and "note" are its own

NODULES = """
solid          baseline        5.9   -    2   table, 2: below 6 mm at baseline
solid          baseline        5.94  -    2   note 4: to one decimal
solid          baseline        5.95  -    3   note 4: to one decimal
solid          baseline        6.0   -    3   table, 3: 6 to below 8 mm at baseline
solid          baseline        7.9   -    3   table, 3: 6 to below 8 mm at baseline
solid          baseline        7.95  -    4A  note 4: to one decimal
solid          baseline        8.0   -    4A  table, 4A: 8 to below 15 mm at baseline
solid          baseline        14.9  -    4A  table, 4A: 8 to below 15 mm at baseline
solid          baseline        14.95 -    4B  note 4: to one decimal
solid          baseline        15.0  -    4B  table, 4B: 15 mm or more at baseline
solid          new             3.9   -    2   table, 2: new, below 4 mm
solid          new             4     -    3   table, 3: new, 4 to below 6 mm
solid          new             5.9   -    3   table, 3: new, 4 to below 6 mm
solid          new             6.0   -    4A  table, 4A: new, 6 to below 8 mm
solid          new             7.9   -    4A  table, 4A: new, 6 to below 8 mm
solid          new             8.0   -    4B  table, 4B: new or growing, 8 mm or more
solid          growing         5.0   -    4A  table, 4A: growing, below 8 mm
solid          growing         7.9   -    4A  table, 4A: growing, below 8 mm
solid          growing         8.0   -    4B  table, 4B: new or growing, 8 mm or more
solid          slowly growing  6.0   -    4B  table, 4B, and note 8
part-solid     baseline        5.9   4.0  2   table, 2: below 6 mm in all at baseline
part-solid     baseline        6.0   5.9  3   table, 3: solid part below 6 mm at baseline
part-solid     baseline        6.0   6.0  4A  table, 4A: solid part 6 to below 8 mm at baseline
part-solid     baseline        20.0  7.9  4A  table, 4A: solid part 6 to below 8 mm at baseline
part-solid     baseline        20.0  8.0  4B  table, 4B: solid part 8 mm or more at baseline
part-solid     new             5.9   3.9  3   table, 3: new, below 6 mm in all
part-solid     new             6.0   3.9  4A  table, 4A: new or growing solid part below 4 mm
part-solid     new             6.0   4.0  4B  table, 4B: new or growing solid part 4 mm or more
part-solid     growing         20.0  3.9  4A  table, 4A: new or growing solid part below 4 mm
part-solid     growing         20.0  4.0  4B  table, 4B: new or growing solid part 4 mm or more
part-solid     slowly growing  20.0  3.0  4B  table, 4B, and note 8
non-solid      baseline        29.9  -    2   table, 2: below 30 mm
non-solid      new             29.9  -    2   table, 2: below 30 mm
non-solid      growing         29.9  -    2   table, 2: below 30 mm
non-solid      baseline        30.0  -    3   table, 3: 30 mm or more at baseline or new
non-solid      new             30.0  -    3   table, 3: 30 mm or more at baseline or new
non-solid      growing         30.0  -    3   note 5: by the size it has reached
non-solid      slowly growing  30.0  -    2   table, 2, and note 7
non-solid      stable          30.0  -    2   table, 2: 30 mm or more, stable or slowly growing
juxtapleural   baseline        9.9   -    2   table, 2: below 10 mm at baseline or new
juxtapleural   new             9.9   -    2   table, 2: below 10 mm at baseline or new
juxtapleural   baseline        10.0  -    4A  table, 4A: as any solid nodule from 10 mm
juxtapleural   new             10.0  -    4B  table, 4B: as any solid nodule from 10 mm
juxtapleural   growing         7.9   -    4A  table, 4A: as any solid nodule that grows
juxtapleural   stable          9.9   -    2   table, 2: it stays what it was
"""


def nodule_rows() -> list[tuple[str, ...]]:
    lines = [line for line in NODULES.splitlines() if line]
    ends = (15, 31, 37, 42, 46, None)
    return [tuple(line[a:b].strip() for a, b in zip((0, *ends), ends, strict=False)) for line in lines]


@pytest.mark.parametrize(("kind", "behaviour", "size", "solid", "value", "source"), nodule_rows())
def test_lung_rads_by_size(kind: str, behaviour: str, size: str, solid: str, value: str, source: str) -> None:
    fields = {
        "screening": "yes",
        "nodule_type": kind,
        "behaviour": "stable or smaller" if behaviour == "stable" else behaviour,
        "mean_diameter_mm": size,
        "solid_mean_diameter_mm": solid.strip("-"),
    }
    assert lung_rads.assess(fields).value == value, source


S = "screening: yes, "
SOLID = f"{S}nodule_type: solid, "
STABLE = f"{SOLID}behaviour: stable or smaller, mean_diameter_mm: 10, "
AIRWAY = f"{S}nodule_type: airway, airway_level: segmental or more proximal, behaviour: "
TWIG = f"{S}nodule_type: airway, airway_level: subsegmental, behaviour: "
CYST = f"{S}nodule_type: atypical cyst, behaviour: "
SEEN = f"{SOLID}behaviour: stable or smaller, months_since_prior: 12, prior_category: 2, "

LUNG_RADS: list[Row] = [
    (f"{S}nodule_type: none", "1", "table, 1: no nodule"),
    (f"{S}nodule_type: benign calcification or fat", "1", "table, 1: specific calcification or fat"),
    (f"{S}prior_awaited: yes", "0", "table, 0: prior CT being located; note 9"),
    (f"{S}not_evaluable: yes", "0", "table, 0: part of the lungs cannot be evaluated"),
    (f"{S}infection: yes", "0", "table, 0: infection or inflammation; note 10"),
    (
        f"{SOLID}behaviour: new, mean_diameter_mm: 20, infection: yes",
        "0",
        "note 10a: large solid, short interval",
    ),
    (f"{S}infection: yes, other_significant: yes", "0S", "note 15: S with 0 to 4"),
    (f"{S}nodule_type: none, other_significant: yes", "1S", "note 15: S with 0 to 4"),
    (f"{TWIG}baseline", "2", "table, 2: subsegmental airway nodule"),
    (f"{TWIG}new", "2", "table, 2: subsegmental airway nodule"),
    (f"{TWIG}stable or smaller", "2", "table, 2: subsegmental airway nodule"),
    (f"{TWIG}growing", "", "table: no row"),
    (f"{AIRWAY}baseline", "4A", "table, 4A: segmental or more proximal airway nodule; note 11"),
    (f"{AIRWAY}new", "4A", "note 11: taken as at baseline"),
    (f"{AIRWAY}stable or smaller", "4B", "table, 4B: stable or growing airway nodule; note 11d"),
    (f"{AIRWAY}growing", "4B", "table, 4B: stable or growing airway nodule; note 11d"),
    (f"{CYST}baseline, cyst: thin-walled", "", "note 12a: not classified"),
    (f"{CYST}baseline, cyst: thick-walled", "4A", "table, 4A: thick-walled cyst; note 12"),
    (f"{CYST}baseline, cyst: multilocular", "4A", "table, 4A: multilocular cyst at baseline; note 12"),
    (f"{CYST}new, cyst: became multilocular", "4A", "table, 4A: cyst that becomes multilocular; note 12"),
    (f"{CYST}growing, cyst: thick-walled with growing cystic part", "3", "table, 3: growing cystic part"),
    (f"{CYST}growing, cyst: thick-walled with growing wall or nodule", "4B", "table, 4B: growing wall"),
    (f"{CYST}growing, cyst: growing multilocular", "4B", "table, 4B: growing multilocular cyst"),
    (
        f"{CYST}growing, cyst: multilocular with more loculation or density",
        "4B",
        "table, 4B: more loculation",
    ),
    (f"{CYST}growing, cyst: thick-walled", "", "note 12: what grows decides"),
    (
        f"{CYST}stable or smaller, cyst: thick-walled, prior_category: 4A, months_since_prior: 3",
        "3",
        "table, 3",
    ),
    (f"{STABLE}prior_category: 2", "2", "table, 2: as before"),
    (f"{STABLE}prior_category: 3, months_since_prior: 6", "2", "table, 2: category 3 stable at 6 months"),
    (f"{STABLE}prior_category: 3, months_since_prior: 5.5", "2", "table, 2: 6 months, in whole months"),
    (f"{STABLE}prior_category: 3, months_since_prior: 5", "3", "table, 2: not yet 6 months"),
    (f"{STABLE}prior_category: 4A, months_since_prior: 3", "3", "table, 3: category 4A stable at 3 months"),
    (f"{STABLE}prior_category: 4A, months_since_prior: 2", "4A", "table, 3: not yet 3 months"),
    (f"{STABLE}prior_category: 4B", "4B", "table, 2: only when proven benign"),
    (f"{STABLE}prior_category: 4B, proven_benign: yes", "2", "table, 2: category 4B proven benign"),
    (f"{STABLE}prior_category: 4X", "4X", "table, 2: only when proven benign"),
    (f"{SEEN}prior_mean_diameter_mm: 5.8, mean_diameter_mm: 5.9", "2", "note 5: no threshold crossed"),
    (f"{SEEN}prior_mean_diameter_mm: 5.8, mean_diameter_mm: 6.2", "3", "note 5: 6 mm crossed without growth"),
    (
        f"{SEEN}prior_mean_diameter_mm: 7.8, mean_diameter_mm: 8.1",
        "4A",
        "note 5: 8 mm crossed without growth",
    ),
    (f"{SEEN}prior_mean_diameter_mm: 14.9, mean_diameter_mm: 15", "4B", "note 5: 15 mm crossed"),
    (
        f"{SOLID}behaviour: baseline, mean_diameter_mm: 5, suspicious_features: yes",
        "2",
        "note 14: 3 or 4 only",
    ),
    (
        f"{SOLID}behaviour: baseline, mean_diameter_mm: 6, suspicious_features: yes",
        "4X",
        "note 14: 3 becomes 4X",
    ),
    (
        f"{SOLID}behaviour: baseline, mean_diameter_mm: 8, suspicious_features: yes",
        "4X",
        "note 14: 4A becomes 4X",
    ),
    (
        f"{SOLID}behaviour: baseline, mean_diameter_mm: 8, other_significant: yes",
        "4AS",
        "note 15: S with 0 to 4",
    ),
    (
        f"{SOLID}behaviour: new, mean_diameter_mm: 8, suspicious_features: yes, other_significant: yes",
        "4XS",
        "notes 14 and 15: X is a category, S a modifier",
    ),
    ("screening: no, nodule_type: none", "", "scope: screening only"),
]


@pytest.mark.parametrize(("text", "value", "source"), LUNG_RADS)
def test_lung_rads_beyond_size(text: str, value: str, source: str) -> None:
    assert lung_rads.assess(filled(text)).value == value, source


# Fleischner Society 2017: MacMahon et al., Radiology 2017;284:228-243; Table 1 and the scope in its text

CHANCE = "screening: no, age_years: 60, known_cancer: no, immunosuppressed: no, "
ONE = f"{CHANCE}nodules: single, nodule_type: "
MANY = f"{CHANCE}nodules: multiple, nodule_type: "
LOW, HIGH = "risk: low, mean_diameter_mm: ", "risk: high, mean_diameter_mm: "
SIX_LOW = "CT at 6 to 12 months, then consider CT at 18 to 24 months"
SIX_HIGH = "CT at 6 to 12 months, then CT at 18 to 24 months"
THREE_LOW = "CT at 3 to 6 months, then consider CT at 18 to 24 months"
THREE_HIGH = "CT at 3 to 6 months, then CT at 18 to 24 months"
LARGE = "consider CT at 3 months, PET/CT or tissue sampling"

FLEISCHNER: list[Row] = [
    (f"{ONE}solid, {LOW}5.4", "no routine follow-up", "Table 1A, single, below 6 mm, low risk"),
    (f"{ONE}solid, {HIGH}5.4", "optional CT at 12 months", "Table 1A, single, below 6 mm, high risk"),
    (f"{ONE}solid, {LOW}5.5", SIX_LOW, "Table 1, note: to the nearest millimetre"),
    (f"{ONE}solid, {LOW}6", SIX_LOW, "Table 1A, single, 6 to 8 mm, low risk"),
    (f"{ONE}solid, {HIGH}6", SIX_HIGH, "Table 1A, single, 6 to 8 mm, high risk"),
    (f"{ONE}solid, {LOW}8.0", SIX_LOW, "Table 1A, single, 6 to 8 mm, low risk"),
    (f"{ONE}solid, {HIGH}8.4", SIX_HIGH, "Table 1, note: to the nearest millimetre"),
    (f"{ONE}solid, {LOW}8.5", LARGE, "Table 1, note: to the nearest millimetre"),
    (f"{ONE}solid, {LOW}9", LARGE, "Table 1A, single, above 8 mm, any risk"),
    (f"{ONE}solid, {HIGH}9", LARGE, "Table 1A, single, above 8 mm, any risk"),
    (f"{MANY}solid, {LOW}5", "no routine follow-up", "Table 1A, multiple, below 6 mm, low risk"),
    (f"{MANY}solid, {HIGH}5", "optional CT at 12 months", "Table 1A, multiple, below 6 mm, high risk"),
    (f"{MANY}solid, {LOW}6", THREE_LOW, "Table 1A, multiple, 6 to 8 mm, low risk"),
    (f"{MANY}solid, {HIGH}8", THREE_HIGH, "Table 1A, multiple, 6 to 8 mm, high risk"),
    (f"{MANY}solid, {LOW}9", THREE_LOW, "Table 1A, multiple, above 8 mm, low risk"),
    (f"{MANY}solid, {HIGH}9", THREE_HIGH, "Table 1A, multiple, above 8 mm, high risk"),
    (f"{ONE}non-solid, mean_diameter_mm: 5.4", fleischner.NONE, "Table 1B, ground glass, below 6 mm"),
    (f"{ONE}non-solid, mean_diameter_mm: 5.5", fleischner.GROUND_GLASS, "Table 1B, ground glass, from 6 mm"),
    (f"{ONE}part-solid, mean_diameter_mm: 5", fleischner.NONE, "Table 1B, part-solid, below 6 mm"),
    (f"{ONE}part-solid, mean_diameter_mm: 6", fleischner.PART_SOLID, "Table 1B, part-solid, from 6 mm"),
    (f"{MANY}non-solid, mean_diameter_mm: 5", fleischner.SMALL_ONES, "Table 1B, multiple, below 6 mm"),
    (f"{MANY}part-solid, mean_diameter_mm: 6", fleischner.LARGER_ONES, "Table 1B, multiple, from 6 mm"),
    (f"{ONE}airway, {LOW}6", "", "no row"),
    (f"{ONE}solid, {LOW}6, age_years: 34.9", "", "scope: not under 35 years"),
    (f"{ONE}solid, {LOW}6, age_years: 35", SIX_LOW, "scope: from 35 years"),
    (f"{ONE}solid, {LOW}6, known_cancer: yes", "", "scope: no known cancer"),
    (f"{ONE}solid, {LOW}6, immunosuppressed: yes", "", "scope: not immunosuppressed"),
    (f"{ONE}solid, {LOW}6, screening: yes", "", "scope: no screening"),
]


@pytest.mark.parametrize(("text", "value", "source"), FLEISCHNER)
def test_fleischner_by_type_number_size_and_risk(text: str, value: str, source: str) -> None:
    assert fleischner.assess(filled(text)).value == value, source


# ACR TI-RADS: Tessler et al., J Am Coll Radiol 2017;14:587-595, Figure 1

CLEAR = "macrocalcifications: no, rim_calcifications: no, punctate_foci: no, "
WIDE = f"shape: wider than tall, margin: smooth, {CLEAR}"
CYSTIC = f"composition: cystic or almost completely cystic, echogenicity: anechoic, {WIDE}"
FULL = "composition: solid or almost completely solid, "
TR3 = f"{FULL}echogenicity: hyperechoic or isoechoic, {WIDE}"
TR4 = f"{FULL}echogenicity: hypoechoic, {WIDE}"
TR5 = f"{FULL}echogenicity: hypoechoic, shape: taller than wide, margin: smooth, {CLEAR}"
MIXED = f"composition: mixed cystic and solid, echogenicity: hyperechoic or isoechoic, {WIDE}"

TI_RADS: list[Row] = [
    (CYSTIC, "TR1", "0 points"),
    ("composition: spongiform", "TR1", "spongiform: no further points"),
    (f"{TR5}composition: spongiform, punctate_foci: yes", "TR1", "spongiform: no further points"),
    (
        f"{CYSTIC}macrocalcifications: yes",
        "",
        "1 point: no level",
    ),
    (MIXED, "TR2", "1 + 1 = 2 points"),
    (f"{MIXED}macrocalcifications: yes", "TR3", "1 + 1 + 1 = 3 points"),
    (TR3, "TR3", "2 + 1 = 3 points"),
    (f"{TR3}macrocalcifications: yes", "TR4", "2 + 1 + 1 = 4 points"),
    (TR4, "TR4", "2 + 2 = 4 points"),
    (f"{FULL}echogenicity: very hypoechoic, {WIDE}", "TR4", "2 + 3 = 5 points"),
    (f"{TR3}shape: taller than wide", "TR4", "2 + 1 + 3 = 6 points"),
    (f"{TR4}margin: lobulated or irregular", "TR4", "2 + 2 + 2 = 6 points"),
    (f"{TR4}margin: ill-defined", "TR4", "2 + 2 + 0 = 4 points"),
    (f"{TR4}margin: extrathyroidal extension", "TR5", "2 + 2 + 3 = 7 points"),
    (TR5, "TR5", "2 + 2 + 3 = 7 points"),
    (f"{TR3}macrocalcifications: yes, punctate_foci: yes", "TR5", "2 + 1 + 1 + 3 = 7 points: foci add up"),
    (
        f"{TR3}macrocalcifications: yes, rim_calcifications: yes",
        "TR4",
        "2 + 1 + 1 + 2 = 6 points: foci add up",
    ),
    (f"{MIXED}rim_calcifications: yes, punctate_foci: yes", "TR5", "1 + 1 + 2 + 3 = 7 points: foci add up"),
    (
        f"composition: cannot be determined, echogenicity: cannot be determined, {WIDE}",
        "TR3",
        "notes: 2 + 1 = 3",
    ),
    (f"{TR4}margin: cannot be determined", "TR4", "notes: 2 + 2 + 0 = 4 points"),
]


@pytest.mark.parametrize(("text", "value", "source"), TI_RADS)
def test_ti_rads_by_points(text: str, value: str, source: str) -> None:
    assert ti_rads.assess(filled(text)).value == value, source


@pytest.mark.parametrize(
    ("nodule", "size", "advice", "source"),
    [
        (MIXED, "60", "Neither", "TR2: no FNA"),
        (TR3, "14.9", "Neither", "TR3: follow-up from 1.5 cm"),
        (TR3, "15.0", "Follow-up by ultrasound: 1, 3 and 5 years", "TR3: follow-up from 1.5 cm"),
        (TR3, "24.9", "Follow-up", "TR3: FNA from 2.5 cm"),
        (TR3, "25.0", "Fine-needle", "TR3: FNA from 2.5 cm"),
        (TR4, "9.9", "Neither", "TR4: follow-up from 1.0 cm"),
        (TR4, "10.0", "Follow-up by ultrasound: 1, 2, 3 and 5 years", "TR4: follow-up from 1.0 cm"),
        (TR4, "14.9", "Follow-up", "TR4: FNA from 1.5 cm"),
        (TR4, "15.0", "Fine-needle", "TR4: FNA from 1.5 cm"),
        (TR5, "4.9", "Neither", "TR5: follow-up from 0.5 cm"),
        (TR5, "5.0", "Follow-up by ultrasound: every year for 5 years", "TR5: follow-up from 0.5 cm"),
        (TR5, "9.9", "Follow-up", "TR5: FNA from 1.0 cm"),
        (TR5, "10.0", "Fine-needle", "TR5: FNA from 1.0 cm"),
    ],
)
def test_ti_rads_advises_by_level_and_size(nodule: str, size: str, advice: str, source: str) -> None:
    found = ti_rads.assess(filled(f"{nodule}largest_diameter_mm: {size}"))
    assert found.advice.startswith(advice), source


def test_a_level_stands_without_a_size_and_says_what_its_advice_lacks() -> None:
    found = ti_rads.assess(filled(TR4))
    assert (found.value, found.advice, found.missing) == ("TR4", "", ("largest diameter",))


# PI-RADS v2.1: Turkbey et al., Eur Urol 2019;76:340-351

PI_RADS = [
    *(("peripheral", dwi, "", "", dwi, "PZ: DWI decides") for dwi in ("1", "2", "4", "5")),
    *(
        ("peripheral", dwi, "", "positive", dwi, "PZ: DCE counts at DWI 3 only")
        for dwi in ("1", "2", "4", "5")
    ),
    ("peripheral", "3", "5", "negative", "3", "PZ: DWI 3, DCE negative; T2 does not count"),
    ("peripheral", "3", "1", "positive", "4", "PZ: DWI 3, DCE positive"),
    ("peripheral", "3", "", "not available", "3", "PZ: without DCE, DWI decides"),
    ("peripheral", "3", "", "", "", "PZ: DWI 3 waits for DCE"),
    *(("transition", "5", t2, "positive", t2, "TZ: T2 decides") for t2 in ("1", "4", "5")),
    *(("transition", dwi, "2", "", "2", "TZ: T2 2, DWI up to 3") for dwi in ("1", "2", "3")),
    *(("transition", dwi, "2", "", "3", "TZ: T2 2, DWI 4 or 5") for dwi in ("4", "5")),
    *(("transition", dwi, "3", "positive", "3", "TZ: T2 3, DWI up to 4") for dwi in ("1", "2", "3", "4")),
    ("transition", "5", "3", "negative", "4", "TZ: T2 3, DWI 5"),
    ("transition", "", "3", "", "", "TZ: T2 3 waits for DWI"),
]


@pytest.mark.parametrize(("zone", "dwi", "t2", "dce", "value", "source"), PI_RADS)
def test_pi_rads_by_zone(zone: str, dwi: str, t2: str, dce: str, value: str, source: str) -> None:
    fields = {"zone": zone, "dwi_score": dwi, "t2_score": t2, "dce": dce}
    assert pi_rads.assess(fields).value == value, source


# LI-RADS CT/MRI v2018: Chernyak et al., Radiology 2018;289:816-830, diagnostic table and steps

RISK = "liver_risk: cirrhosis, age_years: 60, "
NO = f"{RISK}benign: no, aphe: no, washout: no, capsule: no, threshold_growth: no, "
BRIGHT = f"{NO}aphe: yes, size_mm: "

LI_RADS: list[Row] = [
    (f"{NO}size_mm: 9", "LR-3", "table: no APHE, below 20 mm, none"),
    (f"{NO}size_mm: 19.9, washout: yes", "LR-3", "table: no APHE, below 20 mm, one"),
    (f"{NO}size_mm: 19.9, washout: yes, capsule: yes", "LR-4", "table: no APHE, below 20 mm, two"),
    (f"{NO}size_mm: 20", "LR-3", "table: no APHE, from 20 mm, none"),
    (f"{NO}size_mm: 20, capsule: yes", "LR-4", "table: no APHE, from 20 mm, one"),
    (
        f"{NO}size_mm: 50, washout: yes, capsule: yes, threshold_growth: yes",
        "LR-4",
        "table: no APHE, never LR-5",
    ),
    (f"{BRIGHT}9.9", "LR-3", "table: APHE, below 10 mm, none"),
    (f"{BRIGHT}9.9, washout: yes", "LR-4", "table: APHE, below 10 mm, one"),
    (f"{BRIGHT}9.9, washout: yes, capsule: yes", "LR-4", "table: APHE, below 10 mm, two"),
    (f"{BRIGHT}10", "LR-3", "table: APHE, 10 to 19 mm, none"),
    (f"{BRIGHT}10, capsule: yes", "LR-4", "table: APHE, 10 to 19 mm, capsule alone"),
    (f"{BRIGHT}10, washout: yes", "LR-5", "table: APHE, 10 to 19 mm, washout"),
    (f"{BRIGHT}10, threshold_growth: yes", "LR-5", "table: APHE, 10 to 19 mm, threshold growth"),
    (f"{BRIGHT}19.9, capsule: yes, washout: yes", "LR-5", "table: APHE, 10 to 19 mm, two"),
    (f"{BRIGHT}19.9", "LR-3", "table: APHE, 10 to 19 mm, none"),
    (f"{BRIGHT}20", "LR-4", "table: APHE, from 20 mm, none"),
    (f"{BRIGHT}20, capsule: yes", "LR-5", "table: APHE, from 20 mm, one"),
    (f"{RISK}benign: definitely", "LR-1", "step: definitely benign"),
    (f"{RISK}benign: probably", "LR-2", "step: probably benign"),
    (f"{RISK}not_categorizable: yes", "LR-NC", "step: not categorisable comes first"),
    (f"{RISK}benign: definitely, tumour_in_vein: yes", "LR-TIV", "step: tumour in vein comes before benign"),
    (f"{BRIGHT}20, washout: yes, targetoid: yes", "LR-M", "step: targetoid mass"),
    (f"{BRIGHT}20, other_malignancy: yes", "LR-M", "step: not targetoid, LR-5 not met"),
    (f"{BRIGHT}20, washout: yes, other_malignancy: yes", "LR-5", "step: not targetoid, LR-5 met"),
    (f"{BRIGHT}10, ancillary: for malignancy", "LR-4", "ancillary: up by one"),
    (f"{BRIGHT}20, ancillary: for malignancy", "LR-4", "ancillary: never up to LR-5"),
    (f"{BRIGHT}20, washout: yes, ancillary: for benignity", "LR-4", "ancillary: down by one"),
    (f"{BRIGHT}10, ancillary: both", "LR-3", "ancillary: both kinds, unchanged"),
    (f"{RISK}benign: definitely, ancillary: for benignity", "LR-1", "ancillary: nothing below LR-1"),
    (f"{BRIGHT}20, washout: yes, liver_risk: none", "", "scope: at risk only"),
    (f"{BRIGHT}20, washout: yes, age_years: 17", "", "scope: not under 18 years"),
    (f"{BRIGHT}20, vascular_or_congenital: yes", "", "scope: no vascular or congenital cause"),
    (f"{BRIGHT}20, treated: yes", "", "scope: untreated only"),
]


@pytest.mark.parametrize(("text", "value", "source"), LI_RADS)
def test_li_rads_by_its_table_and_steps(text: str, value: str, source: str) -> None:
    assert li_rads.assess(filled(text)).value == value, source


# BI-RADS v2025: a person's choice

CHOSEN = ("0", "1", "2", "3", "4A", "4B", "4C", "5", "6")


@pytest.mark.parametrize("value", CHOSEN)
def test_bi_rads_passes_on_what_a_person_chose(value: str) -> None:
    mammogram = {"breast_modality": "mammography", "birads_assessment": value, "breast_density": "c"}
    assert bi_rads.assess(mammogram).value == value
    assert bi_rads.assess({"breast_modality": "ultrasound", "birads_assessment": value}).value == value


def test_bi_rads_knows_no_four_without_a_letter() -> None:
    with pytest.raises(InputError, match="choose 0, 1, 2, 3, 4A, 4B, 4C, 5 or 6"):
        bi_rads.assess({"birads_assessment": "4"})


# What is missing, and what contradicts


@pytest.mark.parametrize(
    ("name", "text", "missing"),
    [
        ("lung-rads", "nodule_type: solid", "examination for lung cancer screening"),
        ("lung-rads", S, "most suspicious nodule"),
        ("lung-rads", SOLID, "nodule against earlier CT, mean diameter"),
        ("lung-rads", f"{SOLID}behaviour: new", "mean diameter"),
        (
            "lung-rads",
            f"{S}nodule_type: part-solid, behaviour: new, mean_diameter_mm: 9",
            "mean diameter of the solid part",
        ),
        ("lung-rads", f"{S}nodule_type: airway, behaviour: new", "level of the airway nodule"),
        ("lung-rads", f"{CYST}new", "atypical cyst"),
        ("lung-rads", STABLE, "category in the earlier CT"),
        ("lung-rads", f"{STABLE}prior_category: 3", "months since the earlier CT"),
        ("lung-rads", f"{CYST}growing, cyst: multilocular", "what of the cyst grows"),
        (
            "fleischner",
            "screening: no, age_years: 60, nodule_type: solid",
            "known primary cancer, immunosuppressed",
        ),
        (
            "fleischner",
            f"{CHANCE}nodule_type: solid",
            "number of nodules, mean diameter, risk of lung cancer",
        ),
        ("fleischner", f"{ONE}non-solid", "mean diameter"),
        ("ti-rads", f"{FULL}{WIDE}", "echogenicity"),
        ("ti-rads", f"{FULL}echogenicity: anechoic, shape: wider than tall, {CLEAR}", "margin"),
        ("pi-rads", "zone: peripheral", "DWI score"),
        ("pi-rads", "zone: transition, dwi_score: 3", "T2 score"),
        ("li-rads", "liver_risk: cirrhosis", "age in years"),
        ("li-rads", RISK, "benign"),
        ("li-rads", f"{NO}aphe: yes", "largest diameter"),
        ("bi-rads", "breast_modality: mammography, birads_assessment: 2", "breast density"),
        ("bi-rads", "breast_modality: MRI", "your BI-RADS assessment"),
    ],
)
def test_what_is_missing_is_said_in_words(name: str, text: str, missing: str) -> None:
    found = SYSTEMS[name].assess(filled(text))
    assert found.words.endswith(f"not assignable: missing {missing}")


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("screening: yes", "it is not for lung cancer screening"),
        ("age_years: 34", "it is not for patients under 35 years"),
        ("known_cancer: yes", "it is not for patients with a known cancer"),
        ("immunosuppressed: yes", "it is not for immunosuppressed patients"),
    ],
)
def test_fleischner_refuses_with_the_reason_however_little_is_known(text: str, because: str) -> None:
    assert fleischner.assess(filled(text)).words == f"Fleischner 2017: not assignable: {because}"


@pytest.mark.parametrize(
    ("before", "now", "months", "behaviour", "agrees"),
    [
        ("6.0", "7.5", "12", "growing", False),
        ("6.0", "7.6", "12", "growing", True),
        ("6.0", "7.6", "12", "stable or smaller", False),
        ("6.0", "7.6", "12", "slowly growing", False),
        ("6.0", "7.5", "12", "slowly growing", True),
        ("6.0", "7.6", "13", "slowly growing", True),
        ("6.0", "7.6", "13", "growing", True),
    ],
)
def test_growth_is_more_than_one_and_a_half_millimetres_within_a_year(
    before: str, now: str, months: str, behaviour: str, agrees: bool
) -> None:
    text = f"{SOLID}behaviour: {behaviour}, prior_mean_diameter_mm: {before}, mean_diameter_mm: {now}"
    fields = filled(f"{text}, months_since_prior: {months}, prior_category: 2")
    if agrees:
        assert lung_rads.assess(fields).value
    else:
        with pytest.raises(InputError, match=r"Growth is more than 1\.5 mm within 12 months"):
            lung_rads.assess(fields)


@pytest.mark.parametrize("assess", [lung_rads.assess, fleischner.assess], ids=["lung-rads", "fleischner"])
def test_a_solid_part_is_not_larger_than_its_nodule(assess: Assess) -> None:
    text = "nodule_type: part-solid, behaviour: baseline, mean_diameter_mm: 9, solid_mean_diameter_mm: 9.1"
    screening = "yes" if assess is lung_rads.assess else "no"
    with pytest.raises(InputError, match=r"solid part \(9.1 mm\) is larger than the nodule \(9.0 mm\)"):
        assess(filled(f"{CHANCE}{text}, nodules: single, screening: {screening}"))


def test_a_solid_part_of_six_millimetres_is_said_to_be_suspicious() -> None:
    part = f"{ONE}part-solid, mean_diameter_mm: 12, solid_mean_diameter_mm: "
    assert "highly suspicious" not in fleischner.assess(filled(f"{part}5.4")).advice
    assert "highly suspicious" in fleischner.assess(filled(f"{part}5.5")).advice


# A template and what was filled in


def assessed(name: str, text: str) -> Mapping[str, Category]:
    return {each.system: each for each in categories.assessed(prompts.template(name), filled(text))}


def test_a_chest_ct_is_judged_by_the_one_system_it_is_for() -> None:
    nodule = "nodule_type: solid, mean_diameter_mm: 7, risk: high, nodules: single, age_years: 60, "
    nodule += "known_cancer: no, immunosuppressed: no, behaviour: baseline, screening: "
    found = assessed("ct-chest", f"{nodule}yes")
    assert (found["Lung-RADS"].value, found["Fleischner"].value) == ("3", "")
    found = assessed("ct-chest", f"{nodule}no")
    assert (found["Lung-RADS"].value, found["Fleischner"].value) == ("", SIX_HIGH)


def test_a_template_s_default_stands_until_something_is_filled_in() -> None:
    assert assessed("breast-ultrasound", "birads_assessment: 3")["BI-RADS"].value == "3"
    assert assessed("mammography", "birads_assessment: 3")["BI-RADS"].missing == ("breast density",)
    other = {"birads_assessment": "3", "breast_modality": " MRI "}
    assert categories.assessed(prompts.template("mammography"), other)[0].value == "3"


def test_a_template_without_systems_has_no_categories() -> None:
    assert categories.assessed(prompts.template("general"), {}) == ()


def test_a_template_cannot_name_a_system_that_there_is_not() -> None:
    template = Template("mine", "Mine", Scope(), (), "", categories=("tea-leaves",))
    with pytest.raises(SetupError, match="no category 'tea-leaves'; known are bi-rads, fleischner"):
        categories.assessed(template, {})
