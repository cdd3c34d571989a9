"""A report's PDF inside a DICOM file (Encapsulated PDF), so that an archive keeps it beside the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chat_app.exporters import pdf
from chat_app.exporters.parts import dicom, stamp
from chat_app.exporters.parts.originals import NONE, Original, Originals
from chat_app.records import Image, Report

if TYPE_CHECKING:
    from pydicom.dataset import Dataset, FileDataset

TITLE = "DICOM with the PDF inside"
ENDING = ".pdf.dcm"
BESIDE = True


def export(report: Report, pictures: Sequence[Image] = (), originals: Originals = NONE) -> bytes:
    """The file, of the patient and in the study of the pictures (PS3.3 A.45.1, C.24.2)."""
    ready = list(dicom.ready(report, originals).values())
    signature = stamp.signed(report)
    written = pdf.export(report, pictures)
    dataset = _begun(report, ready[0].header)
    dataset.DocumentTitle = dicom.described(report, report.title)
    # What a person wrote may name the patient, and nobody has looked (PS3.3 C.24.2).
    dataset.BurnedInAnnotation = "YES"
    dataset.VerificationFlag = "VERIFIED" if signature else "UNVERIFIED"
    dataset.ConceptNameCodeSequence = [_diagnostic_imaging()]
    dataset.SourceInstanceSequence = [_reference(each) for each in ready]
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    dataset.EncapsulatedDocumentLength = len(written)
    dataset.EncapsulatedDocument = written + b"\0" * (len(written) % 2)
    return dicom.file(dataset)


def _begun(report: Report, header: Dataset) -> FileDataset:
    """An empty document of the patient and study of that header, in a series of its own."""
    from highdicom import UID
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = EncapsulatedPDFStorage
    meta.MediaStorageSOPInstanceUID = UID()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SpecificCharacterSet = dicom.UNICODE
    for keyword in (*dicom.STATED, "StudyInstanceUID"):
        setattr(dataset, keyword, header[keyword].value)
    for keyword, value in _described(report).items():
        setattr(dataset, keyword, value)
    dataset.SOPClassUID = EncapsulatedPDFStorage
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.SeriesInstanceUID = UID()
    return dataset


def _described(report: Report) -> dict[str, Any]:
    """Series, equipment and time, by DICOM keyword."""
    made, at = dicom.equipment(report), stamp.moment(report)
    return {
        "Modality": "DOC",
        "ConversionType": "WSD",
        "SeriesNumber": 902,
        "InstanceNumber": 1,
        "SeriesDescription": dicom.described(report, report.title),
        "ContentDate": at.strftime("%Y%m%d"),
        "ContentTime": at.strftime("%H%M%S"),
        "AcquisitionDateTime": "",
        "Manufacturer": made["manufacturer"],
        "ManufacturerModelName": made["manufacturer_model_name"],
        "SoftwareVersions": made["software_versions"],
        "DeviceSerialNumber": made["device_serial_number"],
    }


def _diagnostic_imaging() -> Dataset:
    from highdicom.sr import CodedConcept

    return CodedConcept("18748-4", "LN", "Diagnostic imaging study")


def _reference(one: Original) -> Dataset:
    from pydicom.dataset import Dataset

    item = Dataset()
    item.ReferencedSOPClassUID = one.header.SOPClassUID
    item.ReferencedSOPInstanceUID = one.header.SOPInstanceUID
    if (number := dicom.frame(one)) is not None:
        item.ReferencedFrameNumber = number
    return item
