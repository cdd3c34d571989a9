"""The straight line: a question or a report template goes in, pieces and then one Answer or Report come out.

It holds what all users share (settings, model) and nothing of any one of them: a Conversation is handed in.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from chat_app import memory, prompts, subject
from chat_app.errors import BadQuestion, InputError
from chat_app.grounding import boxes as grounding
from chat_app.grounding import statements
from chat_app.imaging.view import block, chosen, look
from chat_app.models import cards
from chat_app.records import (
    Answer,
    Box,
    Conversation,
    ModelId,
    Report,
    Section,
    Statement,
    View,
    Waiting,
)
from chat_app.reports import draft as drafting
from chat_app.settings import Settings

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

PROMPT, REGION = "answer", "region"
CUT = "The answer reached its longest length and breaks off there: ask for the rest, or for less."
FROM_REGION = "computed from the region you drew and the model's boxes"


@dataclass
class _Spoken:
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
    fixed: bool = False
    cut: bool = False
    stopped: bool = False
    fullness: float = 0.0
    timings: dict[str, float] = field(default_factory=dict)


class Assistant:
    """One per process. `model` and `card` are given by tests; else the settings name them."""

    def __init__(
        self, settings: Settings, model: BaseChatModel | None = None, card: cards.Card | None = None
    ) -> None:
        self.settings = settings
        self.card = card or cards.chosen(settings)
        self._model = model
        self._id = ModelId(self.card.name, "", self.card.label)
        self._loading = threading.Lock()

    def load(self, progress: Callable[[str], None] | None = None) -> None:
        """Brings the model into memory, once; whoever asks meanwhile waits here."""
        with self._loading:
            if self._model is None:
                self._model, self._id = cards.load(self.card, self.settings, progress or (lambda _: None))

    @property
    def adapters(self) -> tuple[str, ...]:
        """The names of the adapters that the loaded model can speak with; none before it is loaded."""
        listed = getattr(self._model, "adapters", None)
        return listed() if listed else ()

    def forget(self, owner: str) -> None:
        """Drops what the model keeps of the conversations of this owner, whose session has ended."""
        if forget := getattr(self._model, "forget", None):
            forget(owner)

    def ask(
        self,
        conversation: Conversation,
        question: str,
        *,
        images: Sequence[str] = (),
        region: Box | None = None,
        adapter: str | None = None,
        stop: threading.Event | None = None,
    ) -> Iterator[str | Waiting | Answer]:
        """Pieces of readable text as they come, then one Answer.

        Whenever the model makes one wait, Waiting comes, again and again.

        adapter: which one the model speaks with, "" for none; that of the settings unless it is given.
        images: names of the pictures, or of slices of them ("image 1, slice 5"), that came with the question.
        Those it names itself win; without any it is about those of the turn before. A model that takes one
        picture at a time looks at each in turn. region: what the user drew on one of them and asks about.

        Raises:
            InputError: there is no picture, or no such one, or a person has to look at it first, or the
                question is empty or too long, or nobody agreed to send it to the model's server.
            SetupError: there is no such adapter for this model.
            ModelError: the model could not answer.
        """
        self._check(question)
        self._check_host(conversation)
        if region is not None and region.image not in images:
            images = (region.image, *images)
        names = self._about(conversation, question, images)
        subject.check_region(conversation, region, names)
        began = time.perf_counter()
        spoken: list[_Spoken] = []
        for group in self._groups(names):
            yield from self._heading(group, names, spoken)
            found = sum(len(s.boxes) for s in spoken)
            spoken.append(_Spoken(group, self._adapter(adapter)))
            yield from self._speak(conversation, question, spoken[-1], found, stop, region)
            if spoken[-1].stopped:
                break
        yield self._answer(spoken, names, time.perf_counter() - began)

    def draft(
        self,
        conversation: Conversation,
        template: str,
        *,
        told: Mapping[str, str] | None = None,
        images: Sequence[str] = (),
        adapter: str | None = None,
        stop: threading.Event | None = None,
    ) -> Iterator[Section | Report]:
        """Sections in the template's order, then one Report with the status "draft".

        told: what the user wrote for history, comparison or technique. images: which pictures; all without
        any. adapter: as in `ask`.

        Raises:
            InputError: no picture is open, or the files say that the template is for something else, or
                nobody agreed to send them to the model's server.
        """
        self._check_host(conversation)
        form = prompts.template(template)
        drafting.check(form, told or {})
        if not conversation.study.images:
            raise InputError("There is no picture to report on: open one first.")
        names = self._about(conversation, "", images or [each.name for each in conversation.study.images])
        pictures = [conversation.study.named(name) for name in names]
        if others := subject.patients(pictures):
            raise InputError(f"{others} Choose the pictures of one, or clear the others away.")
        if wrong := drafting.mismatch(form, pictures):
            raise InputError(f"{wrong} Choose another template.")
        began = time.perf_counter()
        done: list[Section] = []
        warnings: list[str] = []
        for each in form.sections:
            if stop is not None and stop.is_set():
                break
            if each.source == "model":
                question = each.question if self.card.taught else drafting.ask(form, each, done)
                spoken = self._adapter(adapter)
                section, said = self._section(conversation.before(0), each, question, names, spoken, stop)
                warnings += [warning for warning in said if warning not in warnings]
            else:
                section = drafting.fill(each, told or {}, pictures)
            done.append(section)
            yield section
        if stop is not None and stop.is_set():
            warnings.append("The draft was stopped before its end.")
        yield Report(
            template=form.name,
            title=form.title,
            sections=tuple(done),
            model=replace(self._id, adapter=self._adapter(adapter)),
            prompt=f"{form.name}@{form.version}",
            seed=self.settings.seed,
            images=names,
            warnings=tuple(warnings),
            timings={"total": time.perf_counter() - began},
        )

    def _section(
        self,
        conversation: Conversation,
        section: prompts.SectionTemplate,
        question: str,
        names: tuple[str, ...],
        adapter: str,
        stop: threading.Event | None,
    ) -> tuple[Section, tuple[str, ...]]:
        kept: list[Statement] = []
        warnings: list[str] = []
        for group in self._groups(names):
            spoken = _Spoken(group, adapter)
            for _ in self._speak(conversation, question, spoken, 0, stop):
                pass
            written = (
                drafting.from_program(section, spoken.text)
                if spoken.fixed
                else drafting.from_model(section, spoken.text, spoken.boxes, group)
            )
            kept += written.statements
            warnings += spoken.warnings
            if spoken.stopped:
                break
        return Section(section.name, section.title, tuple(kept), section.code), tuple(warnings)

    def _check(self, question: str) -> None:
        if not question.strip():
            raise BadQuestion("The question is empty: type what you want to know.")
        most = self.settings.question_characters
        if len(question) > most:
            raise BadQuestion(
                f"The question has {len(question):,} characters; the most is {most:,}: shorten it."
            )

    def _check_host(self, conversation: Conversation) -> None:
        host = self.card.host
        if host and host not in conversation.agreed:
            raise InputError(
                f"This model answers on {host}: agree that the pictures, without what their files say of "
                "the patient, and every word typed are sent there."
            )

    def _adapter(self, asked: str | None) -> str:
        return self.settings.adapter if asked is None else asked

    def _about(self, conversation: Conversation, question: str, images: Sequence[str]) -> tuple[str, ...]:
        """The names of the very frames that will be shown, each of them cleared to be.

        One slice of a volume brings as many others as the contract takes; several are taken as they are.
        """
        names = subject.names(conversation, question, images)
        pictures = [conversation.study.named(name) for name in names]
        frames: list[str] = []
        for image in pictures:
            if image.caution:
                raise InputError(f"{image.name.capitalize()} cannot be asked about yet. {image.caution}")
            alone = [each.name for each in pictures].count(image.name) == 1
            frames += chosen(image, self.card.contract) if alone else (image.place,)
        return tuple(dict.fromkeys(frames))

    def _groups(self, names: tuple[str, ...]) -> list[tuple[str, ...]]:
        return [(name,) for name in names] if self.card.contract.most_images == 1 else [names]

    def _heading(
        self, group: tuple[str, ...], names: tuple[str, ...], spoken: list[_Spoken]
    ) -> Iterator[str]:
        if len(group) < len(names):
            yield f"{chr(10) if spoken else ''}{group[0].capitalize()}: "

    def _speak(
        self,
        conversation: Conversation,
        question: str,
        spoken: _Spoken,
        found: int,
        stop: threading.Event | None,
        region: Box | None = None,
    ) -> Iterator[str | Waiting]:
        """Streams one pass into `spoken`; `found` boxes were numbered before it."""
        self.load()
        assert self._model is not None
        if stop is not None and stop.is_set():
            spoken.stopped, spoken.timings["view"] = True, 0.0
            return
        began = time.perf_counter()
        spoken.asked = self._asked(conversation, question, region)
        sent = self._sent(conversation, spoken)
        stream = self._model.stream(sent, owner=conversation.owner, adapter=spoken.adapter)
        spoken.timings["view"] = time.perf_counter() - began
        form, shown = self.card.contract.boxes, ""
        for chunk in stream:
            if before := chunk.response_metadata.get("waiting"):
                yield Waiting(before[0])
            else:
                spoken.timings.setdefault("first token", time.perf_counter() - began)
            spoken.raw += str(chunk.text)
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

    def _relate(self, spoken: _Spoken, region: Box, found: int) -> Iterator[str]:
        """What the region has to do with an answer of a model that takes none, worked out from its boxes."""
        related = grounding.renumbered(grounding.related(region, spoken.boxes), found)
        said = "only compared with its boxes" if related else "not used"
        whole = f"{self.card.name} looks at whole pictures: the region you drew was {said}."
        spoken.warnings = (*spoken.warnings, whole)
        if related:
            spoken.statements += statements.computed(related, FROM_REGION)
            spoken.text += f"\n{related}"
            yield f"\n{related}"

    def _sent(self, conversation: Conversation, spoken: _Spoken) -> list[BaseMessage]:
        """The messages of one pass; what the model is shown, and what it is not, is kept in `spoken`."""
        assert self._model is not None
        contract = self.card.contract
        system = "" if self.card.taught else prompts.render(PROMPT)
        kept = memory.window(
            conversation,
            spoken.asked,
            spoken.images,
            contract,
            self._model.get_num_tokens,
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

    def _ground(self, spoken: _Spoken, found: int) -> grounding.Parsed:
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

    def _answer(self, spoken: list[_Spoken], names: tuple[str, ...], seconds: float) -> Answer:
        several = len(self._groups(names)) > 1
        texts = [f"{s.images[0].capitalize()}: {s.text}" if several else s.text for s in spoken]
        stopped = any(s.stopped for s in spoken)
        warnings = dict.fromkeys(warning for s in spoken for warning in s.warnings)
        if stopped:
            warnings["The answer was stopped before its end."] = None
        first = spoken[0].timings
        return Answer(
            text="\n".join(texts),
            model=replace(self._id, adapter=spoken[0].adapter),
            # A model taught its questions is given no instructions around them.
            prompt="none" if self.card.taught else f"{PROMPT}@{prompts.version(PROMPT)}",
            seed=self.settings.seed,
            statements=tuple(statement for s in spoken for statement in s.statements),
            boxes=tuple(box for s in spoken for box in s.boxes),
            warnings=tuple(warnings),
            views=tuple(view for s in spoken for view in s.views),
            timings={
                "view": first["view"],
                "first token": first.get("first token", seconds),
                "total": seconds,
            },
            logprobs=tuple(value for s in spoken for value in s.logprobs),
            raw="\n".join(s.raw for s in spoken),
            stopped=stopped,
            fullness=max(s.fullness for s in spoken),
            images=tuple(name for s in spoken for name in s.images),
            asked=spoken[0].asked,
        )
