"""Small models behind real engines, pictures as content blocks, and the cold path to hold answers against."""

from __future__ import annotations

import base64
import io
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import tiny
import torch
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from PIL import Image as Pillow

from chat_app.models import cards
from chat_app.models.local import weights
from chat_app.models.local.adapters import Adapters
from chat_app.models.local.decode import Row
from chat_app.models.local.engine import Engine
from chat_app.models.local.prompt import ROLES, picture_of
from chat_app.models.local.queue import Job
from chat_app.settings import Settings

# One of each architecture; the other cards name one of these too.
KINDS = ("llava-15-7b", "llava-med-7b", "medgemma-4b", "qwen3-vl-8b", "lingshu-7b", "smolvlm-2b")


@cache
def folder(name: str) -> Path:
    """The card's small twin on disk, gone when the tests end."""
    place = tempfile.TemporaryDirectory(prefix="lightbox-tiny-")
    _KEPT.append(place)
    return tiny.save(name, Path(place.name))


_KEPT: list[tempfile.TemporaryDirectory[str]] = []


def opened(name: str) -> weights.Opened:
    """The twin as Lightbox reads it; a new one at each call, for adapters change a model's layers."""
    return weights.read(cards.card(name), Settings(weights=str(folder(name)), dtype="fp32"), lambda _: None)


def engine(name: str, adapters: Any = None, **options: Any) -> Engine:
    """An engine that reads in small pieces, so that even short prompts take several."""
    read = opened(name)
    beside = Adapters(read.model, adapters or (), name, read.sha256)
    return Engine(read.model, read.processor, beside, **{"chunk": 16, **options})


def picture(seed: int, side: int = 112) -> dict[str, str]:
    """A picture of coloured noise as a content block."""
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Pillow.fromarray(pixels).save(stream, format="PNG")
    return {
        "type": "image",
        "base64": base64.b64encode(stream.getvalue()).decode(),
        "mime_type": "image/png",
    }


def asked(text: str, *pictures: dict[str, str]) -> HumanMessage:
    return HumanMessage([*pictures, {"type": "text", "text": text}])


def begun(text: str = "What kind of picture is this?", seed: int = 1) -> list[BaseMessage]:
    return [SystemMessage("You are a careful assistant."), asked(text, picture(seed))]


def job(
    engine: Engine,
    messages: list[BaseMessage],
    owner: str = "",
    adapter: str = "",
    most: int = 12,
    **row: Any,
) -> Job:
    made = Job(Row(engine.reader.read(messages, owner), **row), owner, adapter, most)
    engine.submit(made)
    return made


def done(job: Job) -> str:
    """Waits for the end of the answer and gives its text; raises what went wrong."""
    text = ""
    while (said := job.said.get(timeout=60)) is not None:
        if isinstance(said, Exception):
            raise said
        text += said
    return text


def answered(messages: list[BaseMessage], job: Job, question: HumanMessage) -> list[BaseMessage]:
    """The conversation with this answer and the next question."""
    return [*messages, AIMessage(done(job)), question]


def inputs(engine: Engine, messages: list[BaseMessage]) -> Any:
    """What the processor itself makes of the messages."""
    turns = [
        {
            "role": ROLES[message.type],
            "content": [
                {"type": "image"} if block["type"] == "image" else {"type": "text", "text": block["text"]}
                for block in message.content_blocks
            ],
        }
        for message in messages
    ]
    pictures = [picture_of(b) for m in messages for b in m.content_blocks if b["type"] == "image"]
    processor = engine.reader.processor
    text = processor.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    first = processor.tokenizer.bos_token
    begun = bool(first) and text.startswith(first)
    return processor(text=text, images=pictures or None, return_tensors="pt", add_special_tokens=not begun)


def cold(engine: Engine, messages: list[BaseMessage], most: int = 12) -> list[int]:
    """What transformers' own generate writes when it reads everything anew, on the engine's thread."""
    given = inputs(engine, messages)

    def generate() -> list[int]:
        with torch.inference_mode():
            written = engine.model.generate(**given, do_sample=False, max_new_tokens=most)
        return list(written[0, given["input_ids"].shape[1] :].tolist())

    return engine.call(generate)
