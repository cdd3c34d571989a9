"""What a DICOMweb server is asked for a search and what it answers: the worklist (QIDO-RS, PS3.18 10.6)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydicom.datadict import tag_for_keyword

WORD = re.compile(r"[\w.'-]+")
UID = re.compile(r"[0-9.]{1,64}")
DATE = re.compile(r"(\d{4})(\d\d)(\d\d)")
TIME = re.compile(r"(\d\d)(\d\d).*")

# What a server need not tell of a study unless it is asked (PS3.18 10.6.3.3).
ASKED = (
    "ModalitiesInStudy",
    "StudyDescription",
    "NumberOfStudyRelatedSeries",
    "NumberOfStudyRelatedInstances",
)


@dataclass(frozen=True, repr=False)
class Found:
    """A study on the server as a worklist shows it; its repr says nothing of whose it is.

    date: "2004-01-19", time: "07:27", "" where the server does not say. series, instances: how many, 0 alike.
    """

    study_uid: str
    patient_name: str = ""
    patient_id: str = ""
    date: str = ""
    time: str = ""
    modalities: tuple[str, ...] = ()
    description: str = ""
    series: int = 0
    instances: int = 0

    @property
    def words(self) -> str:
        """The study in one line for the one who searched, without its UID."""
        files = "file" if self.instances == 1 else "files"
        count = f"{self.series} series, {self.instances} {files}" if self.instances else ""
        who = f"{self.patient_name or 'no name'} ({self.patient_id or 'no ID'})"
        when = f"{self.date} {self.time}".strip() or "no date"
        parts = (when, who, "/".join(self.modalities), self.description, count)
        return " · ".join(part for part in parts if part)

    @property
    def line(self) -> str:
        """The study in one line that ends with its UID, by which it can be fetched."""
        return f"{self.words} · {self.study_uid}"


def queries(text: str) -> list[Mapping[str, str]]:
    """The queries that find a patient, each a conjunction (PS3.18 8.3.4.1).

    A name is sought in either order of its words, and as typed, in capitals and with a capital each: some
    servers hold case to matter.
    """
    words = WORD.findall(text)
    if not words:
        return [{}]
    orders = ("*".join(words), "*".join(reversed(words)))
    names = dict.fromkeys(name for each in orders for name in (each, each.upper(), each.title()))
    numbers = text.split() if len(text.split()) == 1 else ()
    return [
        *({keyword: number} for number in numbers for keyword in ("PatientID", "AccessionNumber")),
        *({"PatientName": f"*{name}*"} for name in names),
    ]


def studies(answer: Any) -> list[Found]:
    """What a search found, from its answer in DICOM's JSON (PS3.18 F.2); ValueError when it is none."""
    if not isinstance(answer, list):
        raise ValueError("no list of studies")
    return [_study(entry) for entry in answer]


def _study(entry: Any) -> Found:
    uid = value(entry, "StudyInstanceUID")
    if not UID.fullmatch(uid):
        raise ValueError("no study")
    return Found(
        study_uid=uid,
        patient_name=value(entry, "PatientName"),
        patient_id=value(entry, "PatientID"),
        date=DATE.sub(r"\1-\2-\3", value(entry, "StudyDate")),
        time=TIME.sub(r"\1:\2", value(entry, "StudyTime")),
        modalities=tuple(_values(entry, "ModalitiesInStudy")),
        description=value(entry, "StudyDescription"),
        series=_count(entry, "NumberOfStudyRelatedSeries"),
        instances=_count(entry, "NumberOfStudyRelatedInstances"),
    )


def _values(entry: Any, keyword: str) -> list[str]:
    """The values of an attribute as text. By hand: pydicom would warn of odd ones, with the value in it."""
    attribute = entry.get(f"{tag_for_keyword(keyword):08X}") if isinstance(entry, Mapping) else None
    values = attribute.get("Value") if isinstance(attribute, Mapping) else None
    return [_text(value) for value in values] if isinstance(values, list) else []


def value(entry: Any, keyword: str) -> str:
    """The first value of an attribute in DICOM's JSON, "" when there is none."""
    return next(iter(_values(entry, keyword)), "")


def _count(entry: Any, keyword: str) -> int:
    text = value(entry, keyword)
    return int(text) if text.isdecimal() else 0


def _text(value: Any) -> str:
    """A value in one line as it reads; of a name in several scripts, the first (PS3.5 6.2.1.1)."""
    if isinstance(value, Mapping):
        value = next((value[form] for form in ("Alphabetic", "Ideographic", "Phonetic") if form in value), "")
    line = " ".join(str("" if value is None else value).replace("^", " ").split())
    # Marks that turn the direction of writing could make one patient's line read as another's.
    return "".join(character for character in line if character.isprintable())
