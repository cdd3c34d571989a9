"""The straight line: a question or a report template goes in, pieces and then one Answer or Report come out.

It holds what all users share (settings, model) and nothing of any one of them: a Conversation is handed in.
"""

from __future__ import annotations

import base64
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from chat_app import memory, prompts
from chat_app.errors import BadQuestion, InputError
from chat_app.grounding import boxes as grounding
from chat_app.grounding import statements
from chat_app.imaging.view import chosen, look, png
from chat_app.models import cards
from chat_app.records import Answer, Box, Conversation, Image, ModelId, Report, Section, Statement, View
from chat_app.reports import draft as drafting
from chat_app.settings import Settings

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

PROMPT, REGION = "answer", "region"
NAMED = re.compile(r"\bimage\s*(\d+)\b(?:,?\s*(?:slice|frame)\s*(\d+)\b)?", re.IGNORECASE)
FROM_REGION = "computed from the region you drew and the model's boxes"


@dataclass
class _Spoken:
    """One pass of the model over its pictures, while it is being collected."""

    images: tuple[str, ...]
    asked: str = ""
    raw: str = ""
    text: str = ""
    boxes: tuple[Box, ...] = ()
    statements: tuple[Statement, ...] = ()
    warnings: tuple[str, ...] = ()
    views: tuple[View, ...] = ()
    logprobs: tuple[float, ...] = ()
    fixed: bool = False
    stopped: bool = False
    fullness: float = 0.0
    timings: dict[str, float] = field(default_factory=dict)


class Assistant:
    """One per process. `model` and `card` are given by tests; else the settings name them."""

    def __init__(
        self, settings: Settings, model: BaseChatModel | None = None, card: cards.Card | None = None
    ) -> None:
        self.settings = settings
        self.card = card or cards.card(settings.model)
        self._model = model
        self._id = ModelId(self.card.name, "", self.card.label)
        self._loading = threading.Lock()

    def load(self, progress: Callable[[str], None] | None = None) -> None:
        """Brings the model into memory, once; whoever asks meanwhile waits here."""
        with self._loading:
            if self._model is None:
                self._model, self._id = cards.load(
                    self.card.name, self.settings, progress or (lambda _: None)
                )

    def ask(
        self,
        conversation: Conversation,
        question: str,
        *,
        images: Sequence[str] = (),
        region: Box | None = None,
        stop: threading.Event | None = None,
    ) -> Iterator[str | Answer]:
        """Pieces of readable text as they come, then one Answer.

        images: names of the pictures, or of slices of them ("image 1, slice 5"), that came with the question.
        Those it names itself win; without any it is about those of the turn before. A model that takes one
        picture at a time looks at each in turn. region: what the user drew on one of them and asks about.

        Raises:
            InputError: there is no picture, or no such one, or a person has to look at it first, or the
                question is empty or too long.
            ModelError: the model could not answer.
        """
        self._check(question)
        if region is not None and region.image not in images:
            images = (region.image, *images)
        names = self._about(conversation, question, images)
        _check_region(conversation, region, names)
        began = time.perf_counter()
        spoken: list[_Spoken] = []
        for group in self._groups(names):
            yield from self._heading(group, names, spoken)
            found = sum(len(s.boxes) for s in spoken)
            spoken.append(_Spoken(group))
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
        stop: threading.Event | None = None,
    ) -> Iterator[Section | Report]:
        """Sections in the template's order, then one Report with the status "draft".

        told: what the user wrote for history, comparison or technique. images: which pictures; all without
        any.

        Raises:
            InputError: no picture is open, or the files say that the template is for something else.
        """
        form = prompts.template(template)
        drafting.check(form, told or {})
        if not conversation.study.images:
            raise InputError("There is no picture to report on: open one first.")
        names = self._about(conversation, "", images or [each.name for each in conversation.study.images])
        pictures = [conversation.study.named(name) for name in names]
        if others := _patients(pictures):
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
                section, said = self._section(conversation.before(0), each, question, names, stop)
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
            model=self._id,
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
        stop: threading.Event | None,
    ) -> tuple[Section, tuple[str, ...]]:
        kept: list[Statement] = []
        warnings: list[str] = []
        for group in self._groups(names):
            spoken = _Spoken(group)
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

    def _about(self, conversation: Conversation, question: str, images: Sequence[str]) -> tuple[str, ...]:
        """The names of the very frames that will be shown, each of them cleared to be.

        One slice of a volume brings as many others as the contract takes; several are taken as they are.
        """
        names = _names(conversation, question, images)
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
    ) -> Iterator[str]:
        """Streams one pass into `spoken`; `found` boxes were numbered before it."""
        self.load()
        assert self._model is not None
        began = time.perf_counter()
        spoken.asked = self._asked(conversation, question, region)
        stream = self._model.stream(self._sent(conversation, spoken))
        spoken.timings["view"] = time.perf_counter() - began
        form, shown = self.card.contract.boxes, ""
        for chunk in stream:
            spoken.timings.setdefault("first token", time.perf_counter() - began)
            spoken.raw += str(chunk.text)
            spoken.fixed |= bool(chunk.response_metadata.get("fixed"))
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
        spoken.warnings += tuple(filter(None, [_patients(pictures)]))
        blocks = {
            view.image: _block(picture, view) for picture, view in zip(pictures, spoken.views, strict=True)
        }
        named = contract.most_images > 1
        return prompts.messages(system, kept.turns, spoken.asked, blocks, spoken.images, named=named)

    def _ground(self, spoken: _Spoken, found: int) -> grounding.Parsed:
        """Reads boxes and statements out of what was said."""
        parsed = grounding.parse(spoken.raw, spoken.views, spoken.images, self.card.contract.boxes)
        spoken.text, spoken.boxes = grounding.renumbered(parsed.text, found), parsed.boxes
        spoken.warnings = (*parsed.warnings, *spoken.warnings)
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
            model=self._id,
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


def _names(conversation: Conversation, question: str, images: Sequence[str]) -> tuple[str, ...]:
    """The names of the pictures a question is about, as they were given; what it names itself comes first."""
    known = [image.name for image in conversation.study.images]
    if not known:
        raise InputError("There is no picture to ask about: open one first.")
    found = NAMED.findall(question)
    # "Image 1" in words is the slice of it that came with the question.
    given = {name.partition(",")[0]: name for name in reversed(images)}
    spelt = [f"image {int(image)}" + (f", slice {int(part)}" if part else "") for image, part in found]
    named = [given.get(name, name) for name in spelt]
    for name in (*images, *named):
        if name.partition(",")[0] not in known:
            raise InputError(f"There is no {name} here; open are {', '.join(known)}.")
    if named or images:
        return tuple(dict.fromkeys(named or images))
    return conversation.turns[-1].images if conversation.turns else (known[-1],)


def _check_region(conversation: Conversation, region: Box | None, names: Sequence[str]) -> None:
    if region is None:
        return
    image = conversation.study.named(region.image)
    if region.image not in names:
        raise InputError(f"The region lies on {region.image}, and the question is about {names[0]}.")
    if region.x1 > image.columns or region.y1 > image.rows:
        raise InputError(f"The region lies outside {image.name}: draw it again.")


def _patients(pictures: Sequence[Image]) -> str:
    """A sentence when the files say that the pictures are of different people, else ""."""
    first = {each.origin.patient: each.name for each in reversed(pictures) if each.origin.patient}
    if len(first) < 2:
        return ""
    return f"By what the files state, {statements.listed(sorted(first.values()))} are of different patients."


def _block(image: Image, view: View) -> dict[str, Any]:
    """The picture as a LangChain content block, with what its file states beside it."""
    return {
        "type": "image",
        "base64": base64.b64encode(png(view)).decode(),
        "mime_type": "image/png",
        "extras": {"name": view.image, "modality": image.modality, "body_part": image.body_part},
    }
