"""A model's weights written for a server, with an adapter merged in, under the names that vLLM reads."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import load_file, save_file

from chat_app.errors import InputError, SetupError
from chat_app.models import adapters
from chat_app.models.fit import QUANTISED
from chat_app.models.local import weights
from chat_app.models.local.adapters import Adapters

if TYPE_CHECKING:
    from chat_app.models.cards import Card, Say
    from chat_app.settings import Settings

# The files beside the weights.
BESIDE = {".json", ".jinja", ".model", ".txt"}

# transformers 5.23 and later leave "vision_model" out of these towers' names; vLLM (0.32) and the checkpoints
# on the hub have it, and transformers reads both.
TOWERS = ("clip_vision_model", "siglip_vision_model")
TOWER = re.compile(r"^((?:model\.)?vision_tower\.)(?!vision_model\.)")


def export(card: Card, settings: Settings, out: Path, say: Say) -> str:
    """Writes the model, with the adapter that the settings name merged in, and says what was written.

    Merged weights answer at the base's own speed; on a server the adapter then needs no support.

    Raises:
        InputError: the folder is not empty.
        SetupError: the weights cannot be read, were asked for in fewer than 16 bits, or the adapter does not
            fit them.
    """
    if settings.dtype in QUANTISED:
        # What is added would be rounded to the few values that are left.
        raise SetupError("Weights are merged and written in 16 or 32 bit: choose bf16, fp16 or fp32.")
    _prepare(out)
    opened = weights.read(card, replace(settings, dtype=settings.dtype or "bf16"), say)
    model = _merged(opened, card, settings) if settings.adapter else opened.model
    say("Writing …")
    model.save_pretrained(out)
    opened.processor.save_pretrained(out)
    _complete(out, opened.folder)
    if model.config.vision_config.model_type in TOWERS:
        rename(out)
    with_ = f" with {settings.adapter} merged in" if settings.adapter else ""
    return f"{card.name}{with_} was written in {opened.fit.dtype}."


def _prepare(out: Path) -> None:
    """Makes the folder, before the weights are read for it."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        is_empty = not any(out.iterdir())
    except OSError as error:
        raise InputError("The output folder cannot be made there: choose another place.") from error
    if not is_empty:
        raise InputError("The output folder is not empty: name a new one.")


def _merged(opened: weights.Opened, card: Card, settings: Settings) -> Any:
    beside = Adapters(opened.model, adapters.found(settings.adapters), card.name, opened.sha256)
    beside.use(settings.adapter)
    return beside.merged()


def _complete(out: Path, folder: Path) -> None:
    """Copies what is not read here and a server needs: how video is prepared, how the tokenizer was made."""
    for path in sorted(folder.iterdir()):
        if path.suffix in BESIDE and path.name != weights.INDEX and not (out / path.name).exists():
            shutil.copyfile(path, out / path.name)


def rename(folder: Path) -> None:
    """Gives the tower's weights in that folder the names that servers look for."""
    for path in sorted(folder.glob("*.safetensors")):
        tensors = load_file(path)
        save_file({_served(name): tensor for name, tensor in tensors.items()}, path, {"format": "pt"})
    index = folder / weights.INDEX
    if index.is_file():
        table = json.loads(index.read_text(encoding="utf-8"))
        table["weight_map"] = {_served(name): file for name, file in table["weight_map"].items()}
        index.write_text(json.dumps(table, indent=2), encoding="utf-8")


def _served(name: str) -> str:
    return TOWER.sub(r"\1vision_model.", name)
