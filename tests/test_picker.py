"""A study is sought and opened from the page; its UID stays on the server, what was found is forgotten."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from dicoms import dicom
from pydicom.uid import generate_uid

from chat_app.dicomweb import Found, Server
from chat_app.errors import SetupError
from chat_app.imaging.limits import Limits
from chat_app.ui import picker
from chat_app.ui.desk import Desk

UID = "1.2.826.0.1.3680043.8.498.4711"
HOSTILE = Found(UID, "<img src=x onerror=hit()>", "ID-1", "2024-05-01", "09:15", ("CR",), "Chest", 1, 2)


class Archive(Server):
    """A server that holds one study of two films and breaks off after `whole` of them."""

    def __init__(self, whole: int = 2, warning: str = "") -> None:
        self.whole, self.warning = whole, warning
        self.asked: list[str] = []

    def search(self, text: str = "", *, modality: str = "", limit: int = 50) -> list[Found]:
        self.asked.append(text)
        if text == "broken":
            raise SetupError("The DICOMweb server cannot be reached.")
        return [] if text == "nobody" else [HOSTILE]

    def receive(
        self, study_uid: str, into: Path, *, series_uid: str = "", limits: Limits | None = None
    ) -> Generator[Path, None, None]:
        assert study_uid == UID
        for number in range(2):
            if number == self.whole:
                raise SetupError("The connection to the DICOMweb server broke off: try again.")
            path = into / f"{number + 1:04d}.dcm"
            path.write_bytes(dicom(SOPInstanceUID=generate_uid(), SeriesInstanceUID=generate_uid()))
            yield path


@pytest.fixture(autouse=True)
def uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    sentences: list[str] = []
    monkeypatch.setattr("chat_app.ui.faults.say", sentences.append)
    return sentences


def laid(server: Server | None) -> picker.Pane:
    with gr.Blocks():
        return picker.Pane(server)


def choices(pane: picker.Pane, update: dict[Any, Any]) -> list[tuple[str, str]]:
    return list(update[pane.studies].choices)


def test_the_pane_is_hidden_without_a_server(said: list[str]) -> None:
    pane, desk = laid(None), Desk()
    pane.search(desk, "Quill")
    assert not pane.whole.visible
    assert said == ["No DICOMweb server is named: start Lightbox with LIGHTBOX_DICOMWEB set."]


def test_the_browser_gets_a_key_and_no_uid() -> None:
    pane, desk = laid(Archive()), Desk()
    [(words, key)] = choices(pane, pane.search(desk, "img"))
    assert words == "2024-05-01 09:15 · <img src=x onerror=hit()> (ID-1) · CR · Chest · 1 series, 2 files"
    assert UID not in words + key
    assert desk.found == {key: HOSTILE}


def test_a_chosen_study_is_opened_and_forgotten(uploads: Path) -> None:
    pane, desk = laid(Archive()), Desk()
    [(_, key)] = choices(pane, pane.search(desk, ""))
    *busy, last = pane.fetch(desk, key)
    assert any("Receiving file 1 of 2" in str(update.get(pane.words)) for update in busy)
    assert desk.names == ("image 1", "image 2")
    assert desk.found == {}
    assert choices(pane, last) == []
    assert not list(uploads.glob("study-*"))


def test_a_transfer_that_breaks_off_opens_nothing(uploads: Path, said: list[str]) -> None:
    pane, desk = laid(Archive(whole=1)), Desk()
    [(_, key)] = choices(pane, pane.search(desk, ""))
    last = list(pane.fetch(desk, key))[-1]
    assert said == ["The connection to the DICOMweb server broke off: try again."]
    assert desk.names == ()
    assert [each for _, each in choices(pane, last)] == [key]
    assert not list(uploads.glob("study-*"))


@pytest.mark.parametrize("end", [Desk.clear, lambda desk: desk.stop("study")])
def test_a_stopped_transfer_opens_nothing(uploads: Path, end: Any) -> None:
    pane, desk = laid(Archive()), Desk()
    [(_, key)] = choices(pane, pane.search(desk, ""))
    for update in pane.fetch(desk, key):
        if "Receiving" in str(update.get(pane.words)):
            end(desk)
    assert desk.names == ()
    assert not list(uploads.glob("study-*"))


@pytest.mark.parametrize("key", [None, "", "0", UID])
def test_a_study_that_was_not_found_cannot_be_opened(said: list[str], key: str | None) -> None:
    pane, desk = laid(Archive()), Desk()
    pane.search(desk, "")
    list(pane.fetch(desk, key))
    assert said == ["No study is chosen: search, and choose one of those found."]


def test_a_line_of_an_earlier_search_opens_nothing(said: list[str]) -> None:
    pane, desk = laid(Archive()), Desk()
    [(_, key)] = choices(pane, pane.search(desk, "first"))
    pane.search(desk, "second")
    list(pane.fetch(desk, key))
    assert desk.names == ()


def test_a_search_that_finds_nothing_or_fails_says_so(said: list[str]) -> None:
    pane, desk = laid(Archive()), Desk()
    pane.search(desk, "")
    assert "No study was found" in pane.search(desk, "nobody")[pane.words]
    assert choices(pane, pane.search(desk, "broken")) == []
    assert said == ["The DICOMweb server cannot be reached."]
    assert desk.found == {}


def test_the_desk_forgets_what_was_found_when_it_is_cleared() -> None:
    pane, desk = laid(Archive()), Desk()
    pane.search(desk, "")
    desk.clear()
    assert desk.found == {}
