"""What data sets call modalities, as DICOM does."""

from __future__ import annotations

from collections.abc import Mapping

# PS3.3 C.7.3.1.1.1.
CODES: Mapping[str, tuple[str, ...]] = {
    "x-ray": ("CR", "DX"),
    "mammography": ("MG",),
    "ct": ("CT",),
    "mri": ("MR",),
    "ultrasound": ("US",),
    "pet": ("PT",),
    "endoscopy": ("ES",),
    "microscopy": ("GM", "SM"),
    "fundus": ("OP",),
}


def codes(name: str) -> tuple[str, ...]:
    """DICOM's codes for a set's word; a word in capitals is taken for a code; none for any other."""
    return CODES.get(name.lower(), (name,) if name.isupper() else ())
