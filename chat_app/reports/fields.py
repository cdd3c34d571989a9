"""What a person filled in, read as the fields of a system of categories: each value in its form, or refused.

It knows no system. A value arrives as the text that was typed or chosen; an empty field was not filled in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

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

    Raises, whichever field is read:
        InputError: what was typed is no number above zero, or none of the choices.
    """

    def __init__(self, fields: Sequence[Field], given: Mapping[str, str]) -> None:
        self._fields = {field.name: field for field in fields}
        self._given = {name: given.get(name, "").strip() for name in self._fields}
        self.used: dict[str, str] = {}

    def has(self, name: str) -> bool:
        return bool(self._given[name])

    def lacking(self, *names: str) -> tuple[str, ...]:
        """Those of the fields that were not filled in, as a person reads them."""
        return tuple(_small(self._fields[name].label) for name in names if not self.has(name))

    def number(self, name: str, step: str = "0.1") -> Decimal:
        """The number, rounded half up to "0.1" or to "1"; zero where the field was left empty.

        A diameter of 5.95 mm to one decimal is 6.0 mm: whoever rounds by hand does so too.
        """
        text = self._read(name)
        if not text:
            return Decimal(0)
        try:
            number = Decimal(text)
        except InvalidOperation as error:
            raise self._wrong(name) from error
        if not (number.is_finite() and 0 < number < 10_000):
            raise self._wrong(name)
        return number.quantize(Decimal(step), ROUND_HALF_UP)

    def choice(self, name: str) -> str:
        """What was chosen; "" where nothing was."""
        text, choices = self._read(name), self._fields[name].choices
        if text and text not in choices:
            label = self._fields[name].label
            raise InputError(f"The field {label!r} has a value that it does not know: choose {_or(choices)}.")
        return text

    def flag(self, name: str) -> bool:
        """Whether it is so; where it was left empty, not."""
        text = self._read(name)
        if text and text not in FLAGS:
            raise InputError(f"The field {self._fields[name].label!r} takes yes or no: choose one.")
        return text == "yes"

    def _read(self, name: str) -> str:
        text = self._given[name]
        if text:
            self.used[name] = text
        return text

    def _wrong(self, name: str) -> InputError:
        label = self._fields[name].label
        return InputError(f"The field {label!r} needs a number above zero, with a point as in 6.5.")


def _small(label: str) -> str:
    """A label within a sentence: "mean diameter", but "BI-RADS assessment"."""
    return label if label[:2].isupper() else label[:1].lower() + label[1:]


def _or(choices: Sequence[str]) -> str:
    return " or ".join([", ".join(choices[:-1]), choices[-1]]) if len(choices) > 1 else choices[0]
