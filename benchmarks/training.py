"""What training an adapter costs: `python -m benchmarks.training`.

The same pictures, each with four questions, are taught by Lightbox and by a plain script of peft and
transformers' Trainer, in turns, each time in a process of its own. Both have two pictures at a time and learn
eight answers a step: the script reads a picture anew for each of its questions, and learns the questions too.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from peft import LoraConfig, get_peft_model
from PIL import Image as Pillow
from transformers import EarlyStoppingCallback, PrinterCallback, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_utils import IntervalStrategy, SaveStrategy

from benchmarks import measure, models
from benchmarks.measure import Sheet
from chat_app.data import reader
from chat_app.models import cards, fit
from chat_app.models.local.prompt import Reader
from chat_app.training.dialogues import Vocabulary
from chat_app.training.lora import modules
from chat_app.training.lora.coach import Coach, arguments
from chat_app.training.lora.lessons import Classroom, Lessons
from chat_app.training.lora.options import Options
from chat_app.training.lora.recipe import Recipe

PICTURES, EACH, BATCH, RANK = 8, 4, 2, 16
STEPS = 4
"""The first of them is not counted."""
CARD = "llava-15-7b"
SPEED, MEMORY = "Answers learnt a second", "Most memory of the process, MB"
OURS, PLAIN = "Lightbox", "peft and Trainer"
ABOUT = (
    "What training a LoRA adapter of rank 16 costs, beside a plain script of peft and transformers' Trainer."
)
CHILD = "--child"


def main() -> None:
    if sys.argv[1:2] == [CHILD]:
        print(json.dumps(child(sys.argv[2], *map(Path, sys.argv[3:5]))))
        return
    parser = measure.sized(measure.parser(__doc__, "training", rounds=3), "small")
    measure.run("training", parser.parse_args(), measured)


def measured(options: argparse.Namespace) -> Sheet:
    sheet = Sheet(ABOUT)
    with ExitStack() as stack:
        folder = stack.enter_context(models.place(options.size, options.model))
        data = questions(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        for _ in range(options.rounds):
            for who in (OURS, PLAIN):
                command = [sys.executable, "-m", "benchmarks.training", CHILD, who, str(folder), str(data)]
                done = subprocess.run(command, check=True, capture_output=True, cwd=models.ROOT)
                found = json.loads(done.stdout.splitlines()[-1])
                answers = BATCH * EACH
                sheet.add(SPEED, who, "answers", *(answers / seconds for seconds in found["steps"]))
                sheet.add(MEMORY, who, "MB", found["memory"])
    return sheet


def questions(folder: Path) -> Path:
    """Pictures of noise, each with its questions, as a CSV."""
    noise = np.random.default_rng(0)
    rows = []
    for number in range(PICTURES):
        name = f"{number}.png"
        Pillow.fromarray(noise.integers(0, 255, (336, 336), np.uint8)).save(folder / name)
        rows += [
            [name, f"What is in part {part}?", f"There is noise in part {part}."] for part in range(EACH)
        ]
    with (folder / "list.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([["image", "question", "answer"], *rows])
    return folder


class Clock(TrainerCallback):
    """When each step ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.ends.append(time.perf_counter())


def child(who: str, folder: Path, data: Path) -> dict[str, Any]:
    """Trains, and gives the seconds of each step after the first, and the most megabytes taken."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as out:
        trainer = (ours if who == OURS else plain)(folder, data, Path(out))
        trainer.add_callback(clock)
        trainer.train()
    steps = [after - before for before, after in pairwise(clock.ends)]
    return {"steps": steps, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000}


def with_lora(model: Any) -> Any:
    return get_peft_model(model, LoraConfig(r=RANK, target_modules=modules.language(model)))


def ours(folder: Path, data: Path, out: Path) -> Trainer:
    model, processor = models.opened(folder)
    records = reader.read(data)
    room = Classroom(
        card=replace(cards.card(CARD), taught=True),
        recipe=Recipe(),
        vocabulary=Vocabulary.of(records),
        reader=Reader(processor, model),
        ends=[processor.tokenizer.eos_token_id],
        most=models.CONTEXT,
    )
    options = Options(CARD, data, "benchmark", steps=STEPS, batch=BATCH, accumulate=1)
    args = arguments(options, out, STEPS, fit.machine(), checkpointed=False)
    args.eval_strategy, args.save_strategy = IntervalStrategy.NO, SaveStrategy.NO
    args.load_best_model_at_end = False
    lessons = Lessons(room, records, 0, length=STEPS * BATCH)
    coach = Coach(model=with_lora(model), args=args, train_dataset=lessons, room=room, callbacks=[])
    coach.remove_callback(EarlyStoppingCallback)
    return coach


def plain(folder: Path, data: Path, out: Path) -> Trainer:
    model, processor = models.opened(folder)

    def batch(rows: list[Any]) -> Any:
        turns = [
            [
                {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": row.question}]},
                {"role": "assistant", "content": [{"type": "text", "text": row.answer}]},
            ]
            for row in rows
        ]
        text = processor.apply_chat_template(turns, tokenize=False)
        pictures = [Pillow.open(row.path).convert("RGB") for row in rows]
        made = processor(text=text, images=pictures, padding=True, return_tensors="pt")
        labels = made["input_ids"].masked_fill(made["attention_mask"] == 0, -100)
        return {**made, "labels": labels}

    args = TrainingArguments(
        output_dir=str(out),
        max_steps=STEPS,
        per_device_train_batch_size=BATCH,
        gradient_accumulation_steps=EACH,
        remove_unused_columns=False,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=fit.machine().device == "cpu",
    )
    records: Any = reader.read(data)
    trainer = Trainer(with_lora(model), args, data_collator=batch, train_dataset=records)
    trainer.remove_callback(PrinterCallback)
    return trainer


if __name__ == "__main__":
    main()
