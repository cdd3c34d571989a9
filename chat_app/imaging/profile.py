"""What becomes of each element of a DICOM header that goes further: the rules, and nothing of files.

The rules are those of PS3.15 Table E.1-1 as dicom-anonymizer holds them (edition 2026c). It looks them up tag
by tag in a file's first level; here each element looks up its own rule, on every level, so that nested
sequences are reached and a file costs a few milliseconds. What the table does not list is kept only in a
closed form: codes, numbers, registered UIDs and the pixels; any other text is emptied.
"""

from __future__ import annotations

import hmac
import re
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from copy import copy
from functools import cache
from numbers import Number
from typing import Any

from dicomanonymizer import simpledicomanonymizer as library
from pydicom.datadict import repeater_has_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.uid import UID

from chat_app.imaging import slack, words
from chat_app.imaging.dicom import DAMAGE
from chat_app.imaging.facts import NO_CONTRAST, band, is_body_part
from chat_app.imaging.voi import NAMES

EDITION = "dicomfields_2026c"
DIGEST = "sha256"

TEXT = frozenset({"AE", "AS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UR", "UT"})
NUMBERS = frozenset({"AT", "DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV"})
# Binary values outside the table that the picture needs; any other may hold whatever it likes.
BINARY = re.compile(
    "(|Float|DoubleFloat)PixelData|ExtendedOffsetTable(|Lengths)|ICCProfile|LUTData"
    "|(|Segmented)(Red|Green|Blue|Alpha)PaletteColorLookupTableData"
)
# Text outside the table that names a machine, a quantity or a window, in the form it must have; codes are
# checked on their own.
RESCALED = "OD|HU|US|MGML|Z_EFF|ED|EDW|HU_MOD|PCT|CPS|BQML"  # PS3.3 C.11.1.1.2, and what PET adds
KERNELS = (
    r"[A-Z]{1,2}\d{2,3}[a-z]?|BODY|BONE(PLUS)?|BRAIN|CHEST|DETAIL|EDGE|HEAD|LUNG|SHARP|SMOOTH|SOFT"
    "|STANDARD|STD"
)
MAKERS = (
    "ACUSON|AGFA|ALOKA|ATL|CANON|CARESTREAM|ELSCINT|FUJI|FUJIFILM|GE|G[.]E[.]|GENERAL ELECTRIC|GEMS|HITACHI"
    "|HOLOGIC|IMATRON|KODAK|KONICA|LEICA|LORAD|MARCONI|MINDRAY|MINOLTA|OLYMPUS|PHILIPS|PICKER|SAMSUNG|SECTRA|SHIMADZU|SIEMENS"
    "|TOSHIBA|UNITED IMAGING|VARIAN|VISUS|ZEISS"
)
COMPANY = (
    "AG|CO|CORP|CORPORATION|DENTAL|EASTMAN|FILM|PHOTO|ELECTRONICS|GMBH|HEALTH|HEALTHCARE|HEALTHINEERS|INC|LTD|MEDICAL|MEDISON"
    "|NV|SYSTEMS|TECHNOLOGIES|ULTRASOUND|_?MEC(_US)?"
)
PLAIN = {
    "CodeMeaning": ".*",
    "CodeValue": ".*",
    "CodingSchemeDesignator": ".*",
    "ConvolutionKernel": KERNELS,
    "ImagedNucleus": r"\d{1,3}[A-Z][a-z]?",
    "Manufacturer": rf"({MAKERS})([ ,.]+({MAKERS}|{COMPANY}))*\.?",
    "ManufacturerModelName": r"(?!.*\d{5})[\w ./+()-]{1,40}",
    "ModalityLUTType": RESCALED,
    "RescaleType": RESCALED,
    "StackID": r"\d{1,4}",
    "WindowCenterWidthExplanation": "|".join(NAMES),
}
CODE = ("CodeValue", "CodingSchemeDesignator", "CodeMeaning")
CODE_STRING = re.compile(r"(?!.*\d{5})[A-Z0-9_ ./+-]{0,16}")  # five digits are someone's number
SEX = re.compile(r"[MFO]")
# Held to lists of their own, or said by the program; a patient called "Head" must not undo them.
NEUTRAL = frozenset(
    {"BodyPartExamined", "Modality", "PatientAge", "PatientSex", "PhotometricInterpretation"}
    | {"CodeMeaning", "CodeValue", "CodingSchemeDesignator", "SpecificCharacterSet"}
)

# Under these are counted the elements that go without a look at what they say.
PRIVATE, UNKNOWN, UNREADABLE = "private elements", "unknown elements", "unreadable elements"
DRAWING = "overlays and curves"
LOWEST_GROUP = 0x0008  # below are commands, file meta information and directories, which no picture holds

Rules = Mapping[tuple[int, int], Callable[[Dataset, tuple[int, int]], None]]


def emptied(source: Dataset, key: bytes, *, keep_characteristics: bool) -> tuple[Dataset, Counter[str]]:
    """The dataset with every identifying value gone, and how often each keyword was withheld.

    The source is left as it is. UIDs that no register holds are replaced under the key. keep_characteristics:
    the sex stays, and the age as the first year of its decade.
    """
    withheld: Counter[str] = Counter()
    target = Dataset()
    for element in _elements(source, withheld):
        kept = _ruled(element, key, withheld, keep_characteristics=keep_characteristics)
        if kept is not None:
            target[kept.tag] = kept
    _check_code(target, withheld)
    slack.cut_tables(target)
    return target, withheld


def strike(body: Dataset, names: Collection[str]) -> Counter[str]:
    """Empties every text that repeats one of these words, at any depth; how often, by keyword.

    names: capitals without accents, as `words.parts` gives them; what people and their numbers are called may
    have been typed into a field that is meant for a code.
    """
    struck: Counter[str] = Counter()
    for element in body:
        if element.VR == "SQ":
            for item in element.value:
                struck += strike(item, names)
        elif element.VR in TEXT | {"CS"} and element.keyword not in NEUTRAL:
            value = _each(element.value, lambda text: "" if _says(str(text), names) else str(text))
            if value != element.value and not element.is_empty:
                struck[element.keyword] += 1
                body[element.tag] = _with(element, value)
    return struck


def _says(text: str, names: Collection[str]) -> bool:
    return any(word in names for word in re.split(r"[\W_]+", words.folded(text)))


def new_uid(uid: str, key: bytes) -> str:
    """The UID that always stands for this one under this key (PS3.5 B.2); a registered one stays."""
    plain = uid.strip(" \0")
    if not plain or UID(plain).name != plain:
        return plain
    digest = hmac.digest(key, plain.encode("utf-8", "surrogateescape"), DIGEST)
    return f"2.25.{uuid.UUID(bytes=digest[:16], version=4).int}"


def _elements(source: Dataset, withheld: Counter[str]) -> Iterator[DataElement]:
    """Each element that can be read; one that cannot might hold anything."""
    for tag in list(source.keys()):
        try:
            yield source[tag]
        except DAMAGE:
            withheld[UNREADABLE] += 1


def _ruled(
    element: DataElement, key: bytes, withheld: Counter[str], *, keep_characteristics: bool
) -> DataElement | None:
    """The element as it may stay, or None."""
    if strange := _strange(element):
        withheld[strange] += 1
        return None
    if keep_characteristics and element.keyword in CHARACTERISTICS:
        kept: DataElement | None = _with(element, CHARACTERISTICS[element.keyword](str(element.value or "")))
    elif element.VR == "SQ":
        return _sequence(element, key, withheld, keep_characteristics=keep_characteristics)
    elif element.VR == "UI":
        return _with(element, _each(element.value, lambda uid: new_uid(str(uid), key)))
    else:
        kept = _valued(element)
    if not element.is_empty and (kept is None or kept.value != element.value):
        withheld[element.keyword] += 1
    return kept


def _valued(element: DataElement) -> DataElement | None:
    """An element that holds values: by the table, and outside of it by its kind."""
    if element.keyword in FORMS and FORMS[element.keyword](element.value):
        return copy(element)
    rule = _rules().get((element.tag.group, element.tag.element))
    if rule is not None:
        return _by_table(element, rule)
    if element.keyword == "BodyPartExamined":
        return _with(element, _each(element.value, lambda part: part if is_body_part(str(part)) else ""))
    if element.VR == "CS":
        return _with(element, _each(element.value, lambda text: _code_string(str(text))))
    if element.VR in TEXT:
        form = PLAIN.get(element.keyword, "")
        return _with(element, _each(element.value, lambda text: _formed(str(text), form)))
    if element.VR in NUMBERS:
        return copy(element) if _is_numeric(element.value) else None
    return copy(element) if BINARY.fullmatch(element.keyword) else None


def _by_table(element: DataElement, rule: Callable[[Dataset, tuple[int, int]], None]) -> DataElement | None:
    """The library's own deed on a copy; its "delete" leaves dates standing, so that one is done here."""
    if rule is library.delete:
        return None
    alone = Dataset()
    alone.add(copy(element))
    try:
        rule(alone, (element.tag.group, element.tag.element))
    except NotImplementedError:
        # Where the library cannot put a dummy in its place, the value must not stay for want of one.
        return None
    return alone.get(element.tag)


def _sequence(
    element: DataElement, key: bytes, withheld: Counter[str], *, keep_characteristics: bool
) -> DataElement | None:
    """Items cleaned one by one where the table lets the sequence stand; else none of them."""
    rule = _rules().get((element.tag.group, element.tag.element))
    if rule in (None, library.delete_or_empty_or_replace_UID):
        items = []
        for item in element.value:
            cleaned, gone = emptied(item, key, keep_characteristics=keep_characteristics)
            for keyword in [each for each in (*slack.PIXELS, *slack.OFFSETS) if each in cleaned]:
                del cleaned[keyword]  # nobody looks at a picture within a picture
                gone[keyword] += 1
            withheld.update(gone)
            items.append(cleaned)
        return _with(element, Sequence(items))
    if element.value:
        withheld[element.keyword] += 1
    return None if rule is library.delete else _with(element, Sequence())


def _check_code(item: Dataset, withheld: Counter[str]) -> None:
    """A code that a public scheme lists gets the scheme's own words; of any other nothing stays."""
    if not any(keyword in item for keyword in CODE):
        return
    scheme, value = str(item.get("CodingSchemeDesignator", "")), str(item.get("CodeValue", ""))
    meaning = _meanings().get((scheme, value), "")
    if not meaning:
        for keyword in CODE:
            if item.get(keyword):
                withheld[keyword] += 1
                setattr(item, keyword, "")
    elif "CodeMeaning" in item:
        item.CodeMeaning = meaning


def _formed(text: str, form: str) -> str:
    """The text when it has this form, else nothing."""
    return text if re.fullmatch(form, text.strip(), re.IGNORECASE) else ""


def _strange(element: DataElement) -> str:
    """Why an element goes unseen: it is a vendor's, unknown to the standard, or a drawing; or ""."""
    if element.tag.is_private:
        return PRIVATE
    if repeater_has_tag(element.tag) and element.tag.group & 0xFF00 in (0x5000, 0x6000):
        return DRAWING
    return "" if element.keyword and element.tag.group >= LOWEST_GROUP else UNKNOWN


def _is_numeric(value: Any) -> bool:
    """Whether they are numbers: pydicom hands over as text what it could not make one of."""
    values = value if isinstance(value, MultiValue | list) else [value]
    return all(each is None or each == "" or isinstance(each, Number) for each in values)


def _code_string(text: str) -> str:
    return text if CODE_STRING.fullmatch(text) else ""


def _with(element: DataElement, value: Any) -> DataElement:
    return DataElement(element.tag, element.VR, value)


def _each(value: Any, change: Callable[[Any], str]) -> Any:
    return [change(each) for each in value] if isinstance(value, MultiValue) else change(value or "")


def _sex(value: str) -> str:
    return value.strip() if SEX.fullmatch(value.strip()) else ""


# Attributes of the Retain Patient Characteristics Option that a prompt needs (PS3.15 E.3.7).
CHARACTERISTICS: Mapping[str, Callable[[str], str]] = {"PatientSex": _sex, "PatientAge": band}
# What the table would replace though it says nothing of anyone: that no contrast agent was given.
FORMS: Mapping[str, Callable[[Any], bool]] = {
    "ContrastBolusAgent": lambda value: str(value or "").strip().upper() in NO_CONTRAST
}


@cache
def _rules() -> Rules:
    """The table, built once: tag to the library's deed. Its repeating groups are drawings, dropped above."""
    rules = library.initialize_actions(EDITION)
    return {tag: rule for tag, rule in rules.items() if len(tag) == 2}


@cache
def _meanings() -> dict[tuple[str, str], str]:
    """(scheme, value) to the words that PS3.16 gives the code; SNOMED codes under their old names too."""
    from pydicom.sr._concepts_dict import concepts  # half a second, and only codes need it
    from pydicom.sr._snomed_dict import mapping as snomed

    schemes: dict[str, dict[str, dict[str, tuple[str, list[int]]]]] = concepts  # type: ignore[assignment]
    meanings = {
        (scheme, value): meaning
        for scheme, keywords in schemes.items()
        for entries in keywords.values()
        for value, (meaning, _) in entries.items()
    }
    for old, value in snomed["SRT"].items():
        if ("SCT", value) in meanings:
            meanings["SRT", old] = meanings["SNM3", old] = meanings["SCT", value]
    return meanings
