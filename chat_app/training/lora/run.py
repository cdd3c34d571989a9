"""The whole training of an adapter, in order: data, base, figures before, training, adapter, figures after.

The loop is transformers' Trainer. A training that was killed is taken up again from its last checkpoint.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelerate import PartialState
from peft import LoraConfig, get_peft_model
from transformers import set_seed

from chat_app.data import reader
from chat_app.errors import InputError, SetupError
from chat_app.models import adapters, cards, fit
from chat_app.models.local.adapters import Adapters
from chat_app.models.local.chat import LocalModel
from chat_app.training.dialogues import Vocabulary
from chat_app.training.lora import card as cardfile
from chat_app.training.lora import lessons, memory, modules, recipe, scoring
from chat_app.training.lora.coach import Coach, arguments
from chat_app.training.lora.lessons import Classroom, Lessons, Split
from chat_app.training.lora.options import Options, Outcome
from chat_app.training.lora.progress import Progress
from chat_app.training.lora.scoring import Exam, Figure

if TYPE_CHECKING:
    from chat_app.models.cards import Card
    from chat_app.settings import Settings

Say = Callable[[str], None]

WORK, BEGUN = ".training", "options.json"
"""Where checkpoints lie until the adapter is whole, and with what it was begun."""
DROPOUT = 0.05
MOST_VALIDATED = 200  # conversations at each validation


@dataclass(frozen=True, eq=False)
class Base:
    """The model that is trained on, as the engine has it."""

    card: Card
    chat: LocalModel
    sha256: str

    @property
    def model(self) -> Any:
        return self.chat.engine.model


def train(options: Options, settings: Settings, say: Say) -> Outcome:
    """Trains an adapter and writes it into the folder of adapters.

    Raises:
        InputError: the data cannot be trained on, or the name is taken.
        SetupError: the model cannot be read or trained here, or the folder cannot be written.
    """
    if own := recipe.own(options.base):
        return own(options, settings, say)
    device = PartialState(cpu=fit.machine().device == "cpu")
    say = say if device.is_main_process else _nothing
    folder = folder_for(options, settings)
    split = lessons.split(reader.read(options.data), options.seed)
    base = _base(options, settings, say)
    room = _room(options, base, [*split.train, *split.val])
    found = scoring.exams(room, split.held_out[1], options.seed)
    with device.main_process_first():
        begin(folder, options)
        before = _before(folder / WORK / "before.json", room, base, found, say)
    model = _with_lora(base.model, room.recipe, options)
    facts = _taught(model, room, split, options, folder, device.num_processes, say)
    figures: dict[str, Figure] = {}
    if device.is_main_process:
        table = cardfile.table(options, base.card, base.sha256, split, facts)
        stage = _staged(folder, model, base, table)
        say("Asking the held-out questions again …")
        figures = scoring.figures(found, before, _after(stage, model, room, base, found))
        cardfile.write(stage, cardfile.measured(table, figures, split.held_out[0]))
        publish(stage, folder)
    device.wait_for_everyone()
    base.chat.engine.close()
    return Outcome(folder, figures)


def _nothing(_: str) -> None:
    """Of several processes one speaks."""


def folder_for(options: Options, settings: Settings) -> Path:
    """Where the adapter comes to lie; a training begun there with the same options goes on."""
    adapters.check_name(options.name)
    shelf = adapters.shelf(settings.adapters)
    if shelf is None:
        raise SetupError("There is no folder of adapters: name one with LIGHTBOX_ADAPTERS.")
    folder = shelf / options.name
    if (folder / adapters.CONFIG).is_file():
        raise InputError(f"There is an adapter called {options.name} already: choose another name.")
    begun = folder / WORK / BEGUN
    if begun.is_file() and begun.read_text("utf-8") != _stated(options):
        raise InputError(
            f"A training called {options.name} was begun with other options: give those, or another name."
        )
    return folder


def begin(folder: Path, options: Options) -> None:
    """Notes the options, once data and base are known to be good: from here on it is gone on with."""
    try:
        (folder / WORK).mkdir(parents=True, exist_ok=True)
        (folder / WORK / BEGUN).write_text(_stated(options), "utf-8")
    except OSError as error:
        fault = "The folder of adapters cannot be written: name one with LIGHTBOX_ADAPTERS."
        raise SetupError(fault) from error


def _stated(options: Options) -> str:
    return json.dumps({**asdict(options), "data": str(options.data.resolve())}, indent=1)


def _base(options: Options, settings: Settings, say: Say) -> Base:
    chosen = replace(settings, model=options.base, adapter="", seed=options.seed)
    card = cards.chosen(chosen)
    chosen = replace(chosen, dtype=settings.dtype or _dtype(card, fit.machine()))
    chat, identity = cards.load(card, chosen, say)
    if not isinstance(chat, LocalModel):
        raise SetupError(f"{card.name} runs elsewhere: train a model whose weights are on this machine.")
    return Base(card, chat, identity.sha256)


def _dtype(card: Card, here: fit.Machine) -> str:
    """NF4 on a GPU, for the room that training takes beside the weights (QLoRA); else what fits best."""
    return "nf4" if card.weights and here.device == "cuda" and here.bitsandbytes else ""


def _room(options: Options, base: Base, records: Sequence[Any]) -> Classroom:
    context = base.card.contract.context
    return Classroom(
        card=base.card,
        recipe=recipe.of(base.card.name),
        vocabulary=Vocabulary.of(records),
        reader=base.chat.engine.reader,
        ends=lessons.ends_of(base.model),
        most=min(options.length or context, context),
    )


def _before(path: Path, room: Classroom, base: Base, found: Sequence[Exam], say: Say) -> list[bool]:
    """How the base does; asked once, also when the training is taken up again."""
    if path.is_file():
        kept: list[bool] = json.loads(path.read_text("utf-8"))
        return kept
    say(f"Asking the base {len(found)} held-out questions …")
    marks = scoring.right(room, base.chat, found)
    draft = path.with_suffix(".part")
    draft.write_text(json.dumps(marks), "utf-8")
    draft.replace(path)
    return marks


def _with_lora(model: Any, how: recipe.Recipe, options: Options) -> Any:
    set_seed(options.seed)
    config = LoraConfig(
        r=options.rank,
        lora_alpha=2 * options.rank,
        lora_dropout=DROPOUT,
        target_modules=how.target_modules(model),
        modules_to_save=how.modules_to_save(model, projector=options.projector) or None,
    )
    wrapped = get_peft_model(model, config)
    # Else peft notes where the weights lie on this machine, and asks the hub about them.
    wrapped.peft_config["default"].base_model_name_or_path = None
    return wrapped


def _taught(
    model: Any,
    room: Classroom,
    split: Split,
    options: Options,
    folder: Path,
    processes: int,
    say: Say,
) -> dict[str, Any]:
    """Trains the model in place, to the best validation; gives what the card says of it."""
    here = fit.machine()
    val = Lessons(room, split.val, options.seed)
    val.length = min(val.length, MOST_VALIDATED)
    a_step = options.batch * options.accumulate * processes
    a_round = -(-len(lessons.grouped(split.train)) // a_step)
    steps = options.steps or options.epochs * a_round
    train = Lessons(room, split.train, options.seed, length=steps * a_step)
    tokens = options.batch * max(len(train[place]) for place in range(min(8, len(train))))
    trained = modules.trained(model)
    taken = memory.estimate(model, sum(trained.values()), tokens, here)
    say(f"{sum(trained.values()):,} of {model.num_parameters():,} numbers are trained, in {steps:,} steps.")
    say(f"Memory: {taken.as_text}; {fit.gib(here.memory)} are free.")
    coach = Coach(
        model=model,
        args=arguments(options, folder / WORK, steps, here, checkpointed=taken.checkpointed),
        train_dataset=train,
        eval_dataset=val,
        room=room,
        callbacks=[Progress(folder, say)],
    )
    coach.resume()
    model.eval()
    state = coach.state
    reached = {"steps_planned": steps, "steps_done": state.global_step, "val_loss": state.best_metric}
    return {**reached, "trained_numbers": sum(trained.values())}


def _staged(folder: Path, model: Any, base: Base, table: Mapping[str, Any]) -> Path:
    """The adapter's files, beside the checkpoints until they are whole."""
    stage = folder / WORK / folder.name
    shutil.rmtree(stage, ignore_errors=True)
    weights = base.card.weights
    model.peft_config["default"].base_model_name_or_path = weights.repo if weights else base.card.name
    model.save_pretrained(stage, save_embedding_layers=False)
    # peft's own model card: its blanks say nothing that ours does not.
    (stage / "README.md").unlink(missing_ok=True)
    cardfile.write(stage, table)
    return stage


def _after(stage: Path, model: Any, room: Classroom, base: Base, found: Sequence[Exam]) -> list[bool]:
    """How the adapter does, read from its files as the engine reads every adapter."""
    model.unload()
    engine = base.chat.engine
    engine.adapters = Adapters(engine.model, [adapters.card(stage)], base.card.name, base.sha256)
    return scoring.right(room, base.chat, found, stage.name)


def publish(stage: Path, folder: Path) -> None:
    """Moves the files into the adapter's folder; the one by which an adapter is found comes last."""
    for path in sorted(stage.iterdir(), key=lambda path: path.name == adapters.CONFIG):
        path.replace(folder / path.name)
    shutil.rmtree(folder / WORK)
