"""What LoRA adapters cost: `python -m benchmarks.adapters`.

Eight adapters of rank 16 on the language model's linear layers. How long switching takes beside peft's
reading them from disk each time, how fast answers are written with one on, off, merged in or never there, and
how much memory they take, counted in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from langchain_core.messages import HumanMessage
from peft import LoraConfig, PeftModel, get_peft_model

from benchmarks import measure, models, peers, talk
from benchmarks.loop import greedy, rate
from benchmarks.measure import Sheet
from chat_app.models import adapters as shelf
from chat_app.models.local.adapters import Adapters
from chat_app.models.local.weights import language_layers

COUNT, RANK, TOKENS = 8, 16, 48
BASE = "random"
SWITCHING = "Switching from one adapter to another, ms"
OURS, PEFT = "Lightbox, all resident", "peft, from disk"
WRITING, SPEED = "An answer of 48 tokens", "tokens a second"
NONE, MERGED = "no adapter was ever there", "one is merged in"
OFF, ON = "eight are resident, none is on", "eight are resident, one is on"
HELD, MB = "Memory of the process, MB", 1e6
# For what an allocator keeps beside what it was asked for, and for the modules' own objects: a share of the
# adapters' size, and MB.
TOLERANCE, LEAST = 0.25, 10.0
ABOUT = "What eight LoRA adapters of rank 16 on the language model's linear layers cost in time and memory."
CARD = 'base = "random"\nbase_sha256 = "none"\nabout = "Changes words."\nlicence = "none"\n'
CHILD = "--held"


def main() -> None:
    if sys.argv[1:2] == [CHILD]:
        print(json.dumps(grown(Path(sys.argv[2]), Path(sys.argv[3]))))
        return
    parser = measure.sized(measure.parser(__doc__, "adapters"), "medium")
    measure.run("adapters", parser.parse_args(), measured)


def measured(options: argparse.Namespace) -> Sheet:
    sheet = Sheet(ABOUT)
    with ExitStack() as stack:
        folder = stack.enter_context(models.place(options.size, options.model))
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        names = written(folder, place)
        cards = shelf.found(str(place))
        base, processor = models.opened(folder)
        ours, peer, merged = (models.opened(folder)[0] for _ in range(3))
        beside = Adapters(ours, cards, BASE, "none")
        merged = PeftModel.from_pretrained(merged, place / names[0]).merge_and_unload()
        for name in names:
            beside.use(name)
        for counts in measure.rounds(options.rounds):
            into = sheet if counts else Sheet("")
            switching(into, beside, names)
            loading(into, peer, place, names)
            speaking(into, beside, names[0], {NONE: base, MERGED: merged}, ours, question(processor))
        held(sheet, folder, place)
    goals(sheet)
    return sheet


def written(folder: Path, place: Path) -> list[str]:
    """Eight adapters with random weights, each with its card; their names."""
    names = [f"adapter-{number}" for number in range(COUNT)]
    for seed, name in enumerate(names):
        torch.manual_seed(seed)
        model, _ = models.opened(folder)
        config = LoraConfig(r=RANK, target_modules=sorted(language_layers(model)))
        wrapped = get_peft_model(model, config)
        for layer, weight in wrapped.named_parameters():
            if "lora_B" in layer:
                torch.nn.init.normal_(weight, std=0.02)
        wrapped.save_pretrained(place / name)
        (place / name / "card.toml").write_text(CARD, encoding="utf-8")
    return names


def question(processor: Any) -> Any:
    return peers.inputs(processor, [HumanMessage([{"type": "text", "text": talk.OTHER}])])


def switching(sheet: Sheet, beside: Adapters, names: Sequence[str]) -> None:
    """From each to the next, all of them in memory."""
    beside.use(names[-1])
    for name in names:
        milliseconds, _ = measure.timed(lambda name=name: beside.use(name))
        sheet.add(SWITCHING, OURS, "ms", milliseconds)


def loading(sheet: Sheet, model: Any, place: Path, names: Sequence[str]) -> None:
    """As peft does it where only one is kept: the last one dropped, the next one read."""
    wrapped = PeftModel.from_pretrained(model, place / names[-1], adapter_name=names[-1])
    for last, name in pairwise([names[-1], *names]):

        def change(last: str = last, name: str = name) -> None:
            wrapped.load_adapter(str(place / name), adapter_name=name)
            wrapped.set_adapter(name)
            wrapped.delete_adapter(last)

        milliseconds, _ = measure.timed(change)
        sheet.add(SWITCHING, PEFT, "ms", milliseconds)
    wrapped.unload()


def speaking(sheet: Sheet, beside: Adapters, name: str, alone: dict[str, Any], ours: Any, given: Any) -> None:
    """The same answer over every model; `alone` have no adapters in their layers."""
    for row, model in alone.items():
        sheet.add(WRITING, row, SPEED, rate(greedy(model, given, TOKENS))[0])
    for row, adapter in ((OFF, ""), (ON, name)):
        beside.use(adapter)
        sheet.add(WRITING, row, SPEED, rate(greedy(ours, given, TOKENS))[0])


def held(sheet: Sheet, folder: Path, place: Path) -> None:
    """The memory of a new process before and after eight adapters, and their size on disk."""
    command = [sys.executable, "-m", "benchmarks.adapters", CHILD, str(folder), str(place)]
    output = subprocess.run(command, check=True, capture_output=True, cwd=models.ROOT).stdout
    for row, size in json.loads(output.splitlines()[-1]).items():
        sheet.add(HELD, row, "MB", size)
    size = sum(path.stat().st_size for path in place.glob("*/adapter_model.safetensors"))
    sheet.add(HELD, "size of the eight adapters' files", "MB", size / MB)


def grown(folder: Path, place: Path) -> dict[str, float]:
    """What this process takes with the model alone, with one adapter and with all."""
    model, processor = models.opened(folder)
    given = question(processor)
    greedy(model, given, 4)
    beside = Adapters(model, shelf.found(str(place)), BASE, "none")
    sizes = {"the model alone": resident()}
    for name in beside.names:
        beside.use(name)
        greedy(model, given, 4)
        sizes.setdefault("with one adapter", resident())
    return {**sizes, "with eight adapters": resident()}


def resident() -> float:
    """Megabytes of this process that lie in memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MB


def goals(sheet: Sheet) -> None:
    times = sheet.raw((SWITCHING, OURS, "ms"))
    sheet.hold(10, "switching to a resident adapter, median", sheet.median((SWITCHING, OURS, "ms")), 50, "ms")
    sheet.hold(10, "switching to a resident adapter, worst", max(times), 50, "ms")
    base = (WRITING, NONE, SPEED)
    for row, bound in ((ON, 1.2), (OFF, 1.2), (MERGED, 1.05)):
        what = f"time of a token when {row}, against none ever there"
        sheet.compare(10, what, base, (WRITING, row, SPEED), bound)
    sizes = {row: sheet.median((HELD, row, "MB")) for row in sheet.figures[HELD]}
    alone, one, eight, files = sizes.values()
    more = files + max(TOLERANCE * files, LEAST)
    what = "memory that eight adapters take beside the model, their files' size and a tolerance allowed"
    sheet.hold(10, what, eight - alone, more, "MB")
    sheet.notes.append(
        f"The tolerance is a quarter of the files' size, {LEAST:.0f} MB at least. The first adapter, which "
        f"puts the layers in, takes {one - alone:.0f} MB."
    )


if __name__ == "__main__":
    main()
