"""Cases on the page in Chromium: a reload brings one back, two clicks delete it, nobody sees another's."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import fakes
import pytest
from fakes import Echo
from playwright.sync_api import expect

from chat_app.settings import Settings

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not shutil.which("chromium"), reason="there is no Chromium: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from browsing import chromium

    with chromium() as started:
        yield started


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """A visitor at an address, in a browser of their own."""
    from browsing import visiting

    with ExitStack() as stack:
        yield lambda address: stack.enter_context(visiting(browser, address))


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """The address of a page that keeps cases, listening at that host."""
    with ExitStack() as stack:

        def start(host: str = "127.0.0.1") -> str:
            chosen = Settings(data=str(tmp_path / "data"), host=host)
            return stack.enter_context(fakes.opened(Echo(), chosen)).replace("0.0.0.0", "127.0.0.1")

        yield start


def quiet(visitor: Any) -> None:
    assert visitor.elsewhere == []
    assert visitor.complaints == []


def has_a_case(visitor: Any) -> None:
    """Opens a picture, asks, drafts, decides, and waits until the strip has the case."""
    visitor.example("Abdomen, MR")
    visitor.sees("image 1")
    visitor.ask("What is this?")
    visitor.draft()
    visitor.decide("accept", "findings")
    expect(visitor.statement("findings")).to_have_attribute("data-review", "accepted")
    expect(visitor.page.locator("#earlier")).to_be_visible()


def test_a_reload_brings_the_case_back_and_two_clicks_delete_it(
    visit: Callable[..., Any], page: Callable[..., str]
) -> None:
    visitor = visit(page())
    expect(visitor.page.locator("#earlier")).not_to_be_visible()
    has_a_case(visitor)
    visitor.page.reload()
    visitor.sees("image 1 · MR ABDOMEN")
    visitor.shows(1)
    visitor.says("turn 1: What is this?")
    expect(visitor.statement("findings")).to_have_attribute("data-review", "accepted")
    assert "turn 2" in visitor.ask("And where?")
    visitor.page.locator("#earlier").get_by_text("Earlier cases").click()
    visitor.page.locator("#cases").get_by_text("2 questions · report: draft · on the page now").click()
    visitor.page.locator("#delete-case").click()
    expect(visitor.page.locator("#delete-case")).to_have_text("Delete for good")
    visitor.page.locator("#delete-case").click()
    expect(visitor.page.locator("#earlier")).not_to_be_visible()
    expect(visitor.page.locator("#chat [data-testid=user]")).to_have_count(0)
    visitor.page.reload()
    expect(visitor.page.locator("#question textarea")).to_be_visible()
    expect(visitor.page.locator("#earlier")).not_to_be_visible()
    quiet(visitor)


def test_a_cleared_case_is_opened_again_from_the_strip(
    visit: Callable[..., Any], page: Callable[..., str]
) -> None:
    visitor = visit(page())
    has_a_case(visitor)
    visitor.clear()
    visitor.page.locator("#earlier").get_by_text("Earlier cases").click()
    visitor.page.locator("#cases").get_by_text("1 question · report: draft").click()
    visitor.page.locator("#open-case").click()
    visitor.shows(1)
    visitor.says("turn 1: What is this?")
    quiet(visitor)


def test_two_browsers_at_a_shared_address_keep_their_own_cases(
    visit: Callable[..., Any], page: Callable[..., str]
) -> None:
    address = page("0.0.0.0")
    mine, theirs = visit(address), visit(address)
    has_a_case(mine)
    theirs.page.reload()
    mine.page.reload()
    mine.shows(1)
    mine.says("turn 1: What is this?")
    expect(mine.page.locator("#earlier")).to_be_visible()
    expect(theirs.page.locator("#question textarea")).to_be_visible()
    expect(theirs.page.locator("#earlier")).not_to_be_visible()
    stored = theirs.page.evaluate("() => Object.keys(localStorage)")
    assert "lightbox-browser" in stored
    # Another tab of the same browser: the list, and no picture of anybody.
    tab = mine.page.context.new_page()
    tab.goto(address)
    expect(tab.locator("#earlier")).to_be_visible()
    assert not tab.locator(".port").first.get_attribute("data-frame")
    expect(tab.locator("#chat [data-testid=user]")).to_have_count(0)
    quiet(mine)
    quiet(theirs)
