"""Checks an installation: what is there, in which version, and what is missing or damaged."""

from __future__ import annotations

import functools
import importlib.util
import os
import platform
import shutil
import socket
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from pydicom import uid
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID

from chat_app import __version__, prompts, settings
from chat_app.errors import ChatAppError, SetupError
from chat_app.imaging import words
from chat_app.models import adapters, cards, fit
from chat_app.settings import Settings

if TYPE_CHECKING:
    from chat_app.models.cards import Card, Weights
    from chat_app.records import ModelId

HUB = "huggingface.co"
PACKAGES = ("torch", "transformers", "gradio", "langchain", "peft", "bitsandbytes", "pydicom", "highdicom")

COMPRESSIONS: Mapping[str, UID] = {
    "JPEG": uid.JPEGBaseline8Bit,
    "JPEG Lossless": uid.JPEGLosslessSV1,
    "JPEG-LS": uid.JPEGLSLossless,
    "JPEG 2000": uid.JPEG2000,
    "High-Throughput JPEG 2000": uid.HTJ2KLossless,
    "RLE": uid.RLELossless,
}
"""The compressions met in DICOM files (PS3.5 section 8.2)."""


@dataclass(frozen=True)
class Check:
    """One thing looked at: whether it is as it must be, and what was found, in words."""

    name: str
    sound: bool
    says: str


def examine() -> list[Check]:
    """Every check, in the order a reader wants them. None of them changes anything."""
    chosen, wrong = _settings()
    # What the model's check finds out, and the adapters' needs.
    loaded: list[ModelId] = []
    looks: dict[str, Callable[[], str]] = {
        "versions": _versions,
        "processor": _processor,
        "memory": lambda: _memory(chosen),
        "model": lambda: _model(chosen, loaded),
        "adapters": lambda: _adapters(chosen, loaded),
        "prompts": _prompts,
        "decoders": _decoders,
        "names": _names,
        "temporary": _temporary,
        "cache": lambda: _cache(chosen),
        "network": _network,
    }
    for card in cards.known():
        if card.name != chosen.model:
            looks[card.name] = functools.partial(_place, card)
    return [*wrong, *(_check(name, look) for name, look in looks.items())]


def _settings() -> tuple[Settings, list[Check]]:
    """The settings in force; the defaults, and what is wrong, where they cannot be read."""
    try:
        return settings.load(), []
    except SetupError as error:
        return Settings(), [Check("settings", False, str(error))]


def _check(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except ChatAppError as error:
        return Check(name, False, str(error))
    except OSError as error:
        why = error.strerror or "no reason given"
        return Check(name, False, f"A file or folder cannot be read here: {why}.")


def _versions() -> str:
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise SetupError(f"Not installed: {', '.join(missing)}; install Lightbox again with pip.")
    found = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)
    return f"lightbox {__version__}, Python {platform.python_version()}, {found}"


def _processor() -> str:
    here = fit.machine()
    if here.device == "cpu":
        return f"no GPU: runs on the processor, {os.cpu_count()} threads"
    return f"{here.name}, {fit.gib(here.memory)} free, {'with' if here.brain16 else 'without'} bf16"


def _memory(chosen: Settings) -> str:
    here, card = fit.machine(), cards.chosen(chosen)
    found = fit.choose(card, here, chosen.dtype)
    if not found.fits:
        raise SetupError(f"{card.name} does not fit here: {found.reason}.")
    return f"{fit.gib(here.memory)} free; {card.name} fits in {found.dtype}, because {found.reason}"


def _model(chosen: Settings, loaded: list[ModelId]) -> str:
    """The chosen model is loaded: whether its files are whole is known by nothing less."""
    card = cards.chosen(chosen)
    if card.weights and not chosen.weights and not fit.fetched(card.weights):
        way = f"{_way(card.weights)}, or name their folder in the setting weights"
        raise SetupError(f"The weights of {card.name} are not on this machine: {way}.")
    speaking, model = cards.load(card, chosen, lambda _: None)
    if card.name.startswith(cards.SERVED):
        served: tuple[str, ...] = getattr(speaking, "adapters", tuple)()
        if chosen.adapter and chosen.adapter not in served:
            raise SetupError(f"Its server has no adapter called {chosen.adapter!r}: choose one it lists.")
        return f"its server answers; adapters there: {', '.join(served) or 'none'}"
    loaded.append(model)
    return f"{model.name} loads, weights {model.sha256[:12]}"


def _place(card: Card) -> str:
    """Where a model is that was not chosen; it is neither loaded nor fetched."""
    if card.weights is None or fit.fetched(card.weights):
        return "can be chosen, on this machine"
    return f"can be chosen, not yet on this machine: {_way(card.weights)}"


def _way(weights: Weights) -> str:
    """How the files come here."""
    terms = f"accept the terms on {weights.gate}, run `hf auth login`, then " if weights.gate else ""
    return f"{terms}run `{fit.fetching(weights)}`"


def _adapters(chosen: Settings, loaded: list[ModelId]) -> str:
    if chosen.model.startswith(cards.SERVED):
        return "those of the model's server"
    found = adapters.found(chosen.adapters)
    if not loaded:
        names = ", ".join(each.name for each in found) or "none"
        return f"{names}; not compared with the model, which did not load"
    misfits = {each.name: each.misfit(chosen.model, loaded[0].sha256) for each in found}
    fitting = [name for name, misfit in misfits.items() if not misfit]
    if chosen.adapter and chosen.adapter not in fitting:
        known = ", ".join(fitting) or "none"
        unknown = f"There is no adapter called {chosen.adapter!r}: those that fit are {known}."
        raise SetupError(misfits.get(chosen.adapter) or unknown)
    fits = f"for {chosen.model}: {', '.join(fitting) or 'none'}"
    return " ".join([f"{fits}.", *filter(None, misfits.values())]) if any(misfits.values()) else fits


def _prompts() -> str:
    names = prompts.templates()
    for name in names:
        prompts.template(name)
    return f"{len(names)} report templates: {', '.join(names)}"


def _decoders() -> str:
    lost = [name for name, syntax in COMPRESSIONS.items() if not get_decoder(syntax).is_available]
    if lost:
        raise SetupError(f"Nothing here decodes DICOM's {', '.join(lost)}; install Lightbox again with pip.")
    return ", ".join(COMPRESSIONS)


def _names() -> str:
    if words.available():
        return "text burnt into pictures is searched and blacked out"
    return f"pictures that may show a name wait for a look. {words.MISSING}"


def _temporary() -> str:
    try:
        with tempfile.NamedTemporaryFile(prefix="lightbox-") as file:
            file.write(b"lightbox")
            file.flush()
    except OSError as error:
        raise SetupError("Temporary files cannot be written; set TMPDIR to a folder with room.") from error
    return "can be written"


def _cache(chosen: Settings) -> str:
    """The folder that models are fetched into; it need not be there yet."""
    from huggingface_hub.constants import HF_HUB_CACHE

    place = Path(HF_HUB_CACHE)
    there = next(each for each in (place, *place.parents) if each.exists())
    if os.access(there, os.W_OK):
        return f"models can be fetched, {fit.gib(shutil.disk_usage(there).free)} of room"
    weights = cards.card(chosen.model).weights
    if weights and not chosen.weights and not fit.fetched(weights):
        raise SetupError("The model cannot be fetched: set HF_HOME to a folder that can be written.")
    return "models cannot be fetched: set HF_HOME to a folder that can be written"


def _network() -> str:
    try:
        socket.create_connection((HUB, 443), timeout=2).close()
    except OSError:
        return "no network: models already on this machine work"
    return f"{HUB} can be reached, to fetch models"
