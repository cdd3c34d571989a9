"""What only a GPU can be held to: how near writing comes to its memory's bandwidth, and how much it takes.

Nothing here was run without a GPU; there is none in the project's own checks.
"""

from __future__ import annotations

import time
from typing import Any

import torch

from benchmarks.measure import Place, Sheet

GIGA, COPIES = 1e9, 20
MEMORY, HAS = "Memory of the GPU, GB", "GB"


def begin() -> None:
    """From here on the most that is held at once is counted."""
    torch.cuda.reset_peak_memory_stats()


def goals(sheet: Sheet, model: Any, speed: Place, tokens: int) -> None:
    """speed: tokens a second. tokens: the longest conversation that was held."""
    roof = bandwidth() / read_each_token(model)
    what = "tokens a second, against what the memory's bandwidth allows"
    sheet.hold(7, what, sheet.median(speed) / roof, 0.5, at_least=True)
    weights = sum(weight.nbytes for weight in model.parameters()) / GIGA
    kept = kept_each_token(model) * tokens / GIGA
    most = torch.cuda.max_memory_allocated() / GIGA
    for row, size in {"weights": weights, "keys and values": kept, "most at once": most}.items():
        sheet.add(MEMORY, row, HAS, size)
    what = "most memory, against weights, keys and values, and 1 GB"
    sheet.hold(9, what, most / (weights + kept + 1), 1.10)


def bandwidth() -> float:
    """Bytes a second that a copy within the GPU reads and writes together."""
    source = torch.empty(int(4 * GIGA), dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    target.copy_(source)
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(COPIES):
        target.copy_(source)
    torch.cuda.synchronize()
    return 2 * source.nbytes * COPIES / (time.perf_counter() - began)


def read_each_token(model: Any) -> int:
    """Bytes of the weights that every token needs: the language model's blocks, and the head."""
    parts = [*model.get_decoder().layers.parameters(), *model.get_output_embeddings().parameters()]
    return sum(weight.nbytes for weight in parts)


def kept_each_token(model: Any) -> int:
    """Bytes of one token's keys and values."""
    text = model.config.get_text_config()
    width = text.hidden_size // text.num_attention_heads
    return 2 * text.num_hidden_layers * text.num_key_value_heads * width * int(model.dtype.itemsize)
