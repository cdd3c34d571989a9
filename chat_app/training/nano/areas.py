"""How far boxes are from the true ones; a box is (x0, y0, x1, y1) in 0..1 of the picture."""

from __future__ import annotations

import torch
from torch import Tensor


def apart(boxes: Tensor, truth: Tensor) -> Tensor:
    """L1 plus one minus the generalised IoU (Rezatofighi et al. 2019), averaged."""
    if len(boxes) == 0:
        return boxes.sum()
    inter, union = shared(boxes, truth)
    hull = (torch.max(boxes[:, 2:], truth[:, 2:]) - torch.min(boxes[:, :2], truth[:, :2])).prod(-1)
    giou = inter / union.clamp(min=1e-6) - (hull - union) / hull.clamp(min=1e-6)
    return 2 * (boxes - truth).abs().mean() + (1 - giou).mean()


def shared(boxes: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Areas (n,) of the intersection and the union of each pair of boxes (n, 4)."""
    low, high = torch.max(boxes[:, :2], truth[:, :2]), torch.min(boxes[:, 2:], truth[:, 2:])
    inter = (high - low).clamp(min=0).prod(-1)
    whole = [(each[:, 2:] - each[:, :2]).clamp(min=0).prod(-1) for each in (boxes, truth)]
    return inter, whole[0] + whole[1] - inter
