"""The forms a report leaves in: one file a form, named after it, with ENDING and export(report)."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping

from chat_app.records import Report


def known() -> Mapping[str, Callable[[Report], str]]:
    """How a report is written, by the ending of the file it goes to (".md")."""
    names = sorted(found.name for found in pkgutil.iter_modules(__path__))
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    return {module.ENDING: module.export for module in modules}
