"""Tokens become text as they come: the pieces are the whole, and no character is shown by halves."""

from __future__ import annotations

import minds
import pytest

from chat_app.models.local.words import UNFINISHED, Words

TEXTS = [
    "The heart is not enlarged.",
    "  two spaces,\na line and a tab\t.",
    "Größe 3,5 µm — 正常な胸部 🫁 e\N{COMBINING ACUTE ACCENT}",
]


@pytest.fixture(scope="module", params=["llava-15-7b", "qwen3-vl-8b"])
def tokenizer(request: pytest.FixtureRequest) -> object:
    return minds.opened(request.param).processor.tokenizer


@pytest.mark.parametrize("text", TEXTS)
def test_the_pieces_are_the_whole_and_no_character_is_cut(tokenizer: object, text: str) -> None:
    tokens = tokenizer(text, add_special_tokens=False).input_ids  # type: ignore[operator]
    words = Words(tokenizer)
    pieces = [words.add(token) for token in tokens]
    assert "".join(pieces) + words.rest() == tokenizer.decode(tokens)  # type: ignore[attr-defined]
    assert not any(UNFINISHED in piece for piece in pieces)
    assert len([piece for piece in pieces if piece]) > 3


def test_an_answer_cut_inside_a_character_says_so_at_its_end(tokenizer: object) -> None:
    tokens = tokenizer("a🫁", add_special_tokens=False).input_ids  # type: ignore[operator]
    words = Words(tokenizer)
    text = "".join(map(words.add, tokens[:-1]))
    assert text.strip() == "a" and words.rest().startswith(UNFINISHED)


def test_control_tokens_are_not_shown(tokenizer: object) -> None:
    words = Words(tokenizer)
    assert words.add(tokenizer.eos_token_id) + words.rest() == ""  # type: ignore[attr-defined]
