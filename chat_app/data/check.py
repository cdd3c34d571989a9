"""Looks a data set over before anyone trains or scores on it: its list, and what its pictures show."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chat_app.data import alike, identifiers, pictures, reader
from chat_app.data.alike import Hash
from chat_app.data.findings import Finding, Findings, counted, finding
from chat_app.data.identifiers import Trace
from chat_app.data.listing import label_counts, listed
from chat_app.data.records import Record
from chat_app.errors import InputError, SetupError
from chat_app.imaging import words

SAY_EVERY = 100  # pictures
USUAL = ("train", "val", "test")
TRACES: Mapping[Trace, tuple[str, bool]] = {
    Trace.HEADER: (
        "{n} picture|pictures name|name people in the DICOM header: run lightbox deidentify on them.",
        True,
    ),
    Trace.TAGS: (
        "{n} picture|pictures carry|carry tags or texts that say who, when or where: save them without.",
        True,
    ),
    Trace.NAME: ("{n} file|files has|have a name or a day in the file's own name: rename them.", True),
    Trace.PIXELS: (
        "{n} picture|pictures may|may show a name in the pixels: look, and black it out.",
        True,
    ),
    Trace.TEXT: (
        "{n} picture|pictures carry|carry a text that nobody here can judge: read it.",
        False,
    ),
}


@dataclass
class Seen:
    """What the pictures turned out to be, each with the records it belongs to."""

    missing: list[Path] = field(default_factory=list)
    unreadable: list[Path] = field(default_factory=list)
    flat: list[Path] = field(default_factory=list)
    hashes: dict[Path, Hash] = field(default_factory=dict)
    traces: dict[Trace, list[Path]] = field(default_factory=dict)


def check(
    folder: Path, *, names: bool = False, limit: int = 0, say: Callable[[str], None] = lambda _: None
) -> Findings:
    """What is found in a set, or in a folder of sets, which are then checked against each other too.

    names: also search the pixels for names, which takes seconds a picture and needs the extra "ocr". limit:
    the most pictures opened, drawn by a fixed seed; 0 is all. say: is told how far it is.

    Raises:
        InputError: there is no set, or a list cannot be read. SetupError: something is not installed.
    """
    begun = time.monotonic()
    if names and not words.available():
        raise SetupError(words.MISSING)
    sets = reader.sets(folder)
    records = [record for path, each in sets.items() for record in each.read(path)]
    if not records:
        raise InputError("The set has no record at all: check its list.")
    owners = _owners(records)
    drawn = _drawn(list(owners), limit)
    seen = _looked(drawn, names, say)
    found = [*listed(records), *_of_pictures(seen, owners), *_twins(seen, owners)]
    if len(drawn) < len(owners):
        left = len(owners) - len(drawn)
        found.append(counted("limit", left, "{n} picture|pictures was|were not opened.", is_fault=False))
    return Findings(
        sets={path.name: each.NAME for path, each in sets.items()},
        records=len(records),
        pictures=len(owners),
        splits=_in_order(Counter(record.split for record in records)),
        labels=label_counts(records),
        found=tuple(found),
        seconds=time.monotonic() - begun,
    )


def _in_order(splits: Mapping[str, int]) -> dict[str, int]:
    """The usual splits first, as they follow one another."""
    return {name: splits[name] for name in (*USUAL, *sorted({*splits} - {*USUAL})) if name in splits}


Owners = Mapping[Path, Sequence[Record]]


def _owners(records: Iterable[Record]) -> dict[Path, list[Record]]:
    """The records of each picture; a record without one has none."""
    owners: dict[Path, list[Record]] = {}
    for record in records:
        if record.has_picture:
            owners.setdefault(record.path, []).append(record)
    return owners


def _drawn(paths: list[Path], limit: int) -> list[Path]:
    return sorted(random.Random(0).sample(paths, limit)) if 0 < limit < len(paths) else paths


def _looked(paths: Sequence[Path], names: bool, say: Callable[[str], None]) -> Seen:
    seen = Seen()
    for number, path in enumerate(paths, 1):
        if number % SAY_EVERY == 0:
            say(f"Looking at picture {number:,} of {len(paths):,} ...")
        if path.is_file():
            _look(path, names, seen)
        else:
            seen.missing.append(path)
    return seen


def _look(path: Path, names: bool, seen: Seen) -> None:
    """One picture; what cannot be opened is kept as that and stops nothing."""
    try:
        image = pictures.opened(path)
        traces = identifiers.in_file(path) | (identifiers.in_pixels(image) if names else set())
    except InputError:
        seen.unreadable.append(path)
        return
    for trace in traces:
        seen.traces.setdefault(trace, []).append(path)
    code = alike.hashed(image.pixels)
    if code is None:
        seen.flat.append(path)
    else:
        seen.hashes[path] = code


def _of_pictures(seen: Seen, owners: Owners) -> Iterator[Finding]:
    def ids(paths: Iterable[Path]) -> list[str]:
        return [owners[path][0].name for path in paths]

    missing = "{n} picture|pictures is|are missing: put them where the list says, or take them out of it."
    yield from finding("missing", ids(seen.missing), missing)
    broken = "{n} picture|pictures cannot|cannot be opened: export them again, or take them out of the list."
    yield from finding("unreadable", ids(seen.unreadable), broken)
    flat = "{n} picture|pictures show|show one grey and nothing else: look at them."
    yield from finding("flat", ids(seen.flat), flat, is_fault=False)
    for trace, (says, is_fault) in TRACES.items():
        yield from finding(f"identifiers.{trace}", ids(seen.traces.get(trace, ())), says, is_fault=is_fault)


def _twins(seen: Seen, owners: Owners) -> Iterator[Finding]:
    """Pictures that look alike: in two splits they leak, in one they count double."""
    paths = list(seen.hashes)
    splits = [{record.split for record in owners[path]} for path in paths]
    leaking, double = dict[str, None](), dict[str, None]()
    for first, second in alike.twins(list(seen.hashes.values())):
        for here, there in ((first, second), (second, first)):
            others = set().union(*(splits[position] for position in there))
            for position in here:
                kept = leaking if others - splits[position] else double
                kept[owners[paths[position]][0].name] = None
    says = (
        "{n} picture|pictures in one split look|look like one in another: put such pictures into one group "
        "and split by group."
    )
    yield from finding("leak.alike", leaking, says)
    says = "{n} picture|pictures look|look like another of the same split: they count double."
    yield from finding("alike", (name for name in double if name not in leaking), says, is_fault=False)
