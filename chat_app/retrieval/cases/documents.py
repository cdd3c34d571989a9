"""Reports that lie beside pictures in DICOM files: the text of structured reports and of packed PDFs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import EncapsulatedPDFStorage

from chat_app.imaging.dicom import mapped
from chat_app.imaging.header import origin
from chat_app.retrieval import parsers
from chat_app.retrieval.limits import Limits

# PS3.4 B.5: every storage class of structured reports begins so.
STRUCTURED = "1.2.840.10008.5.1.4.1.1.88."
DAMAGED = "This DICOM file holds a report that cannot be read: export it again."


def read(path: Path) -> tuple[str, str] | None:
    """The study that a report belongs to, as `Origin.study` has it, and its text; None for another object.

    Raises:
        InputError: the file is damaged, or its PDF cannot be read.
        SetupError: it holds a PDF, and the extra "retrieval" is not installed.
    """
    with mapped(DAMAGED):
        kind = str(dcmread(path, specific_tags=["SOPClassUID"], stop_before_pixels=True).get("SOPClassUID"))
        if kind != EncapsulatedPDFStorage and not kind.startswith(STRUCTURED):
            return None
        dataset = dcmread(path)
        study = origin(dataset).study
        if kind == EncapsulatedPDFStorage:
            return study, _pdf(dataset.EncapsulatedDocument)
        return study, "\n".join(_lines(dataset))


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
