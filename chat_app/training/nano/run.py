"""The whole training of nano, in order; what was done before is taken up again from the output folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers import LlavaForConditionalGeneration, LlavaProcessor

from chat_app.models.nano.gate import Gate
from chat_app.models.nano.tower import DECISIONS, NanoVisionModel
from chat_app.training.nano import assemble, language, pictures, vision
from chat_app.training.nano.augment import batch
from chat_app.training.nano.pictures import UNKNOWN, Album

VISION_BATCH = 48
LANGUAGE_BATCH = 48
KIND = tuple(DECISIONS).index("kind")


def train(
    data: Path,
    out: Path,
    *,
    seed: int = 0,
    vision_steps: int = vision.STEPS,
    language_steps: int = language.STEPS,
) -> Path:
    """Trains on the "train" split of the sets in `data` and writes the model to out/weights.

    The same seed, data and number of threads give the same weights. Killed, it goes on from its last
    checkpoint.

    Raises:
        SetupError: a set is missing.
    """
    out.mkdir(parents=True, exist_ok=True)
    seen, held_out = pictures.album(data, "train", seed), pictures.album(data, "val", seed + 1)
    tower = vision.train(seen, held_out, out, seed=seed, steps=vision_steps, size=VISION_BATCH)
    processor = assemble.processor(seed)
    model = assemble.llava(tower, processor.tokenizer, seed)
    language.train(model, processor, seen, out, seed=seed, steps=language_steps, size=LANGUAGE_BATCH)
    # The file holds bfloat16: the gate is fitted to the tower as it will be read back.
    rounded = model.bfloat16().float().model.vision_tower
    assert isinstance(rounded, NanoVisionModel)
    gate = Gate.fit(*_texture(rounded, seen), *_texture(rounded, held_out))
    return _write(model, processor, gate, out / "weights")


def _write(model: LlavaForConditionalGeneration, processor: LlavaProcessor, gate: Gate, folder: Path) -> Path:
    model.bfloat16().save_pretrained(folder)
    processor.save_pretrained(folder)
    gate.save(folder / "gate.safetensors")
    return folder


@torch.no_grad()
def _texture(tower: NanoVisionModel, album: Album, size: int = 64) -> tuple[Tensor, Tensor]:
    """Texture (n, d) and kinds (n,) of the medical pictures, as a user would open them."""
    known = np.array([i for i, p in enumerate(album.pictures) if p.decisions[KIND] not in (UNKNOWN, 4)])
    rng = np.random.default_rng(0)
    shown = (
        batch(album, known[i : i + size], tower.config.image_size, rng, moved=False)
        for i in range(0, len(known), size)
    )
    parts = [
        (tower.look(b.pixels.contiguous(memory_format=torch.channels_last)).texture, b.decisions[:, KIND])
        for b in shown
    ]
    return torch.cat([p for p, _ in parts]), torch.cat([k for _, k in parts])
