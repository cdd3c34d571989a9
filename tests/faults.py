"""Drafts with one fault each, for the checks: made here, so that what is wrong is known.

Those held out were written before the checks had been tried on them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from clean_drafts import NOT_PROVIDED, Draft, clean, found, seen, with_section

from chat_app.records import Plane, Review, Source, Statement

Change = Callable[[Draft], Draft]


@dataclass(frozen=True)
class Fault:
    """A draft with one thing wrong, and the check that has to see it."""

    name: str
    check: str
    draft: Draft
    held_out: bool = False


def says(name: str, *texts: str) -> Change:
    """The section reads so instead."""

    def change(made: Draft) -> Draft:
        return with_section(made, replace(found(made, name), statements=tuple(map(seen, texts))))

    return change


def adds(name: str, *texts: str) -> Change:
    """The section goes on so."""

    def change(made: Draft) -> Draft:
        old = found(made, name)
        return with_section(made, replace(old, statements=(*old.statements, *map(seen, texts))))

    return change


def lacks(name: str) -> Change:
    """The section is not there."""

    def change(made: Draft) -> Draft:
        left = tuple(each for each in made.report.sections if each.name != name)
        return replace(made, report=replace(made.report, sections=left))

    return change


def empty(name: str, text: str = NOT_PROVIDED) -> Change:
    """The section says only that it says nothing."""

    def change(made: Draft) -> Draft:
        only = Statement(text, Source.TEMPLATE, "fixed wording")
        return with_section(made, replace(found(made, name), statements=(only,)))

    return change


def rejected(name: str) -> Change:
    """A person rejected everything in the section."""

    def change(made: Draft) -> Draft:
        old = found(made, name)
        said = tuple(replace(each, review=Review.REJECTED) for each in old.statements)
        return with_section(made, replace(old, statements=said))

    return change


def unfounded(name: str, text: str) -> Change:
    """The section has a sentence that rests on nothing."""

    def change(made: Draft) -> Draft:
        old = found(made, name)
        more = Statement(text, Source.UNSUPPORTED, "rests on nothing")
        return with_section(made, replace(old, statements=(*old.statements, more)))

    return change


def states(**facts: str) -> Change:
    """The picture's file states so."""

    def change(made: Draft) -> Draft:
        pictures = tuple(replace(each, facts=facts) for each in made.about.pictures)
        return replace(made, about=replace(made.about, pictures=pictures))

    return change


def uncalibrated(made: Draft) -> Draft:
    """A millimetre of the picture is not one of the patient."""
    pictures = tuple(replace(each, plane=Plane()) for each in made.about.pictures)
    return replace(made, about=replace(made.about, pictures=pictures))


_FAULTS: tuple[tuple[str, str, tuple[Change, ...]], ...] = (
    # Left and right.
    ("sides", "left effusion", (says("impression", "Right pleural effusion."),)),
    ("sides", "right pneumonia", (says("impression", "Left lower lobe pneumonia."),)),
    ("sides", "rib fractures", (says("impression", "Right rib fractures without pneumothorax."),)),
    ("sides", "chest nodule", (says("impression", "Solitary nodule in the left upper lobe, 6 mm."),)),
    ("sides", "lung mass", (says("impression", "Mass in the right upper lobe, suspicious for malignancy."),)),
    ("sides", "old infarct", (says("impression", "Old left-sided infarct and atrophy."),)),
    ("sides", "glioma", (says("impression", "Right frontal mass, most likely a glioma."),)),
    ("sides", "meningioma", (says("impression", "Left convexity meningioma."),)),
    ("sides", "breast cyst", (says("impression", "Simple cyst of the left breast."),)),
    ("sides", "thyroid nodule", (says("impression", "Solid nodule in the left thyroid lobe."),)),
    ("sides", "breast mass", (states(ImageLaterality="R"),)),
    ("sides", "breast cyst", (states(Laterality="L"),)),
    # There and not there.
    ("contradiction", "normal film", (says("impression", "Small left pleural effusion."),)),
    ("contradiction", "normal film", (adds("findings", "There is consolidation in the left lower lobe."),)),
    ("contradiction", "normal film", (says("impression", "Cardiomegaly."),)),
    ("contradiction", "left effusion", (adds("findings", "No pleural effusion."),)),
    ("contradiction", "left effusion", (says("impression", "No pleural effusion."),)),
    ("contradiction", "failure", (says("impression", "Normal heart size.", "Bilateral effusions."),)),
    ("contradiction", "chest nodule", (says("impression", "No nodule."),)),
    ("contradiction", "emphysema", (adds("findings", "An 8 mm nodule in the left lower lobe."),)),
    ("contradiction", "normal head", (says("impression", "Enlarged ventricles."),)),
    ("contradiction", "glioma", (adds("findings", "There is hydrocephalus."),)),
    ("contradiction", "breast cyst", (says("impression", "The right breast is normal."),)),
    ("contradiction", "thyroid nodule", (adds("findings", "Cervical lymphadenopathy on the right."),)),
    ("contradiction", "right pneumonia", (adds("findings", "The lungs are clear."),)),
    ("contradiction", "left effusion", (says("impression", "Normal chest radiograph."),)),
    # Said in the impression alone.
    ("impression", "normal film", (says("impression", "Hiatus hernia."),)),
    (
        "impression",
        "left effusion",
        (says("impression", "Left pleural effusion.", "Right clavicle fracture."),),
    ),
    ("impression", "chest nodule", (says("impression", "Pericardial effusion."),)),
    ("impression", "old infarct", (says("impression", "Old infarct and hydrocephalus."),)),
    ("impression", "breast cyst", (says("impression", "Architectural distortion in the right breast."),)),
    ("impression", "thyroid nodule", (says("impression", "Nodule in the right lobe.", "Thyroiditis."),)),
    ("impression", "left effusion", (adds("findings", "Free air under the diaphragm."),)),
    ("impression", "glioma", (adds("findings", "There is 6 mm of midline shift to the right."),)),
    # An earlier picture that nobody loaded.
    ("comparison", "left effusion", (says("impression", "The left pleural effusion has increased."),)),
    ("comparison", "normal film", (adds("findings", "Unchanged compared with the previous radiograph."),)),
    ("comparison", "chest nodule", (adds("findings", "The nodule is stable since the prior CT."),)),
    ("comparison", "right pneumonia", (says("impression", "New right lower lobe pneumonia."),)),
    ("comparison", "old infarct", (adds("findings", "No significant interval change."),)),
    ("comparison", "meningioma", (says("impression", "Right convexity meningioma, larger than before."),)),
    ("comparison", "breast cyst", (adds("findings", "The cyst was previously 6 mm."),)),
    ("comparison", "thyroid nodule", (says("impression", "Solid right nodule, unchanged."),)),
    # Millimetres that cannot be.
    ("measurement", "left effusion", (adds("findings", "The effusion is 24 mm deep."),)),
    ("measurement", "right pneumonia", (says("findings", "A 35 mm consolidation in the right lower lobe."),)),
    ("measurement", "chest nodule", (uncalibrated,)),
    ("measurement", "breast mass", (uncalibrated,)),
    ("measurement", "chest nodule", (says("findings", "A 600 mm nodule in the right upper lobe."),)),
    ("measurement", "glioma", (says("findings", "A glioma of 38 cm in the left frontal lobe."),)),
    ("measurement", "thyroid nodule", (says("findings", "A nodule of 0.2 mm in the right lobe."),)),
    ("measurement", "breast cyst", (says("findings", "A simple cyst of 90 mm in the right breast."),)),
    # Words of another picture.
    ("modality", "normal film", (adds("findings", "On this CT there is no consolidation."),)),
    ("modality", "chest nodule", (adds("findings", "The radiograph shows clear lung bases."),)),
    ("modality", "normal head", (adds("findings", "No signal abnormality on the FLAIR sequence."),)),
    ("modality", "glioma", (adds("findings", "The CT scan shows no fracture."),)),
    ("modality", "breast mass", (adds("findings", "The mammogram shows no calcifications."),)),
    ("body_part", "normal film", (adds("findings", "The liver is seen.", "There is a glioma."),)),
    ("body_part", "normal head", (adds("findings", "No pneumothorax."),)),
    ("body_part", "glioma", (adds("findings", "The heart is enlarged."),)),
    ("body_part", "breast cyst", (adds("findings", "The ventricles are normal in size."),)),
    ("sex", "chest nodule", (states(PatientSex="F"), adds("findings", "The prostate is enlarged."))),
    ("sex", "normal film", (states(PatientSex="M"), adds("findings", "The uterus is normal."))),
    # What is missing, copied or rests on nothing.
    ("required", "normal film", (lacks("impression"),)),
    ("required", "left effusion", (empty("technique"),)),
    ("required", "glioma", (rejected("impression"),)),
    (
        "critical",
        "normal film",
        (says("findings", "Large right pneumothorax."), says("impression", "Right pneumothorax.")),
    ),
    (
        "critical",
        "normal head",
        (
            says("findings", "Acute left subdural haematoma."),
            says("impression", "Subdural haematoma on the left."),
        ),
    ),
    (
        "critical",
        "chest nodule",
        (
            adds("findings", "Filling defect in the right pulmonary artery."),
            adds("impression", "Pulmonary embolism."),
        ),
    ),
    (
        "critical",
        "tube in place",
        (
            adds("findings", "The tip of the tube lies in the right main bronchus."),
            adds("impression", "Malpositioned tube."),
        ),
    ),
    ("copied", "chest nodule", (says("impression", "A 6 mm solid nodule in the right upper lobe."),)),
    (
        "copied",
        "glioma",
        (
            says(
                "impression",
                "Surrounding vasogenic oedema",
                "A heterogeneously enhancing mass of 38 x 31 mm in the left frontal lobe.",
            ),
        ),
    ),
    ("unsupported", "normal film", (unfounded("findings", "The bones are normal."),)),
)
_FAULTS_HELD_OUT: tuple[tuple[str, str, tuple[Change, ...]], ...] = (
    ("sides", "fibroadenoma", (says("impression", "Probable fibroadenoma of the left breast."),)),
    ("sides", "granuloma", (says("impression", "Granuloma in the right upper zone."),)),
    ("sides", "left effusion", (says("impression", "There is an effusion on the right side."),)),
    ("sides", "lung mass", (says("impression", "Suspicious for carcinoma of the right upper lobe."),)),
    ("sides", "fibroadenoma", (states(ImageLaterality="L"),)),
    ("sides", "right pneumonia", (says("impression", "Infection at the left base."),)),
    ("contradiction", "both bases", (says("impression", "The lungs are clear."),)),
    ("contradiction", "both bases", (adds("findings", "There is marked cardiomegaly."),)),
    ("contradiction", "bronchiectasis", (says("impression", "Right middle lobe consolidation."),)),
    ("contradiction", "small vessels", (says("impression", "Acute infarct."),)),
    ("contradiction", "adenoma", (says("impression", "Pituitary macroadenoma.", "Dilated ventricles."),)),
    ("contradiction", "goitre", (says("impression", "Normal thyroid."),)),
    ("contradiction", "blood", (adds("findings", "Many parasites."),)),
    ("contradiction", "fibroadenoma", (adds("impression", "Skin thickening of the right breast."),)),
    ("impression", "bronchiectasis", (says("impression", "Aortic aneurysm."),)),
    (
        "impression",
        "small vessels",
        (says("impression", "Small vessel disease and sinusitis with a skull fracture."),),
    ),
    ("impression", "goitre", (says("impression", "Multinodular goitre with an abscess."),)),
    ("impression", "both bases", (adds("findings", "There is a small right pneumothorax."),)),
    ("comparison", "goitre", (says("impression", "Multinodular goitre, slightly larger."),)),
    ("comparison", "both bases", (says("impression", "Improving bibasal opacities."),)),
    ("comparison", "small vessels", (adds("findings", "Appearances are similar to the last study."),)),
    ("comparison", "adenoma", (adds("findings", "The mass has regressed since the previous MRI."),)),
    ("measurement", "granuloma", (adds("findings", "The granuloma measures 7 mm."),)),
    ("measurement", "adenoma", (says("findings", "A pituitary adenoma of 17 cm."),)),
    ("measurement", "goitre", (uncalibrated,)),
    ("modality", "granuloma", (adds("findings", "On MRI there is no further lesion."),)),
    ("modality", "small vessels", (adds("findings", "This chest X-ray is well exposed."),)),
    ("modality", "bronchiectasis", (adds("findings", "A hypoechoic nodule is seen."),)),
    ("body_part", "fibroadenoma", (adds("findings", "No intracranial haemorrhage."),)),
    ("body_part", "blood", (adds("findings", "The lungs are clear."),)),
    ("sex", "bronchiectasis", (states(PatientSex="M"), adds("findings", "An ovarian cyst is seen."))),
    ("required", "goitre", (empty("impression", "The model wrote nothing for this section."),)),
    (
        "critical",
        "small vessels",
        (adds("findings", "Dense left MCA sign."), adds("impression", "Left MCA occlusion.")),
    ),
    ("critical", "granuloma", (adds("findings", "A small pneumothorax cannot be excluded."),)),
    ("copied", "bronchiectasis", (says("impression", "bronchiectasis in the middle lobe and lingula"),)),
    ("unsupported", "blood", (unfounded("impression", "Normal blood smear."),)),
)


def faults() -> list[Fault]:
    """A clean draft with one fault, for each of them."""
    known = {made.name: made for made in clean()}
    rows = [*((row, False) for row in _FAULTS), *((row, True) for row in _FAULTS_HELD_OUT)]
    return [_fault(number, *row, known, held_out) for number, (row, held_out) in enumerate(rows, 1)]


def _fault(
    number: int, check: str, base: str, changes: tuple[Change, ...], known: dict[str, Draft], held_out: bool
) -> Fault:
    made = known[base]
    for change in changes:
        made = change(made)
    return Fault(f"{number}: {check}, {base}", check, made, held_out)
