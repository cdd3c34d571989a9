"""Lightbox: open a medical image, ask about it in turns, leave with a draft report."""

__version__ = "0.1.0"
