"""Training nano, on a handful of made-up pictures: it runs, resumes, repeats, and learns what it is shown."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path

import numpy as np
import pytest
import stops
import torch
from PIL import Image as Pillow
from transformers import LlavaForConditionalGeneration

from chat_app.errors import SetupError
from chat_app.grounding import boxes
from chat_app.models.nano.tower import DECISIONS, LOOKS, OBJECTS, NanoVisionConfig, NanoVisionModel
from chat_app.models.nano.wording import KINDS, intents
from chat_app.records import View
from chat_app.training.nano import augment, edges, pictures, train
from chat_app.training.nano.dialogues import Seen, answer, dialogue
from chat_app.training.nano.muon import orthogonal

LUNG = {"label": "Right Lung", "box": [0.1, 0.1, 0.4, 0.9]}
RECORDS: dict[str, dict[str, object]] = {
    "cxr_nih": {"view": "PA", "labels": ["No Finding"], "boxes": []},
    "cxr_lungbox": {"view": "AP Supine", "labels": ["COVID-19"], "boxes": [LUNG]},
    "mri_brain": {"labels": ["glioma"], "boxes": [{"label": "glioma", "box": [0.5, 0.5, 0.7, 0.7]}]},
    "blood_cells": {"labels": ["WBC", "RBC"], "boxes": [{"label": "WBC", "box": [0.3, 0.3, 0.6, 0.7]}]},
    "vqa_rad": {"organ": "ABD"},
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for folder, known in RECORDS.items():
        (tmp_path / folder / "images").mkdir(parents=True)
        rows = []
        for number, split in enumerate(("train", "train", "val")):
            name = f"images/{number}.png"
            Pillow.fromarray(rng.integers(0, 256, (50, 60), np.uint8)).save(tmp_path / folder / name)
            rows.append(json.dumps({"image": name, "split": split, **known}))
        (tmp_path / folder / "records.jsonl").write_text("\n".join(rows), "utf-8")
    return tmp_path


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "DRAWINGS", 4)
    monkeypatch.setattr("chat_app.training.nano.run.VISION_BATCH", 12)
    monkeypatch.setattr("chat_app.training.nano.run.LANGUAGE_BATCH", 8)


def test_it_trains_and_what_it_wrote_opens(data: Path, small: None, tmp_path: Path) -> None:
    folder = train(data, tmp_path / "out", seed=3, vision_steps=2, edge_steps=2, language_steps=2)
    model = LlavaForConditionalGeneration.from_pretrained(folder)
    assert model.dtype is torch.bfloat16 and (folder / "gate.safetensors").is_file()


def test_stopped_and_resumed_it_ends_where_it_would_have(
    data: Path, small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = {"vision": "vision_steps", "edges": "edge_steps", "language": "language_steps"}
    brief = {"seed": 3, **dict.fromkeys(stages.values(), 2)}
    whole = train(data, tmp_path / "whole", **brief)
    for stage in stages:
        monkeypatch.setattr(f"chat_app.training.nano.{stage}.SAVE_EVERY", 1)
        with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
            stops.after(patch, stage, 1)
            train(data, tmp_path / "parts", **brief)
    parts = train(data, tmp_path / "parts", **brief)
    first, second = (LlavaForConditionalGeneration.from_pretrained(f).state_dict() for f in (whole, parts))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_closer_look_is_taught_alone_and_resumes(
    data: Path, small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edges, "SAVE_EVERY", 1)
    album, untaught = pictures.album(data, "train"), NanoVisionModel(NanoVisionConfig())
    whole, parts = copy.deepcopy(untaught), copy.deepcopy(untaught)
    for folder in ("whole", "parts"):
        (tmp_path / folder).mkdir()
    edges.train(whole, album, tmp_path / "whole", seed=3, steps=2)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stops.after(patch, "edges", 1)
        edges.train(parts, album, tmp_path / "parts", seed=3, steps=2)
    edges.train(parts, album, tmp_path / "parts", seed=3, steps=2)
    assert not differing(whole, parts)
    assert {name.partition(".")[0] for name in differing(whole, untaught)} == {"closer"}


def differing(one: torch.nn.Module, other: torch.nn.Module) -> list[str]:
    """The weights and running means that are not the same to the bit."""
    first, second = one.state_dict(), other.state_dict()
    return [name for name in first if not torch.equal(first[name], second[name])]


def test_a_box_is_what_closer_looks_make_of_a_rough_one() -> None:
    tower = NanoVisionModel(NanoVisionConfig()).eval()
    torch.nn.init.normal_(tower.closer.edges.weight)
    with torch.no_grad():
        sight = tower.look(torch.rand(2, 3, 224, 224))
        boxes, every = sight.rough, torch.arange(len(OBJECTS)).expand(2, -1)
        for _ in range(LOOKS):
            assert not torch.equal(sight.box, boxes)
            boxes = tower.closer(sight.around, boxes, every)
    assert torch.equal(sight.box, boxes)


def test_a_missing_set_is_said(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="lacks the set cxr_nih"):
        train(tmp_path, tmp_path / "out")


def test_a_box_follows_its_picture(data: Path, small: None) -> None:
    album = pictures.album(data, "train")
    still = augment.batch(album, album.of("mri_brain"), 224, np.random.default_rng(0), moved=False)
    assert still.found[0] == [(OBJECTS.index("tumour"), 0.5, 0.5, 0.7, 0.7)]
    mirrored = np.array([[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    seen = augment._seen(album, int(album.of("mri_brain")[0]), mirrored)
    assert np.allclose(seen[0][1:], (0.3, 0.5, 0.5, 0.7))


def test_a_spoiled_picture_is_of_no_kind(data: Path, small: None) -> None:
    album = pictures.album(data, "train")
    spoils = ["jigsaw", "invert"]
    batch = augment.batch(album, album.of("mri_brain"), 224, np.random.default_rng(0), spoils=spoils)
    assert batch.decisions[:, 0].tolist() == [augment.OTHER] * 2 and not batch.present.any()


def test_a_step_depends_on_its_number_alone(data: Path, small: None) -> None:
    album = pictures.album(data, "train")
    one, two = (augment.draw(album, 32, 224, np.random.default_rng((0, 7))) for _ in range(2))
    assert torch.equal(one.pixels, two.pixels) and torch.equal(one.target, two.target)


def test_muon_makes_its_step_orthogonal() -> None:
    step = orthogonal(torch.randn(40, 20, generator=torch.Generator().manual_seed(0)))
    assert torch.linalg.svdvals(step).min() > 0.6 and torch.linalg.svdvals(step).max() < 1.3


def test_the_tower_gives_a_token_for_each_place_object_and_decision() -> None:
    sight = NanoVisionModel(NanoVisionConfig()).eval().look(torch.zeros(2, 3, 224, 224))
    assert sight.tokens.shape == (2, 49 + len(OBJECTS) + len(DECISIONS), 256)
    assert sight.boxes.shape == (2, len(OBJECTS), 196, 4)


def seen(kind: str) -> Seen:
    decisions = {name: (classes[-1], 0.9) for name, classes in DECISIONS.items()}
    return Seen(kind, decisions, dict.fromkeys(OBJECTS, (10, 20, 30, 40)))


@pytest.mark.parametrize("kind", [*KINDS, "other"])
@pytest.mark.parametrize("intent", sorted(intents()))
def test_everything_that_can_be_asked_has_an_answer(kind: str, intent: str) -> None:
    assert answer(
        intent, seen(kind), {"is_kind": KINDS[0], "is_tumour": "glioma"}.get(intent, "heart")
    ).endswith(".")


def test_boxes_in_dialogues_are_boxes_to_the_reader() -> None:
    view = View("image 1", np.zeros((192, 192, 3), np.uint8), 0, 0, 192, 192, 192, 192)
    parsed = boxes.parse(answer("lungs", seen(KINDS[0])), [view], ["image 1"])
    assert [box.label for box in parsed.boxes] == ["right lung", "left lung"] and not parsed.refused


def test_doubt_is_said_in_words() -> None:
    unsure = Seen(KINDS[1], {**seen(KINDS[1]).decisions, "tumour": ("glioma", 0.5)}, {})
    assert answer("tumour", unsure) == "It may be a glioma, but I am not sure."


def test_dialogues_follow_their_seed() -> None:
    one, two = (dialogue(seen(KINDS[0]), random.Random(5), 4) for _ in range(2))
    assert one == two and len(one) == 4
