"""Lightbox: open a medical image, ask about it in turns, leave with a draft report.

Importing it also lets transformers open nano: the type of its tower is registered once transformers is there.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from wrapt import when_imported

__version__ = "0.1.0"


@when_imported("transformers.models.auto.modeling_auto")
def _register_nano(_: ModuleType) -> None:
    import_module("chat_app.models.nano")
