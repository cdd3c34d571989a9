"""A report as a FHIR R4B bundle: a DiagnosticReport, an Observation for each finding, and who made them.

The model is named as the device that assembled it, never as the performer; a person interprets and verifies
only once they signed. The elements used read the same in R4.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chat_app.exporters import json, pdf
from chat_app.exporters.parts import stamp
from chat_app.exporters.parts.findings import Finding, Mark, decided
from chat_app.exporters.parts.originals import NONE, Originals, check
from chat_app.exporters.parts.originals import study as study_of
from chat_app.exporters.parts.text import line
from chat_app.grounding.claims import normal_form
from chat_app.grounding.vocabulary import known
from chat_app.records import Claim, Image, Presence, Report, Status

TITLE = "FHIR R4B"
ENDING = ".fhir.json"
BESIDE = False

Resource = dict[str, Any]

# Status of a report and of its observations (hl7.org/fhir/R4B/valueset-diagnostic-report-status and
# valueset-observation-status). What nobody has looked at yet is a partial report of preliminary observations.
STATUSES = {
    Status.DRAFT: ("partial", "preliminary"),
    Status.PRELIMINARY: ("preliminary", "preliminary"),
    Status.FINAL: ("final", "final"),
    Status.AMENDED: ("amended", "amended"),
    Status.ERROR: ("entered-in-error", "entered-in-error"),
}
# fhir.resources holds the kinds of values and none of the required value sets: these are the ones used here.
OBSERVATION = frozenset(
    {
        "registered",
        "preliminary",
        "final",
        "amended",
        "corrected",
        "cancelled",
        "entered-in-error",
        "unknown",
    }
)
VALUE_SETS = {
    ("Bundle", "type"): frozenset({"collection"}),
    ("DiagnosticReport", "status"): OBSERVATION | {"partial", "appended"},
    ("Observation", "status"): OBSERVATION,
    ("Device", "status"): frozenset({"active", "inactive", "entered-in-error", "unknown"}),
}
# SNOMED CT, for what a finding's Observation has as its value.
PRESENCE = {
    Presence.PRESENT: ("52101004", "Present"),
    Presence.ABSENT: ("2667000", "Absent"),
    Presence.UNCERTAIN: ("82334004", "Indeterminate"),
}
LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"
CATEGORIES = "http://terminology.hl7.org/CodeSystem/observation-category"
ROLES = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
SHA256 = "urn:oid:2.16.840.1.101.3.4.2.1"


def export(report: Report, pictures: Sequence[Image] = (), originals: Originals = NONE) -> bytes:
    """The bundle as JSON. With the pictures' headers it names their study and their patient's number."""
    check(report, pictures)
    made = bundle(report, pictures, originals)
    text: str = made.model_dump_json(indent=2)
    return f"{text}\n".encode()


def bundle(report: Report, pictures: Sequence[Image] = (), originals: Originals = NONE) -> Any:
    """The same as a `Bundle` of fhir.resources, which checks its shape.

    Raises:
        InputError: it is final and bears no signature.
    """
    from fhir.resources.R4B.bundle import Bundle

    entries = list(_entries(report, pictures, originals))
    plain = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    for resource in (plain, *(entry["resource"] for entry in entries)):
        guard(resource)
    return Bundle.model_validate(plain)


def guard(resource: Mapping[str, Any]) -> None:
    """Raises ValueError, when a code is not one of its value set."""
    for (kind, key), allowed in VALUE_SETS.items():
        if resource["resourceType"] == kind and resource[key] not in allowed:
            raise ValueError(f"{kind}.{key} may not be {resource[key]!r}.")


def _entries(report: Report, pictures: Sequence[Image], originals: Originals) -> Iterator[Resource]:
    seed = hashlib.sha256(json.export(report)).hexdigest()

    def entry(name: str, resource: Resource) -> Resource:
        return {"fullUrl": _url(seed, name), "resource": resource}

    study = _study(report, originals)
    found = decided(report)
    names = [f"observation {each.number}" for each in found]
    results = [{"reference": _url(seed, name)} for name in names]
    identifier = {"system": "urn:ietf:rfc:3986", "value": _url(seed, "report")}
    yield entry("report", {**_report(report, pictures, results, study), "identifier": [identifier]})
    for name, each in zip(names, found, strict=True):
        yield entry(name, _observation(each, report, study))
    yield entry("device", _device(report))
    yield entry("provenance", _provenance(report, _url(seed, "report"), _url(seed, "device")))


def _url(seed: str, name: str) -> str:
    """The same part of the same report has the same name."""
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{seed} {name}')}"


def _study(report: Report, originals: Originals) -> Resource:
    """What the headers say of patient and study: references by number, for no name need go along."""
    if not originals:
        return {}
    header = study_of(report, originals)
    uid, patient = (line(str(header.get(key, ""))) for key in ("StudyInstanceUID", "PatientID"))
    study = {"type": "ImagingStudy", "identifier": {"system": "urn:dicom:uid", "value": f"urn:oid:{uid}"}}
    subject = {"type": "Patient", "identifier": {"value": patient}}
    return {**({"study": study} if uid else {}), **({"subject": subject} if patient else {})}


def _report(
    report: Report, pictures: Sequence[Image], results: Sequence[Resource], study: Resource
) -> Resource:
    resource: Resource = {
        "resourceType": "DiagnosticReport",
        "status": STATUSES[report.status][0],
        "category": [_coded("http://terminology.hl7.org/CodeSystem/v2-0074", "RAD", "Radiology")],
        "code": _coded(LOINC, "18748-4", "Diagnostic imaging study", report.title),
        "result": list(results),
        "presentedForm": [_attached(report, pictures)],
    }
    impression = report.section("impression")
    if impression and line(impression.text):
        resource["conclusion"] = line(impression.text)
    if "study" in study:
        resource["imagingStudy"] = [study["study"]]
    if signature := stamp.signed(report):
        resource["resultsInterpreter"] = [{"display": line(signature.name) or "unnamed"}]
        resource["issued"] = stamp.moment(report).isoformat()
    return _about(resource, study)


def _about(resource: Resource, study: Resource) -> Resource:
    """The resource with its patient; without any empty list, for FHIR knows none."""
    subject = {"subject": study["subject"]} if "subject" in study else {}
    return {key: value for key, value in {**resource, **subject}.items() if value != []}


def _attached(report: Report, pictures: Sequence[Image]) -> Resource:
    data = base64.b64encode(pdf.export(report, pictures)).decode()
    return {"contentType": "application/pdf", "data": data, "title": stamp.banner(report)}


def _observation(finding: Finding, report: Report, study: Resource) -> Resource:
    """One statement; what it claims by rules is its code and value, or each a component where it is more."""
    words = line(finding.statement.text) or "(empty)"
    said = [each for each in finding.claims if each.finding]
    resource: Resource = {
        "resourceType": "Observation",
        "status": STATUSES[report.status][1],
        "category": [_coded(CATEGORIES, "imaging", "Imaging")],
        "code": _section(finding),
        "note": [{"text": f"{words} ({finding.source})"}],
        "component": [_component(mark) for mark in finding.marks],
        "derivedFrom": [study["study"]] if "study" in study else [],
    }
    if len(said) != 1:
        resource["component"] += [_claimed(each) for each in said]
        return _about({**resource, "valueString": words}, study)
    resource |= _claimed(said[0])
    if site := line(f"{said[0].side} {said[0].anatomy}"):
        resource["bodySite"] = {"text": site}
    return _about(resource, study)


def _claimed(claim: Claim) -> Resource:
    """A finding as code, its presence as value; the text is the claim's normal form."""
    snomed = known().findings[claim.finding].snomed
    code: Resource = {"text": normal_form(claim)}
    if snomed:
        code["coding"] = [{"system": SNOMED, "code": snomed}]
    return {"code": code, "valueCodeableConcept": _coded(SNOMED, *PRESENCE[claim.presence])}


def _component(mark: Mark) -> Resource:
    """A box in the words and numbers of its picture: R4 has no element for a region."""
    place = f"box {mark.number} in {line(mark.box.image)}: left, top, right, bottom in pixels"
    return {"code": {"text": place}, "valueString": " ".join(map(repr, mark.box.corners))}


def _section(finding: Finding) -> Resource:
    title, code = line(finding.section.title) or "Finding", line(finding.section.code)
    return _coded(LOINC, code, title) if code else {"text": title}


def _device(report: Report) -> Resource:
    """The model that drafted, with all that is needed to make the draft again."""
    versions = {"model": report.model.sha256, "application": report.application}
    return {
        "resourceType": "Device",
        "status": "active",
        "deviceName": [{"name": line(report.model.speaker) or "unknown", "type": "model-name"}],
        "version": [
            {"type": {"text": kind}, "value": line(value)} for kind, value in versions.items() if line(value)
        ]
        or [{"value": "unknown"}],
        "note": [{"text": stamp.stamp(report)}, {"text": stamp.CAUTION}],
    }


def _provenance(report: Report, target: str, device: str) -> Resource:
    agents = [_agent("assembler", "Assembler", {"reference": device})]
    if signature := stamp.signed(report):
        agents.append(_agent("verifier", "Verifier", {"display": line(signature.name) or "unnamed"}))
    sources = [
        {
            "role": "source",
            "what": {"identifier": {"system": SHA256, "value": line(digest)}, "display": line(name)},
        }
        for name, digest in report.hashes.items()
        if line(digest) and line(name)
    ]
    resource = {
        "resourceType": "Provenance",
        "target": [{"reference": target}],
        "recorded": stamp.moment(report).isoformat(),
        "agent": agents,
        "entity": sources,
    }
    return {key: value for key, value in resource.items() if value != []}


def _agent(code: str, words: str, who: Resource) -> Resource:
    return {"type": _coded(ROLES, code, words), "who": who}


def _coded(system: str, code: str, display: str, text: str = "") -> Resource:
    words = {"text": line(text)} if line(text) else {}
    return {"coding": [{"system": system, "code": code, "display": display}], **words}
