"""Tokens become text as they are written, never half a character."""

from __future__ import annotations

from typing import Any

# What a tokenizer writes for bytes that make no character yet.
UNFINISHED = "\N{REPLACEMENT CHARACTER}"


class Words:
    """One answer's text. tokenizers' own DecodeStream raises on bytes that never become a character."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._tokens: list[int] = []
        # What was said ends at `said`; decoding starts at `begun`, for spaces depend on the token before.
        self._begun = self._said = 0

    def add(self, token: int) -> str:
        """The text that this token completes."""
        self._tokens.append(token)
        return self._fresh(unfinished=False)

    def rest(self) -> str:
        """What is left at the end: bytes that were cut short."""
        return self._fresh(unfinished=True)

    def _fresh(self, *, unfinished: bool) -> str:
        before = self._text(self._said)
        text = self._text(len(self._tokens))
        if len(text) <= len(before) or (text.endswith(UNFINISHED) and not unfinished):
            return ""
        self._begun, self._said = self._said, len(self._tokens)
        return text[len(before) :]

    def _text(self, end: int) -> str:
        return str(self._tokenizer.decode(self._tokens[self._begun : end], skip_special_tokens=True))
