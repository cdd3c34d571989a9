"""How many faults the checks find: `python -m benchmarks.checks`.

Drafts with one fault each and clean ones, from tests/faults.py. Those held out were written before the checks
had been tried on them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import chat_app
from chat_app.grounding.checks import run

if TYPE_CHECKING:
    from tests.clean_drafts import Draft
    from tests.faults import Fault

TESTS = Path(__file__).parents[1] / "tests"
RESULT = Path(__file__).parent / "results" / "rules" / "checks.json"
PARTS = ("developed against", "held out")
ABOUT = "Drafts with one seeded fault, and clean ones: what the checks remark on."


@dataclass(frozen=True)
class Figures:
    """Of drafts with a fault how many the right check remarked on, of clean ones how many any did."""

    caught: int
    seeded: int
    alarms: int
    clean: int


def made_up() -> tuple[list[Fault], list[Draft]]:
    """The drafts with a fault and the clean ones, as the tests make them."""
    if str(TESTS) not in sys.path:
        sys.path.append(str(TESTS))
    return import_module("faults").faults(), import_module("clean_drafts").clean()


def is_caught(fault: Fault) -> bool:
    """Whether the check that has to see it does; what others say of it counts for nothing."""
    return any(remark.check == fault.check for remark in run(fault.draft.report, fault.draft.about))


def alarms(draft: Draft) -> tuple[str, ...]:
    """What is wrongly remarked on in a clean draft."""
    return tuple(remark.key for remark in run(draft.report, draft.about))


def measured(seeded: Sequence[Fault], sound: Sequence[Draft]) -> dict[str, Figures]:
    return {part: _figures(seeded, sound, part == PARTS[1]) for part in PARTS}


def by_check(seeded: Iterable[Fault]) -> dict[str, tuple[int, int]]:
    """For each check how many of its faults it caught, and how many there are."""
    rows = [(fault.check, is_caught(fault)) for fault in seeded]
    every, caught = Counter(name for name, _ in rows), Counter(name for name, seen in rows if seen)
    return {name: (caught[name], every[name]) for name in sorted(every)}


def failures(seeded: Iterable[Fault], sound: Iterable[Draft]) -> Iterator[str]:
    """Faults that were missed, and remarks on clean drafts."""
    for fault in seeded:
        if not is_caught(fault):
            said = [remark.key for remark in run(fault.draft.report, fault.draft.about)]
            yield f"missed {fault.name}; remarked on: {'; '.join(said) or 'nothing'}"
    for draft in sound:
        yield from (f"false alarm on {draft.name}: {words}" for words in alarms(draft))


def _figures(seeded: Sequence[Fault], sound: Sequence[Draft], held_out: bool) -> Figures:
    wrong = [is_caught(fault) for fault in seeded if fault.held_out == held_out]
    right = [bool(alarms(draft)) for draft in sound if draft.held_out == held_out]
    return Figures(sum(wrong), len(wrong), sum(right), len(right))


def page(parts: dict[str, Figures], checks: dict[str, tuple[int, int]]) -> str:
    lines = ["| | faults caught | clean drafts with a false alarm |", "| --- | --- | --- |"]
    for part, each in parts.items():
        lines.append(f"| {part} | {each.caught} of {each.seeded} | {each.alarms} of {each.clean} |")
    lines += ["", "| check | faults caught |", "| --- | --- |"]
    lines += [f"| {name} | {caught} of {every} |" for name, (caught, every) in checks.items()]
    return "\n".join(lines)


def record(parts: dict[str, Figures], checks: dict[str, tuple[int, int]]) -> dict[str, Any]:
    figures = {part: vars(each) for part, each in parts.items()}
    caught = {name: {"caught": found, "seeded": every} for name, (found, every) in checks.items()}
    lightbox = chat_app.__version__
    return {"name": "checks", "about": ABOUT, "lightbox": lightbox, "figures": figures, "by check": caught}


def main() -> None:
    made = argparse.ArgumentParser(prog="python -m benchmarks.checks", description=ABOUT)
    made.add_argument("--out", type=Path, default=RESULT, help="where the figures go")
    options = made.parse_args()
    seeded, sound = made_up()
    parts, checks = measured(seeded, sound), by_check(seeded)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(record(parts, checks), indent=1) + "\n", encoding="utf-8")
    print(page(parts, checks))
    print(*failures(seeded, sound), sep="\n")


if __name__ == "__main__":
    main()
