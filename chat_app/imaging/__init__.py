"""Picture files become records, as a workstation would show them, and views, as a model sees them."""

from __future__ import annotations

from chat_app.imaging.limits import Limits
from chat_app.imaging.read import frames, read

__all__ = ["Limits", "frames", "read"]
