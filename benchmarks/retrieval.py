"""How well and how fast passages are found: `python -m benchmarks.retrieval --data FOLDER`.

The folder holds medquad.jsonl (Ben Abacha and Demner-Fushman, BMC Bioinformatics 20:511, 2019; CC BY 4.0) and
openstax_anatomy_physiology_2e.jsonl (CC BY 4.0). A question counts as answered by the passages of its own
answer; answers word for word the same count as one. The answers to other questions, also those about the same
disease, and the textbook stand beside them. What was chosen was chosen on the development half, the figures
are of the other.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import chat_app
from chat_app.grounding.tokens import SUBJECTLESS, WORD, tokens
from chat_app.retrieval import corpus, search
from chat_app.retrieval.index import index
from chat_app.retrieval.search import Found, Searcher, chosen
from chat_app.settings import Settings

RESULT = Path(__file__).parent / "results" / "rules" / "retrieval.json"
ABOUT = "MedQuAD's questions against the passages of their own answers, held-out half."
QUESTIONS, BOOK = "medquad.jsonl", "openstax_anatomy_physiology_2e.jsonl"
DEPTH, DEEP, RESAMPLED, TIMED, MOST = 10, 200, 1000, 200, 5
HALVES = ("development", "held out")
FLOORS, GAPS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.8, 0.9), (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 1.0)
CHOOSING = 2000  # questions of the development half, drawn by the hash of their words
Rule = Callable[[str], list[str]]
WORD_RULES: dict[str, Rule] = {
    "as they are": lambda text: WORD.findall(text.lower()),
    "without those without a subject": lambda text: [
        word for word in WORD.findall(text.lower()) if word not in SUBJECTLESS
    ],
    "and in the singular": tokens,
}
EVERYDAY = (
    "How do I bake sourdough bread at home?",
    "Which team won the football world cup in 1990?",
    "What is the capital city of Australia?",
    "How do I change a flat tyre on a bicycle?",
    "Who painted the ceiling of the Sistine Chapel?",
    "When does the next train to Paris leave?",
    "How many strings does a violin have?",
    "What is the best way to learn Spanish quickly?",
    "Why did the Roman empire fall?",
    "How do I install a printer driver on Linux?",
    "What is the offside rule in football?",
    "How tall is the Eiffel Tower?",
    "Which stocks should I buy this year?",
    "How do I prune an apple tree in winter?",
    "What is the plot of Hamlet?",
    "How far is the moon from the earth?",
    "Which visa do I need for Japan?",
    "How is parmesan cheese made?",
    "What does a carburettor do in an engine?",
    "Who invented the printing press?",
)


@dataclass(frozen=True)
class Question:
    """A question, the rows whose answer is its own, and the disease it is about."""

    text: str
    own: frozenset[str]
    focus: str
    half: str


@dataclass(frozen=True)
class Outcome:
    """What one question found.

    rank: of the first passage of its own answer, from 1, 0 for none among ten. shown: how many passages are
    given; answered: whether its own is among them. is_near_refused: whether there is no basis once every
    passage about its disease is left out.
    """

    focus: str
    rank: int
    shown: int
    answered: bool
    is_near_refused: bool


def half(identity: str) -> str:
    """By the last bit of the id's SHA-256."""
    return HALVES[_hash(identity)[-1] & 1]


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def questions(rows: Sequence[dict[str, Any]]) -> Iterator[Question]:
    same = defaultdict(set)
    for row in rows:
        same[row["answer"]].add(row["id"])
    for row in rows:
        if row["question"].strip() and row["answer"].strip():
            own = frozenset(same[row["answer"]])
            yield Question(row["question"], own, row["focus"].lower(), half(row["id"]))


def documents(data: Path, folder: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Writes what is indexed: the answers under the name of their disease, no questions, and the book."""
    forms = [{"text": row["answer"], "title": row["focus"], "source": row["id"]} for row in rows]
    lines = (json.dumps(form) + "\n" for form in forms if form["text"].strip())
    (folder / QUESTIONS).write_text("".join(lines), encoding="utf-8")
    (folder / BOOK).write_bytes((data / BOOK).read_bytes())


def outcome(searcher: Searcher, question: Question, about: Sequence[str], owners: Sequence[str]) -> Outcome:
    ranked = searcher.ranked(question.text, DEEP)
    places = [place for place, (row, _) in enumerate(ranked[:DEPTH], 1) if owners[row] in question.own]
    shown = searcher.search(question.text, MOST)
    others = [pair for pair in ranked if about[pair[0]] != question.focus][:MOST]
    near = chosen(searcher.found(question.text, others))
    answered = any(each.passage.source in question.own for each in shown)
    return Outcome(question.focus, places[0] if places else 0, len(shown), answered, not near)


def figures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Each figure with its 95 % interval, diseases resampled, for questions about one are not independent."""
    ranks = np.array([each.rank for each in outcomes])
    values = {
        **{f"recall@{most}": (ranks > 0) & (ranks <= most) for most in (1, 5, 10)},
        "MRR@10": np.where(ranks > 0, 1 / np.maximum(ranks, 1), 0),
        "some basis found": np.array([each.shown > 0 for each in outcomes]),
        "own answer among those given": np.array([each.answered for each in outcomes]),
        "passages given": np.array([each.shown for each in outcomes]),
        "no basis once its disease is left out": np.array([each.is_near_refused for each in outcomes]),
    }
    groups = np.unique([each.focus for each in outcomes], return_inverse=True)[1]
    return {name: interval(np.asarray(each, float), groups) for name, each in values.items()}


def interval(values: Any, groups: Any) -> list[float]:
    """Mean, lower and upper end."""
    sums, counts = np.bincount(groups, values), np.bincount(groups)
    drawn = np.random.default_rng(0).integers(0, len(sums), (RESAMPLED, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    return [round(float(each), 4) for each in (values.mean(), *np.quantile(means, (0.025, 0.975)))]


def choices(searcher: Searcher, asked: Sequence[Question], subjects: Sequence[str]) -> dict[str, Any]:
    """What other constants would do on these questions: `FLOOR` and `GAP` were taken from this table."""
    known, near = [], []
    for question in asked:
        ranked = searcher.ranked(question.text, DEEP)
        others = [pair for pair in ranked if subjects[pair[0]] != question.focus]
        known.append(
            [(each, each.passage.source in question.own) for each in _first(searcher, question, ranked)]
        )
        near.append(_first(searcher, question, others))
    floors = {
        str(floor): {
            "some basis found": _share(chosen([each for each, _ in given], floor) for given in known),
            "no basis once its disease is left out": _share(not chosen(each, floor) for each in near),
        }
        for floor in FLOORS
    }
    gaps = {}
    for gap in GAPS:
        given = [chosen([each for each, _ in row], search.FLOOR, gap) for row in known]
        own = [{each.passage.id for each, is_own in row if is_own} for row in known]
        answered = [any(e.passage.id in ids for e in row) for row, ids in zip(given, own, strict=True)]
        gaps[str(gap)] = {
            "own answer among those given": round(float(np.mean(answered)), 4),
            "passages given": round(float(np.mean([len(row) for row in given])), 3),
        }
    return {"floor": floors, "gap": gaps}


def _first(searcher: Searcher, question: Question, ranked: Sequence[tuple[int, float]]) -> list[Found]:
    return list(searcher.found(question.text, ranked[:MOST]))


def _share(given: Iterable[object]) -> float:
    return round(float(np.mean([bool(each) for each in given])), 4)


def rules(searcher: Searcher, asked: Sequence[Question], owners: Sequence[str]) -> dict[str, float]:
    """Recall@5 on these questions with the words as they are, and with each rule about them added."""
    texts = [
        corpus.searched(each.title, each.section, each.text)
        for each in map(searcher.passage, range(len(searcher)))
    ]
    return {name: _recall(rule, texts, asked, owners) for name, rule in WORD_RULES.items()}


def _recall(rule: Rule, texts: Sequence[str], asked: Sequence[Question], owners: Sequence[str]) -> float:
    import bm25s

    peer = bm25s.BM25()
    peer.index([rule(text) for text in texts], show_progress=False)
    hits = []
    for question in asked:
        known = [word for word in dict.fromkeys(rule(question.text)) if word in peer.vocab_dict]
        best = np.argsort(-peer.get_scores(known), kind="stable")[:MOST] if known else []
        hits.append(any(owners[row] in question.own for row in best))
    return round(float(np.mean(hits)), 4)


def speed(searcher: Searcher, asked: Sequence[str]) -> dict[str, float]:
    """Milliseconds a query over all passages, ours with reading the question, the peer's on tokens given."""
    from rank_bm25 import BM25Okapi

    passages = map(searcher.passage, range(len(searcher)))
    rows = [tokens(corpus.searched(each.title, each.section, each.text)) for each in passages]
    peer = BM25Okapi(rows)
    started = time.perf_counter()
    for text in asked:
        searcher.ranked(text, DEPTH)
    ours = time.perf_counter() - started
    given = [tokens(text) for text in asked]
    started = time.perf_counter()
    for words in given:
        np.argsort(-peer.get_scores(words))[:DEPTH]
    theirs = time.perf_counter() - started
    each = 1000 / len(asked)
    return {"lightbox ms": ours * each, "rank_bm25 ms": theirs * each, "ratio": theirs / ours}


def loaded(data: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (data / QUESTIONS).read_text(encoding="utf-8").splitlines()]


def order(question: Question) -> bytes:
    """By which questions are drawn."""
    return _hash(question.text)


def measured(data: Path, limit: int) -> dict[str, Any]:
    rows = loaded(data)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "documents").mkdir()
        documents(data, folder / "documents", rows)
        kept = Settings(data=str(folder / "kept"))
        before, started = _memory(), time.perf_counter()
        done = index(folder / "documents", "benchmark", kept)
        read = time.perf_counter()
        search.opened(["benchmark"], kept)
        built = time.perf_counter()
        memory = _memory() - before
        searcher = search.opened(["benchmark"], kept)
        opened = time.perf_counter()
        times = {"reading s": read - started, "words s": built - read, "opening again s": opened - built}
        halves = [[each for each in questions(rows) if each.half == half] for half in HALVES]
        choosing = sorted(halves[0], key=order)[:CHOOSING]
        asked = halves[1][: limit or None]
        about = {row["id"]: row["focus"].lower() for row in rows}
        owners = [searcher.passage(row).source for row in range(len(searcher))]
        subjects = [about.get(owner, "") for owner in owners]
        outcomes = [outcome(searcher, each, subjects, owners) for each in asked]
        timed = asked[:: max(1, len(asked) // TIMED)][:TIMED]
        return {
            "questions": len(asked),
            "passages": done.passages,
            "figures": figures(outcomes),
            "everyday questions without basis": sum(not searcher.search(each) for each in EVERYDAY),
            "everyday questions": len(EVERYDAY),
            "development": {
                "questions": len(choosing),
                **choices(searcher, choosing, subjects),
                "recall@5 by rule of words": rules(searcher, choosing, owners),
            },
            "indexing": {**_rounded(times), "peak MB more than before": round(memory)},
            "query": _rounded(speed(searcher, [each.text for each in timed])),
        }


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in values.items()}


def _memory() -> float:
    """Megabytes that the process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def main() -> None:
    made = argparse.ArgumentParser(prog="python -m benchmarks.retrieval", description=ABOUT)
    made.add_argument("--data", type=Path, required=True, help="folder with the two files")
    made.add_argument("--limit", type=int, default=0, help="questions asked, 0 for all")
    made.add_argument("--out", type=Path, default=RESULT, help="where the figures go")
    options = made.parse_args()
    found = measured(options.data, options.limit)
    record = {"name": "retrieval", "about": ABOUT, "lightbox": chat_app.__version__, **found}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
