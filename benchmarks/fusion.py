"""What vectors add to words: `python -m benchmarks.fusion --data FOLDER --embedder NAME`.

The same rows, questions and halves as benchmarks/retrieval.py, found by BM25, by vectors, and by both fused,
side by side. The floor on the cosine and the fall of the fused score are chosen on the development half.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

import chat_app
from benchmarks import retrieval
from benchmarks.retrieval import DEPTH, EVERYDAY, HALVES, MOST, Question, interval
from chat_app.retrieval import fusion, search
from chat_app.retrieval.index import index
from chat_app.retrieval.search import Found, Searcher, chosen
from chat_app.settings import Settings

RESULT = retrieval.RESULT.with_name("fusion.json")
ABOUT = "MedQuAD's questions by BM25, by vectors and by both fused, held-out half."
CHOOSING, TIMED = 1000, 200
FLOORS, GAPS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6), (0.02, 0.05, 0.1, 0.2, 1.0)
COSINE = attrgetter("cosine")
Way = Callable[[str], Sequence[tuple[int, float]]]


def ways(searcher: Searcher) -> dict[str, Way]:
    """The rankings that are compared."""
    assert searcher.near is not None
    near = searcher.near
    return {
        "BM25": lambda text: searcher.ranked(text, DEPTH),
        "vectors": lambda text: fusion.first(near.cosines(text), DEPTH),
        "fused": lambda text: searcher.fused(text, near)[0][:DEPTH],
    }


def figures(way: Way, asked: Sequence[Question], owners: Sequence[str]) -> dict[str, Any]:
    """Each with its 95 % interval, diseases resampled."""
    ranks = np.array([_rank(way(each.text), each, owners) for each in asked])
    groups = np.unique([each.focus for each in asked], return_inverse=True)[1]
    found = {f"recall@{most}": (ranks > 0) & (ranks <= most) for most in (1, 5, 10)}
    values = {**found, "MRR@10": np.where(ranks > 0, 1 / np.maximum(ranks, 1), 0)}
    return {name: interval(np.asarray(each, float), groups) for name, each in values.items()}


def _rank(ranked: Sequence[tuple[int, float]], question: Question, owners: Sequence[str]) -> int:
    places = (place for place, (row, _) in enumerate(ranked, 1) if owners[row] in question.own)
    return next(places, 0)


def choices(searcher: Searcher, asked: Sequence[Question], subjects: Sequence[str]) -> dict[str, Any]:
    """What other constants would do on these questions."""
    assert searcher.near is not None
    known, near = [], []
    for question in asked:
        ranked, cosines = searcher.fused(question.text, searcher.near)
        others = [pair for pair in ranked if subjects[pair[0]] != question.focus]
        known.append(list(searcher.found(question.text, ranked[:MOST], cosines)))
        near.append(list(searcher.found(question.text, others[:MOST], cosines)))
    everyday = [_first(searcher, text) for text in EVERYDAY]
    share = {"words, 0.6 of the weight": partial(chosen, gap=1.0)}
    rules = share | {
        f"cosine, {floor}": partial(chosen, floor=floor, gap=1.0, height=COSINE) for floor in FLOORS
    }
    floors = {
        name: {
            "some basis found": _mean(bool(rule(row)) for row in known),
            "no basis once its disease is left out": _mean(not rule(row) for row in near),
            "everyday questions without basis": sum(not rule(row) for row in everyday),
        }
        for name, rule in rules.items()
    }
    return {"floor": floors, "gap": _gaps(searcher, asked, known)}


def _gaps(searcher: Searcher, asked: Sequence[Question], known: Sequence[list[Found]]) -> dict[str, Any]:
    assert searcher.near is not None
    found = {}
    for gap in GAPS:
        given = [chosen(row, searcher.near.floor or 0.0, gap, COSINE) for row in known]
        answered = (
            any(each.passage.source in question.own for each in row)
            for question, row in zip(asked, given, strict=True)
        )
        found[str(gap)] = {
            "own answer among those given": _mean(answered),
            "passages given": _mean(len(row) for row in given),
        }
    return found


def _first(searcher: Searcher, text: str) -> list[Found]:
    assert searcher.near is not None
    ranked, cosines = searcher.fused(text, searcher.near)
    return list(searcher.found(text, ranked[:MOST], cosines))


def _mean(values: Iterator[float]) -> float:
    return round(float(np.mean(list(values))), 4)


def speed(way: Way, asked: Sequence[str]) -> float:
    """Milliseconds a question to its ten best by number."""
    started = time.perf_counter()
    for text in asked:
        way(text)
    return round(1000 * (time.perf_counter() - started) / len(asked), 2)


def measured(data: Path, embedder: str, limit: int, folder: Path) -> dict[str, Any]:
    rows = retrieval.loaded(data)
    kept = Settings(data=str(folder / "kept"), embedder=embedder)
    if not (folder / "documents").is_dir():
        (folder / "documents").mkdir()
        retrieval.documents(data, folder / "documents", rows)
    index(folder / "documents", "benchmark", replace(kept, embedder=""))
    searcher = search.opened(["benchmark"], kept)
    halves = [[each for each in retrieval.questions(rows) if each.half == half] for half in HALVES]
    choosing, asked = (sorted(half, key=retrieval.order) for half in halves)
    asked = asked[: limit or None]
    timed = [each.text for each in asked[:TIMED]]
    about = {row["id"]: row["focus"].lower() for row in rows}
    owners = [searcher.passage(row).source for row in range(len(searcher))]
    compared = ways(searcher)
    return {
        "embedder": embedder,
        "questions": len(asked),
        "passages": len(searcher),
        "figures": {name: figures(way, asked, owners) for name, way in compared.items()},
        "query ms": {name: speed(way, timed) for name, way in compared.items()},
        "development": {
            "questions": len(choosing[:CHOOSING]),
            **choices(searcher, choosing[:CHOOSING], [about.get(owner, "") for owner in owners]),
        },
    }


def main() -> None:
    made = argparse.ArgumentParser(prog="python -m benchmarks.fusion", description=ABOUT)
    made.add_argument("--data", type=Path, required=True, help="folder with the two files")
    made.add_argument("--embedder", default="wordllama", help="as the setting (default: wordllama)")
    made.add_argument("--limit", type=int, default=0, help="questions asked, 0 for all")
    made.add_argument("--out", type=Path, default=RESULT, help="where the figures go")
    made.add_argument(
        "--kept", type=Path, help="folder whose index is used, and completed (default: a new one)"
    )
    options = made.parse_args()
    with tempfile.TemporaryDirectory() as name:
        found = measured(options.data, options.embedder, options.limit, options.kept or Path(name))
    record = {"name": "fusion", "about": ABOUT, "lightbox": chat_app.__version__, **found}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
