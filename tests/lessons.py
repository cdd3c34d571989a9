"""A small set of pictures to train adapters on, and a classroom over a small model."""

from __future__ import annotations

import csv
from pathlib import Path

import minds
import numpy as np
from PIL import Image as Pillow

from chat_app.data import reader
from chat_app.models import cards
from chat_app.models.local.prompt import Reader
from chat_app.training.dialogues import Vocabulary
from chat_app.training.lora import lessons, recipe
from chat_app.training.lora.lessons import Classroom
from chat_app.training.lora.options import Options

BASE = "llava-15-7b"
SHADES = {"dark": 40, "bright": 220}
QUESTION = "How does it look?"


def made(folder: Path, each: int = 6) -> Path:
    """A CSV of dark and bright pictures, each with the question how it looks."""
    folder.mkdir(parents=True, exist_ok=True)
    rng, rows = np.random.default_rng(0), []
    for number in range(each):
        for shade, grey in SHADES.items():
            name = f"{shade}-{number}.png"
            noise = rng.integers(-30, 30, (40, 40))
            Pillow.fromarray((grey + noise).astype(np.uint8)).save(folder / name)
            split = {0: "val", 1: "test"}.get(number, "train")
            rows.append([name, QUESTION, f"It is {shade}.", split, f"{shade}{number}", "CC0", "Ultrasound"])
    with (folder / "list.csv").open("w", newline="", encoding="utf-8") as stream:
        names = ["image", "question", "answer", "split", "patient", "licence", "modality"]
        csv.writer(stream).writerows([names, *rows])
    return folder


def options(data: Path, **others: object) -> Options:
    plain = {"base": BASE, "data": data, "name": "shades", "steps": 6, "batch": 1, "accumulate": 1}
    return Options(**{**plain, **others})  # type: ignore[arg-type]


def room(card: str, data: Path) -> tuple[Classroom, minds.weights.Opened]:
    """A classroom with the small twin of that card's model."""
    opened = minds.opened(card)
    records = reader.read(data)
    found = Classroom(
        card=cards.card(card),
        recipe=recipe.of(card),
        vocabulary=Vocabulary.of(records),
        reader=Reader(opened.processor, opened.model),
        ends=lessons.ends_of(opened.model),
        most=2000,
    )
    return found, opened
