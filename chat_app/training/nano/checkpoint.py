"""What both stages of training share: their learning rates, and a checkpoint to go on from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

Optimizers = Sequence[torch.optim.Optimizer]


def remember_rates(optimizers: Optimizers) -> None:
    """Keeps each group's learning rate as the height that `set_rate` takes a share of."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]


def set_rate(optimizers: Optimizers, share: float) -> None:
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * share


def save(path: Path, modules: Mapping[str, nn.Module], optimizers: Optimizers, step: int) -> None:
    """Writes beside the old checkpoint first, so that a kill in mid-write loses nothing."""
    partial = path.with_suffix(".part")
    states = {name: module.state_dict() for name, module in modules.items()}
    torch.save({**states, "optimizers": [o.state_dict() for o in optimizers], "step": step}, partial)
    partial.replace(path)


def resume(path: Path, modules: Mapping[str, nn.Module], optimizers: Optimizers) -> int:
    """Reads the checkpoint back; the step to go on from, 0 where there is none."""
    if not path.is_file():
        return 0
    state = torch.load(path, weights_only=True)
    for name, module in modules.items():
        module.load_state_dict(state[name])
    for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    return int(state["step"])
