"""findings.toml: every name in it leads somewhere, every code is one of the standard's."""

from __future__ import annotations

import pytest
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from chat_app.grounding.vocabulary import Finding, Structure, known
from chat_app.imaging.facts import MODALITIES, is_body_part

FINDINGS = list(known().findings.values())
STRUCTURES = list(known().structures.values())
CODED = [finding for finding in FINDINGS if finding.snomed]
CHEXPERT = {
    "mediastinal widening",
    "cardiomegaly",
    "lung opacity",
    "nodule",
    "mass",
    "pulmonary oedema",
    "consolidation",
    "pneumonia",
    "atelectasis",
    "pneumothorax",
    "pleural effusion",
    "pleural thickening",
    "fracture",
    "central line",
}


@pytest.fixture(scope="module")
def meanings() -> set[tuple[str, str]]:
    """Every code of SNOMED CT that pydicom knows, with what it means in lower case."""
    every = (getattr(codes.SCT, keyword) for keyword in dir(codes.SCT))
    return {(code.value, code.meaning.lower()) for code in every if isinstance(code, Code)}


def name(row: Finding | Structure) -> str:
    return row.name


@pytest.mark.parametrize("finding", FINDINGS, ids=name)
def test_what_a_finding_refers_to_is_there(finding: Finding) -> None:
    assert finding.anatomy in ("", *known().structures)
    assert finding.of in ("", *known().structures)
    assert finding.kind in ("", *known().findings)
    assert finding.region in ("", *known().regions)
    assert bool(finding.of) == bool(finding.quality)


@pytest.mark.parametrize("finding", FINDINGS, ids=name)
def test_a_finding_is_known_by_its_own_name(finding: Finding) -> None:
    if finding.name not in ("malposition", "acoustic shadowing"):
        assert any(pattern.search(finding.name) for pattern in finding.patterns)


@pytest.mark.parametrize("finding", [each for each in FINDINGS if each.size_mm], ids=name)
def test_a_range_has_a_reason(finding: Finding) -> None:
    assert finding.size_mm
    low, high = finding.size_mm
    assert 0 < low < high
    assert finding.why.endswith(".")


@pytest.mark.parametrize("structure", STRUCTURES, ids=name)
def test_what_a_structure_refers_to_is_there(structure: Structure) -> None:
    assert structure.normal in known().findings
    assert structure.within in ("", *known().structures)
    assert structure.region in ("", *known().regions)
    assert structure.sex in ("", "M", "F")


def test_regions_name_body_parts_of_the_standard() -> None:
    for region in known().regions.values():
        assert all(is_body_part(part) for part in region.parts)
        assert set(region.modalities) <= set(MODALITIES.split("|"))


@pytest.mark.parametrize("finding", CODED, ids=name)
def test_a_code_means_what_it_stands_for(finding: Finding, meanings: set[tuple[str, str]]) -> None:
    stated = [meaning for code, meaning in meanings if code == finding.snomed]
    assert any(pattern.search(meaning) for pattern in finding.patterns for meaning in stated)


def test_no_name_is_given_twice() -> None:
    assert len({finding.name for finding in FINDINGS}) == len(FINDINGS)
    assert len({structure.name for structure in STRUCTURES}) == len(STRUCTURES)


def test_the_observations_of_chexpert_are_known() -> None:
    assert set(known().findings) >= CHEXPERT


def test_what_may_be_critical_is_marked() -> None:
    critical = {finding.name for finding in FINDINGS if finding.critical}
    assert critical >= {
        "pneumothorax",
        "tension pneumothorax",
        "intracranial haemorrhage",
        "free air",
        "aortic dissection",
        "pulmonary embolism",
        "malposition",
        "midline shift",
        "herniation",
        "large vessel occlusion",
    }
    assert all(finding.acute for finding in FINDINGS if finding.critical)


def test_places_lead_outwards() -> None:
    assert list(known().around("lingula")) == ["lingula", "lung"]
    assert known().region("nodule", "lingula") == "chest"
    assert known().region("nodule", "") == ""
    assert known().region("glioma", "") == "head"
