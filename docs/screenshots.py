"""Makes the README's pictures of the page, from pydicom's own files alone: `python docs/screenshots.py`.

It needs the extra `test` and Debian's Chromium.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FOLDER = HERE / "screenshots"

sys.path[:0] = [str(HERE.parent), str(HERE.parent / "tests")]


def main() -> None:
    import fakes
    from browsing import chromium, visiting

    from chat_app import settings
    from chat_app.assistant import Assistant

    FOLDER.mkdir(exist_ok=True)
    with fakes.opened(Assistant(settings.load())) as address, chromium() as browser:
        with visiting(browser, address) as visitor:
            talk(visitor)
        with visiting(browser, address) as visitor:
            compare(visitor)


def talk(visitor: Any) -> None:
    """A conversation about a picture nano does not know, and a draft from it."""
    visitor.example("Abdomen, MR")
    visitor.sees("image 1")
    visitor.ask("What kind of image is this?")
    visitor.ask("Is there a lung in it?")
    take(visitor, "page")
    visitor.page.get_by_text("What the model saw").click()
    take(visitor, "seen")
    visitor.page.get_by_text("What the model saw").click()
    visitor.draft()
    take(visitor, "draft")


def compare(visitor: Any) -> None:
    """Two pictures side by side, and a region drawn on one."""
    visitor.example("Spine, CT")
    visitor.sees("image 1")
    visitor.example("Head, CT")
    visitor.sees("image 2")
    visitor.choose("compare", "image 1")
    visitor.press("b")
    visitor.drag((60, 150), (120, 210))
    visitor.settles()
    take(visitor, "viewer")


def take(visitor: Any, name: str) -> None:
    visitor.page.evaluate("scrollTo(0, 0)")
    visitor.page.wait_for_timeout(1000)
    visitor.page.screenshot(path=FOLDER / f"{name}.png")


if __name__ == "__main__":
    main()
