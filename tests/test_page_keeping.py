"""The page keeps cases: what is kept is what is on the desk, is its owner's, comes back as it was."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import fakes
import identifiers
import numpy as np
import pytest
from dicoms import series
from fakes import Echo, digest_of
from gradio_client import Client, handle_file
from keeping import same, stacked

from chat_app import audit, store
from chat_app.errors import SetupError
from chat_app.imaging import burned
from chat_app.records import Review, Status
from chat_app.settings import NOWHERE, Settings
from chat_app.store import database, frames
from chat_app.store.arrays import packed, unpacked
from chat_app.ui import faults, keeping, report
from chat_app.ui.desk import Desk
from chat_app.ui.page import Page

HERE = Path(__file__).parent
MakeFile = Callable[..., Path]


@pytest.fixture(autouse=True)
def unsearched(monkeypatch: pytest.MonkeyPatch) -> None:
    """As without the extra "ocr": what is burnt into pixels is not the question here."""
    monkeypatch.setattr(burned.words, "available", lambda: False)


@pytest.fixture
def chosen(tmp_path: Path) -> Settings:
    return Settings(data=str(tmp_path / "data"))


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the page says of faults, each as often as it does."""
    sentences: list[str] = []
    monkeypatch.setattr(faults, "say", sentences.append)
    return sentences


def page(chosen: Settings, assistant: Any = None) -> Page:
    """One more start of the page over what is kept there, its model loaded."""
    made = Page(assistant or Echo(), chosen, fakes.NoNetwork(), keeping.opened(chosen))
    made.loading.start()
    made.loading.wait(10)
    return made


def open_(page: Page, desk: Desk, *paths: Path) -> None:
    list(page.open(desk, list(paths)))


def ask(page: Page, desk: Desk, question: str = "What is it?") -> str:
    list(page.ask(desk, question, []))
    return desk.conversation.turns[-1].answer.text if desk.conversation.turns else ""


def draft(page: Page, desk: Desk, template: str = "general") -> None:
    list(page.report.draft(desk, template, *[""] * len(page.report.fields)))


def decide(page: Page, desk: Desk, event: str = "decide", **said: Any) -> None:
    said = {"section": "history", "statement": 0, "decision": "accept", **said}
    page.report.change(desk, said, report.CHANGES[event], report.action(event))


def cases(page: Page, desk: Desk) -> list[str]:
    return [each.id for each in page.keeper.cases(desk)]


def again(chosen: Settings, case: str = "", assistant: Any = None) -> tuple[Page, Desk]:
    """Another start of the page, with its newest case, or that one, opened on a fresh desk."""
    restarted, desk = page(chosen, assistant), Desk()
    list(restarted.earlier.reopen(desk, case or cases(restarted, desk)[0]))
    return restarted, desk


def visit(page: Page, desk: Desk, film: Path) -> None:
    """A picture, two questions, a draft, a decision, an edit."""
    open_(page, desk, film)
    ask(page, desk)
    ask(page, desk, "And where?")
    draft(page, desk)
    decide(page, desk)
    decide(page, desk, "reword", text="Written by a person.")


def equal(one: Desk, other: Desk) -> bool:
    """Whether both hold the same pictures frame by frame, the same turns, the same draft."""
    if not same(one.conversation, other.conversation) or not same(one.report, other.report):
        return False
    for mine, theirs in zip(one.images, other.images, strict=True):
        for number in range(1, mine.frames + 1) if mine.stack and theirs.stack else ():
            if not np.array_equal(mine.stack.frame(number).values, theirs.stack.frame(number).values):
                return False
    return True


def written(folder: Path) -> bytes:
    """All bytes of all files that are kept."""
    return b"".join(each.read_bytes() for each in sorted(folder.rglob("*")) if each.is_file())


def events(chosen: Settings) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (chosen.folder / "audit.jsonl").read_text().splitlines()]


# What is on the desk is kept


def test_a_case_is_found_again_after_a_restart_as_it_was(chosen: Settings, dicom: MakeFile) -> None:
    here, desk = page(chosen), Desk()
    visit(here, desk, dicom(pixels=np.arange(24 * 30 * 4, dtype=np.uint16).reshape(4, 24, 30)))
    _, found = again(chosen)
    assert desk.images[0].frames == 4 and len(desk.conversation.turns) == 2
    assert equal(desk, found)
    assert found.shown == "image 1" and found.case == desk.case


def test_a_visit_over_the_line_is_kept_and_goes_on_after_a_restart(
    chosen: Settings, picture: MakeFile
) -> None:
    film = picture()
    with fakes.opened(Echo(), chosen) as address:
        visitor = Client(address, verbose=False, analytics_enabled=False, ssl_verify=False)
        visitor.predict([handle_file(str(film))], api_name="/open")
        visitor.predict("What is it?", [], api_name="/ask")
        fields = visitor.view_api(return_format="dict")["named_endpoints"]["/draft"]["parameters"]
        visitor.predict("general", *[""] * (len(fields) - 1), api_name="/draft")
    restarted, desk = again(chosen)
    assert desk.report and desk.report.status is Status.DRAFT
    assert ask(restarted, desk, "And now?") == f"image 1 is {digest_of(film)}, turn 2: And now?"


def test_every_version_of_a_draft_is_kept_in_order(chosen: Settings, picture: MakeFile) -> None:
    here, desk = page(chosen), Desk()
    open_(here, desk, picture())
    draft(here, desk, "chest-radiograph")
    assert desk.report
    names = [each.name for each in desk.report.sections]
    with ThreadPoolExecutor(4) as pool:  # all at once: none of them is lost
        list(pool.map(lambda name: decide(here, desk, section=name), names))
    _, reports = here.keeper.store.bring_back(desk.case, "local")
    assert [each.version for each in reports] == list(range(1, len(names) + 2))
    assert same(reports[-1], desk.report)
    accepted = [each.statements[0].review for each in reports[-1].sections]
    assert accepted == [Review.ACCEPTED] * len(names)


def test_undo_rewording_and_a_new_conversation_cut_what_is_kept(chosen: Settings, picture: MakeFile) -> None:
    def questions() -> list[str]:
        return [each.question for each in here.keeper.store.bring_back(desk.case, "local")[0].turns]

    here, desk = page(chosen), Desk()
    open_(here, desk, picture())
    for question in ("One?", "Two?", "Three?"):
        ask(here, desk, question)
    assert questions() == ["One?", "Two?", "Three?"]
    list(here.chat.again(desk, 2, "Reworded?"))
    assert questions() == ["One?", "Reworded?"]
    here.chat.undo(desk, 2)
    assert questions() == ["One?"]
    here.forget(desk)
    assert questions() == []


def test_a_picture_is_kept_once_somebody_has_looked(
    chosen: Settings, dicom: MakeFile, said: list[str]
) -> None:
    here, desk = page(chosen), Desk()
    open_(here, desk, dicom(Modality="US"))
    assert desk.image and desk.image.caution and cases(here, desk) == []
    list(here.looked(desk))
    assert again(chosen)[1].names == ("image 1",) and said == []


def test_a_picture_that_is_left_out_leaves_the_case(chosen: Settings, picture: MakeFile) -> None:
    here, desk = page(chosen), Desk()
    open_(here, desk, picture("a.png"), picture("b.png", np.full((9, 9), 7, np.uint8)))
    desk.leave_out("image 1")
    here.keeper.keep_pictures(desk)
    assert again(chosen)[1].names == ("image 2",)


def test_clearing_everything_begins_a_case_and_keeps_the_old_one(chosen: Settings, picture: MakeFile) -> None:
    here, desk = page(chosen), Desk()
    visit(here, desk, picture("a.png"))
    before = desk.case
    here.clear(desk)
    assert desk.case == "" and cases(here, desk) == [before]
    open_(here, desk, picture("b.png", np.full((9, 9), 7, np.uint8)))
    assert set(cases(here, desk)) == {before, desk.case} and desk.case != before
    assert len(again(chosen, before)[1].conversation.turns) == 2


def test_clearing_while_frames_are_being_kept_loses_none(
    chosen: Settings, tmp_path: Path, picture: MakeFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    going, on, decoded = threading.Event(), threading.Event(), frames.decoded

    def slowly(*given: Any) -> Iterator[Any]:
        going.set()
        on.wait(30)
        return decoded(*given)

    monkeypatch.setattr(frames, "decoded", slowly)
    here, desk = page(chosen), Desk()
    slices = sorted(series(tmp_path / "ct", range(0, 60, 3)).iterdir())
    opening = threading.Thread(target=open_, args=(here, desk, *slices, picture()))
    opening.start()
    assert going.wait(10) and desk.folder
    case, folder = desk.case, Path(desk.folder.name)
    began = time.monotonic()
    here.clear(desk)
    assert time.monotonic() - began < 10 and folder.exists()  # nobody waits for the frames
    on.set()
    opening.join(30)
    found = again(chosen, case)[1]
    assert sorted(each.frames for each in found.images) == [1, 20]
    assert all(each.stack.frame(each.frames).values.size for each in found.images if each.stack)
    deadline = time.monotonic() + 10
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not folder.exists()


# Faults


def test_a_fault_of_the_store_is_said_once_and_made_good_later(
    chosen: Settings, picture: MakeFile, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    def full(*_: object) -> None:
        raise SetupError(database.UNREADABLE)

    here, desk = page(chosen), Desk()
    open_(here, desk, picture())
    with monkeypatch.context() as broken:
        broken.setattr(here.keeper.store, "keep_turn", full)
        ask(here, desk, "One?")
        ask(here, desk, "Two?")
    assert said == [database.UNREADABLE] and len(desk.conversation.turns) == 2
    ask(here, desk, "Three?")
    assert [each.question for each in again(chosen)[1].conversation.turns] == ["One?", "Two?", "Three?"]


def test_nothing_is_done_that_cannot_be_recorded(chosen: Settings, picture: MakeFile) -> None:
    here, desk = page(chosen), Desk()
    visit(here, desk, picture("a.png"))
    turns, draft_, case = desk.conversation.turns, desk.report, desk.case
    (chosen.folder / "audit.head").write_bytes(b"changed")
    with pytest.warns(UserWarning, match="record of who did what was changed"):
        open_(here, desk, picture("b.png", np.full((9, 9), 7, np.uint8)))
    assert desk.names == ("image 1",)
    with pytest.warns(UserWarning, match="record of who did what was changed"):
        list(here.ask(desk, "What?", []))
    assert desk.conversation.turns == turns and len(here.assistant.owners) == 2  # nor was the model asked
    with pytest.warns(UserWarning, match="record of who did what was changed"):
        draft(here, desk)
    with pytest.warns(UserWarning, match="record of who did what was changed"):
        decide(here, desk, decision="reject")
    assert desk.report is draft_
    with pytest.warns(UserWarning, match="record of who did what was changed"):
        assert here.report.exported(desk, ".md") == ""
    with pytest.warns(UserWarning, match="record of who did what was changed"):
        list(here.earlier.discard(desk, case))
        list(here.earlier.discard(desk, case))
    assert cases(here, desk) == [case]


@pytest.mark.slow
def test_a_page_killed_in_mid_answer_has_every_finished_turn(chosen: Settings, picture: MakeFile) -> None:
    film, program = picture(), [sys.executable, "-c", SERVES, str(HERE), chosen.data]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True, cwd=HERE.parent) as process:
        assert process.stdout
        visitor = Client(process.stdout.readline().strip(), verbose=False, analytics_enabled=False)
        visitor.predict([handle_file(str(film))], api_name="/open")
        for question in ("One?", "Two?"):
            visitor.predict(question, [], api_name="/ask")
        answering = visitor.submit("Three? " + "and more " * 500, [], api_name="/ask")
        while "turn 3" not in str(answering.outputs()[-1:]):
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    restarted, desk = again(chosen)
    assert [each.question for each in desk.conversation.turns] == ["One?", "Two?"]
    assert ask(restarted, desk, "Three?") == f"image 1 is {digest_of(film)}, turn 3: Three?"
    assert audit.open(chosen).verify().sound


SERVES = """
import sys, time
sys.path.insert(0, sys.argv[1])
import fakes
from chat_app.settings import Settings
with fakes.opened(fakes.Echo(pause=0.01), Settings(data=sys.argv[2])) as address:
    print(address, flush=True)
    time.sleep(120)
"""


# Whose it is


def came(page: Page, desk: Desk, secret: str = "", case: str = "") -> str:
    """The secret that a browser has after its page was loaded."""
    *_, last = page.earlier.come(desk, case, secret)
    return str(last[page.earlier.browser])


def test_two_browsers_at_one_address_do_not_see_each_others_cases(
    chosen: Settings, picture: MakeFile
) -> None:
    shared = replace(chosen, host="0.0.0.0")
    here, mine, theirs = page(shared), Desk(), Desk()
    my_secret, their_secret = came(here, mine), came(here, theirs)
    assert my_secret != their_secret and len(my_secret) == len(their_secret) == 32
    visit(here, mine, picture())
    assert cases(here, mine) == [mine.case] and cases(here, theirs) == []
    with pytest.warns(UserWarning, match="not among yours"):
        list(here.earlier.reopen(theirs, mine.case))
    list(here.earlier.discard(theirs, mine.case))
    with pytest.warns(UserWarning, match="not among yours"):
        list(here.earlier.discard(theirs, mine.case))
    assert came(here, theirs, their_secret, mine.case) == their_secret and theirs.names == ()
    assert store.open(shared).cases("local") == ()
    assert my_secret.encode() not in written(chosen.folder)
    restarted, later = page(shared), Desk()
    assert came(restarted, later, my_secret, mine.case) == my_secret
    assert equal(later, mine)
    assert restarted.keeper.key == here.keeper.key
    assert (chosen.folder / keeping.KEY).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("secret", ["", "local", "0" * 31, "0" * 33, "G" * 32, "0" * 31 + "\n"])
def test_what_is_no_secret_is_replaced(chosen: Settings, secret: str) -> None:
    here = page(replace(chosen, host="0.0.0.0"))
    assert came(here, Desk(), secret) != secret


def test_nothing_is_kept_of_a_browser_that_has_not_said_whose_it_is(
    chosen: Settings, picture: MakeFile
) -> None:
    here, desk = page(replace(chosen, host="0.0.0.0")), Desk()
    open_(here, desk, picture())
    ask(here, desk)
    assert desk.case == ""
    came(here, desk)
    assert cases(here, desk) == [desk.case] and len(again_at(here, desk).conversation.turns) == 1


def again_at(page: Page, desk: Desk) -> Desk:
    """What another tab of the same browser finds."""
    found = Desk(reader=desk.reader)
    list(page.earlier.reopen(found, desk.case))
    return found


def test_a_page_in_an_app_of_somebody_elses_is_shared(chosen: Settings) -> None:
    assert keeping.opened(chosen, is_shared=True).is_shared
    assert not keeping.opened(chosen).is_shared


# The strip


def test_a_reload_brings_the_case_of_the_tab_back_and_a_new_tab_only_lists_it(
    chosen: Settings, picture: MakeFile
) -> None:
    here, desk, reloaded, other = page(chosen), Desk(), Desk(), Desk()
    visit(here, desk, picture())
    *_, shown = here.earlier.come(reloaded, desk.case)
    assert equal(reloaded, desk) and shown[here.earlier.number] == desk.case
    *_, shown = here.earlier.come(other, "")
    assert other.names == () and shown[here.earlier.strip].visible
    *_, shown = here.earlier.come(Desk(), "0" * 32)  # deleted meanwhile
    assert shown[here.earlier.number] == ""


def test_a_case_opened_in_another_tab_is_kept_from_there_alone(chosen: Settings, picture: MakeFile) -> None:
    here, desk = page(chosen), Desk()
    visit(here, desk, picture())
    there = again_at(here, desk)
    with pytest.warns(UserWarning, match="in another tab"):
        ask(here, desk, "Here?")
    ask(here, there, "There?")
    assert [each.question for each in again(chosen)[1].conversation.turns][2:] == ["There?"]


def test_the_strip_says_when_what_and_how_far(chosen: Settings, dicom: MakeFile) -> None:
    here, desk = page(chosen), Desk()
    assert not here.earlier.listed(desk)[here.earlier.strip].visible
    visit(here, desk, dicom())
    ((words, case),) = here.earlier.listed(desk)[here.earlier.choice].choices
    assert case == desk.case
    assert words[:4].isdecimal() and "chest" in words.lower()
    assert words.endswith("2 questions · report: draft · on the page now")


def test_the_second_click_deletes_and_leaves_no_byte(chosen: Settings, picture: MakeFile) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (40, 40), dtype=np.uint8)
    here, desk = page(chosen), Desk()
    open_(here, desk, picture(pixels=pixels))
    ask(here, desk, "Zqquestion?")
    draft(here, desk)
    decide(here, desk, "reword", text="Zqwritten.")
    case, bytes_ = desk.case, packed(desk.images[0].pixels)
    assert all(each in written(chosen.folder) for each in (b"Zqquestion", b"Zqwritten", bytes_))
    list(here.earlier.discard(desk, case))
    assert cases(here, desk) == [case] and desk.names
    list(here.earlier.discard(desk, case))
    assert cases(here, desk) == [] and desk.names == () and desk.case == ""
    assert not any(each in written(chosen.folder) for each in (b"Zqquestion", b"Zqwritten", bytes_))


def test_another_choice_takes_the_first_click_back(chosen: Settings, picture: MakeFile) -> None:
    here, desk = page(chosen), Desk()
    open_(here, desk, picture())
    list(here.earlier.discard(desk, desk.case))
    here.earlier.choose(desk)
    list(here.earlier.discard(desk, desk.case))
    assert cases(here, desk) == [desk.case]


def test_a_case_deleted_elsewhere_says_so_and_stays_on_show(chosen: Settings, picture: MakeFile) -> None:
    here, desk, other = page(chosen), Desk(), Desk()
    visit(here, desk, picture())
    list(here.earlier.discard(other, desk.case))
    list(here.earlier.discard(other, desk.case))
    with pytest.warns(UserWarning, match="was deleted"):
        ask(here, desk, "Still here?")
    assert len(desk.conversation.turns) == 3 and cases(here, desk) == []


# What must not be written


def test_the_record_tells_who_did_what_and_no_word_of_it(chosen: Settings, picture: MakeFile) -> None:
    here, desk = page(chosen), Desk()
    visit(here, desk, picture())
    here.report.sign(desk, {"status": "preliminary", "name": "Zqsigner"})
    assert here.report.exported(desk, ".md")
    case, sha256 = desk.case, desk.images[0].sha256
    here.clear(desk)
    list(here.earlier.reopen(desk, case))
    list(here.earlier.discard(desk, case))
    list(here.earlier.discard(desk, case))
    told = events(chosen)
    assert [each["action"] for each in told] == [
        "opened", "asked", "asked", "drafted", "decided", "edited", "signed", "exported", "brought back",
        "deleted",
    ]  # fmt: skip
    assert {each["case"] for each in told} == {case} and {each["who"] for each in told} == {"local"}
    assert all(each["images"] == [sha256] for each in told[:-1])
    assert [each["report"] for each in told[3:8]] == [1, 2, 3, 4, 4] and told[7]["form"] == ".md"
    assert audit.open(chosen).verify().sound
    record = (chosen.folder / "audit.jsonl").read_text()
    assert not any(each in record for each in ("What is it", "Written by", "Zqsigner"))


def test_an_ephemeral_page_writes_nothing(chosen: Settings, picture: MakeFile) -> None:
    here, desk = page(replace(chosen, store=NOWHERE, host="0.0.0.0")), Desk()
    assert here.earlier.browser is None
    list(here.earlier.come(desk, "0" * 32))
    visit(here, desk, picture())
    here.report.sign(desk, {"status": "preliminary", "name": "reader-7"})
    assert here.report.exported(desk, ".md")
    assert not here.clear(desk)[here.earlier.strip].visible
    assert not chosen.folder.exists()


def test_no_identifier_of_a_file_is_kept_or_recorded(chosen: Settings, tmp_path: Path) -> None:
    named = tmp_path / f"{identifiers.FILE_NAME}.dcm"
    named.write_bytes(identifiers.saved(identifiers.seeded()))
    here, desk = page(chosen), Desk()
    visit(here, desk, named)
    assert here.report.exported(desk, ".json") and desk.images[0].stack
    here.clear(desk)
    seeds = {**identifiers.SEEDS, "file name": identifiers.FILE_NAME}
    assert identifiers.residue(written(chosen.folder), seeds) == []
    with sqlite3.connect(chosen.folder / database.FILE) as raw:
        arrays = [unpacked(data).tobytes() for (data,) in raw.execute("SELECT data FROM blobs")]
    assert arrays and identifiers.residue(b"".join(arrays), seeds) == []


def test_a_case_too_large_says_which_frames_it_has_not(chosen: Settings) -> None:
    here, desk = page(replace(chosen, store_mb=0)), Desk()
    desk.add(stacked())
    here.keeper.opened(desk)
    with pytest.warns(UserWarning, match="0 of 5 slices are kept"):
        here.keeper.keep_pictures(desk)
    assert desk.conversation.study.images[0].frames == 5


def test_a_picture_that_was_not_kept_is_asked_about_no_more(chosen: Settings, picture: MakeFile) -> None:
    here, desk = page(chosen), Desk()
    visit(here, desk, picture("a.png"))
    here.keeper.store.leave_out(desk.case, "image 1")  # as if it had been killed before that was kept
    restarted, found = again(chosen)
    assert found.names == () and len(found.conversation.turns) == 2
    assert "no picture" in ask(restarted, found, "And now?")
