"""Whether a model fits the machine, and how its weights are best held there; nothing is read to find out."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
from dataclasses import dataclass
from pathlib import Path

from chat_app.errors import SetupError
from chat_app.models import cards
from chat_app.models.cards import Card, Weights

GIB = 2**30
DTYPES = ("bf16", "fp16", "fp32", "int8", "nf4")
QUANTISED = ("int8", "nf4")
SHOWN = ("fp32", "bf16", *QUANTISED)
# Bytes of a parameter in a linear layer. NF4 in double quantisation: 4 bits, 8 more for 64 of them, 32 more
# for 256 of those (QLoRA, arXiv 2305.14314, section 3).
LINEAR = {"bf16": 2.0, "fp16": 2.0, "fp32": 4.0, "int8": 1.0, "nf4": 4.127 / 8}
# Most that a question takes beside weights, keys and values: activations, logits, the GPU's own libraries.
WORKING = GIB

# How a model's weights are called, in several files and in one.
INDEX, SINGLE = "model.safetensors.index.json", "model.safetensors"

MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Machine:
    """What there is to run on.

    device: "cuda", "cpu" or "mps". memory: bytes free. brain16: it multiplies bf16 natively (asked of GPUs
    only). bitsandbytes: int8 and NF4 can be had.
    """

    device: str
    name: str
    memory: int
    brain16: bool
    bitsandbytes: bool


@dataclass(frozen=True)
class Fit:
    """How a model is held here: "bf16", "fp16", "fp32", "int8" or "nf4"; needs: bytes, all told.

    reason: why in this way, or why it does not fit; to be read after "because".
    """

    dtype: str
    fits: bool
    needs: int
    reason: str


def machine() -> Machine:
    """This machine as it is now."""
    import torch

    small = importlib.util.find_spec("bitsandbytes") is not None
    if torch.cuda.is_available():
        free, _ = torch.cuda.mem_get_info()
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return Machine("cuda", torch.cuda.get_device_name(), free, native, small)
    if torch.backends.mps.is_available():
        return Machine("mps", "Apple GPU", free_memory(), True, False)
    return Machine("cpu", platform.processor() or platform.machine(), free_memory(), False, small)


def free_memory() -> int:
    """Bytes that can be had without swapping, within the limit of the container where there is one."""
    return min(_available(), _allowed())


def _available() -> int:
    try:
        lines = MEMINFO.read_text(encoding="ascii").splitlines()
        kilobytes = next(line.split()[1] for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        # Not Linux: what could be freed is not told, so half of what is built in is promised.
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    return int(kilobytes) * 1024


def _allowed() -> int:
    """What the control group leaves (Linux, version 2): its limit less what is used and cannot be dropped."""
    try:
        limit, used, stated = (
            (CGROUP / name).read_text(encoding="ascii")
            for name in ("memory.max", "memory.current", "memory.stat")
        )
    except OSError:
        return 2**63
    droppable = sum(int(line.split()[1]) for line in stated.splitlines() if line.startswith("inactive_file "))
    return max(0, int(limit) - int(used) + droppable) if limit.strip().isdigit() else 2**63


def choose(card: Card, machine: Machine, wanted: str = "") -> Fit:
    """How the card's model is held on the machine; `wanted` is a dtype that someone insists on.

    Raises:
        SetupError: the wanted one is unknown, or cannot be had there.
    """
    weights = card.weights
    if weights is None:
        if card.name.startswith(cards.SERVED):
            return Fit("fp32", True, 0, f"it runs on {card.host or 'a server'}")
        if wanted:
            check_dtype(wanted)
        return Fit(wanted or "fp32", True, 0, "it is small")
    if wanted:
        _check(weights, machine, wanted)
        return _fit(card, weights, machine, wanted, "it was asked for")
    fits = [_fit(card, weights, machine, dtype, why) for dtype, why in _preferred(weights, machine)]
    return next((fit for fit in fits if fit.fits), fits[-1])


def compute(weights: Weights, machine: Machine) -> str:
    """The fastest numbers that the machine has and the model bears: what is not quantised is held in them."""
    if machine.device == "cpu":
        # bf16 took 6 to 9 times as long as fp32 there (269 x 1536 x 4608, AVX2).
        return "fp32"
    if machine.brain16:
        return "bf16"
    return "fp16" if weights.half else "fp32"


def _preferred(weights: Weights, machine: Machine) -> list[tuple[str, str]]:
    """The ways to hold it that come into question, best first, each with its reason."""
    first = compute(weights, machine)
    if machine.device == "cpu":
        # In bitsandbytes' int8 and NF4 a processor was slower still: only who asks gets them.
        return [
            (first, "fp32 is the fastest on a processor"),
            ("bf16", "fp32 does not fit, and this is slow"),
        ]
    why = {
        "bf16": "bf16 is the fastest on a GPU",
        "fp16": "this GPU has no bf16",
        "fp32": "this GPU has no bf16, and fp16 does not hold this model's numbers",
    }
    # int8 is larger than NF4 and was the slower one (bitsandbytes, issue 490): only who asks gets it.
    smaller = ("nf4", f"{first} does not fit, and this is smaller, not faster")
    return [(first, why[first]), *([smaller] if machine.bitsandbytes else [])]


def check_dtype(wanted: str) -> None:
    """Raises SetupError for one that is unknown."""
    if wanted not in DTYPES:
        raise SetupError(f"There is no dtype {wanted!r}; known are {', '.join(DTYPES)}.")


def _check(weights: Weights, machine: Machine, wanted: str) -> None:
    """Raises SetupError when that dtype cannot be had."""
    check_dtype(wanted)
    lacking = {
        dtype: fault
        for dtype, fault in (
            *(
                (each, "needs bitsandbytes, which is not there")
                for each in QUANTISED
                if not machine.bitsandbytes
            ),
            *((each, "does not hold this model's numbers") for each in ("fp16", "int8") if not weights.half),
            *([("bf16", "is not in this GPU")] if machine.device == "cuda" and not machine.brain16 else []),
        )
    }
    if wanted in lacking:
        can = ", ".join(dtype for dtype in DTYPES if dtype not in lacking)
        raise SetupError(f"The dtype {wanted} {lacking[wanted]}: choose one of {can}.")


def _fit(card: Card, weights: Weights, machine: Machine, dtype: str, why: str) -> Fit:
    needs = needed(card, machine, dtype)
    if needs <= machine.memory:
        return Fit(dtype, True, needs, f"{why}: {dtype} needs {gib(needs)} of {gib(machine.memory)} free")
    figures = f"{dtype} needs {gib(needs)}, {gib(needs - machine.memory)} more than are free"
    return Fit(dtype, False, needs, f"{figures}; {_ways(card, weights, machine, dtype)}")


def needed(card: Card, machine: Machine, dtype: str, context: int = 0) -> int:
    """Bytes for the weights, the keys and values of a full context, and the work."""
    if card.weights is None:
        return 0
    held = in_memory(card.weights, dtype, machine)
    wide = 2 if _outside(card.weights, dtype, machine) == "fp32" else 1
    kept = card.weights.kv_bytes * (context or card.contract.context) * wide
    return held + kept + min(WORKING, held // 4)


def in_memory(weights: Weights, dtype: str, machine: Machine) -> int:
    """Bytes of the weights themselves."""
    return round(weights.linear * LINEAR[dtype] + weights.rest * LINEAR[_outside(weights, dtype, machine)])


def sizes(card: Card, machine: Machine) -> dict[str, int]:
    """Bytes of the weights by dtype, whether it can be had there or not; empty where none are read."""
    weights = card.weights
    return {dtype: in_memory(weights, dtype, machine) for dtype in SHOWN} if weights else {}


def _outside(weights: Weights, dtype: str, machine: Machine) -> str:
    """How everything but the language model's linear layers is held."""
    return compute(weights, machine) if dtype in QUANTISED else dtype


def _ways(card: Card, weights: Weights, machine: Machine, dtype: str) -> str:
    """What else can be done, best first."""
    context = card.contract.context
    saved = needed(card, machine, dtype) - needed(card, machine, dtype, context // 2)
    ways = [f"{context // 2:,} tokens of context instead of {context:,} would save {gib(saved)}"]
    smallest = needed(card, machine, "nf4")
    if machine.bitsandbytes and dtype != "nf4" and smallest <= machine.memory:
        ways.append(f"the dtype nf4 would need {gib(smallest)}")
    return ", ".join([*ways, f"{_smaller(card, machine)} is smaller and fits", "a server may have more room"])


def _smaller(card: Card, machine: Machine) -> str:
    """The largest model that does fit; the embedded one where no other does."""
    sizes = {
        each.name: _parameters(each)
        for each in cards.known()
        if each.weights and _parameters(each) < _parameters(card) and _has_room(each, each.weights, machine)
    }
    return max(sizes, key=lambda name: sizes[name], default="nano")


def _parameters(card: Card) -> int:
    return card.weights.linear + card.weights.rest if card.weights else 0


def _has_room(card: Card, weights: Weights, machine: Machine) -> bool:
    return any(needed(card, machine, dtype) <= machine.memory for dtype, _ in _preferred(weights, machine))


def fetched(weights: Weights) -> bool:
    """Whether the files lie in the hub's cache on this machine, every one."""
    index = cached(weights, INDEX)
    if index is None:
        return cached(weights, SINGLE) is not None
    try:
        names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # A damaged list: as good as none, and fetching again mends it.
        return False
    return all(cached(weights, name) for name in names)


def cached(weights: Weights, name: str) -> Path | None:
    """The file of that name in the hub's cache."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(weights.repo, name, revision=weights.revision)
    return Path(found) if isinstance(found, str) else None


def fetching(weights: Weights) -> str:
    """The command that fetches the files."""
    pinned = "" if weights.revision == "main" else f" --revision {weights.revision}"
    return f"hf download {weights.repo}{pinned}"


def gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB"
