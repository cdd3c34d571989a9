"""Documents on the page, in Chromium: chosen, looked up, cited, and opened at the sentence."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fakes
import pytest
from playwright.sync_api import expect
from test_assistant_basis import GUIDELINE, QUESTION, assistant, kept

from chat_app.models.scripted import Scripted

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not shutil.which("chromium"), reason="there is no Chromium: apt-get install chromium"),
]

SAID = "A solid nodule of 6 to 8 mm is followed by CT at 6 to 12 months [P1]."


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from browsing import chromium

    with chromium() as started:
        yield started


def test_a_citation_opens_its_passage_at_the_sentence(browser: Any, tmp_path: Path) -> None:
    from browsing import visiting

    model = Scripted(default=SAID)
    settings = kept(tmp_path, guideline=GUIDELINE, stories="A zebra gallops.")
    with fakes.opened(assistant(model, settings), settings) as address, visiting(browser, address) as visitor:
        visitor.example("Abdomen, MR")
        visitor.sees("image 1")
        page = visitor.page
        assert GUIDELINE not in visitor.ask(QUESTION) and GUIDELINE not in model.history[-1][-1].text
        expect(page.locator("#passages")).to_be_hidden()
        page.get_by_label("guideline").check()
        assert "rests on" not in visitor.ask(QUESTION)
        card = page.locator("#passage-1")
        expect(card).to_contain_text("cited, and says so")
        mark = card.locator("mark")
        expect(mark).to_be_hidden()
        page.locator("#chat a", has_text="P1").last.click()
        expect(mark).to_be_in_viewport()
        expect(mark).to_have_text("A solid nodule of 6 to 8 mm is followed by CT at 6 to 12 months.")
        assert visitor.elsewhere == [] and visitor.complaints == []
