"""A page of samples to look at: one HTML file with everything in it, no script, nothing fetched.

It shows pictures of patients: it is for the eyes of whoever may see the set.
"""

from __future__ import annotations

import base64
import io
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from itertools import zip_longest
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from chat_app.data import pictures
from chat_app.data.findings import Findings
from chat_app.data.records import Record
from chat_app.errors import InputError

SAMPLES = 48
SIDE = 256
QUALITY = 80
MOST_CHARACTERS = 600
MOST_TURNS = 4
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem; color: #1c1c1c; background: #fff; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: 1.2rem; }
article { border: 1px solid #ccc; border-radius: 6px; padding: .7rem; overflow-wrap: anywhere; }
.picture { position: relative; background: #000; }
.picture img { display: block; width: 100%; }
.picture svg { position: absolute; inset: 0; width: 100%; height: 100%; }
rect { fill: none; stroke: #ffd400; stroke-width: 2; vector-effect: non-scaling-stroke; }
h2 { font-size: 1rem; margin: .5rem 0; }
p, li { margin: .25rem 0; }
.mend { color: #a00; }
.about { color: #555; }
"""
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def sheet(findings: Findings, records: Sequence[Record], *, samples: int = SAMPLES) -> str:
    """The page: the findings, then samples from every set, split and label in turn, drawn by a fixed seed."""
    title = escape(", ".join(findings.sets))
    lines = "".join(
        f'<li class="{"mend" if each.is_fault else "about"}">{escape(each.line)}</li>'
        for each in findings.found
    )
    articles = "\n".join(_article(record) for record in drawn(records, samples))
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n<h1>{title}</h1>\n"
        f"<p>{findings.records:,} records, {findings.pictures:,} pictures. In red: what must be mended.</p>\n"
        f"<ul>{lines}</ul>\n<main>\n{articles}\n</main>\n</html>\n"
    )


def drawn(records: Sequence[Record], samples: int) -> list[Record]:
    """At most so many, one a picture, from each set, split and label in turn: rare ones are among them."""
    strata: dict[tuple[str, str, str], list[Record]] = {}
    for record in {each.path: each for each in reversed(records) if each.has_picture}.values():
        for label in record.labels or ("",):
            strata.setdefault((record.set, record.split, label), []).append(record)
    rng = random.Random(0)
    for stratum in strata.values():
        rng.shuffle(stratum)
    in_turn = zip_longest(*(strata[key] for key in sorted(strata)))
    chosen = {each.path: each for round in in_turn for each in round if each is not None}
    return list(chosen.values())[:samples]


def _article(record: Record) -> str:
    about = filter(None, (record.modality, record.body_part, record.split, ", ".join(record.labels)))
    parts = [
        _picture(record),
        f"<h2>{escape(record.name)}</h2>",
        f'<p class="about">{escape(" · ".join(about))}</p>',
        *_named(record),
        *_words(record),
    ]
    return f"<article>{''.join(parts)}</article>"


def _named(record: Record) -> Iterator[str]:
    """What is boxed, in words too, as a rectangle tells its label only to a pointer."""
    counts = Counter(label for label, _ in record.boxes)
    if counts:
        told = ", ".join(f"{count} x {label}" if count > 1 else label for label, count in counts.items())
        yield f'<p class="about">Boxes: {escape(told)}</p>'


def _words(record: Record) -> Iterator[str]:
    """What is asked and answered, or the report."""
    for question, answer in record.exchanges[:MOST_TURNS]:
        yield f"<p><b>{_cut(question)}</b><br>{_cut(answer)}</p>"
    if record.report:
        yield f"<p>{_cut(record.report)}</p>"


def _picture(record: Record) -> str:
    try:
        source = _embedded(record.path)
    except InputError as error:
        return f'<p class="mend">{escape(str(error))}</p>'
    return f'<div class="picture"><img alt="" src="{source}">{_boxes(record)}</div>'


def _boxes(record: Record) -> str:
    """Rectangles over the picture, whatever its size; a pointer at rest tells the label."""
    marks = "".join(
        f'<rect x="{x0:.4f}" y="{y0:.4f}" width="{x1 - x0:.4f}" height="{y1 - y0:.4f}">'
        f"<title>{escape(label)}</title></rect>"
        for label, (x0, y0, x1, y1) in record.boxes
    )
    return f'<svg viewBox="0 0 1 1" preserveAspectRatio="none">{marks}</svg>' if marks else ""


def _embedded(path: Path) -> str:
    """The picture as a small JPEG in a data URI; raises InputError when it cannot be opened."""
    picture = Pillow.fromarray(np.asarray(pictures.opened(path).pixels))
    picture.thumbnail((SIDE, SIDE))
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}"


def _cut(text: str) -> str:
    return escape(text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]} ...")
