"""Somebody at the page, in a process of their own: `python -m benchmarks.visitor ADDRESS FILE WORDS`.

Opens the file, asks, and prints a line at every change: seconds of the machine's clock, and how many words of
the answer are shown. With --cancel N it takes the question back once N words are shown, prints so, and stays.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from gradio_client import Client, handle_file

LOOKS = 0.004
STAYS = 60.0
CANCELLED = "cancelled"


def main() -> None:
    parser = argparse.ArgumentParser(description="Asks the page a question.")
    parser.add_argument("address")
    parser.add_argument("file", type=Path)
    parser.add_argument("words")
    parser.add_argument("--cancel", type=int, default=0)
    options = parser.parse_args()
    # Plain http on this host: reading the certificates of the world would take seconds.
    client = Client(options.address, verbose=False, analytics_enabled=False, ssl_verify=False)
    client.predict([handle_file(str(options.file))], api_name="/open")
    job = client.submit(options.words, [], api_name="/ask")
    for count in counts(job):
        print(f"{time.monotonic():.4f} {count}", flush=True)
        if 0 < options.cancel <= count:
            print(f"{time.monotonic():.4f} {CANCELLED}", flush=True)
            job.cancel()
            time.sleep(STAYS)


def counts(job: Any) -> Iterator[int]:
    """How many words of the answer each update shows."""
    seen, is_done = 0, False
    while not is_done:
        is_done = job.done()
        updates = job.outputs()
        # Where the conversation did not change there is a note that says so in its place.
        yield from (words(update[0]) for update in updates[seen:] if isinstance(update[0], list))
        seen = len(updates)
        time.sleep(LOOKS)


def words(messages: list[Any]) -> int:
    """Of the model, in the last message: what the answer rests on stands in lines of its own."""
    last = messages[-1] if messages else {"role": "user"}
    if last["role"] != "assistant":
        return 0
    line = last["content"][0]["text"].split("\n")[0]
    return 0 if line == "…" else len(line.split())


@contextmanager
def visiting(address: str, file: Path, question: str, *options: str) -> Iterator[tuple[Any, IO[str]]]:
    """The process and its lines; ended with the block."""
    command = [sys.executable, "-m", "benchmarks.visitor", *options, "--", address, str(file), question]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]
    ) as process:
        assert process.stdout
        try:
            yield process, process.stdout
        finally:
            process.kill()


if __name__ == "__main__":
    main()
