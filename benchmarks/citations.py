"""How well citations are checked: `python -m benchmarks.citations --data FOLDER`.

Sentences about passages, right ones and wrong ones with one fault each: those of tests/citations.jsonl,
written for it, and others made by rules (benchmarks/misquotes.py) of MedQuAD (Ben Abacha and Demner-Fushman,
BMC Bioinformatics 20:511, 2019; CC BY 4.0) and OpenStax Anatomy and Physiology 2e (CC BY 4.0), both in the
folder. Halves go by the hash of the passage's title; the rules were made on the development half.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import chat_app
from benchmarks.misquotes import Case, cases
from chat_app.evaluation.score import wilson
from chat_app.grounding.citations import checked, support
from chat_app.records import Passage

WRITTEN = Path(__file__).parents[1] / "tests" / "citations.jsonl"
RESULT = Path(__file__).parent / "results" / "rules" / "citations.json"
ABOUT = "Right and wrong citations of passages: how many are called supported and not found as they are."
HALVES = ("development", "held out")
EACH = 15  # made of each kind in each half
Outcome = tuple[Case, bool]


def half(title: str) -> str:
    """By the last bit of the title's SHA-256."""
    return HALVES[hashlib.sha256(title.encode()).digest()[-1] & 1]


def written() -> Iterator[Case]:
    """The table's sentences, each with its passage and the others under the same title."""
    rows = [json.loads(line) for line in WRITTEN.read_text(encoding="utf-8").splitlines()]
    known = [Passage(row["section"], row["text"], row["title"], row["section"]) for row in rows]
    for row, passage in zip(rows, known, strict=True):
        others = tuple(each for each in known if each.title == passage.title and each is not passage)
        for is_right, key in ((True, "right"), (False, "wrong")):
            for said in row[key]:
                given = (passage, *others)
                yield Case(said["kind"], said["text"], given, is_right, half(passage.title), "written")


def outcomes(found: Sequence[Case]) -> list[Outcome]:
    """Each case with whether it was called supported."""
    return [(case, checked(f"{case.sentence} [P1]", case.given)[0].is_supported) for case in found]


def figures(rows: Sequence[Outcome]) -> dict[str, Any]:
    """Precision and recall of both verdicts, and how many of each kind are judged as they are."""
    kinds = dict.fromkeys((case.is_right, case.kind) for case, _ in rows)
    return {
        "supported": _verdict(rows, True),
        "not found": _verdict(rows, False),
        **{
            f"{'right' if is_right else 'wrong'}: {kind}": _share(
                [got == is_right for case, got in rows if (case.is_right, case.kind) == (is_right, kind)]
            )
            for is_right, kind in sorted(kinds, reverse=True)
        },
    }


def _verdict(rows: Sequence[Outcome], verdict: bool) -> dict[str, Any]:
    return {
        "precision": _share([case.is_right == verdict for case, got in rows if got == verdict]),
        "recall": _share([got == verdict for case, got in rows if case.is_right == verdict]),
    }


def _share(hits: Sequence[bool]) -> dict[str, Any]:
    low, high = wilson(sum(hits), len(hits)) if hits else (0.0, 1.0)
    value = round(sum(hits) / len(hits), 4) if hits else None
    return {"value": value, "low": round(low, 4), "high": round(high, 4), "n": len(hits)}


def measured(data: Path, each: int) -> dict[str, Any]:
    every = [*written(), *cases(data, each, half, HALVES)]
    started = time.perf_counter()
    rows = outcomes(every)
    taken = 1000 * (time.perf_counter() - started) / len(rows)
    return {
        "floor": support.FLOOR,
        "ms a citation": round(taken, 1),
        "figures": {
            f"{made}, {part}": figures([row for row in rows if (row[0].made, row[0].half) == (made, part)])
            for made in ("written", "generated")
            for part in HALVES
        },
    }


def page(found: dict[str, Any]) -> str:
    """The figures as tables of Markdown."""
    lines = []
    for title, rows in found["figures"].items():
        lines += ["", f"| {title} | share | 95 % interval | n |", "|---|---|---|---|"]
        for name, row in rows.items():
            verdicts = row.items() if "precision" in row else [("", row)]
            for what, each in verdicts:
                label, interval = (
                    " ".join(filter(None, (name, what))),
                    f"{each['low']:.3f} to {each['high']:.3f}",
                )
                lines.append(f"| {label} | {each['value']:.3f} | {interval} | {each['n']} |")
    return "\n".join(lines)


def main() -> None:
    made = argparse.ArgumentParser(prog="python -m benchmarks.citations", description=ABOUT)
    made.add_argument("--data", type=Path, required=True, help="folder with MedQuAD and the book")
    made.add_argument("--each", type=int, default=EACH, help="made of each kind in each half")
    made.add_argument("--out", type=Path, default=RESULT, help="where the figures go")
    options = made.parse_args()
    found = measured(options.data, options.each)
    record = {"name": "citations", "about": ABOUT, "lightbox": chat_app.__version__, **found}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(page(record))


if __name__ == "__main__":
    main()
