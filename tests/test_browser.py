"""The page as a person uses it, in Chromium: from a file to a downloaded draft, and nothing beside that."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import fakes
import minds
import pytest
from fakes import Echo, digest_of
from playwright.sync_api import expect

from chat_app import imaging, settings
from chat_app.assistant import Assistant
from chat_app.models import cards
from chat_app.models.local.chat import LocalModel
from chat_app.records import Contract
from chat_app.ui import examples

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not shutil.which("chromium"), reason="there is no Chromium: apt-get install chromium"),
]

HOSTILE = "<img src=x onerror=hit()> [a](javascript:hit()) ${hit()} {{hit()}} $$x$$ <b>bold</b> www.a.example"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from browsing import chromium

    with chromium() as started:
        yield started


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens the page over an assistant, and a visitor on it."""
    from browsing import visiting

    with ExitStack() as stack:

        def start(assistant: Any) -> Any:
            address = stack.enter_context(fakes.opened(assistant))
            return stack.enter_context(visiting(browser, address))

        yield start


def quiet(visitor: Any) -> None:
    """Nothing was asked of another host, nothing went wrong in the browser."""
    assert visitor.elsewhere == []
    assert visitor.complaints == []


def whole_visit(visitor: Any, mark: str) -> None:
    """Three questions, one stopped, one edited, a draft, a section rewritten, two downloads."""
    assert mark in visitor.ask("What is this?")
    assert "turn 2" in visitor.ask("Where is it?")
    visitor.send("Say a great deal: " + "and more " * 400)
    assert "stopped" in visitor.stop()
    assert "turn 2: And how large is it?" in visitor.edit(1, "And how large is it?")
    visitor.draft()
    assert mark in visitor.section("history")
    visitor.rewrite("history", "Written by a person.")
    name, text = visitor.download(".md")
    assert name == "report.md"
    assert b"Written by a person." in text and b"DRAFT" in text
    name, text = visitor.download(".json")
    assert name == "report.json"
    assert json.loads(text)["sections"][0]["statements"][0]["basis"] == "written by you"


def test_an_installed_example_becomes_a_downloaded_draft(visit: Callable[..., Any]) -> None:
    visitor = visit(Echo(pause=0.01))
    visitor.example("Abdomen, MR")
    visitor.sees("image 1 · MR ABDOMEN · 484 x 300")
    whole_visit(visitor, digest_of(examples.installed(examples.INSTALLED[0])))
    quiet(visitor)


def test_a_held_out_film_becomes_a_downloaded_draft(visit: Callable[..., Any], shared_data: Path) -> None:
    film = held_out(shared_data / "cxr_nih")
    visitor = visit(Echo(pause=0.01))
    visitor.drop(film)
    visitor.sees("image 1")
    whole_visit(visitor, digest_of(film))
    quiet(visitor)


def test_nano_takes_a_held_out_film_from_file_to_draft(visit: Callable[..., Any], shared_data: Path) -> None:
    visitor = visit(Assistant(settings.load(environ={})))
    visitor.drop(held_out(shared_data / "cxr_nih", "nih_00001741_002"))
    visitor.sees("image 1")
    assert "chest X-ray" in visitor.ask("What am I looking at?")
    visitor.page.locator("#chat").get_by_role("button", name="Which view is this, AP or PA?").click()
    visitor.says("P")
    expect(visitor.page.locator("#chat [data-testid=user]")).to_have_count(2)
    assert "Right lung [1]" in visitor.ask("Where is the right lung?")
    assert "Left lung [1]" in visitor.ask("And the other one?")
    visitor.reword(2, "Where are both lungs?")
    visitor.says("left lung [2]")
    visitor.draft("Chest radiograph")
    assert "film" in visitor.section("findings").lower()
    _, text = visitor.download(".json")
    report = json.loads(text)
    assert report["status"] == "draft" and report["model"]["name"] == "nano"
    assert report["sections"][3]["statements"][-1]["boxes"]
    quiet(visitor)


def held_out(folder: Path, name: str = "") -> Path:
    """The first picture of the test split, or the one of that name."""
    records = map(json.loads, (folder / "records.jsonl").read_text(encoding="utf-8").splitlines())
    return folder / next(r["image"] for r in records if r["split"] == "test" and name in ("", r["id"]))


def test_hostile_words_are_shown_and_nothing_of_them_runs(visit: Callable[..., Any]) -> None:
    visitor = visit(Echo(reply=HOSTILE))
    visitor.page.evaluate("() => { window.hits = 0; window.hit = () => { window.hits += 1; }; }")
    visitor.example("Abdomen, MR")
    visitor.sees("image 1")
    assert HOSTILE in visitor.ask(HOSTILE)
    visitor.page.get_by_text("What each sentence rests on").click()
    visitor.draft()
    assert visitor.section("history") == HOSTILE
    visitor.rewrite("history", f"{HOSTILE} Another line.")
    visitor.page.wait_for_timeout(500)
    for place in ("#chat .message-wrap", "#basis", ".sections", ".standing"):
        assert visitor.page.locator(f"{place} :is(img[src=x], b, a, script, .katex)").count() == 0
    assert visitor.page.evaluate("window.hits") == 0
    quiet(visitor)


def test_a_draft_is_decided_about_row_by_row_and_signed(visit: Callable[..., Any], tmp_path: Path) -> None:
    visitor = visit(Echo())
    visitor.example("Abdomen, MR")
    visitor.sees("image 1")
    visitor.draft()
    visitor.sign("final", "Dr. Ada Lin")
    visitor.page.get_by_text("This report cannot be signed yet").wait_for()
    visitor.decide("accept", "findings")
    visitor.rewrite("impression", "No acute finding.")
    expect(visitor.statement("impression").locator("ins").first).to_be_visible()
    visitor.add("findings", "A small cyst.")
    expect(visitor.statement("findings", 1)).to_contain_text("written by you")
    visitor.decide("reject", "findings", 1)
    visitor.sign("final", "Dr. Ada Lin")
    expect(visitor.page.locator(".signatures")).to_contain_text("Signed as final by Dr. Ada Lin")
    expect(visitor.page.locator("[data-act=edit]")).to_have_count(0)
    report = json.loads(visitor.download(".json")[1])
    assert report["status"] == "final"
    visitor.page.get_by_role("button", name="Begin an amendment").click()
    visitor.rewrite("impression", "Small cyst.")
    visitor.sign("amended", "Dr. Ada Lin")
    expect(visitor.page.locator(".signatures")).to_contain_text("Signed as amended")
    quiet(visitor)


def test_a_draft_is_decided_about_without_a_mouse(visit: Callable[..., Any]) -> None:
    visitor = visit(Echo())
    visitor.example("Abdomen, MR")
    visitor.sees("image 1")
    visitor.draft()
    row = visitor.statement("findings")
    row.focus()
    visitor.page.keyboard.press("a")
    expect(row).to_have_attribute("data-review", "accepted")
    expect(row).to_be_focused()
    visitor.page.keyboard.press("u")
    expect(row).to_have_attribute("data-review", "open")
    visitor.page.keyboard.press("e")
    expect(row.locator("textarea")).to_be_focused()
    visitor.page.keyboard.press("Control+A")
    visitor.page.keyboard.type("By hand.")
    visitor.page.keyboard.press("Enter")
    expect(row).to_have_attribute("data-review", "edited")
    visitor.page.keyboard.press("ArrowDown")
    expect(visitor.statement("impression")).to_be_focused()
    visitor.page.keyboard.press("r")
    expect(visitor.statement("impression")).to_have_attribute("data-review", "rejected")
    quiet(visitor)


def test_a_correction_in_words_is_proposed_and_taken_over(visit: Callable[..., Any]) -> None:
    visitor = visit(Echo(reply="Nodule in the right upper lobe, 4 mm."))
    visitor.example("Abdomen, MR")
    visitor.sees("image 1")
    visitor.draft()
    visitor.send("The nodule is 6 mm.")
    proposal = visitor.page.locator(".proposals .row").first
    expect(proposal).to_contain_text("Nodule in the right upper lobe, 6 mm.")
    expect(visitor.statement("findings")).to_contain_text("4 mm")
    proposal.get_by_role("button", name="Take over").click()
    expect(visitor.statement("findings").locator("ins")).to_have_text("6")
    visitor.page.get_by_role("button", name="Leave").click()
    expect(visitor.page.locator(".proposals")).to_be_hidden()
    expect(visitor.page.locator("#chat [data-testid=user]")).to_have_count(0)
    quiet(visitor)


def test_a_critical_finding_is_answered_before_a_report_is_final(visit: Callable[..., Any]) -> None:
    visitor = visit(Echo(reply="Large left pneumothorax."))
    visitor.example("Abdomen, MR")
    visitor.sees("image 1")
    visitor.draft()
    alarm = visitor.page.locator(".alarm")
    expect(alarm).to_contain_text("Possible critical finding, pneumothorax: verify now.")
    for section in ("findings", "impression"):
        visitor.decide("accept", section)
        expect(visitor.statement(section)).to_have_attribute("data-review", "accepted")
    visitor.sign("final", "Dr. Ada Lin")
    visitor.page.get_by_text("Say what was done about it").first.wait_for()
    alarm.locator("input").fill("Ward called by me at 12:00.")
    alarm.locator("input").press("Tab")
    expect(visitor.page.locator(".hindrances")).to_have_text("")
    visitor.sign("final", "Dr. Ada Lin")
    expect(visitor.page.locator(".signatures")).to_contain_text("Signed as final by Dr. Ada Lin")
    quiet(visitor)


def test_a_sentence_leads_to_its_box_and_a_box_to_its_sentence(visit: Callable[..., Any]) -> None:
    visitor = visit(Echo())
    visitor.example("Abdomen, MR")
    visitor.sees("image 1")
    visitor.draft()
    visitor.shows(1)
    visitor.statement("impression").get_by_role("button", name="Box 2").click()
    expect(visitor.statement("impression")).to_have_class(re.compile("pointed"))
    expect(visitor.page.locator(".label").first).to_have_text("half")
    visitor.port.get_by_role("button", name="Box 1:").click()
    expect(visitor.statement("findings")).to_have_class(re.compile("pointed"))
    expect(visitor.statement("impression")).not_to_have_class(re.compile("pointed"))
    quiet(visitor)


def test_a_cine_opens_as_a_stack_to_be_scrolled(visit: Callable[..., Any]) -> None:
    visitor = visit(Echo())
    visitor.example("Heart, ultrasound, 30 frames")
    visitor.sees("30 frames")
    visitor.shows(1)
    visitor.wheel(6)
    visitor.shows(7)
    quiet(visitor)


def test_a_picture_with_a_name_in_it_waits_for_a_look(
    visit: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def held(*args: Any, **kwargs: Any) -> imaging.Opened:
        images = study(*args, **kwargs).images
        return imaging.Opened(tuple(replace(image, caution=f"Look first. {HOSTILE}") for image in images))

    study = imaging.study
    monkeypatch.setattr(imaging, "study", held)
    visitor = visit(Echo())
    strip = visitor.page.locator("#caution")
    visitor.example("Abdomen, MR")
    visitor.sees("image 1")
    assert HOSTILE in strip.inner_text()
    visitor.page.locator("#looked").click()
    strip.wait_for(state="hidden")
    visitor.example("Spine, CT")
    visitor.sees("image 2")
    visitor.page.locator("#leave").click()
    visitor.sees("image 1")
    assert visitor.ask("What?").startswith("image 1 is")
    quiet(visitor)


def test_retry_undo_and_clear_follow_the_record(visit: Callable[..., Any]) -> None:
    visitor = visit(Echo(pause=0.05))
    visitor.example("Abdomen, MR")
    visitor.sees("image 1")
    visitor.ask("First?")
    assert "turn 1: First?" in visitor.retry()
    visitor.ask("Second?")
    visitor.undo()
    expect_turns(visitor, 1)
    assert visitor.page.locator("#question textarea").input_value() == "Second?"
    visitor.page.locator("#clear").click()
    expect_turns(visitor, 0)
    assert visitor.ask("Third?").startswith("no picture, turn 1")
    quiet(visitor)


def expect_turns(visitor: Any, count: int) -> None:
    from playwright.sync_api import expect

    expect(visitor.page.locator("#chat [data-testid=user]")).to_have_count(count)


def test_a_closed_tab_ends_its_answer(visit: Callable[..., Any]) -> None:
    echo = Echo(pause=0.05, reply="word " * 2000)
    visitor = visit(echo)
    visitor.send("Go on and on")
    visitor.page.wait_for_selector("#question .stop-button")
    visitor.page.close()
    deadline = time.monotonic() + 60
    while not echo.left and time.monotonic() < deadline:
        time.sleep(0.1)
    assert echo.left == 1


def test_a_closed_tab_frees_the_model(
    visit: Callable[..., Any], picture: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = minds.engine("llava-15-7b")
    monkeypatch.setattr(engine, "_ends", set())
    card = replace(cards.card("llava-15-7b"), contract=Contract(112, "pad", 1, context=8192))
    chosen = settings.Settings(max_new_tokens=4000)
    visitor = visit(Assistant(chosen, LocalModel(engine=engine, max_new_tokens=4000), card))
    visitor.drop(picture())
    visitor.shows(1)
    visitor.send("Go on and on")
    visitor.page.wait_for_selector("#question .stop-button")
    deadline = time.monotonic() + 60
    while not engine.writing and time.monotonic() < deadline:
        time.sleep(0.01)
    assert engine.writing
    visitor.page.close()
    while engine.busy and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not engine.busy
    engine.close()
