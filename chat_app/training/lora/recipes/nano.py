"""nano has a training of its own: its tower learns first, and is not asked in words."""

from __future__ import annotations

from chat_app.training.nano.specialist import train

__all__ = ["train"]
