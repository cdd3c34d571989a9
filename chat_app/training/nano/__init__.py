"""Trains the embedded model from labelled pictures: the tower first, then the language model."""

from __future__ import annotations

from chat_app.training.nano.run import train

__all__ = ["train"]
