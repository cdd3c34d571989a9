"""The benchmarks' own code, on models so small that nothing they measure means anything."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import (
    adapters,
    app,
    decode,
    loop,
    measure,
    models,
    pace,
    peers,
    remote,
    table,
    talk,
    training,
    turns,
    users,
    wire,
)
from benchmarks.measure import Sheet
from chat_app.imaging import burned
from chat_app.models.local.chat import LocalModel
from chat_app.models.local.engine import Engine

ROUNDS = 2
PLACE = ("Speed", "ours", "s")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return models.save("tiny", tmp_path_factory.mktemp("model"))


@pytest.fixture
def engine(folder: Path) -> Iterator[Engine]:
    made = Engine(*models.opened(folder))
    yield made
    made.close()


def options(folder: Path, **more: Any) -> argparse.Namespace:
    given = {"size": "tiny", "model": folder, "rounds": ROUNDS, "no_server": True, "vllm": None, **more}
    return argparse.Namespace(**given)


def filled() -> Sheet:
    sheet = Sheet("What it is.")
    for ours, peer in ((1.0, 2.0), (3.0, 4.0), (2.0, 10.0)):
        sheet.add("Speed", "ours", "s", ours)
        sheet.add("Speed", "peer", "s", peer)
    return sheet


def result(sheet: Sheet, name: str = "turns", size: str = "small") -> dict[str, Any]:
    return measure.record(name, argparse.Namespace(rounds=3, size=size), sheet, 0.25)


# Measuring


def test_the_first_two_rounds_do_not_count() -> None:
    assert list(measure.rounds(3)) == [False, False, True, True, True]


def test_a_ratio_is_that_of_the_medians_and_its_spread_that_of_the_rounds() -> None:
    sheet = filled()
    sheet.compare(1, "ours against the peer", PLACE, ("Speed", "peer", "s"), 0.5)
    (goal,) = sheet.goals
    assert (goal.value, goal.spread, goal.met) == (0.5, (0.2, 0.75), True)


@pytest.mark.parametrize(
    ("value", "at_least", "met"), [(0.9, True, False), (1.1, True, True), (1.1, False, False)]
)
def test_a_goal_is_met_or_missed(value: float, at_least: bool, met: bool) -> None:
    sheet = Sheet("")
    sheet.hold(6, "speed", value, 1.0, at_least=at_least)
    assert sheet.goals[0].met == met


def test_the_file_says_where_when_and_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["x", "--rounds", "3", "--model", str(tmp_path)])
    path = tmp_path / "out.json"
    measure.run("turns", argparse.Namespace(rounds=3, size="small", out=path), lambda _: filled())
    written = json.loads(path.read_text(encoding="utf-8"))
    assert written["command"] == "python -m benchmarks.turns --rounds 3 --model PATH"
    assert written["figures"]["Speed"]["ours"]["s"] == [1.0, 3.0, 2.0]
    assert set(written["versions"]) == {"lightbox", "python", "torch", "transformers"}
    assert written["cpu"] and written["cores"] and written["gpu"] and written["date"]
    assert str(tmp_path) not in path.read_text(encoding="utf-8")


# The page of figures


def test_the_page_says_medians_spread_and_what_is_missed() -> None:
    sheet = filled()
    sheet.hold(12, "added to a word", 7.25, 5.0, "ms")
    page = table.page([result(sheet)])
    assert "- Goal 12, added to a word: 7.25 ms, wanted at most 5 ms." in page
    assert "| ours | 2 (1 to 3) |" in page
    assert "Other work" not in page


def test_what_no_gpu_measured_is_said() -> None:
    assert table.page([]).count("not measured: no GPU") == len(table.GPU_GOALS)


def test_what_a_gpu_measured_stands_in_its_row() -> None:
    sheet = filled()
    sheet.hold(3, "first word of turn 8, against turn 2", 1.05, 1.1)
    page = table.page([result(sheet, size="7b")])
    assert "| 3 | first word of turn 8, against turn 2 | 1.05 (none) | at most 1.1 | met |" in page


def test_a_busy_machine_is_said() -> None:
    busy = result(filled()) | {"load before": 3.0, "cores": 2}
    assert "Other work ran on the machine" in table.section(busy)


def test_the_page_is_what_the_files_give() -> None:
    results = table.results()
    if not results:
        pytest.skip("nothing was measured yet: no file lies in benchmarks/results")
    assert table.PAGE.read_text(encoding="utf-8") == table.page(results)


# Models and talkers


def test_a_model_says_words_that_are_read_as_they_were_written(folder: Path, engine: Engine) -> None:
    talker = peers.Streamed(talk.seen(talk.film(), "tiny"), model=LocalModel(engine=engine, max_new_tokens=9))
    talker.begin()
    text = talker.ask(talk.OTHER).text
    assert len(text.split()) == len(engine.reader.tokenizer(text).input_ids) == 9


def test_a_picture_takes_as_many_tokens_as_in_llava() -> None:
    assert models.pictured(models.SHAPES["small"]) == models.pictured(models.SHAPES["7b"]) == 576


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_large_model_wants_a_gpu() -> None:
    with pytest.raises(SystemExit, match="for a GPU"), models.place("7b"):
        pass


def test_everybody_is_asked_the_same(folder: Path) -> None:
    sheet = turns.measured(options(folder))
    assert sheet.figures[turns.EQUAL][turns.OURS]["share"] == [1.0] * len(talk.QUESTIONS) * ROUNDS
    first = sheet.figures[turns.FIRST]
    assert {len(first[name][turns.LAST]) for name in (turns.OURS, turns.ALONE, turns.COLD)} == {ROUNDS}
    read = {row: columns[turns.LAST] for row, columns in sheet.figures[turns.READ].items()}
    assert read[f"kept by {turns.ALONE}"][0] > 5 * read[f"computed by {turns.ALONE}"][0]
    assert not any(read[f"kept by {turns.COLD}"])
    assert {goal.number for goal in sheet.goals} == {1, 3, 4, 5}


def test_four_are_asked_at_once_and_answers_are_left(folder: Path, engine: Engine) -> None:
    sheet = Sheet("")
    for name, way in users.asking(engine, "tiny").items():
        seconds, asked = way()
        users.note(sheet, name, seconds, asked)
        assert {len(each.text.split()) for each in asked} == {users.TOKENS}
    users.leaving(sheet, engine, options(folder, leaves=2))
    users.goals(sheet, is_large=False)
    assert {goal.number for goal in sheet.goals} == {11}


def test_a_loop_and_the_engine_write_as_many_tokens(folder: Path, engine: Engine) -> None:
    film = talk.film(rows=60, columns=50)
    given = decode.asked(engine.reader.processor, film, "tiny")
    speed, count = loop.rate(loop.greedy(engine.model, given, 8))
    assert speed > 0 and count == 8
    model = LocalModel(engine=engine, max_new_tokens=8)
    assert decode.streamed(model, talk.seen(film, "tiny"))[1] == 8


def test_weights_are_held_in_each_way(folder: Path) -> None:
    sheet = Sheet("")
    decode.held(sheet, options(folder, rounds=1), folder)
    (goal,) = sheet.goals
    assert goal.number == 8 and "(fp32)" in goal.what
    assert set(decode.HELD_TOKENS) <= set(sheet.figures[decode.HELD])


def test_somebody_at_the_page_sees_every_word(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(burned.words, "available", lambda: False)
    assistant = talk.product(LocalModel(engine=engine, max_new_tokens=40), "tiny")
    with app.opened(assistant) as address:
        speed, count = decode.watched(address, app.written(talk.film(rows=60, columns=50), tmp_path))
    assert speed > 0 and count == 40


def test_adapters_are_switched_read_and_spoken_with(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapters, "COUNT", 3)
    monkeypatch.setattr(adapters, "TOKENS", 4)
    sheet = adapters.measured(options(folder, rounds=1))
    times = sheet.figures[adapters.SWITCHING]
    assert len(times[adapters.OURS]["ms"]) == len(times[adapters.PEFT]["ms"]) == adapters.COUNT
    assert {goal.number for goal in sheet.goals} == {10}


def test_the_paced_server_is_asked_by_both_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "TOKENS", 20)
    monkeypatch.setattr(remote, "ASKED", 1)
    sheet = remote.measured(options(Path(), rounds=1, size="tiny"))
    for name in (remote.OURS, remote.RAW):
        assert sheet.median((remote.PACED, name, remote.BETWEEN)) == pytest.approx(5, abs=2)
    assert {goal.number for goal in sheet.goals} == {12}


def test_the_least_client_reads_every_word() -> None:
    with pace.serving() as url:
        chunks = list(wire.chunks(url, {"messages": [], "max_tokens": 7}))
    assert "".join(map(wire.text, chunks)).split() == [f"word{n}" for n in range(1, 8)]


def test_a_film_is_a_picture_that_a_model_can_be_shown() -> None:
    film = talk.film()
    assert film.pixels.shape == (2500, 2048)
    assert statistics.pstdev(film.pixels[::50, ::50].ravel().tolist()) > 10


@pytest.mark.parametrize("who", [training.OURS, training.PLAIN])
def test_training_is_timed_step_by_step(folder: Path, tmp_path: Path, who: str) -> None:
    found = training.child(who, folder, training.questions(tmp_path))
    assert len(found["steps"]) == training.STEPS - 1 and min(found["steps"]) > 0
    assert found["memory"] > 100
