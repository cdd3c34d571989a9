"""The least code that writes an answer: a greedy loop over a model's forward."""

from __future__ import annotations

import time
from typing import Any

import torch
from transformers import DynamicCache


@torch.inference_mode()
def greedy(model: Any, given: Any, count: int) -> list[float]:
    """When each token was there, in seconds; the first one comes of reading the question."""
    cache, times = DynamicCache(), []
    step = dict(given.to(model.device, model.dtype))
    for _ in range(count):
        output = model(**step, cache=cache, use_cache=True, logits_to_keep=1)
        token = int(output.logits[0, -1].argmax())
        times.append(time.perf_counter())
        step = {"input_ids": torch.tensor([[token]], device=model.device)}
    return times


def rate(times: list[float]) -> tuple[float, int]:
    """Tokens a second from the first to the last, and how many there were."""
    return (len(times) - 1) / (times[-1] - times[0]), len(times)
