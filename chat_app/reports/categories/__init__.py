"""Assessment categories: one file a system ("-" is "_" in its name), from fields and never by a model.

A system has SYSTEM, VERSION, SOURCE (what it follows), FIELDS (what it reads) and assess(fields). The names
belong to their owners; the rules are written here in our own words.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from typing import Protocol, cast

from chat_app.errors import SetupError
from chat_app.records import Category
from chat_app.templates import Fault, Field, Template


class System(Protocol):
    """What each file of this folder holds; a template that names it has every field that is required."""

    SYSTEM: str
    VERSION: str
    SOURCE: str
    FIELDS: tuple[Field, ...]

    def assess(self, fields: Mapping[str, str]) -> Category:
        """The category, or what is missing for it; other fields than its own are not looked at.

        Raises:
            InputError: a field holds no number, or none of its choices.
        """
        ...


def known() -> Mapping[str, System]:
    """Every system of this folder by its name ("lung-rads")."""
    names = sorted(found.name for found in pkgutil.iter_modules(__path__))
    return {name.replace("_", "-"): _system(name) for name in names}


def assessed(template: Template, fields: Mapping[str, str]) -> tuple[Category, ...]:
    """What each system of the template makes of the fields; one left empty has the template's default.

    Raises:
        InputError: a field holds no number, or none of its choices.
        SetupError: the template names a system that there is not.
    """
    systems = known()
    if strange := [name for name in template.categories if name not in systems]:
        raise SetupError(f"There is no category {strange[0]!r}; known are {', '.join(systems)}.")
    defaults = {field.name: field.default for field in template.fields}
    given = {name: text for name, text in fields.items() if text.strip()}
    return tuple(systems[name].assess({**defaults, **given}) for name in template.categories)


def misfits(template: Template) -> tuple[Fault, ...]:
    """Where a template and the systems it names do not go together."""
    systems = known()
    strange = [name for name in template.categories if name not in systems]
    words = (f"the category {name!r} is not known; known are {', '.join(systems)}" for name in strange)
    wrong = [Fault("the template", each) for each in words]
    for name in template.categories:
        if name in systems:
            wrong += _misfits(template, name, systems[name])
    return tuple(dict.fromkeys(wrong))


def _misfits(template: Template, name: str, system: System) -> Iterator[Fault]:
    given = {field.name: field for field in template.fields}
    for wanted in system.FIELDS:
        field = given.get(wanted.name)
        place = f"field {wanted.name!r}"
        if field is None:
            if wanted.required:
                yield Fault("the template", f"the {place} is missing; the category {name!r} needs it")
        elif (field.type, field.unit) != (wanted.type, wanted.unit):
            kind = f"{wanted.type} in {wanted.unit}" if wanted.unit else wanted.type
            yield Fault(place, f"the category {name!r} reads it as a {kind}")
        elif strange := [each for each in field.choices if each not in wanted.choices]:
            yield Fault(place, f"the category {name!r} does not know the choice {', '.join(strange)}")


def _system(name: str) -> System:
    return cast(System, importlib.import_module(f"{__name__}.{name}"))
