"""Training an adapter of nano, on a handful of made-up pictures: what it adds, leaves, and resumes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import stops
import torch
from PIL import Image as Pillow
from safetensors.torch import load_file
from transformers import LlavaForConditionalGeneration

from chat_app.data.records import Record
from chat_app.errors import InputError
from chat_app.evaluation.suites import specialty as asked
from chat_app.models import adapters
from chat_app.models.nano.chat import WEIGHTS, fingerprint
from chat_app.models.nano.gate import FILE as GATE
from chat_app.models.nano.gate import Gate
from chat_app.models.nano.specialty import FILE, Specialty, read, write
from chat_app.models.nano.tower import OPEN_CLASSES, OPEN_KIND, NanoVisionConfig, NanoVisionModel
from chat_app.settings import Settings
from chat_app.training import curves
from chat_app.training.lora import run
from chat_app.training.lora.options import Options
from chat_app.training.nano import adapter, pictures, specialist, vision
from chat_app.training.nano.augment import draw
from chat_app.training.nano.watch import Watch

HAND = Specialty("hand X-ray", "the hand", ("normal", "broken"), ("fracture",), ("normal",), ("CR",))
BOX = ("a fracture", (0.2, 0.2, 0.5, 0.6))


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    rng, found = np.random.default_rng(0), []
    for number, split in enumerate(("train", "train", "train", "val", "val", "test")):
        path = tmp_path / f"{number}.png"
        Pillow.fromarray(rng.integers(0, 256, (50, 60), np.uint8)).save(path)
        label = "broken" if number % 2 else "normal"
        found.append(
            Record(str(number), "hands", path, split, "X-ray", "hand", (label,), (BOX,) * (number % 2))
        )
    return found


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(adapter, "BATCH", 6)
    monkeypatch.setattr(adapter, "SAVE_EVERY", 1)
    monkeypatch.setattr("chat_app.training.nano.language.SAVE_EVERY", 1)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def trained(records: list[Record], folder: Path, steps: int) -> Path:
    train, val = ([r for r in records if r.split == split] for split in ("train", "val"))
    adapter.train(train, val, HAND, folder, folder, steps=steps)
    return folder


def test_an_adapter_is_small_and_holds_what_it_adds(
    records: list[Record], small: None, tmp_path: Path
) -> None:
    folder = trained(records, tmp_path / "hand-x-ray", 4)
    assert (folder / "adapter_model.safetensors").stat().st_size < 3_000_000
    assert read(folder / FILE) == HAND
    config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    assert config["base_model_name_or_path"] == "nano"
    gate = Gate.load(folder / GATE, HAND)
    assert list(gate.kinds) == [OPEN_KIND] and torch.equal(
        gate.precision, Gate.load(WEIGHTS / GATE).precision
    )


def test_only_the_last_layers_of_the_tower_are_trained_and_all_of_the_language_model(small: None) -> None:
    names = {
        name.partition(".lora_A")[0]
        for name, _ in adapter._adapted(WEIGHTS, 0).named_parameters()
        if "lora_A" in name
    }
    tower = {name.rpartition("vision_tower.")[2] for name in names if "vision_tower" in name}
    assert {name.split(".")[0] for name in tower} == {
        *("stage2", "stage3", "layers", "fine_conv", "fine_token", "map_head", "box_head", "decide"),
        *("object_look", "closer"),
    }
    assert {name for name in tower if name.startswith("decide")} == {"decide.0", "decide.6"}
    assert {name.rpartition(".")[2] for name in names - {n for n in names if "vision_tower" in n}} == {
        *(
            "q_proj",
            "k_proj",
            "v_proj",
            "o_proj",
            "gate_proj",
            "up_proj",
            "down_proj",
            "linear_1",
            "linear_2",
        ),
    }


def test_killed_three_times_it_ends_where_it_would_have(
    records: list[Record], small: None, tmp_path: Path
) -> None:
    whole = trained(records, tmp_path / "whole", 5)
    parts = tmp_path / "parts"
    kills = [("adapter", "seeing", 1), ("adapter", "seeing", 3), ("language", "speaking", 1)]
    for module, stage, step in kills:
        with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
            stops.after(patch, module, step)
            trained(records, parts, 5)
        assert curves.read(parts)[f"{stage}, validation"][-1][0] == step
    trained(records, parts, 5)
    first, second = (load_file(folder / "adapter_model.safetensors") for folder in (whole, parts))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert curves.read(parts) == curves.read(whole)


def test_the_losses_of_both_stages_are_written(records: list[Record], small: None, tmp_path: Path) -> None:
    folder = trained(records, tmp_path / "hand", 5)
    assert {name: [step for step, _ in curve] for name, curve in curves.read(folder).items()} == {
        "seeing, training": [1, 2, 3],
        "seeing, validation": [1, 2, 3],
        "speaking, training": [1, 2],
        "speaking, validation": [1, 2],
    }
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_what_was_written_after_the_last_checkpoint_is_written_anew(
    records: list[Record], tmp_path: Path
) -> None:
    held_out = pictures.added(records[3:5], HAND)
    killed = Watch(tmp_path, "seeing", held_out)
    for step in (1, 2, 3):
        killed.learnt(step, 1 / step)
    Watch(tmp_path, "seeing", held_out).learnt(2, 0.25)
    assert curves.read(tmp_path) == {"seeing, training": [(1, 1.0), (2, 0.25)], "seeing, validation": []}


def test_the_base_is_the_same_to_the_bit_with_the_adapter_off(
    records: list[Record], small: None, tmp_path: Path
) -> None:
    from peft import PeftModel

    folder = trained(records, tmp_path / "hand", 3)
    base = LlavaForConditionalGeneration.from_pretrained(WEIGHTS, dtype=torch.float32).eval()
    pixels = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        before = base.model.vision_tower.look(pixels).tokens
        both = PeftModel.from_pretrained(base, folder).eval()
        on = base.model.vision_tower.look(pixels).tokens
        with both.disable_adapter():
            off = base.model.vision_tower.look(pixels).tokens
    assert torch.equal(before, off) and not torch.equal(before, on)


def test_labels_and_boxes_become_what_the_tower_has_room_for(records: list[Record], small: None) -> None:
    album = pictures.added(records[:2], HAND)
    (plain, broken) = album.pictures[:2]
    assert [OPEN_CLASSES.index("class 1"), OPEN_CLASSES.index("class 2")] == [
        plain.decisions[-1],
        broken.decisions[-1],
    ]
    assert not plain.boxes and broken.boxes[0][1:] == BOX[1]


def test_what_the_labels_say_is_the_specialty_where_none_is_written(
    records: list[Record], tmp_path: Path
) -> None:
    found = adapter.specialty_of(records, tmp_path)
    assert found == Specialty("hand X-ray", "hand", ("normal", "broken"), ("a fracture",), ("normal",))
    write(HAND, tmp_path / FILE)
    assert adapter.specialty_of(records, tmp_path) == HAND


def test_pictures_with_labels_alone_have_a_loss(records: list[Record]) -> None:
    bare = [replace(each, boxes=()) for each in records]
    tower = NanoVisionModel(NanoVisionConfig())
    drawn = draw(pictures.added(bare, replace(HAND, things=())), 4, 224, np.random.default_rng(0))
    assert vision.loss_of(tower.look(drawn.pixels), drawn, slice(3, 3)).isfinite()


def test_more_classes_than_there_is_room_for_are_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="room for 8 classes and 3 things"):
        Specialty("hand X-ray", classes=tuple(f"class {n}" for n in range(9)))


@pytest.fixture
def hands(tmp_path: Path) -> Path:
    """A CSV of twelve pictures with a label each."""
    folder, rng = tmp_path / "hands", np.random.default_rng(0)
    folder.mkdir()
    lines = ["image,labels,modality,body_part,split,licence"]
    for number in range(12):
        Pillow.fromarray(rng.integers(0, 256, (50, 60), np.uint8)).save(folder / f"{number}.png")
        split = ("train", "train", "val", "test")[number % 4]
        lines.append(f"{number}.png,{'broken' if number % 3 else 'whole'},X-ray,hand,{split},CC0")
    (folder / "list.csv").write_text("\n".join(lines), "utf-8")
    return folder


def test_a_folder_of_pictures_becomes_an_adapter_with_its_card_and_figures(
    hands: Path, small: None, tmp_path: Path
) -> None:
    shelf = tmp_path / "adapters"
    shelf.mkdir()
    options = Options("nano", hands, "hand", steps=4)
    found = run.train(options, Settings(adapters=str(shelf)), lambda _: None)
    card = adapters.card(shelf / "hand")
    assert not card.misfit("nano", fingerprint()) and card.modalities == ("CR", "DX")
    assert {path.name for path in card.folder.iterdir()} == {
        *("adapter_config.json", "adapter_model.safetensors", "card.toml", GATE, FILE),
        *("curves.json", "curves.png"),
    }
    assert read(card.folder / FILE) == Specialty("hand X-ray", "hand", ("whole", "broken"))
    # The base knows no hands.
    assert {name: (each.n, each.before) for name, each in found.figures.items()} == {
        "kind": (3, 0),
        "class": (3, 0),
    }
    with pytest.raises(InputError, match="already"):
        run.train(options, Settings(adapters=str(shelf)), lambda _: None)


def test_numbers_that_are_not_for_nano_are_said(hands: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="only --steps and --seed"):
        run.train(Options("nano", hands, "hand", rank=4), Settings(adapters=str(tmp_path)), lambda _: None)


def test_a_box_that_was_drawn_is_scored_where_it_lies(hands: Path) -> None:
    record = Record("1", "hands", hands / "1.png", "test", "X-ray", "hand", ("broken",), (BOX,))
    (task,) = (each for each in asked.tasks(HAND) if each.NAME == "fracture_box")
    (row,) = task.rows([record])
    _, reply = specialist._messages(row)
    claim = task.parse(reply("Fracture <box><x20><y20><x49><y59></box>."), row)
    assert claim == pytest.approx((0.205, 0.205, 0.495, 0.595))
    assert task.parse(reply("I see no fracture, so there is nothing to mark."), row) is None
