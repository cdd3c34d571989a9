"""What the page says when something cannot be done. The conversation is never touched from here."""

from __future__ import annotations

import html
import logging
import traceback
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import gradio as gr

from chat_app.errors import ChatAppError

LOG = logging.getLogger(__name__)

FAULT = "Something went wrong here (reference {}). Nothing was lost: please try again."

Given = TypeVar("Given")


@contextmanager
def told() -> Iterator[None]:
    """Runs a handler's body; a fault becomes a sentence on the page.

    An expected fault says its own sentence. Any other says a fixed one with a reference, under which its kind
    and place are logged: never its text, which may hold what a user typed or a file states.
    """
    try:
        yield
    except ChatAppError as error:
        say(str(error))
    except Exception as error:
        say(FAULT.format(_noted(error)))


def attempted(call: Callable[[], Given]) -> Given | None:
    """What the call gives, or None after a fault, where nobody reads sentences: a request of the viewer."""
    try:
        return call()
    except ChatAppError:
        return None
    except Exception as error:
        _noted(error)
        return None


class Blocks(gr.Blocks):
    """A page whose events say no more of a fault of ours than `told` does.

    gradio would print it to the log whole, with what a user typed or a file states.
    """

    async def process_api(self, *given: Any, **named: Any) -> Any:
        try:
            return await super().process_api(*given, **named)
        except gr.Error:
            raise
        except Exception as error:
            sentence = FAULT.format(_noted(error))
        raise gr.Error(sentence, title="Please note", print_exception=False)


def say(sentence: str) -> None:
    """A warning at the edge of the page, which gradio would render as HTML."""
    gr.Warning(html.escape(sentence), title="Please note")


def _noted(error: BaseException) -> str:
    """Logs the kind and the place of a fault of ours; the reference under which it stands there."""
    reference = uuid.uuid4().hex[:8]
    LOG.error("%s: %s at %s", reference, type(error).__name__, _place(error))
    return reference


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))
