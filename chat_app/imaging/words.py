"""Text that is burnt into a picture: found by rapidocr, and told apart by whether it may name someone.

What is read is data: it decides which boxes are blacked out and goes nowhere else, into no prompt and no log.
"""

from __future__ import annotations

import importlib.util
import logging
import re
import threading
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from chat_app.errors import SetupError
from chat_app.records import Box

if TYPE_CHECKING:
    from chat_app.records import Pixels

MISSING = "Text in pictures cannot be read yet: run pip install 'lightbox-chat[ocr]'."
SMALL = 1000  # pixels of the longer side, under which letters are too small to be read as they are
ENLARGED = 2
# A side marker alone is rarely found at all, so a low score costs little and saves slips.
LEAST_SCORE = 0.5
PARAMETERS = {
    "Global.log_level": "critical",
    "Global.use_cls": False,
    "Global.text_score": LEAST_SCORE,
    "EngineConfig.onnxruntime.intra_op_num_threads": 2,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
}

# Header elements whose values are looked for in the pixels: of people, and of places and dates.
PEOPLE = (
    "PatientName",
    "PatientID",
    "OtherPatientIDs",
    "OtherPatientNames",
    "PatientBirthName",
    "PatientMotherBirthName",
    "PatientBirthDate",
    "PatientTelephoneNumbers",
    "ResponsiblePerson",
    "AccessionNumber",
    "ReferringPhysicianName",
    "PerformingPhysicianName",
    "PhysiciansOfRecord",
    "NameOfPhysiciansReadingStudy",
    "RequestingPhysician",
    "OperatorsName",
)
KNOWN = (
    *PEOPLE,
    "PatientAddress",
    "StudyID",
    "StudyDate",
    "SeriesDate",
    "AcquisitionDate",
    "ContentDate",
    "InstitutionName",
    "InstitutionAddress",
    "InstitutionalDepartmentName",
    "StationName",
)
MARGIN = 0.2  # of a side
SHORTEST = 2  # letters of a known value that are looked for
SHORTEST_NUMBER = 3
EXACT = 3  # letters up to which no slip is allowed
YEAR = 4  # digits up to which none is
LEAST_LETTERS = 3

MONTHS = "JAN|FEB|MAR|APR|MAY|MAI|JUN|JUL|AUG|SEP|OCT|OKT|NOV|DEC|DEZ"
# Dates, times to the second and long numbers: nothing of technique looks like them.
NUMBERED = re.compile(
    r"\d{1,4}[./:-]\d{1,4}[./:-]\d{2,4}"  # 31.12.1962, 1962-12-31, 08:50:28
    rf"|\b\d{{1,2}}[ .-]?({MONTHS})(\b|[A-Z]*[ .,-]*\d{{2,4}})|({MONTHS})[A-Z]*[ .]*\d{{1,2}}[ ,]+\d{{4}}"
    r"|(?<![\d.])\d[\d/-]{4,}"
)
# Names in DICOM's way, and the words beside which people, places and numbers of patients stand.
NAMED = re.compile(
    r"[^\W\d_]{2,}\s?\^"  # SMITH^JOHN
    r"|\b(NAME|PATIENT|PAT|PT|D\.?O\.?B|BORN|GEB|MRN|PID|ID|ACC|REF|PHYS|OPERATOR)\b\.?\s*[:#=]"
    r"|\b(NAME|DOB|BIRTH\w*|BORN|MRN|ACCESSION|PATIENT|PHYSICIAN|DR|PROF|MRS?|HOSPITAL\w*|KLINI[CK]\w*|CLINI\w*"
    r"|HOPITAL|OSPEDALE|UNIVERSIT\w*|MED(ICAL)? C(EN)?TE?R|INSTITUTE?)\b"
)

UNIT = r"(CM|MM|M|CM/S|M/S|MHZ|KHZ|HZ|FPS|DB|KV|KVP|MAS|MA|MS|S|SEC|BPM|%|X|DEG|HU|MGY|ML|CC|MMHG)"
NUMBER = re.compile(rf"[+~#-]*\d{{0,3}}([.,]\d{{1,2}})?{UNIT}?|[A-Z]\d{{1,2}}")
# Words of technique and side that stand on pictures; a line made of nothing else is left alone.
TECHNIQUE = re.compile(
    "L|R|LT|RT|LEFT|RIGHT|LI|RE|A|P|S|I|H|F|AP|PA|LAT|LATERAL|LL|RL|OBL|OBLIQUE|SUPINE|PRONE|ERECT|UPRIGHT"
    "|SITTING|STANDING|PORTABLE|MOBILE|DECUB|DECUBITUS|INSP|EXP|INSPIRATION|EXPIRATION|CC|MLO|ML|LM|RCC|LCC"
    "|RMLO|LMLO|SAG|COR|AX|TRANS|LONG|SAGITTAL|CORONAL|AXIAL|TRANSVERSE|MI|TI|TIS|TIB|TIC|AO|PWR|PW|CW|CF|CFM"
    "|COLOR|COLOUR|POWER|GAIN|GN|DR|DEPTH|FR|FREQ|THI|GEN|HGEN|RES|PEN|HPEN|MAP|FRAME|CINE|IM|PAGE|PRF|WF"
    "|FILTER|LOW|MED|HIGH|ECG|EKG|BPM|HR|SCALE|ZOOM|WW|WL|W|C|KV|KVP|MA|MAS|MS|SLICE|SE|TE|TR|FA|NEX|FOV|SNR"
    "|DFOV"
)


@dataclass(frozen=True)
class Words:
    """A line of text in a picture; `box` in its pixels, score from 0 to 1. The text stays out of logs."""

    text: str = field(repr=False)
    box: Box
    score: float


def available() -> bool:
    """Whether the extra "ocr" is installed."""
    return all(importlib.util.find_spec(name) for name in ("rapidocr", "onnxruntime"))


def read_text(pixels: Pixels) -> list[Words]:
    """Every line of text in a picture of (rows, columns) or (rows, columns, 3), uint8.

    Raises:
        SetupError: the extra "ocr" is not installed.
    """
    rows, columns = pixels.shape[:2]
    scale = ENLARGED if max(rows, columns) < SMALL else 1
    with _LOCK:
        found = _engine()(_enlarged(pixels, scale))
    if found.boxes is None or not len(found.boxes):
        return []
    return [
        Words(text, box, float(score))
        for corners, text, score in zip(found.boxes, found.txts, found.scores, strict=True)
        if (box := _box(np.asarray(corners) / scale, rows, columns)) is not None
    ]


def find(pixels: Pixels, known: Collection[str] = (), *, is_strict: bool = False) -> list[Words]:
    """The lines that may say whose picture it is, or where and when it was made.

    known: values of the header to look for (`known` gives them), slips of the reader allowed for.
    is_strict: for captures and ultrasound: also every word in the margins that is not of technique.
    """
    rows, columns = pixels.shape[:2]
    sought = [part for value in known for part in parts(value)]
    lines = read_text(pixels)
    found = [
        words
        for words in lines
        if _is_known(words.text, sought)
        or _is_identifying(words.text)
        or (is_strict and _is_writing(words.text) and _is_in_margin(words.box, rows, columns))
    ]
    for words in found:  # which grows: a name may be read in pieces
        found += [
            other
            for other in lines
            if other not in found and _is_beside(other.box, words.box) and not _is_technique(other.text)
        ]
    return found


def known(dataset: Dataset, keywords: Iterable[str] = KNOWN) -> frozenset[str]:
    """What the header says of the patient, the place and the people, to be looked for in the pixels."""
    values = (dataset.get(keyword) for keyword in keywords)
    flat = (each for value in values for each in (value if isinstance(value, MultiValue) else [value]))
    return frozenset(str(each) for each in flat if each)


@cache
def _engine() -> Any:
    """The reader with its three models, loaded once; it holds nothing of what it read."""
    if not available():
        raise SetupError(MISSING)
    logging.getLogger("RapidOCR").setLevel(logging.CRITICAL)
    from rapidocr import RapidOCR

    return RapidOCR(params=PARAMETERS)


_LOCK = threading.Lock()  # the reader keeps its settings on itself


def _enlarged(pixels: Pixels, scale: int) -> Pixels:
    """RGB, each pixel repeated."""
    colour = pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, None], 3, axis=2)
    return np.ascontiguousarray(colour.repeat(scale, axis=0).repeat(scale, axis=1))


def _box(corners: np.ndarray[Any, Any], rows: int, columns: int) -> Box | None:
    """The upright box round a line, a little wider than the letters; None where it has no area."""
    (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
    rim = 1 + min(x1 - x0, y1 - y0) / 6
    x0, y0 = max(0.0, float(x0 - rim)), max(0.0, float(y0 - rim))
    x1, y1 = min(float(columns), float(x1 + rim)), min(float(rows), float(y1 + rim))
    return Box(x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def folded(text: str) -> str:
    """Capitals without accents."""
    plain = unicodedata.normalize("NFKD", text)
    return "".join(character for character in plain if not unicodedata.combining(character)).upper()


def parts(value: str) -> Iterator[str]:
    """What of a header value is looked for: its words, and a date in the orders that people write it."""
    if re.fullmatch(r"\d{8}", value):
        year, month, day = value[:4], value[4:6], value[6:]
        for shown in (year, year[2:]):
            yield from (shown + month + day, day + month + shown, month + day + shown)
        yield year
    names = [part for part in re.split(r"[\W_]+", folded(value)) if part]
    if "^" in value:  # which readers take for a letter
        yield from (whole for one, two in pairwise(names) for whole in (one + two, two + one))
    for part in names:
        if len(part) >= (SHORTEST_NUMBER if part.isdecimal() else SHORTEST):
            yield part


def _is_known(text: str, sought: Collection[str]) -> bool:
    tokens = [token for token in re.split(r"[\W_]+", folded(text)) if token]
    joined = [first + second for first, second in pairwise(tokens)]
    whole = "".join(tokens)
    return any(
        (len(part) > EXACT and part in whole) or any(_is_near(token, part) for token in (*tokens, *joined))
        for part in sought
    )


# Letters and digits that readers take for one another.
ALIKE = str.maketrans("OQDILSBZG", "000115826")


def _is_near(token: str, part: str) -> bool:
    """Whether they differ by no more than a reader's slips: none in 3 letters or a year, 1 to 7, else 2."""
    is_exact = len(part) <= EXACT or (part.isdecimal() and len(part) <= YEAR)
    slips = 0 if is_exact else 1 if len(part) < 8 else 2
    if abs(len(token) - len(part)) > slips:
        return False
    return _distance(token.translate(ALIKE), part.translate(ALIKE)) <= slips


def _distance(first: str, second: str) -> int:
    """Levenshtein's: letters put in, left out or changed."""
    row = list(range(len(second) + 1))
    for i, letter in enumerate(first, 1):
        above, row[0] = row[0], i
        for j, other in enumerate(second, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (letter != other))
    return row[-1]


def _is_identifying(text: str) -> bool:
    """Whether a line looks like a name, a date or a number of someone, whoever it is."""
    plain = folded(text)
    return bool(NUMBERED.search(plain) or (NAMED.search(plain) and not _is_technique(text)))


def _is_beside(box: Box, other: Box) -> bool:
    """Whether they stand in one row, no further apart than a letter is high."""
    overlap = min(box.y1, other.y1) - max(box.y0, other.y0)
    least, gap = min(box.y1 - box.y0, other.y1 - other.y0), max(box.x0, other.x0) - min(box.x1, other.x1)
    return overlap > least / 2 and gap < least


def _is_writing(text: str) -> bool:
    """Whether a line says more than technique; a letter or two may be anatomy, misread."""
    return sum(map(str.isalnum, text)) >= LEAST_LETTERS and not _is_technique(text)


def _is_technique(text: str) -> bool:
    """Whether a line is made of sides, technique and small numbers alone."""
    tokens = [token for token in re.split(r"[\s=:,;()<>/|*]+", folded(text)) if token]
    return all(
        TECHNIQUE.fullmatch(token) or re.fullmatch(UNIT, token) or NUMBER.fullmatch(token) for token in tokens
    )


def _is_in_margin(box: Box, rows: int, columns: int) -> bool:
    """Whether its middle lies in the outer fifth of the picture, where devices write."""
    x, y = (box.x0 + box.x1) / 2 / columns, (box.y0 + box.y1) / 2 / rows
    return not (MARGIN < x < 1 - MARGIN and MARGIN < y < 1 - MARGIN)
