"""Reports as FHIR and as RadFact's phrases: valid, with the model as a device and nobody final unsigned."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from drafts import AT, BOXES, picture, report, statement
from fhir.resources.R4B.bundle import Bundle
from pydicom.dataset import Dataset

from chat_app.errors import InputError
from chat_app.exporters import fhir, radfact
from chat_app.exporters.parts.originals import Original
from chat_app.records import Box, Report, Status

# The required value sets of R4B that the bundle uses, as the specification lists them.
REPORT = "registered partial preliminary final amended corrected appended cancelled entered-in-error unknown"
OBSERVED = "registered preliminary final amended corrected cancelled entered-in-error unknown"
ALLOWED = {
    ("Bundle", "type"): "document message transaction transaction-response batch batch-response history "
    "searchset collection",
    ("DiagnosticReport", "status"): REPORT,
    ("Observation", "status"): OBSERVED,
    ("Device", "status"): "active inactive entered-in-error unknown",
    ("Device", "deviceName.type"): "udi-label-name user-friendly-name patient-reported-name "
    "manufacturer-name model-name other",
    ("Provenance", "entity.role"): "derivation revision quotation source removal",
}


def bundled(made: Report, **others: Any) -> dict[str, Any]:
    """The bundle, read back by the library, as plain values."""
    text = fhir.export(made, **others).decode()
    assert Bundle.model_validate_json(text)
    return json.loads(text)


def resources(bundle: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    every = [entry["resource"] for entry in bundle["entry"]]
    return [each for each in every if each["resourceType"] == kind]


def values(resource: Any, keys: list[str]) -> list[str]:
    """All values at a path of keys, through lists."""
    if isinstance(resource, list):
        return [value for each in resource for value in values(each, keys)]
    if not keys:
        return [resource]
    return values(resource[keys[0]], keys[1:]) if keys[0] in resource else []


def headers(**tags: Any) -> dict[str, tuple[Original, ...]]:
    dataset = Dataset()
    dataset.update({"StudyInstanceUID": "1.2.3", "PatientID": "12345", "PatientName": "Doe^Jane"} | tags)
    return {"image 1": (Original(dataset),)}


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        (Status.DRAFT, "partial"),
        (Status.PRELIMINARY, "preliminary"),
        (Status.FINAL, "final"),
        (Status.AMENDED, "amended"),
        (Status.ERROR, "entered-in-error"),
    ],
)
def test_each_status_has_its_own_in_fhir_and_all_codes_are_of_their_sets(status: Status, wanted: str) -> None:
    bundle = bundled(report(status))
    (made,) = resources(bundle, "DiagnosticReport")
    assert made["status"] == wanted
    for (kind, path), allowed in ALLOWED.items():
        found = [bundle] if kind == "Bundle" else resources(bundle, kind)
        said = values(found, path.split("."))
        assert said and set(said) <= set(allowed.split())


def test_a_code_outside_its_set_is_stopped() -> None:
    with pytest.raises(ValueError, match=r"DiagnosticReport\.status may not be 'draft'"):
        fhir.guard({"resourceType": "DiagnosticReport", "status": "draft"})


def test_every_kept_finding_is_an_observation_with_its_words_source_and_boxes() -> None:
    found = resources(bundled(report()), "Observation")
    assert [each["note"][0]["text"].split(" (")[0] for each in found] == [
        "Opacity in the right lower zone.",
        "Heart enlarged.",
        "No pleural effusion.",
        "Opacity ≥ 3 mm → follow up.",
    ]
    assert found[0]["note"][0]["text"].endswith("(seen in image 1; accepted; on lungs)")
    (component,) = found[0]["component"]
    assert component["valueString"] == "12.3456 30 45 60.5"
    assert "component" not in found[2]


@pytest.mark.parametrize(
    ("words", "presence", "normal"),
    [
        ("Opacity in the right lower zone.", "52101004", "[right lower zone: lung opacity, present]"),
        ("No left pleural effusion.", "2667000", "[left pleura: pleural effusion, absent]"),
        ("Possible right pneumothorax.", "82334004", "[right pleura: pneumothorax, uncertain]"),
    ],
    ids=["present", "absent", "uncertain"],
)
def test_a_claim_becomes_code_presence_and_site(words: str, presence: str, normal: str) -> None:
    found = resources(bundled(report(findings=[statement(words)])), "Observation")[0]
    assert found["code"]["text"] == normal
    assert found["valueCodeableConcept"]["coding"][0]["code"] == presence
    assert found["bodySite"]["text"] == normal[1 : normal.index(":")]
    assert "valueString" not in found


def test_several_claims_of_one_sentence_are_components_of_its_words() -> None:
    words = "Cardiomegaly without pleural effusion."
    found = resources(bundled(report(findings=[statement(words)])), "Observation")[0]
    assert found["valueString"] == words
    coded = {
        each["code"]["text"]: each["valueCodeableConcept"]["coding"][0]["display"]
        for each in found["component"]
    }
    assert sorted(coded.values()) == ["Absent", "Present"] and len(coded) == 2


def test_the_model_is_the_device_that_assembled_and_never_performs() -> None:
    bundle = bundled(report(Status.FINAL))
    (device,) = resources(bundle, "Device")
    (provenance,) = resources(bundle, "Provenance")
    (made,) = resources(bundle, "DiagnosticReport")
    assert device["deviceName"][0]["name"] == "nano with breast"
    assert device["version"][0]["value"] == "ab12" * 16
    roles = {each["type"]["coding"][0]["code"]: each["who"] for each in provenance["agent"]}
    urls = {entry["resource"]["resourceType"]: entry["fullUrl"] for entry in bundle["entry"]}
    assert roles == {"assembler": {"reference": urls["Device"]}, "verifier": {"display": "Ada Ward"}}
    assert "performer" not in json.dumps(bundle)
    assert made["resultsInterpreter"] == [{"display": "Ada Ward"}]
    assert (made["issued"], provenance["recorded"]) == ("2026-11-27T18:00:00Z", "2026-11-27T18:00:00Z")


@pytest.mark.parametrize("status", [Status.DRAFT, Status.PRELIMINARY, Status.ERROR])
def test_nobody_verifies_what_is_not_signed_as_final(status: Status) -> None:
    bundle = bundled(report(status))
    (provenance,) = resources(bundle, "Provenance")
    (made,) = resources(bundle, "DiagnosticReport")
    assert [each["type"]["coding"][0]["code"] for each in provenance["agent"]] == ["assembler"]
    assert "resultsInterpreter" not in made and "issued" not in made


def test_the_study_and_patient_are_referred_to_only_when_their_headers_are_given() -> None:
    (without,) = resources(bundled(report()), "DiagnosticReport")
    assert "imagingStudy" not in without and "subject" not in without
    bundle = bundled(report(), originals=headers())
    (made,) = resources(bundle, "DiagnosticReport")
    assert made["imagingStudy"][0]["identifier"]["value"] == "urn:oid:1.2.3"
    assert made["subject"]["identifier"]["value"] == "12345"
    assert all("subject" in each and "derivedFrom" in each for each in resources(bundle, "Observation"))
    assert "Jane" not in json.dumps(bundle)


def test_references_lead_to_entries_and_the_pdf_goes_along() -> None:
    bundle = bundled(report(), pictures=[picture()])
    (made,) = resources(bundle, "DiagnosticReport")
    urls = {entry["fullUrl"] for entry in bundle["entry"]}
    assert len(urls) == len(bundle["entry"])
    assert {each["reference"] for each in made["result"]} < urls
    assert base64.b64decode(made["presentedForm"][0]["data"]).startswith(b"%PDF")
    assert made["conclusion"] == "Opacity ≥ 3 mm → follow up."


def test_a_report_that_says_nothing_is_still_valid() -> None:
    bundle = bundled(replace(report(), sections=(), hashes={}))
    assert not resources(bundle, "Observation")
    assert "result" not in resources(bundle, "DiagnosticReport")[0]


def test_a_time_that_is_none_is_not_repeated() -> None:
    made = report(Status.FINAL)
    wrong = replace(made.signatures[0], at="yesterday")
    (provenance,) = resources(bundled(replace(made, signatures=(wrong,))), "Provenance")
    assert provenance["recorded"] > AT


def test_radfact_has_kept_findings_with_boxes_in_shares_or_null() -> None:
    phrases = json.loads(radfact.export(report(), [picture()]))
    assert [set(phrase) for phrase in phrases] == [{"text", "boxes"}] * 4
    assert phrases[0]["boxes"] == [
        {"x_min": 0.123456, "y_min": 0.375, "x_max": 0.45, "y_max": 0.75625},
    ]
    assert phrases[2] == {"text": "No pleural effusion.", "boxes": None}
    assert "Cough" not in str(phrases) and "clavicle" not in str(phrases)


def test_radfact_s_boxes_stay_within_the_picture_and_are_never_an_empty_list() -> None:
    wide = Box(0, 0, 500, 500, image="image 1")
    phrases = json.loads(radfact.export(report(findings=[statement("All.", wide)]), [picture()]))
    assert phrases[0]["boxes"] == [{"x_min": 0, "y_min": 0, "x_max": 1, "y_max": 1}]
    assert all(phrase["boxes"] is None or phrase["boxes"] for phrase in phrases)


def test_radfact_wants_the_pictures_that_boxes_lie_in() -> None:
    with pytest.raises(InputError, match="open the pictures of this report"):
        radfact.export(report(findings=[statement("Opacity.", BOXES[0])]))
