"""The verbs: each takes what was typed, does it through the Python API, prints, and gives the exit code."""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from chat_app import settings
from chat_app.errors import InputError, SetupError

if TYPE_CHECKING:
    from chat_app.assistant import Assistant
    from chat_app.dicomweb import Server
    from chat_app.models.cards import Card, Weights
    from chat_app.models.fit import Machine
    from chat_app.records import Answer, Box, Conversation, Image

Kind = TypeVar("Kind")
Verb = Callable[[argparse.Namespace], int]

MEGABYTE = 1_000_000
LEAST_SECRET = 16  # bytes: what nobody tries one by one


def serve(options: argparse.Namespace) -> int:
    from chat_app.assistant import Assistant
    from chat_app.ui import page

    store = settings.NOWHERE if options.ephemeral else None
    chosen = configured(options, host=options.host, port=options.port, store=store)
    page.serve(Assistant(chosen), chosen, opened=_say_address, open_browser=not options.no_browser)
    return 0


def _say_address(address: str) -> None:
    print(f"Lightbox is open at {address} (Ctrl+C closes it).", flush=True)


def ask(options: argparse.Namespace) -> int:
    from chat_app.exporters import json as form
    from chat_app.records import Answer

    assistant, conversation = opened(options)
    names = [image.name for image in conversation.study.images]
    answer = last(assistant.ask(conversation, options.question, images=names), Answer)
    print(_json(form.answer(answer)) if options.json else _readable(answer))
    return 0


def deidentify(options: argparse.Namespace) -> int:
    from chat_app.imaging import deidentify as cleaning

    key = _secret(options.key)
    unseen = options.unseen_pixels
    summary = cleaning.folder(options.source, options.target, key, unseen_pixels=unseen, say=_progress)
    print(_json(summary.as_data()) if options.json else summary.as_text())
    return 0


def _secret(path: Path | None) -> bytes:
    if path is None:
        return secrets.token_bytes(32)
    try:
        key = path.read_bytes()
    except OSError as error:
        raise InputError("The key file cannot be read: check its path and permissions.") from error
    if len(key) < LEAST_SECRET:
        raise InputError(f"The key file holds fewer than {LEAST_SECRET} bytes: put a long random text there.")
    return key


def pull(options: argparse.Namespace) -> int:
    server = _server(options)
    if options.study is None:
        for found in server.search(options.search):
            print(found.line)
        return 0
    if options.output is None:
        raise InputError("Where to? Name a new folder with -o.")
    from chat_app import imaging

    count = server.pull(options.study, options.output, limits=imaging.Limits(), say=_progress)
    print(f"{count} files were fetched.")
    return 0


def push(options: argparse.Namespace) -> int:
    pushed = _server(options).push(options.files, say=_progress)
    print(pushed.as_text())
    return 0 if not pushed.refused else 2


def _server(options: argparse.Namespace) -> Server:
    from chat_app import dicomweb

    chosen = settings.load({"dicomweb": options.server})
    if not chosen.dicomweb:
        raise SetupError("No DICOMweb server is named: set LIGHTBOX_DICOMWEB or pass --server.")
    server = dicomweb.Server(chosen.dicomweb, user=chosen.dicomweb_user, password=chosen.dicomweb_password)
    if server.warning:
        print(f"lightbox: {server.warning}", file=sys.stderr)
    return server


def models(options: argparse.Namespace) -> int:
    from chat_app.models import cards, fit

    here, chosen = fit.machine(), settings.load()
    known = [cards.chosen(replace(chosen, model=card.name)) for card in cards.known()]
    if options.json:
        print(_json({"machine": asdict(here), "models": [_model_data(card, here) for card in known]}))
        return 0
    for card in known:
        print("\n    ".join(_model_lines(card, here)))
    return 0


def _model_data(card: Card, here: Machine) -> dict[str, Any]:
    from chat_app.models import fit

    return {**asdict(card), "bytes": fit.sizes(card, here), "fit": asdict(fit.choose(card, here))}


def _model_lines(card: Card, here: Machine) -> list[str]:
    from chat_app.models import fit

    found, contract = fit.choose(card, here), card.contract
    sizes = ", ".join(f"{fit.gib(size)} in {dtype}" for dtype, size in fit.sizes(card, here).items())
    verdict = f"yes, in {found.dtype}" if found.fits else "no"
    return [
        f"{card.name:16} {card.label}",
        f"for: {card.about}",
        f"licence: {card.licence}",
        *(_files(card.weights) if card.weights else ["files: come with Lightbox"]),
        f"pictures: {contract.described}, {card.image_tokens} tokens each",
        *([f"weights: {sizes}"] if sizes else []),
        f"context: {contract.context:,} tokens",
        f"fits here: {verdict}, because {found.reason}",
    ]


def _files(weights: Weights) -> list[str]:
    gate = f"; its terms are accepted first, on {weights.gate}" if weights.gate else ""
    return [
        f"files: {weights.repo}, {weights.revision}{gate}",
        f"known from: {'; '.join(weights.sources)}",
    ]


def templates(options: argparse.Namespace) -> int:
    from chat_app import prompts

    for name in prompts.templates():
        print(f"{name:20} {prompts.template(name).title}")
    return 0


def check_template(options: argparse.Namespace) -> int:
    from chat_app import templates
    from chat_app.reports import categories

    try:
        text = options.file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("The template cannot be read: check its path, and that it is UTF-8 text.") from error
    template, faults = templates.read(text, options.file.stem)
    wrong = (*faults, *categories.misfits(template))
    for fault in wrong:
        print(fault)
    if not wrong:
        print(f"Nothing is wrong in {template.title!r}: {len(template.sections)} sections.")
    return 2 if wrong else 0


def train(options: argparse.Namespace) -> int:
    from chat_app.training import nano

    print(nano.train(options.data, options.out, seed=options.seed))
    return 0


def evaluate(options: argparse.Namespace) -> int:
    from chat_app import evaluation

    suite = evaluation.named(options.suite)
    _check(options, suite.TAKES)
    chosen = configured(options, model=options.model or suite.MODEL or None, temperature=0.0)
    held = evaluation.held(chosen)
    agreed = _agreed(options, chosen)  # before its server is so much as greeted
    result = evaluation.evaluate(
        options.suite,
        loaded(chosen),
        options.data,
        options.split,
        names=options.task,
        limit=options.limit,
        trained=options.trained,
        agreed=agreed,
        held=held,
        radeval=options.radeval or "",
        say=_progress,
    )
    if options.radfact:
        write(options.radfact, _json(result.radfact).encode())
    form = evaluation.as_data(result)
    if options.output:
        write(options.output, evaluation.as_file(form).encode())
    print(_json(form) if options.json else evaluation.as_text(result))
    return 0


def _check(options: argparse.Namespace, takes: Sequence[str]) -> None:
    """Refuses what would be told only at the end: an option for another suite, a file without a folder."""
    for name in ("radeval", "radfact"):
        if getattr(options, name) and name not in takes:
            raise InputError(f"The suite {options.suite} takes no --{name}: leave it out.")
    if options.limit < 0:
        raise InputError("The limit is a number of rows: give 1 or more, or 0 for all.")
    for path in filter(None, (options.output, options.radfact)):
        if not path.parent.is_dir():
            raise InputError("The output file cannot be written there: choose another folder.")


def compare(options: argparse.Namespace) -> int:
    from chat_app.evaluation import compare as comparing

    found = comparing.compare(*(_result(path) for path in (options.first, options.second)))
    print(_json(comparing.as_data(found)) if options.json else comparing.as_text(found))
    return 0


def _result(path: Path) -> Any:
    import json

    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError("A result cannot be read: name two files that -o wrote.") from error


def doctor(options: argparse.Namespace) -> int:
    from chat_app import doctor as checks

    found = checks.examine()
    for check in found:
        print(f"{'ok    ' if check.sound else 'BROKEN'}  {check.name:14}  {check.says}")
    return int(not all(check.sound for check in found))


def merge(options: argparse.Namespace) -> int:
    from chat_app.models import cards
    from chat_app.models.local import export as exporting

    chosen = configured(options)
    print(exporting.export(cards.chosen(chosen), chosen, options.output, _progress))
    return 0


def configured(options: argparse.Namespace, **others: Any) -> settings.Settings:
    """What the command was called with, over the environment."""
    typed = ("model", "weights", "dtype", "adapter", "corpora")
    return settings.load({**{name: getattr(options, name, None) for name in typed}, **others})


def _agreed(options: argparse.Namespace, chosen: settings.Settings) -> tuple[str, ...]:
    """The machine that may be sent to: that of the model, when the person agreed."""
    from chat_app.models import cards, remote

    host = cards.card(chosen.model).host
    if host and not options.agree:
        raise InputError(
            f"This model answers on {host}, and pictures and questions would be sent there: pass --agree."
        )
    if warning := remote.warning(chosen.model) if host else "":
        print(f"lightbox: {warning}", file=sys.stderr)
    return (host,) if host else ()


def loaded(chosen: settings.Settings) -> Assistant:
    from chat_app.assistant import Assistant

    assistant = Assistant(chosen)
    assistant.load(_progress)
    return assistant


def opened(options: argparse.Namespace) -> tuple[Assistant, Conversation]:
    """The assistant and a conversation over the files, which are read first because that fails sooner."""
    from chat_app import imaging
    from chat_app.models import cards
    from chat_app.records import Conversation

    chosen = configured(options)
    slices = cards.card(chosen.model).contract.slices
    limits = imaging.Limits(file_bytes=chosen.upload_mb * MEGABYTE)
    opened = imaging.study(options.images, limits=limits)
    for sentence in opened.refused:
        print(f"lightbox: {sentence}", file=sys.stderr)
    conversation = Conversation(agreed=_agreed(options, chosen))
    for image in opened.images:
        conversation = conversation.with_image(_cleared(image, options, slices))
    return loaded(chosen), conversation


def _cleared(image: Image, options: argparse.Namespace, slices: int) -> Image:
    """The picture at the frame that was chosen, cleared to be asked about when its owner has looked."""
    from chat_app import imaging
    from chat_app.errors import FrameNeeded

    if image.frames > 1 and options.frame is None and slices == 1:
        raise FrameNeeded(image.frames)
    seen = imaging.checked(image)
    shown = seen.at(options.frame) if image.frames > 1 and options.frame is not None else seen
    if shown.caution and not options.looked:
        raise InputError(f"{shown.caution} Then pass --looked.")
    return replace(shown, caution="")


def last(pieces: Iterable[object], kind: type[Kind]) -> Kind:
    """What the straight line ends with; the pieces before it are for a page that shows them as they come."""
    *_, last = pieces
    if not isinstance(last, kind):
        raise TypeError(f"Expected one {kind.__name__} at the end, not {type(last).__name__}.")
    return last


def _readable(answer: Answer) -> str:
    boxes = [f"[{number}] {_place(box)}" for number, box in enumerate(answer.boxes, 1)]
    cautions = [f"Warning: {warning}" for warning in answer.warnings]
    speaker = ": ".join(filter(None, (answer.model.speaker, answer.model.label)))
    passages = [f"\n[P{number}] {each.place}\n{each.text}" for number, each in enumerate(answer.passages, 1)]
    return "\n".join([answer.text, *boxes, *cautions, f"({speaker})", *passages])


def _json(form: Any) -> str:
    import json

    return json.dumps(form, ensure_ascii=False, indent=2)


def _place(box: Box) -> str:
    x0, y0, x1, y1 = (round(corner) for corner in box.corners)
    return f"{box.label or 'box'} in {box.image}: pixels {x0}, {y0} to {x1}, {y1}"


def write(output: Path, written: bytes) -> None:
    try:
        output.write_bytes(written)
    except OSError as error:
        raise InputError("The output file cannot be written there: choose another folder.") from error


def _progress(words: str) -> None:
    """Says how long work goes on to whoever watches; a pipe or a log is spared."""
    if sys.stderr.isatty():
        print(words, file=sys.stderr)
