"""The least client of a model's server that there can be: http.client, and the lines as they come."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from langchain_core.messages import BaseMessage

ROLES = {"system": "system", "human": "user", "ai": "assistant"}


def chunks(url: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every chunk of the answer to that question, streamed; `url` ends in /v1."""
    parts = urlsplit(url)
    line = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=600)
    try:
        line.request("POST", f"{parts.path}/chat/completions", json.dumps(body), HEADERS)
        reply = line.getresponse()
        if reply.status != http.client.OK:
            raise RuntimeError(f"The server answered {reply.status}: {reply.read(500)!r}")
        for words in reply:
            if words.startswith(b"data: {"):
                yield json.loads(words[len(b"data: ") :])
    finally:
        line.close()


HEADERS = {"Content-Type": "application/json", "Accept": "text/event-stream"}


def text(chunk: dict[str, Any]) -> str:
    """What it adds to the answer."""
    return "".join(choice["delta"].get("content") or "" for choice in chunk.get("choices", ()))


def sent(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    """LangChain's messages as servers take them, pictures inside."""
    return [
        {"role": ROLES[message.type], "content": [_part(block) for block in message.content_blocks]}
        for message in messages
    ]


def _part(block: Any) -> dict[str, Any]:
    if block["type"] == "text":
        return {"type": "text", "text": block["text"]}
    return {
        "type": "image_url",
        "image_url": {"url": f"data:{block['mime_type']};base64,{block['base64']}"},
    }
