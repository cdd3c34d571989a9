"""Trains the tower on what is marked in the pictures: which kind, which answer, where.

A step's batch depends on the seed and the step's number alone, so a run can be stopped and taken up again.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from chat_app.models.nano.tower import (
    DECISIONS,
    OBJECTS,
    OPEN_DECISION,
    OPEN_OBJECTS,
    NanoVisionConfig,
    NanoVisionModel,
    Sight,
)
from chat_app.training.nano import edges
from chat_app.training.nano.areas import apart, shared
from chat_app.training.nano.augment import Batch, batch, draw
from chat_app.training.nano.checkpoint import remember_rates, resume, save, set_rate
from chat_app.training.nano.muon import Muon
from chat_app.training.nano.pictures import UNKNOWN, Album

WEIGHTS = {
    "kind": 0.7,
    "view": 0.7,
    "film": 0.7,
    "tumour": 1.5,
    "white cells": 0.5,
    "platelets": 0.7,
    OPEN_DECISION: 1.0,
}
# Learning rate over the steps, as a share of its height: a warm-up, a slow fall, a faster one to nothing.
STEPS = 1700
RATE = ((0, 100, STEPS / 2, STEPS), (0.01, 1.0, 0.7, 0.0))
SAVE_EVERY = 200
# The things the base is taught to find: those before the ones left to adapters.
TAUGHT = OBJECTS.index(OPEN_OBJECTS[0])


def train(
    album: Album, held_out: Album, folder: Path, *, seed: int, steps: int = STEPS, size: int
) -> NanoVisionModel:
    """The tower after `steps` batches of `size`, its weights averaged over the last few hundred steps."""
    torch.manual_seed(seed)
    tower = NanoVisionModel(NanoVisionConfig())
    tower.to(memory_format=torch.channels_last)  # type: ignore[call-arg]
    mean = AveragedModel(tower, multi_avg_fn=get_ema_multi_avg_fn(0.998), use_buffers=True)
    averaged = mean.module
    assert isinstance(averaged, NanoVisionModel)
    optimizers, kept = _optimizers(tower), {"tower": tower, "mean": mean}
    first = resume(folder / "vision.pt", kept, optimizers)
    bar = tqdm(range(first, steps), initial=first, total=steps, desc="vision")
    for step in bar:
        step_rng = np.random.default_rng((seed, step))
        drawn = draw(album, size, tower.config.image_size, step_rng)
        tower.train()
        sight = tower.look(drawn.pixels.contiguous(memory_format=torch.channels_last))
        loss = loss_of(sight, drawn) + edges.loss_of(tower, sight, drawn, step_rng)
        set_rate(optimizers, float(np.interp(step, *RATE)))
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(tower.parameters(), 5.0)
        for optimizer in optimizers:
            optimizer.step()
        if step >= RATE[0][1]:
            mean.update_parameters(tower)
        bar.set_postfix(loss=f"{loss.item():.2f}", refresh=False)
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == steps:
            save(folder / "vision.pt", kept, optimizers, step + 1)
        if (step + 1) % (5 * SAVE_EVERY) == 0 or step + 1 == steps:
            tqdm.write(f"step {step + 1}: {scores(averaged, held_out)}")
    averaged.train(False)
    return averaged


def _optimizers(tower: NanoVisionModel) -> list[torch.optim.Optimizer]:
    hidden = ("stem", "stage", "layers")
    deep = [
        p for n, p in tower.named_parameters() if n.startswith(hidden) and p.ndim > 1 and "stem.0" not in n
    ]
    ids = {id(p) for p in deep}
    rest = [p for p in tower.parameters() if id(p) not in ids]
    optimizers = [Muon(deep, lr=0.02), torch.optim.AdamW(rest, lr=2e-3, weight_decay=0.01)]
    remember_rates(optimizers)
    return optimizers


def loss_of(sight: Sight, drawn: Batch, things: slice = slice(0, TAUGHT)) -> Tensor:
    """How wrong the tower is about a batch; only of the `things` is asked whether they are there."""
    total = sight.tokens.new_zeros(())
    for i, name in enumerate(DECISIONS):
        truth = drawn.decisions[:, i]
        if bool((truth != UNKNOWN).any()):
            one = F.cross_entropy(sight.decisions[name], truth, ignore_index=UNKNOWN, label_smoothing=0.05)
            total = total + WEIGHTS[name] * one
    marked = drawn.target.sum(-1) > 0
    where = -(drawn.target * sight.maps.log_softmax(-1)).sum(-1)[marked].sum() / max(1, int(marked.sum()))
    asked, present = sight.maps.amax(-1)[:, things], drawn.present[:, things]
    # The mean over no thing at all is no number, and the loss would be none.
    there = F.binary_cross_entropy_with_logits(asked, present) if asked.numel() else asked.sum()
    cells = drawn.target > 0
    guess = apart(sight.boxes[cells], drawn.boxes[cells])
    once = drawn.single & marked
    truth = drawn.boxes.amax(2)[once]
    return total + 0.4 * where + there + guess + 1.5 * apart(sight.rough[once], truth)


@torch.no_grad()
def scores(tower: NanoVisionModel, held_out: Album, size: int = 64) -> dict[str, float]:
    """Share of right answers for each decision, and mean IoU for each object, on pictures as they are."""
    tower.train(False)
    right: dict[str, list[float]] = {}
    for start in range(0, len(held_out.pictures), size):
        chosen = np.arange(start, min(start + size, len(held_out.pictures)))
        shown = batch(held_out, chosen, tower.config.image_size, np.random.default_rng(0), moved=False)
        sight = tower.look(shown.pixels.contiguous(memory_format=torch.channels_last))
        for i, name in enumerate(DECISIONS):
            truth = shown.decisions[:, i]
            known = truth != UNKNOWN
            right.setdefault(name, []).extend(
                (sight.decisions[name].argmax(-1) == truth)[known].float().tolist()
            )
        for row, what in (shown.single & (shown.target.sum(-1) > 0)).nonzero().tolist():
            truth = shown.boxes[row, what].amax(0)[None]
            guess = sight.box[row, what][None]
            inter, union = shared(guess, truth)
            right.setdefault(f"box {what}", []).append((inter / union).item())
    return {name: round(float(np.mean(values)), 3) for name, values in right.items() if values}
