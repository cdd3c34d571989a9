"""The conversation on the page: streaming, stop, retry, undo and edit over the desk's own record of it.

What the browser shows is drawn from the record and never read back.
"""

from __future__ import annotations

import html
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from chat_app import retrieval
from chat_app.records import Answer, Box, Conversation, Turn, Waiting
from chat_app.ui import caution, consent
from chat_app.ui.desk import Desk, whose
from chat_app.ui.evidence import linked
from chat_app.ui.faults import told
from chat_app.ui.keeping import Keeper
from chat_app.ui.loading import Loading
from chat_app.ui.words import placed, spoken

if TYPE_CHECKING:
    from chat_app.assistant import Assistant

Update = dict[Any, Any]

WELCOME = "Drop a picture on the left or take an example, then ask about it."
SEARCHING = "The pictures are being searched for names; your question waits for it."
WAITING = "The model is still being loaded; your question waits for it."

# The page is told of new words this often at most: more is work for the browser that nobody sees.
PACE_SECONDS = 0.05


class Pane:
    """The middle of the page: components and the one assistant; everything of a user is on the desk."""

    def __init__(self, assistant: Assistant, loading: Loading, keeper: Keeper) -> None:
        self.assistant, self.loading, self.keeper = assistant, loading, keeper
        self.several = assistant.card.contract.most_images > 1
        self.chatbot = gr.Chatbot(
            label="Conversation",
            height=470,
            editable="user",
            render_markdown=False,
            latex_delimiters=[],
            buttons=["copy"],
            feedback_options=None,
            placeholder=WELCOME,
            elem_id="chat",
        )
        self.about = gr.CheckboxGroup([], label="Ask about", visible=False, elem_id="about")
        self.consent = consent.Pane(assistant.card.host, assistant.card.name)
        self.caution = caution.Pane()
        self.region = gr.Markdown(visible=False, elem_id="region")
        self.box = gr.Textbox(
            label="Your question",
            placeholder="Ask about the picture; Enter sends",
            lines=1,
            max_lines=6,
            submit_btn=True,
            autofocus=True,
            elem_id="question",
        )
        self.adapter = gr.Dropdown([], label="Adapter", visible=False, elem_id="adapter")
        self.corpora = gr.CheckboxGroup([], label="Look up in", visible=False, elem_id="corpora")
        with gr.Row():
            self.clear = gr.Button("Clear everything", size="sm", elem_id="clear")

    def ask(self, desk: Desk, question: str, about: Sequence[str]) -> Iterator[Update]:
        """Streams the answer to a new question, about the slices on show and the region drawn on one."""
        ticked = tuple(name for name in about if name in desk.names) if self.several else ()
        names, region = self._places(desk, ticked or self._about(desk)), desk.region
        number = len(desk.conversation.turns)
        yield {self.box: ""}
        shown: Update = {}
        for shown in self._turn(desk, question, names, number, region):
            yield shown
        if len(desk.conversation.turns) == number:
            yield shown | {self.box: _box(question)}

    def again(self, desk: Desk, message: int, question: str = "") -> Iterator[Update]:
        """Streams the answer to the question of that message once more, or to it reworded; later turns go."""
        number, turns = message // 2, desk.conversation.turns
        if number < len(turns):
            words = html.unescape(question) or turns[number].question
            yield from self._turn(desk, words, turns[number].images, number, turns[number].region)
        else:
            yield self.at_rest(desk)

    def undo(self, desk: Desk, message: int) -> Update:
        """Takes back the question of that message and all after it; its words return to the box."""
        desk.halt("answer")
        number = message // 2
        turns = desk.conversation.turns[number:]
        desk.conversation = desk.conversation.before(number)
        self.keeper.keep(desk)
        words = turns[0].question if turns else ""
        return self.render(desk) | {self.box: _box(words)}

    def stop(self, desk: Desk) -> None:
        desk.stop("answer")

    def render(self, desk: Desk) -> Update:
        """Every component of the pane as this desk has it."""
        return self.at_rest(desk) | self.around(desk)

    def emptied(self, desk: Desk) -> Update:
        """The conversation as it is, and an empty question box."""
        return {**self.at_rest(desk), self.box: _box("")}

    def at_rest(self, desk: Desk) -> Update:
        """The conversation and the question box while nothing is being written."""
        return {
            self.chatbot: offering(messages(desk.conversation), desk.answer),
            self.box: gr.Textbox(submit_btn=True, stop_btn=False),
        }

    def around(self, desk: Desk) -> Update:
        """All the rest, which does not change while an answer is being written."""
        names, choose = list(desk.names), self.several and len(desk.names) > 1
        return {
            self.about: gr.CheckboxGroup(names, value=list(self._about(desk)), visible=choose),
            self.region: self.drawn(desk),
            self.adapter: self.adapters(desk),
            self.corpora: self.looked_up(desk),
            **self.consent.render(desk),
            **self.caution.render(desk),
        }

    def adapters(self, desk: Desk) -> gr.Dropdown:
        """What the model can speak with, once it is loaded; nothing to choose where there is no adapter."""
        names = self.assistant.adapters
        chosen = self.assistant.settings.adapter if desk.adapter is None else desk.adapter
        choices = [("none: the model as it came", ""), *((name, name) for name in names)]
        return gr.Dropdown(choices, value=chosen if chosen in names else "", visible=bool(names))

    def looked_up(self, desk: Desk) -> gr.CheckboxGroup:
        """Which documents there are, and in which of them passages are looked for."""
        names = retrieval.corpora(self.assistant.settings)
        chosen = self.assistant.settings.corpus_names if desk.corpora is None else desk.corpora
        return gr.CheckboxGroup(
            list(names), value=[name for name in chosen if name in names], visible=bool(names)
        )

    def drawn(self, desk: Desk) -> gr.Markdown:
        """The region in words, beside the question it will go with."""
        words = f"▢ {placed(desk.region)}" if desk.region else ""
        return gr.Markdown(words, visible=bool(words))

    def _about(self, desk: Desk) -> tuple[str, ...]:
        """What a question is about when nothing is ticked; a model that takes one sees the one on show."""
        if self.several:
            return desk.about
        return (desk.shown,) if desk.shown else ()

    def _places(self, desk: Desk, names: Sequence[str]) -> tuple[str, ...]:
        """The frames of these pictures that were looked at last; a region brings its own picture first."""
        region = desk.region
        if region is None:
            return tuple(map(desk.place, names))
        others = [name for name in names if name != whose(region.image)] if self.several else []
        return (region.image, *map(desk.place, others))

    def _turn(
        self, desk: Desk, question: str, names: tuple[str, ...], number: int, region: Box | None
    ) -> Iterator[Update]:
        with told(), desk.working("answer") as stop:
            earlier, text = desk.conversation.before(number), ""
            busy = gr.Textbox(submit_btn=False, stop_btn=True)
            yield {self.chatbot: messages(earlier, question, "…"), self.box: busy}
            while not self.loading.wait(0.5) and not stop.is_set():
                yield {self.chatbot: messages(earlier, question, WAITING)}
            while desk.unsearched and not stop.wait(0.1):
                yield {self.chatbot: messages(earlier, question, SEARCHING)}
            earlier = desk.conversation.before(number)
            self.keeper.check(desk)
            pieces = self.assistant.ask(
                earlier,
                question,
                images=names,
                region=region,
                adapter=desk.adapter,
                corpora=desk.corpora,
                stop=stop,
            )
            shown = 0.0
            for piece in () if stop.is_set() else pieces:
                if not desk.owns("answer", stop):
                    break
                if isinstance(piece, Answer):
                    self._record(desk, Turn(question, piece.images or names, piece, region), number)
                    continue
                text += piece if isinstance(piece, str) else ""
                if time.monotonic() - shown >= PACE_SECONDS:
                    shown = time.monotonic()
                    yield {self.chatbot: messages(earlier, question, text or queued(piece))}
        yield self.at_rest(desk)

    def _record(self, desk: Desk, turn: Turn, number: int) -> None:
        """Raises SetupError where it cannot be recorded that this was asked: then it was not."""
        with desk.kept.words:
            self.keeper.asked(desk, turn)
            desk.record(turn, number)
            self.keeper.keep(desk)


def messages(conversation: Conversation, question: str = "", words: str = "") -> list[dict[str, Any]]:
    """The conversation for a `gr.Chatbot`, with the turn in hand at its end.

    One that renders no Markdown still renders HTML, so the words are escaped. The passages under the page
    are those of the last answer: only its citations lead anywhere.
    """
    said = [
        (_escaped(turn.question), _escaped(spoken(turn.answer, turn.region))) for turn in conversation.turns
    ]
    if said and not question:
        said[-1] = (said[-1][0], linked(said[-1][1], conversation.turns[-1].answer))
    if question:
        said.append((_escaped(question), _escaped(words)))
    return [
        {"role": role, "content": text}
        for pair in said
        for role, text in zip(("user", "assistant"), pair, strict=True)
    ]


def _escaped(text: str) -> str:
    return html.escape(text, quote=False)


def offering(said: list[dict[str, Any]], answer: Answer | None) -> list[dict[str, Any]]:
    """The conversation with what might be asked next as chips under its last answer."""
    if not said or answer is None or not answer.next:
        return said
    return [*said[:-1], {**said[-1], "options": [{"value": question} for question in answer.next]}]


def queued(piece: str | Waiting) -> str:
    """What stands in for an answer that has no words yet."""
    if isinstance(piece, str) or not piece.before:
        return "…"
    first = "1 question comes" if piece.before == 1 else f"{piece.before} questions come"
    return f"{first} before yours …"


def _box(words: str) -> gr.Textbox:
    """The question box, at rest, with these words in it."""
    return gr.Textbox(value=words, submit_btn=True, stop_btn=False)
