"""What is gained by adding words to a question: `python -m benchmarks.queries --data FOLDER`.

MedQuAD's questions about some of its diseases, against the passages of their answers. Full names give
way to abbreviations, which are then expanded or not; ordinary questions are expanded too. Words of the
picture ("chest radiograph") are added to questions about that part of the body, with several weights.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import re
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import chat_app
from benchmarks.retrieval import BOOK, HALVES, MOST, QUESTIONS, Question, documents, questions
from chat_app.evaluation.score import wilson
from chat_app.records import Conversation
from chat_app.retrieval import query, search
from chat_app.retrieval.index import index
from chat_app.retrieval.search import Searcher
from chat_app.settings import Settings

RESULT = Path(__file__).parent / "results" / "rules" / "queries.json"
ABOUT = "MedQuAD's questions with abbreviations, expanded or not, and with words of the picture."
ONE_IN = 16  # diseases are indexed and asked about beside those whose names are abbreviated
ORDINARY = 500  # questions without abbreviations, of each half
WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0)
TOPICS = {
    "chest radiograph": re.compile(r"\b(?:lung|chest|pulmonary|pleura\w*|pneumo\w+|bronch\w+|thora\w+)\b"),
    "brain magnetic resonance": re.compile(r"\b(?:brain|cerebral|stroke|encephal\w+|glioma|alzheimer\w*)\b"),
    "breast mammogram": re.compile(r"\b(?:breast|mammary)\b"),
}
ROUTED = 60  # questions about those parts, of each half


def shortened(text: str) -> str:
    """With full names of the list replaced by their abbreviations."""
    short = {long.lower(): each for each, long in _names().items()}
    return _pattern().sub(lambda match: short[match.group().lower()], text)


@functools.cache
def _names() -> dict[str, str]:
    found: dict[str, str] = tomllib.loads(query.FILE.read_text(encoding="utf-8"))["unambiguous"]
    return found


@functools.cache
def _pattern() -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, _names().values()))})\b", re.IGNORECASE)


def drawn(row: dict[str, Any]) -> bool:
    """All rows whose question has a name of the list, of the others one disease in so many, by its hash."""
    place = hashlib.sha256(row["focus"].lower().encode()).digest()[0]
    return place % ONE_IN == 0 or _pattern().search(row["question"]) is not None


def expansion(asked: Sequence[Question], searcher: Searcher, owners: Sequence[str]) -> dict[str, Any]:
    """Recall@5 of questions with abbreviations and of those as they are, with and without expansion."""
    short = [(each, shortened(each.text)) for each in asked]
    changed = [(each, text) for each, text in short if text != each.text]
    plain = [(each, text) for each, text in short if text == each.text]
    plain = plain[:: max(1, len(plain) // ORDINARY)][:ORDINARY]
    rows = {
        "full names": [(each, each.text) for each, _ in changed],
        "abbreviated": changed,
        "abbreviated, expanded": [(each, _built(text)) for each, text in changed],
        "ordinary": plain,
        "ordinary, expanded": [(each, _built(text)) for each, text in plain],
    }
    return {name: _recall(pairs, searcher, owners) for name, pairs in rows.items()}


def routing(asked: Sequence[Question], searcher: Searcher, owners: Sequence[str]) -> dict[str, Any]:
    """Recall@5 of questions about a part of the body, its picture's words weighed so much beside them."""
    about = [(each, words) for each in asked for words in TOPICS if TOPICS[words].search(each.focus)]
    about = about[:: max(1, len(about) // ROUTED)][:ROUTED]
    pictured = {words: _scores(words, searcher) for words in TOPICS}
    hits: dict[float, list[bool]] = {weight: [] for weight in WEIGHTS}
    for question, words in about:
        scores = _scores(question.text, searcher)
        for weight in WEIGHTS:
            best = np.argsort(-(scores + weight * pictured[words]), kind="stable")[:MOST]
            hits[weight].append(any(owners[row] in question.own for row in best))
    return {str(weight): _share(found) for weight, found in hits.items()}


def _scores(text: str, searcher: Searcher) -> Any:
    scores = np.zeros(len(searcher))
    for row, score in searcher.ranked(text, len(searcher)):
        scores[row] = score
    return scores


def _built(text: str) -> str:
    return query.built(text, Conversation())


def _recall(
    pairs: Sequence[tuple[Question, str]], searcher: Searcher, owners: Sequence[str]
) -> dict[str, Any]:
    ranked = ((each, searcher.ranked(text, MOST)) for each, text in pairs)
    return _share([any(owners[row] in each.own for row, _ in best) for each, best in ranked])


def _share(hits: Sequence[bool]) -> dict[str, Any]:
    low, high = wilson(sum(hits), len(hits))
    return {
        "value": round(sum(hits) / len(hits), 4), "low": round(low, 4), "high": round(high, 4), "n": len(hits)
    }  # fmt: skip


def measured(data: Path) -> dict[str, Any]:
    every = [json.loads(line) for line in (data / QUESTIONS).read_text(encoding="utf-8").splitlines()]
    rows = [row for row in every if drawn(row)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "documents").mkdir()
        documents(data, folder / "documents", rows)
        (folder / "documents" / BOOK).unlink()
        kept = Settings(data=str(folder / "kept"))
        index(folder / "documents", "benchmark", kept)
        searcher = search.opened(["benchmark"], kept)
        owners = [searcher.passage(row).source for row in range(len(searcher))]
        halves = {half: [each for each in questions(rows) if each.half == half] for half in HALVES}
        return {
            half: {
                "expansion": expansion(asked, searcher, owners),
                "routing": routing(asked, searcher, owners),
            }
            for half, asked in halves.items()
        }


def main() -> None:
    made = argparse.ArgumentParser(prog="python -m benchmarks.queries", description=ABOUT)
    made.add_argument("--data", type=Path, required=True, help="folder with MedQuAD and the book")
    made.add_argument("--out", type=Path, default=RESULT, help="where the figures go")
    options = made.parse_args()
    record = {
        "name": "queries",
        "about": ABOUT,
        "lightbox": chat_app.__version__,
        "recall@5": measured(options.data),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
