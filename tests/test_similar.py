"""Similar cases on the page: one's own alone, reports as text, pictures held back left alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import NoNetwork
from PIL import Image as Pillow

from chat_app import imaging
from chat_app.assistant import Assistant
from chat_app.records import Similar
from chat_app.retrieval.cases.index import index
from chat_app.settings import Settings
from chat_app.ui import keeping
from chat_app.ui.desk import Desk
from chat_app.ui.page import Page
from chat_app.ui.similar import NOTHING, STANDING, cards

CASE = Similar("films", 3, 0.91, "CR", "CHEST", "<b>Effusion</b> & more.", b"\x89PNG")


@pytest.fixture
def nano(tmp_path: Path) -> Assistant:
    return Assistant(Settings(data=str(tmp_path / "data")))


def film(folder: Path, name: str, seed: int) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 255, (64, 64), dtype=np.uint8)
    Pillow.fromarray(pixels).resize((256, 256)).save(folder / f"{name}.png")
    return folder / f"{name}.png"


def library(folder: Path, assistant: Assistant, owner: str) -> Path:
    """Keeps two cases for this owner; gives a picture that looks like the first, in another file."""
    place = folder / "past"
    place.mkdir()
    first = film(place, "a", 1)
    film(place, "b", 2)
    (place / "a.txt").write_text("The first <i>report</i>.")
    index(place, "films", assistant.settings, owner, assistant.tower)
    Pillow.open(first).save(folder / "again.png", compress_level=0)
    return folder / "again.png"


def desk_with(path: Path) -> Desk:
    desk = Desk()
    desk.add(replace(imaging.read(path, name="image 1"), caution=""))
    desk.show("image 1")
    return desk


def page(assistant: Assistant) -> Page:
    settings = assistant.settings
    return Page(assistant, settings, NoNetwork(), keeping.opened(settings))


def test_a_report_is_text_and_what_alike_means_is_said() -> None:
    shown = cards([CASE])
    assert STANDING in shown and "&lt;b&gt;Effusion&lt;/b&gt; &amp; more." in shown
    assert "case 3 of films, CR, CHEST" in shown and "data:image/png;base64," in shown
    assert NOTHING in cards([])


def test_the_page_finds_the_case_that_looks_like_the_picture_on_show(nano: Assistant, tmp_path: Path) -> None:
    desk = desk_with(library(tmp_path, nano, nano.settings.user))
    made = page(nano)
    assert made.similar.render(desk)[made.similar.fold].visible
    *_, last = made.similar.find(desk)
    assert "The first &lt;i&gt;report&lt;/i&gt;." in last[made.similar.cases]
    made.keeper.close()


def test_nobody_sees_that_somebody_else_has_a_library(nano: Assistant, tmp_path: Path) -> None:
    desk = desk_with(library(tmp_path, nano, "somebody else"))
    made = page(nano)
    assert not made.similar.render(desk)[made.similar.fold].visible
    made.keeper.close()
