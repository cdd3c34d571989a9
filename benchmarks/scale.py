"""What many passages cost: `python -m benchmarks.scale --data FOLDER`.

The folder holds the texts that benchmarks.retrieval reads. Their sentences are drawn anew under a fixed seed
into passages of 120 words and more, 100 a document, each under a disease's name: the words are real, but
their number does not grow with the passages. Each step runs in a process of its own, for its memory is
counted (on Linux).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import psutil

import chat_app
from benchmarks.retrieval import BOOK, DEPTH, QUESTIONS
from chat_app.grounding import statements
from chat_app.grounding.tokens import tokens
from chat_app.records import Passage
from chat_app.retrieval import corpus, cut, index, search
from chat_app.retrieval.limits import Limits
from chat_app.settings import Settings

RESULTS = Path(__file__).parent / "results" / "rules"
ABOUT = "Sentences of MedQuAD and OpenStax, recombined: time, memory and disk by number of passages."
NAME, SEED, A_DOCUMENT = "scale", 0, 100
TIMED, PEERED = 200, 10  # questions asked of ours, and of the peer, which takes so much longer
PEER_MOST = 200_000  # passages; it takes some 10 kB of memory for each
PEAK, OWN = "VmHWM", "RssAnon"  # of proc_pid_status(5); pages of mapped files are in the first alone


def sentences(data: Path) -> tuple[list[str], list[str], list[str]]:
    """Every sentence of both, MedQuAD's diseases, and its questions."""
    rows = [json.loads(line) for line in (data / QUESTIONS).read_text(encoding="utf-8").splitlines()]
    book = [json.loads(line) for line in (data / BOOK).read_text(encoding="utf-8").splitlines()]
    texts = [row["answer"] for row in rows] + [row["text"] for row in book]
    found = [each for text in texts for each in statements.sentences(" ".join(text.split()))]
    whole = [each for each in found if 4 <= len(each.split()) <= 60]
    return whole, [row["focus"] for row in rows], [row["question"] for row in rows if row["question"].strip()]


def drawn(known: Sequence[str], titles: Sequence[str], number: int) -> Iterator[dict[str, str]]:
    """So many passages, as rows of JSON lines."""
    chance = random.Random(SEED)
    for _ in range(number):
        said: list[str] = []
        while len(said) < cut.LEAST:
            said += chance.choice(known).split()
        yield {"text": " ".join(said), "title": chance.choice(titles)}


def documents(folder: Path, rows: Iterator[dict[str, str]]) -> None:
    """Files to be read and cut, as a person's own."""
    folder.mkdir()
    for number, part in enumerate(_parts(rows)):
        lines = (json.dumps(row) + "\n" for row in part)
        (folder / f"{number}.jsonl").write_text("".join(lines), encoding="utf-8")


def uncut(settings: Settings, rows: Iterator[dict[str, str]]) -> None:
    """The same passages put into the corpus as they are, without being read and cut."""
    kept = corpus.made(settings, NAME)
    for number, part in enumerate(_parts(rows)):
        passages = [
            Passage(f"{number:08x}{at:08x}", row["text"], row["title"], source=f"{number}.jsonl")
            for at, row in enumerate(part)
        ]
        kept.put(corpus.key(f"{number}.jsonl"), "", index.RULES, passages)


def _parts(rows: Iterator[dict[str, str]]) -> Iterator[list[dict[str, str]]]:
    while part := list(islice(rows, A_DOCUMENT)):
        yield part


def indexed(folder: Path, settings: Settings) -> dict[str, Any]:
    """Reading, scrubbing and cutting."""
    started = time.process_time()
    done = index.index(folder, NAME, settings, Limits())
    assert not done.refused
    seconds = time.process_time() - started
    return {"CPU s": seconds, "peak MB": _megabytes(PEAK), "passages": done.passages}


def built(settings: Settings) -> dict[str, Any]:
    """Working out what searching needs, at the first search."""
    started = time.process_time()
    search.opened([NAME], settings)
    seconds = time.process_time() - started
    disk = sum(path.stat().st_size for path in corpus.searches(settings).rglob("*") if path.is_file())
    return {"CPU s": seconds, "peak MB": _megabytes(PEAK), "disk MB": disk / 1e6}


def searched(settings: Settings, asked: Sequence[str]) -> dict[str, Any]:
    """Opening what is worked out, and asking: milliseconds a question to its ten best by number."""
    import bm25s  # noqa: F401  what importing takes is no part of opening

    before = _megabytes(OWN)
    started = time.process_time()
    searcher = search.opened([NAME], settings)
    seconds = time.process_time() - started
    rests = _megabytes(OWN) - before
    times = [_timed(lambda each=each: searcher.ranked(each, DEPTH)) for each in asked]
    whole = [_timed(lambda each=each: searcher.search(each)) for each in asked]
    return {
        "passages": len(searcher),
        "words": len(searcher._words),
        "opening, CPU s": seconds,
        "resting MB more than before": rests,
        "peak MB": _megabytes(PEAK),
        **{f"query ms, {part}": value for part, value in _quantiles(times).items()},
        **{f"search with passages ms, {part}": value for part, value in _quantiles(whole).items()},
    }


def peer(settings: Settings, asked: Sequence[str]) -> dict[str, Any]:
    """rank_bm25 on the same words of the same passages."""
    from rank_bm25 import BM25Okapi

    searcher = search.opened([NAME], settings)
    passages = map(searcher.passage, range(len(searcher)))
    rows = [tokens(search.searched(each.title, each.section, each.text)) for each in passages]
    started = time.process_time()
    made = BM25Okapi(rows)
    seconds = time.process_time() - started
    times = [_timed(lambda each=each: np.argsort(-made.get_scores(tokens(each)))[:DEPTH]) for each in asked]
    timed = {f"query ms, {part}": value for part, value in _quantiles(times).items()}
    return {"CPU s": seconds, "peak MB": _megabytes(PEAK), **timed}


def measured(data: Path, number: int, *, is_cut: bool) -> dict[str, Any]:
    known, titles, questions = sentences(data)
    asked = random.Random(SEED).sample(questions, TIMED)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        settings = Settings(data=str(Path(name) / "kept"))
        rows = drawn(known, titles, number)
        if is_cut:
            documents(Path(name) / "documents", rows)
            found["reading and cutting"] = _apart(indexed, Path(name) / "documents", settings)
        else:
            uncut(settings, rows)
        found["words"] = _apart(built, settings)
        found["searching"] = _apart(searched, settings, asked)
        if number <= PEER_MOST:
            found["rank_bm25"] = _apart(peer, settings, asked[:PEERED])
            theirs, ours = (found[each]["query ms, median"] for each in ("rank_bm25", "searching"))
            found["rank_bm25 takes so many times as long"] = round(theirs / ours)
    return found


def _apart(work: Callable[..., dict[str, Any]], *given: Any) -> dict[str, Any]:
    """What it measures in a process of its own, rounded."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return {name: round(value, 2) for name, value in pool.submit(work, *given).result().items()}


def _timed(work: Callable[[], object]) -> float:
    """Milliseconds of this process, whatever else the machine is doing."""
    started = time.process_time()
    work()
    return (time.process_time() - started) * 1000


def _quantiles(times: Sequence[float]) -> dict[str, float]:
    return {"median": float(np.median(times)), "95 %": float(np.quantile(times, 0.95))}


def _megabytes(name: str) -> float:
    """What Linux says of this process's memory under that name."""
    status = Path(psutil.PROCFS_PATH, "self", "status").read_text(encoding="ascii")
    match = re.search(rf"{name}:\s+(\d+) kB", status)
    assert match
    return int(match[1]) / 1e3


def main() -> None:
    made = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=ABOUT)
    made.add_argument("--data", type=Path, required=True, help="folder with the two files")
    made.add_argument("--passages", type=int, default=100_000)
    made.add_argument("--uncut", action="store_true", help="leave reading and cutting out")
    made.add_argument("--out", type=Path, help="where the figures go")
    options = made.parse_args()
    found = measured(options.data, options.passages, is_cut=not options.uncut)
    record = {"name": "scale", "about": ABOUT, "lightbox": chat_app.__version__, **found}
    out = options.out or RESULTS / f"scale-{options.passages}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
