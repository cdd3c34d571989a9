"""`lightbox train lora --base nano`: from a folder of pictures to an adapter with its card and figures."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from chat_app import prompts
from chat_app.data import pictures, reader
from chat_app.data.records import Record
from chat_app.errors import InputError
from chat_app.evaluation.suites import specialty as asked
from chat_app.evaluation.suites.nano import ENOUGH, near
from chat_app.evaluation.task import Reply, Row, Task
from chat_app.grounding import boxes
from chat_app.imaging.view import block, look
from chat_app.models import cards
from chat_app.models.local.engine import SLOTS
from chat_app.models.nano import chat, specialty
from chat_app.models.nano.specialty import Specialty
from chat_app.training.lora import card as cardfile
from chat_app.training.lora import lessons
from chat_app.training.lora.lessons import NAME
from chat_app.training.lora.options import Options, Outcome
from chat_app.training.lora.run import WORK, begin, folder_for, publish
from chat_app.training.lora.scoring import Figure
from chat_app.training.nano import adapter

if TYPE_CHECKING:
    from pathlib import Path

    from langchain_core.messages import BaseMessage

    from chat_app.settings import Settings


def train(options: Options, settings: Settings, say: Callable[[str], None]) -> Outcome:
    """Trains the adapter and writes it into the folder of adapters.

    Raises:
        InputError: the data cannot be trained on, the name is taken, or an option is not for nano.
        SetupError: the folder cannot be written.
    """
    plain = Options(options.base, options.data, options.name, seed=options.seed, steps=options.steps)
    if options != plain:
        raise InputError("nano has a recipe of its own: of the numbers give only --steps and --seed.")
    folder = folder_for(options, settings)
    split = lessons.split(reader.read(options.data), options.seed)
    added = _specialty(folder, [*split.train, *split.val], options.data)
    begin(folder, options)
    say(f"{added.kind}: {', '.join((*added.classes, *added.things))}.")
    stage = folder / WORK / folder.name
    facts = adapter.train(
        split.train, split.val, added, stage, folder, seed=options.seed, steps=options.steps
    )
    part, held_out = split.held_out
    say(f"Asking about {len(held_out)} held-out pictures …")
    table = cardfile.table(options, cards.card("nano"), chat.fingerprint(), split, facts)
    table["training"] = {"seed": options.seed, "rank": adapter.RANK, **facts}
    # What the specialty says of DICOM files is surer than what data sets call things.
    table["modalities"] = list(added.modalities) or table["modalities"]
    cardfile.write(stage, table)
    figures = _figures(
        replace(settings, adapter="", adapters=str(stage.parent)), added, held_out, folder.name
    )
    cardfile.write(stage, cardfile.measured(table, figures, part))
    shutil.rmtree(stage / adapter.WORK)
    publish(stage, folder)
    return Outcome(folder, figures)


def _specialty(folder: Path, records: Sequence[Record], data: Path) -> Specialty:
    """What was written beside an adapter that is trained again, or with the data, or what the labels say."""
    own = folder / specialty.FILE
    return specialty.read(own) if own.is_file() else adapter.specialty_of(records, data)


def _figures(settings: Settings, added: Specialty, records: Sequence[Record], name: str) -> dict[str, Figure]:
    """How many held-out questions the base alone and the adapter answer rightly."""
    nano = chat.open_nano(settings)
    found = {}
    for task in asked.tasks(added):
        if rows := task.rows(records):
            before, after = (_right(nano, task, rows, adapter) for adapter in ("", name))
            found[task.NAME] = Figure(len(rows), before, after)
    nano.engine.close()
    return found


def _right(nano: chat.Nano, task: Task, rows: Sequence[Row], adapter: str) -> int:
    put = [_messages(row) for row in rows]
    said = nano.batch([messages for messages, _ in put], {"max_concurrency": SLOTS}, adapter=adapter)
    replies = [read(str(each.text)) for (_, read), each in zip(put, said, strict=True)]
    claims = [task.parse(reply, row) for reply, row in zip(replies, rows, strict=True)]
    return sum(near(claim, row.truth) >= ENOUGH for claim, row in zip(claims, rows, strict=True))


def _messages(row: Row) -> tuple[Any, Callable[[str], Reply]]:
    """What nano is asked, and what reads its answer."""
    picture = pictures.opened(row.record.path)
    view = look(picture, cards.card("nano").contract)
    shown = {NAME: block(picture, view)}
    messages: list[BaseMessage] = prompts.messages("", [], row.question, shown, (NAME,), named=False)
    return messages, partial(_reply, view=view)


def _reply(text: str, view: Any) -> Reply:
    parsed = boxes.parse(text, [view], [view.image])
    size = (view.columns, view.rows) * 2
    places = [
        (b.label, tuple(at / whole for at, whole in zip(b.corners, size, strict=True))) for b in parsed.boxes
    ]
    return Reply(parsed.text, tuple(places))
