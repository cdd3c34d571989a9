"""The kinds of document that are read: one file a kind, found by listing this folder."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Protocol, cast

from chat_app.errors import SetupError
from chat_app.retrieval import MISSING
from chat_app.retrieval.blocks import Block
from chat_app.retrieval.limits import Limits


class Parser(Protocol):
    """What each module of this folder is. ENDINGS: of the files it reads (".md")."""

    ENDINGS: tuple[str, ...]

    def blocks(self, data: bytes, limits: Limits) -> Iterator[Block]:
        """The text of a document in order, no block across a heading.

        Raises:
            InputError: the document is damaged, locked, too large, or no document of this kind.
        """
        ...


def known() -> Mapping[str, Parser]:
    """Every parser by the endings it reads.

    Raises:
        SetupError: the extra "retrieval" is not installed.
    """
    names = [found.name for found in pkgutil.iter_modules(__path__)]
    try:
        parsers = [cast(Parser, importlib.import_module(f"{__name__}.{name}")) for name in names]
    except ModuleNotFoundError as error:
        raise SetupError(MISSING) from error
    return {ending: parser for parser in parsers for ending in parser.ENDINGS}


def ending(name: str) -> str:
    """What decides which parser reads a file of that name."""
    return PurePath(name).suffix.lower()
