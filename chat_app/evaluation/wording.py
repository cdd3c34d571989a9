"""How near one text is to another, word by word: BLEU by sacrebleu, ROUGE-L by rouge-score (extra "eval").

Both say how a report is worded, not whether it is right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from chat_app.errors import SetupError

Nearness = Callable[[Sequence[str], Sequence[str]], list[float]]


def bleu(replies: Sequence[str], truths: Sequence[str]) -> list[float]:
    """BLEU-4 of each reply, 0 to 1: lower case, tokens as mteval-13a, smoothed, orders that exist.

    Raises:
        SetupError: sacrebleu is not installed.
    """
    scorer = _installed("sacrebleu.metrics").BLEU(lowercase=True, effective_order=True)
    pairs = zip(replies, truths, strict=True)
    return [scorer.sentence_score(reply, [truth]).score / 100 for reply, truth in pairs]


def rouge_l(replies: Sequence[str], truths: Sequence[str]) -> list[float]:
    """ROUGE-L's F of each reply, 0 to 1, without stemming.

    Raises:
        SetupError: rouge-score is not installed.
    """
    scorer = _installed("rouge_score.rouge_scorer").RougeScorer(["rougeL"])
    pairs = zip(replies, truths, strict=True)
    return [float(scorer.score(truth, reply)["rougeL"].fmeasure) for reply, truth in pairs]


METRICS: dict[str, Nearness] = {"BLEU-4": bleu, "ROUGE-L": rouge_l}


def _installed(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise SetupError(
            "BLEU and ROUGE-L come with the extra eval: pip install 'lightbox-chat[eval]'."
        ) from error
