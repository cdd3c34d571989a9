"""How soon Lightbox answers, beside what it cannot be faster than: `python -m benchmarks.start`.

A Python that does nothing, `lightbox --help`, the import of gradio, and the page until it answers its first
request, in turns so that a busy moment falls on all of them alike.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable

from benchmarks import measure
from benchmarks.measure import Sheet
from benchmarks.ports import free_port

STARTING, SECONDS = "Seconds until it is there", "seconds"
PYTHON, HELP, GRADIO, PAGE = "bare Python", "`lightbox --help`", "`import gradio`", "page reachable"
ABOUT = "Seconds until Lightbox's help is written and its page is reachable, beside what it is built on."


def main() -> None:
    measure.run("start", measure.parser(__doc__, "start").parse_args(), measured)


def measured(options: argparse.Namespace) -> Sheet:
    sheet = Sheet(ABOUT)
    ways: dict[str, Callable[[], float]] = {
        PYTHON: lambda: ran("-c", "pass"),
        HELP: lambda: ran("-m", "chat_app", "--help"),
        GRADIO: lambda: ran("-c", "import gradio"),
        PAGE: reached,
    }
    for counts in measure.rounds(options.rounds):
        for name, way in ways.items():
            (sheet if counts else Sheet("")).add(STARTING, name, SECONDS, way())
    seconds = {name: sheet.median((STARTING, name, SECONDS)) for name in ways}
    sheet.hold(17, "page reachable, beyond gradio's own import", seconds[PAGE] - seconds[GRADIO], 1.0, "s")
    sheet.hold(17, "`lightbox --help`", seconds[HELP], 0.3, "s")
    return sheet


def ran(*arguments: str) -> float:
    """Seconds until a Python with these arguments has ended."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def reached() -> float:
    """Seconds until a page that is being started answers its first request."""
    port = free_port()
    command = [sys.executable, "-m", "chat_app", "serve", "--no-browser", "--port", str(port)]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as page:
        while not answers(port):
            if page.poll() is not None:
                raise RuntimeError("The page could not be started.")
            time.sleep(0.02)
        seconds = time.perf_counter() - began
        page.terminate()
    return seconds


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


if __name__ == "__main__":
    main()
