"""The whole training of nano, in order; what was done before is taken up again from the output folder."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from transformers import LlavaForConditionalGeneration, LlavaProcessor

from chat_app.models.nano.gate import FILE, Gate
from chat_app.models.nano.tower import DECISIONS, NanoVisionModel
from chat_app.models.nano.wording import KINDS
from chat_app.training.nano import assemble, edges, language, pictures, vision
from chat_app.training.nano.pictures import UNKNOWN

VISION_BATCH = 48
LANGUAGE_BATCH = 48
KIND = tuple(DECISIONS).index("kind")


def train(
    data: Path,
    out: Path,
    *,
    seed: int = 0,
    vision_steps: int = vision.STEPS,
    edge_steps: int = edges.STEPS,
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
    edges.train(tower, seen, out, seed=seed, steps=edge_steps)
    processor = assemble.processor(seed)
    model = assemble.llava(tower, processor.tokenizer, seed)
    language.train(model, processor, seen, out, seed=seed, steps=language_steps, size=LANGUAGE_BATCH)
    # The file holds bfloat16: the gate is fitted to the tower as it will be read back.
    rounded = model.bfloat16().float().model.vision_tower
    assert isinstance(rounded, NanoVisionModel)
    gate = Gate.fit(*_texture(rounded, data, "train"), *_texture(rounded, data, "val"))
    return _write(model, processor, gate, out / "weights")


def _write(model: LlavaForConditionalGeneration, processor: LlavaProcessor, gate: Gate, folder: Path) -> Path:
    model.bfloat16().save_pretrained(folder)
    processor.save_pretrained(folder)
    gate.save(folder / FILE)
    return folder


@torch.no_grad()
def _texture(tower: NanoVisionModel, data: Path, split: str, size: int = 64) -> tuple[Tensor, Tensor]:
    """Texture (n, d) and kinds (n,) of the medical pictures, resized once as a user's would be."""
    album = pictures.album(data, split, side=tower.config.image_size)
    kinds = torch.tensor([picture.decisions[KIND] for picture in album.pictures])
    known = (kinds != UNKNOWN) & (kinds < len(KINDS))
    shown = torch.from_numpy(album.pixels[known.numpy()]).permute(0, 3, 1, 2).split(size)
    looked = [tower.look(pixels.float() / 127.5 - 1).texture for pixels in shown]
    return torch.cat(looked), kinds[known]
