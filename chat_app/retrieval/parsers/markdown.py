"""Markdown (CommonMark with tables), read by markdown-it; HTML inside it is left out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token

from chat_app.retrieval.blocks import Block, Heading, line, named, under
from chat_app.retrieval.decoding import decoded
from chat_app.retrieval.limits import Limits

ENDINGS = (".md", ".markdown")
FRONT = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
STATED = re.compile(r"^(title|licen[cs]e)\s*:\s*(.+)$", re.MULTILINE | re.IGNORECASE)
BREAKS = {"softbreak", "hardbreak"}
SHOWN = {"text", "code_inline"}


def blocks(data: bytes, limits: Limits) -> Iterator[Block]:
    text = decoded(data)
    front = FRONT.match(text)
    stated = {key.lower()[0]: value.strip(" \"'") for key, value in STATED.findall(front[1] if front else "")}
    tokens = MarkdownIt("commonmark").enable("table").parse(text[front.end() :] if front else text)
    title, licence = stated.get("t", "") or _first_heading(tokens), stated.get("l", "")
    path: tuple[Heading, ...] = ()
    for before, token in zip([None, *tokens], tokens, strict=False):
        if token.type == "inline" and before and before.type == "heading_open":
            path = under(path, (int(before.tag[1:]), line(_plain(token))))
        elif words := _words(token):
            yield Block(words, named(path), title=title, licence=licence)


def _first_heading(tokens: Sequence[Token]) -> str:
    for before, token in pairwise(tokens):
        if before.type == "heading_open":
            return line(_plain(token))
    return ""


def _words(token: Token) -> str:
    """What a reader sees of it; code keeps its lines."""
    if token.type in {"fence", "code_block"}:
        return token.content.strip()
    return line(_plain(token)) if token.type == "inline" else ""


def _plain(token: Token) -> str:
    """Without emphasis, the addresses of links, and pictures."""
    children = token.children or ()
    return "".join(
        child.content if child.type in SHOWN else " " if child.type in BREAKS else "" for child in children
    )
