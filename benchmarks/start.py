"""How soon Lightbox answers, beside what it cannot be faster than: `python benchmarks/start.py`.

Each figure is the median of several runs, taken in turns so that a busy moment falls on all of them alike.
Prints one JSON object, in seconds.
"""

from __future__ import annotations

import json
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request

RUNS = 5


def ran(*arguments: str) -> float:
    """Seconds until a Python with these arguments has ended."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def reached() -> float:
    """Seconds until a page that is being started answers its first request."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "chat_app", "serve", "--no-browser", "--port", str(port)]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as page:
        while not answers(port):
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


def main() -> None:
    rounds = [
        {
            "python": ran("-c", "pass"),
            "help": ran("-m", "chat_app", "--help"),
            "import gradio": ran("-c", "import gradio"),
            "page": reached(),
        }
        for _ in range(RUNS)
    ]
    seconds = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
    print(json.dumps({name: round(value, 3) for name, value in seconds.items()} | {"runs": RUNS}))


if __name__ == "__main__":
    main()
