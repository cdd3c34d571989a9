"""Several people at one model, and how soon a place is free again: `python -m benchmarks.users`.

Each of them asks twice about a picture of their own. One of them alone, and all at once, with four places and
with one, beside `transformers serve`. Then answers are left in the middle: by whoever called the model, by a
client of the page that takes the question back, and by one that is gone.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from langchain_core.messages import HumanMessage, SystemMessage

from benchmarks import app, measure, models, peers, servers, talk, visitor
from benchmarks.measure import MILLI, Sheet
from chat_app import prompts
from chat_app.models.local.chat import LocalModel
from chat_app.models.local.engine import SLOTS, Engine

USERS, TURNS, TOKENS, LEAVES = 4, 2, 64, 20
ALONE, TOGETHER, ONE_PLACE = "Lightbox, one user", "Lightbox, four users", "Lightbox, four users, one place"
SERVED, SERVED_TOGETHER = "`transformers serve`, one user", "`transformers serve`, four users"
SPEED, WAIT, TURN = "tokens a second in all", "longest wait for a first word, s", "one turn, s"
ASKING = "Two questions each, 64 tokens an answer"
LEAVING = "From leaving an answer to its place being free, ms"
WRITTEN, BESIDE = "the stream is closed", "the stream is closed while 1,100 tokens are read beside it"
TAKEN_BACK, GONE = "a client of the page takes it back", "a client of the page is gone"
PATIENCE = 60.0
FREE_MS = 200.0
# Longer than anybody waits for a place; what the context holds beside the question.
ENDLESS = 3000
ABOUT = (
    "Tokens a second of all answers together, and the longest wait for a first word, when four people ask at "
    "once; and how long an answer that nobody waits for holds its place."
)

Way = Callable[[], tuple[float, Sequence[talk.Asked]]]


def main() -> None:
    parser = measure.sized(measure.parser(__doc__, "users"), "small")
    parser.add_argument("--leaves", type=int, default=LEAVES, help="how many answers are left in the middle")
    parser.add_argument("--no-server", action="store_true", help="leave `transformers serve` out")
    measure.run("users", parser.parse_args(), measured)


def measured(options: argparse.Namespace) -> Sheet:
    sheet = Sheet(ABOUT)
    with ExitStack() as stack:
        folder = stack.enter_context(models.place(options.size, options.model))
        model, processor = models.opened(folder)
        engine = Engine(model, processor)
        stack.callback(engine.close)
        ways = asking(engine, options.size)
        if not options.no_server:
            url = stack.enter_context(servers.transformers_serve(folder))
            ways |= serving(url, str(folder), options.size)
        for counts in measure.rounds(options.rounds):
            for name, way in ways.items():
                note(sheet if counts else Sheet(""), name, *way())
        leaving(sheet, engine, options)
        page_left(sheet, engine, options)
    goals(sheet, options.size in models.LARGE)
    return sheet


def pictures(size: str) -> list[dict[str, Any]]:
    return [talk.seen(talk.film(seed), size) for seed in range(USERS)]


def asking(engine: Engine, size: str) -> dict[str, Way]:
    """The ways with our engine; a place is where an answer is written beside others."""
    model = LocalModel(engine=engine, max_new_tokens=TOKENS)
    users = [peers.Streamed(picture, model=model) for picture in pictures(size)]

    def at_once(people: Sequence[Any], places: int) -> tuple[float, Sequence[talk.Asked]]:
        engine.slots = places
        return together(people)

    return {
        ALONE: lambda: at_once(users[:1], SLOTS),
        TOGETHER: lambda: at_once(users, SLOTS),
        ONE_PLACE: lambda: at_once(users, 1),
    }


def serving(url: str, name: str, size: str) -> dict[str, Way]:
    users = [peers.Served(picture, url=url, name=name, tokens=TOKENS) for picture in pictures(size)]
    return {SERVED: lambda: together(users[:1]), SERVED_TOGETHER: lambda: together(users)}


def together(users: Sequence[talk.Talker]) -> tuple[float, Sequence[talk.Asked]]:
    """Everybody's conversation at once: seconds until the last is done, and what came of each question."""
    asked: list[talk.Asked] = []

    def converse(user: talk.Talker) -> None:
        user.begin()
        asked.extend(user.ask(question) for question in talk.QUESTIONS[:TURNS])

    threads = [threading.Thread(target=converse, args=[user]) for user in users]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began, asked


def note(sheet: Sheet, name: str, seconds: float, asked: Sequence[talk.Asked]) -> None:
    sheet.add(ASKING, name, SPEED, sum(len(each.text.split()) for each in asked) / seconds)
    sheet.add(ASKING, name, WAIT, max(each.first for each in asked))
    sheet.add(ASKING, name, TURN, seconds / TURNS)


def leaving(sheet: Sheet, engine: Engine, options: argparse.Namespace) -> None:
    """Streams closed in the middle, alone and while somebody else's long prompt is read."""
    engine.slots = SLOTS
    first, second = pictures(options.size)[:2]
    long = " ".join(talk.QUESTIONS[:6])
    dice = random.Random(0)
    for number in range(options.leaves):
        stream = begun(engine, first, talk.OTHER, "leaver")
        sheet.add(LEAVING, WRITTEN, "ms", MILLI * left(engine, stream))
        stream = begun(engine, first, talk.OTHER, "leaver")
        reader = threading.Thread(target=begun, args=[engine, second, long, f"reader {number}"])
        reader.start()
        until(lambda: engine.busy == 2)
        # At any moment of the reading.
        time.sleep(dice.uniform(0, 0.2))
        sheet.add(LEAVING, BESIDE, "ms", MILLI * left(engine, stream, to=1))
        reader.join()
        engine.forget(f"reader {number}")
        until(lambda: engine.busy == 0)


def begun(engine: Engine, picture: dict[str, Any], question: str, owner: str) -> Any:
    """An answer of which the first word has come."""
    words = {"type": "text", "text": question}
    messages = [SystemMessage(prompts.render("answer")), HumanMessage([picture, words])]
    stream = LocalModel(engine=engine, max_new_tokens=ENDLESS).stream(messages, owner=owner)
    next(chunk for chunk in stream if chunk.text)
    return stream


def left(engine: Engine, stream: Any, to: int = 0) -> float:
    """Seconds from closing the stream until no more than `to` answers are under way."""
    began = time.perf_counter()
    stream.close()
    until(lambda: engine.busy <= to)
    return time.perf_counter() - began


def page_left(sheet: Sheet, engine: Engine, options: argparse.Namespace) -> None:
    """Answers left on the page, by a client that says so and by one whose process ends."""
    spoken = LocalModel(engine=engine, max_new_tokens=ENDLESS)
    with tempfile.TemporaryDirectory() as folder, app.opened(talk.product(spoken, options.size)) as address:
        file = app.written(talk.film(rows=600, columns=500), Path(folder))
        for _ in range(options.rounds):
            sheet.add(LEAVING, TAKEN_BACK, "ms", MILLI * taken_back(engine, address, file))
            sheet.add(LEAVING, GONE, "ms", MILLI * gone(engine, address, file))


def taken_back(engine: Engine, address: str, file: Path) -> float:
    """Seconds from a client's taking the question back; the client goes on looking at the page."""
    with visitor.visiting(address, file, talk.OTHER, "--cancel", "3") as (_, lines):
        began = next(float(line.split()[0]) for line in lines if visitor.CANCELLED in line)
        until(lambda: engine.busy == 0)
        return time.monotonic() - began


def gone(engine: Engine, address: str, file: Path) -> float:
    """Seconds from the end of a client's process, as when a tab is closed."""
    with visitor.visiting(address, file, talk.OTHER) as (process, lines):
        next(line for line in lines if int(line.split()[1]) >= 3)
        process.kill()
        began = time.monotonic()
        until(lambda: engine.busy == 0)
        return time.monotonic() - began


def goals(sheet: Sheet, is_large: bool) -> None:
    together, speed = (ASKING, TOGETHER, SPEED), 2.5 if is_large else 1.0
    sheet.compare(
        11, "four users' tokens a second, against one user's", together, (ASKING, ALONE, SPEED), speed,
        at_least=True,
    )  # fmt: skip
    if SERVED in sheet.figures[ASKING]:
        what = "four users' tokens a second, against four users of `transformers serve`"
        sheet.compare(11, what, together, (ASKING, SERVED_TOGETHER, SPEED), 1.0, at_least=True)
    wait, turn = (ASKING, TOGETHER, WAIT), (ASKING, ALONE, TURN)
    sheet.compare(11, "longest wait of four users for a first word, in turns of one user", wait, turn, 2.0)
    for row in sheet.figures[LEAVING]:
        worst = max(sheet.raw((LEAVING, row, "ms")))
        sheet.hold(11, f"a place free after {row}, worst", worst, FREE_MS, "ms")


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        if time.monotonic() > deadline:
            raise RuntimeError("The engine did not come to rest.")
        time.sleep(0.0005)


if __name__ == "__main__":
    main()
