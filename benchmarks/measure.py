"""What the benchmarks share: rounds in turns, medians, goals, what it all ran on, and the file it goes to."""

from __future__ import annotations

import argparse
import datetime
import gc
import json
import os
import platform
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import chat_app
from benchmarks import table

RESULTS = Path(__file__).parent / "results"
ROUNDS, WARM = 5, 2
CPUINFO = Path("/proc/cpuinfo")
MILLI = 1000.0

T = TypeVar("T")
Place = tuple[str, str, str]


@dataclass(frozen=True)
class Goal:
    """A figure held against a bound; `number` is its own in the project's list of goals.

    spread: the lowest and highest of the rounds, where each round gives one.
    """

    number: int
    what: str
    value: float
    bound: float
    unit: str = ""
    at_least: bool = False
    spread: tuple[float, float] | None = None

    @property
    def met(self) -> bool:
        return self.value >= self.bound if self.at_least else self.value <= self.bound


@dataclass
class Sheet:
    """What one run measured: raw figures by table (its title says the unit), row and column.

    about: a sentence on what is measured. notes: sentences to read the figures by.
    """

    about: str
    figures: dict[str, dict[str, dict[str, list[float]]]] = field(default_factory=dict)
    goals: list[Goal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, title: str, row: str, column: str, *values: float) -> None:
        rows = self.figures.setdefault(title, {})
        rows.setdefault(row, {}).setdefault(column, []).extend(float(value) for value in values)

    def raw(self, place: Place) -> list[float]:
        title, row, column = place
        return self.figures[title][row][column]

    def median(self, place: Place) -> float:
        return statistics.median(self.raw(place))

    def hold(
        self, number: int, what: str, value: float, bound: float, unit: str = "", *, at_least: bool = False
    ) -> None:
        self.goals.append(Goal(number, what, value, bound, unit, at_least))

    def compare(
        self, number: int, what: str, ours: Place, peer: Place, bound: float, *, at_least: bool = False
    ) -> None:
        """Holds the ratio of the medians against the bound; the spread is that of the rounds' own ratios."""
        ratios = [mine / other for mine, other in zip(self.raw(ours), self.raw(peer), strict=True)]
        ratio = self.median(ours) / self.median(peer)
        spread = (min(ratios), max(ratios))
        self.goals.append(Goal(number, what, ratio, bound, "", at_least, spread))


def parser(text: str | None, name: str, rounds: int = ROUNDS) -> argparse.ArgumentParser:
    """The options that every benchmark has."""
    says = (text or "").split(":")[0] + "."
    made = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=says)
    made.add_argument("--rounds", type=int, default=rounds, help="rounds that count, after two that do not")
    made.add_argument("--out", type=Path, help="where the figures go, instead of benchmarks/results")
    return made


def sized(made: argparse.ArgumentParser, size: str) -> argparse.ArgumentParser:
    """The options of a benchmark that answers with a model of random weights."""
    sizes = ("tiny", "small", "medium", "4b", "7b")
    made.add_argument("--size", choices=sizes, default=size, help=f"of the model; {size} without it")
    made.add_argument("--model", type=Path, metavar="DIR", help="a folder that benchmarks.models has written")
    return made


def rounds(count: int) -> Iterator[bool]:
    """Whether each round counts: the first two do not."""
    for number in range(WARM + count):
        gc.collect()
        yield number >= WARM


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """How many milliseconds it took, and what it gave."""
    began = time.perf_counter()
    given = work()
    return MILLI * (time.perf_counter() - began), given


def run(name: str, options: argparse.Namespace, measured: Callable[[argparse.Namespace], Sheet]) -> None:
    """Measures, prints the section that the page of figures will have, and writes the figures."""
    before = os.getloadavg()[0]
    sheet = measured(options)
    result = record(name, options, sheet, before)
    large = f"-{options.size}" if getattr(options, "size", "") in ("4b", "7b") else ""
    path = options.out or RESULTS / f"{name}{large}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(table.section(result))


def record(name: str, options: argparse.Namespace, sheet: Sheet, before: float) -> dict[str, Any]:
    """All that the file holds."""
    return {
        "name": name,
        "about": sheet.about,
        "command": command(name),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "versions": versions(),
        "cpu": processor(),
        "cores": os.cpu_count(),
        "gpu": gpu(),
        "load before": round(before, 2),
        "load after": round(os.getloadavg()[0], 2),
        "rounds": options.rounds,
        "size": getattr(options, "size", ""),
        "goals": [_goal(each) for each in sheet.goals],
        "notes": sheet.notes,
        "figures": _rounded(sheet.figures),
    }


def command(name: str) -> str:
    """As it was called; where things lie on this machine is nobody's concern."""
    words = ["PATH" if os.sep in word else word for word in sys.argv[1:]]
    return " ".join(["python -m", f"benchmarks.{name}", *words])


def versions() -> dict[str, str]:
    installed = {name: metadata.version(name) for name in ("torch", "transformers")}
    return {"lightbox": chat_app.__version__, "python": platform.python_version(), **installed}


def processor() -> str:
    """What the processor calls itself."""
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", CPUINFO.read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def gpu() -> str:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "none"


def _goal(goal: Goal) -> dict[str, Any]:
    stated: dict[str, Any] = _rounded(asdict(goal))
    return stated | {"met": goal.met}


def _rounded(value: Any) -> Any:
    """Four digits of every figure: more is noise."""
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value
