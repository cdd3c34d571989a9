"""What a person filled in, read as the fields of a system of categories: each value in its form, or refused.

It knows no system. A value arrives as the text that was typed or chosen; an empty field was not filled in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from chat_app.errors import InputError
from chat_app.records import Category
from chat_app.templates import FLAGS, Field


@dataclass(frozen=True)
class Verdict:
    """What rules make of the fields: a value and its advice; or what is missing; or why there can be none."""

    value: str = ""
    advice: str = ""
    missing: tuple[str, ...] = ()
    because: str = ""

    def category(self, system: str, version: str, source: str, filled: Filled) -> Category:
        """The verdict as the record of a report, with the fields that were read on the way to it."""
        inputs = dict(filled.used)
        return Category(
            system, version, self.value, inputs, self.missing, self.advice, source, because=self.because
        )


class Filled:
    """The fields of one system as a person filled them in; it remembers in `used` which were read.

    Raises:
        InputError: what was typed is no number above zero, or none of the choices.
    """

    def __init__(self, fields: Sequence[Field], given: Mapping[str, str]) -> None:
        self._labels = {field.name: field.label for field in fields}
        self._given = {field.name: given.get(field.name, "").strip() for field in fields}
        self.used: dict[str, str] = {}
        for field in fields:
            if text := self._given[field.name]:
                _check(field, text)

    def has(self, name: str) -> bool:
        return bool(self._given[name])

    def lacking(self, *names: str) -> tuple[str, ...]:
        """Those of the fields that were not filled in, as a person reads them."""
        return tuple(_small(self._labels[name]) for name in names if not self.has(name))

    def number(self, name: str, step: str = "0.1") -> Decimal:
        """The number, rounded half up to "0.1" or to "1"; zero where the field was left empty.

        A diameter of 5.95 mm to one decimal is 6.0 mm: whoever rounds by hand does so too.
        """
        return Decimal(self.choice(name) or 0).quantize(Decimal(step), ROUND_HALF_UP)

    def flag(self, name: str) -> bool:
        """Whether it is so; where the field was left empty, not."""
        return self.choice(name) == "yes"

    def choice(self, name: str) -> str:
        """What was chosen; "" where the field was left empty."""
        text = self._given[name]
        if text:
            self.used[name] = text
        return text


def _check(field: Field, text: str) -> None:
    if field.type == "number" and not _is_number(text):
        raise InputError(f"The field {field.label!r} needs a number above zero, with a point as in 6.5.")
    if field.type == "flag" and text not in FLAGS:
        raise InputError(f"The field {field.label!r} takes yes or no: choose one.")
    if field.type == "choice" and text not in field.choices:
        raise InputError(f"The field {field.label!r} does not know that value: choose {_or(field.choices)}.")


def _is_number(text: str) -> bool:
    """Whether it is written in digits, with one point at most, and above zero."""
    return bool(re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,4})?", text)) and Decimal(text) > 0


def _small(label: str) -> str:
    """A label within a sentence: "mean diameter", but "BI-RADS assessment"."""
    return label if label[:2].isupper() else label[:1].lower() + label[1:]


def _or(choices: Sequence[str]) -> str:
    return " or ".join([", ".join(choices[:-1]), choices[-1]]) if len(choices) > 1 else choices[0]
