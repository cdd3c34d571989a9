"""The vision tower of nano: convolutions, two transformer layers, and slots that say what was found.

Besides a 7 x 7 grid of tokens the tower gives one token for each thing it looks for (with its box) and one
for each question it was taught to decide (with its answer), so that a small language model need not find them
in the grid. It knows nothing of words, prompts or files.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

# The things and the classes that an adapter may give a meaning to; nothing in the base does.
OPEN_OBJECTS = ("thing 1", "thing 2", "thing 3")
OPEN_KIND, OPEN_DECISION = "taught", "class"
OPEN_CLASSES = tuple(f"class {number}" for number in range(1, 9))
OBJECTS = ("right lung", "left lung", "tumour", "white blood cell", "platelet", *OPEN_OBJECTS)
DECISIONS: dict[str, tuple[str, ...]] = {
    "kind": ("chest X-ray", "brain MR", "blood smear", OPEN_KIND, "other"),
    "view": ("AP", "PA"),
    "film": ("normal", "abnormal"),
    "tumour": ("glioma", "meningioma", "pituitary tumour"),
    "white cells": ("absent", "present"),
    "platelets": ("absent", "present"),
    OPEN_DECISION: OPEN_CLASSES,
}
# What every decision sees beside its own question: the two things that classes are mostly about.
SHARED = (OBJECTS.index("tumour"), OBJECTS.index(OPEN_OBJECTS[0]))
WAVES = 8
# How far around its peak, in places, a thing's box is gathered from; how wide a closer look is, in boxes, and
# how many places of the maps it takes each way; how often one is taken, each from where the last one ended.
REACH = 2
WIDER = 2.0
CLOSE = 12
LOOKS = 3


class NanoVisionConfig(PreTrainedConfig):
    """Sizes of the tower. One grid token covers `patch_size` x `patch_size` pixels."""

    model_type = "lightbox_nano_vision"

    def __init__(
        self,
        image_size: int = 224,
        patch_size: int = 32,
        hidden_size: int = 256,
        num_attention_heads: int = 8,
        num_hidden_layers: int = 2,
        intermediate_size: int = 512,
        **kwargs: Any,
    ) -> None:
        self.image_size = image_size
        self.patch_size = patch_size
        self.hidden_size = hidden_size
        self.num_attention_heads = num_attention_heads
        self.num_hidden_layers = num_hidden_layers
        self.intermediate_size = intermediate_size
        super().__init__(**kwargs)


@dataclass
class Sight:
    """What the tower made of a batch of B pictures.

    tokens: (B, 49 + slots, hidden). texture: (B, 192), log mean and log spread of the early maps, which tell
    one ultrasound from another where later ones do not. decisions: logits (B, classes) by name. maps: (B,
    objects, 196) logits of where each object is. boxes: (B, objects, 196, 4), each place's guess of the box
    as (x0, y0, x1, y1) in 0..1 of the picture. rough: (B, objects, 4), the guesses around the map's peak,
    weighted by the map. box: (B, objects, 4), the rough ones after closer looks. around: the maps that these
    are taken at, (B, 32, 56, 56), (B, 64, 28, 28) and (B, 128, 14, 14).
    """

    tokens: Tensor
    texture: Tensor
    decisions: dict[str, Tensor]
    maps: Tensor
    boxes: Tensor
    rough: Tensor
    box: Tensor
    around: tuple[Tensor, ...]


def _conv(inside: int, outside: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inside, outside, 3, stride, 1, bias=False), nn.BatchNorm2d(outside))


def _spread(maps: Tensor) -> Tensor:
    """(B, C, H, W) to (B, 2 C): mean and standard deviation of each map."""
    return torch.cat([maps.mean((2, 3)), maps.std((2, 3))], 1)


def _around_peak(maps: Tensor) -> Tensor:
    """(B, objects, places): whether a place lies within REACH of that map's highest."""
    side = math.isqrt(maps.shape[-1])
    places = torch.arange(maps.shape[-1], device=maps.device)
    peak = maps.argmax(-1, keepdim=True)
    rows, columns = places // side - peak // side, places % side - peak % side
    return (rows.abs() <= REACH) & (columns.abs() <= REACH)


class _Block(nn.Module):
    """Two 3 x 3 convolutions around a skip."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _conv(width, width, 1)
        self.second = _conv(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(F.relu(self.first(x))))


class _CloserLook(nn.Module):
    """Moves the edges of a box by what the fine maps show around it."""

    def __init__(self, inside: int, width: int = 32) -> None:
        super().__init__()
        self.first = _conv(inside, width, 1)
        self.second = _conv(width, width, 2)
        self.mixed = nn.Linear(width * (CLOSE // 2) ** 2, 64)
        self.edges = nn.Linear(64, 4 * len(OBJECTS))

    def forward(self, maps: Sequence[Tensor], boxes: Tensor, which: Tensor) -> Tensor:
        """Boxes (n, k, 4) of the objects `which` (n, k), and maps (n, C, H, W) they lie in, to boxes."""
        middle, size = (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]
        low, span = middle - size * WIDER / 2, size * WIDER
        ticks = (torch.arange(CLOSE, device=boxes.device, dtype=boxes.dtype) + 0.5) / CLOSE
        xs = (low[..., :1] + ticks * span[..., :1]).unsqueeze(2).expand(-1, -1, CLOSE, -1)
        ys = (low[..., 1:] + ticks * span[..., 1:]).unsqueeze(3).expand(-1, -1, -1, CLOSE)
        grid = torch.stack([xs, ys], -1).flatten(1, 2) * 2 - 1
        seen = torch.cat([F.grid_sample(each, grid, align_corners=False) for each in maps], 1)
        count, things = which.shape
        seen = seen.unflatten(2, (things, CLOSE)).transpose(1, 2).flatten(0, 1)
        seen = F.relu(self.second(F.relu(self.first(seen))))
        moves = self.edges(F.relu(self.mixed(seen.flatten(1)))).view(count, things, len(OBJECTS), 4)
        moves = moves.gather(2, which[..., None, None].expand(-1, -1, 1, 4)).squeeze(2)
        start = boxes.new_tensor([0.25, 0.25, 0.75, 0.75])
        return torch.cat([low, low], -1) + torch.cat([span, span], -1) * (start + 0.5 * torch.tanh(moves))


class _Layer(nn.Module):
    """A pre-norm transformer layer."""

    def __init__(self, config: NanoVisionConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.heads = config.num_attention_heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, config.intermediate_size)
        self.fc2 = nn.Linear(config.intermediate_size, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        qkv = self.qkv(self.norm1(x)).view(batch, length, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, length, width)
        x = x + self.proj(attended)
        mixed: Tensor = x + self.fc2(F.gelu(self.fc1(self.norm2(x))))
        return mixed


class NanoVisionModel(PreTrainedModel):
    """(B, 3, 224, 224) in -1..1 to (B, 64, 256): 49 grid tokens, a slot for each object and decision."""

    config_class = NanoVisionConfig
    main_input_name = "pixel_values"

    def __init__(self, config: NanoVisionConfig) -> None:
        super().__init__(config)
        width, fine = config.hidden_size, config.hidden_size // 2
        self.stem = nn.Sequential(_conv(3, 16, 2), nn.ReLU(), _conv(16, 32, 2), nn.ReLU(), _Block(32))
        self.stage1 = nn.Sequential(_conv(32, 64, 2), nn.ReLU(), _Block(64))
        self.stage2 = nn.Sequential(_conv(64, fine, 2), nn.ReLU(), _Block(fine))
        self.stage3 = nn.Sequential(_conv(fine, width, 2), nn.ReLU(), _Block(width))
        grid = config.image_size // config.patch_size
        self.position = nn.Parameter(torch.zeros(1, grid * grid, width))
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.num_hidden_layers))
        self.norm = nn.LayerNorm(width)
        self.fine_conv = nn.Conv2d(fine, fine, 1)
        self.fine_token = nn.Linear(width, fine)
        self.fine_norm = nn.LayerNorm(fine)
        self.map_head = nn.Linear(fine, len(OBJECTS))
        self.box_head = nn.Linear(fine, 4 * len(OBJECTS))
        self.closer = _CloserLook(32 + 64 + fine)
        classes = sum(len(c) for c in DECISIONS.values())
        self.queries = nn.Parameter(torch.zeros(len(DECISIONS), width))
        self.decide = nn.ModuleList(nn.Linear(2 * width + 2 * fine, len(c)) for c in DECISIONS.values())
        self.object_slot = nn.Parameter(torch.zeros(len(OBJECTS), width))
        self.object_look = nn.Linear(fine, width)
        self.object_place = nn.Linear(8 * WAVES, width)
        self.object_peak = nn.Parameter(torch.zeros(len(OBJECTS), width))
        self.decision_slot = nn.Parameter(torch.zeros(len(DECISIONS), width))
        self.decision_answer = nn.Parameter(torch.zeros(classes, width))
        self.slot_norm = nn.LayerNorm(width)
        self.post_init()  # type: ignore[no-untyped-call]

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=module.in_features**-0.5)
            nn.init.zeros_(module.bias)
        elif isinstance(module, NanoVisionModel):
            for table in (module.queries, module.object_slot, module.object_peak, module.decision_slot):
                nn.init.normal_(table, std=0.5)
            nn.init.normal_(module.decision_answer, std=1.0)
            nn.init.normal_(module.position, std=0.02)
            nn.init.zeros_(module.closer.edges.weight)

    def look(self, pixel_values: Tensor) -> Sight:
        """Everything the tower sees, for training, for the gate and for `forward`."""
        coarse = self.stem(pixel_values.to(self.position.dtype))
        middle = self.stage1(coarse)
        fine = self.stage2(middle)
        grid = self.stage3(fine).flatten(2).transpose(1, 2) + self.position
        for layer in self.layers:
            grid = layer(grid)
        grid = self.norm(grid)
        places = self._places(fine, grid)
        maps = self.map_head(places).transpose(1, 2)
        boxes = self._boxes(places)
        weight = (2.0 * maps).masked_fill(~_around_peak(maps), -torch.inf).softmax(-1)
        rough = (weight.unsqueeze(-1) * boxes).sum(2)
        found = weight @ places
        decisions = self._decisions(grid, found)
        side = math.isqrt(places.shape[1])
        around = (coarse, middle, places.transpose(1, 2).unflatten(2, (side, side)))
        box = rough if self.training else self._closer(around, rough)
        slots = self._slots(maps, box, found, decisions)
        texture = torch.cat([_spread(coarse), _spread(middle)], 1).log1p()
        return Sight(torch.cat([grid, slots], 1), texture, decisions, maps, boxes, rough, box, around)

    def _closer(self, around: tuple[Tensor, ...], boxes: Tensor) -> Tensor:
        """In training it is taught on boxes of its own, not on those that are still being learned."""
        every = torch.arange(len(OBJECTS), device=boxes.device).expand(len(boxes), -1)
        for _ in range(LOOKS):
            boxes = self.closer(around, boxes, every)
        return boxes

    def _places(self, fine: Tensor, grid: Tensor) -> Tensor:
        """(B, 196, fine): the finer feature map, told what the grid made of its surroundings."""
        side = math.isqrt(grid.shape[1])
        coarse = self.fine_token(grid).transpose(1, 2).unflatten(2, (side, side))
        mixed = self.fine_conv(fine) + F.interpolate(
            coarse, scale_factor=2.0, mode="bilinear", align_corners=False
        )
        normed: Tensor = self.fine_norm(mixed.flatten(2).transpose(1, 2))
        return normed

    def _boxes(self, places: Tensor) -> Tensor:
        """Centre offset (in picture sizes, around the place) and size (0..1), as corners."""
        batch, count, _ = places.shape
        side = math.isqrt(count)
        raw = self.box_head(places).view(batch, count, len(OBJECTS), 4).transpose(1, 2)
        ticks = (torch.arange(side, device=raw.device, dtype=raw.dtype) + 0.5) / side
        here = torch.stack([ticks.repeat(side), ticks.repeat_interleave(side)], -1)
        centre, half = here + 0.5 * torch.tanh(raw[..., :2]), 0.5 * torch.sigmoid(raw[..., 2:])
        return torch.cat([centre - half, centre + half], -1)

    def _decisions(self, grid: Tensor, found: Tensor) -> dict[str, Tensor]:
        weight = (grid @ self.queries.T / grid.shape[-1] ** 0.5).softmax(1)
        pooled = weight.transpose(1, 2) @ grid
        shared = torch.cat([grid.mean(1), *(found[:, what] for what in SHARED)], -1)
        heads = zip(DECISIONS, self.decide, strict=True)
        return {name: head(torch.cat([pooled[:, i], shared], -1)) for i, (name, head) in enumerate(heads)}

    def _slots(self, maps: Tensor, box: Tensor, found: Tensor, decisions: dict[str, Tensor]) -> Tensor:
        """(B, objects + decisions, hidden). What is shown is detached: slots cannot bend heads."""
        octave = 2.0 ** torch.arange(WAVES, device=box.device, dtype=box.dtype)
        angle = (box.detach().unsqueeze(-1) * octave * math.pi / 2).flatten(2)
        place = self.object_place(torch.cat([angle.sin(), angle.cos()], -1))
        peak = maps.detach().amax(-1, keepdim=True).sigmoid() * self.object_peak
        objects = self.object_slot + self.object_look(found) + place + peak
        answers = self.decision_answer.split([len(c) for c in DECISIONS.values()])
        said = [decisions[n].detach().softmax(-1) @ a for n, a in zip(DECISIONS, answers, strict=True)]
        slots: Tensor = self.slot_norm(torch.cat([objects, self.decision_slot + torch.stack(said, 1)], 1))
        return slots

    def forward(self, pixel_values: Tensor, **_: Any) -> BaseModelOutput:
        tokens = self.look(pixel_values).tokens
        return BaseModelOutput(last_hidden_state=tokens, hidden_states=(tokens,))
