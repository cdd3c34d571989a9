"""Trains the closer look of the tower: from a box that is roughly right to one whose edges fit.

It is taught once more, alone, when the rest of the tower is done: it learns slower than the labels of the
films are learned by heart.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from chat_app.models.nano.tower import NanoVisionModel, Sight
from chat_app.training.nano.areas import apart, shared
from chat_app.training.nano.augment import Batch, batch
from chat_app.training.nano.checkpoint import remember_rates, resume, save, set_rate
from chat_app.training.nano.pictures import Album

STEPS = 2000
RATE = ((0, 50, STEPS / 2, STEPS), (0.05, 1.0, 0.6, 0.0))
SAVE_EVERY = 200
# Pictures of each set in a batch.
SHARES = {"mri_brain": 20, "blood_cells": 8, "cxr_lungbox": 4}
# How far off the boxes are that it is taught on, in sizes of the box and in logarithms of them; how many of
# them are the tower's own instead, and from what overlap on those are near enough; how many looks in a row.
MISSED, STRETCHED = 0.2, 0.3
OWN, NEAR = 0.5, 0.1
LOOKS = 2
MOST = 96


def train(tower: NanoVisionModel, album: Album, folder: Path, *, seed: int, steps: int = STEPS) -> None:
    """Teaches the tower's closer look; nothing else of the tower changes."""
    tower.requires_grad_(False).train(False)
    tower.closer.requires_grad_(True)
    mean = AveragedModel(tower.closer, multi_avg_fn=get_ema_multi_avg_fn(0.995), use_buffers=True)
    optimizers = [torch.optim.AdamW(tower.closer.parameters(), lr=2e-3, weight_decay=0.05)]
    remember_rates(optimizers)
    kept = {"closer": tower.closer, "mean": mean}
    first = resume(folder / "edges.pt", kept, optimizers)
    bar = tqdm(range(first, steps), initial=first, total=steps, desc="edges")
    for step in bar:
        rng = np.random.default_rng((seed, 1, step))
        drawn = batch(album, _chosen(album, rng), tower.config.image_size, rng)
        with torch.no_grad():
            sight = tower.look(drawn.pixels.contiguous(memory_format=torch.channels_last))
        tower.closer.train()
        loss = loss_of(tower, sight, drawn, rng)
        tower.closer.train(False)
        set_rate(optimizers, float(np.interp(step, *RATE)))
        optimizers[0].zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(tower.closer.parameters(), 5.0)
        optimizers[0].step()
        mean.update_parameters(tower.closer)
        bar.set_postfix(loss=f"{loss.item():.2f}", refresh=False)
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == steps:
            save(folder / "edges.pt", kept, optimizers, step + 1)
    tower.closer.load_state_dict(mean.module.state_dict())


def _chosen(album: Album, rng: np.random.Generator) -> np.ndarray:
    """Pictures in which something is marked."""
    marked = {name: [i for i in album.of(name) if album.pictures[i].boxes] for name in SHARES}
    return np.concatenate([rng.choice(marked[name], count) for name, count in SHARES.items()])


def loss_of(tower: NanoVisionModel, sight: Sight, drawn: Batch, rng: np.random.Generator) -> Tensor:
    """What closer looks make of boxes that are roughly right: the tower's own, or true ones moved."""
    marked = [(row, box) for row, boxes in enumerate(drawn.found) for box in boxes]
    if not marked:
        return sight.tokens.new_zeros(())
    if len(marked) > MOST:
        marked = [marked[i] for i in rng.choice(len(marked), MOST, replace=False)]
    rows = torch.tensor([row for row, _ in marked])
    which = torch.tensor([what for _, (what, *_) in marked])
    truth = torch.tensor([box[1:] for _, box in marked])
    boxes = _moved(truth, rng)
    own = sight.rough.detach()[rows, which]
    inter, union = shared(own, truth)
    taken = drawn.single[rows, which] & (inter / union > NEAR) & _coins(len(marked), rng)
    boxes, total = torch.where(taken[:, None], own, boxes), sight.tokens.new_zeros(())
    around = [maps[rows] for maps in sight.around]
    for _ in range(LOOKS):
        moved = tower.closer(around, boxes[:, None], which[:, None])[:, 0]
        total, boxes = total + apart(moved, truth), moved.detach()
    return total


def _moved(truth: Tensor, rng: np.random.Generator) -> Tensor:
    size = truth[:, 2:] - truth[:, :2]
    middle = truth[:, :2] + size / 2
    middle = middle + size * torch.from_numpy(rng.normal(0, MISSED, size.shape)).float()
    size = size * torch.from_numpy(rng.normal(0, STRETCHED, size.shape)).float().exp()
    return torch.cat([middle - size / 2, middle + size / 2], -1)


def _coins(count: int, rng: np.random.Generator) -> Tensor:
    return torch.from_numpy(rng.random(count) < OWN)
