"""A report at the command line: drafted, checked, decided about, signed, exported, drawn again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_cli import Run, no_weights, run

from chat_app.models.scripted import Scripted

__all__ = ["no_weights", "run"]

OTHER_FORMS = (".md", ".docx", ".pdf", ".fhir.json", ".radfact.json")


@pytest.fixture
def drafted(run: Run, scripted: Scripted, picture: Any, tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
    """A draft of one picture with two findings and an impression: its file and the picture."""

    def make(*replies: str) -> tuple[Path, Path]:
        scripted.enqueue(*(replies or ("Left effusion.\nNormal heart.", "Left effusion of unknown age.")))
        film, report = picture(), tmp_path / "report.json"
        told = ("--history", "Cough.")
        assert run("draft", film, "--template", "chest-radiograph", *told, "-o", report) == (0, "", "")
        return report, film

    return make


def test_a_report_is_decided_about_and_signed(run: Run, drafted: Callable[..., tuple[Path, Path]]) -> None:
    report, film = drafted()
    code, _, err = run("sign", report, "--name", "Dr. Ada Lin", "--as", "final")
    assert code == 2 and "3 of its statements are not decided yet" in err
    code, out, _ = run("sign", report, "--accept", "findings:1", "--reject", "findings:2")
    assert code == 0 and "impression:1" in out and "findings:" not in out
    signing = ("--accept", "impression:1", "--name", "Dr. Ada Lin", "--as", "final")
    assert run("sign", report, *signing, "--images", film)[0] == 0
    form = json.loads(report.read_text(encoding="utf-8"))
    assert form["status"] == "final" and form["signatures"][0]["name"] == "Dr. Ada Lin"
    code, _, err = run("sign", report, "--reject", "findings:1")
    assert code == 2 and "begin an amendment" in err
    amending = ("--amend", "--reject", "findings:1", "--name", "Dr. Ada Lin", "--as", "amended")
    assert run("sign", report, *amending)[0] == 0


def test_checks_say_what_they_remark_on_and_where(
    run: Run, drafted: Callable[..., tuple[Path, Path]]
) -> None:
    report, film = drafted("Left effusion.", "Right effusion.")
    code, out, _ = run("check", report, "--images", film)
    assert code == 2 and "impression:1" in out and "left" in out.lower()


def test_a_critical_finding_is_answered_before_a_final_signature(
    run: Run, drafted: Callable[..., tuple[Path, Path]]
) -> None:
    report, _ = drafted("Left pneumothorax.", "Large left pneumothorax.")
    signing = ("--accept", "findings:1", "--accept", "impression:1", "--name", "Ada", "--as", "final")
    code, _, err = run("sign", report, *signing)
    assert code == 2 and "Say what was done" in err
    assert run("sign", report, *signing, "--critical", "Ward called by me at 12:00.")[0] == 0


@pytest.mark.parametrize("ending", OTHER_FORMS)
def test_a_report_leaves_in_every_form_that_needs_no_header(
    run: Run, drafted: Callable[..., tuple[Path, Path]], tmp_path: Path, ending: str
) -> None:
    report, film = drafted()
    target = tmp_path / f"out{ending}"
    assert run("export", report, "-o", target, "--images", film) == (0, "", "")
    assert target.stat().st_size > 100


def test_a_replay_draws_the_same_words_or_says_which_differ(
    run: Run, drafted: Callable[..., tuple[Path, Path]], scripted: Scripted
) -> None:
    report, film = drafted()
    run("sign", report, "--reject", "findings:2")
    scripted.enqueue("Left effusion.\nNormal heart.", "Left effusion of unknown age.")
    assert run("replay", report, "--images", film)[:2] == (0, "The same words.\n")
    scripted.enqueue("Left effusion.\nLarge heart.", "Left effusion of unknown age.")
    code, out, _ = run("replay", report, "--images", film)
    assert code == 2 and "Findings 2: 'Normal heart.' reads 'Large heart.' now." in out


def test_pictures_of_another_report_are_not_taken_for_its_own(
    run: Run, drafted: Callable[..., tuple[Path, Path]], picture: Any
) -> None:
    report, _ = drafted()
    other = picture("other.png", np.full((20, 30), 9, np.uint8))
    code, _, err = run("check", report, "--images", other)
    assert code == 2 and "None of these files" in err


@pytest.mark.parametrize("place", ["findings", "findings:0", "findings:x", "plan:1", "findings:9"])
def test_only_a_statement_that_is_there_can_be_named(
    run: Run, drafted: Callable[..., tuple[Path, Path]], place: str
) -> None:
    report, _ = drafted()
    before = report.read_bytes()
    code, _, err = run("sign", report, "--accept", place)
    assert code == 2 and err.count("\n") == 1 and report.read_bytes() == before


def test_what_is_no_report_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text('{"form": "something"}', encoding="utf-8")
    for name in ("other.json", "missing.json"):
        code, _, err = run("check", tmp_path / name)
        assert code == 2 and err.count("\n") == 1
