"""How well the straight line answers on labelled pictures, against what needs no picture at all."""

from __future__ import annotations

from chat_app.evaluation.holding import Held, held
from chat_app.evaluation.run import Evaluation, evaluate
from chat_app.evaluation.suite import known, named
from chat_app.evaluation.table import as_data, as_file, as_markdown, as_text

__all__ = [
    "Evaluation",
    "Held",
    "as_data",
    "as_file",
    "as_markdown",
    "as_text",
    "evaluate",
    "held",
    "known",
    "named",
]
