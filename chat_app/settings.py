"""The few settings. Command line wins over environment (LIGHTBOX_*), which wins over the default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import platformdirs

from chat_app.errors import SetupError

PREFIX = "LIGHTBOX_"
NOWHERE = "none"
SPACE = "SPACE_ID"  # what Hugging Face Spaces set, where strangers share one page


@dataclass(frozen=True)
class Settings:
    """How this process runs.

    model: a card's name, or "openai:NAME@URL". weights: folder with its files, "" for the card's own place.
    dtype: how the weights are held, "" to let the machine decide. context: most tokens of a conversation, 0
    for as many as the model's card says. adapter: the one in use unless another is
    chosen, "" for none; adapters: the folder they lie in, "" for the one that comes with Lightbox.
    corpora: documents that answers are given passages of, names with commas between, "" for none.
    api_key: what a model's server asks for. cache_mb: most megabytes kept of conversations read before.
    seed, temperature: 0 is greedy. host, port: where the page listens.
    upload_mb: largest file taken. question_characters: longest question taken.
    dicomweb: address of a DICOMweb server to pull studies from, "" for none; user and password for it.
    data: folder of the store and of the record of who did what, "" for the user's own place for such things.
    store: where cases are kept, "" for a file in that folder, "none" for nowhere, else a database's URL.
    store_mb: most megabytes kept of one case's pictures. audit_key: file with the key of the record, "" for
    one beside it. user: what whoever works here is called in both, never their name.
    embedder: what turns documents and questions into vectors, "" to search by words alone; embedder_key: what
    its server asks for.
    """

    model: str = "nano"
    weights: str = ""
    dtype: str = ""
    context: int = 0
    adapter: str = ""
    adapters: str = ""
    corpora: str = ""
    api_key: str = field(default="", repr=False)
    cache_mb: int = 3072
    seed: int = 0
    temperature: float = 0.0
    max_new_tokens: int = 256
    host: str = "127.0.0.1"
    port: int = 7860
    upload_mb: int = 200
    question_characters: int = 4000
    dicomweb: str = ""
    dicomweb_user: str = ""
    dicomweb_password: str = field(default="", repr=False)
    data: str = ""
    store: str = field(default="", repr=False)
    store_mb: int = 2000
    audit_key: str = ""
    user: str = "local"
    embedder: str = ""
    embedder_key: str = field(default="", repr=False)

    @property
    def folder(self) -> Path:
        """Where this installation keeps what it keeps; whether it is there is not asked."""
        return Path(self.data) if self.data else platformdirs.user_data_path("lightbox", appauthor=False)

    @property
    def corpus_names(self) -> tuple[str, ...]:
        """The corpora by their names."""
        return tuple(filter(None, (name.strip() for name in self.corpora.split(","))))

    @property
    def is_ephemeral(self) -> bool:
        """Whether nothing is kept."""
        return self.store == NOWHERE


def load(overrides: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from the overrides that are not None, then LIGHTBOX_*, then the defaults.

    On a Hugging Face Space nothing is kept unless a store is named.

    Raises:
        SetupError: a value is not of its setting's type, or a LIGHTBOX_ name is unknown.
    """
    environ = os.environ if environ is None else environ
    known: dict[str, Any] = {f.name: type(f.default) for f in fields(Settings)}
    values: dict[str, Any] = {"store": NOWHERE} if environ.get(SPACE) else {}
    for key, text in environ.items():
        if not key.startswith(PREFIX):
            continue
        name = key.removeprefix(PREFIX).lower()
        if name not in known:
            raise SetupError(f"{key} is not a setting of Lightbox; known are {', '.join(sorted(known))}.")
        try:
            values[name] = known[name](text)
        except ValueError as error:
            raise SetupError(f"{key} must be a value of type {known[name].__name__}.") from error
    values.update({name: value for name, value in (overrides or {}).items() if value is not None})
    return Settings(**values)
