"""How well report sentences are read: `python -m benchmarks.claims`.

The sentences of tests/sentences.jsonl, each with what it claims. Those held out were written before the rules
had been tried on them.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import chat_app
from chat_app.grounding.claims import read
from chat_app.records import Claim, Presence

SENTENCES = Path(__file__).parents[1] / "tests" / "sentences.jsonl"
RESULT = Path(__file__).parent / "results" / "rules" / "claims.json"
KINDS = ("presence", "side", "size", "change")
PARTS = ("developed against", "held out")
ABOUT = "What sentences claim of findings, read by rules, against what their writer says they claim."


@dataclass(frozen=True)
class Sentence:
    """A sentence of the table, what it claims, and what was read."""

    text: str
    claims: tuple[Claim, ...]
    read: tuple[Claim, ...]
    held_out: bool


@dataclass(frozen=True)
class Score:
    """How many were claimed, were read, and were both."""

    claimed: int
    read: int
    both: int

    @property
    def precision(self) -> float:
        return self.both / self.read if self.read else 1.0

    @property
    def recall(self) -> float:
        return self.both / self.claimed if self.claimed else 1.0


def sentences() -> tuple[Sentence, ...]:
    """The whole table."""
    lines = SENTENCES.read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return tuple(map(_sentence, rows))


def score(table: Iterable[Sentence], kind: str) -> Score:
    """One kind of figure over those sentences; a side counts with its finding, and so on."""
    claimed, found, both = 0, 0, 0
    for sentence in table:
        wanted, got = Counter(items(sentence.claims, kind)), Counter(items(sentence.read, kind))
        claimed, found, both = claimed + wanted.total(), found + got.total(), both + (wanted & got).total()
    return Score(claimed, found, both)


def items(claims: Sequence[Claim], kind: str) -> Iterator[tuple[object, ...]]:
    """What is counted: each finding with its presence, or with its side, lengths, change if any."""
    for claim in claims:
        said = {
            "presence": claim.presence,
            "side": claim.side,
            "size": claim.sizes_mm,
            "change": claim.change,
        }[kind]
        if said:
            yield claim.finding, said


def failures(table: Iterable[Sentence]) -> Iterator[str]:
    """Each sentence that was misread, with what was missed and what was made up."""
    for sentence in table:
        for kind in KINDS:
            wanted, got = Counter(items(sentence.claims, kind)), Counter(items(sentence.read, kind))
            if wanted != got:
                wrong = f"missed {_told(wanted - got)}; made up {_told(got - wanted)}"
                yield f"{sentence.text}\n  {kind}: {wrong}"


def measured(table: Sequence[Sentence]) -> dict[str, dict[str, Score]]:
    """Every kind on both parts."""
    parts = {part: [each for each in table if each.held_out == (part == PARTS[1])] for part in PARTS}
    return {part: {kind: score(rows, kind) for kind in KINDS} for part, rows in parts.items()}


def page(scores: dict[str, dict[str, Score]]) -> str:
    lines = ["| | precision | recall | n |", "| --- | --- | --- | --- |"]
    for part, kinds in scores.items():
        for kind, found in kinds.items():
            lines.append(f"| {part}: {kind} | {found.precision:.3f} | {found.recall:.3f} | {found.claimed} |")
    return "\n".join(lines)


def record(scores: dict[str, dict[str, Score]]) -> dict[str, Any]:
    figures = {
        part: {
            kind: {"precision": round(each.precision, 4), "recall": round(each.recall, 4), "n": each.claimed}
            for kind, each in kinds.items()
        }
        for part, kinds in scores.items()
    }
    return {"name": "claims", "about": ABOUT, "lightbox": chat_app.__version__, "figures": figures}


def _sentence(row: dict[str, Any]) -> Sentence:
    text = row["text"]
    return Sentence(text, tuple(map(_claim, row["claims"])), read(text), row.get("held_out", False))


def _claim(row: dict[str, Any]) -> Claim:
    sizes = tuple(row.get("sizes_mm", ()))
    stated = {key: row.get(key, "") for key in ("side", "anatomy", "change")}
    return Claim(row["finding"], Presence(row["presence"]), sizes_mm=sizes, **stated)


def _told(counted: Counter[tuple[object, ...]]) -> str:
    return ", ".join(" ".join(map(str, item)) for item in counted.elements()) or "nothing"


def main() -> None:
    made = argparse.ArgumentParser(prog="python -m benchmarks.claims", description=ABOUT)
    made.add_argument("--out", type=Path, default=RESULT, help="where the figures go")
    options = made.parse_args()
    table = sentences()
    scores = measured(table)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(record(scores), indent=1) + "\n", encoding="utf-8")
    print(page(scores))
    print(*failures(table), sep="\n")


if __name__ == "__main__":
    main()
