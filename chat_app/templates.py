"""The form of a report template: its parts as records, read from TOML, with every fault said in words.

It knows no folder: prompts.py finds the files. Which systems of categories there are is known
to reports/categories.
"""

from __future__ import annotations

import functools
import hashlib
import re
import tomllib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

# Who fills a section, and what has to be written of it beside name, title, code and source; what may be.
NEEDS = {"model": ("question",), "file": (), "user": ("label",)}
MAY = {"model": ("points",), "file": ("label",), "user": ()}

TYPES = ("number", "choice", "text", "flag")
FLAGS = ("yes", "no")


@dataclass(frozen=True)
class Scope:
    """What a report template is for, as DICOM codes; empty means anything."""

    modalities: tuple[str, ...] = ()
    body_parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Point:
    """One point of a section's checklist: a part of the anatomy, and what to look at there.

    question: what a model is asked about this point alone; made from `look` where the file has none.
    normal: the template's own sentence for a point at which nothing is wrong, "" for none. It is the
    template's and is marked as such; no model wrote it.
    """

    name: str
    look: str
    question: str = ""
    normal: str = ""


@dataclass(frozen=True)
class SectionTemplate:
    """One section of a report: its heading, its LOINC code and who may fill it.

    source: "model", "file" or "user". question: what a model is asked, word for word. points: what is
    looked at, in this order. label: what the user is asked for. required: a report without it is not done.
    """

    name: str
    title: str
    code: str
    source: str
    question: str = ""
    points: tuple[Point, ...] = ()
    label: str = ""
    required: bool = False

    @property
    def is_anatomy(self) -> bool:
        """Whether its points are asked about one by one: those of the anatomy, which can be normal."""
        return any(point.normal for point in self.points)


@dataclass(frozen=True)
class Field:
    """One thing that a person fills in, and from which an assessment category is worked out.

    type: "number", "choice", "text" or "flag", whose values are "yes" and "no". unit: of a number, in UCUM
    ("mm", "a" for years). choices: of a choice. section: the section it belongs to. default: what stands
    there before anyone wrote; "" for nothing. A flag that is not required counts as "no" until it is given.
    """

    name: str
    label: str
    type: str
    unit: str = ""
    choices: tuple[str, ...] = ()
    required: bool = False
    section: str = ""
    default: str = ""


@dataclass(frozen=True)
class Template:
    """A report template: title, scope and its sections in order; `version` is the hash of its file.

    fields: what a person fills in. categories: the systems that are worked out from them, by name.
    """

    name: str
    title: str
    scope: Scope
    sections: tuple[SectionTemplate, ...]
    version: str
    fields: tuple[Field, ...] = ()
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong in a template, and where: "section 'findings', point 'Airway'"."""

    place: str
    words: str

    def __str__(self) -> str:
        return f"{self.place[:1].upper()}{self.place[1:]}: {self.words}."


def read(text: str, name: str) -> tuple[Template, tuple[Fault, ...]]:
    """The template that a TOML text describes, as far as it does, and everything that is wrong with it.

    With no fault the template is whole.
    """
    version = hashlib.sha256(text.encode()).hexdigest()[:12]
    try:
        data: object = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return Template(name, "", Scope(), (), version), (Fault("the file", f"is not valid TOML: {error}"),)
    faults: list[Fault] = []
    top = _Table(data, "the template", faults)
    template = Template(
        name=name,
        title=top.text("title", needed=True),
        scope=_scope(top.table("scope")),
        sections=tuple(_section(table) for table in top.tables("sections", "section", needed=True)),
        version=version,
        fields=tuple(_field(table) for table in top.tables("fields", "field")),
        categories=top.texts("categories"),
    )
    top.close()
    faults += _together(template)
    return template, tuple(faults)


def _scope(table: _Table) -> Scope:
    scope = Scope(table.texts("modalities"), table.texts("body_parts"))
    table.close()
    return scope


def _section(table: _Table) -> SectionTemplate:
    section = SectionTemplate(
        name=table.text("name", needed=True),
        title=table.text("title", needed=True),
        code=table.text("code", needed=True),
        source=table.text("source", needed=True, among=NEEDS),
        question=table.text("question"),
        points=tuple(_point(each) for each in table.tables("points", "point")),
        label=table.text("label"),
        required=table.flag("required"),
    )
    if section.code and section.code not in _loincs():
        table.wrong(f"the code {section.code!r} is no LOINC code of a report's headings (DICOM CID 7001)")
    _check_source(section, table)
    table.close()
    return section


def _check_source(section: SectionTemplate, table: _Table) -> None:
    needs, may = NEEDS.get(section.source, ()), MAY.get(section.source, ())
    for key in needs:
        if not table.has(key):
            table.wrong(f"the key {key!r} is missing; a section from the {section.source} needs it")
    for key in ("question", "points", "label"):
        if section.source in NEEDS and table.has(key) and key not in (*needs, *may):
            table.wrong(f"the key {key!r} has no place in a section from the {section.source}")


def _point(table: _Table) -> Point:
    point = Point(
        name=table.text("name", needed=True),
        look=table.text("look", needed=True),
        question=table.text("question"),
        normal=table.text("normal"),
    )
    table.close()
    asked = f"{point.name}: {point.look.rstrip('.')}. What does the picture show there?"
    return point if point.question else replace(point, question=asked)


def _field(table: _Table) -> Field:
    field = Field(
        name=table.text("name", needed=True),
        label=table.text("label", needed=True),
        type=table.text("type", needed=True, among=TYPES),
        unit=table.text("unit"),
        choices=table.texts("choices"),
        required=table.flag("required"),
        section=table.text("section", needed=True),
        default=table.text("default"),
    )
    if field.type in TYPES:
        for words in _misfits(field):
            table.wrong(words)
    table.close()
    return field


def _misfits(field: Field) -> Iterator[str]:
    """What does not go together within one field."""
    if field.type == "choice" and not field.choices:
        yield "a choice needs the key 'choices', a list of strings"
    if field.type != "choice" and field.choices:
        yield f"a {field.type} has no choices"
    if field.type != "number" and field.unit:
        yield f"a {field.type} has no unit; only a number has one"
    allowed = field.choices if field.type == "choice" else FLAGS
    if field.default and field.type in ("choice", "flag") and field.default not in allowed:
        yield f"the default {field.default!r} is none of {', '.join(allowed)}"
    if field.default and field.type == "number" and not re.fullmatch(r"\d+(\.\d+)?", field.default):
        yield f"the default {field.default!r} is no number"
    yield from _twice("choice", field.choices)


def _together(template: Template) -> Iterator[Fault]:
    """What does not go together between the parts of a template."""
    names = [section.name for section in template.sections]
    lists = (("section", names), ("field", [field.name for field in template.fields]))
    for kind, every in (*lists, ("category", template.categories)):
        yield from (Fault("the template", words) for words in _twice(kind, every))
    for section in template.sections:
        points = _twice("point", [point.name for point in section.points])
        yield from (Fault(f"section {section.name!r}", words) for words in points)
    for field in template.fields:
        if field.section and field.section not in names:
            yield Fault(f"field {field.name!r}", f"there is no section {field.section!r}")


def _twice(kind: str, names: Iterable[str]) -> Iterator[str]:
    for name, count in Counter(names).items():
        if name and count > 1:
            yield f"the {kind} {name!r} is there {count} times"


@functools.cache
def _loincs() -> frozenset[str]:
    """The LOINC codes of DICOM's CID 7001, Diagnostic Imaging Report Headings (PS3.16)."""
    from pydicom.sr.codedict import codes

    headings = codes.cid7001
    return frozenset(getattr(headings, keyword).value for keyword in headings.dir())


class _Table:
    """One table of the file while it is read: what is wrong with it is added to `faults`, with its place."""

    def __init__(self, data: object, place: str, faults: list[Fault]) -> None:
        self._data = data if isinstance(data, dict) else {}
        self._place, self._faults = place, faults
        self._broken = not isinstance(data, dict)
        self._known: list[str] = []
        if self._broken:
            self.wrong("this has to be a table with keys")

    def wrong(self, words: str) -> None:
        self._faults.append(Fault(self._place, words))

    def has(self, key: str) -> bool:
        return bool(self._data.get(key))

    def text(self, key: str, *, needed: bool = False, among: Collection[str] = ()) -> str:
        value = self._value(key, "", needed)
        if not isinstance(value, str):
            self.wrong(f"the key {key!r} has to be a string")
            return ""
        if value and among and value not in among:
            self.wrong(f"the {key} {value!r} is not known; known are {', '.join(among)}")
        return value

    def flag(self, key: str) -> bool:
        value = self._value(key, False)
        if not isinstance(value, bool):
            self.wrong(f"the key {key!r} has to be true or false")
        return value is True

    def texts(self, key: str) -> tuple[str, ...]:
        values = self._value(key, [])
        if not (isinstance(values, list) and all(isinstance(value, str) and value for value in values)):
            self.wrong(f"the key {key!r} has to be a list of strings")
            return ()
        return tuple(values)

    def table(self, key: str) -> _Table:
        return _Table(self._value(key, {}), key, self._faults)

    def tables(self, key: str, kind: str, *, needed: bool = False) -> list[_Table]:
        """The tables headed [[key]], each with its name, or else its number, for a place."""
        rows = self._value(key, [], needed)
        if not isinstance(rows, list):
            self.wrong(f"the key {key!r} has to be tables, each headed [[...{key}]]")
            return []
        places = (_place(row, kind, number) for number, row in enumerate(rows, 1))
        above = "" if self._place == "the template" else f"{self._place}, "
        return [_Table(row, above + place, self._faults) for row, place in zip(rows, places, strict=True)]

    def close(self) -> None:
        """Whatever was not asked for is not known."""
        for key in self._data:
            if key not in self._known:
                self.wrong(f"the key {key!r} is not known; known are {', '.join(sorted(self._known))}")

    def _value(self, key: str, otherwise: object, needed: bool = False) -> object:
        self._known.append(key)
        value = self._data.get(key, otherwise)
        if needed and not self._broken and value in ("", [], {}):
            self.wrong(f"the key {key!r} is missing")
        return value


def _place(row: object, kind: str, number: int) -> str:
    name = row.get("name") if isinstance(row, dict) else None
    return f"{kind} {name!r}" if isinstance(name, str) and name else f"{kind} number {number}"
