"""The page over its model: whose conversation it is, who waits, which adapter speaks, what may leave."""

from __future__ import annotations

import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import fakes
import gradio as gr
import minds
import numpy as np
import pytest
from fakes import Echo
from gradio_client import Client, handle_file
from PIL import Image as Pillow

from chat_app.assistant import Assistant
from chat_app.models import cards
from chat_app.models.local.chat import LocalModel
from chat_app.models.local.engine import Engine
from chat_app.models.scripted import Scripted
from chat_app.records import Contract, Conversation, Image
from chat_app.settings import Settings
from chat_app.ui.desk import Desk
from chat_app.ui.page import Page

HOST = "models.hospital.example"


def image(name: str = "image 1") -> Image:
    return Image(name, np.full((40, 60), 90, np.uint8), "0" * 64, "PNG", "CR", "CHEST")


def desk() -> Desk:
    made = Desk()
    made.add(image())
    return made


def page(assistant: Any) -> Page:
    made = Page(assistant, assistant.settings, fakes.NoNetwork())
    made.loading.start()
    made.loading.wait(30)
    return made


def visitor(address: str) -> Client:
    return Client(
        address, verbose=False, analytics_enabled=False, download_files=False, ssl_verify=False
    )


def kept(engine: Engine) -> set[str]:
    """Whose conversations the model holds."""
    return engine.call(lambda: {prefix.owner for prefix in engine.prefixes._kept})


def texts(page: Page, updates: Iterator[dict[Any, Any]]) -> list[str]:
    """What the last bubble showed, update by update."""
    shown = [update[page.chat.chatbot] for update in updates if page.chat.chatbot in update]
    return [messages[-1]["content"] for messages in shown if messages]


# Whose it is


def test_every_session_is_an_owner_of_its_own(tmp_path: Any) -> None:
    echo = Echo()
    with fakes.opened(echo) as address:
        for _ in range(3):
            visitor(address).predict("Who?", [], api_name="/ask")
    assert len(set(echo.owners)) == 3


def test_clearing_the_desk_makes_the_model_forget_and_the_owner_new() -> None:
    echo, here = Echo(), desk()
    before = here.conversation.owner
    page(echo).clear(here)
    assert echo.forgotten == [before] and here.conversation.owner != before


def test_a_new_chat_about_the_same_pictures_is_the_same_owner_s() -> None:
    echo, here = Echo(), desk()
    before = here.conversation.owner
    page(echo).forget(here)
    assert here.conversation.owner == before and not echo.forgotten


def test_two_desks_over_one_model_share_nothing_of_what_it_read() -> None:
    engine = minds.engine("llava-15-7b")
    card = replace(cards.card("llava-15-7b"), contract=Contract(112, "pad", 1, context=2048))
    assistant = Assistant(Settings(max_new_tokens=8), LocalModel(engine=engine, max_new_tokens=8), card)
    made, desks = page(assistant), [desk(), desk()]
    for each in (*desks, *desks):
        list(made.ask(each, "What is it?", []))
    owners = [each.conversation.owner for each in desks]
    assert kept(engine) == set(owners) and len(set(owners)) == 2
    made.clear(desks[0])
    assert kept(engine) == {owners[1]}
    engine.close()


# Who waits


def test_who_waits_is_told_how_many_questions_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat_app.ui.chat.PACE_SECONDS", 0)
    made, here = page(Echo(waits=(2, 1, 0))), desk()
    shown = texts(made, made.ask(here, "When?", []))
    assert shown[1:4] == ["2 questions come before yours …", "1 question comes before yours …", "…"]
    assert "When?" in shown[-1]


def test_visitors_beyond_the_model_s_places_see_how_many_come_first(tmp_path: Path) -> None:
    engine = minds.engine("llava-15-7b", slots=1)
    engine._ends.clear()
    card = replace(cards.card("llava-15-7b"), contract=Contract(112, "pad", 1, context=2048))
    model = LocalModel(engine=engine, max_new_tokens=150)
    film = tmp_path / "film.png"
    Pillow.fromarray(np.full((20, 30), 90, np.uint8)).save(film)
    with fakes.opened(Assistant(Settings(max_new_tokens=150), model, card)) as address:
        visitors = [visitor(address) for _ in range(6)]
        for each in visitors:
            each.predict([handle_file(str(film))], api_name="/open")
        asked = [each.submit("What is it?", [], api_name="/ask") for each in visitors]
        shown = [repr(list(job)) for job in asked]
    assert sum("before yours" in each for each in shown) >= 4
    assert not engine.busy
    engine.close()


def test_words_that_come_fast_are_shown_together() -> None:
    made, here = page(Echo(reply="word " * 500)), desk()
    shown = texts(made, made.ask(here, "Go on", []))
    assert len(shown) < 100
    assert shown[-1].count("word") == 500


# Which adapter


def test_the_adapters_of_the_model_can_be_chosen_once_it_is_loaded() -> None:
    made = page(Echo(adapters=("breast", "nerve")))
    picker = made.progress(desk())[made.chat.adapter]
    assert isinstance(picker, gr.Dropdown) and picker.visible
    assert [value for _, value in picker.choices] == ["", "breast", "nerve"]


def test_the_picker_shows_what_the_desk_speaks_with() -> None:
    made, here = page(Echo(adapters=("breast", "nerve"))), desk()
    made.speak(here, "nerve")
    assert made.progress(here)[made.chat.adapter].value == "nerve"
    assert made.answered(here)[made.chat.adapter].value == "nerve"
    assert made.clear(here)[made.chat.adapter].value == ""


def test_without_an_adapter_there_is_nothing_to_choose() -> None:
    made = page(Echo())
    assert not made.progress(desk())[made.chat.adapter].visible


def test_each_desk_speaks_with_the_adapter_it_chose() -> None:
    echo, first, second = Echo(adapters=("breast",)), desk(), desk()
    made = page(echo)
    made.speak(first, "breast")
    for each in (first, second):
        list(made.ask(each, "What is it?", []))
    assert echo.spoken == ["breast", None]


# What may leave


def elsewhere(scripted: Scripted) -> Assistant:
    contract = Contract(64, "pad", 1, "", 4096)
    card = cards.Card(f"openai:llava@http://{HOST}/v1", "for tests", "-", "-", contract, 4, host=HOST)
    return Assistant(Settings(), scripted, card)


def test_nothing_is_sent_before_the_person_agrees(scripted: Scripted) -> None:
    made, here = page(elsewhere(scripted.enqueue("It is normal."))), desk()
    assert made.chat.render(here)[made.chat.consent.strip].visible
    with pytest.warns(UserWarning, match=f"answers on {HOST}: agree"):
        list(made.ask(here, "Is it normal?", []))
    assert not scripted.history and not here.conversation.turns
    made.chat.consent.agree(here)
    assert not made.chat.render(here)[made.chat.consent.strip].visible
    list(made.ask(here, "Is it normal?", []))
    assert len(scripted.history) == 1 and len(here.conversation.turns) == 1


def test_the_strip_says_when_the_way_is_open_to_others(scripted: Scripted) -> None:
    strip = page(elsewhere(scripted)).chat.consent.strip
    assert "encrypt" in repr([getattr(each, "value", "") for each in strip.children])


def test_a_draft_is_not_sent_either(scripted: Scripted) -> None:
    made, here = page(elsewhere(scripted)), desk()
    with pytest.warns(UserWarning, match="agree"):
        list(made.report.draft(here, "general", *[""] * len(made.report.fields)))
    assert not scripted.history


def test_who_agreed_does_so_for_this_session_alone(scripted: Scripted) -> None:
    made, first, second = page(elsewhere(scripted)), desk(), desk()
    made.chat.consent.agree(first)
    assert made.chat.render(second)[made.chat.consent.strip].visible
    made.clear(first)
    assert made.chat.render(first)[made.chat.consent.strip].visible


def test_a_model_on_this_machine_asks_for_no_agreement() -> None:
    made, here = page(Echo()), desk()
    assert not made.chat.render(here)[made.chat.consent.strip].visible
    assert Conversation().agreed == ()


# What a visit costs


class Weighty(Echo):
    """An assistant that must never be copied, as one with a model's weights."""

    def __deepcopy__(self, memo: object) -> Any:
        raise AssertionError("the assistant was copied")


def test_a_visit_copies_neither_the_assistant_nor_its_model() -> None:
    with fakes.opened(Weighty()) as address:
        with urllib.request.urlopen(address, timeout=30) as reply:
            assert reply.status == 200
        assert "Who?" in repr(visitor(address).predict("Who?", [], api_name="/ask"))


def test_while_words_come_only_the_conversation_is_drawn() -> None:
    made, here = page(Echo(reply="word " * 20)), desk()
    parts = {part for update in made.ask(here, "Go on", []) for part in update}
    assert parts == {made.desk, made.chat.chatbot, made.chat.box}
    assert made.evidence.basis in made.answered(here) and made.viewer.picture in made.answered(here)


def test_clear_in_mid_answer_leaves_nothing_of_the_person_in_the_model() -> None:
    engine = minds.engine("llava-15-7b")
    engine._ends.clear()
    card = replace(cards.card("llava-15-7b"), contract=Contract(112, "pad", 1, context=8192))
    model = LocalModel(engine=engine, max_new_tokens=4000)
    made, here = page(Assistant(Settings(max_new_tokens=4000), model, card)), desk()
    asking = threading.Thread(target=lambda: list(made.ask(here, "Go on and on", [])))
    asking.start()
    deadline = time.monotonic() + 60
    while not engine.writing and time.monotonic() < deadline:
        time.sleep(0.01)
    made.clear(here)
    asking.join(60)
    assert kept(engine) == set() and not engine.busy
    assert not list(engine._features._kept) and not list(engine.reader._prepared._kept)
    engine.close()
