"""Which header values a report or a prompt may repeat: coded ones, each against its own closed form.

A free text, a name, a date or an identifier has no form here, so none can pass, whatever tag it stands in.
"""

from __future__ import annotations

import re

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
    "PatientAge": r"(?!000)\d{3}[DWMY]",
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
NO_CONTRAST = ("", "NO", "NONE", "N", "0", "WITHOUT", "UNKNOWN")
MOST_CHARACTERS = 16


def modality(dataset: Dataset) -> str:
    """The DICOM code of the modality ("CR"), or "" when it is not one of the standard's."""
    return _code(dataset.get("Modality"), MODALITIES)


def body_part(dataset: Dataset) -> str:
    """The DICOM term of the body part ("CHEST"), or "" when it is not one of the standard's."""
    text = str(dataset.get("BodyPartExamined") or "")
    return _code(re.sub(r"[ _.-]", "", text), BODY_PARTS)


def facts(dataset: Dataset) -> dict[str, str]:
    """What the header states in the forms above, by DICOM keyword; a value out of form is left out.

    Of a contrast agent only that there was one ("yes"): its name is free text.
    """
    values = {keyword: _code(dataset.get(keyword), form) for keyword, form in FORMS.items()}
    values |= {keyword: _number(dataset.get(keyword), most) for keyword, most in NUMBERS.items()}
    agent = str(dataset.get("ContrastBolusAgent") or "").strip().upper()
    values["ContrastBolusAgent"] = "" if agent in NO_CONTRAST else "yes"
    return {keyword: value for keyword, value in values.items() if value}


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
