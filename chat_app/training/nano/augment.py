"""Batches for the vision tower: pictures moved, shaded and, for the class "other", spoiled on purpose.

All randomness comes from the generator handed in, so a step can be repeated exactly from its number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from chat_app.models.nano.tower import DECISIONS, OBJECTS
from chat_app.training.nano.pictures import ADDED, UNKNOWN, Album

KINDS = DECISIONS["kind"]
OTHER = KINDS.index("other")
NAMES = tuple(DECISIONS)
SPOILS = ("jigsaw", "zoom", "invert", "upside down", "blend", "recolour")
# Sets whose pictures may be mirrored: in the others left and right would be told wrongly.
MIRRORED = ("mri_brain", "blood_cells", ADDED)
# An object's number and its box in 0..1 of the picture.
Marked = tuple[int, float, float, float, float]


@dataclass(frozen=True, eq=False)
class Batch:
    """pixels (B, 3, side, side) in -1..1; decisions (B, 7); target (B, objects, 196) and boxes (B, objects,
    196, 4).

    target: where each object is, summing to 1, or all 0. present: (B, objects) 1, 0, or UNKNOWN.
    single: (B, objects) true where the object stands once; found: the boxes in each picture.
    """

    pixels: Tensor
    decisions: Tensor
    target: Tensor
    boxes: Tensor
    present: Tensor
    single: Tensor
    found: list[list[Marked]]


def draw(album: Album, size: int, side: int, rng: np.random.Generator) -> Batch:
    """`size` pictures in the proportions of the album's mix, some spoiled, each moved and shaded."""
    mix = album.mix
    share = size / (sum(mix.shares.values()) + mix.spoiled)
    counts = {name: max(1, round(n * share)) for name, n in mix.shares.items()}
    chosen = np.concatenate([rng.choice(album.of(name), n) for name, n in counts.items()])
    spoiled = max(0, size - len(chosen))
    chosen = np.concatenate([chosen, rng.choice(album.of(*mix.spoilable), spoiled)])
    spoils = [""] * (len(chosen) - spoiled) + [str(s) for s in rng.choice(SPOILS, spoiled)]
    return batch(album, chosen, side, rng, spoils=spoils)


def batch(
    album: Album,
    chosen: np.ndarray,
    side: int,
    rng: np.random.Generator,
    *,
    spoils: list[str] | None = None,
    moved: bool = True,
) -> Batch:
    """The chosen pictures as tensors; unmoved, they are what a user's picture would be."""
    spoils = spoils or [""] * len(chosen)
    pixels = torch.from_numpy(album.pixels[chosen]).permute(0, 3, 1, 2).float() / 255
    sources = [album.pictures[i].source for i in chosen]
    moves = [_move(s, spoil, rng) if moved else _still() for s, spoil in zip(sources, spoils, strict=True)]
    theta = torch.tensor(np.stack(moves), dtype=torch.float32)
    grid = F.affine_grid(theta, [len(chosen), 3, side, side], align_corners=False)
    pixels = F.grid_sample(pixels, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    if moved:
        pixels = _shade(pixels, rng)
    for i, spoil in enumerate(spoils):
        if spoil:
            pixels[i] = _spoil(pixels, i, spoil, rng)
    decisions = torch.tensor([album.pictures[i].decisions for i in chosen])
    found = [_seen(album, i, m) for i, m in zip(chosen, moves, strict=True)]
    for i, spoil in enumerate(spoils):
        if spoil:
            decisions[i] = UNKNOWN
            decisions[i, NAMES.index("kind")] = OTHER
            found[i] = []
    _recount(album, chosen, spoils, found, decisions)
    target, boxes, present, single = _targets(album, chosen, spoils, found, side // 16)
    return Batch((pixels - 0.5) / 0.5, decisions, target, boxes, present, single, found)


def _still() -> np.ndarray:
    return np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def _move(source: str, spoil: str, rng: np.random.Generator) -> np.ndarray:
    """An affine map from the output's -1..1 to the input's: scale, turn, shift, mirror."""
    scale = math.exp(rng.uniform(math.log(0.82), math.log(1.15)))
    stretch = math.exp(rng.uniform(-0.08, 0.08))
    turn = math.radians(rng.uniform(-10, 10))
    shift = rng.uniform(-0.16, 0.16, 2)
    if source == "blood_cells" and not spoil and rng.random() < 0.4:
        scale = rng.uniform(0.4, 0.7)
        shift = rng.uniform(scale - 1, 1 - scale, 2)
    if spoil == "zoom":
        scale = rng.uniform(0.08, 0.13) if source == "blood_cells" else rng.uniform(0.12, 0.25)
        shift = rng.uniform(-0.5, 0.5, 2)
    mirror = -1.0 if source in MIRRORED and rng.random() < 0.5 else 1.0
    down = -1.0 if spoil == "upside down" else 1.0
    sx, sy = scale * stretch, scale / stretch
    cos, sin = math.cos(turn), math.sin(turn)
    return np.array(
        [[sx * cos * mirror, -sy * sin * down, shift[0]], [sx * sin * mirror, sy * cos * down, shift[1]]]
    )


def _seen(album: Album, index: int, move: np.ndarray) -> list[Marked]:
    """The marked boxes where the move puts them; those less than half in the picture are gone."""
    back = np.linalg.inv(move[:, :2])
    kept = []
    for what, x0, y0, x1, y1 in album.pictures[index].boxes:
        corners = np.array([[x0, y0], [x1, y0], [x0, y1], [x1, y1]]) * 2 - 1
        moved = ((corners - move[:, 2]) @ back.T + 1) / 2
        (a, b), (c, d) = moved.min(0), moved.max(0)
        area = (c - a) * (d - b)
        a, b, c, d = (float(np.clip(v, 0, 1)) for v in (a, b, c, d))
        if (c - a) * (d - b) > 0.5 * area:
            kept.append((what, a, b, c, d))
    return kept


def _recount(
    album: Album, chosen: np.ndarray, spoils: list[str], found: list[list[Marked]], decisions: Tensor
) -> None:
    """A smear cut smaller may have lost its white cell or its platelets: say so in the labels."""
    for i, index in enumerate(chosen):
        if album.pictures[index].source == "blood_cells" and not spoils[i]:
            seen = {OBJECTS[what] for what, *_ in found[i]}
            decisions[i, NAMES.index("white cells")] = int("white blood cell" in seen)
            decisions[i, NAMES.index("platelets")] = int("platelet" in seen)


def _shade(pixels: Tensor, rng: np.random.Generator) -> Tensor:
    count = len(pixels)

    def spread(low: float, high: float) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, (count, 1, 1, 1))).float()

    pixels = pixels.clamp(1e-4, 1) ** spread(-0.35, 0.35).exp()
    pixels = (pixels - 0.5) * spread(0.75, 1.25) + 0.5 + spread(-0.12, 0.12)
    noise = torch.from_numpy(rng.standard_normal((count, 1, *pixels.shape[2:]), dtype=np.float32))
    pixels = pixels + noise * spread(0, 0.04)
    for i in np.flatnonzero(rng.random(count) < 0.3):
        x, y, w, h = (int(v) for v in rng.integers(10, pixels.shape[-1] // 4, 4) * (4, 4, 1, 1))
        pixels[i, :, y : y + h, x : x + w] = float(rng.uniform(0, 0.6))
    return pixels.clamp(0, 1)


def _spoil(pixels: Tensor, i: int, spoil: str, rng: np.random.Generator) -> Tensor:
    picture = pixels[i]
    side = picture.shape[-1]
    if spoil == "jigsaw":
        parts = int(rng.integers(2, 5))
        step = side // parts
        tiles = [
            picture[:, y * step : (y + 1) * step, x * step : (x + 1) * step]
            for y in range(parts)
            for x in range(parts)
        ]
        order = rng.permutation(len(tiles))
        rows = [torch.cat([tiles[j] for j in order[y * parts : (y + 1) * parts]], 2) for y in range(parts)]
        return F.interpolate(torch.cat(rows, 1)[None], size=(side, side), mode="nearest")[0]
    if spoil == "invert":
        return 1 - picture
    if spoil == "blend":
        return (picture + pixels[int(rng.integers(len(pixels) // 2))]) / 2
    if spoil == "recolour":
        if float((picture[0] - picture[2]).abs().mean()) > 0.03:
            return picture.mean(0, keepdim=True).expand(3, -1, -1)
        tint = torch.from_numpy(rng.uniform(0.1, 1.0, (3, 1, 1))).float()
        return (picture * tint + torch.from_numpy(rng.uniform(0, 0.3, (3, 1, 1))).float()).clamp(0, 1)
    return picture


def _targets(
    album: Album, chosen: np.ndarray, spoils: list[str], found: list[list[Marked]], side: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    count, objects = len(chosen), len(OBJECTS)
    target = torch.zeros(count, objects, side * side)
    boxes = torch.zeros(count, objects, side * side, 4)
    present = torch.zeros(count, objects)
    single = torch.zeros(count, objects, dtype=torch.bool)
    ticks = (np.arange(side) + 0.5) / side
    xs, ys = np.tile(ticks, side), np.repeat(ticks, side)
    for i, index in enumerate(chosen):
        picture = album.pictures[index]
        if picture.source.startswith("cxr") and not picture.boxed and not spoils[i]:
            present[i, :2] = 1
        for what, x0, y0, x1, y1 in found[i]:
            cx, cy, w, h = (x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0
            inside = (np.abs(xs - cx) < w / 4) & (np.abs(ys - cy) < h / 4)
            inside[int(np.argmin((xs - cx) ** 2 + (ys - cy) ** 2))] = True
            cells = torch.from_numpy(np.flatnonzero(inside))
            target[i, what, cells] = 1
            boxes[i, what, cells] = torch.tensor([x0, y0, x1, y1])
            single[i, what] = present[i, what] == 0
            present[i, what] = 1
    total = target.sum(-1, keepdim=True)
    return target / total.clamp(min=1), boxes, present, single
