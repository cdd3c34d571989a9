"""Loads the model once, beside the open page, and says how far it is."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from chat_app.errors import ChatAppError, ModelError

LOG = logging.getLogger(__name__)

Progress = Callable[[str], None]


class Loading:
    """One process's loading of its model; it holds nothing of any user.

    words: where it stands, in a sentence; empty once the model is ready.
    """

    def __init__(self, load: Callable[[Progress], object]) -> None:
        self.words = "The model is being loaded."
        self._load = load
        self._fault: ChatAppError | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="model loading", daemon=True)
        self._once = threading.Lock()

    def start(self) -> None:
        """Begins, the first time it is called; later calls change nothing."""
        with self._once:
            if self._thread.ident is None:
                self._thread.start()

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    def wait(self, seconds: float) -> bool:
        """Whether the model is ready, after waiting so long for it at most.

        Raises:
            ChatAppError: it could not be loaded.
        """
        ended = self._ended.wait(seconds)
        if ended and self._fault:
            raise self._fault
        return ended

    def _run(self) -> None:
        self._fault = ModelError("The model could not be loaded: `lightbox doctor` says what is missing.")
        try:
            self._load(self._say)
        except ChatAppError as error:
            self._fault = error
            LOG.error("%s", error)
        else:
            self._fault = None
        finally:
            self.words = str(self._fault or "")
            self._ended.set()

    def _say(self, words: str) -> None:
        self.words = words
