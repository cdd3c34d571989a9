"""A visitor in a real browser: what a hand would do on the page, one method a gesture."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect, sync_playwright

# Without a GPU and without WebGL: what the page can do there, it can do anywhere.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-3d-apis",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Generous: a busy machine is slow, not broken.
MILLISECONDS = 30_000
expect.set_options(timeout=MILLISECONDS)

STARTING = """() => { window.hasStarted = false;
const box = document.querySelector("#question");
const look = () => { window.hasStarted ||= box.querySelector(".stop-button") !== null; };
new MutationObserver(look).observe(box, {childList: true, subtree: true, attributes: true}); }"""


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
            self.complaints.append(f"{message.text} {message.location['url']}")

    def drop(self, *paths: Path) -> None:
        self.page.locator("#drop input[type=file]").set_input_files([str(path) for path in paths])

    def open_folder(self, path: Path) -> None:
        with self.page.expect_file_chooser() as chosen:
            self.page.locator("#folder").click()
        chosen.value.set_files(str(path))

    @property
    def port(self) -> Locator:
        """The canvas of the picture on show, with what lies over it."""
        return self.page.locator(".port").first

    @property
    def prior(self) -> Locator:
        return self.page.locator(".port").nth(1)

    def shows(self, frame: int, port: Locator | None = None) -> None:
        """Waits until that frame has been painted."""
        expect(port or self.port).to_have_attribute("data-frame", str(frame))

    def clear(self) -> None:
        """Clears everything away and waits until no picture is shown."""
        self.page.locator("#clear").click()
        expect(self.port).not_to_have_attribute("data-frame", re.compile("."))

    def press(self, *keys: str) -> None:
        for key in keys:
            self.port.press(key)

    def button(self, name: str) -> Locator:
        return self.page.locator(".viewer").get_by_role("button", name=name, exact=True)

    def choose(self, what: str, option: str) -> None:
        self.page.locator(f"[data-choose={what}]").select_option(option)

    def wheel(self, notches: int, port: Locator | None = None) -> None:
        (port or self.port).hover()
        for _ in range(abs(notches)):
            self.page.mouse.wheel(0, 100 if notches > 0 else -100)

    def drag(self, start: tuple[float, float], end: tuple[float, float], button: str = "left") -> None:
        """Drags between two points of the port, in CSS pixels from its corner."""
        place = self.port.bounding_box()
        assert place
        mouse = self.page.mouse
        mouse.move(place["x"] + start[0], place["y"] + start[1])
        mouse.down(button=button)  # type: ignore[arg-type]
        mouse.move(place["x"] + (start[0] + end[0]) / 2, place["y"] + (start[1] + end[1]) / 2)
        mouse.move(place["x"] + end[0], place["y"] + end[1])
        mouse.up(button=button)  # type: ignore[arg-type]

    def settles(self) -> None:
        """Waits until two pictures of the screen have been drawn."""
        self.page.evaluate("() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")

    def region(self) -> tuple[float, ...]:
        """The region that stands beside the question box: x0, y0, x1, y1."""
        words = self.page.locator("#region").inner_text()
        found = re.search(r"(\d+)-(\d+) x (\d+)-(\d+)", words)
        assert found, words
        x0, x1, y0, y1 = map(float, found.groups())
        return x0, y0, x1, y1

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
        with self.starting():
            self.reword(number, question)
        expect(self.page.locator("#chat [data-testid=user]")).to_have_count(number + 1)
        return self.answer()

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Waits until an answer has begun; the page is watched by itself, however quickly that is over."""
        self.page.evaluate(STARTING)
        yield
        self.page.wait_for_function("window.hasStarted")

    def retry(self) -> str:
        with self.starting():
            self.page.locator("#chat").get_by_label("Retry").last.click()
        return self.answer()

    def undo(self) -> None:
        self.page.locator("#chat").get_by_label("Undo").last.click()

    def draft(self, template: str = "General image report") -> None:
        self.page.locator("#template input").click()
        self.page.get_by_role("option", name=template).click()
        self.page.locator("#draft").click()
        expect(self.page.locator("#download")).to_be_visible()

    def statement(self, section: str, number: int = 0) -> Locator:
        """A row of the draft."""
        return self.page.locator(f"[data-section={section}] .statement").nth(number)

    def section(self, name: str) -> str:
        return "\n".join(self.page.locator(f"[data-section={name}] .text").all_inner_texts())

    def decide(self, act: str, section: str, number: int = 0) -> None:
        """Presses a button of a row ("accept", "reject", "reopen", "edit", "show")."""
        self.statement(section, number).locator(f"[data-act={act}]").click()

    def rewrite(self, section: str, text: str, number: int = 0) -> None:
        self.decide("edit", section, number)
        self.statement(section, number).locator("textarea").fill(text)
        self.statement(section, number).locator("textarea").press("Enter")
        expect(self.statement(section, number)).to_contain_text("written by you")

    def add(self, section: str, text: str) -> None:
        box = self.page.locator(f"[data-section={section}] .add")
        box.fill(text)
        box.press("Enter")

    def sign(self, status: str, name: str) -> None:
        self.page.locator(".sign .name").fill(name)
        self.page.locator(".sign").get_by_role("button", name=f"Sign as {status}").click()

    def download(self, ending: str) -> tuple[str, bytes]:
        """The name and the bytes of the file that the browser saves."""
        self.page.locator("#form input").click()
        self.page.get_by_role("option", name=f"({ending})").click()
        with self.page.expect_download() as saved:
            self.page.locator("#download").click()
        return saved.value.suggested_filename, Path(saved.value.path()).read_bytes()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def visiting(browser: Browser, address: str, **screen: Any) -> Iterator[Visitor]:
    """A visitor at that address in a session of its own, at 1280 x 800 unless the screen is another."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **screen})
    yield Visitor(context.new_page(), address)
    context.close()
