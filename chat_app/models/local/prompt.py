"""Messages become tokens: what a model reads, and where in it each picture lies.

A picture goes through the model's processor once; later turns find it by its content.
"""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image as Pillow

from chat_app.imaging.cache import Cache

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage
    from numpy.typing import NDArray

ROLES = {"system": "system", "human": "user", "ai": "assistant"}

# What a processor gives beside the arguments of `get_image_features`.
OF_TEXT = ("input_ids", "attention_mask", "token_type_ids", "mm_token_type_ids", "text_replacement_offsets")

MEGABYTE = 1_000_000
PREPARED_BYTES = 256 * MEGABYTE


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture as the model's processor prepared it.

    key: a negative number that its content alone decides. text: what stands for it in the prompt.
    tensors: the arguments of `get_image_features`.
    """

    key: int
    text: str
    tensors: Mapping[str, torch.Tensor]

    @property
    def nbytes(self) -> int:
        return sum(each.nbytes for each in self.tensors.values())


@dataclass(frozen=True)
class Span:
    """The tokens from `start` up to `end` that stand for one picture; they are read in one go."""

    start: int
    end: int
    picture: Picture


@dataclass(frozen=True, eq=False)
class Prompt:
    """What is to be read before the first word is written.

    ids: (n,) token ids. keys: (n,) the ids again, each picture's tokens replaced by its key: equal keys mean
    equal content, which equal ids do not. positions: (1, n), or (3, n) for a model that counts time, height
    and width apart. after: the position of the first written token. pictured: (n,) where a picture stands.
    """

    ids: torch.Tensor
    keys: NDArray[np.int64]
    spans: tuple[Span, ...]
    positions: torch.Tensor
    after: int
    pictured: torch.Tensor

    def __len__(self) -> int:
        return len(self.keys)


class Reader:
    """Turns messages into prompts for one model. Any thread may call it: the weights are not touched."""

    def __init__(self, processor: Any, model: Any) -> None:
        self.processor, self.tokenizer = processor, processor.tokenizer
        self.image_token_id = int(model.config.image_token_id)
        # Not `all_special_tokens`: Gemma's <start_of_turn> is none of the named ones.
        added = self.tokenizer.added_tokens_decoder.values()
        named = (*self.tokenizer.all_special_tokens, processor.image_token)
        self._controls = {*named, *(token.content for token in added if token.special)}
        # Qwen's models number a picture's tokens by row and column (M-RoPE).
        self._rope = getattr(model.model, "get_rope_index", None)
        self._prepared = _shelf()

    def read(self, messages: list[BaseMessage], owner: str = "") -> Prompt:
        """The prompt; what was prepared for this owner before is not prepared again."""
        blocks = (b for m in messages for b in m.content_blocks if b["type"] == "image")
        pictures = [self._picture(block, owner) for block in blocks]
        pieces = self.text(messages).split(self.processor.image_token)
        filled = itertools.chain.from_iterable(
            zip(pieces, [*(picture.text for picture in pictures), ""], strict=True)
        )
        return self._prompt("".join(filled), pictures)

    def text(self, messages: list[BaseMessage], *, asks: bool = True) -> str:
        """The messages as the model's template writes them, each picture as one token.

        asks: whether an answer is to follow.
        """
        turns = [{"role": ROLES[m.type], "content": self._parts(m)} for m in messages]
        text: str = self.processor.apply_chat_template(turns, add_generation_prompt=asks, tokenize=False)
        return text

    def _parts(self, message: BaseMessage) -> list[dict[str, str]]:
        # An answer stopped before its first word has none, and some templates look at the first.
        return [self._part(block) for block in message.content_blocks] or [{"type": "text", "text": ""}]

    def _part(self, block: Any) -> dict[str, str]:
        if block["type"] == "image":
            return {"type": "image"}
        return {"type": "text", "text": self._defused(block["text"])}

    def _defused(self, text: str) -> str:
        """Control tokens become plain words: what users type gives no orders."""
        for token in self._controls:
            text = text.replace(token, f"{token[0]} {token[1:]}")
        return text

    def forget(self, owner: str) -> None:
        """Drops the pictures prepared for this owner."""
        self._prepared.forget(owner)

    def clear(self) -> None:
        """Drops all of them."""
        self._prepared = _shelf()

    def _picture(self, block: Any, owner: str) -> Picture:
        digest = hashlib.sha256(block["base64"].encode()).digest()
        if not owner:
            return self.prepare(picture_of(block), digest)
        return self._prepared.get(owner, digest, lambda: self.prepare(picture_of(block), digest))

    def prepare(self, picture: Pillow.Image, digest: bytes) -> Picture:
        """An RGB picture as the model's processor makes it ready; `digest` is of its content."""
        given = self.processor(
            text=self.processor.image_token,
            images=[picture],
            return_tensors="pt",
            return_text_replacement_offsets=True,
        )
        ((replaced,),) = given["text_replacement_offsets"]
        tensors = {name: value for name, value in given.items() if name not in OF_TEXT}
        return Picture(-1 - (int.from_bytes(digest[:8]) >> 2), replaced["replacement"], tensors)

    def _prompt(self, text: str, pictures: list[Picture]) -> Prompt:
        # Some templates write the first token themselves; a tokenizer that did so again would double it.
        begun = bool(self.tokenizer.bos_token) and text.startswith(self.tokenizer.bos_token)
        ids = torch.tensor(self.tokenizer(text, add_special_tokens=not begun).input_ids)
        pictured = ids == self.image_token_id
        spans = tuple(_spans(pictured, [p.text.count(self._patch) for p in pictures], pictures))
        keys = ids.numpy().astype(np.int64)
        for span in spans:
            keys[span.start : span.end][pictured[span.start : span.end].numpy()] = span.picture.key
        positions = self._positions(ids, pictured, pictures)
        return Prompt(ids, keys, spans, positions, int(positions.max()) + 1, pictured)

    @property
    def _patch(self) -> str:
        """What one of a picture's tokens is written as."""
        return str(self.tokenizer.convert_ids_to_tokens(self.image_token_id))

    def _positions(self, ids: torch.Tensor, pictured: torch.Tensor, pictures: list[Picture]) -> torch.Tensor:
        if self._rope is None or not pictures:
            return torch.arange(len(ids)).unsqueeze(0)
        grids = torch.cat([picture.tensors["image_grid_thw"] for picture in pictures])
        positions, _ = self._rope(ids.unsqueeze(0), pictured.int().unsqueeze(0), image_grid_thw=grids)
        return torch.as_tensor(positions)[:, 0]


def _shelf() -> Cache[Picture]:
    return Cache(PREPARED_BYTES, lambda picture: picture.nbytes)


def _spans(pictured: torch.Tensor, counts: list[int], pictures: list[Picture]) -> Iterator[Span]:
    places = pictured.nonzero()[:, 0].tolist()
    for count, picture in zip(counts, pictures, strict=True):
        own, places = places[:count], places[count:]
        yield Span(own[0], own[-1] + 1, picture)


def picture_of(block: Any) -> Pillow.Image:
    return Pillow.open(io.BytesIO(base64.b64decode(block["base64"]))).convert("RGB")
