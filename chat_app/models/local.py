"""Local weights as a LangChain chat model: streaming, stopping for good, token probabilities.

It knows nothing of patients, reports or boxes: messages go in, pieces of text come out.
"""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Iterator
from typing import Any

import torch
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from PIL import Image as Pillow
from pydantic import ConfigDict, PrivateAttr
from transformers import StoppingCriteria, StoppingCriteriaList, TextIteratorStreamer

from chat_app.errors import ModelError

ROLES = {"system": "system", "human": "user", "ai": "assistant"}


class _Stop(StoppingCriteria):
    """Ends generation at the next token once the event is set."""

    def __init__(self, event: threading.Event) -> None:
        self.event = event

    def __call__(self, input_ids: torch.LongTensor, scores: torch.Tensor, **_: Any) -> torch.BoolTensor:
        return torch.full((input_ids.shape[0],), self.event.is_set(), dtype=torch.bool)  # type: ignore[return-value]


class LocalModel(BaseChatModel):
    """A LLaVA-style model with its processor. One answer is generated at a time; others wait their turn.

    The last chunk of a stream carries `logprobs` (natural, one a generated token) and `prompt_tokens`.
    """

    model: Any
    processor: Any
    seed: int = 0
    temperature: float = 0.0
    max_new_tokens: int = 256

    model_config = ConfigDict(arbitrary_types_allowed=True)
    _turn: threading.Lock = PrivateAttr(default_factory=threading.Lock)

    @property
    def _llm_type(self) -> str:
        return "lightbox-local"

    def get_num_tokens(self, text: str) -> int:
        return len(self.processor.tokenizer(text, add_special_tokens=False).input_ids)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return generate_from_stream(self._stream(messages, stop, run_manager, **kwargs))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        inputs = self._inputs(messages)
        with self._turn:
            for chunk in self._pieces(inputs):
                if run_manager:
                    run_manager.on_llm_new_token(str(chunk.message.content), chunk=chunk)
                yield chunk

    def _inputs(self, messages: list[BaseMessage]) -> Any:
        turns = [
            {"role": ROLES[m.type], "content": [self._part(b) for b in m.content_blocks]} for m in messages
        ]
        pictures = [picture_of(b) for m in messages for b in m.content_blocks if b["type"] == "image"]
        prompt = self.processor.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        inputs = self.processor(text=prompt, images=pictures or None, return_tensors="pt")
        return inputs.to(self.model.device)

    def _part(self, block: Any) -> dict[str, str]:
        if block["type"] == "image":
            return {"type": "image"}
        return {"type": "text", "text": self._defused(block["text"])}

    def _defused(self, text: str) -> str:
        """Control tokens become plain words: what users type gives no orders."""
        for token in self.processor.tokenizer.all_special_tokens:
            text = text.replace(token, f"{token[0]} {token[1:]}")
        return text

    def _pieces(self, inputs: Any) -> Iterator[ChatGenerationChunk]:
        ended = threading.Event()
        streamer = TextIteratorStreamer(self.processor.tokenizer, skip_prompt=True, skip_special_tokens=True)
        outcome: dict[str, Any] = {}
        worker = threading.Thread(target=self._run, args=(inputs, streamer, ended, outcome), daemon=True)
        worker.start()
        try:
            for text in streamer:
                if text:
                    yield ChatGenerationChunk(message=AIMessageChunk(content=text))
        finally:
            ended.set()
            worker.join()
        if "fault" in outcome:
            raise _fault(outcome["fault"])
        facts = {"logprobs": outcome["logprobs"], "prompt_tokens": inputs["input_ids"].shape[1]}
        yield ChatGenerationChunk(
            message=AIMessageChunk(content="", response_metadata=facts, chunk_position="last")
        )

    def _run(self, inputs: Any, streamer: Any, ended: threading.Event, outcome: dict[str, Any]) -> None:
        """Runs in the worker. Whatever happens the streamer is closed, or its reader would wait for ever."""
        try:
            torch.manual_seed(self.seed)
            sampling = (
                {"do_sample": True, "temperature": self.temperature}
                if self.temperature
                else {"do_sample": False}
            )
            result = self.model.generate(
                **inputs,
                **sampling,
                max_new_tokens=self.max_new_tokens,
                streamer=streamer,
                stopping_criteria=StoppingCriteriaList([_Stop(ended)]),
                return_dict_in_generate=True,
                output_logits=True,
            )
            written = result.sequences[0, inputs["input_ids"].shape[1] :]
            chances = torch.stack(result.logits)[:, 0].float().log_softmax(-1)
            outcome["logprobs"] = chances.gather(1, written.unsqueeze(1))[:, 0].tolist()
        except (RuntimeError, ValueError, IndexError) as fault:
            outcome["fault"] = fault
        finally:
            streamer.end()


def _fault(fault: Exception) -> Exception:
    if isinstance(fault, torch.OutOfMemoryError):
        return ModelError(
            "The model ran out of memory: ask about fewer pictures, or start a new conversation."
        )
    error = ModelError("The model failed on this question: ask it again, or in other words.")
    error.__cause__ = fault
    return error


def picture_of(block: Any) -> Pillow.Image:
    return Pillow.open(io.BytesIO(base64.b64decode(block["base64"]))).convert("RGB")
