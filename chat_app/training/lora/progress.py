"""How far a training is: the curves as JSON and, where matplotlib is installed, as a picture; time left."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

JSON, PNG = "curves.json", "curves.png"
NAMES = {"loss": "training", "eval_loss": "validation"}


class Progress(TrainerCallback):
    """Draws and says at every report of the Trainer what has been reached so far."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self.folder, self.say = folder, say
        self.begun, self.first = time.monotonic(), 0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self.begun, self.first = time.monotonic(), state.global_step

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        # The Trainer's last word is of seconds and samples.
        if not state.is_world_process_zero or not {*NAMES} & {*state.log_history[-1]}:
            return
        curves = points(state.log_history)
        _put(self.folder / JSON, lambda path: path.write_text(json.dumps(curves, indent=1), "utf-8"))
        # Drawing takes as long as many a step: only when there is a validation to show.
        if "eval_loss" in state.log_history[-1] and find_spec("matplotlib"):
            _put(self.folder / PNG, lambda path: draw(curves, path))
        latest = ", ".join(f"{NAMES[name]} loss {line[-1][1]:.3f}" for name, line in curves.items() if line)
        self.say(f"Step {state.global_step:,} of {state.max_steps:,}: {latest}{self._left(state)}")

    def _left(self, state: TrainerState) -> str:
        done = state.global_step - self.first
        if done < 1:
            return ""
        seconds = (time.monotonic() - self.begun) / done * (state.max_steps - state.global_step)
        return f", about {duration(seconds)} left"


def points(history: list[dict[str, float]]) -> dict[str, list[tuple[int, float]]]:
    """Step and value of each curve."""
    return {name: [(int(e["step"]), e[name]) for e in history if name in e] for name in NAMES}


def draw(curves: dict[str, list[tuple[int, float]]], path: Path) -> None:
    # Not pyplot, which looks for a screen.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot(xlabel="step", ylabel="loss")
    for name, line in curves.items():
        axes.plot(*zip(*line, strict=True) if line else ((), ()), label=NAMES[name])
    axes.legend()
    figure.savefig(path, format="png", dpi=120)


def duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _put(path: Path, write: Callable[[Path], object]) -> None:
    """Whole or not at all, for somebody may be looking."""
    draft = path.with_name(f".{path.name}")
    write(draft)
    draft.replace(path)
