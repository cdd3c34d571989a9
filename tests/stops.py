"""Ends a training of nano right after a checkpoint, as a kill would."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat_app.training.nano import checkpoint


def after(patch: pytest.MonkeyPatch, module: str, step: int) -> None:
    """The training is interrupted when that module of it has kept that step."""

    def save_and_die(path: Path, *rest: object) -> None:
        checkpoint.save(path, *rest)  # type: ignore[arg-type]
        if rest[-1] == step:
            raise KeyboardInterrupt

    patch.setattr(f"chat_app.training.nano.{module}.save", save_and_die)
