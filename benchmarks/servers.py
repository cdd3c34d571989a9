"""Servers of models as peers, each a process of its own on the loopback: `transformers serve`, and vLLM."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from benchmarks.ports import free_port
from chat_app.models.cards import Card
from chat_app.models.local import export
from chat_app.settings import Settings

TESTS = Path(__file__).parents[1] / "tests"
QUIET = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}
FOR_VLLM = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_NO_USAGE_STATS": "1",
}
PATIENCE = 400.0


@contextmanager
def transformers_serve(model: Path) -> Iterator[str]:
    """The address of `transformers serve` on that model, which it answers to by its folder's name."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    port = free_port()
    program = "from transformers.cli.transformers import main; main()"
    command = [sys.executable, "-c", program, "serve", str(model), "--device", device]
    with _running([*command, "--host", "127.0.0.1", "--port", str(port)], {}, port):
        yield f"http://127.0.0.1:{port}/v1"


@contextmanager
def vllm(python: Path, card: Card, model: Path) -> Iterator[str]:
    """The address of vLLM on that model, which it answers to by its folder's name; `python` has vLLM."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="lightbox-vllm-") as folder:
        written = Path(folder) / "written"
        export.export(card, Settings(weights=str(model), dtype="fp32"), written, lambda _: None)
        path = {"PYTHONPATH": str(_tests()._mended(Path(folder) / "mended"))}
        command = [str(python), "-m", "vllm.entrypoints.openai.api_server", "--model", str(written)]
        command += ["--served-model-name", str(model), "--host", "127.0.0.1", "--port", str(port)]
        command += ["--dtype", "float32", "--enforce-eager", "--max-model-len", "2048", "--max-num-seqs", "4"]
        with _running([*command, "--enable-prompt-tokens-details"], FOR_VLLM | path, port):
            yield f"http://127.0.0.1:{port}/v1"


def _tests() -> Any:
    """What the tests know of servers: how vllm-cpu is made to run."""
    if str(TESTS) not in sys.path:
        sys.path.append(str(TESTS))
    return import_module("servers")


@contextmanager
def _running(command: Sequence[str], settings: Mapping[str, str], port: int) -> Iterator[None]:
    """The command as a group of processes that ends with the block, on as many threads as we have."""
    threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command,
            env=os.environ | QUIET | threads | settings,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            _wait(f"http://127.0.0.1:{port}/health", process)
            yield
        except RuntimeError:
            log.seek(0)
            sys.stderr.write(log.read().decode(errors="replace")[-3000:])
            raise
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("The server did not start; the end of what it said stands above.")
