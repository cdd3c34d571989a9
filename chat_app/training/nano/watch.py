"""The curves of one stage: the loss at each step, and now and then that on pictures kept apart."""

from __future__ import annotations

from pathlib import Path

from chat_app.training import curves
from chat_app.training.nano.pictures import Album


class Watch:
    """Writes the curves of `stage` into `folder`, beside those of the stages before.

    held_out: pictures that are not trained on.
    """

    def __init__(self, folder: Path, stage: str, held_out: Album) -> None:
        self.folder, self.held_out = folder, held_out
        self.training, self.validation = f"{stage}, training", f"{stage}, validation"
        self.curves = curves.read(folder)
        for name in (self.training, self.validation):
            self.curves.setdefault(name, [])

    def learnt(self, step: int, loss: float) -> None:
        """A step was trained; what was written from there on is forgotten, for it comes again."""
        for name in (self.training, self.validation):
            self.curves[name] = [point for point in self.curves[name] if point[0] < step]
        self.curves[self.training].append((step, loss))
        curves.write(self.folder, self.curves)

    def validated(self, step: int, loss: float) -> None:
        self.curves[self.validation].append((step, loss))
        curves.write(self.folder, self.curves)
        curves.draw(self.folder, self.curves)
