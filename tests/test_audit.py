"""The record of who did what: any change to it is found, and it says nothing of anyone."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from identifiers import SEEDS, saved, seeded
from keeping import conversation, report, turn

from chat_app import audit, imaging
from chat_app.audit import Action, Audit, Event, Verdict, chain
from chat_app.audit.chain import Head
from chat_app.errors import SetupError
from chat_app.records import Conversation, Study
from chat_app.settings import Settings

CASE = "0123456789abcdef" * 2
KEY = bytes(range(32))


@pytest.fixture
def where(tmp_path: Path) -> Settings:
    return Settings(data=str(tmp_path / "data"), user="reader-7")


@pytest.fixture
def log(where: Settings) -> Audit:
    opened = audit.open(where)
    assert isinstance(opened, Audit)
    for action in (Action.OPENED, Action.ASKED, Action.SIGNED):
        opened.record(Event(action, CASE, seed=0))
    return opened


def lines(where: Settings) -> list[bytes]:
    return (where.folder / "audit.jsonl").read_bytes().splitlines(keepends=True)


def rewrite(where: Settings, changed: list[bytes]) -> None:
    (where.folder / "audit.jsonl").write_bytes(b"".join(changed))


def in_memory(count: int = 3) -> tuple[list[bytes], bytes]:
    """A small record: its lines, and its head."""
    head, made = Head(), []
    for number in range(count):
        made.append(chain.event_line(KEY, head, {"action": "asked", "seed": number}))
        head = head.after(made[-1])
    return made, chain.head_line(KEY, head)


def verdict(log: bytes, head: bytes) -> Verdict:
    return chain.check(KEY, log.splitlines(keepends=True), chain.read_head(KEY, head))


# What is written


def test_an_event_says_who_what_when_and_with_what(where: Settings, log: Audit) -> None:
    log.record(audit.asked(CASE, turn(), conversation().study))
    said = json.loads(lines(where)[-1])
    assert (said["n"], said["who"], said["action"], said["case"]) == (4, "reader-7", "asked", CASE)
    assert (said["model"], said["weights"], said["adapter"]) == ("echo", "0" * 64, "adapter")
    assert (said["prompt"], said["seed"], said["images"]) == ("answer@1", 7, [f"{1:064x}"])
    assert len(said["output"]) == 64
    assert said["at"].endswith("Z")
    assert log.verify() == Verdict(4, True, "4 events, each as it was written.")


def test_a_report_s_event_names_its_version_and_form(where: Settings, log: Audit) -> None:
    log.record(audit.reported(Action.EXPORTED, CASE, report(3), conversation().study, "pdf"))
    said = json.loads(lines(where)[-1])
    assert (said["action"], said["report"], said["form"]) == ("exported", 3, "pdf")


def test_the_same_words_have_the_same_hash_and_others_another() -> None:
    said = [
        audit.reported(Action.EDITED, CASE, each, Study()).output
        for each in (report(1), report(1), report(2))
    ]
    assert said[0] == said[1] != said[2]


def test_no_word_and_no_identifier_of_a_whole_case_is_recorded(where: Settings, tmp_path: Path) -> None:
    path = tmp_path / "Zqfile.dcm"
    path.write_bytes(saved(seeded()))
    (picture,) = imaging.study([path]).images
    study = Conversation(Study((picture,))).study
    words = f"Zqtyped: {'; '.join(map(str, SEEDS.values()))}"
    said = replace(turn(), question=words, answer=replace(turn().answer, text=words, raw=words))
    draft = report()
    section = replace(draft.sections[0], statements=(replace(draft.sections[0].statements[0], text=words),))
    draft = replace(draft, sections=(section,), title=words, answered={"critical": words})
    log = audit.open(where)
    log.record(audit.opened(CASE, picture))
    log.record(audit.asked(CASE, said, study))
    for action in Action:
        log.record(audit.reported(action, CASE, draft, study, "pdf"))
    written = b"".join(lines(where)).decode()
    assert [name for name, seed in SEEDS.items() if str(seed) in written] == []
    assert "Zq" not in written
    assert log.verify().sound


@pytest.mark.parametrize("field", ["case", "model", "weights", "adapter", "prompt", "output", "form"])
def test_what_is_no_name_and_no_hash_stands_as_its_own_hash(where: Settings, log: Audit, field: str) -> None:
    log.record(replace(Event(Action.OPENED), **{field: "Zq^name Zq"}))
    log.record(Event(Action.OPENED, images=("Zqname",)))
    assert b"Zq" not in b"".join(lines(where))


@pytest.mark.parametrize("name", ["Dr. Jane Doe", "", "a" * 65, "line\nend"])
def test_a_user_that_is_no_pseudonym_is_refused(where: Settings, name: str) -> None:
    with pytest.raises(SetupError, match=r"^LIGHTBOX_USER must be a pseudonym"):
        audit.open(replace(where, user=name))


def test_only_their_owner_can_read_record_head_and_key(where: Settings, log: Audit) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in where.folder.iterdir()}
    assert modes.keys() >= {"audit.jsonl", "audit.head", "audit.key"}
    assert set(modes.values()) == {0o600}


def test_nothing_is_recorded_where_nothing_is_kept(tmp_path: Path) -> None:
    silent = audit.open(Settings(data=str(tmp_path / "data"), store="none"))
    silent.record(Event(Action.OPENED))
    assert silent.verify().events == 0
    assert not (tmp_path / "data").exists()


# What is found


@given(st.data())
def test_any_byte_changed_to_any_other_is_found(data: st.DataObject) -> None:
    made, head = in_memory()
    whole = b"".join(made)
    both = whole + head
    place = data.draw(st.integers(0, len(both) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda value: value != both[place]))
    changed = both[:place] + bytes([other]) + both[place + 1 :]
    assert not verdict(changed[: len(whole)], changed[len(whole) :]).sound


def test_each_bit_of_a_small_record_and_of_its_head_counts() -> None:
    made, head = in_memory(2)
    whole = b"".join(made)
    assert verdict(whole, head).sound
    for place in range(len(whole)):
        for bit in range(8):
            changed = whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :]
            assert not verdict(changed, head).sound, (place, bit)
    for place in range(len(head)):
        for bit in range(8):
            assert not verdict(
                whole, head[:place] + bytes([head[place] ^ 1 << bit]) + head[place + 1 :]
            ).sound


CHANGES: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str]] = {
    "one removed from the middle": (lambda a: [a[0], a[2]], "event 3 stands where 2 must"),
    "the first removed": (lambda a: a[1:], "event 2 stands where 1 must"),
    "two in another order": (lambda a: [a[1], a[0], a[2]], "event 2 stands where 1 must"),
    "one twice": (lambda a: [a[0], a[0], *a[1:]], "event 1 stands where 2 must"),
    "the last removed": (lambda a: a[:2], "the last 1 of 3 are gone"),
    "all removed": (lambda a: [], "the last 3 of 3 are gone"),
    "the last cut short": (lambda a: [*a[:2], a[2][:-9]], "event 3 was changed"),
    "a name changed": (lambda a: [a[0].replace(b"reader-7", b"reader-8"), *a[1:]], "event 1 was changed"),
    "something added": (lambda a: [*a, b"{}\n"], "event 4 was changed"),
}


@pytest.mark.parametrize(("change", "says"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_found_and_its_place_said(
    where: Settings, log: Audit, change: Callable[[list[bytes]], list[bytes]], says: str
) -> None:
    rewrite(where, change(lines(where)))
    found = log.verify()
    assert not found.sound
    assert says in found.says


@pytest.mark.parametrize("name", ["audit.head", "audit.jsonl"])
def test_a_part_taken_away_is_found(where: Settings, log: Audit, name: str) -> None:
    (where.folder / name).unlink()
    assert not log.verify().sound
    with pytest.raises(SetupError, match=r"^The record of who did what was changed or cut"):
        log.record(Event(Action.OPENED))


def test_all_of_it_taken_away_is_found_by_the_key_that_is_left(where: Settings, log: Audit) -> None:
    for name in ("audit.head", "audit.jsonl"):
        (where.folder / name).unlink()
    assert log.verify() == Verdict(
        0, False, "There is a key and no record: it was taken away, or nothing was done yet."
    )


def test_another_key_finds_everything_changed(where: Settings, log: Audit) -> None:
    (where.folder / "audit.key").write_bytes(os.urandom(32))
    assert not log.verify().sound


def test_a_lost_key_is_said_and_never_made_anew(where: Settings, log: Audit) -> None:
    (where.folder / "audit.key").unlink()
    for act in (log.verify, lambda: log.record(Event(Action.OPENED))):
        with pytest.raises(SetupError, match=r"^The key of the record"):
            act()
    assert not (where.folder / "audit.key").exists()


def test_the_key_may_lie_elsewhere(where: Settings, tmp_path: Path) -> None:
    elsewhere = replace(where, audit_key=str(tmp_path / "vault.key"))
    audit.open(elsewhere).record(Event(Action.OPENED))
    assert not (where.folder / "audit.key").exists()
    assert stat.S_IMODE((tmp_path / "vault.key").stat().st_mode) == 0o600
    assert audit.open(elsewhere).verify().sound


def test_what_nothing_here_can_find_is_both_files_put_back_to_an_older_copy(
    where: Settings, log: Audit
) -> None:
    """The limit that docs/privacy.md states: it must stay stated while this holds."""
    older = {name: (where.folder / name).read_bytes() for name in ("audit.head", "audit.jsonl")}
    log.record(Event(Action.DELETED, CASE))
    for name, content in older.items():
        (where.folder / name).write_bytes(content)
    assert log.verify().sound


# Programs that end in the middle, and several at once


def test_an_event_written_before_a_kill_is_taken_in(where: Settings, log: Audit) -> None:
    before = (where.folder / "audit.head").read_bytes()
    log.record(Event(Action.EXPORTED))
    (where.folder / "audit.head").write_bytes(before)
    assert log.verify().says.endswith("The last 1 were written by a program that ended in the middle.")
    log.record(Event(Action.DELETED))
    assert log.verify() == Verdict(5, True, "5 events, each as it was written.")


def test_a_torn_event_is_cut_off_and_that_is_recorded(where: Settings, log: Audit) -> None:
    rewrite(where, [*lines(where), b'{"n":4,"at":"20'])
    log.record(Event(Action.DELETED))
    said = [json.loads(line) for line in lines(where)]
    assert [(each["action"], each.get("size")) for each in said[3:]] == [("mended", 15), ("deleted", None)]
    assert log.verify().sound


@pytest.mark.parametrize("change", ["cut", "add", "last"])
def test_nothing_is_recorded_behind_a_record_that_was_changed(
    where: Settings, log: Audit, change: str
) -> None:
    made = lines(where)
    changed = {"cut": made[:2], "add": [*made, b"{}\n"], "last": [*made[:2], made[2][:-5] + b'0"}\n']}
    rewrite(where, changed[change])
    with pytest.raises(SetupError, match=r"^The record of who did what was changed or cut"):
        log.record(Event(Action.OPENED))


def test_threads_record_one_after_the_other(log: Audit) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: log.record(Event(Action.VIEWED)), range(40)))
    assert log.verify() == Verdict(43, True, "43 events, each as it was written.")


def test_programs_record_one_after_the_other(where: Settings) -> None:
    code = (
        "import sys; from chat_app import audit; from chat_app.settings import Settings; "
        "log = audit.open(Settings(data=sys.argv[1])); "
        "[log.record(audit.Event(audit.Action.VIEWED)) for _ in range(20)]"
    )
    command = [sys.executable, "-c", code, where.data]
    here = Path(__file__).parent.parent
    running = [subprocess.Popen(command, cwd=here) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    assert audit.open(where).verify() == Verdict(60, True, "60 events, each as it was written.")


def test_whether_it_could_be_recorded_is_asked_without_recording(log: Audit, where: Settings) -> None:
    log.check()
    assert log.verify().events == 3
    (where.folder / "audit.head").write_bytes(b"changed")
    with pytest.raises(SetupError, match="was changed"):
        log.check()
