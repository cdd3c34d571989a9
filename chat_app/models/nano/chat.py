"""Nano as a chat model: the gate looks first, the question is understood, then the language model speaks."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGenerationChunk
from safetensors import SafetensorError
from transformers import AutoProcessor, LlavaForConditionalGeneration
from transformers.utils.logging import disable_progress_bar

from chat_app.errors import SetupError
from chat_app.models.local import loading
from chat_app.models.local.chat import LocalModel
from chat_app.models.local.prompt import picture_of
from chat_app.models.nano.gate import Gate
from chat_app.models.nano.questions import understand
from chat_app.settings import Settings

WEIGHTS = Path(str(resources.files(__package__))) / "weights"
# Dialogues of at most this many turns were taught.
TURNS = 4
LOST = (
    "I did not understand the question. You can ask me what kind of picture this is, whether a chest film is "
    "normal and which view it is, what kind of brain tumour or breast lesion it is, which blood cells there "
    "are, and where something is."
)
NO_PICTURE = "There is no picture to look at: open one first."


class Nano(LocalModel):
    """What it says of its own accord comes from the model; a refusal is fixed wording and marked as such."""

    gate: Gate

    @property
    def _llm_type(self) -> str:
        return "lightbox-nano"

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        picture = next(
            (b for m in reversed(messages) for b in m.content_blocks if b["type"] == "image"), None
        )
        if picture is None:
            yield _fixed(NO_PICTURE)
            return
        stated = picture.get("extras", {})
        passage = self.gate.decide(
            self.engine.call(lambda: self._look(picture)),
            stated.get("modality", ""),
            stated.get("body_part", ""),
        )
        asked = understand(_words(messages[-1]), passage.kind)
        if passage.refusal or asked is None:
            yield _fixed(passage.refusal or LOST)
            return
        before = _understood(messages[:-1], passage.kind)
        yield from super()._stream(
            _with_picture([*before, HumanMessage(asked.say)], picture), stop, run_manager, **kwargs
        )

    @torch.inference_mode()
    def _look(self, picture: Any) -> Any:
        prepare = self.engine.reader.processor.image_processor
        pixels = prepare(picture_of(picture), return_tensors="pt").pixel_values
        return self.engine.model.model.vision_tower.look(pixels)


def _fixed(text: str) -> ChatGenerationChunk:
    message = AIMessageChunk(content=text, response_metadata={"fixed": True}, chunk_position="last")
    return ChatGenerationChunk(message=message)


def _words(message: BaseMessage) -> str:
    return " ".join(b["text"] for b in message.content_blocks if b["type"] == "text")


def _understood(messages: list[BaseMessage], kind: str) -> list[BaseMessage]:
    """Past turns in the wording nano was taught, without those it did not understand."""
    turns: list[list[BaseMessage]] = []
    for question, answer in itertools.pairwise(messages):
        if isinstance(question, HumanMessage) and isinstance(answer, AIMessage):
            asked = understand(_words(question), kind)
            if asked:
                turns.append([HumanMessage(asked.say), AIMessage(_words(answer))])
    return [message for turn in turns[-TURNS:] for message in turn]


def _with_picture(messages: list[BaseMessage], picture: Any) -> list[BaseMessage]:
    first, *rest = messages
    return [HumanMessage([picture, {"type": "text", "text": _words(first)}]), *rest]


def open_nano(settings: Settings, folder: Path = WEIGHTS) -> Nano:
    """The model in memory, in float32 (bfloat16 is emulated and slower on most CPUs).

    Raises:
        SetupError: the files are not there, or damaged.
    """
    if not (folder / "model.safetensors").is_file():
        raise SetupError("The embedded model's files are missing: install Lightbox again, or train nano.")
    try:
        return _read(folder, settings)
    except (OSError, ValueError, SafetensorError) as error:
        raise SetupError("The embedded model's files are damaged: install Lightbox again.") from error


def _read(folder: Path, settings: Settings) -> Nano:
    # Reading the weights takes a blink, and a bar on stderr is no part of an answer.
    disable_progress_bar()
    model = LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    processor = AutoProcessor.from_pretrained(folder)
    return Nano(
        engine=loading.engine(model, processor, "nano", fingerprint(folder), settings),
        gate=Gate.load(folder / "gate.safetensors"),
        seed=settings.seed,
        temperature=settings.temperature,
        max_new_tokens=settings.max_new_tokens,
    )


def fingerprint(folder: Path = WEIGHTS) -> str:
    """SHA-256 of the weights, so that an answer says which ones spoke."""
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
