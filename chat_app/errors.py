"""Every fault Lightbox raises on purpose.

ChatAppError            one sentence a reader can act on; never a path, never an identifier
├── InputError          the user can mend it
│   ├── UnreadableFile  the file is not, or no longer, a picture we can open
│   ├── TooLarge        a limit was passed before anything was decoded
│   ├── FrameNeeded     the file holds several pictures and none was chosen
│   └── BadQuestion     the text is empty or too long
├── SetupError          the operator can mend it
└── ModelError          try again, or with something smaller

The page and the command line catch ChatAppError and show its sentence; anything else is a fault of ours.
"""

from __future__ import annotations


class ChatAppError(Exception):
    """The root: `str()` is one sentence that names the fault and the remedy."""


class InputError(ChatAppError):
    """Something the user gave cannot be used as it is."""


class UnreadableFile(InputError):
    """The file is empty, damaged, or of a kind that holds no picture."""


class TooLarge(InputError):
    """A limit on bytes, pixels, frames or characters was passed."""


class FrameNeeded(InputError):
    """The file holds several frames: one has to be chosen, the first is never assumed."""

    def __init__(self, frames: int) -> None:
        self.frames = frames
        super().__init__(f"This file holds {frames} frames: choose one, from 1 to {frames}.")


class BadQuestion(InputError):
    """The question is empty or too long."""


class SetupError(ChatAppError):
    """The installation, the settings or the model files are not as they must be."""


class ModelError(ChatAppError):
    """The model could not answer this time."""
