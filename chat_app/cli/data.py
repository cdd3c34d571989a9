"""lightbox data: a folder of labelled pictures, looked over."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from chat_app.errors import InputError

ENDINGS = (".html", ".htm")


def check(options: argparse.Namespace) -> int:
    """Prints what is found; 1 when something must be mended."""
    from chat_app.data import check as checking
    from chat_app.data import findings, reader, sheet

    if options.sheet and options.sheet.suffix.lower() not in ENDINGS:
        raise InputError("The sheet is a page: give it a name that ends in .html.")
    if options.limit < 0:
        raise InputError("The limit is a number of pictures: give 1 or more, or 0 for all.")
    found = checking.check(options.folder, names=options.names, limit=options.limit, say=_progress)
    if options.sheet:
        _write(options.sheet, sheet.sheet(found, reader.read(options.folder)))
    if options.json:
        print(json.dumps(findings.as_data(found), ensure_ascii=False, indent=2))
    else:
        print(findings.as_text(found))
    return int(not found.is_clean)


def _write(path: Path, page: str) -> None:
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise InputError("The sheet cannot be written there: choose another folder.") from error


def _progress(words: str) -> None:
    if sys.stderr.isatty():
        print(words, file=sys.stderr)
