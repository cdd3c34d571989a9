"""Checks an installation: what is there, in which version, and what is missing or damaged."""

from __future__ import annotations

import importlib.util
import os
import platform
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata

from pydicom import uid
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID

from chat_app import __version__, prompts, settings
from chat_app.errors import ChatAppError, SetupError
from chat_app.imaging import words

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
    looks: Mapping[str, Callable[[], str]] = {
        "versions": _versions,
        "memory": _memory,
        "model": _model,
        "prompts": _prompts,
        "decoders": _decoders,
        "names": _names,
        "temporary": _temporary,
    }
    return [_check(name, look) for name, look in looks.items()]


def _check(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except ChatAppError as error:
        return Check(name, False, str(error))


def _versions() -> str:
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise SetupError(f"Not installed: {', '.join(missing)}; install Lightbox again with pip.")
    found = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)
    return f"lightbox {__version__}, Python {platform.python_version()}, {found}"


def _memory() -> str:
    pages, size = os.sysconf("SC_AVPHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return f"{pages * size / 2**30:.1f} GiB free, {os.cpu_count()} processors"


def _model() -> str:
    """Every model is loaded: whether its files are whole is known by nothing less."""
    from chat_app.models import cards

    chosen = settings.load()
    loaded = [cards.load(card.name, chosen, lambda _: None)[1] for card in cards.known()]
    return ", ".join(f"{model.name} loads, weights {model.sha256[:12]}" for model in loaded)


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
