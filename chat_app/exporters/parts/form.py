"""What a report's JSON may hold, as pydantic models: report.schema.json is written from them.

A value of another kind, a key that is missing and a key that is unknown are faults. Text stays text: what
looks like markup means nothing here, and every form escapes it on its way out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chat_app.records import (
    Box,
    Category,
    ModelId,
    Presence,
    Report,
    Review,
    Section,
    Signature,
    Source,
    Statement,
    Status,
)

ADDRESS = "https://json-schema.org/draft/2020-12/schema"
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$|^$")]
Corner = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Texts = dict[str, str]


class Wrong(ValueError):
    """The sentence's subject: where the fault lies, in the form's own keys."""


class Form(BaseModel):
    """Exact keys and exact kinds."""

    model_config = ConfigDict(extra="forbid", strict=True)


class BoxForm(Form):
    """Corners x0, y0, x1, y1 in pixels of the original image, from the outer corner of its first pixel."""

    label: str
    image: str
    box: Annotated[list[Corner], Field(min_length=4, max_length=4)]

    def record(self) -> Box:
        x0, y0, x1, y1 = self.box
        return Box(x0, y0, x1, y1, self.label, self.image)


class ClaimForm(Form):
    """What rules read out of a statement's words; lengths in millimetres, a SNOMED CT code or ""."""

    normal: str
    finding: str
    presence: Annotated[Presence, Field(strict=False)]
    side: str
    anatomy: str
    sizes_mm: list[float]
    change: str
    snomed: str


class StatementForm(Form):
    text: str
    source: Annotated[Source, Field(strict=False)]
    basis: str
    boxes: list[BoxForm]
    topic: str
    review: Annotated[Review, Field(strict=False)]
    drafted: str
    claims: list[ClaimForm]

    def record(self) -> Statement:
        boxes = tuple(box.record() for box in self.boxes)
        return Statement(self.text, self.source, self.basis, boxes, self.topic, self.review, self.drafted)


class CodeForm(Form):
    system: Literal["http://loinc.org"]
    value: str


class SectionForm(Form):
    name: str
    title: str
    code: CodeForm | None
    decided: bool
    statements: list[StatementForm]

    def record(self) -> Section:
        statements = tuple(statement.record() for statement in self.statements)
        return Section(self.name, self.title, statements, self.code.value if self.code else "", self.decided)


class CategoryForm(Form):
    system: str
    version: str
    value: str
    inputs: Texts
    missing: list[str]
    advice: str
    source: str
    because: str

    def record(self) -> Category:
        return Category(
            self.system,
            self.version,
            self.value,
            self.inputs,
            tuple(self.missing),
            self.advice,
            self.source,
            self.because,
        )


class SignatureForm(Form):
    name: str
    at: str
    status: Annotated[Status, Field(strict=False)]
    sha256: Digest

    def record(self) -> Signature:
        return Signature(self.name, self.at, self.status, self.sha256)


class ModelForm(Form):
    name: str
    sha256: str
    label: str
    adapter: str
    dtype: str

    def record(self) -> ModelId:
        return ModelId(self.name, self.sha256, self.label, self.adapter, self.dtype)


class ReportForm(Form):
    """A report that Lightbox wrote: what it says, what each sentence rests on, who decided about it."""

    form: Literal["lightbox report 1"]
    notice: str
    status: Annotated[Status, Field(strict=False)]
    version: Annotated[int, Field(ge=1)]
    template: str
    title: str
    images: list[str]
    hashes: dict[str, Digest]
    sections: list[SectionForm]
    fields: Texts
    categories: list[CategoryForm]
    answered: Texts
    signatures: list[SignatureForm]
    warnings: list[str]
    model: ModelForm
    prompt: str
    seed: int
    timings: dict[str, Annotated[float, Field(allow_inf_nan=False)]]
    application: str

    def record(self) -> Report:
        return Report(
            template=self.template,
            title=self.title,
            sections=tuple(each.record() for each in self.sections),
            model=self.model.record(),
            prompt=self.prompt,
            seed=self.seed,
            images=tuple(self.images),
            warnings=tuple(self.warnings),
            timings=self.timings,
            status=self.status,
            hashes=self.hashes,
            fields=self.fields,
            categories=tuple(each.record() for each in self.categories),
            answered=self.answered,
            signatures=tuple(each.record() for each in self.signatures),
            version=self.version,
            application=self.application,
        )


def report(plain: Mapping[str, Any]) -> Report:
    """The record of a form; raises Wrong, naming the first place that is not as it must be."""
    try:
        return ReportForm.model_validate(plain).record()
    except ValidationError as error:
        place = error.errors(include_url=False, include_input=False, include_context=False)[0]["loc"]
        raise Wrong(_named(place)) from None
    except ValueError:  # a box whose corners are out of order
        raise Wrong("a box") from None


def schema() -> str:
    """The JSON Schema of a report, as it is published."""
    head = {"$schema": ADDRESS, "title": "Lightbox report"}
    return json.dumps({**ReportForm.model_json_schema(), **head}, indent=2) + "\n"


def _named(place: tuple[int | str, ...]) -> str:
    """Only keys of the form's own are repeated, never one that the file brings."""
    return repr(place[0]) if place and place[0] in ReportForm.model_fields else "a part that is unknown"
