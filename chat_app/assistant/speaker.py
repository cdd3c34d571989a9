"""One pass of a model over some pictures: what it is sent, what it says as it comes, where its boxes lie."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from chat_app import memory, prompts, subject
from chat_app.grounding import boxes as grounding
from chat_app.grounding import statements
from chat_app.imaging.view import block, look
from chat_app.records import Box, Conversation, Statement, View, Waiting

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

    from chat_app.models.cards import Card
    from chat_app.settings import Settings

PROMPT, REGION = "answer", "region"
CUT = "The answer reached its longest length and breaks off there: ask for the rest, or for less."
FROM_REGION = "computed from the region you drew and the model's boxes"


@dataclass
class Spoken:
    """One pass of the model over its pictures, while it is being collected."""

    images: tuple[str, ...]
    adapter: str = ""
    asked: str = ""
    raw: str = ""
    text: str = ""
    boxes: tuple[Box, ...] = ()
    statements: tuple[Statement, ...] = ()
    warnings: tuple[str, ...] = ()
    views: tuple[View, ...] = ()
    logprobs: tuple[float, ...] = ()
    next: tuple[str, ...] = ()
    fixed: bool = False
    cut: bool = False
    stopped: bool = False
    fullness: float = 0.0
    timings: dict[str, float] = field(default_factory=dict)


class Speaker:
    """A loaded model with its card: it speaks about pictures and knows nothing of answers or reports."""

    def __init__(self, model: BaseChatModel, card: Card, settings: Settings) -> None:
        self.model, self.card, self.settings = model, card, settings

    def speak(
        self,
        conversation: Conversation,
        question: str,
        spoken: Spoken,
        found: int,
        stop: threading.Event | None,
        region: Box | None = None,
    ) -> Iterator[str | Waiting]:
        """Streams one pass into `spoken`; `found` boxes were numbered before it."""
        if stop is not None and stop.is_set():
            spoken.stopped, spoken.timings["view"] = True, 0.0
            return
        began = time.perf_counter()
        spoken.asked = self._asked(conversation, question, region)
        sent = self._sent(conversation, spoken)
        stream = self.model.stream(sent, owner=conversation.owner, adapter=spoken.adapter)
        spoken.timings["view"] = time.perf_counter() - began
        form, shown = self.card.contract.boxes, ""
        for chunk in stream:
            if before := chunk.response_metadata.get("waiting"):
                yield Waiting(before[0])
            else:
                spoken.timings.setdefault("first token", time.perf_counter() - began)
            spoken.raw += str(chunk.text)
            spoken.next += tuple(chunk.response_metadata.get("next", ()))
            spoken.fixed |= bool(chunk.response_metadata.get("fixed"))
            spoken.cut |= bool(chunk.response_metadata.get("truncated"))
            spoken.logprobs += tuple(chunk.response_metadata.get("logprobs", ()))
            text = grounding.readable(spoken.raw, spoken.views, spoken.images, form)
            if fresh := text[len(shown) :]:
                shown = text
                yield grounding.renumbered(fresh, found)
            if stop is not None and stop.is_set():
                spoken.stopped = True
                # Closing the stream is what ends the generating thread.
                stream.close()  # type: ignore[attr-defined]
                break
        spoken.timings["total"] = time.perf_counter() - began
        parsed = self._ground(spoken, found)
        if rest := parsed.text[len(shown) :]:
            yield grounding.renumbered(rest, found)
        if region is not None and not self.card.contract.regions:
            yield from self._relate(spoken, region, found)

    def _asked(self, conversation: Conversation, question: str, region: Box | None) -> str:
        """The question as the model reads it: with the region, as the model writes boxes, or in words."""
        contract = self.card.contract
        if region is None or not contract.regions:
            return question
        view = look(conversation.study.named(region.image), contract)
        write = grounding.to_grid if contract.boxes else grounding.in_words
        return prompts.render(REGION, question=question, image=view.image, region=write(region, view))

    def _relate(self, spoken: Spoken, region: Box, found: int) -> Iterator[str]:
        """What the region has to do with an answer of a model that takes none, worked out from its boxes."""
        related = grounding.renumbered(grounding.related(region, spoken.boxes), found)
        said = "only compared with its boxes" if related else "not used"
        whole = f"{self.card.name} looks at whole pictures: the region you drew was {said}."
        spoken.warnings = (*spoken.warnings, whole)
        if related:
            spoken.statements += statements.computed(related, FROM_REGION)
            spoken.text += f"\n{related}"
            yield f"\n{related}"

    def _sent(self, conversation: Conversation, spoken: Spoken) -> list[BaseMessage]:
        """The messages of one pass; what the model is shown, and what it is not, is kept in `spoken`."""
        contract = self.card.contract
        system = "" if self.card.taught else prompts.render(PROMPT)
        kept = memory.window(
            conversation,
            spoken.asked,
            spoken.images,
            contract,
            self.model.get_num_tokens,
            self.card.image_tokens,
            system=system,
            reserve=self.settings.max_new_tokens,
        )
        spoken.fullness, spoken.warnings = kept.fullness, kept.warnings
        pictures = [conversation.study.named(name) for name in kept.images]
        spoken.views = tuple(look(picture, contract) for picture in pictures)
        spoken.warnings += tuple(filter(None, [subject.patients(pictures)]))
        blocks = {
            view.image: block(picture, view) for picture, view in zip(pictures, spoken.views, strict=True)
        }
        named = contract.most_images > 1
        return prompts.messages(system, kept.turns, spoken.asked, blocks, spoken.images, named=named)

    def _ground(self, spoken: Spoken, found: int) -> grounding.Parsed:
        """Reads boxes and statements out of what was said."""
        parsed = grounding.parse(spoken.raw, spoken.views, spoken.images, self.card.contract.boxes)
        spoken.text, spoken.boxes = grounding.renumbered(parsed.text, found), parsed.boxes
        spoken.warnings = (*parsed.warnings, *spoken.warnings)
        if spoken.cut:
            spoken.warnings = (*spoken.warnings, CUT)
        said = statements.said(parsed.text, parsed.boxes, spoken.images)
        said = statements.fixed(parsed.text) if spoken.fixed else said
        spoken.statements = tuple(replace(each, text=grounding.renumbered(each.text, found)) for each in said)
        return parsed
