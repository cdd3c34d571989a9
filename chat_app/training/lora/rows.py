"""A conversation becomes one row of tokens, as the engine reads it, with labels on the answers alone.

Each answer is learnt after exactly the tokens that the engine would have read before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from chat_app.errors import InputError, SetupError
from chat_app.models.local.prompt import Prompt, Reader

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

OWNER = "training"
IGNORED = -100
"""The label of what is not learnt."""


@dataclass(frozen=True, eq=False)
class Row:
    """One conversation.

    ids: (n,) tokens. labels: (n,) what the model should have written there, IGNORED where nothing is learnt;
    after an answer it is the token that ends it, whatever stands there. positions: (1, n), or (3, n) for a
    model that counts time, height and width apart. pictured: (n,) where a picture stands. tensors: of its
    pictures, by the model's own names.
    """

    ids: Tensor
    labels: Tensor
    positions: Tensor
    pictured: Tensor
    tensors: tuple[Mapping[str, Tensor], ...]

    def __len__(self) -> int:
        return len(self.ids)


def row(
    reader: Reader,
    ends: Sequence[int],
    messages: list[BaseMessage],
    answers: Sequence[str],
    name: str,
    most: int,
) -> Row:
    """The conversation up to the last answer with which it is at most `most` tokens long.

    messages: of all turns, up to the last question. answers: of every turn. ends: tokens that end an answer.
    name: of the record, for the error.

    Raises:
        InputError: already the first answer makes it longer than that, or an answer holds control tokens.
        SetupError: the tokenizer does not keep question and answer apart.
    """
    opening = len(messages) - 2 * (len(answers) - 1)
    asked = [messages[: opening + 2 * turn] for turn in range(len(answers))]
    prompts = [reader.read(each, OWNER) for each in asked]
    written = [answer(reader, ends, each, said) for each, said in zip(asked, answers, strict=True)]
    turns = [turn for turn, prompt in enumerate(prompts) if len(prompt) + len(written[turn]) <= most]
    if not turns:
        raise InputError(
            f"The record {name} takes more than {most:,} tokens: shorten its answer, or allow more."
        )
    return _joined(prompts[: turns[-1] + 1], written)


def answer(reader: Reader, ends: Sequence[int], asked: list[BaseMessage], said: str) -> list[int]:
    """The tokens that the model has to write for this answer, with the one that ends it."""
    from langchain_core.messages import AIMessage

    before, said = reader.text(asked), said.strip()
    rest = reader.text([*asked, AIMessage(said)], asks=False).removeprefix(before)
    begun = rest[: len(rest) - len(rest.lstrip())]
    if not rest[len(begun) :].startswith(said):
        raise InputError("An answer holds words that give the model orders: take them out of the data.")
    end = _end(reader.tokenizer, ends, rest[len(begun) + len(said) :].strip())
    prompt, whole = (_ids(reader.tokenizer, text) for text in (before, before + begun + said))
    if whole[: len(prompt)] != prompt:
        raise SetupError("This model's tokenizer does not keep question and answer apart: choose another.")
    return [*whole[len(prompt) :], end]


def _end(tokenizer: Any, ends: Sequence[int], tail: str) -> int:
    """The one that the template writes after an answer; the tokenizer's own where it writes none."""
    for each in ends:
        if tail.startswith(str(tokenizer.convert_ids_to_tokens(each))):
            return each
    return int(tokenizer.eos_token_id)


def _ids(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False).input_ids
    return ids


def _joined(prompts: list[Prompt], written: list[list[int]]) -> Row:
    last = prompts[-1]
    tail = torch.tensor(written[len(prompts) - 1])
    ids = torch.cat([last.ids, tail])
    labels = torch.full_like(ids, IGNORED)
    for prompt, tokens in zip(prompts, written, strict=False):
        here, said = len(prompt), torch.tensor(tokens)
        # Where a template writes an earlier turn in other tokens, that turn is context and not learnt here.
        same = torch.equal(ids[:here], prompt.ids) and torch.equal(ids[here:][: len(said) - 1], said[:-1])
        if same:
            labels[here : here + len(said)] = said
    after = torch.arange(last.after, last.after + len(tail)).expand(len(last.positions), -1)
    return Row(
        ids=ids,
        labels=labels,
        positions=torch.cat([last.positions, after], dim=1),
        pictured=torch.cat([last.pictured, torch.zeros(len(tail), dtype=torch.bool)]),
        tensors=tuple(span.picture.tensors for span in last.spans),
    )
