"""Nano as a chat model: the gate looks first, the question is understood, then the language model speaks."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGenerationChunk
from safetensors import SafetensorError
from transformers import AutoConfig, AutoProcessor, LlavaForConditionalGeneration
from transformers.utils.logging import disable_progress_bar

from chat_app.errors import SetupError
from chat_app.models import adapters
from chat_app.models.fit import check_dtype
from chat_app.models.local import loading, weights
from chat_app.models.local.chat import LocalModel
from chat_app.models.local.prompt import picture_of
from chat_app.models.nano import gate as gates
from chat_app.models.nano import likeness, specialty
from chat_app.models.nano.gate import Gate, Passage
from chat_app.models.nano.questions import understand
from chat_app.models.nano.specialty import Specialty
from chat_app.models.nano.tower import Sight
from chat_app.models.nano.wording import intents
from chat_app.settings import Settings

if TYPE_CHECKING:
    from chat_app.records import Vectors, View

WEIGHTS = Path(str(resources.files(__package__))) / "weights"
# Dialogues of at most this many turns were taught.
TURNS = 4
NO_PICTURE = "There is no picture to look at: open one first."
# Questions that say nothing of what a picture shows.
SMALL_TALK = ("sure", "cannot", "noun", "it", "other_one", "is_kind", "is_tumour")


@dataclass(frozen=True)
class Taught:
    """What an adapter adds, and the gate before its kind of picture."""

    added: Specialty
    gate: Gate


class Nano(LocalModel):
    """What it says of its own accord comes from the model; a refusal is fixed wording and marked as such.

    taught: what its adapters add, by their names.
    """

    gate: Gate
    taught: Mapping[str, Taught] = {}
    floor: ClassVar[float] = likeness.FLOOR

    @property
    def _llm_type(self) -> str:
        return "lightbox-nano"

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        *,
        owner: str = "",
        adapter: str = "",
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        picture = next(
            (b for m in reversed(messages) for b in m.content_blocks if b["type"] == "image"), None
        )
        if picture is None:
            yield _fixed(NO_PICTURE)
            return
        passage = self._passage(picture, adapter)
        added = self.taught[adapter].added if adapter in self.taught else None
        asked = understand(_words(messages[-1]), passage.kind, added)
        if passage.refusal or asked is None:
            yield _fixed(passage.refusal or _lost(passage.kind, added))
            return
        before = _understood(messages[:-1], passage.kind, added)
        sent = _with_picture([*before, HumanMessage(asked.say)], picture)
        yield from super()._stream(sent, stop, run_manager, owner=owner, adapter=adapter, **kwargs)
        said = {asked.say, *map(_words, before)}
        rest = [each for each in _askable(passage.kind, added) if each not in said]
        yield ChatGenerationChunk(message=AIMessageChunk(content="", response_metadata={"next": rest}))

    def _passage(self, picture: Any, adapter: str) -> Passage:
        """The word of the gate: of the adapter's where one was chosen that adds a kind of picture."""
        stated = picture.get("extras", {})
        header = (stated.get("modality", ""), stated.get("body_part", ""))
        plain = self._sight(picture, "")
        passage, taught = self.gate.decide(plain, *header), self.taught.get(adapter)
        if taught is None:
            return self._with_advice(passage, plain, header) if passage.refusal else passage
        if passage.kind:
            said = f"This is a {passage.kind}; the adapter {adapter} is for {taught.added.kind}: choose none."
            return Passage(refusal=said)
        return taught.gate.decide(self._sight(picture, adapter), *header)

    def _with_advice(self, passage: Passage, sight: Sight, header: tuple[str, str]) -> Passage:
        """The refusal, and which adapter was made for such pictures."""
        far = {name: each.gate.farness(sight, *header) for name, each in self.taught.items()}
        nearest = min(far, key=lambda name: far[name], default="")
        if not nearest or far[nearest] > 1:
            return passage
        return Passage(refusal=f"{passage.refusal} The adapter {nearest} was made for such pictures.")

    def features(self, views: Sequence[View]) -> Vectors:
        """(n, 472) float32, as `likeness.vectors` makes them; the adapters do not look."""
        pictures = [view.pixels for view in views]
        sight = self.engine.call(lambda: self._look(pictures))
        return likeness.vectors(sight, self.gate).numpy()

    def _sight(self, picture: Any, adapter: str) -> Sight:
        return self.engine.call(lambda: self._look(picture_of(picture)), adapter)

    @torch.inference_mode()
    def _look(self, pictures: Any) -> Sight:
        """At one picture, or a list of them."""
        prepare = self.engine.reader.processor.image_processor
        pixels = prepare(pictures, return_tensors="pt").pixel_values
        sight: Sight = self.engine.model.model.vision_tower.look(pixels)
        return sight


def _lost(kind: str, added: Specialty | None) -> str:
    return f"I did not understand the question. I can answer these: {' '.join(_askable(kind, added))}"


def _askable(kind: str, added: Specialty | None) -> list[str]:
    """What can be asked about such a picture, in the words that were taught; its own questions first."""
    every = [each for each in intents(added).values() if each.name not in SMALL_TALK]
    own = [each.say for each in every if kind in each.kinds]
    return own + [each.say for each in every if not each.kinds]


def _fixed(text: str) -> ChatGenerationChunk:
    message = AIMessageChunk(content=text, response_metadata={"fixed": True}, chunk_position="last")
    return ChatGenerationChunk(message=message)


def _words(message: BaseMessage) -> str:
    return " ".join(b["text"] for b in message.content_blocks if b["type"] == "text")


def _understood(messages: list[BaseMessage], kind: str, added: Specialty | None) -> list[BaseMessage]:
    """Past turns in the wording nano was taught, without those it did not understand."""
    turns: list[list[BaseMessage]] = []
    for question, answer in itertools.pairwise(messages):
        if isinstance(question, HumanMessage) and isinstance(answer, AIMessage):
            asked = understand(_words(question), kind, added)
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
    model = _model(folder, settings.dtype or "fp32")
    processor = AutoProcessor.from_pretrained(folder)
    engine = loading.engine(model, processor, "nano", fingerprint(folder), settings)
    return Nano(
        engine=engine,
        gate=Gate.load(folder / gates.FILE),
        taught=_taught(settings, engine.adapters.names),
        seed=settings.seed,
        temperature=settings.temperature,
        max_new_tokens=settings.max_new_tokens,
    )


def _model(folder: Path, dtype: str) -> LlavaForConditionalGeneration:
    check_dtype(dtype)
    with torch.device("meta"):
        skeleton = LlavaForConditionalGeneration(AutoConfig.from_pretrained(folder))
    held = weights.held(skeleton, dtype, torch.float32)
    model: LlavaForConditionalGeneration = LlavaForConditionalGeneration.from_pretrained(folder, **held)
    weights.check_layers(model, dtype)
    return model


def _taught(settings: Settings, names: tuple[str, ...]) -> dict[str, Taught]:
    """What the adapters that fit add; one without a specialty changes how nano speaks, and nothing else."""
    found = {}
    for card in adapters.found(settings.adapters):
        if card.name in names and (added := specialty.of(card.name, settings.adapters)):
            found[card.name] = Taught(added, Gate.load(card.folder / gates.FILE, added))
    return found


def fingerprint(folder: Path = WEIGHTS) -> str:
    """SHA-256 of the weights, so that an answer says which ones spoke."""
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
