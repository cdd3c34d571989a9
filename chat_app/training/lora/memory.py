"""Whether a training fits the machine, worked out before it starts, from weights that were just read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chat_app.errors import SetupError
from chat_app.models.fit import WORKING, Machine, gib

# Bytes of a trained number: itself, its gradient and AdamW's two means, in 32 bit each.
TRAINED = 16
# Bytes that a block keeps for the way back, in 16 bit, a token and hidden unit; the matrix of attention is
# never stored (Korthikanti et al. 2022, arXiv 2205.05198, section 4).
KEPT = 34
# Of the logits: in the model's own numbers, in 32 bit, and their gradient.
LOGITS = 10


@dataclass(frozen=True)
class Estimate:
    """Bytes that a training takes beside the weights. checkpointed: blocks are computed a second time."""

    weights: int
    trained: int
    kept: int
    checkpointed: bool

    @property
    def needs(self) -> int:
        return self.trained + self.kept + min(WORKING, self.weights // 4)

    @property
    def as_text(self) -> str:
        how = ", with gradient checkpointing" if self.checkpointed else ""
        return (
            f"weights {gib(self.weights)}, training adds about {gib(self.needs)}: "
            f"{gib(self.trained)} for what is trained, {gib(self.kept)} for the way back{how}"
        )


def estimate(model: Any, trained: int, tokens: int, here: Machine) -> Estimate:
    """The faster way that fits; `trained`: how many numbers, `tokens`: of a batch.

    Raises:
        SetupError: neither does.
    """
    text = model.config.get_text_config()
    wide = 2 if model.dtype.itemsize == 4 else 1
    layers, block = text.num_hidden_layers, KEPT * wide * text.hidden_size * tokens
    logits = LOGITS * tokens * text.vocab_size
    # Checkpointed, the input of each block is kept, and one block at a time is whole.
    ways = {False: layers * block, True: block + layers * 2 * wide * text.hidden_size * tokens}
    weights = int(model.get_memory_footprint())
    found = [Estimate(weights, TRAINED * trained, kept + logits, how) for how, kept in ways.items()]
    for each in found:
        if each.needs <= here.memory:
            return each
    raise SetupError(
        f"This training does not fit here: it needs about {gib(found[-1].needs)} beside the weights, of "
        f"{gib(here.memory)} free. A smaller batch, rank or length takes less."
    )
