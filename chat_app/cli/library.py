"""lightbox library, lightbox similar: past pictures with their reports, kept and found by a new picture."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from chat_app.cli import verbs
from chat_app.errors import InputError

if TYPE_CHECKING:
    from chat_app.records import Similar
    from chat_app.retrieval.cases.index import Indexed
    from chat_app.settings import Settings

NAMELESS = "Say which library is meant: pass --name."
FOLDERLESS = "Say which folder of pictures the library is to hold."
BOTH = "Either a folder is read or something is deleted: leave one of the two out."
FEW = "The number of cases is 1 or more: give another."


def library(options: argparse.Namespace) -> int:
    """Reads a folder, deletes, or lists what there is; a file that was refused is said and is no failure."""
    chosen = verbs.configured(options)
    is_deleting = options.delete or options.delete_case is not None
    if not (options.folder or is_deleting or options.name):
        return _list(chosen)
    if not options.name:
        raise InputError(NAMELESS)
    if is_deleting and options.folder:
        raise InputError(BOTH)
    return _delete(options, chosen) if is_deleting else _bring(options, chosen)


def _bring(options: argparse.Namespace, chosen: Settings) -> int:
    from chat_app.retrieval.cases.index import index

    if not options.folder:
        raise InputError(FOLDERLESS)
    tower = verbs.loaded(chosen).tower
    done = index(options.folder, options.name, chosen, chosen.user, tower, looked=options.looked)
    for sentence in done.refused:
        print(f"lightbox: {sentence}", file=sys.stderr)
    print(_done(done))
    return 0


def _done(done: Indexed) -> str:
    return (
        f"{done.cases} cases: {done.added} read, {done.unchanged} unchanged, {done.removed} removed, "
        f"{len(done.refused)} refused."
    )


def _delete(options: argparse.Namespace, chosen: Settings) -> int:
    from chat_app.retrieval.cases import library as libraries

    if options.delete:
        libraries.delete(chosen, chosen.user, options.name)
        print("The library is deleted.")
    else:
        libraries.delete_case(chosen, chosen.user, options.name, options.delete_case)
        print("The case is deleted.")
    return 0


def _list(chosen: Settings) -> int:
    from chat_app.retrieval.cases import library as libraries

    for name in libraries.names(chosen, chosen.user):
        print(f"{name:20} {len(libraries.existing(chosen, chosen.user, name).cases())} cases")
    return 0


def similar(options: argparse.Namespace) -> int:
    """Prints the cases found, each with its report; 1 when there are none."""
    from chat_app import imaging
    from chat_app.retrieval import cases

    if options.most < 1:
        raise InputError(FEW)
    chosen = verbs.configured(options)
    names = options.library or cases.libraries(chosen, chosen.user)
    picture = imaging.read(options.image, name="image 1", frame=options.frame)
    tower = verbs.loaded(chosen).tower
    found = cases.similar(picture, tower, chosen, chosen.user, names, options.most)
    print("\n\n".join(_shown(number, each) for number, each in enumerate(found, 1)) or "No similar case.")
    return int(not found)


def _shown(number: int, found: Similar) -> str:
    return f"[{number}] {found.label}, alike {found.score:.2f}\n{found.report or 'No report.'}"
