"""How far a training is: its curves, and in words what was reached and the time left."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from chat_app.training import curves
from chat_app.training.curves import Curves

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
        reached = points(state.log_history)
        curves.write(self.folder, reached)
        if "eval_loss" in state.log_history[-1]:
            curves.draw(self.folder, reached)
        latest = ", ".join(f"{name} loss {curve[-1][1]:.3f}" for name, curve in reached.items() if curve)
        self.say(f"Step {state.global_step:,} of {state.max_steps:,}: {latest}{self._left(state)}")

    def _left(self, state: TrainerState) -> str:
        done = state.global_step - self.first
        if done < 1:
            return ""
        seconds = (time.monotonic() - self.begun) / done * (state.max_steps - state.global_step)
        return f", about {duration(seconds)} left"


def points(history: list[dict[str, float]]) -> Curves:
    return {
        called: [(int(e["step"]), e[name]) for e in history if name in e] for name, called in NAMES.items()
    }


def duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
