"""A server of answers at a fixed pace, in a process of its own: `python -m benchmarks.pace PORT`.

Every question is answered by as many words as it asks for, one each five milliseconds.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks.ports import free_port

EVERY = 0.005
NAME = "pace"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Small writes go out at once.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        listed = {"object": "list", "data": [{"id": NAME, "object": "model", "owned_by": "benchmarks"}]}
        body = json.dumps(listed).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        began = time.perf_counter()
        for number in range(1, asked["max_tokens"] + 1):
            # By the clock, so that what writing takes is no part of the pace.
            time.sleep(max(0.0, began + number * EVERY - time.perf_counter()))
            self.chunk({"content": f" word{number}"})
        self.chunk({}, "length")
        self.part("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def chunk(self, delta: dict[str, str], reason: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        envelope = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": NAME}
        self.part(json.dumps({**envelope, "choices": [choice]}))

    def part(self, data: str) -> None:
        line = f"data: {data}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving() -> Iterator[str]:
    """The address of one that runs."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.pace", str(port)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[1]) as process:
        address = f"http://127.0.0.1:{port}/v1"
        try:
            while process.poll() is None and not answers(address):
                time.sleep(0.05)
            yield address
        finally:
            process.kill()


def answers(address: str) -> bool:
    with suppress(OSError):
        urllib.request.urlopen(f"{address}/models", timeout=5).close()
        return True
    return False


def main() -> None:
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()


if __name__ == "__main__":
    main()
