"""Reports that lie beside pictures in DICOM files: the text of structured reports and of packed PDFs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import EncapsulatedPDFStorage

from chat_app.errors import UnreadableFile
from chat_app.imaging.dicom import DAMAGE, mapped
from chat_app.imaging.header import origin
from chat_app.retrieval import parsers
from chat_app.retrieval.limits import Limits

# PS3.4 B.5: every storage class of structured reports begins so.
STRUCTURED = "1.2.840.10008.5.1.4.1.1.88."
NOWHERE = "This report does not say which study it is of: lay it as text beside its picture."
DAMAGED = "This DICOM file holds a report that cannot be read: export it again."


def read(path: Path) -> tuple[str, str] | None:
    """The study that a report belongs to, as `Origin.study` has it, and its text; None for another object.

    Raises:
        InputError: the file is damaged, its PDF cannot be read, or it names no study.
        SetupError: it holds a PDF, and the extra "retrieval" is not installed.
    """
    kind = _class(path)
    if kind != EncapsulatedPDFStorage and not kind.startswith(STRUCTURED):
        return None
    with mapped(DAMAGED):
        dataset = dcmread(path, force=True)
        is_pdf = kind == EncapsulatedPDFStorage
        text = _pdf(dataset.EncapsulatedDocument) if is_pdf else "\n".join(_lines(dataset))
        study = origin(dataset).study
    if not study:
        raise UnreadableFile(NOWHERE)
    return study, text


def _class(path: Path) -> str:
    """The SOP Class UID; "" where it cannot be read, and then whoever opens the picture says why."""
    try:
        dataset = dcmread(path, force=True, specific_tags=["SOPClassUID"], stop_before_pixels=True)
        return str(dataset.get("SOPClassUID") or "")
    except DAMAGE:
        return ""


def _pdf(data: bytes) -> str:
    return "\n".join(block.text for block in parsers.known()[".pdf"].blocks(data, Limits()))


def _lines(item: Dataset) -> Iterator[str]:
    """The texts and codes of a content tree, each after what it is called (PS3.3 C.17.3)."""
    for inner in item.get("ContentSequence", []):
        if said := _said(inner):
            name = _meaning(inner.get("ConceptNameCodeSequence"))
            yield f"{name}: {said}" if name else said
        yield from _lines(inner)


def _said(item: Dataset) -> str:
    kind = item.get("ValueType")
    if kind == "TEXT":
        return str(item.get("TextValue") or "")
    return _meaning(item.get("ConceptCodeSequence")) if kind == "CODE" else ""


def _meaning(codes: Any) -> str:
    return str(codes[0].get("CodeMeaning") or "") if codes else ""
