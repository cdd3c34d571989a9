"""Rows become a batch; short ones share a line, and no row sees another."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from chat_app.training.lora.rows import IGNORED, Row

# What some architectures want to be told beside the tokens: where pictures stand.
KINDS = ("token_type_ids", "mm_token_type_ids")


class Batches:
    """The Trainer's collator for one model.

    Lines are as long as the longest row, and short rows are put behind one another. That they do not see each
    other follows from their positions, which begin anew (transformers' masking_utils finds packed rows so);
    models whose masks or positions hang on pictures get one row a line.
    """

    def __init__(self, model: Any, filler: int) -> None:
        accepted = inspect.signature(type(model).forward).parameters
        self.kinds = [name for name in KINDS if name in accepted]
        self.filler = filler

    def __call__(self, rows: Sequence[Row]) -> dict[str, Any]:
        packs = not self.kinds and all(len(row.positions) == 1 for row in rows)
        lines = _packed(rows) if packs else [[row] for row in rows]
        width = max(sum(map(len, line)) for line in lines)
        ordered = [row for line in lines for row in line]
        pictured = _lines([[row.pictured for row in line] for line in lines], width, False)
        batch: dict[str, Any] = {
            "input_ids": _lines([[row.ids for row in line] for line in lines], width, self.filler),
            "labels": _lines([[row.labels for row in line] for line in lines], width, IGNORED),
            "position_ids": _positions(lines, width),
            # With a cache nobody would look whether lines are packed.
            "use_cache": False,
            **{name: pictured.long() for name in self.kinds},
            **_pictures(ordered),
        }
        if not packs:
            lengths = torch.tensor([[sum(map(len, line))] for line in lines])
            batch["attention_mask"] = (torch.arange(width) < lengths).long()
        return batch


def _packed(rows: Sequence[Row]) -> list[list[Row]]:
    """The rows in as few lines as first fit, longest first, finds; none longer than the longest row."""
    width = max(map(len, rows))
    lines: list[list[Row]] = []
    for row in sorted(rows, key=len, reverse=True):
        line = next((line for line in lines if sum(map(len, line)) + len(row) <= width), None)
        if line is None:
            lines.append([row])
        else:
            line.append(row)
    return lines


def _lines(parts: list[list[Tensor]], width: int, filler: int) -> Tensor:
    return torch.stack([pad(line, (0, width - len(line)), value=filler) for line in map(torch.cat, parts)])


def _positions(lines: list[list[Row]], width: int) -> Tensor:
    """(lines, width), or (3, lines, width). Each filler is a row of its own, so that it touches no other."""
    axes = [
        _lines([[row.positions[axis] for row in line] for line in lines], width, 0)
        for axis in range(len(lines[0][0].positions))
    ]
    return axes[0] if len(axes) == 1 else torch.stack(axes)


def _pictures(rows: list[Row]) -> dict[str, Tensor]:
    every = [tensors for row in rows for tensors in row.tensors]
    return {name: torch.cat([tensors[name] for tensors in every]) for name in every[0]}
