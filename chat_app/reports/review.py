"""A report beside its template: what the checks remark on, and the categories that follow from its fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chat_app import prompts
from chat_app.errors import InputError
from chat_app.grounding import checks
from chat_app.records import Image, Remark, Report
from chat_app.reports import categories, decide
from chat_app.templates import Field, Template


def remarks(report: Report, pictures: Sequence[Image]) -> tuple[Remark, ...]:
    """What the checks find in the report as it stands. pictures: those it is about, and priors of them."""
    template = prompts.template(report.template)
    about = checks.Circumstances(
        pictures=tuple(pictures),
        has_prior=checks.has_prior(pictures),
        required=tuple(section.name for section in template.sections if section.required),
        modalities=template.scope.modalities,
        body_parts=template.scope.body_parts,
    )
    return checks.run(report, about)


def fitting(pictures: Sequence[Image]) -> Template | None:
    """The template that is for just what these pictures' files state; None where they state too little."""
    stated = {(image.modality, image.body_part) for image in pictures}
    every = map(prompts.template, prompts.templates())
    return next((each for each in every if stated and all(_is_for(each, *one) for one in stated)), None)


def questions(pictures: Sequence[Image]) -> tuple[str, ...]:
    """What is looked at in such pictures, point by point of the template that fits."""
    template = fitting(pictures)
    sections = template.sections if template else ()
    return tuple(point.question for each in sections if each.is_anatomy for point in each.points)


def _is_for(template: Template, modality: str, body_part: str) -> bool:
    return modality in template.scope.modalities and body_part in template.scope.body_parts


def fields(report: Report) -> tuple[tuple[Field, str], ...]:
    """What a person fills in, each with what stands in it now."""
    template = prompts.template(report.template)
    return tuple((each, report.fields.get(each.name, each.default)) for each in template.fields)


def filled(report: Report, field: str, value: str) -> Report:
    """The report with that field filled in, and its categories worked out again.

    Raises:
        InputError: its template has no such field, or the value is not of the field's form.
    """
    template = prompts.template(report.template)
    if field not in (each.name for each in template.fields):
        raise InputError("This report has no such field: fill in those that stand below it.")
    changed = decide.fill(report, field, value)
    return replace(changed, categories=categories.assessed(template, changed.fields))
