"""A visitor in a real browser: what a hand would do on the page, one method a gesture."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import ConsoleMessage, Page, expect, sync_playwright

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Generous: a busy machine is slow, not broken.
MILLISECONDS = 30_000
expect.set_options(timeout=MILLISECONDS)


class Visitor:
    """One page opened at `address`; `elsewhere` and `complaints` collect what must stay empty."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.elsewhere: list[str] = []
        self.complaints: list[str] = []
        page.set_default_timeout(MILLISECONDS)
        page.on("request", lambda request: self._seen(request.url, address))
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(address)
        expect(page.locator("#question textarea")).to_be_visible()

    def _seen(self, url: str, address: str) -> None:
        if not url.startswith((address, "data:", "blob:")):
            self.elsewhere.append(url)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def drop(self, *paths: Path) -> None:
        self.page.locator("#drop input[type=file]").set_input_files([str(path) for path in paths])

    def example(self, label: str) -> None:
        self.page.get_by_text(label, exact=True).click()

    def sees(self, caption: str) -> None:
        """Waits until the picture on show has a caption with these words."""
        expect(self.page.locator("#caption")).to_contain_text(caption)

    def send(self, question: str) -> None:
        box = self.page.locator("#question textarea")
        box.fill(question)
        box.press("Enter")

    def ask(self, question: str) -> str:
        """Sends a question and waits for the whole answer."""
        turns = self.page.locator("#chat [data-testid=user]").count()
        self.send(question)
        expect(self.page.locator("#chat [data-testid=user]")).to_have_count(turns + 1)
        return self.answer()

    def answer(self) -> str:
        """The last answer, once nothing is being said any more."""
        expect(self.page.locator("#question .submit-button")).to_be_visible()
        return self.page.locator("#chat [data-testid=bot]").last.inner_text()

    def stop(self) -> str:
        """Stops the answer after its first words."""
        expect(self.page.locator("#chat [data-testid=bot]").last).not_to_have_text("…")
        self.page.locator("#question .stop-button").click()
        return self.answer()

    def reword(self, number: int, question: str) -> None:
        """Changes the question of that turn (from 0)."""
        chat = self.page.locator("#chat")
        chat.get_by_label("Edit").nth(number).click()
        chat.locator("textarea").fill(question)
        chat.get_by_label("Submit").click()

    def says(self, words: str) -> None:
        """Waits until the last answer has these words."""
        expect(self.page.locator("#chat [data-testid=bot]").last).to_contain_text(words)

    def edit(self, number: int, question: str) -> str:
        """Changes the question of that turn (from 0) and waits for its answer."""
        self.reword(number, question)
        self.starts()
        expect(self.page.locator("#chat [data-testid=user]")).to_have_count(number + 1)
        return self.answer()

    def starts(self) -> None:
        """Waits until an answer is being given."""
        expect(self.page.locator("#question .stop-button")).to_be_visible()

    def retry(self) -> str:
        self.page.locator("#chat").get_by_label("Retry").last.click()
        self.starts()
        return self.answer()

    def undo(self) -> None:
        self.page.locator("#chat").get_by_label("Undo").last.click()

    def draft(self, template: str = "General image report") -> None:
        self.page.locator("#template input").click()
        self.page.get_by_role("option", name=template).click()
        self.page.locator("#draft").click()
        expect(self.page.locator("#download-markdown")).to_be_visible()

    def section(self, number: int) -> str:
        return self.page.locator(f"#section-{number} textarea").input_value()

    def rewrite(self, number: int, text: str) -> None:
        box = self.page.locator(f"#section-{number} textarea")
        box.fill(text)
        box.blur()

    def download(self, kind: str) -> tuple[str, str]:
        """The name and the text of the file that the browser saves."""
        with self.page.expect_download() as saved:
            self.page.locator(f"#download-{kind}").click()
        return saved.value.suggested_filename, Path(saved.value.path()).read_text(encoding="utf-8")


@contextmanager
def visiting(address: str) -> Iterator[Visitor]:
    """A visitor at that address in Debian's Chromium, at 1280 x 800."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        yield Visitor(browser.new_page(viewport={"width": 1280, "height": 800}), address)
        browser.close()
