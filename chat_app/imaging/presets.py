"""The windows a radiologist switches a CT to, by body part; other modalities have no units to agree on.

Values in HU, centre and width, after Radiopaedia, "Windowing (CT)", radiopaedia.org/articles/windowing-ct;
angiography is the preset that workstations ship.
"""

from __future__ import annotations

from pydicom.dataset import Dataset

from chat_app.imaging.facts import body_part, modality
from chat_app.records import Look, Window

HU = {
    "lung": Window(-600, 1500),
    "mediastinum": Window(50, 350),
    "abdomen": Window(50, 400),
    "liver": Window(30, 150),
    "bone": Window(400, 1800),
    "brain": Window(40, 80),
    "subdural": Window(75, 215),
    "stroke": Window(40, 40),
    "temporal bone": Window(600, 2800),
    "spine": Window(50, 250),
    "angiography": Window(300, 600),
}
# Which come first, by what was examined; the others follow in the order above.
FIRST = {
    "HEAD BRAIN SKULL FACE ORBIT SELLA CEREBELLUM": ("brain", "subdural", "stroke", "bone"),
    "EAR IAC": ("temporal bone", "bone", "brain"),
    "NECK HEADNECK CAROTID LARYNX PHARYNX": ("mediastinum", "bone", "angiography"),
    "CHEST LUNG MEDIASTINUM NECKCHEST CHESTABDOMEN CHESTABDPELVIS": ("lung", "mediastinum", "bone"),
    "HEART AORTA CORONARYARTERY": ("angiography", "mediastinum", "lung"),
    "LIVER GALLBLADDER SPLEEN PANCREAS": ("liver", "abdomen", "angiography"),
    "ABDOMEN ABDOMENPELVIS PELVIS KIDNEY BLADDER COLON STOMACH": ("abdomen", "liver", "bone"),
    "SPINE CSPINE TSPINE LSPINE LSSPINE TLSPINE CTSPINE SACRUM": ("spine", "bone"),
    "EXTREMITY KNEE HIP SHOULDER WRIST ANKLE FOOT HAND ELBOW": ("bone", "abdomen"),
}


def looks(dataset: Dataset, settings: Dataset) -> tuple[Look, ...]:
    """The windows for this picture, those of its body part first; none where its values are no HU.

    settings: what holds for the frame: Rescale Type and Frame Type.
    """
    if not _is_in_hu(dataset, settings):
        return ()
    part = body_part(dataset)
    first = next((names for parts, names in FIRST.items() if part in parts.split()), ())
    names = dict.fromkeys((*first, *HU))
    return tuple(Look(name, HU[name]) for name in names)


def _is_in_hu(dataset: Dataset, settings: Dataset) -> bool:
    """CT is in HU once rescaled, but in a localiser or where Rescale Type is another (PS3.3 C.11.1.1.2)."""
    kind = settings.get("FrameType") or dataset.get("ImageType") or ()
    is_localizer = not isinstance(kind, str) and "LOCALIZER" in kind
    is_scaled = settings.get("RescaleIntercept") is not None
    unit = str(settings.get("RescaleType") or "HU").strip().upper()
    return modality(dataset) == "CT" and is_scaled and unit == "HU" and not is_localizer
