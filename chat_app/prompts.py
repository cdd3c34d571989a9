"""What is said to a model, read from files: prompts/*.md with $names, and reports/ and dialogues/ there.

It knows nothing of pixels or of any one model: pictures arrive as ready content blocks. What a report
template is made of is known to templates.py.
"""

from __future__ import annotations

import hashlib
import string
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chat_app.errors import SetupError
from chat_app.templates import Template, read

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage, HumanMessage

    from chat_app.records import Turn

# The wheel carries the files inside the package; a checkout has them beside it.
FOLDERS = (Path(__file__).parent / "_prompts", Path(__file__).parent.parent / "prompts")

PATTERNS = {"prompt": "*.md", "report template": "reports/*.toml", "dialogue": "dialogues/*.toml"}


def render(name: str, /, **values: str) -> str:
    """The text of prompts/<name>.md with each $name filled.

    Raises:
        SetupError: there is no such prompt, or `values` are not exactly the names it uses.
    """
    prompt = string.Template(_read("prompt", name))
    if not prompt.is_valid():
        raise SetupError(f"The prompt {name!r} has a $ that begins no name: write $$ for a dollar sign.")
    wanted, given = set(prompt.get_identifiers()), set(values)
    if wanted - given:
        raise SetupError(f"The prompt {name!r} misses a value for {_listed(wanted - given)}.")
    if given - wanted:
        raise SetupError(f"The prompt {name!r} uses no {_listed(given - wanted)}; it uses {_listed(wanted)}.")
    return prompt.substitute(values).strip()


def version(name: str) -> str:
    """The first 12 hexadecimal digits of the SHA-256 of prompts/<name>.md."""
    return _hash(_read("prompt", name))


def fingerprint() -> str:
    """The SHA-256 of all prompts and report templates together, by name."""
    every = {f"{kind}\n{name}": path for kind in PATTERNS for name, path in _files(kind).items()}
    hashes = (f"{key}\n{hashlib.sha256(path.read_bytes()).hexdigest()}" for key, path in every.items())
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def templates() -> tuple[str, ...]:
    """The names of all report templates, sorted."""
    return tuple(_files("report template"))


def template(name: str) -> Template:
    """The report template of that name.

    Raises:
        SetupError: there is none, or its file has a wrong, missing or unknown key.
    """
    found, faults = read(_read("report template", name), name)
    if faults:
        more = f" ({len(faults)} faults in all)" if len(faults) > 1 else ""
        raise SetupError(f"The report template {name!r} is wrong{more}. {faults[0]}")
    return found


def dialogues() -> dict[str, str]:
    """The text of every prompts/dialogues/*.toml by its name: what training asks about labelled pictures."""
    return {name: path.read_text(encoding="utf-8") for name, path in _files("dialogue").items()}


def messages(
    system: str,
    turns: Sequence[Turn],
    question: str,
    pictures: Mapping[str, Mapping[str, Any]],
    images: Sequence[str],
    *,
    named: bool = False,
) -> list[BaseMessage]:
    """The conversation as LangChain messages: append only, each picture once, before the first words on it.

    pictures: the content block of every picture sent, by name. One that neither a kept turn nor the question
    brings (its turn was cut) stands at the very front. images: the names the new question is about.
    named: write each picture's name before it, for a model that takes several.
    """
    from langchain_core.messages import AIMessage, SystemMessage

    asked = [(turn.asked, turn.images) for turn in turns] + [(question, tuple(images))]
    brought = {name for _, names in asked for name in names}
    waiting = [name for name in pictures if name not in brought]
    shown: set[str] = set()
    sent: list[BaseMessage] = [SystemMessage(system)] if system else []
    for number, (text, names) in enumerate(asked):
        fresh = [name for name in dict.fromkeys((*waiting, *names)) if name not in shown]
        sent.append(_human(text, fresh, pictures, named))
        shown.update(fresh)
        waiting = []
        if number < len(turns):
            answer = turns[number].answer
            sent.append(AIMessage(answer.raw or answer.text))
    return sent


def _human(
    text: str, names: Sequence[str], pictures: Mapping[str, Mapping[str, Any]], named: bool
) -> HumanMessage:
    from langchain_core.messages import HumanMessage

    blocks: list[str | dict[str, Any]] = []
    for name in names:
        if named:
            blocks.append({"type": "text", "text": f"{name}:"})
        blocks.append(dict(pictures[name]))
    blocks.append({"type": "text", "text": text})
    return HumanMessage(content=blocks)


def _read(kind: str, name: str) -> str:
    files = _files(kind)
    if name not in files:
        raise SetupError(f"There is no {kind} called {name!r}; known are {_listed(files)}.")
    return files[name].read_text(encoding="utf-8")


def _files(kind: str) -> dict[str, Path]:
    """Every file of that kind by its name; names come from the folder, so none can lead out of it."""
    folder = next((folder for folder in FOLDERS if folder.is_dir()), None)
    if folder is None:
        raise SetupError("The prompts are missing from this installation: install Lightbox again.")
    return {file.stem: file for file in sorted(folder.glob(PATTERNS[kind]))}


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) or "none"
