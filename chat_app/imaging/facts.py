"""Which header values a report or a prompt may repeat: coded ones, each against its own closed form.

A free text, a name, a date or an identifier has no form here, so none can pass, whatever tag it stands in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dicomanonymizer.dicom_anonymization_databases import dicomfields_2026c as table
from pydicom.datadict import dictionary_has_tag, dictionary_VR, keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

# PS3.3 C.7.3.1.1.1, the defined terms for Modality that belong to pictures.
MODALITIES = (
    "AR|BI|BMD|CR|CT|CFM|DG|DMS|DX|EM|ES|FA|GM|IO|IVOCT|IVUS|KER|LS|LEN|MG|MR|NM|OAM|OCT|OP|OPM|OPT|OPTBSV|OPTENF"
    "|OPV|OT|PA|POS|PT|PX|RF|RG|RTDOSE|RTIMAGE|SC|SEG|SM|SRF|TG|US|VA|XA|XC"
)
# PS3.16 Annex L, the terms of Body Part Examined, written without blanks.
BODY_PARTS = (
    "ABDOMEN|ABDOMENPELVIS|ADRENAL|ANKLE|AORTA|ARM|AXILLA|BACK|BLADDER|BRAIN|BREAST|BRONCHUS|BUTTOCK|CALCANEUS|CALF"
    "|CAROTID|CEREBELLUM|CERVIX|CHEEK|CHEST|CHESTABDOMEN|CHESTABDPELVIS|CHOROIDPLEXUS|CLAVICLE|COCCYX|COLON"
    "|CORNEA|CORONARYARTERY|CSPINE|CTSPINE|DUODENUM|EAR|ELBOW|ESOPHAGUS|EXTREMITY|EYE|EYELID|FACE|FEMUR|FINGER|FOOT"
    "|FOREARM|GALLBLADDER|HAND|HEAD|HEADNECK|HEART|HIP|HUMERUS|ILEUM|ILIUM|IAC|JAW|JEJUNUM|KIDNEY|KNEE|LARYNX|LEG"
    "|LIVER|LLEG|LOWLEG|LSPINE|LSSPINE|LUNG|MANDIBLE|MAXILLA|MEDIASTINUM|MOUTH|NECK|NECKCHEST|NECKCHESTABDOMEN"
    "|NECKCHESTABDPELV|NOSE|ORBIT|OVARY|PANCREAS|PAROTID|PATELLA|PELVIS|PENIS|PHARYNX|PROSTATE|RADIUS|RADIUSULNA"
    "|RECTUM|RIB|SACRUM|SCALP|SCAPULA|SCLERA|SCROTUM|SELLA|SHOULDER|SIJOINT|SKULL|SPINE|SPLEEN|SSPINE|STERNUM"
    "|STOMACH|TESTIS|THIGH|THUMB|THYMUS|THYROID|TIBIA|TIBIAFIBULA|TLSPINE|TMJ|TOE|TONGUE|TRACHEA|TSPINE|ULNA|UPPERARM"
    "|URETER|URETHRA|UTERUS|VAGINA|VULVA|WHOLEBODY|WRIST|ZYGOMA"
)
DIRECTIONS = r"[APRLHF]{1,3}(/[APRLHF]{1,3})?"
FORMS = {
    "PatientSex": "M|F|O",
    "Laterality": "R|L",
    "ImageLaterality": "R|L|U|B",
    "ViewPosition": "AP|PA|LL|RL|RLD|LLD|RLO|LLO|LAT|LATERAL|CC|ML|MLO|LM|LMO|XCC|XCCL|XCCM|FB|SIO|ISO|CV|AT",
    "PatientPosition": "(HF|FF|LF|RF|AF|PF)(P|S|DR|DL)|SITTING|PRONE|SUPINE",
    "PatientOrientation": DIRECTIONS,
    "ScanningSequence": "(SE|IR|GR|EP|RM)(/(SE|IR|GR|EP|RM))*",
}
# The most that is believed, in DICOM's units (mm, kV, T, ms): old scanners wrote 2000 for a field in gauss.
NUMBERS = {
    "SliceThickness": 100,
    "SpacingBetweenSlices": 100,
    "KVP": 500,
    "MagneticFieldStrength": 20,
    "RepetitionTime": 100_000,
    "EchoTime": 10_000,
}
REMOVED = frozenset(map(tuple, table.ALL_TAGS)) - frozenset(map(tuple, table.U_TAGS))
MOST_UNREAD = 1_000_000  # bytes of a sequence that is opened only to list what it holds
PER_FRAME = "PerFrameFunctionalGroupsSequence"
NO_CONTRAST = ("", "NO", "NONE", "N", "0", "WITHOUT", "UNKNOWN")
MOST_CHARACTERS = 16
AGE = re.compile(r"(?!000)(\d{3})([DWMY])")
OLDEST = 90  # years; older people are too few to be told apart (45 CFR 164.514(b)(2)(i)(C))


def modality(dataset: Dataset) -> str:
    """The DICOM code of the modality ("CR"), or "" when it is not one of the standard's."""
    return _code(dataset.get("Modality"), MODALITIES)


def body_part(dataset: Dataset) -> str:
    """The DICOM term of the body part ("CHEST"), or "" when it is not one of the standard's."""
    return _body_part(str(dataset.get("BodyPartExamined") or ""))


def is_body_part(text: str) -> bool:
    """Whether it is one of the standard's terms, however it is spaced."""
    return bool(_body_part(text))


def _body_part(text: str) -> str:
    return _code(re.sub(r"[ _.-]", "", text), BODY_PARTS)


def facts(dataset: Dataset) -> dict[str, str]:
    """What the header states in the forms above, by DICOM keyword; a value out of form is left out.

    Of the age the decade; of a contrast agent only that there was one ("yes"): its name is free text.
    """
    values = {keyword: _code(dataset.get(keyword), form) for keyword, form in FORMS.items()}
    values |= {keyword: _number(dataset.get(keyword), most) for keyword, most in NUMBERS.items()}
    values["PatientAge"] = band(str(dataset.get("PatientAge") or ""))
    agent = str(dataset.get("ContrastBolusAgent") or "").strip().upper()
    values["ContrastBolusAgent"] = "" if agent in NO_CONTRAST else "yes"
    return {keyword: value for keyword, value in values.items() if value}


def band(age: str) -> str:
    """An age as the first year of its decade ("047Y" is "040Y"); "" for one that is no age."""
    match = AGE.fullmatch(age.strip())
    if not match:
        return ""
    years = int(match[1]) if match[2] == "Y" else 0
    return f"{min(years // 10 * 10, OLDEST):03d}Y"


def withheld(dataset: Dataset) -> tuple[str, ...]:
    """Keywords of what the header says of the patient and nothing of ours repeats, sorted.

    They are the attributes that PS3.15 Table E.1-1 removes or empties, wherever they stand and carry a value.
    """
    return tuple(sorted(set(_removed(dataset)) - {*FORMS, *NUMBERS, "BodyPartExamined", "PatientAge"}))


def _removed(dataset: Dataset) -> Iterator[str]:
    """Looks at no value but whether there is one, so that a damaged element costs nothing."""
    tags = dataset.keys()  # to go over the dataset itself would read every element
    for tag in tags:
        element = dataset.get_item(tag)
        if element is None or not element.value:
            continue
        is_unread = isinstance(element.value, bytes) and len(element.value) > MOST_UNREAD
        if (tag.group, tag.element) in REMOVED:
            yield keyword_for_tag(tag)
        elif not is_unread and dictionary_has_tag(tag) and dictionary_VR(tag) == "SQ":
            # Of the frames of a multi-frame the first, as all of them state the same attributes.
            for item in dataset[tag].value[:1] if keyword_for_tag(tag) == PER_FRAME else dataset[tag].value:
                yield from _removed(item)


def _code(raw: object, form: str) -> str:
    """Upper case and whole, or nothing: a code cut short or stripped of characters would be another code."""
    text = "/".join(map(str, raw)) if isinstance(raw, MultiValue) else str(raw or "")
    code = text.strip().upper()
    return code if len(code) <= MOST_CHARACTERS and re.fullmatch(form, code) else ""


def _number(raw: object, most: float) -> str:
    try:
        number = float(str(raw))
    except ValueError:
        return ""
    return f"{number:g}" if 0 < number <= most else ""
