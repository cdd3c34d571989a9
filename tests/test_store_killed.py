"""A program killed in the middle of keeping leaves a sound database with every step it had done."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from keeping import same, turn

from chat_app import store
from chat_app.settings import Settings
from chat_app.store import database

HERE = Path(__file__).parent
KEEPS = """
import sys
sys.path.insert(0, sys.argv[1])
from keeping import turn
from chat_app import store
from chat_app.settings import Settings
kept = store.open(Settings(data=sys.argv[2]))
case = kept.case("reader-1")
print(case, flush=True)
made = [turn(number, ("image 1",) * 20) for number in range(200)]
print("ready", flush=True)
for number, each in enumerate(made):
    kept.keep_turn(case, number, each)
    print(number, flush=True)
"""
IMAGES = ("image 1",) * 20


def killed_after(folder: Path, seconds: float) -> tuple[str, int]:
    """The case that a program kept turns in until it was killed, and how many it had said were kept."""
    command = [sys.executable, "-c", KEEPS, str(HERE), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=HERE.parent) as process:
        assert process.stdout
        case = process.stdout.readline().strip()
        assert process.stdout.readline().strip() == "ready"
        time.sleep(seconds)
        process.kill()
        return case, len([line for line in process.stdout.read().splitlines() if line.strip()])


def check(folder: Path, case: str, said: int) -> None:
    with sqlite3.connect(folder / database.FILE) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert raw.execute("PRAGMA foreign_key_check").fetchall() == []
    kept = store.open(Settings(data=str(folder)))
    turns = kept.bring_back(case, "reader-1")[0].turns
    # The one under way may have been kept and not yet said; it is whole then, as the others are.
    assert len(turns) in (said, said + 1)
    assert all(same(each, turn(number, IMAGES)) for number, each in enumerate(turns))
    kept.close()


def run(folder: Path, seconds: float) -> int:
    case, said = killed_after(folder, seconds)
    check(folder, case, said)
    return said


def test_what_was_kept_outlives_a_kill(tmp_path: Path) -> None:
    assert run(tmp_path / "data", 0.2) < 200


@pytest.mark.slow
def test_what_was_kept_outlives_many_kills_at_any_moment(tmp_path: Path) -> None:
    chance = random.Random(7)
    said = [run(tmp_path / "data", chance.uniform(0, 0.6)) for _ in range(6)]
    assert max(said) > 0
