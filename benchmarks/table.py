"""The page of figures from what was measured: `python -m benchmarks.table` writes docs/performance.md."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
ORDER = ("start", "turns", "decode", "users", "adapters", "training", "remote")
HEAD = """\
# Performance

Written by `python -m benchmarks.table` from the files in [benchmarks/results](../benchmarks/results), each \
the output of one command. Models have random weights, which is right for speed and says nothing of quality. \
Figures are medians with the lowest and highest of the rounds in brackets, all peers measured in turns in \
each round. Read the ratios: the times belong to the machine that is named.
"""
GPU_HEAD = """\
## On a GPU

The same goals, where a GPU with a large model makes other demands, and those that only a GPU can be held to.
"""
# What is asked of a GPU: which file would hold it, which goal, in words, and its bound.
GPU_GOALS = (
    ("turns-7b", 1, "first word of turn 8, against `transformers serve`", "at most 0.2"),
    ("turns-7b", 3, "first word of turn 8, against turn 2", "at most 1.1"),
    ("decode-7b", 7, "tokens a second, against what the memory's bandwidth allows", "at least 0.5"),
    ("decode-7b", 9, "most memory, against weights, keys and values, and 1 GB", "at most 1.1"),
    ("users-7b", 11, "four users' tokens a second, against one user's", "at least 2.5"),
)
# A machine with more work than this on each core does something else beside.
IDLE = 0.5

Result = dict[str, Any]


def page(results: Sequence[Result]) -> str:
    """The whole page."""
    known = {_file(result): result for result in results}
    ordered = sorted(results, key=lambda result: (ORDER.index(result["name"]), result["size"]))
    own = [result for result in ordered if not _is_large(result)]
    large = [result for result in ordered if _is_large(result)]
    parts = [HEAD, missed([*own, *large]), *map(section, own), _on_gpu(known), *map(section, large)]
    return "\n".join(parts)


def missed(results: Iterable[Result]) -> str:
    """The goals that were not met, said before anything else."""
    lines = [
        f"- Goal {goal['number']}, {goal['what']}: {_value(goal)}, wanted {_bound(goal)}."
        for result in results
        for goal in result["goals"]
        if not goal["met"]
    ]
    return "\n".join(["## Goals that are missed", "", *(lines or ["None."]), ""])


def section(result: Result) -> str:
    """One benchmark: what it measures, where and when, its goals, its figures."""
    parts = [
        f"## {result['name'].capitalize()}: `{result['command']}`",
        f"{result['about']} {_machine(result)}",
        *([_goals(result["goals"])] if result["goals"] else []),
        *result["notes"],
        *(_figures(title, rows) for title, rows in result["figures"].items()),
    ]
    return "\n\n".join(parts) + "\n"


def _machine(result: Result) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    graphics = "no GPU" if result["gpu"] == "none" else result["gpu"]
    size = f" {result['size'].capitalize()} model." if result["size"] else ""
    idle = result["load before"] <= IDLE * result["cores"]
    busy = "" if idle else " Other work ran on the machine: only the ratios mean something."
    return (
        f"Rounds: {result['rounds']}, on {result['date']}; {result['cpu']}, {result['cores']} cores, "
        f"{graphics}; {versions}; load average {result['load before']} before and {result['load after']} "
        f"after.{size}{busy}"
    )


def _goals(goals: Sequence[Result]) -> str:
    rows = [(str(goal["number"]), goal["what"], _value(goal), _bound(goal), _said(goal)) for goal in goals]
    return _grid(("goal", "what", "measured", "wanted", ""), rows)


def _figures(title: str, rows: dict[str, dict[str, list[float]]]) -> str:
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    lines = [(name, *(_spread(row.get(column, [])) for column in columns)) for name, row in rows.items()]
    return f"{title}:\n\n" + _grid(("", *columns), lines)


def _on_gpu(known: dict[str, Result]) -> str:
    rows = []
    for name, number, what, bound in GPU_GOALS:
        goals = known[name]["goals"] if name in known else []
        found = next((goal for goal in goals if goal["number"] == number), None)
        measured = f"{_value(found)} ({known[name]['gpu']})" if found else "not measured: no GPU"
        rows.append((str(number), what, measured, bound, _said(found) if found else ""))
    return f"{GPU_HEAD}\n{_grid(('goal', 'what', 'measured', 'wanted', ''), rows)}\n"


def _grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _value(goal: Result) -> str:
    spread = f" ({_figure(goal['spread'][0])} to {_figure(goal['spread'][1])})" if goal["spread"] else ""
    return f"{_figure(goal['value'])}{_unit(goal)}{spread}"


def _said(goal: Result) -> str:
    return "met" if goal["met"] else "**missed**"


def _bound(goal: Result) -> str:
    return f"at {'least' if goal['at_least'] else 'most'} {_figure(goal['bound'])}{_unit(goal)}"


def _unit(goal: Result) -> str:
    return f" {goal['unit']}" if goal["unit"] else ""


def _spread(raw: Sequence[float]) -> str:
    if not raw:
        return ""
    low, middle, high = min(raw), statistics.median(raw), max(raw)
    return _figure(middle) if low == high else f"{_figure(middle)} ({_figure(low)} to {_figure(high)})"


def _figure(value: float) -> str:
    """Three digits, and all of them before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _is_large(result: Result) -> bool:
    """Whether it was measured with a model for a GPU."""
    return result["size"] in ("4b", "7b")


def _file(result: Result) -> str:
    """The name under which it was written."""
    return f"{result['name']}-{result['size']}" if _is_large(result) else str(result["name"])


def results() -> list[Result]:
    """All that was measured, as it was written."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("*.json"))]


def main() -> None:
    PAGE.write_text(page(results()), encoding="utf-8")


if __name__ == "__main__":
    main()
