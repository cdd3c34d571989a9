"""Bytes of a text file become characters, or are refused as no text."""

from __future__ import annotations

import codecs
import re

from chat_app.errors import UnreadableFile

BINARY = "This file is no text, whatever its name says: leave it out, or export it again as text."
# What no text holds: control characters, less tab, line ends and form feed.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
SIXTEEN = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
FALLBACK = "cp1252"  # what older programs of Windows write


def decoded(data: bytes) -> str:
    """The characters, line ends made one kind: UTF-8, UTF-16 with a mark, else Windows' western letters.

    Raises:
        UnreadableFile: it holds what no text does.
    """
    text = _characters(data)
    if CONTROL.search(text):
        raise UnreadableFile(BINARY)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _characters(data: bytes) -> str:
    encoding = "utf-16" if data.startswith(SIXTEEN) else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        pass
    try:
        return data.decode(FALLBACK)
    except UnicodeDecodeError as error:
        raise UnreadableFile(BINARY) from error
