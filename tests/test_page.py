"""The page without a browser: what it shows of a desk, and that no two people ever see each other's."""

from __future__ import annotations

import base64
import io
import shutil
import socket
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import fakes
import gradio as gr
import numpy as np
import pytest
from dicoms import series
from fakes import Echo, digest, digest_of
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from orthanc import PASSWORD, USER, Orthanc
from PIL import Image as Pillow

from chat_app.dicomweb import Server
from chat_app.errors import InputError, ModelError
from chat_app.imaging import burned
from chat_app.records import (
    Answer,
    Box,
    Contract,
    Conversation,
    Image,
    ModelId,
    Report,
    Section,
    Source,
    Statement,
    Turn,
)
from chat_app.settings import Settings
from chat_app.ui import chat, components, examples, intake, sheet, viewer, words
from chat_app.ui.desk import Desk
from chat_app.ui.loading import Loading
from chat_app.ui.page import DELETE, Page, private_folder

MODEL = ModelId("echo", "0" * 64)
HOSTILE = "<img src=x onerror=alert(1)> [x](javascript:alert(1)) ${1+1} {{1+1}} $$x$$"


@pytest.fixture
def unsearched(monkeypatch: pytest.MonkeyPatch) -> None:
    """As without the extra "ocr": many pictures are opened, and what is in them is not the question."""
    monkeypatch.setattr(burned.words, "available", lambda: False)


@pytest.fixture
def opened() -> Iterator[Callable[..., str]]:
    """Opens a page over an assistant and gives its address; closed after the test."""
    with ExitStack() as stack:
        yield lambda assistant: stack.enter_context(fakes.opened(assistant))


def image(name: str = "image 1", rows: int = 40, columns: int = 60) -> Image:
    return Image(name, np.full((rows, columns), 90, np.uint8), name, "PNG", "CR", "CHEST")


def answer(text: str = "Clear.", boxes: tuple[Box, ...] = (), warnings: tuple[str, ...] = ()) -> Answer:
    statements = (Statement(text, Source.SEEN, "seen in image 1", boxes),)
    return Answer(text, MODEL, "p", 0, statements, boxes, warnings)


# What is shown


def test_a_picture_travels_as_its_own_pixels() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (8, 9, 3), dtype=np.uint8)
    kind, data = components.data_url(pixels).split(",")
    assert kind == "data:image/png;base64"
    assert np.array_equal(np.asarray(Pillow.open(io.BytesIO(base64.b64decode(data)))), pixels)


def test_an_answer_shows_what_it_rests_on_and_its_warnings() -> None:
    assert words.spoken(answer("Clear.", warnings=("Small picture.",))).splitlines() == [
        "Clear.",
        "↳ seen in image 1",
        "⚠ Small picture.",
    ]


def test_hostile_words_stay_words_in_the_sources() -> None:
    shown = words.sources([Statement(HOSTILE, Source.SEEN, "a"), Statement("x", Source.SEEN, "b")])
    assert "<" not in shown and r"\[x\]" in shown and r"\$\{1" in shown


def test_messages_come_from_the_record() -> None:
    conversation = Conversation().with_turn(Turn("What?", ("image 1",), answer()))
    assert [each["content"] for each in chat.messages(conversation, "And?", "…")] == [
        "What?",
        "Clear.\n↳ seen in image 1",
        "And?",
        "…",
    ]


def test_a_draft_says_its_status_and_what_rests_on_nothing() -> None:
    unsupported = Statement("Stable.", Source.UNSUPPORTED, "no basis")
    draft = Report("general", "G", (Section("f", "F", (unsupported,)),), MODEL, "p", 0)
    shown = sheet.value(Desk(), draft, sheet.standing(draft))
    assert "Status: draft" in shown["standing"] and "not for clinical use" in shown["standing"]
    assert shown["sections"][0]["statements"][0]["source"] == "unsupported"
    assert "resting on nothing" in shown["hindrances"][0]


def test_only_statements_of_the_draft_can_be_named() -> None:
    section = Section("f", "F", (Statement("A.", Source.SEEN, "seen"),))
    draft = Report("general", "G", (section,), MODEL, "p", 0)
    assert sheet.place(draft, {"section": "f", "statement": 0}) == ("f", 0)
    for name, number in (("", 0), ("x", 0), ("f", 1), ("f", "0"), ("f", None)):
        said = {"section": name, "statement": number}
        with pytest.raises(InputError, match="not in this draft"):
            sheet.place(draft, said)


# The desk


def test_a_late_answer_does_not_undo_an_upload() -> None:
    desk = Desk()
    desk.add(image())
    with desk.working("answer") as stop:
        desk.add(image("image 2"))
        assert desk.owns("answer", stop)
        desk.record(Turn("What?", ("image 1",), answer()), 0)
    assert desk.names == ("image 1", "image 2")


def test_clearing_ends_the_work_and_disowns_it() -> None:
    desk = Desk()
    with desk.working("answer") as stop:
        desk.clear()
        assert stop.is_set() and not desk.owns("answer", stop)


def test_work_ends_when_its_page_is_left() -> None:
    desk = Desk()

    def work() -> Iterator[threading.Event]:
        with desk.working("answer") as stop:
            yield stop

    working = work()
    stop = next(working)
    working.close()
    assert stop.is_set() and not desk.work


def test_an_answer_about_another_picture_brings_it_on_show() -> None:
    desk = Desk()
    desk.add(image())
    desk.add(image("image 2"))
    desk.record(Turn("Where?", ("image 1",), answer(boxes=(Box(0, 0, 9, 9, "", "image 1"),))), 0)
    assert desk.shown == "image 1"


# Loading and examples


def test_a_model_that_cannot_be_loaded_says_so() -> None:
    def load(progress: Callable[[str], None]) -> None:
        raise ModelError("The weights are missing: install again.")

    loading = Loading(load)
    loading.start()
    with pytest.raises(ModelError, match="weights are missing"):
        loading.wait(5)
    assert loading.words == "The weights are missing: install again."


@pytest.mark.parametrize("example", examples.INSTALLED, ids=lambda each: each.label)
def test_installed_examples_open_without_a_network(example: examples.Example, no_internet: None) -> None:
    desk = Desk()
    examples.place(desk, example)
    assert desk.names == ("image 1",)
    desk.clear()


@pytest.fixture
def no_internet(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise OSError("no network here")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_a_fetched_file_of_other_bytes_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "other"
    path.write_bytes(b"something else")
    example = examples.Example("Film", address=path.as_uri(), sha256="0" * 64)
    with pytest.raises(InputError, match="not the file"), examples.fetched(example):
        pass


def test_the_fetched_film_is_the_one_of_the_shared_data(shared_data: Path) -> None:
    path = shared_data / "dicom" / "cr_chest_mono1_j2k.dcm"
    with examples.fetched(replace(examples.FETCHED[0], address=path.as_uri())) as fetched:
        assert fetched.read_bytes() == path.read_bytes()


def test_nothing_is_asked_of_a_host_before_a_click(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, port: asked.append(host) or ["an address"])
    monkeypatch.setattr(socket.socket, "connect", lambda *_: asked.append("connect"))
    network = examples.Network()
    network._look()
    assert network.reached and asked == ["github.com"]


def test_without_a_network_the_fetched_examples_stay_hidden(no_internet: None) -> None:
    network = examples.Network()
    network.start()
    deadline = time.monotonic() + 10
    while not network.ended and time.monotonic() < deadline:
        time.sleep(0.02)
    assert network.ended and not network.reached


def test_a_file_larger_than_the_setting_allows_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    Pillow.effect_noise((1200, 1200), 90).save(path)
    here, desk = Page(Echo(), Settings(upload_mb=1)), Desk()  # type: ignore[arg-type]
    list(here.open(desk, [path]))
    assert desk.names == ()
    list(Page(Echo(), Settings(upload_mb=9)).open(desk, [path]))  # type: ignore[arg-type]
    assert desk.names == ("image 1",)


def test_uploads_stay_with_the_desk_and_go_with_it(tmp_path: Path) -> None:
    desk, film = Desk(), written(tmp_path / "a", 10, "Doe^Jane.png")
    intake.take(desk, [film])
    film.unlink()
    assert desk.folder and desk.image and desk.image.stack
    folder = Path(desk.folder.name)
    assert folder.stat().st_mode & 0o777 == 0o700 and "Doe" not in str(list(folder.iterdir()))
    assert desk.image.stack.frame(1).values.shape == (20, 30)
    desk.clear()
    assert not folder.exists()


def test_a_zip_opens_as_what_is_in_it(tmp_path: Path) -> None:
    films = [written(tmp_path / str(grey), grey) for grey in (10, 200)]
    with zipfile.ZipFile(tmp_path / "both.zip", "w") as archive:
        for number, film in enumerate(films):
            archive.write(film, f"{number}")
        archive.writestr("notes", "no picture at all")
    desk = Desk()
    with pytest.warns(UserWarning, match="holds no picture|not a picture|cannot"):
        intake.take(desk, [tmp_path / "both.zip"])
    assert desk.names == ("image 1", "image 2")
    desk.clear()


def test_a_full_desk_takes_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MOST_PICTURES", 2)
    desk = Desk()
    with pytest.warns(UserWarning, match="at most 2"):
        intake.take(desk, [written(tmp_path / str(grey), grey) for grey in (10, 100, 200)])
    assert desk.names == ("image 1", "image 2")
    desk.clear()


def test_only_what_was_laid_out_stands_on_the_page() -> None:
    demo = Page(Echo(), Settings()).demo  # type: ignore[arg-type]
    top = [
        block for block in demo.children if not isinstance(block, (gr.Row, gr.Markdown, gr.State, gr.Timer))
    ]
    assert top == []


# The whole, through its own front door


def opening(client: Client, path: Path) -> Any:
    return client.predict([handle_file(str(path))], api_name="/open")


def asking(client: Client, question: str) -> str:
    """The text of the last message after asking."""
    messages = client.predict(question, [], api_name="/ask")[0]
    return str(messages[-1]["content"][0]["text"])


def client(address: str) -> Client:
    # Plain http on this host: reading the certificates of the world would take longer than the answer.
    return Client(
        address,
        verbose=False,
        analytics_enabled=False,
        download_files=False,
        ssl_verify=False,
        httpx_kwargs={"timeout": 60},
    )


def written(folder: Path, value: int, name: str = "film.png") -> Path:
    """A picture of one grey in a folder of its own, so that two of the same name differ."""
    folder.mkdir()
    Pillow.fromarray(np.full((20, 30), value, np.uint8)).save(folder / name)
    return folder / name


def test_an_upload_is_read_asked_about_and_drafted(opened: Callable[..., str], tmp_path: Path) -> None:
    visitor, film = client(opened(Echo())), written(tmp_path / "a", 10)
    opening(visitor, film)
    assert asking(visitor, "What is it?").startswith(f"image 1 is {digest_of(film)}, turn 1: What is it?")
    assert "turn 2: And now?" in asking(visitor, "And now?")
    sections = visitor.predict("general", *typed(visitor), api_name="/draft")
    assert digest_of(film) in str(sections)


def test_the_template_for_what_a_file_states_is_chosen_beforehand() -> None:
    here, desk = Page(Echo(), Settings()), Desk()  # type: ignore[arg-type]
    intake.add(desk, Image("image 1", np.zeros((9, 9), np.uint8), "0" * 64, "DICOM", "CR", "CHEST"))
    assert here.report.fitted(desk) == {here.report.template: "chest-radiograph"}
    intake.add(desk, Image("image 2", np.zeros((9, 9), np.uint8), "1" * 64, "PNG"))
    assert here.report.fitted(desk) == {here.report.template: gr.skip()}


def typed(visitor: Client) -> list[str]:
    """Nothing typed, once for each field of the draft pane."""
    return [""] * (len(visitor.view_api(return_format="dict")["named_endpoints"]["/draft"]["parameters"]) - 1)


def test_only_deliberate_names_are_public(opened: Callable[..., str]) -> None:
    endpoints = client(opened(Echo())).view_api(return_format="dict")["named_endpoints"]
    assert set(endpoints) == {
        "/open", "/example", "/ask", "/draft", "/export", "/clear"
    }  # fmt: skip


def test_a_cine_opens_whole_at_its_first_frame(opened: Callable[..., str], unsearched: None) -> None:
    visitor, cine = client(opened(Echo())), examples.installed(examples.INSTALLED[-1])
    opening(visitor, cine)
    (first,) = intake.imaging.study([cine]).images
    first = intake.imaging.checked(first)
    assert asking(visitor, "What?").startswith(f"image 1, frame 1 is {digest(first)}")


def test_the_same_file_is_not_opened_twice(opened: Callable[..., str], tmp_path: Path) -> None:
    visitor, film = client(opened(Echo())), written(tmp_path / "a", 10)
    opening(visitor, film)
    opening(visitor, shutil.copy(film, tmp_path / "renamed.png"))
    assert "image 2" not in asking(visitor, "What?")


def test_a_fault_leaves_the_conversation_as_it_was(opened: Callable[..., str], tmp_path: Path) -> None:
    visitor, text = client(opened(Echo())), tmp_path / "text.png"
    text.write_text("no picture at all")
    opening(visitor, written(tmp_path / "a", 10))
    asking(visitor, "What?")
    opening(visitor, text)
    messages = visitor.predict("   ", [], api_name="/ask")[0]
    assert [each["role"] for each in messages] == ["user", "assistant"]
    assert "turn 2" in asking(visitor, "And?")


def test_a_fault_of_ours_shows_and_logs_nothing_of_it(
    opened: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Echo):
        def ask(self, *args: Any, **kwargs: Any) -> Iterator[str | Answer]:
            raise ValueError("Doe^Jane 12345")

    visitor = client(opened(Broken()))
    assert visitor.predict("What?", [], api_name="/ask")[0] == []
    assert "ValueError" in caplog.text and "Doe" not in caplog.text


def test_a_question_waits_for_the_model(opened: Callable[..., str]) -> None:
    gate = threading.Event()
    visitor = client(opened(Echo(gate=gate)))
    job = visitor.submit("What?", [], api_name="/ask")
    deadline = time.monotonic() + 10
    while not any(chat.WAITING in str(each) for each in job.outputs()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert any(chat.WAITING in str(each) for each in job.outputs())
    gate.set()
    assert "turn 1: What?" in str(job.result(timeout=10)[0])


def test_files_of_one_name_never_mix(opened: Callable[..., str], tmp_path: Path) -> None:
    address = opened(Echo(pause=0.02))
    films = [written(tmp_path / "a", 10), written(tmp_path / "b", 200)]
    both = threading.Barrier(2)

    def visit(film: Path) -> str:
        visitor = client(address)
        opening(visitor, film)
        both.wait(10)
        said = asking(visitor, "What is it?")
        return said + str(visitor.predict("general", *typed(visitor), api_name="/draft"))

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(visit, films)
    mine, other = digest_of(films[0]), digest_of(films[1])
    assert mine in first and other not in first
    assert other in second and mine not in second


@pytest.mark.usefixtures("unsearched")
def test_fifty_quick_conversations_stay_apart(opened: Callable[..., str], tmp_path: Path) -> None:
    address = opened(Echo())
    films = [written(tmp_path / str(number), number) for number in range(50)]
    digests = [digest_of(film) for film in films]

    def visit_some(numbers: Sequence[int]) -> list[str]:
        visitor, said = client(address), []
        for number in numbers:
            visitor.reset_session()
            opening(visitor, films[number])
            said.append(asking(visitor, f"Question {number}?"))
        return said

    with ThreadPoolExecutor(5) as pool:
        every = list(pool.map(visit_some, [range(start, 50, 5) for start in range(5)]))
    for start, answers in enumerate(every):
        for number, said in zip(range(start, 50, 5), answers, strict=True):
            assert said.startswith(f"image 1 is {digests[number]}, turn 1: Question {number}?")


@pytest.mark.usefixtures("unsearched")
def test_one_file_dropped_by_many_at_once_opens_for_all(opened: Callable[..., str], tmp_path: Path) -> None:
    address, film = opened(Echo()), written(tmp_path / "a", 10)

    def visit(_: int) -> str:
        visitor = client(address)
        opening(visitor, film)
        return asking(visitor, "What?")

    with ThreadPoolExecutor(6) as pool:
        assert all(digest_of(film) in said for said in pool.map(visit, range(6)))


def test_no_picture_is_written_to_the_disk(opened: Callable[..., str], tmp_path: Path) -> None:
    visitor, film = client(opened(Echo())), written(tmp_path / "a", 10)
    before = set(Path(private_folder()).rglob("*.*"))
    opening(visitor, film)
    asking(visitor, "What?")
    asking(visitor, "And?")
    assert [path.name for path in set(Path(private_folder()).rglob("*.*")) - before] == [film.name]


def test_uploads_do_not_outlive_their_minute() -> None:
    page = Page(Echo(), Settings()).demo  # type: ignore[arg-type]
    assert page.delete_cache == DELETE and sum(DELETE) <= 70


def test_several_pictures_can_be_chosen_among(opened: Callable[..., str], tmp_path: Path) -> None:
    visitor, films = client(opened(Echo())), [written(tmp_path / str(grey), grey) for grey in (10, 200)]
    visitor.predict([handle_file(str(film)) for film in films], api_name="/open")
    both = asking(visitor, "What are they?")
    assert both.startswith(f"image 1 is {digest_of(films[0])} and image 2 is {digest_of(films[1])}")
    messages = visitor.predict("And this?", ["image 2"], api_name="/ask")[0]
    assert messages[-1]["content"][0]["text"].startswith("image 2 is")


def test_a_model_of_one_picture_is_asked_about_the_one_on_show(
    opened: Callable[..., str], tmp_path: Path
) -> None:
    visitor = client(opened(Echo(contract=Contract(size=64, most_images=1))))
    for grey in (10, 200):
        opening(visitor, written(tmp_path / str(grey), grey))
    assert asking(visitor, "What is it?").startswith("image 2 is")


def test_no_file_is_written_beside_the_modules() -> None:
    """gradio writes a .pyi file beside a module that subclasses one of its components."""
    assert not list(Path(viewer.__file__).parent.glob("*.pyi"))


def test_a_study_is_sought_in_the_archive_and_opened(
    settings: Settings, orthanc: Orthanc, tmp_path: Path
) -> None:
    folder = series(tmp_path / "ct", [0, 5, 10], PatientID="page-1", StudyInstanceUID="1.2.3.9.1")
    Server(orthanc.url, user=USER, password=PASSWORD).push([folder])
    named = {"dicomweb": orthanc.url, "dicomweb_user": USER, "dicomweb_password": PASSWORD}
    page, desk = Page(Echo(), replace(settings, **named), fakes.NoNetwork()), Desk()
    page.picker.search(desk, "page-1")
    (key,) = desk.found
    *_, last = page.fetch(desk, key)
    assert desk.images[0].frames == 3
    assert "3 slices" in last[page.viewer.caption]


def test_without_an_archive_there_is_nothing_to_search(settings: Settings) -> None:
    assert not Page(Echo(), settings, fakes.NoNetwork()).picker.whole.visible


def test_a_picture_is_held_until_it_was_searched_and_no_longer(tmp_path: Path) -> None:
    desk = Desk()
    intake.place(desk, [written(tmp_path / "a", 10)])
    assert desk.image and desk.image.caution == intake.SEARCHING
    assert list(intake.search(desk)) == ["image 1"]
    assert not desk.image.caution and not desk.unsearched


def test_a_search_that_finds_nothing_leaves_the_viewer_alone(tmp_path: Path) -> None:
    desk, pane = Desk(), viewer.Pane()
    intake.place(desk, [written(tmp_path / "a", 10)])
    before = pane.value(desk)["item"]
    list(intake.search(desk))
    assert pane.value(desk)["item"] == before


def test_a_picture_that_was_blacked_out_is_fetched_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def masked(image: Image) -> Image:
        assert image.stack
        return replace(image, stack=burned.Masked(image.stack, (Box(0, 0, 5, 5),)), caution="Look.")

    monkeypatch.setattr(intake.imaging, "checked", masked)
    desk, pane = Desk(), viewer.Pane()
    intake.place(desk, [written(tmp_path / "a", 10)])
    token = pane.value(desk)["item"]["base"].split("/")[1]
    list(intake.search(desk))
    assert pane.value(desk)["item"]["base"].split("/")[1] != token
    assert pane.lending.frame(token, "1") is None


def test_a_picture_that_cannot_be_searched_waits_for_a_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Image) -> Image:
        raise InputError("This frame is damaged: export it again.")

    desk = Desk()
    intake.place(desk, [written(tmp_path / "a", 10)])
    monkeypatch.setattr(intake.imaging, "checked", broken)
    with pytest.raises(InputError):
        list(intake.search(desk))
    assert desk.image and desk.image.caution == intake.UNSEARCHED


def test_a_search_that_ends_after_clear_brings_nothing_back(tmp_path: Path) -> None:
    desk = Desk()
    intake.place(desk, [written(tmp_path / "a", 10)])
    searching = intake.search(desk)
    next(searching)
    desk.clear()
    intake.place(desk, [written(tmp_path / "b", 200)])
    assert list(searching) == []
    assert desk.image and desk.image.caution == intake.SEARCHING
    assert desk.image.pixels.max() == 200


def test_a_fault_of_ours_puts_nothing_of_a_patient_into_the_log(
    opened: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any, caplog: Any
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("Quill^Harriet, 31.12.1962")

    visitor = client(opened(Echo()))
    monkeypatch.setattr(viewer.Pane, "render", broken)
    with pytest.raises(AppError, match="reference"):
        opening(visitor, written(tmp_path / "a", 10))
    printed = "".join(capfd.readouterr()) + caplog.text
    assert "ValueError" in caplog.text
    assert "Quill" not in printed and "1962" not in printed
