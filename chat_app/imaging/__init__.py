"""Picture files become records, as a workstation would show them, and views, as a model sees them."""

from __future__ import annotations

from chat_app.imaging.limits import Limits
from chat_app.imaging.read import Opened, checked, frames, read, study

__all__ = ["Limits", "Opened", "checked", "frames", "read", "study"]
