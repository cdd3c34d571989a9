"""Splits for sets that have none, or that leak: whole groups, by hash, so that the same group stays put."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from chat_app.data.records import Record

SHARES: Mapping[str, float] = MappingProxyType({"train": 0.7, "val": 0.15, "test": 0.15})


def split_by_group(
    records: Iterable[Record], seed: int = 0, *, shares: Mapping[str, float] = SHARES
) -> list[Record]:
    """The records with new splits; all of one group get the same, and adding records moves no other.

    A record without a group goes by its picture. The shares are met on average: a few large groups may miss
    them.
    """
    return [replace(record, split=_split(_key(record), seed, shares)) for record in records]


def _key(record: Record) -> str:
    # Of the path only its end, for the same set may lie elsewhere on another machine.
    return f"{record.set}\n{record.group or '/'.join(record.path.parts[-2:])}"


def _split(key: str, seed: int, shares: Mapping[str, float]) -> str:
    digest = hashlib.sha256(f"{seed}\n{key}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64 * sum(shares.values())
    *most, last = shares
    for name in most:
        place -= shares[name]
        if place < 0:
            return name
    return last
