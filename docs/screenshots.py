"""Makes the README's pictures of the page, from pydicom's own files alone: `python docs/screenshots.py`.

It needs the extra `test` and Debian's Chromium.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = HERE / "screenshots"

sys.path[:0] = [str(HERE.parent), str(HERE.parent / "tests")]


def main() -> None:
    import fakes
    from browsing import Visitor, visiting

    from chat_app import settings
    from chat_app.assistant import Assistant

    FOLDER.mkdir(exist_ok=True)

    def take(visitor: Visitor, name: str) -> None:
        visitor.page.wait_for_timeout(500)
        visitor.page.screenshot(path=FOLDER / f"{name}.png")

    with fakes.opened(Assistant(settings.load())) as address, visiting(address) as visitor:
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


if __name__ == "__main__":
    main()
