"""How fast an answer is written, in the page and held in each way: `python -m benchmarks.decode`.

The page is asked from another process, as a browser would; a bare loop over the model's forward is the peer.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from langchain_core.messages import HumanMessage, SystemMessage

from benchmarks import app, gpu, measure, models, peers, talk, visitor
from benchmarks.loop import greedy, rate
from benchmarks.measure import Sheet
from chat_app import prompts
from chat_app.models import fit
from chat_app.models.local import weights
from chat_app.models.local.chat import LocalModel
from chat_app.models.local.engine import Engine
from chat_app.settings import Settings

TOKENS, WARM_TOKENS = 200, 24
LOOP, ENGINE, PAGE = "bare loop", "Lightbox's model alone", "Lightbox's page"
RATE = "One answer of 200 tokens about a picture"
HELD, TAKEN = "Weights held in each way, after a question without a picture", "taken by itself"
SPEED = "tokens a second"
# Those that are slow on a processor write fewer, and fewer still do for a warm-up.
HELD_TOKENS = {"fp32": 32, "bf16": 12, "int8": 8, "nf4": 8}
ABOUT = (
    "Tokens a second while an answer is written: by a greedy loop over the model's forward, by Lightbox's "
    "model, and as seen by somebody at the page; then with the weights held in each way there is."
)


def main() -> None:
    parser = measure.sized(measure.parser(__doc__, "decode"), "medium")
    parser.add_argument("--tokens", type=int, default=TOKENS, help="length of the answers")
    measure.run("decode", parser.parse_args(), measured)


def measured(options: argparse.Namespace) -> Sheet:
    sheet = Sheet(ABOUT)
    with models.place(options.size, options.model) as folder:
        written(sheet, options, folder)
        held(sheet, options, folder)
    return sheet


def written(sheet: Sheet, options: argparse.Namespace, folder: Path) -> None:
    """The same answer by the loop, by the engine and in the page."""
    with ExitStack() as stack:
        model, processor = models.opened(folder)
        engine = Engine(model, processor)
        stack.callback(engine.close)
        place = stack.enter_context(tempfile.TemporaryDirectory())
        film = talk.film(rows=600, columns=500)
        file = app.written(film, Path(place))
        spoken = LocalModel(engine=engine, max_new_tokens=options.tokens)
        address = stack.enter_context(app.opened(talk.product(spoken, options.size)))
        given = asked(processor, film, options.size)
        ways: dict[str, Callable[[int], tuple[float, int]]] = {
            LOOP: lambda count: rate(greedy(model, given, count)),
            ENGINE: lambda _: streamed(spoken, talk.seen(film, options.size)),
            PAGE: lambda _: watched(address, file),
        }
        if options.size in models.LARGE:
            gpu.begin()
        for counts in measure.rounds(options.rounds):
            spoken.max_new_tokens = options.tokens if counts else WARM_TOKENS
            for name, way in ways.items():
                speed, count = way(spoken.max_new_tokens)
                if counts:
                    sheet.add(RATE, name, SPEED, speed)
                    sheet.add(RATE, name, "tokens", count)
        page, loop = (RATE, PAGE, SPEED), (RATE, LOOP, SPEED)
        what = "tokens a second in the page, against a bare loop"
        sheet.compare(6, what, page, loop, 0.95, at_least=True)
        if options.size in models.LARGE:
            gpu.goals(sheet, model, (RATE, ENGINE, SPEED), given["input_ids"].shape[1] + options.tokens)


def asked(processor: Any, film: Any, size: str) -> Any:
    """The question as tensors, in the words and with the view that the page would send."""
    question = {"type": "text", "text": talk.OTHER}
    messages = [
        SystemMessage(prompts.render("answer")),
        HumanMessage([talk.seen(film, size), question]),
    ]
    return peers.inputs(processor, messages)


def streamed(model: LocalModel, picture: dict[str, Any]) -> tuple[float, int]:
    question = {"type": "text", "text": talk.OTHER}
    messages = [SystemMessage(prompts.render("answer")), HumanMessage([picture, question])]
    return rate([time.perf_counter() for chunk in model.stream(messages) if chunk.text])


def watched(address: str, file: Path) -> tuple[float, int]:
    """From the first words that somebody at the page sees to the last."""
    with visitor.visiting(address, file, talk.OTHER) as (_, lines):
        changes = [(float(seconds), int(count)) for seconds, count in map(str.split, lines)]
    changes = [each for each in changes if each[1]]
    if not changes:
        raise RuntimeError("The page showed no answer.")
    (began, first), (ended, last) = changes[0], changes[-1]
    return (last - first) / (ended - began), last


def held(sheet: Sheet, options: argparse.Namespace, folder: Path) -> None:
    """Greedy loops over the weights in each form, and in the one that Lightbox takes by itself."""
    # It says at every layer of every token that int8 takes other numbers.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    card, here = talk.card(options.size), fit.machine()
    taken = weights.read(card, Settings(weights=str(folder)), lambda _: None)
    read = {
        dtype: weights.read(card, Settings(weights=str(folder), dtype=dtype), lambda _: None)
        for dtype in HELD_TOKENS
        if here.bitsandbytes or dtype not in fit.QUANTISED
    }
    given = peers.inputs(taken.processor, [HumanMessage([{"type": "text", "text": talk.OTHER}])])
    ways = {name: (opened.model, HELD_TOKENS[name]) for name, opened in read.items()}
    ways[f"{taken.fit.dtype}, {TAKEN}"] = (taken.model, HELD_TOKENS[taken.fit.dtype])
    for counts in measure.rounds(options.rounds):
        for name, (model, count) in ways.items():
            speed, _ = rate(greedy(model, given, count if counts else 4))
            if counts:
                sheet.add(HELD, name, SPEED, speed)
    best = max(read, key=lambda name: sheet.median((HELD, name, SPEED)))
    ours = (HELD, f"{taken.fit.dtype}, {TAKEN}", SPEED)
    what = f"tokens a second as Lightbox holds it by itself ({taken.fit.dtype}), against the best ({best})"
    sheet.compare(8, what, ours, (HELD, best, SPEED), 0.95, at_least=True)


if __name__ == "__main__":
    main()
