"""What is checked of a draft before a person signs it: one file a check, with `check(reading, about)`.

The first line of a file is what the check says of itself. A check reads words and facts; it sees no picture,
and that it remarks on nothing means nothing.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

from chat_app.grounding.reading import Circumstances, has_prior, reading
from chat_app.records import Remark, Report

__all__ = ["Circumstances", "has_prior", "known", "run"]


def known() -> dict[str, str]:
    """Every check by its name, with what it says of itself."""
    return {name: (module.__doc__ or "").splitlines()[0] for name, module in _modules()}


def run(report: Report, about: Circumstances) -> tuple[Remark, ...]:
    """What the checks remark on, the critical first, then in the order of the report; each thing once."""
    read = reading(report)
    found = dict.fromkeys(remark for _, module in _modules() for remark in module.check(read, about))
    order = {section.name: number for number, section in enumerate(report.sections)}
    return tuple(
        sorted(found, key=lambda each: (not each.critical, order.get(each.section, -1), each.statement))
    )


def _modules() -> Iterator[tuple[str, ModuleType]]:
    for found in sorted(pkgutil.iter_modules(__path__), key=lambda each: each.name):
        yield found.name, import_module(f"{__name__}.{found.name}")
