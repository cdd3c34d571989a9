"""The command line: the same verbs as the page and the Python API, and nothing clinical of its own.

Everything heavy is imported inside the verb that needs it, so that --help answers at once.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence

from chat_app.cli.arguments import parser
from chat_app.errors import ChatAppError, InputError, ModelError, SetupError

EXIT = {InputError: 2, SetupError: 3, ModelError: 4}
"""What the shell is told, by whose move it is: the user's, the operator's, or to try again."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and gives its exit code; a fault of ours becomes one line on stderr."""
    options = parser().parse_args(arguments)
    verb: Callable[..., int] = options.verb
    try:
        with _quiet():
            return verb(options)
    except ChatAppError as error:
        print(f"lightbox: {error}", file=sys.stderr)
        return next((code for kind, code in EXIT.items() if isinstance(error, kind)), 1)
    except KeyboardInterrupt:
        return 130


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What libraries warn of is for developers: a normal run shows the answer and nothing else."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            if not sys.warnoptions:
                warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
