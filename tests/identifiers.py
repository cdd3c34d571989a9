"""A DICOM picture full of identifiers that are easily told from everything else, wherever one can hide."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from dicomanonymizer.dicom_anonymization_databases import dicomfields_2026c as table
from pydicom.datadict import dictionary_has_tag, dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

# Of the table's rows for several groups at once: (50xx,xxxx), (60xx,3000), (60xx,4000).
REPEATED = tuple(
    (group, element)
    for first, elements in ((0x5000, (0x0040, 0x2500, 0x3000)), (0x6000, (0x0022, 0x1500, 0x3000, 0x4000)))
    for group in (first, first + 2, first + 0x1E)
    for element in elements
)
LAST_OF_META = 2  # groups up to this one are commands and the file meta information
UID_ROOT = "1.2.840.99999.7"
FILE_NAME = "Zqfilename_Zqfolder"

# Where a single value stands by itself, by keyword.
PLAIN = {
    "PatientName": "Zqname^Zqgiven",
    "PatientID": "ZQID0001",
    "PatientBirthDate": "19310820",
    "PatientBirthTime": "031415",
    "PatientAge": "047Y",
    "PatientAddress": "Zqstreet 1",
    "PatientTelephoneNumbers": "+49 555 0100 77",
    "PatientMotherBirthName": "Zqmother",
    "OtherPatientIDs": "ZQOTHER2",
    "OtherPatientNames": "Zqalias^Zqalias",
    "EthnicGroup": "ZQETHNIC",
    "Occupation": "Zqoccupation",
    "PatientComments": "Zqcomments of the patient",
    "AdditionalPatientHistory": "Zqhistory",
    "MedicalRecordLocator": "ZQLOCATOR",
    "MilitaryRank": "Zqrank",
    "AccessionNumber": "ZQACC003",
    "StudyID": "ZQSTUDY4",
    "StudyDate": "20190717",
    "StudyTime": "111213.141516",
    "AcquisitionDateTime": "20190718121314.151617",
    "StudyDescription": "Zqstudydescription",
    "SeriesDescription": "Zqseriesdescription",
    "ProtocolName": "Zqprotocol",
    "ImageComments": "Zqimagecomments",
    "DerivationDescription": "Zqderivation",
    "ContrastBolusAgent": "Zqagent",
    "InstitutionName": "Zqhospital",
    "InstitutionAddress": "Zqaddress 2",
    "InstitutionalDepartmentName": "Zqdepartment",
    "ReferringPhysicianName": "Zqreferring^Dr",
    "PerformingPhysicianName": "Zqperforming^Dr",
    "OperatorsName": "Zqoperator",
    "StationName": "ZQSTATION",
    "DeviceSerialNumber": "ZQSERIAL5",
    "RetrieveAETitle": "ZQAETITLE",
    "StudyInstanceUID": f"{UID_ROOT}.1",
    "SeriesInstanceUID": f"{UID_ROOT}.2",
    "SOPInstanceUID": f"{UID_ROOT}.3",
    "FrameOfReferenceUID": f"{UID_ROOT}.4",
    # Outside the table, and yet free text.
    "TextString": "Zqtextstring",
    "WindowCenterWidthExplanation": "Zqexplanation",
    "PositionReferenceIndicator": "Zqreference",
}
NESTED = {
    "ScheduledProcedureStepDescription": "Zqscheduled",
    "RequestedProcedureID": "ZQREQ006",
    "CodeMeaning": "Zqmeaning",
    "CodeValue": "ZQCODE07",
    "PersonName": "Zqperson^Zqdeep",
    "ReferencedSOPInstanceUID": f"{UID_ROOT}.5",
    "PersonAddress": "Zqpersonaddress",
}
HIDDEN = {
    "private creator": "ZQCREATOR",
    "private value": "Zqprivate",
    "private sequence": "Zqprivatesequence",
    "file meta title": "ZQSOURCEAE",
    "file meta private": "Zqmetaprivate",
    "file meta version": "ZQVERSION",
    "preamble": "Zqpreamble",
    "overlay description": "Zqoverlaydescription",
    "overlay label": "Zqoverlaylabel",
    "overlay data": "Zqoverlaydata",
    "curve": "Zqcurvedata",
    "unknown element": "Zqunknown",
    "after the pixels": "Zqpixelpadding",
    "trailing padding": "Zqtrailing",
}
SEEDS = {**PLAIN, **NESTED, **HIDDEN}


def seeded() -> FileDataset:
    """A CT slice that holds every one of SEEDS."""
    dataset = FileDataset("", {}, file_meta=_meta(), preamble=HIDDEN["preamble"].encode().ljust(128, b"\0"))
    _picture(dataset)
    for keyword, value in PLAIN.items():
        setattr(dataset, keyword, value)
    dataset.ReferencedImageSequence = Sequence([_reference()])
    dataset.SharedFunctionalGroupsSequence = Sequence([_group()])
    _hide(dataset)
    return dataset


def saved(dataset: FileDataset) -> bytes:
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def residue(data: bytes, seeds: dict[str, str] = SEEDS) -> list[str]:
    """Which seeds are still in these bytes, in any usual encoding or case."""
    lower = data.lower()
    return [
        place
        for place, value in seeds.items()
        for text in [value.lower()]
        if any(text.encode(encoding) in lower for encoding in ("utf-8", "utf-16-le", "utf-16-be"))
    ]


def every_attribute() -> dict[Tag, DataElement]:
    """Each attribute of PS3.15 Table E.1-1 that a dataset can hold, with a value of its own.

    Of its repeating groups (curves, overlays) the first, the second and the last.
    """
    tags = [Tag(tag) for tag in (*table.ALL_TAGS, *REPEATED) if len(tag) == 2 and tag[0] > LAST_OF_META]
    elements = [_element(tag, f"ZQ{int(tag):08X}") for tag in dict.fromkeys(tags)]
    return {element.tag: element for element in elements}


def _element(tag: Any, mark: str) -> DataElement:
    is_drawing = tag.element == 0x3000 and tag.group >= 0x5000
    vr = "OB" if is_drawing else dictionary_VR(tag) if dictionary_has_tag(tag) else "LO"
    values: dict[str, Any] = {
        "AS": "047Y",
        "DA": "19310820",
        "TM": "031415.926535",
        "DT": "19310820031415.926535",
        "DS": "76543.21",
        "IS": "7654321",
        "UI": f"{UID_ROOT}.{int(tag)}",
        "US": 54321,
        "OB": mark.encode(),
        "UN": mark.encode(),
    }
    if vr != "SQ":
        return DataElement(tag, vr, values.get(vr, mark))
    item = Dataset()
    item.PatientName = mark
    return DataElement(tag, vr, Sequence([item]))


def keyword(element: DataElement) -> str:
    return keyword_for_tag(element.tag) or str(element.tag)


def _meta() -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = PLAIN["SOPInstanceUID"]
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationVersionName = HIDDEN["file meta version"]
    meta.SourceApplicationEntityTitle = HIDDEN["file meta title"]
    meta.PrivateInformationCreatorUID = f"{UID_ROOT}.6"
    meta.PrivateInformation = HIDDEN["file meta private"].encode()
    return meta


def _picture(dataset: FileDataset) -> None:
    stored = np.arange(64 * 64, dtype=np.int16).reshape(64, 64) - 1024
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.SOPClassUID = CTImageStorage
    dataset.Modality, dataset.BodyPartExamined, dataset.Laterality = "CT", "CHEST", "L"
    dataset.PatientSex = "F"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = stored.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation = 1
    dataset.WindowCenter, dataset.WindowWidth = 40, 400
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, 0
    dataset.PixelData = stored.tobytes() + HIDDEN["after the pixels"].encode()


def _reference() -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID = CTImageStorage
    reference.ReferencedSOPInstanceUID = NESTED["ReferencedSOPInstanceUID"]
    purpose = Dataset()
    purpose.CodeValue, purpose.CodingSchemeDesignator = NESTED["CodeValue"], "99LOCAL"
    purpose.CodeMeaning = NESTED["CodeMeaning"]
    reference.PurposeOfReferenceCodeSequence = Sequence([purpose])
    return reference


def _group() -> Dataset:
    """A functional group, which no rule removes, with identifiers two levels below it."""
    request, person, group = Dataset(), Dataset(), Dataset()
    request.ScheduledProcedureStepDescription = NESTED["ScheduledProcedureStepDescription"]
    request.RequestedProcedureID = NESTED["RequestedProcedureID"]
    person.PersonName, person.PersonAddress = NESTED["PersonName"], NESTED["PersonAddress"]
    request.PlaneOrientationSequence = Sequence([person])
    group.RequestAttributesSequence = Sequence([request])
    group.FrameAnatomySequence = Sequence([request])
    return group


def _hide(dataset: FileDataset) -> None:
    block = dataset.private_block(0x0011, HIDDEN["private creator"], create=True)
    block.add_new(0x01, "LO", HIDDEN["private value"])
    inner = Dataset()
    inner.PatientName = HIDDEN["private sequence"]
    block.add_new(0x02, "SQ", Sequence([inner]))
    dataset.add_new(0x60000010, "US", 64)
    dataset.add_new(0x60000011, "US", 64)
    dataset.add_new(0x60000022, "LO", HIDDEN["overlay description"])
    dataset.add_new(0x60001500, "LO", HIDDEN["overlay label"])
    dataset.add_new(0x60003000, "OW", HIDDEN["overlay data"].encode().ljust(512, b"\0"))
    dataset.add_new(0x50003000, "OW", HIDDEN["curve"].encode().ljust(12, b"\0"))
    dataset.add_new(0x00080099, "LO", HIDDEN["unknown element"])
    dataset.add_new(0xFFFCFFFC, "OB", HIDDEN["trailing padding"].encode())
