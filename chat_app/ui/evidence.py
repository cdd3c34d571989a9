"""Under the conversation: what each sentence of the last answer rests on, and the passages found for it.

A citation in the conversation is a link to the words of the passage that bear it out. Passages and answers
are other people's text: everything is escaped.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

import gradio as gr

from chat_app.records import Answer, Citation, Passage
from chat_app.ui.desk import Desk
from chat_app.ui.words import sources

Update = dict[Any, Any]

CITED = re.compile(r"\[P\d{1,3}(?:, ?P\d{1,3}){0,20}\]")
NUMBER = re.compile(r"P(\d+)")
NOTHING = "No basis was found in the documents."
UNREAD = "This model reads no passages: they were found for you, and the answer does not rest on them."


class Pane:
    """Two folds, of which the second shows once documents were searched."""

    def __init__(self) -> None:
        with gr.Accordion("What each sentence rests on", open=False, elem_id="evidence"):
            self.basis = gr.Markdown(latex_delimiters=[], elem_id="basis")
        self.fold = gr.Accordion("Passages", open=True, visible=False, elem_id="passages")
        with self.fold:
            self.cards = gr.HTML()

    def render(self, desk: Desk) -> Update:
        """Every component of the pane as this desk has it."""
        answer = desk.answer
        return {
            self.basis: sources(answer.statements) if answer else "",
            self.fold: gr.Accordion(visible=bool(answer and answer.corpora)),
            self.cards: cards(answer) if answer else "",
        }


def cards(answer: Answer) -> str:
    """The passages as HTML, each folded under its place, the words that were cited marked."""
    if not answer.passages:
        return f"<p>{NOTHING}</p>"
    unread = f"<p>{UNREAD}</p>" if answer.unread else ""
    return unread + "".join(_card(answer, number) for number in range(1, len(answer.passages) + 1))


def linked(text: str, answer: Answer) -> str:
    """An answer's text, escaped already, in which every citation of a passage leads to it."""
    numbers = range(1, len(answer.passages) + 1)
    left = {number: [(key, each.quote) for key, each in _cited(answer, number)] for number in numbers}

    def link(match: re.Match[str]) -> str:
        number = int(match.group(1))
        if number not in left:
            return match.group()
        # The citations of one passage come in the order of the sentences that they stand in.
        key, quote = left[number].pop(0) if left[number] else ("", "")
        return f'<a href="#{key if quote else f"passage-{number}"}">{match.group()}</a>'

    return CITED.sub(lambda run: NUMBER.sub(link, run.group()), text)


def _card(answer: Answer, number: int) -> str:
    passage, cited = answer.passages[number - 1], list(_cited(answer, number))
    licence = f"<small>{html.escape(passage.licence)}</small>" if passage.licence else ""
    return (
        f'<details id="passage-{number}"><summary>[P{number}] {html.escape(passage.place)} '
        f"<em>{_standing(answer, cited)}</em></summary><p>{_marked(passage, cited)}</p>{licence}</details>"
    )


def _standing(answer: Answer, cited: list[tuple[str, Citation]]) -> str:
    if answer.unread:
        return "found"
    if not cited:
        return "not cited"
    if all(each.is_supported for _, each in cited):
        return "cited, and says so"
    return "cited, but not found to say so"


def _cited(answer: Answer, number: int) -> Iterator[tuple[str, Citation]]:
    """The citations of that passage, each with the name of the place that it marks."""
    for place, each in enumerate(answer.citations):
        if each.number == number:
            yield f"cited-{place}", each


def _marked(passage: Passage, cited: list[tuple[str, Citation]]) -> str:
    """The passage's words, escaped, those that were cited marked; what two citations share is marked once."""
    spans = sorted(
        (passage.text.find(each.quote), each.quote, key)
        for key, each in cited
        if each.quote and each.quote in passage.text
    )
    said, end = "", 0
    for start, quote, key in spans:
        fresh = max(start, end)
        words = html.escape(passage.text[fresh : start + len(quote)])
        said += f'{html.escape(passage.text[end:fresh])}<mark id="{key}">{words}</mark>'
        end = max(end, start + len(quote))
    return said + html.escape(passage.text[end:])
