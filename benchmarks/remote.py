"""What our client of a model's server adds: `python -m benchmarks.remote`.

The same question over the same line, by the least client there can be and by Lightbox's: to a server that
answers a word each five milliseconds, and to `transformers serve`.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage

from benchmarks import measure, models, pace, servers, talk, wire
from benchmarks.measure import MILLI, Sheet
from chat_app.models import cards
from chat_app.settings import Settings

ASKED, TOKENS = 4, 100
PACED, SERVED = "A server that writes a word each 5 ms", "`transformers serve`"
OURS, RAW = "Lightbox", "raw client"
FIRST, BETWEEN, LAST = "first word, ms", "between two words, ms", "whole answer, ms"
# Of these whichever is more.
MORE_MS, MORE_SHARE = 5.0, 0.05
ABOUT = (
    "Milliseconds that Lightbox's client adds to those of a bare one on the same server, for a question "
    "about a picture and an answer of 100 tokens."
)

Ask = Callable[[], Iterator[Any]]


def main() -> None:
    parser = measure.sized(measure.parser(__doc__, "remote"), "small")
    parser.add_argument("--no-server", action="store_true", help="leave `transformers serve` out")
    measure.run("remote", parser.parse_args(), measured)


def measured(options: argparse.Namespace) -> Sheet:
    sheet = Sheet(ABOUT)
    words = {"type": "text", "text": talk.OTHER}
    messages = [HumanMessage([talk.seen(talk.film(), options.size), words])]
    with ExitStack() as stack:
        lines = {PACED: (stack.enter_context(pace.serving()), pace.NAME)}
        if not options.no_server:
            folder = stack.enter_context(models.place(options.size, options.model))
            lines[SERVED] = (stack.enter_context(servers.transformers_serve(folder)), str(folder))
        ways = {place: asking(*line, messages) for place, line in lines.items()}
        for counts in measure.rounds(options.rounds):
            for (place, way), _ in itertools.product(ways.items(), range(ASKED)):
                for name, ask in way.items():
                    note(sheet if counts else Sheet(""), place, name, ask)
    for place in ways:
        goals(sheet, place)
    return sheet


def asking(url: str, name: str, messages: list[BaseMessage]) -> dict[str, Ask]:
    """Both ways to ask that server; each gives something true for every word."""
    settings = Settings(max_new_tokens=TOKENS)
    model, _ = cards.load(cards.card(f"openai:{name}@{url}"), settings, lambda _: None)
    body = {"model": name, "messages": wire.sent(messages), "max_tokens": TOKENS, "stream": True}
    body |= {"temperature": settings.temperature, "seed": settings.seed}
    return {
        OURS: lambda: (chunk.text for chunk in model.stream(messages, owner="somebody")),
        RAW: lambda: (wire.text(chunk) for chunk in wire.chunks(url, body)),
    }


def note(sheet: Sheet, place: str, name: str, ask: Ask) -> None:
    began = time.perf_counter()
    times = [MILLI * (time.perf_counter() - began) for text in ask() if text]
    sheet.add(place, name, FIRST, times[0])
    sheet.add(place, name, BETWEEN, statistics.fmean(b - a for a, b in itertools.pairwise(times)))
    sheet.add(place, name, LAST, times[-1])


def goals(sheet: Sheet, place: str) -> None:
    """The difference of the medians: 5 ms are allowed, or 5 % where that is more."""
    for column in (FIRST, BETWEEN):
        ours, raw = (sheet.median((place, name, column)) for name in (OURS, RAW))
        what = f"added to {column.removesuffix(', ms')}, {place[0].lower()}{place[1:]}"
        sheet.hold(12, what, ours - raw, max(MORE_MS, MORE_SHARE * raw), "ms")


if __name__ == "__main__":
    main()
