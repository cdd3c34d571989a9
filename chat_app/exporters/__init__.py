"""The forms a report leaves in: one file a form, found by listing this folder; parts/ is what they share."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, cast

from chat_app.errors import InputError
from chat_app.exporters.parts.originals import NONE, Originals
from chat_app.records import Image, Report


class Form(Protocol):
    """What each module of this folder is.

    TITLE: what people call it. ENDING: of the files it writes (".md"). BESIDE: it goes back beside the
    pictures' own DICOM files, names their patient as they do, and is written only with their headers.
    """

    TITLE: str
    ENDING: str
    BESIDE: bool

    def export(self, report: Report, pictures: Sequence[Image] = (), originals: Originals = NONE) -> bytes:
        """The whole file.

        pictures: those of the report, as a workstation shows them. originals: their files' headers, which
        `parts.originals.of` reads; no other form needs them.

        Raises:
            InputError: the form cannot hold this report, or needs a picture or a header that is not given.
        """
        ...


def known() -> Mapping[str, Form]:
    """Every form by the ending of its files, sorted."""
    names = [found.name for found in pkgutil.iter_modules(__path__) if not found.ispkg]
    forms = [cast(Form, importlib.import_module(f"{__name__}.{name}")) for name in names]
    return {form.ENDING: form for form in sorted(forms, key=lambda form: form.ENDING)}


def ending(path: Path) -> Form:
    """The form of a file of that name; of two endings the longer counts (".fhir.json" before ".json").

    Raises:
        InputError: it has no ending that is known.
    """
    forms = known()
    fitting = [each for each in forms if path.name.lower().endswith(each)]
    if not fitting:
        raise InputError(f"The output file must end in {', '.join(list(forms)[:-1])} or {list(forms)[-1]}.")
    return forms[max(fitting, key=len)]
