"""Which LoRA adapters there are, and which base each was made for; no weights are read here.

An adapter is a folder adapters/<name>/: adapter_config.json and adapter_model.safetensors as peft writes
them, and card.toml.
"""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chat_app.errors import SetupError

# The wheel carries the folder inside the package; a checkout has it beside it.
FOLDERS = (Path(__file__).parents[1] / "_adapters", Path(__file__).parents[2] / "adapters")

NAME = re.compile(r"[a-z0-9][a-z0-9-]*[a-z0-9]")
CARD, CONFIG = "card.toml", "adapter_config.json"
TEXTS = ("base", "base_sha256", "about", "licence")
MAY = {"data", "limits", "metrics", "modalities", "training"}


@dataclass(frozen=True)
class AdapterCard:
    """One adapter: the model it was trained on, by card name and hash of its weights, and what it is for.

    modalities: DICOM modalities it is for. limits: what it must not be used for. fault: why its card cannot
    be read, "" when it can.
    """

    name: str
    folder: Path
    base: str = ""
    base_sha256: str = ""
    about: str = ""
    licence: str = ""
    modalities: tuple[str, ...] = ()
    limits: str = ""
    fault: str = ""

    def misfit(self, model: str, sha256: str) -> str:
        """Why this adapter cannot be used with these weights, as a sentence; "" when it can."""
        if self.fault:
            return self.fault
        if self.base != model:
            return f"The adapter {self.name} is for {self.base}, not for {model}: choose one made for it."
        if self.base_sha256 != sha256:
            return (
                f"The adapter {self.name} was trained on other weights of {self.base} "
                f"({self.base_sha256[:12]}, here {sha256[:12] or 'unknown'}): train it again on these."
            )
        return ""


def found(folder: str = "") -> tuple[AdapterCard, ...]:
    """The card of every adapter in that folder, or in Lightbox's own, by name; a faulty one says its fault.

    Raises:
        SetupError: there is no such folder.
    """
    place = shelf(folder)
    if place is None:
        return ()
    if not os.path.isdir(place):  # pathlib raises where a folder may not be looked into
        raise SetupError("The folder of adapters is not there: name another with LIGHTBOX_ADAPTERS.")
    folders = sorted(each for each in place.iterdir() if (each / CONFIG).is_file())
    return tuple(map(_card_or_fault, folders))


def shelf(folder: str = "") -> Path | None:
    """That folder of adapters, or Lightbox's own where none is named; None when there is none."""
    return Path(folder).expanduser() if folder else next((each for each in FOLDERS if each.is_dir()), None)


def check_name(name: str) -> None:
    """Raises SetupError when an adapter cannot be called so."""
    if not NAME.fullmatch(name):
        raise SetupError(f"An adapter cannot be called {name!r}: use small letters, digits and hyphens.")


def _card_or_fault(folder: Path) -> AdapterCard:
    """One that is half written must not keep the others from being used."""
    try:
        return card(folder)
    except SetupError as error:
        return AdapterCard(folder.name, folder, fault=str(error))


def card(folder: Path) -> AdapterCard:
    """The card in that folder. Raises SetupError when it is missing or wrong."""
    name = folder.name
    check_name(name)
    try:
        table = tomllib.loads((folder / CARD).read_text(encoding="utf-8"))
    except OSError as error:
        raise SetupError(
            f"The adapter {name} has no readable card.toml: its base cannot be checked."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SetupError(f"The card.toml of the adapter {name} is not valid TOML: mend it.") from error
    if unknown := set(table) - set(TEXTS) - MAY:
        raise SetupError(f"The card.toml of the adapter {name} has an unknown key: {min(unknown)}.")
    texts = {key: _text(table, key, name) for key in TEXTS}
    modalities = tuple(map(str, table.get("modalities", [])))
    return AdapterCard(name, folder, **texts, modalities=modalities, limits=str(table.get("limits", "")))


def _text(table: dict[str, Any], key: str, name: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value.strip():
        raise SetupError(f"The card.toml of the adapter {name} must state its {key}.")
    return value.strip()
