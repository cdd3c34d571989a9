"""The straight line: a question or a report template goes in, pieces and then one Answer or Report come out.

It holds what all users share (settings, model) and nothing of any one of them: a Conversation is handed in.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from chat_app import __version__, prompts, subject
from chat_app.assistant.basis import Basis, found, resting
from chat_app.assistant.drafting import Drafting
from chat_app.assistant.speaker import PROMPT, Speaker, Spoken
from chat_app.errors import BadQuestion, InputError, ModelError, SetupError
from chat_app.grounding import trust
from chat_app.imaging.view import chosen, look
from chat_app.models import cards
from chat_app.records import Answer, Box, Conversation, ModelId, Report, Section, Tower, Waiting
from chat_app.reports import correct, review
from chat_app.reports import draft as drafting
from chat_app.reports.correct import Proposal
from chat_app.settings import Settings

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

MOST_NEXT = 3
TOWERLESS = "This model does not compare pictures: choose nano, or one whose weights are on this machine."


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
    def _speaker(self) -> Speaker:
        self.load()
        assert self._model is not None
        return Speaker(self._model, self.card, self.settings)

    @property
    def adapters(self) -> tuple[str, ...]:
        """The names of the adapters that the loaded model can speak with; none before it is loaded."""
        listed = getattr(self._model, "adapters", None)
        return listed() if listed else ()

    @property
    def tower(self) -> Tower:
        """What compares pictures: the vision tower of the model, which is brought into memory for it.

        Raises:
            SetupError: the model runs elsewhere, or has none.
        """
        self.load()
        features, contract = getattr(self._model, "features", None), self.card.contract
        if features is None:
            raise SetupError(TOWERLESS)
        identity = f"{self._id.sha256} {self._id.dtype}".strip()
        return Tower(
            identity,
            look=lambda images: features([look(image, contract) for image in images]),
            floor=getattr(self._model, "floor", 0.0),
        )

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
        corpora: Sequence[str] | None = None,
        stop: threading.Event | None = None,
    ) -> Iterator[str | Waiting | Answer]:
        """Pieces of readable text as they come, then one Answer.

        Whenever the model makes one wait, Waiting comes, again and again.

        adapter: which one the model speaks with, "" for none; that of the settings unless it is given.
        corpora: in which documents passages are looked for, likewise. Where the model is unsure with them, it
        is asked once more without, and what it then says otherwise is said.
        images: names of the pictures, or of slices of them ("image 1, slice 5"), that came with the question.
        Those it names itself win; without any it is about those of the turn before. A model that takes one
        picture at a time looks at each in turn. region: what the user drew on one of them and asks about.

        Raises:
            InputError: there is no picture, or no such one, or a person has to look at it first, or the
                question is empty or too long, or nobody agreed to send it to the model's server, or there is
                no such corpus.
            SetupError: there is no such adapter for this model, or documents cannot be searched here.
            ModelError: the model could not answer.
        """
        self._check(question)
        self._check_host(conversation)
        if region is not None and region.image not in images:
            images = (region.image, *images)
        names = self._about(conversation, question, images)
        subject.check_region(conversation, region, names)
        began = time.perf_counter()
        basis = self._basis(conversation, question, corpora)
        asked = question if self.card.taught else basis.asked
        spoken, bare = list[Spoken](), list[Spoken]()
        yield from self._passes(conversation, asked, names, spoken, adapter, stop, region)
        if asked != question and trust.is_unsure(spoken[0].logprobs) and not spoken[-1].stopped:
            pieces = self._passes(conversation, question, names, bare, adapter, stop, region)
            yield from (piece for piece in pieces if isinstance(piece, Waiting))
        answer = self._answer(conversation, question, spoken, names, time.perf_counter() - began)
        words = "" if any(each.stopped for each in bare) else "\n".join(each.text for each in bare)
        yield resting(answer, basis, unread=self.card.taught, bare=words)

    def _passes(
        self,
        conversation: Conversation,
        question: str,
        names: tuple[str, ...],
        spoken: list[Spoken],
        adapter: str | None,
        stop: threading.Event | None,
        region: Box | None,
    ) -> Iterator[str | Waiting]:
        """One pass of the model over each group of pictures, collected in `spoken`, until one is stopped."""
        for group in self._groups(names):
            yield from self._heading(group, names, spoken)
            found = sum(len(s.boxes) for s in spoken)
            spoken.append(Spoken(group, self._adapter(adapter)))
            yield from self._speaker.speak(conversation, question, spoken[-1], found, stop, region)
            if spoken[-1].stopped:
                break

    def _basis(self, conversation: Conversation, question: str, corpora: Sequence[str] | None) -> Basis:
        """What the documents hold for the question, as far as the model has room for it."""
        chosen = self.settings.corpus_names if corpora is None else corpora
        basis = found(question, conversation, chosen, self.settings)
        self.load()
        assert self._model is not None
        return basis.fitting(self._model.get_num_tokens, self.card.contract.context)

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
        """Sections in the template's order, each as often as it grows, then one Report, a draft.

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
        spoken = self._adapter(adapter)
        work = Drafting(
            speaker=self._speaker,
            form=form,
            conversation=conversation.before(0),
            groups=self._groups(names),
            pictures=pictures,
            told=told or {},
            adapter=spoken,
            stop=stop,
        )
        yield from work.sections()
        yield Report(
            template=form.name,
            title=form.title,
            sections=tuple(work.done),
            model=replace(self._id, adapter=spoken),
            prompt=f"{form.name}@{form.version}",
            seed=self.settings.seed,
            images=names,
            warnings=tuple(work.warnings),
            timings={"total": time.perf_counter() - began},
            hashes={image.place: image.sha256 for image in pictures},
            application=__version__,
        )

    def reword(
        self, conversation: Conversation, report: Report, manner: str, *, adapter: str | None = None
    ) -> tuple[Proposal, ...]:
        """Changes of the impression's lines that word it in that manner (reports/correct.py).

        Raises:
            InputError: the model was taught its wordings, the impression is empty, what came says more than
                it did, or nobody agreed to send it to the model's server.
            ModelError: the model could not answer, or not to the end.
        """
        self._check_host(conversation)
        if self.card.taught:
            raise InputError(f"{self.card.name} has its own wordings only: edit the lines by hand.")
        question = correct.ask(report, manner)
        names = self._about(conversation, "", report.images)
        # The words are in the question: one look is enough for a model that takes one picture at a time.
        spoken = Spoken(self._groups(names)[0], self._adapter(adapter))
        for _ in self._speaker.speak(conversation.before(0), question, spoken, 0, None):
            pass
        if spoken.cut:
            raise ModelError("The model's wording breaks off at its longest length: edit the lines by hand.")
        return correct.reworded(report, spoken.text)

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
                f"This model answers on {host}: agree that the pictures, without what their files say of the "
                "patient, every word typed, and what is found in your documents for it are sent there."
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

    def _heading(self, group: tuple[str, ...], names: tuple[str, ...], spoken: list[Spoken]) -> Iterator[str]:
        if len(group) < len(names):
            yield f"{chr(10) if spoken else ''}{group[0].capitalize()}: "

    def _next(self, conversation: Conversation, question: str, spoken: list[Spoken]) -> tuple[str, ...]:
        """What might be asked now: what the model was taught, or the points of a template; not again."""
        pictures = [conversation.study.named(name) for each in spoken for name in each.images]
        taught = [each for one in spoken for each in one.next]
        asked = {question, *(turn.question for turn in conversation.turns)}
        possible = taught if self.card.taught else review.questions(pictures)
        return tuple(each for each in dict.fromkeys(possible) if each not in asked)[:MOST_NEXT]

    def _answer(
        self,
        conversation: Conversation,
        question: str,
        spoken: list[Spoken],
        names: tuple[str, ...],
        seconds: float,
    ) -> Answer:
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
            next=self._next(conversation, question, spoken),
        )
