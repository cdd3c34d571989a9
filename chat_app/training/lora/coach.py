"""transformers' Trainer for one adapter: what it is told, and where to go on."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.data import Subset
from transformers import (
    EarlyStoppingCallback,
    PrinterCallback,
    Trainer,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer import TRAINER_STATE_NAME

from chat_app.models.fit import Machine
from chat_app.training.lora.batches import Batches
from chat_app.training.lora.lessons import Classroom
from chat_app.training.lora.options import Options

ROUNDS = 10
"""How often a training validates, and keeps a checkpoint."""
PATIENCE = 3
"""So many validations without a better one end it."""
TRACKERS = ("tensorboard", "trackio")


class Coach(Trainer):
    """Trains what has gradients, and leaves all else of the model as it is."""

    def __init__(self, *, model: Any, room: Classroom, callbacks: list[Any], **known: Any) -> None:
        tokenizer = room.reader.tokenizer
        filler = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
        super().__init__(
            model=model,
            data_collator=Batches(model.get_base_model(), filler),
            callbacks=[EarlyStoppingCallback(PATIENCE), *callbacks],
            **known,
        )
        self.remove_callback(PrinterCallback)

    def resume(self) -> None:
        """Trains from the last checkpoint, or from the beginning; then the best validated weights are on."""
        last = checkpoint(Path(str(self.args.output_dir)))
        if last:
            state = TrainerState.load_from_json(str(last / TRAINER_STATE_NAME))
            if state.stateful_callbacks["TrainerControl"]["args"]["should_training_stop"]:
                # It has ended, early perhaps: the Trainer would take a step more before it saw that.
                lessons: Any = self.train_dataset
                done = state.global_step
                self.train_dataset = Subset(lessons, range(len(lessons) * done // self.args.max_steps))
                self.args.max_steps = done
        self.train(resume_from_checkpoint=str(last) if last else None)

    def compute_loss(self, model: Any, *given: Any, **known: Any) -> Any:
        _still(model)
        return super().compute_loss(model, *given, **known)


def arguments(
    options: Options, folder: Path, steps: int, here: Machine, *, checkpointed: bool
) -> TrainingArguments:
    every = max(1, steps // ROUNDS)
    return TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=options.batch,
        per_device_eval_batch_size=options.batch,
        gradient_accumulation_steps=options.accumulate,
        learning_rate=options.rate,
        lr_scheduler_type="cosine",
        warmup_steps=steps // 20,
        # The lessons have an order of their own, which a training that is taken up again finds again.
        train_sampling_strategy="sequential",
        remove_unused_columns=False,
        label_names=["labels"],
        prediction_loss_only=True,
        eval_strategy="steps",
        save_strategy="steps",
        eval_steps=every,
        save_steps=every,
        logging_steps=max(1, every // 2),
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        restore_callback_states_from_checkpoint=True,
        seed=options.seed,
        use_cpu=here.device == "cpu",
        dataloader_pin_memory=here.device == "cuda",
        bf16=here.device == "cuda" and here.brain16,
        fp16=here.device == "cuda" and not here.brain16,
        activation_checkpointing=checkpointed,
        disable_tqdm=True,
        # By name: others that may be installed send what they are told to a server.
        report_to=[name for name in TRACKERS if find_spec(name)] or "none",
        trackio_space_id=None,
    )


def checkpoint(folder: Path) -> Path | None:
    """The last whole checkpoint; one that was cut short is removed."""
    found = sorted(
        folder.glob("checkpoint-*"), key=lambda path: int(path.name.rsplit("-", 1)[1]), reverse=True
    )
    for each in found:
        try:
            # It is what the Trainer writes last.
            json.loads((each / TRAINER_STATE_NAME).read_text("utf-8"))
        except (OSError, ValueError):
            shutil.rmtree(each)
        else:
            return each
    return None


def _still(model: nn.Module) -> None:
    """Running means stay the base's: they would move with every look, also in layers that are not trained."""
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.eval()
