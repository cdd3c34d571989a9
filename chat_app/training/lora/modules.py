"""Which modules of a model are trained, by name: never the vision tower's unless a recipe asks for them."""

from __future__ import annotations

import re
from typing import Any

from chat_app.errors import SetupError
from chat_app.models.local.weights import language_layers

# What the architectures call the layers between tower and language model: LLaVA and Gemma, SmolVLM, Qwen.
PROJECTORS = ("multi_modal_projector", "connector", "merger")


def language(model: Any) -> str:
    """The linear layers in the language model's blocks, as a pattern of their whole names.

    A pattern and not the bare names: a tower has layers that are called "q_proj" too.
    """
    prefixes, leaves = set[str](), set[str]()
    for name in language_layers(model):
        match = re.fullmatch(r"(.*\.layers)\.\d+\.(.*)", name)
        assert match
        prefixes.add(match[1])
        leaves.add(match[2])
    (prefix,) = prefixes
    return rf"{re.escape(prefix)}\.\d+\.({'|'.join(re.escape(leaf) for leaf in sorted(leaves))})"


def projector(model: Any) -> list[str]:
    """The name of the module between tower and language model; raises SetupError when none is known."""
    last = {name.rsplit(".", 1)[-1] for name, _ in model.named_modules()}
    found = [name for name in PROJECTORS if name in last]
    if not found:
        raise SetupError("This model has no projector that is known: train it without.")
    return found[:1]


def trained(model: Any) -> dict[str, int]:
    """The weights that are trained, by name, and how many numbers each holds."""
    return {name: weight.numel() for name, weight in model.named_parameters() if weight.requires_grad}
