"""lightbox train lora: an adapter from a folder of labelled pictures."""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields

from chat_app import settings
from chat_app.errors import InputError
from chat_app.training.lora.options import Options


def lora(options: argparse.Namespace) -> int:
    """Prints where the adapter lies and what it is worth; how far it is goes to stderr, also into a log."""
    chosen = Options(**{each.name: getattr(options, each.name) for each in fields(Options)})
    for name in ("epochs", "batch", "accumulate", "rank", "rate"):
        if getattr(chosen, name) <= 0:
            raise InputError(f"The option --{name} takes a number above 0.")
    from chat_app.training.lora import run

    outcome = run.train(chosen, settings.load({"weights": options.weights, "dtype": options.dtype}), _say)
    if outcome.figures:  # of several processes one has them
        print(outcome.folder)
    for name, figure in outcome.figures.items():
        print(f"{name}: {figure.as_text}")
    return 0


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
