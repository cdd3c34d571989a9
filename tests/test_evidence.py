"""Passages under the conversation: folded, marked where they were cited, and nothing in them alive."""

from __future__ import annotations

import html
import re
from dataclasses import replace

from chat_app.records import Answer, Citation, ModelId, Passage
from chat_app.ui.chat import messages
from chat_app.ui.evidence import NOTHING, UNREAD, cards, linked

FIRST = Passage(
    "a", "Small nodules are left. Large ones are <b>followed</b>. All are old.", "Nodules", page=3
)
SECOND = Passage("b", "The liver is dark.", "<i>Liver</i>", licence="CC BY & more")


def answer(text: str, *citations: Citation, **others: object) -> Answer:
    made = Answer(text, ModelId("m", ""), "p", 0, citations=citations)
    return replace(made, **{"corpora": ("c",), "passages": (FIRST, SECOND), **others})


def cited(number: int, quote: str = "", *, is_supported: bool = True) -> Citation:
    return Citation(number, "Said.", "a", is_supported, quote)


def test_the_cited_words_are_marked_and_the_rest_stands_around_them() -> None:
    shown = cards(answer("It is [P1].", cited(1, "Large ones are <b>followed</b>.")))
    assert 'mark id="cited-0">Large ones are &lt;b&gt;followed&lt;/b&gt;.</mark> All are old.' in shown
    assert "Nodules, page 3" in shown and "cited, and says so" in shown and "not cited" in shown


def test_overlapping_words_are_marked_once_and_none_is_lost() -> None:
    quotes = (
        "Small nodules are left. Large ones are <b>followed</b>.",
        "Large ones are <b>followed</b>. All",
    )
    shown = cards(answer("It [P1]. It [P1].", *(cited(1, quote) for quote in quotes)))
    card = shown.split("</details>")[0].partition("<p>")[2].partition("</p>")[0]
    assert html.unescape(re.sub(r"</?mark[^>]*>", "", card)) == FIRST.text
    assert card.count("<mark") == 2


def test_a_passage_and_its_title_are_text() -> None:
    shown = cards(answer("It is.", cited(1)))
    assert "<b>" not in shown and "<i>" not in shown and "CC BY &amp; more" in shown


def test_what_was_not_found_to_say_so_is_called_that() -> None:
    assert "cited, but not found to say so" in cards(answer("It [P2].", cited(2, is_supported=False)))


def test_no_basis_and_passages_that_the_model_did_not_read_are_said() -> None:
    assert NOTHING in cards(answer("It is.", passages=()))
    assert UNREAD in cards(answer("It is.", unread=True))


def test_each_citation_leads_to_the_words_of_its_own_sentence() -> None:
    said = answer("A [P1]. B [P1, P2].", cited(1, "Small"), cited(1, "Large"), cited(2))
    links = re.findall(r'href="#([^"]+)">(P\d)', linked(said.text, said))
    assert links == [("cited-0", "P1"), ("cited-1", "P1"), ("passage-2", "P2")]


def test_a_number_of_no_passage_leads_nowhere() -> None:
    said = answer("A [P7].")
    assert linked(said.text, said) == said.text


def test_only_the_last_answer_has_links() -> None:
    from chat_app.records import Conversation, Turn

    said = answer("A [P1].", cited(1))
    talk = Conversation().with_turn(Turn("One?", (), said)).with_turn(Turn("Two?", (), said))
    first, last = (each["content"] for each in messages(talk) if each["role"] == "assistant")
    assert "<a" not in first and "<a" in last
    assert not any("<a" in each["content"] for each in messages(talk, "Three?", "…"))
