"""The command line over what is kept: lists and deletes one's own cases, checks the record."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from keeping import conversation, report

from chat_app import audit, cli, settings, store
from chat_app.settings import Settings

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command: exit code, stdout, stderr."""

    def command(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(arguments)
        return code, *capsys.readouterr()

    return command


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("LIGHTBOX_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("LIGHTBOX_USER", "reader-1")
    return settings.load()


@pytest.fixture
def case(where: Settings) -> str:
    """One of reader-1, beside one of reader-2."""
    kept = store.open(where)
    kept.case("reader-2")
    number = kept.case("reader-1")
    said = conversation(1)
    for image in said.study.images:
        kept.keep_image(number, image)
    kept.keep_turn(number, 0, said.turns[0])
    kept.keep_report(number, report())
    kept.close()
    return number


def test_one_s_own_cases_are_listed(run: Run, case: str) -> None:
    code, out, _ = run("cases")
    assert code == 0
    when = r"\d{4}-\d\d-\d\d \d\d:\d\d"
    shown = "computed radiography of the chest, AP view"
    assert re.fullmatch(rf"{case}  {when}  1 question  report: preliminary  {shown}\n", out)


def test_a_case_is_deleted_and_that_is_recorded(run: Run, where: Settings, case: str) -> None:
    assert run("cases", "delete", case) == (0, "The case is deleted.\n", "")
    assert run("cases") == (0, "", "")
    (line,) = (where.folder / "audit.jsonl").read_text().splitlines()
    said = json.loads(line)
    assert (said["action"], said["case"], said["who"]) == ("deleted", case, "reader-1")


def test_another_s_case_is_not_deleted(
    run: Run, where: Settings, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIGHTBOX_USER", "reader-2")
    code, _, err = run("cases", "delete", case)
    assert (code, err[:44]) == (2, "lightbox: There is no case of yours with tha")
    assert not (where.folder / "audit.jsonl").exists()
    monkeypatch.setenv("LIGHTBOX_USER", "reader-1")
    assert case in run("cases")[1]


def test_nothing_kept_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIGHTBOX_STORE", "none")
    assert run("cases") == (0, "", "")
    assert run("cases", "delete", "0" * 32)[0] == 2
    assert run("audit", "verify") == (0, "Nothing is kept here, so nothing was recorded.\n", "")


def test_a_sound_record_is_said_to_be(run: Run, where: Settings) -> None:
    assert run("audit", "verify") == (0, "Nothing was recorded yet.\n", "")
    audit.open(where).record(audit.Event(audit.Action.OPENED))
    assert run("audit", "verify") == (0, "1 event, each as it was written.\n", "")


def test_a_changed_record_is_exit_code_1(run: Run, where: Settings) -> None:
    audit.open(where).record(audit.Event(audit.Action.OPENED))
    log = where.folder / "audit.jsonl"
    log.write_bytes(log.read_bytes().replace(b"opened", b"viewed"))
    assert run("audit", "verify") == (1, "The record is broken: event 1 was changed.\n", "")


@pytest.mark.parametrize(("flags", "kept"), [((), ""), (("--ephemeral",), "none")], ids=["kept", "ephemeral"])
def test_the_page_can_be_told_to_keep_nothing(
    run: Run, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...], kept: str
) -> None:
    served: list[Settings] = []
    page = SimpleNamespace(serve=lambda _, chosen, **__: served.append(chosen))
    monkeypatch.setitem(sys.modules, "chat_app.ui", SimpleNamespace(page=page))
    monkeypatch.setattr("chat_app.assistant.Assistant", lambda chosen: None)
    assert run("serve", "--no-browser", *flags)[0] == 0
    assert served[0].store == kept
