"""The curves of a training while it runs: as JSON and, where matplotlib is installed, as a picture."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

JSON, PNG = "curves.json", "curves.png"

Curves = dict[str, list[tuple[int, float]]]
"""Step and loss of each point, by what the curve is called."""


def read(folder: Path) -> Curves:
    """What was written there; none where nothing was."""
    if not (folder / JSON).is_file():
        return {}
    written = json.loads((folder / JSON).read_text("utf-8"))
    return {name: [(step, loss) for step, loss in curve] for name, curve in written.items()}


def write(folder: Path, curves: Curves) -> None:
    _put(folder / JSON, lambda path: path.write_text(json.dumps(curves, indent=1), "utf-8"))


def draw(folder: Path, curves: Curves) -> None:
    """Takes as long as many a step: only for when there is a validation to show."""
    if find_spec("matplotlib"):
        _put(folder / PNG, lambda path: _draw(curves, path))


def _draw(curves: Curves, path: Path) -> None:
    # Not pyplot, which looks for a screen.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot(xlabel="step", ylabel="loss")
    for name, curve in curves.items():
        axes.plot(*zip(*curve, strict=True) if curve else ((), ()), label=name)
    axes.legend()
    figure.savefig(path, format="png", dpi=120)


def _put(path: Path, write: Callable[[Path], object]) -> None:
    """Whole or not at all, for somebody may be looking."""
    draft = path.with_name(f".{path.name}")
    write(draft)
    draft.replace(path)
