"""JSON lines: an object a line, with `text` and, where they are known, title, section, source and licence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from chat_app.errors import UnreadableFile
from chat_app.retrieval.blocks import Block, line
from chat_app.retrieval.decoding import decoded
from chat_app.retrieval.limits import Limits

ENDINGS = (".jsonl", ".ndjson")
# MedQuAD's names for the same.
TEXT, TITLE, SECTION = ("text", "answer"), ("title", "focus"), ("section", "qtype")


def blocks(data: bytes, limits: Limits) -> Iterator[Block]:
    for number, row in enumerate(decoded(data).split("\n"), 1):
        if row.strip():
            yield _block(row, number)


def _block(row: str, number: int) -> Block:
    try:
        said = json.loads(row)
    except (ValueError, RecursionError) as error:
        raise UnreadableFile(f"Line {number} of this file is not JSON: write one object a line.") from error
    if not isinstance(said, dict) or not _first(said, TEXT):
        raise UnreadableFile(f'Line {number} of this file has no "text": give each line one.')
    section = _first(said, SECTION)
    return Block(
        _first(said, TEXT),
        (line(section),) if section else (),
        title=line(_first(said, TITLE)),
        source=_source(_first(said, ("source",))),
        licence=line(_first(said, ("licence", "license"))),
    )


def _first(said: dict[str, Any], keys: tuple[str, ...]) -> str:
    return next((said[key] for key in keys if isinstance(said.get(key), str) and said[key].strip()), "")


def _source(name: str) -> str:
    """A name as it is; of a path only the last part, for folders tell of a machine."""
    is_path = name.startswith(("/", "\\", "~", "file:")) or name[1:3] == ":\\"
    return line(name.replace("\\", "/").rstrip("/").rpartition("/")[2] if is_path else name)
