"""Adapters: what is trained, that it is what the engine will show, and that nothing else changes."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import lessons as small
import minds
import pytest
import torch
from lessons import BASE, QUESTION, SHADES
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file

from chat_app import cli, prompts
from chat_app.cli import arguments
from chat_app.data import pictures, reader
from chat_app.data.records import Record
from chat_app.errors import InputError, SetupError
from chat_app.models import adapters, cards, fit
from chat_app.models.local.weights import language_layers
from chat_app.settings import Settings
from chat_app.training.lora import card as cardfile
from chat_app.training.lora import coach, lessons, memory, modules, progress, recipe, recipes, run
from chat_app.training.lora.batches import Batches
from chat_app.training.lora.rows import IGNORED, Row, row
from chat_app.training.lora.scoring import Figure

ROOT = Path(__file__).parent.parent


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return small.made(tmp_path / "data")


@pytest.fixture(autouse=True)
def brief(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system prompt of one sentence, so that a step takes a blink."""
    real = prompts.render
    say = "Answer in one sentence."
    monkeypatch.setattr(
        prompts, "render", lambda name, /, **known: say if name == "answer" else real(name, **known)
    )


@pytest.fixture
def place(tmp_path: Path) -> Settings:
    """Where the small model lies and adapters are to."""
    (tmp_path / "adapters").mkdir()
    return Settings(weights=str(minds.folder(BASE)), dtype="fp32", adapters=str(tmp_path / "adapters"))


def quiet(_: str) -> None:
    pass


# Which modules


@pytest.mark.parametrize("name", minds.KINDS)
def test_the_language_model_is_trained_and_the_tower_is_not(name: str) -> None:
    model = minds.opened(name).model
    layers = language_layers(model)
    wrapped = get_peft_model(model, LoraConfig(r=2, target_modules=modules.language(model)))
    hit = {each.split(".lora_")[0].removeprefix("base_model.model.") for each in modules.trained(wrapped)}
    assert hit == layers and layers
    assert not [each for each in hit if "vis" in each or "projector" in each or "connector" in each]


@pytest.mark.parametrize("name", minds.KINDS)
def test_the_projector_is_trained_whole_when_asked(name: str) -> None:
    plain, model = recipe.Recipe(), minds.opened(name).model
    (bridge,) = plain.modules_to_save(model, projector=True)
    config = LoraConfig(r=2, target_modules=plain.target_modules(model), modules_to_save=[bridge])
    whole = [each for each in modules.trained(get_peft_model(model, config)) if "lora_" not in each]
    assert whole and all(f".{bridge}." in each for each in whole)
    assert not plain.modules_to_save(model, projector=False)


# What is read and learnt


EXCHANGES = [("How does it look?", "It is dark."), ("Is it bright?", "No, not at all."), ("Sure?", "Yes.")]


def lesson(name: str, data: Path, exchanges: Any = EXCHANGES, number: int = 0) -> tuple[Row, Any, Any]:
    room, opened = small.room(name, data)
    record = reader.read(data)[number]
    picture = pictures.opened(record.path)
    messages = room.messages(picture, room.view(picture), exchanges)
    answers = [answer for _, answer in exchanges]
    return row(room.reader, room.ends, messages, answers, record.name, room.most), room, opened


@pytest.mark.parametrize("name", minds.KINDS)
def test_answers_alone_are_learnt_and_each_to_its_end(name: str, data: Path) -> None:
    made, room, _ = lesson(name, data)
    learnt, current = list[list[int]](), list[int]()
    for label in made.labels.tolist():
        if label != IGNORED:
            current.append(label)
        elif current:
            learnt, current = [*learnt, current], []
    learnt.append(current)
    said = [room.reader.tokenizer.decode(tokens[:-1], skip_special_tokens=True).strip() for tokens in learnt]
    assert said == [answer for _, answer in EXCHANGES]
    assert all(tokens[-1] in room.ends for tokens in learnt)


@pytest.mark.parametrize("name", minds.KINDS)
def test_an_answer_is_learnt_after_the_very_tokens_that_the_engine_reads(name: str, data: Path) -> None:
    made, room, _ = lesson(name, data)
    record = reader.read(data)[0]
    picture = pictures.opened(record.path)
    messages = room.messages(picture, room.view(picture), EXCHANGES)
    learnt = (made.labels != IGNORED).nonzero()[:, 0].tolist()
    first, last = room.reader.read(messages[:2]), room.reader.read(messages)
    assert learnt[0] == len(first) and torch.equal(made.ids[: len(first)], first.ids)
    assert len(last) in learnt and torch.equal(made.ids[: len(last)], last.ids)


def test_a_long_conversation_ends_where_it_still_fits(data: Path) -> None:
    made, room, _ = lesson(BASE, data)
    record = reader.read(data)[0]
    picture = pictures.opened(record.path)
    messages = room.messages(picture, room.view(picture), EXCHANGES)
    answers = [answer for _, answer in EXCHANGES]
    cut = row(room.reader, room.ends, messages, answers, record.name, len(made) - 1)
    assert len(cut) < len(made) and torch.equal(cut.ids[:-1], made.ids[: len(cut) - 1])
    with pytest.raises(InputError, match="more than 5 tokens"):
        row(room.reader, room.ends, messages, answers, record.name, 5)


def loss(model: Any, batch: dict[str, Any]) -> tuple[float, int]:
    """Summed over the answers' tokens, and how many these are."""
    count = int((batch["labels"] != IGNORED).sum())
    with torch.no_grad():
        return float(model(**batch).loss) * count, count


@pytest.mark.parametrize("name", minds.KINDS)
def test_rows_of_a_batch_do_not_see_each_other(name: str, data: Path) -> None:
    _, room, opened = lesson(name, data)
    rows = [lesson(name, data, EXCHANGES * 3, 0)[0]]
    rows += [lesson(name, data, EXCHANGES[:1], number)[0] for number in (1, 2)]
    batches = Batches(opened.model, 0)
    together = batches([rows[1], rows[0], rows[2]])
    alone = [loss(opened.model, batches([each])) for each in rows]
    found, count = loss(opened.model, together)
    assert count == sum(each for _, each in alone)
    assert found == pytest.approx(sum(each for each, _ in alone), rel=1e-4)
    assert room.ends


def test_short_rows_share_a_line(data: Path) -> None:
    rows = [lesson(BASE, data, EXCHANGES * 6)[0], *(lesson(BASE, data, EXCHANGES[:1])[0] for _ in range(2))]
    batch = Batches(minds.opened(BASE).model, 0)([rows[1], rows[0], rows[2]])
    assert len(rows[0]) >= 2 * len(rows[1])
    assert batch["input_ids"].shape == (2, len(rows[0])) and len(batch["pixel_values"]) == 3


# Records


def test_a_set_without_splits_is_split_by_patient(tmp_path: Path) -> None:
    whole = [replace(each, split="") for each in reader.read(small.made(tmp_path, each=20))]
    split = lessons.split(whole, 0)
    groups = [{each.group for each in part} for part in (split.train, split.val, split.test)]
    assert all(groups) and not groups[0] & groups[1] and not groups[0] & groups[2]


def test_a_set_without_validation_gives_some_of_its_training(tmp_path: Path) -> None:
    whole = [replace(each, split="train") for each in reader.read(small.made(tmp_path, each=20))]
    split = lessons.split(whole, 0)
    assert split.val and split.held_out == ("val", split.val)


def test_missing_pictures_are_said_before_anything_is_read(data: Path) -> None:
    (data / "dark-3.png").unlink()
    with pytest.raises(InputError, match="1 pictures are missing"):
        lessons.split(reader.read(data), 0)


def test_questions_about_one_picture_become_one_conversation() -> None:
    lone = [Record(str(n), "s", Path("a.png"), "train", question="Q?", answer="A.") for n in range(3)]
    talk = Record("talk", "s", Path("a.png"), "train", turns=(("Q?", "A."),))
    assert [len(group) for group in lessons.grouped([*lone, talk])] == [3, 1]


# Memory


def test_what_does_not_fit_is_refused_and_what_is_tight_is_checkpointed() -> None:
    model = minds.opened(BASE).model
    here = fit.Machine("cpu", "", 10**12, False, False)
    ample = memory.estimate(model, 1000, 100, here)
    tight = memory.estimate(model, 1000, 100, replace(here, memory=ample.needs - 1))
    assert not ample.checkpointed and tight.checkpointed and tight.needs < ample.needs
    with pytest.raises(SetupError, match="does not fit here"):
        memory.estimate(model, 1000, 100, replace(here, memory=tight.needs - 1))


# The training


Train = Callable[..., run.Outcome]


@pytest.fixture
def train(data: Path, place: Settings) -> Train:
    def go(say: Any = quiet, **options: Any) -> run.Outcome:
        return run.train(small.options(data, **options), place, say)

    return go


def test_what_was_trained_is_an_adapter_with_all_it_must_say(train: Train, place: Settings) -> None:
    said: list[str] = []
    folder = train(said.append).folder
    names = {path.name for path in folder.iterdir()}
    weights = {"adapter_config.json", "adapter_model.safetensors"}
    assert names == {"card.toml", "curves.json", "curves.png", *weights}
    card = adapters.card(folder)
    assert not card.misfit(BASE, minds.opened(BASE).sha256) and card.modalities == ("US",)
    table = tomllib.loads((folder / "card.toml").read_text("utf-8"))
    assert "CC0" in card.licence and cards.card(BASE).licence in card.licence
    assert table["data"]["train"] == 8 and table["training"]["steps_done"] == 6
    assert table["metrics"]["split"] == "test" and table["metrics"]["answers"]["n"] == 2
    assert not [each for each in folder.glob("*.json") if str(folder.parent) in each.read_text("utf-8")]
    assert any("numbers are trained" in each for each in said) and any("left" in each for each in said)
    assert any(each.startswith("Memory: weights") for each in said)


def test_the_curves_are_there_to_look_at(train: Train) -> None:
    folder = train(steps=2).folder
    curves = json.loads((folder / "curves.json").read_text("utf-8"))
    assert [step for step, _ in curves["validation"]] == [1, 2]
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")


LAST = 1000
"""After all steps, when the adapter is about to be asked."""


class Stopped(BaseException):
    """As when the process is killed: nothing of ours runs after it."""


def stopping_at(step: int) -> Callable[[str], None]:
    def say(words: str) -> None:
        at = words.startswith(f"Step {step} of") and "validation" in words
        if at or (step == LAST and words.startswith("Asking the held-out questions again")):
            raise Stopped

    return say


def test_stopped_three_times_it_ends_with_the_same_adapter(train: Train, tmp_path: Path) -> None:
    whole = load_file(train(name="whole").folder / "adapter_model.safetensors")
    for step in (2, 3, 5, LAST):
        with pytest.raises(Stopped):
            train(stopping_at(step), name="parts")
        assert not adapters.found(str(tmp_path / "adapters"))[1:]
    parts = load_file(train(name="parts").folder / "adapter_model.safetensors")
    assert whole.keys() == parts.keys() and all(torch.equal(whole[name], parts[name]) for name in whole)


@pytest.mark.slow
def test_killed_three_times_by_the_system_it_ends_with_the_same_adapter(
    data: Path, place: Settings, tmp_path: Path
) -> None:
    whole, parts = (command(data, place, name) for name in ("whole", "parts"))
    subprocess.run(whole, check=True, cwd=ROOT, env=environ(place))
    for step in (2, 4, 7):
        process = subprocess.Popen(parts, cwd=ROOT, env=environ(place))
        state = Path(place.adapters) / "parts" / run.WORK / f"checkpoint-{step}" / "trainer_state.json"
        while not state.is_file():
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
        assert process.wait() == -signal.SIGKILL
    subprocess.run(parts, check=True, cwd=ROOT, env=environ(place))
    one, other = (
        load_file(Path(place.adapters) / name / "adapter_model.safetensors") for name in ("whole", "parts")
    )
    assert all(torch.equal(one[name], other[name]) for name in one)


def command(data: Path, place: Settings, name: str) -> list[str]:
    model = ("--base", BASE, "--weights", place.weights, "--dtype", "fp32")
    numbers = ("--steps", "10", "--batch", "1", "--accumulate", "2")
    train = ("train", "lora", *model, "--data", str(data), "--name", name, *numbers)
    return [sys.executable, "-m", "chat_app", *train]


def environ(place: Settings) -> dict[str, str]:
    return {**os.environ, "LIGHTBOX_ADAPTERS": place.adapters}


def test_stopped_after_an_early_end_it_trains_no_further(train: Train) -> None:
    early = {"steps": 10, "rate": 1e-12}
    with pytest.raises(Stopped):
        train(stopping_at(LAST), **early)
    table = tomllib.loads((train(**early).folder / "card.toml").read_text("utf-8"))
    assert table["training"]["steps_done"] == 4 < table["training"]["steps_planned"]


def test_a_checkpoint_that_was_cut_short_is_not_gone_on_from(tmp_path: Path) -> None:
    for step, state in ((2, "{}"), (10, '{"half'), (30, None)):
        (tmp_path / f"checkpoint-{step}").mkdir()
        if state is not None:
            (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text(state)
    assert coach.checkpoint(tmp_path) == tmp_path / "checkpoint-2"
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-2"]


def test_a_training_goes_on_with_the_options_it_was_begun_with(train: Train) -> None:
    with pytest.raises(Stopped):
        train(stopping_at(2))
    with pytest.raises(InputError, match="begun with other options"):
        train(rank=4)


def test_a_training_that_could_not_begin_leaves_nothing(data: Path, place: Settings) -> None:
    with pytest.raises(InputError, match="no such data folder"):
        run.train(small.options(data / "nowhere"), place, quiet)
    with pytest.raises(SetupError, match="are a Llava"):
        run.train(small.options(data, base="medgemma-4b"), place, quiet)
    assert not list(Path(place.adapters).iterdir())


def test_a_name_is_not_taken_twice(train: Train) -> None:
    train(steps=1)
    with pytest.raises(InputError, match="already"):
        train(steps=1)


def test_checkpointed_blocks_learn_the_same(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = load_file(train(name="plain", steps=2).folder / "adapter_model.safetensors")
    real = memory.estimate
    monkeypatch.setattr(memory, "estimate", lambda *given: replace(real(*given), checkpointed=True))
    spared = load_file(train(name="spared", steps=2).folder / "adapter_model.safetensors")
    assert all(torch.allclose(plain[name], spared[name], atol=1e-5) for name in plain)


@pytest.mark.slow
def test_a_base_in_four_bits_is_trained_on(data: Path, place: Settings) -> None:
    folder = run.train(small.options(data, steps=2), replace(place, dtype="nf4"), quiet).folder
    tensors = load_file(folder / "adapter_model.safetensors")
    assert any(tensor.abs().max() > 0 for name, tensor in tensors.items() if "lora_B" in name)


# Recipes


RECIPE = """
from chat_app.training.lora import recipe

class Recipe(recipe.Recipe):
    def target_modules(self, model):
        return r".*language_model.*\\.q_proj"
"""


def test_a_file_called_like_the_card_is_its_recipe(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert type(recipe.of(BASE)) is recipe.Recipe
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "llava_15_7b.py").write_text(RECIPE)
    monkeypatch.setattr(recipes, "__path__", [*recipes.__path__, str(tmp_path / "recipes")])
    trained = load_file(train(steps=1).folder / "adapter_model.safetensors")
    # Loaded, it would be the recipe of the tests that follow too.
    del sys.modules[f"{recipes.__name__}.llava_15_7b"]
    assert trained and all(".q_proj." in name for name in trained)


# What the card says


def test_figures_carry_their_intervals_and_weakness_is_said() -> None:
    better, worse = Figure(100, 20, 80), Figure(100, 30, 30)
    data = better.as_data()
    assert (data["before"], data["after"]) == (0.2, 0.8) and data["after_interval"][0] > 0.7
    assert better.as_text == "20% (13% to 29%) before, 80% (71% to 87%) after, of 100 questions"
    assert "no better" not in cardfile.limits({"answers": better}, "test")
    said = cardfile.limits({"answers": worse}, "val")
    assert "no better than its base in answers" in said and "flatter" in said


@pytest.mark.parametrize(("seconds", "says"), [(40, "40 s"), (600, "10 min"), (7200, "2.0 h")])
def test_time_is_said_in_its_own_unit(seconds: float, says: str) -> None:
    assert progress.duration(seconds) == says


# From the command line to an answer


def test_a_model_says_what_it_was_taught_and_without_the_adapter_does_not(
    data: Path, place: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIGHTBOX_ADAPTERS", place.adapters)
    model = ("--weights", place.weights, "--dtype", "fp32")
    numbers = ("--steps", "30", "--rate", "0.005", "--batch", "2", "--accumulate", "1")
    taught = cli.main(
        ["train", "lora", "--base", BASE, "--data", str(data), "--name", "shades", *model, *numbers]
    )
    out, err = capsys.readouterr()
    assert taught == 0 and "of 2 questions" in out and "left" in err

    def said(shade: str, *adapter: str) -> str:
        command = ["ask", str(data / f"{shade}-1.png"), "-q", QUESTION, "--model", BASE, *model, *adapter]
        assert cli.main([*command, "--json"]) == 0
        return str(json.loads(capsys.readouterr().out)["answer"])

    for shade in SHADES:
        assert said(shade, "--adapter", "shades") == f"It is {shade}."
        assert said(shade) != f"It is {shade}."


def test_every_command_of_the_guide_is_one() -> None:
    guide = (ROOT / "docs" / "train-your-own.md").read_text("utf-8")
    commands = [line for line in guide.splitlines() if line.startswith("lightbox ")]
    assert {shlex.split(line)[1] for line in commands} == {"data", "train", "evaluate", "ask", "serve"}
    for line in commands:
        assert arguments.parser().parse_args(shlex.split(line)[1:])


@pytest.mark.parametrize("wrong", [("--batch", "0"), ("--rate", "-1"), ("--name", "Über")])
def test_wrong_options_are_said(
    data: Path, place: Settings, wrong: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", "lora", "--base", BASE, "--data", str(data), "--name", "shades", *wrong]
    assert cli.main(command) in (2, 3)
    assert capsys.readouterr().err.count("\n") == 1
