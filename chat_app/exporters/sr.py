"""A report as a DICOM structured report (Comprehensive SR, TID 1500): a group a statement, a region a box.

The model is named as the device that observed and, where it wrote the words, as the algorithm (TID 4019); a
person only once they signed. A report that was amended is a new document: which one it replaces is not
known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chat_app.errors import InputError
from chat_app.exporters.parts import dicom, stamp
from chat_app.exporters.parts.findings import Finding, Mark, findings
from chat_app.exporters.parts.originals import NONE, Original, Originals
from chat_app.exporters.parts.text import line
from chat_app.records import Image, Presence, Report, Source, Status

TITLE = "DICOM structured report"
ENDING = ".sr.dcm"
BESIDE = True

# is_complete, is_final, is_verified (PS3.3 C.17.2).
FLAGS = {
    Status.DRAFT: (False, False, False),
    Status.PRELIMINARY: (True, False, False),
    Status.FINAL: (True, True, True),
    Status.AMENDED: (True, True, True),
}
# Sources of which the model wrote the words; the others are a person's, a file's or the program's own.
WRITTEN = (Source.SEEN, Source.RETRIEVED, Source.PRIOR, Source.UNSUPPORTED)
PRESENCE = {
    Presence.PRESENT: ("52101004", "Present"),
    Presence.ABSENT: ("2667000", "Absent"),
    Presence.UNCERTAIN: ("82334004", "Indeterminate"),
}


def export(report: Report, pictures: Sequence[Image] = (), originals: Originals = NONE) -> bytes:
    """The document as a DICOM file, of the patient and in the study of the pictures."""
    return dicom.file(document(report, originals))


def document(report: Report, originals: Originals) -> Any:
    """The same as highdicom's `ComprehensiveSR`.

    Raises:
        InputError: a header is missing, a final report bears no signature, or the report says nothing or
            was entered in error.
    """
    from highdicom import UID
    from highdicom.sr import ComprehensiveSR
    from pydicom.valuerep import DT

    ready = dicom.ready(report, originals)
    signature = stamp.signed(report)
    complete, final, verified = FLAGS[report.status]
    content = _content(report, ready)
    with dicom.damaged():
        made = ComprehensiveSR(
            evidence=list({one.header.SOPInstanceUID: one.header for one in ready.values()}.values()),
            content=content,
            series_instance_uid=UID(),
            series_number=900,
            sop_instance_uid=UID(),
            instance_number=1,
            is_complete=complete,
            is_final=final,
            is_verified=verified,
            verifying_observer_name=dicom.person(signature.name) if signature else None,
            verifying_organization="not stated" if signature else None,
            contributing_equipment=[dicom.contribution(report)],
            series_description=dicom.described(report, report.title),
            specific_character_set=dicom.UNICODE,
            **dicom.equipment(report),
        )
    if signature:
        made.VerifyingObserverSequence[0].VerificationDateTime = DT(stamp.moment(report))
    return made


def _content(report: Report, ready: Mapping[str, Original]) -> Any:
    from highdicom.sr import MeasurementReport
    from pydicom.sr.codedict import codes

    groups = [group for each in findings(report) for group in _groups(each, report, ready)]
    if not groups:
        raise InputError("This report says nothing yet: a structured report needs a statement.")
    return MeasurementReport(
        observation_context=_observers(report),
        procedure_reported=_code("363679005", "SCT", "Imaging procedure"),
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
    )


def _observers(report: Report) -> Any:
    from highdicom.sr import (
        DeviceObserverIdentifyingAttributes,
        ObservationContext,
        ObserverContext,
        PersonObserverIdentifyingAttributes,
    )
    from pydicom.sr.codedict import codes
    from pydicom.uid import generate_uid

    model = report.model
    device = DeviceObserverIdentifyingAttributes(
        uid=generate_uid(entropy_srcs=[dicom.MANUFACTURER, line(model.speaker), line(model.sha256)]),
        name=line(model.speaker) or "unknown",
        manufacturer_name=dicom.MANUFACTURER,
        model_name=line(model.speaker) or "unknown",
    )
    signature = stamp.signed(report)
    signed = signature and ObserverContext(
        codes.DCM.Person, PersonObserverIdentifyingAttributes(dicom.person(signature.name))
    )
    return ObservationContext(
        observer_person_context=signed or None,
        observer_device_context=ObserverContext(codes.DCM.Device, device),
    )


def _groups(finding: Finding, report: Report, ready: Mapping[str, Original]) -> Iterator[Any]:
    """One group of measurements for each box of a statement, or one without a region; all quote it."""
    from highdicom.sr import (
        MeasurementsAndQualitativeEvaluations,
        PlanarROIMeasurementsAndQualitativeEvaluations,
    )

    for mark in finding.marks:
        yield _quoting(
            finding,
            PlanarROIMeasurementsAndQualitativeEvaluations(
                referenced_region=_region(mark, ready[mark.box.image]),
                **_common(finding, report, f"statement {finding.number}, box {mark.number}"),
            ),
        )
    if not finding.marks:
        common = _common(finding, report, f"statement {finding.number}")
        yield _quoting(finding, MeasurementsAndQualitativeEvaluations(**common))


def _common(finding: Finding, report: Report, name: str) -> dict[str, Any]:
    from highdicom.sr import TrackingIdentifier

    section = finding.section
    title = dicom.value(section.title)
    claims = finding.claims if len(finding.claims) == 1 else ()
    return {
        "tracking_identifier": TrackingIdentifier(identifier=name),
        "finding_category": _code(dicom.value(section.code, 16), "LN", title) if section.code else None,
        "finding_type": _code("404684003", "SCT", "Clinical finding") if section.decided else None,
        "algorithm_id": _algorithm(report) if finding.statement.source in WRITTEN else None,
        "qualitative_evaluations": [_presence(claims[0].presence)] if claims else None,
    }


def _algorithm(report: Report) -> Any:
    from highdicom.sr import AlgorithmIdentification

    return AlgorithmIdentification(
        name=line(report.model.speaker) or "unknown",
        version=line(report.model.sha256) or "unknown",
        parameters=[f"{name}: {value}" for name, value in stamp.rows(report)],
        manufacturer=dicom.MANUFACTURER,
    )


def _presence(presence: Presence) -> Any:
    from highdicom.sr import QualitativeEvaluation

    value, meaning = PRESENCE[presence]
    return QualitativeEvaluation(_code("705057003", "SCT", "Presence"), _code(value, "SCT", meaning))


def _region(mark: Mark, one: Original) -> Any:
    from highdicom.sr import GraphicTypeValues, ImageRegion, SourceImageForRegion

    number = dicom.frame(one)
    source = SourceImageForRegion(
        one.header.SOPClassUID, one.header.SOPInstanceUID, None if number is None else [number]
    )
    return ImageRegion(GraphicTypeValues.POLYLINE, dicom.outline(mark, one.header), source)


def _quoting(finding: Finding, group: Any) -> Any:
    """The group with the sentence and what it rests on, as a comment."""
    from highdicom.sr import RelationshipTypeValues, TextContentItem
    from pydicom.sr.codedict import codes

    for words in (line(finding.statement.text) or "(empty)", finding.source):
        comment = TextContentItem(codes.DCM.Comment, words, RelationshipTypeValues.CONTAINS)
        group[0].ContentSequence.append(comment)
    return group


def _code(value: str, scheme: str, meaning: str) -> Any:
    from highdicom.sr import CodedConcept

    return CodedConcept(value, scheme, meaning)
