"""The command line: the same verbs as the page and the Python API, and nothing clinical of its own.

Everything heavy is imported inside the verb that needs it, so that --help answers at once.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from chat_app import __version__, settings
from chat_app.errors import ChatAppError, InputError, ModelError, SetupError

if TYPE_CHECKING:
    from chat_app.assistant import Assistant
    from chat_app.records import Answer, Box, Conversation, Image, Report

Kind = TypeVar("Kind")
Verb = Callable[[argparse.Namespace], int]

EXIT = {InputError: 2, SetupError: 3, ModelError: 4}
"""What the shell is told, by whose move it is: the user's, the operator's, or to try again."""

MEGABYTE = 1_000_000

EPILOG = "Not a medical device: it writes drafts that a clinician checks. Nothing leaves this machine."


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and gives its exit code; a fault of ours becomes one line on stderr."""
    options = _parser().parse_args(arguments)
    verb: Verb = options.verb
    try:
        with _quiet():
            return verb(options)
    except ChatAppError as error:
        print(f"lightbox: {error}", file=sys.stderr)
        return next((code for kind, code in EXIT.items() if isinstance(error, kind)), 1)
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lightbox",
        description="Open a medical image, ask about it in turns, leave with a draft report.",
        epilog=EPILOG,
        formatter_class=_wide,
    )
    parser.add_argument("-V", "--version", action="version", version=f"lightbox {__version__}")
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add in (_serve, _ask, _draft, _models, _templates, _train, _evaluate, _doctor):
        add(verbs)
    return parser


def _wide(prog: str) -> argparse.HelpFormatter:
    """The same help on every terminal, so that README can show it."""
    return argparse.HelpFormatter(prog, width=96, max_help_position=28)


def _command(verbs: Any, name: str, verb: Verb, says: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(
        name, help=says, description=says, epilog=EPILOG, formatter_class=_wide
    )
    parser.set_defaults(verb=verb)
    return parser


def _serve(verbs: Any) -> None:
    parser = _command(verbs, "serve", serve, "Open the page in a browser.")
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1, this machine only)")
    parser.add_argument("--port", type=int, help="port to listen on (default: 7860)")
    parser.add_argument("--no-browser", action="store_true", help="only say the address")
    _about_model(parser)


def _ask(verbs: Any) -> None:
    parser = _command(verbs, "ask", ask, "Ask one question about one or more pictures.")
    _about_pictures(parser)
    parser.add_argument("-q", "--question", required=True, metavar="TEXT", help="what to ask")
    parser.add_argument("--json", action="store_true", help="print one JSON object with everything kept")
    _about_model(parser)


def _draft(verbs: Any) -> None:
    parser = _command(verbs, "draft", draft, "Draft a report about one or more pictures.")
    _about_pictures(parser)
    parser.add_argument("--template", required=True, metavar="NAME", help="see: lightbox templates")
    parser.add_argument("--history", metavar="TEXT", help="the clinical history, in your words")
    parser.add_argument("--comparison", metavar="TEXT", help="the earlier studies you compared with")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write a .md or .json file instead")
    _about_model(parser)


def _models(verbs: Any) -> None:
    _command(verbs, "models", models, "List the models that can be chosen.")


def _templates(verbs: Any) -> None:
    _command(verbs, "templates", templates, "List the report templates.")


def _train(verbs: Any) -> None:
    parser = _command(verbs, "train", train, "Train the embedded model from labelled pictures.")
    parser.add_argument("model", choices=["nano"], help="which model")
    _about_data(parser)
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/nano"),
        metavar="DIR",
        help="where it is written, and taken up again (default: runs/nano)",
    )
    parser.add_argument("--seed", type=int, default=0, help="same seed and data, same weights (default: 0)")


def _evaluate(verbs: Any) -> None:
    parser = _command(verbs, "evaluate", evaluate, "Score a model on labelled pictures, and on black ones.")
    parser.add_argument("model", help="which model (see: lightbox models)")
    _about_data(parser)
    parser.add_argument("--split", default="test", help="which split (default: test)")
    parser.add_argument("--task", action="append", default=[], metavar="NAME", help="only this; repeatable")
    parser.add_argument("--limit", type=int, default=100, help="most rows a task; 0 is all (default: 100)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _doctor(verbs: Any) -> None:
    _command(verbs, "doctor", doctor, "Check this installation; exit code 1 when something is broken.")


def _about_pictures(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="picture or DICOM files")
    parser.add_argument("--frame", type=int, metavar="N", help="of a file that holds several, from 1")


def _about_data(parser: argparse.ArgumentParser) -> None:
    says = "labelled pictures: a folder a set, each with records.jsonl"
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help=says)


def _about_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", metavar="NAME", help="which model (see: lightbox models)")


def serve(options: argparse.Namespace) -> int:
    from chat_app.assistant import Assistant
    from chat_app.ui import page

    chosen = settings.load({"host": options.host, "port": options.port, "model": options.model})
    page.serve(Assistant(chosen), chosen, opened=_say_address, open_browser=not options.no_browser)
    return 0


def _say_address(address: str) -> None:
    print(f"Lightbox is open at {address} (Ctrl+C closes it).", flush=True)


def ask(options: argparse.Namespace) -> int:
    from chat_app.exporters import json as form
    from chat_app.records import Answer

    assistant, conversation = _opened(options)
    names = [image.name for image in conversation.study.images]
    answer = _last(assistant.ask(conversation, options.question, images=names), Answer)
    print(_json(form.answer(answer)) if options.json else _readable(answer))
    return 0


def draft(options: argparse.Namespace) -> int:
    from chat_app import prompts
    from chat_app.records import Report

    prompts.template(options.template)  # a wrong name is said before the model is loaded
    write = _exporter(options.output)
    assistant, conversation = _opened(options)
    told = {"history": options.history, "comparison": options.comparison}
    given = {name: text for name, text in told.items() if text is not None}
    report = _last(assistant.draft(conversation, options.template, told=given), Report)
    if options.output:
        _write(options.output, write(report))
    else:
        print(write(report), end="")
    return 0


def models(options: argparse.Namespace) -> int:
    from chat_app.models import cards

    for card in cards.known():
        print(f"{card.name:12} {card.label}")
    return 0


def templates(options: argparse.Namespace) -> int:
    from chat_app import prompts

    for name in prompts.templates():
        print(f"{name:20} {prompts.template(name).title}")
    return 0


def train(options: argparse.Namespace) -> int:
    from chat_app.training import nano

    print(nano.train(options.data, options.out, seed=options.seed))
    return 0


def evaluate(options: argparse.Namespace) -> int:
    from chat_app import evaluation

    result = evaluation.evaluate(
        _loaded(settings.load({"model": options.model, "temperature": 0.0})),
        options.data,
        options.split,
        names=options.task,
        limit=options.limit,
        say=_progress,
    )
    print(_json(evaluation.as_data(result)) if options.json else evaluation.as_text(result))
    return 0


def doctor(options: argparse.Namespace) -> int:
    from chat_app import doctor as checks

    found = checks.examine()
    for check in found:
        print(f"{'ok    ' if check.sound else 'BROKEN'}  {check.name:12}  {check.says}")
    return int(not all(check.sound for check in found))


def _loaded(chosen: settings.Settings) -> Assistant:
    from chat_app.assistant import Assistant

    assistant = Assistant(chosen)
    assistant.load(_progress)
    return assistant


def _opened(options: argparse.Namespace) -> tuple[Assistant, Conversation]:
    """The assistant and a conversation over the files, which are read first because that fails sooner."""
    from chat_app.records import Conversation

    chosen = settings.load({"model": options.model})
    conversation = Conversation()
    for path in options.images:
        conversation = conversation.with_image(_picture(path, conversation.study.next_name, options, chosen))
    return _loaded(chosen), conversation


def _picture(path: Path, name: str, options: argparse.Namespace, chosen: settings.Settings) -> Image:
    """One file; beside other files, --frame is meant for those that hold several frames."""
    from chat_app import imaging

    limits = imaging.Limits(file_bytes=chosen.upload_mb * MEGABYTE)
    alone = len(options.images) == 1 or imaging.frames(path, limits=limits) > 1
    return imaging.read(path, name=name, frame=options.frame if alone else None, limits=limits)


def _last(pieces: Iterable[object], kind: type[Kind]) -> Kind:
    """What the straight line ends with; the pieces before it are for a page that shows them as they come."""
    *_, last = pieces
    if not isinstance(last, kind):
        raise TypeError(f"Expected one {kind.__name__} at the end, not {type(last).__name__}.")
    return last


def _readable(answer: Answer) -> str:
    boxes = [f"[{number}] {_place(box)}" for number, box in enumerate(answer.boxes, 1)]
    cautions = [f"Warning: {warning}" for warning in answer.warnings]
    speaker = ": ".join(filter(None, (answer.model.name, answer.model.label)))
    return "\n".join([answer.text, *boxes, *cautions, f"({speaker})"])


def _json(form: Any) -> str:
    import json

    return json.dumps(form, ensure_ascii=False, indent=2)


def _place(box: Box) -> str:
    x0, y0, x1, y1 = (round(corner) for corner in box.corners)
    return f"{box.label or 'box'} in {box.image}: pixels {x0}, {y0} to {x1}, {y1}"


def _exporter(output: Path | None) -> Callable[[Report], str]:
    """How the report is written: by the file's ending, as Markdown where there is no file."""
    from chat_app import exporters

    known = exporters.known()
    ending = output.suffix.lower() if output else ".md"
    if ending not in known:
        raise InputError(f"The output file must end in {' or '.join(known)}.")
    return known[ending]


def _write(output: Path, text: str) -> None:
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError("The output file cannot be written there: choose another folder.") from error


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


def _progress(words: str) -> None:
    """Says how long work goes on to whoever watches; a pipe or a log is spared."""
    if sys.stderr.isatty():
        print(words, file=sys.stderr)
