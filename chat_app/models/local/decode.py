"""The arithmetic of answering: reading a prompt in pieces, then writing token by token, several rows at once.

It knows nothing of queues, owners or text.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.functional import pad
from transformers import RepetitionPenaltyLogitsProcessor

from chat_app.models.local.cache import Layers, cache_of, layers_of
from chat_app.models.local.prompt import Picture, Prompt

if TYPE_CHECKING:
    from numpy.typing import NDArray

# How many tokens are read before others, and Stop, get their turn. A picture is read whole.
CHUNK = 256

# Below this temperature the likeliest token is taken: dividing by less overflows.
COLDEST = 1e-3

Features = Callable[[Picture], Any]


@dataclass(eq=False)
class Row:
    """One answer under way: what the model holds of it and what it has written.

    A temperature of 0 is greedy. penalty: how much less likely what stands there already is made, as the
    model's makers set it; 1 for not at all. layers: keys and values of all that was read or written, but for
    the last written token; a batch has them while the row is in it. seen: the features of the picture that is
    read next. chances: natural log-probability of each written token, without the penalty.
    """

    prompt: Prompt
    temperature: float = 0.0
    seed: int = 0
    penalty: float = 1.0
    layers: Layers = ()
    seen: Any = None
    written: list[int] = field(default_factory=list)
    chances: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._dice = torch.Generator().manual_seed(self.seed)

    @property
    def length(self) -> int:
        """How many tokens the layers hold."""
        return self.layers[0][0].shape[2] if self.layers else 0

    @property
    def read(self) -> bool:
        return self.length >= len(self.prompt)

    @property
    def keys(self) -> NDArray[np.int64]:
        """What the layers hold, as Prompt.keys tells it."""
        return np.concatenate([self.prompt.keys, np.array(self.written, np.int64)])[: self.length]

    def choose(self, logits: torch.Tensor) -> int:
        """The next token by its (vocabulary,) logits: the likeliest, or one drawn by the row's dice."""
        if self.penalty != 1.0:
            there = torch.cat([self.prompt.ids, torch.tensor(self.written, dtype=torch.long)])
            damp = RepetitionPenaltyLogitsProcessor(self.penalty)
            logits = damp(there.unsqueeze(0).to(logits.device), logits.unsqueeze(0))[0]
        if self.temperature < COLDEST:
            return int(logits.argmax())
        shares = (logits / self.temperature).softmax(-1).cpu()
        return int(torch.multinomial(shares, 1, generator=self._dice))


@torch.inference_mode()
def read(model: Any, row: Row, features: Features, chunk: int = CHUNK) -> None:
    """Reads the next piece of the row's prompt; after the last piece the row has its first token.

    A picture is two pieces: it is looked at, and then what was seen is read. A fault changes nothing.
    """
    prompt, start = row.prompt, row.length
    span = next((span for span in prompt.spans if span.end > start), None)
    end = min(start + chunk, span.start if span and span.start > start else len(prompt))
    more: dict[str, Any] = {}
    if span and span.start <= start:
        if row.seen is None:
            row.seen = features(span.picture)
            return
        end, more["mm_encoder_outputs"] = span.end, {"image": row.seen}
        if takes_types(model):
            # Gemma lets the tokens of one picture see each other, and finds them by this.
            more["token_type_ids"] = prompt.pictured[:end].int().unsqueeze(0).to(model.device)
    cache = cache_of(row.layers)
    output = model(
        input_ids=prompt.ids[start:end].unsqueeze(0).to(model.device),
        position_ids=_shaped(prompt.positions[:, start:end].unsqueeze(1)).to(model.device),
        cache=cache,
        use_cache=True,
        logits_to_keep=1,
        **more,
    )
    # Chosen before anything changes: it may run out of memory too.
    first = _chosen([row], output.logits) if end == len(prompt) else []
    row.layers, row.seen = layers_of(cache), None
    _write([row], first)


class Batch:
    """Rows that are written together: left-padded to one length, a token each at every step."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._lengths: list[int] = []
        self._layers: Layers = ()

    @property
    def _length(self) -> int:
        return max(self._lengths, default=0)

    def join(self, row: Row) -> None:
        """Takes in a row whose prompt is read; its keys and values are the batch's until it leaves."""
        length = max(self._length, row.length)
        self._layers = (
            [
                (_stacked(keys, own_keys, length), _stacked(values, own_values, length))
                for (keys, values), (own_keys, own_values) in zip(self._layers, row.layers, strict=True)
            ]
            if self.rows
            else row.layers
        )
        self.rows.append(row)
        self._lengths.append(row.length)
        row.layers = ()

    def leave(self, row: Row) -> None:
        """Lets a row go, with its keys and values as its own again."""
        place = self.rows.index(row)
        row.layers = self._taken([place]) if len(self.rows) > 1 else self._layers
        rest = [number for number in range(len(self.rows)) if number != place]
        self._layers = self._taken(rest) if rest else ()
        self.rows = [self.rows[number] for number in rest]
        self._lengths = [self._lengths[number] for number in rest]

    @torch.inference_mode()
    def step(self, model: Any) -> None:
        """Writes one more token in every row. A fault leaves the rows as they were."""
        length = self._length
        # Let go of, so that each layer's old tensors are free as soon as its new ones are made.
        cache, self._layers, held = cache_of(self._layers), (), length
        try:
            chosen = _chosen(self.rows, self._forward(model, cache, length).logits)
            held += 1
        finally:
            # After a fault some layers have the new token and some have not: none keeps it.
            self._layers = [(keys[:, :, :held], values[:, :, :held]) for keys, values in layers_of(cache)]
        self._lengths = [each + 1 for each in self._lengths]
        _write(self.rows, chosen)

    def _forward(self, model: Any, cache: Any, length: int) -> Any:
        """Feeds every row's last token; `length` is what the cache holds, padding included."""
        rows = self.rows
        lengths = torch.tensor(self._lengths).unsqueeze(1)
        places = torch.tensor([[row.prompt.after + len(row.written) - 1] for row in rows])
        axes = rows[0].prompt.positions.shape[0]
        return model(
            input_ids=torch.tensor([[row.written[-1]] for row in rows]).to(model.device),
            position_ids=_shaped(places.expand(axes, -1, -1)).to(model.device),
            attention_mask=(torch.arange(length + 1) >= length - lengths).to(model.device)
            if len(rows) > 1
            else None,
            cache=cache,
            use_cache=True,
            logits_to_keep=1,
        )

    def _taken(self, places: list[int]) -> Layers:
        """Those rows alone, without the padding that only others needed."""
        spare = self._length - max(self._lengths[place] for place in places)
        # Cut first, then picked, which copies: a view would keep the padding in memory.
        return [(keys[:, :, spare:][places], values[:, :, spare:][places]) for keys, values in self._layers]


def takes_types(model: Any) -> bool:
    """Whether the model wants to be told which tokens are a picture's."""
    return "token_type_ids" in inspect.signature(type(model).forward).parameters


def _chosen(rows: list[Row], logits: torch.Tensor) -> list[tuple[int, float]]:
    """Each row's next token by the model's (rows, 1, vocabulary) logits, and its log-probability."""
    logits = logits[:, -1].float()
    chances = logits.log_softmax(-1)
    tokens = [row.choose(own) for row, own in zip(rows, logits, strict=True)]
    chosen = chances.gather(1, torch.tensor(tokens, device=chances.device).unsqueeze(1))[:, 0].tolist()
    return list(zip(tokens, chosen, strict=True))


def _write(rows: list[Row], chosen: list[tuple[int, float]]) -> None:
    for row, (token, chance) in zip(rows, chosen, strict=False):
        row.written.append(token)
        row.chances.append(chance)


def _shaped(positions: torch.Tensor) -> torch.Tensor:
    """(axes, rows, tokens) as the models take it: without the first where there is only one."""
    return positions[0] if positions.shape[0] == 1 else positions


def _stacked(batch: torch.Tensor, row: torch.Tensor, length: int) -> torch.Tensor:
    """One row more, all padded on the left to `length` tokens."""
    return torch.cat([_padded(batch, length), _padded(row, length)])


def _padded(states: torch.Tensor, length: int) -> torch.Tensor:
    return pad(states, (0, 0, length - states.shape[2], 0))
