"""A checkpoint in the form of sentence-transformers, read with transformers: a card's, a folder, the hub's.

How tokens become one vector and how many are read is in its own files. No code that comes with it is run.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chat_app.errors import SetupError
from chat_app.retrieval.embedders import Embedder, Vectors, cards, unit
from chat_app.retrieval.embedders.cards import Card
from chat_app.settings import Settings

FORM = "minilm, pubmedbert, medcpt, ./FOLDER, OWNER/NAME on the hub"
HUB = re.compile(r"[\w.-]+/[\w.-]+")
FILES = ["*.json", "*.txt", "*.model", "*.safetensors", "*/config.json"]
BATCH, LONGEST = 32, 512  # texts at a time; tokens of one, where its files do not say fewer
MODES = ("cls", "mean", "max")
LAYERS = ("Transformer", "Pooling", "Normalize")
ODD = (
    "This embedder needs layers or a pooling that are not known here: name one with cls, mean or max pooling."
)
ABSENT = (
    "The embedder's files are not on this machine, and the hub did not give them: name a folder that has its "
    "config.json, tokenizer and model.safetensors."
)
DAMAGED = "The embedder's files are damaged or incomplete: fetch them again."


def takes(name: str) -> bool:
    is_path = name != Path(name).name  # a bare name is no folder, wherever this runs
    is_there = is_path and (Path(name).expanduser().is_dir() or HUB.fullmatch(name) is not None)
    return is_there or cards.card(name) is not None


def load(name: str, settings: Settings) -> Embedder:
    card = cards.card(name)
    passages = _encoder(card.passages if card else name, card)
    if card is None or card.questions == card.passages:
        return Checkpoint(passages, passages)
    return Checkpoint(passages, _encoder(card.questions, card))


@dataclass(frozen=True)
class Reading:
    """How a checkpoint is read. tokens: most of one text, 0 where it does not say.

    question, passage: the words that it wants before these.
    """

    pooling: str
    tokens: int = 0
    question: str = ""
    passage: str = ""


class Checkpoint:
    """Passages by one encoder and questions by another, or by the same."""

    floor = None

    def __init__(self, passages: Encoder, questions: Encoder) -> None:
        self._passages, self._questions = passages, questions
        self.identity = f"{passages.sha256} {questions.sha256}"

    def passages(self, texts: Sequence[str]) -> Vectors:
        return self._passages.vectors([self._passages.reading.passage + text for text in texts])

    def query(self, text: str) -> Vectors:
        vector: Vectors = self._questions.vectors([self._questions.reading.question + text])[0]
        return vector


class Encoder:
    """One checkpoint in memory. sha256: of its files."""

    def __init__(self, folder: Path, reading: Reading) -> None:
        import torch
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()
        options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        self._tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="right", **options)
        # Pickled weights can run code as they are read.
        loaded: Any = AutoModel.from_pretrained(
            folder, use_safetensors=True, output_loading_info=True, dtype=torch.float32, **options
        )
        model, told = loaded
        # transformers gives random numbers to what is missing, and goes on; the pooler is not asked.
        if told["mismatched_keys"] or any(not key.startswith("pooler.") for key in told["missing_keys"]):
            raise SetupError(DAMAGED)
        self._model = model.eval().to("cuda" if torch.cuda.is_available() else "cpu")
        self._tokens = min(reading.tokens or LONGEST, self._tokenizer.model_max_length)
        self.reading, self.sha256 = reading, _fingerprint(folder)

    def vectors(self, texts: Sequence[str]) -> Vectors:
        return np.concatenate([self._batch(texts[at : at + BATCH]) for at in range(0, len(texts), BATCH)])

    def _batch(self, texts: Sequence[str]) -> Vectors:
        import torch

        given = self._tokenizer(
            list(texts), padding=True, truncation=True, max_length=self._tokens, return_tensors="pt"
        ).to(self._model.device)
        with torch.inference_mode():
            states = self._model(**given).last_hidden_state
        return unit(pooled(states, given["attention_mask"], self.reading.pooling).cpu().numpy())


def pooled(states: Any, mask: Any, pooling: str) -> Any:
    """One vector a text, (texts, d), of the tokens' (texts, tokens, d); mask: 1 where a token stands."""
    if pooling == "cls":
        return states[:, 0]
    there = mask.unsqueeze(-1)
    if pooling == "max":
        return states.masked_fill(there == 0, float("-inf")).amax(dim=1)
    return (states * there).sum(dim=1) / there.sum(dim=1).clamp(min=1)


def reading(folder: Path, otherwise: str = "mean") -> Reading:
    """As the files of sentence-transformers in that folder say; the pooling `otherwise` where none does.

    Raises:
        SetupError: they ask for what is not known here.
    """
    modules = _json(folder / "modules.json") or []
    if any(str(each["type"]).rpartition(".")[2] not in LAYERS for each in modules):
        raise SetupError(ODD)
    poolings = [each["path"] for each in modules if str(each["type"]).endswith("Pooling")]
    stated = _json(folder / (poolings or ["1_Pooling"])[0] / "config.json")
    tokens = (_json(folder / "sentence_bert_config.json") or {}).get("max_seq_length") or 0
    prompts = (_json(folder / "config_sentence_transformers.json") or {}).get("prompts") or {}
    passage = prompts.get("document") or prompts.get("passage") or ""
    return Reading(_mode(stated) if stated else otherwise, tokens, prompts.get("query") or "", passage)


def _mode(stated: dict[str, Any]) -> str:
    """The one pooling of a 1_Pooling/config.json, which has one name, or a flag a mode."""
    flags = [name for name, value in stated.items() if name.startswith("pooling_mode_") and value is True]
    named = [name.removeprefix("pooling_mode_").removesuffix("s").removesuffix("_token") for name in flags]
    modes = [stated["pooling_mode"]] if "pooling_mode" in stated else named
    if len(modes) != 1 or modes[0] not in MODES:
        raise SetupError(ODD)
    return str(modes[0])


def _encoder(place: str, card: Card | None) -> Encoder:
    with _said():
        folder = _folder(place)
        return Encoder(folder, reading(folder, card.pooling if card else "mean"))


def _folder(place: str) -> Path:
    """Where the files lie. Whoever has them asks the hub nothing, not even whether there are newer ones."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    folder = Path(place).expanduser()
    if folder.is_dir():
        return folder
    try:
        return Path(snapshot_download(place, allow_patterns=FILES, local_files_only=True))
    except LocalEntryNotFoundError:
        return Path(snapshot_download(place, allow_patterns=FILES))


def _fingerprint(folder: Path) -> str:
    """SHA-256 over all files that decide about the vectors, wherever the folder lies."""
    files = sorted({path for pattern in FILES for path in folder.glob(pattern)})
    parts = []
    for path in files:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        parts.append(f"{path.relative_to(folder).as_posix()} {digest}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


@contextmanager
def _said() -> Iterator[None]:
    """Whatever goes wrong while files are fetched or read becomes one sentence with the remedy."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
    from safetensors import SafetensorError

    try:
        yield
    except (LocalEntryNotFoundError, HFValidationError, HfHubHTTPError) as error:
        raise SetupError(ABSENT) from error
    except (
        OSError,
        ValueError,
        RuntimeError,
        LookupError,
        TypeError,
        AttributeError,
        SafetensorError,
    ) as error:
        raise SetupError(DAMAGED) from error
