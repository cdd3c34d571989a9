"""Clean drafts for the checks, made here; those held out were written before the checks had been tried."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from chat_app.grounding.checks import Circumstances
from chat_app.records import (
    Image,
    ModelId,
    Plane,
    Report,
    Section,
    Source,
    Statement,
)

NOT_PROVIDED = "Not provided."
REQUIRED = ("technique", "findings", "impression")


@dataclass(frozen=True)
class Kind:
    """What pictures of a kind say of themselves, and what their template is for."""

    modality: str
    part: str
    spacing_mm: tuple[float, float] | None
    size: int
    technique: str
    scope: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())


KINDS = {
    "film": Kind(
        "DX", "CHEST", None, 200, "Digital radiography of the chest, PA view.", (("CR", "DX"), ("CHEST",))
    ),
    "chest": Kind("CT", "CHEST", (0.8, 0.8), 400, "Computed tomography of the chest.", (("CT",), ("CHEST",))),
    "head": Kind("CT", "HEAD", (0.5, 0.5), 400, "Computed tomography of the head.", (("CT",), ("HEAD",))),
    "brain": Kind(
        "MR", "BRAIN", (0.9, 0.9), 256, "Magnetic resonance imaging of the brain.", (("MR",), ("BRAIN",))
    ),
    "breast": Kind("US", "BREAST", (0.1, 0.1), 500, "Ultrasound of the breast.", (("US",), ("BREAST",))),
    "thyroid": Kind("US", "THYROID", (0.1, 0.1), 500, "Ultrasound of the thyroid.", (("US",), ("THYROID",))),
    "smear": Kind("SM", "", None, 300, "Slide microscopy.", (("SM", "GM"), ())),
}


@dataclass(frozen=True)
class Draft:
    """A report with what is known around it."""

    name: str
    report: Report
    about: Circumstances
    held_out: bool = False


def seen(text: str) -> Statement:
    return Statement(text, Source.SEEN, "seen in image 1")


def section(name: str, *texts: str, decided: bool = False, source: Source = Source.SEEN) -> Section:
    statements = tuple(Statement(text, source, "seen in image 1") for text in texts)
    return Section(name, name.capitalize(), statements, decided=decided)


def draft(
    name: str, kind: str, findings: tuple[str, ...], impression: tuple[str, ...], held_out: bool = False
) -> Draft:
    made = KINDS[kind]
    sections = (
        section("history", NOT_PROVIDED, source=Source.TEMPLATE),
        section("technique", made.technique, source=Source.FILE),
        section("comparison", NOT_PROVIDED, source=Source.TEMPLATE),
        section("findings", *findings, decided=True),
        section("impression", *impression, decided=True),
    )
    report = Report(kind, kind.capitalize(), sections, ModelId("tester", "0" * 64), "prompt", 0, ("image 1",))
    modalities, parts = made.scope
    return Draft(name, report, Circumstances((picture(kind),), False, REQUIRED, modalities, parts), held_out)


def picture(kind: str, name: str = "image 1") -> Image:
    made = KINDS[kind]
    pixels = np.zeros((made.size, made.size), np.uint8)
    plane = Plane(spacing_mm=made.spacing_mm)
    return Image(name, pixels, "0" * 64, "DICOM", made.modality, made.part, plane=plane)


_CLEAN = (
    (
        "normal film",
        "film",
        ("The lungs are clear.", "Heart size is normal.", "No pleural effusion or pneumothorax."),
        ("No acute cardiopulmonary abnormality.",),
    ),
    (
        "left effusion",
        "film",
        (
            "Small left pleural effusion with adjacent atelectasis.",
            "The right lung is clear.",
            "No pneumothorax.",
        ),
        ("Left pleural effusion.",),
    ),
    (
        "failure",
        "film",
        (
            "The heart is enlarged.",
            "Bilateral pleural effusions and vascular congestion.",
            "No pneumothorax.",
        ),
        ("Appearances of congestive heart failure.",),
    ),
    (
        "right pneumonia",
        "film",
        ("Consolidation in the right lower lobe.", "No pleural effusion.", "Heart size is normal."),
        ("Right lower lobe pneumonia.",),
    ),
    (
        "rib fractures",
        "film",
        ("Fractures of the left fifth and sixth ribs.", "No pneumothorax or effusion."),
        ("Left rib fractures without pneumothorax.",),
    ),
    (
        "tube in place",
        "film",
        ("Endotracheal tube in satisfactory position.", "Bibasal atelectasis.", "No pneumothorax."),
        ("Bibasal atelectasis; the tube is well placed.",),
    ),
    (
        "chest nodule",
        "chest",
        (
            "A 6 mm solid nodule in the right upper lobe.",
            "No mediastinal lymphadenopathy.",
            "No pleural effusion.",
        ),
        ("Solitary nodule in the right upper lobe, 6 mm.",),
    ),
    (
        "emphysema",
        "chest",
        ("Centrilobular emphysema in both upper lobes.", "No nodule or mass.", "The heart is normal."),
        ("Emphysema; no suspicious nodule.",),
    ),
    (
        "lung mass",
        "chest",
        (
            "A spiculated mass of 42 x 35 mm in the left upper lobe.",
            "Enlarged lymph nodes at the left hilum.",
            "No bone lesion.",
        ),
        ("Mass in the left upper lobe, suspicious for malignancy.", "Left hilar lymphadenopathy."),
    ),
    (
        "normal head",
        "head",
        (
            "No intracranial haemorrhage.",
            "The ventricles are normal in size.",
            "No midline shift or mass effect.",
        ),
        ("No acute intracranial abnormality.",),
    ),
    (
        "old infarct",
        "head",
        ("Old infarct in the right basal ganglia.", "Generalised atrophy.", "No haemorrhage."),
        ("Old right-sided infarct and atrophy.",),
    ),
    (
        "glioma",
        "brain",
        (
            "A heterogeneously enhancing mass of 38 x 31 mm in the left frontal lobe.",
            "Surrounding vasogenic oedema.",
            "No hydrocephalus.",
        ),
        ("Left frontal mass, most likely a glioma.",),
    ),
    (
        "meningioma",
        "brain",
        (
            "An extra-axial mass with a dural tail along the right convexity, 24 mm.",
            "No restricted diffusion.",
        ),
        ("Right convexity meningioma.",),
    ),
    (
        "breast cyst",
        "breast",
        ("A simple cyst of 9 mm at 10 o'clock in the right breast.", "No solid mass."),
        ("Simple cyst of the right breast.",),
    ),
    (
        "breast mass",
        "breast",
        (
            "An irregular hypoechoic mass of 14 x 11 mm at 2 o'clock in the left breast.",
            "The left axilla is normal.",
        ),
        ("Suspicious mass in the left breast.",),
    ),
    (
        "thyroid nodule",
        "thyroid",
        (
            "A solid hypoechoic nodule of 15 mm in the right lobe.",
            "The left lobe is normal.",
            "No cervical lymphadenopathy.",
        ),
        ("Solid nodule in the right thyroid lobe.",),
    ),
)
_CLEAN_HELD_OUT = (
    (
        "both bases",
        "film",
        (
            "Patchy opacities at both lung bases.",
            "Heart size is within normal limits.",
            "The costophrenic angles are sharp.",
        ),
        ("Bibasal opacities, possibly infection.",),
    ),
    (
        "granuloma",
        "film",
        ("Calcified granuloma in the left upper zone.", "The lungs are otherwise clear.", "No effusion."),
        ("No acute disease.",),
    ),
    (
        "bronchiectasis",
        "chest",
        ("Bronchiectasis in the middle lobe and lingula.", "No consolidation.", "No pleural effusion."),
        ("Middle lobe and lingular bronchiectasis.",),
    ),
    (
        "small vessels",
        "head",
        (
            "White matter changes in both hemispheres.",
            "No acute infarct or haemorrhage.",
            "Clear paranasal sinuses.",
        ),
        ("Small vessel disease without acute infarct.",),
    ),
    (
        "adenoma",
        "brain",
        ("A sellar mass of 17 x 14 mm with suprasellar extension.", "The ventricles are not dilated."),
        ("Pituitary macroadenoma.",),
    ),
    (
        "fibroadenoma",
        "breast",
        (
            "An oval circumscribed mass of 12 mm in the upper outer quadrant of the right breast.",
            "No skin thickening.",
        ),
        ("Probable fibroadenoma of the right breast.",),
    ),
    (
        "goitre",
        "thyroid",
        (
            "The thyroid is enlarged with several nodules in both lobes, up to 18 mm.",
            "No extrathyroidal extension.",
        ),
        ("Multinodular goitre.",),
    ),
    (
        "blood",
        "smear",
        ("Red cells, a few white cells and platelets.", "No blasts or parasites are seen."),
        ("No blasts or parasites in this field.",),
    ),
)


def clean() -> list[Draft]:
    """Drafts with nothing to remark on."""
    told = [draft(*row) for row in _CLEAN]
    return [*told, *(draft(*row, held_out=True) for row in _CLEAN_HELD_OUT)]


def found(made: Draft, name: str) -> Section:
    return next(each for each in made.report.sections if each.name == name)


def with_section(made: Draft, changed: Section) -> Draft:
    sections = tuple(changed if each.name == changed.name else each for each in made.report.sections)
    return replace(made, report=replace(made.report, sections=sections))
