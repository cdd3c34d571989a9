"""Trains an adapter of nano from labelled pictures of one kind: the tower's last layers, then the language.

The base stays as it is: the adapter holds LoRA layers, the gate before its kind of picture and what it adds
(specialty.toml). Its first layers, whose texture the gate measures, are not touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save_file
from tqdm import tqdm
from transformers import AutoProcessor, LlavaForConditionalGeneration

from chat_app.data.records import Record
from chat_app.models.nano import gate as gates
from chat_app.models.nano.chat import WEIGHTS
from chat_app.models.nano.gate import Gate
from chat_app.models.nano.specialty import FILE, Specialty, read, write
from chat_app.models.nano.tower import DECISIONS, OPEN_DECISION, NanoVisionModel
from chat_app.training.nano import edges, language, pictures
from chat_app.training.nano.augment import batch, draw
from chat_app.training.nano.checkpoint import resume, save, set_rate
from chat_app.training.nano.pictures import Album
from chat_app.training.nano.vision import TAUGHT, loss_of
from chat_app.training.nano.watch import Watch

RANK = 16
SEEING = 400
SPEAKING = 300
BATCH = 32
WARM_UP = 20
# Where its checkpoints lie.
WORK = "work"
SAVE_EVERY = 50
# The tower above the maps that the gate measures; of its decisions the kind and the one left to adapters.
_HEADS = "|".join(str(i) for i, name in enumerate(DECISIONS) if name in ("kind", OPEN_DECISION))
TOWER = (
    r".*vision_tower\.(stage[23]\.(0\.0|2\.(first|second)\.0)|layers\.\d+\.(qkv|proj|fc1|fc2)"
    rf"|fine_conv|fine_token|map_head|box_head|decide\.({_HEADS})|object_look"
    r"|closer\.(first\.0|second\.0|mixed|edges))"
)
LANGUAGE = r".*language_model.*\.(q|k|v|o|gate|up|down)_proj|.*multi_modal_projector\.linear_[12]"


def specialty_of(records: Sequence[Record], folder: Path) -> Specialty:
    """What the folder's specialty.toml says; where there is none, what the labels themselves say.

    Raises:
        InputError: the file is wrong, or the labels are more, or less, than an adapter has room for.
    """
    if (folder / FILE).is_file():
        return read(folder / FILE)
    first = records[0]
    alone = all(len(record.labels) == 1 for record in records if record.labels)
    classes = tuple(dict.fromkeys(label for r in records for label in r.labels)) if alone else ()
    things = tuple(dict.fromkeys(label for r in records for label, _ in r.boxes))
    boxed = {label for record in records if record.boxes for label in record.labels}
    bare = tuple(each for each in classes if things and each not in boxed)
    kind = " ".join(filter(None, (first.body_part, first.modality))) or first.set
    return Specialty(kind, first.body_part, classes, things, bare)


def train(
    train: Sequence[Record],
    val: Sequence[Record],
    added: Specialty,
    out: Path,
    folder: Path,
    *,
    seed: int = 0,
    steps: int = 0,
    base: Path = WEIGHTS,
) -> dict[str, Any]:
    """Writes the adapter's weights, gate and specialty to `out`; gives what its card says of the training.

    folder: gets the curves of both stages while they run. steps: of seeing and speaking together, 0 for as
    many as it takes. Killed, it goes on from its last checkpoint. The same seed, data and number of threads
    give the same adapter.
    """
    seeing = round(steps * SEEING / (SEEING + SPEAKING)) or SEEING
    speaking = steps - seeing if steps else SPEAKING
    work = out / WORK
    work.mkdir(parents=True, exist_ok=True)
    learnt, held_out = (pictures.added(records, added, seed) for records in (train, val))
    model = _adapted(base, seed)
    _see(model, learnt, work, added, Watch(folder, "seeing", held_out), seed=seed, steps=seeing)
    _speak(model, learnt, work, added, Watch(folder, "speaking", held_out), base, seed=seed, steps=speaking)
    gate = Gate.load(base / gates.FILE)
    gate.beside(_texture(model, learnt), _texture(model, held_out), added).save(out / gates.FILE)
    _write(model, out)
    write(added, out / FILE)
    trained = sum(weight.numel() for name, weight in model.named_parameters() if "lora_" in name)
    return {"steps_seeing": seeing, "steps_speaking": speaking, "batch": BATCH, "trained_numbers": trained}


def _adapted(base: Path, seed: int) -> Any:
    torch.manual_seed(seed)
    model = LlavaForConditionalGeneration.from_pretrained(base, dtype=torch.float32)
    config = LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules=f"({TOWER})|({LANGUAGE})")
    return get_peft_model(model, config).eval()


def _train_only(model: Any, part: str) -> list[torch.nn.Parameter]:
    """The LoRA weights of that part, which alone will have gradients."""
    weights = []
    for name, weight in model.named_parameters():
        weight.requires_grad_("lora_" in name and part in name)
        weights += [weight] if weight.requires_grad else []
    return weights


def _see(
    model: Any, album: Album, work: Path, added: Specialty, watch: Watch, *, seed: int, steps: int
) -> None:
    """Teaches the tower the kind, the classes and the things."""
    tower = _tower(model)
    optimizers = language.adapting(_train_only(model, "vision_tower"))
    first = resume(work / "seeing.pt", {"model": model}, optimizers)
    wrong = partial(_wrong, tower, slice(TAUGHT, TAUGHT + len(added.things)), seed)
    bar = tqdm(range(first, steps), initial=first, total=steps, desc="seeing")
    for step in bar:
        loss = wrong(album, step)
        set_rate(optimizers, min((step + 1) / WARM_UP, (steps - step) / max(1, steps - WARM_UP)))
        optimizers[0].zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(optimizers[0].param_groups[0]["params"], 5.0)
        optimizers[0].step()
        bar.set_postfix(loss=f"{loss.item():.2f}", refresh=False)
        watch.learnt(step + 1, loss.item())
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == steps:
            with torch.no_grad():
                watch.validated(step + 1, wrong(watch.held_out, 0).item())
            save(work / "seeing.pt", {"model": model}, optimizers, step + 1)


def _wrong(tower: NanoVisionModel, things: slice, seed: int, album: Album, step: int) -> torch.Tensor:
    """How wrong the tower is about the pictures that this step draws from the album."""
    rng = np.random.default_rng((seed, 2, step))
    drawn = draw(album, BATCH, tower.config.image_size, rng)
    sight = tower.look(drawn.pixels.contiguous(memory_format=torch.channels_last))
    return loss_of(sight, drawn, things) + edges.loss_of(tower, sight, drawn, rng)


def _speak(
    model: Any, album: Album, work: Path, added: Specialty, watch: Watch, base: Path, *, seed: int, steps: int
) -> None:
    """Teaches the language model to say what the adapted tower sees."""
    _train_only(model, "language_model")
    for name, weight in model.named_parameters():
        if "lora_" in name and "projector" in name:
            weight.requires_grad_(True)
    processor = AutoProcessor.from_pretrained(base)
    inside = model.base_model.model
    language.train(
        inside, processor, album, work, seed=seed, steps=steps, size=BATCH, added=added, watch=watch
    )


def _tower(model: Any) -> NanoVisionModel:
    tower = model.base_model.model.model.vision_tower
    assert isinstance(tower, NanoVisionModel)
    return tower


@torch.no_grad()
def _texture(model: Any, album: Album, size: int = 64) -> torch.Tensor:
    """Texture (n, d) of the pictures as a user's would be seen; drawings are left out."""
    tower = _tower(model)
    chosen = album.of(pictures.ADDED, pictures.SIDED)
    shown = [
        batch(album, part, tower.config.image_size, np.random.default_rng(0), moved=False).pixels
        for part in np.array_split(chosen, len(chosen) // size + 1)
    ]
    return torch.cat([tower.look(pixels).texture for pixels in shown])


def _write(model: Any, out: Path) -> None:
    """As peft writes an adapter, in half the bytes."""
    config = model.peft_config["default"]
    # Else peft notes where the weights lie on this machine.
    config.base_model_name_or_path = "nano"
    config.save_pretrained(str(out))
    weights = get_peft_model_state_dict(model, save_embedding_layers=False)
    halves = {name: weight.to(torch.bfloat16).contiguous() for name, weight in weights.items()}
    save_file(halves, out / "adapter_model.safetensors", metadata={"format": "pt"})
