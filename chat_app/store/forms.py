"""The domain's records as JSON and back, by the types of their fields; arrays are kept elsewhere."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, get_type_hints

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from chat_app.errors import SetupError

Record = TypeVar("Record")

# Names in the types of fields that only a type checker resolves: those of arrays, which are left out.
ARRAYS = {"Pixels": Any, "NDArray": NDArray, "np": np}
DAMAGED = (
    "What was kept of this case cannot be read: it is damaged, or was kept by another version of Lightbox."
)


def written(record: Any, without: Collection[str] = ()) -> str:
    """The record as one line of JSON, less the fields `without`."""
    form = {
        each.name: plain(getattr(record, each.name)) for each in fields(record) if each.name not in without
    }
    return json.dumps(form, separators=(",", ":"))


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if is_dataclass(value):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    return value


def read(kind: Callable[..., Record], text: str, **others: Any) -> Record:
    """The record that was written, with these `others` for the fields that were left out.

    Raises:
        SetupError: the text holds no such record.
    """
    try:
        form: dict[str, Any] = json.loads(text)
        adapters = _adapters(kind)
        return kind(**{name: adapters[name](value) for name, value in form.items()}, **others)
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise SetupError(DAMAGED) from error


@functools.cache
def _adapters(kind: Any) -> Mapping[str, Any]:
    """For each field what makes its value of what JSON has; made when it is needed, as arrays have none."""
    return {name: _reader(hint) for name, hint in get_type_hints(kind, localns=ARRAYS).items()}


def _reader(hint: Any) -> Any:
    @functools.cache
    def adapter() -> TypeAdapter[Any]:
        return TypeAdapter(hint)

    return lambda value: adapter().validate_python(value)
