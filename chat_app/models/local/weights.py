"""A card's weights read with transformers: from a folder, the hub's cache or the hub, whole or quantised.

What of them is held in fewer bits is decided before anything is read, and looked at afterwards.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import transformers
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError
from safetensors import SafetensorError
from torch import nn
from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor, BitsAndBytesConfig
from transformers.utils.logging import disable_progress_bar

from chat_app.errors import SetupError
from chat_app.models import fit as fits
from chat_app.models.fit import QUANTISED, Fit, Machine

if TYPE_CHECKING:
    from chat_app.models.cards import Card, Say, Weights
    from chat_app.settings import Settings

PLAIN = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
INDEX, SINGLE = fits.INDEX, fits.SINGLE
KINDS = {"int8": "Linear8bitLt", "nf4": "Linear4bit"}
# From which share of the free memory on it is said that it will be tight.
TIGHT = 0.9
# Processors that also take video, for which they need torchvision.
SEEING_VIDEO = {"qwen3_vl": "Qwen3VLProcessor", "qwen2_5_vl": "Qwen2_5_VLProcessor"}
ADAPTER = "adapter_config.json"
# What transformers, safetensors and json raise for files that are not as they must be.
DAMAGED = (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, SafetensorError)


@dataclass(frozen=True)
class Opened:
    """A model ready to answer: the SHA-256 of its weights, how they are held, and the folder they lie in."""

    model: Any
    processor: Any
    sha256: str
    fit: Fit
    folder: Path


@dataclass(frozen=True)
class Source:
    """Where a card's files are: a folder, or a repository of the hub at a revision."""

    card: Card
    weights: Weights
    folder: Path | None

    @property
    def place(self) -> str:
        return str(self.folder) if self.folder else self.weights.repo

    @property
    def here(self) -> bool:
        """Whether nothing has to be fetched."""
        return self.folder is not None or fits.fetched(self.weights)

    @property
    def options(self) -> dict[str, Any]:
        """For every from_pretrained: where to look. No code that comes with weights is ever run."""
        revision = {} if self.folder else {"revision": self.weights.revision}
        # Whoever has the files asks the hub nothing, not even whether there are newer ones.
        return {**revision, "local_files_only": self.here, "trust_remote_code": False}

    def file(self, name: str) -> Path | None:
        """The file of that name where it is on this machine."""
        if self.folder:
            return self.folder / name if (self.folder / name).is_file() else None
        return fits.cached(self.weights, name)

    def files(self) -> list[Path]:
        """The weights in name order: those that the index names, or the only one."""
        if index := self.file(INDEX):
            names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
            return sorted(index.parent / name for name in names)
        single = self.file(SINGLE)
        return [single] if single else []


def read(card: Card, settings: Settings, say: Say) -> Opened:
    """The model in memory with its processor.

    Raises:
        SetupError: its files are missing, damaged or another model's, or it does not fit here.
    """
    source, here = _source(card, settings), fits.machine()
    if source.folder and (source.folder / ADAPTER).is_file():
        # transformers would put it on without a word, and it would speak under the name of its base.
        raise SetupError("That folder holds an adapter: put it into the folder of adapters and name it.")
    with _said(source):
        config = AutoConfig.from_pretrained(source.place, **source.options)
        skeleton = _skeleton(source, config)
        fit = _fit(_measured(card, skeleton), here, settings.dtype, say)
        processor = _processor(source, config)
        model = _model(source, skeleton, fit, here, say)
        files = source.files()
        return Opened(model, processor, fingerprint(files), fit, files[0].parent)


def _source(card: Card, settings: Settings) -> Source:
    if card.weights is None:
        raise SetupError(f"{card.name} brings its weights with it or runs elsewhere: there is none to read.")
    folder = Path(settings.weights).expanduser() if settings.weights else None
    # os.path, for pathlib raises where a folder may not be looked into.
    if folder and not os.path.isdir(folder):
        raise SetupError("There is no folder where the setting weights points: correct it.")
    return Source(card, card.weights, folder)


def _skeleton(source: Source, config: Any) -> Any:
    """The model without its numbers, which tells every layer's name and size.

    Raises:
        SetupError: it is of another architecture than the card's.
    """
    wanted = source.weights.architecture
    found = (config.architectures or ["model of no stated architecture"])[0]
    if found != wanted:
        raise SetupError(
            f"{source.card.name} is a {wanted}, these weights are a {found}: choose the model they are of."
        )
    with torch.device("meta"):
        return AutoModelForImageTextToText.from_config(config, trust_remote_code=False)


def _measured(card: Card, skeleton: Any) -> Card:
    """The card with the sizes of these very weights: a folder may hold others than the card's own."""
    assert card.weights is not None
    inside = language_layers(skeleton)
    linear = sum(skeleton.get_submodule(name).weight.numel() for name in inside)
    whole = sum(weight.numel() for weight in skeleton.parameters())
    text = skeleton.config.get_text_config()
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    kept = 2 * 2 * text.num_hidden_layers * heads * width
    return replace(card, weights=replace(card.weights, linear=linear, rest=whole - linear, kv_bytes=kept))


def language_layers(model: Any) -> set[str]:
    """The names of the linear layers in the language model's blocks, which int8 and NF4 make smaller.

    The vision tower, the projector, the embeddings and the head are not among them.
    """
    text = model.get_decoder()
    prefix = next(name for name, module in model.named_modules() if module is text)
    return {name for name in _linear(model) if name.startswith(f"{prefix}.layers.")}


def _linear(model: Any) -> list[str]:
    return [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]


def _fit(card: Card, here: Machine, wanted: str, say: Say) -> Fit:
    fit = fits.choose(card, here, wanted)
    if not fit.fits:
        raise SetupError(f"{card.name} does not fit here: {fit.reason}.")
    if fit.needs > TIGHT * here.memory:
        say(f"Memory will be tight: {fit.reason}.")
    return fit


def _model(source: Source, skeleton: Any, fit: Fit, here: Machine, say: Say) -> Any:
    if source.here:
        say("Reading the model's weights …")
        # A bar on stderr is no part of an answer; while gigabytes are fetched it is welcome.
        disable_progress_bar()
    else:
        # Repositories hold 16 bit.
        size = fits.gib(2 * (source.weights.linear + source.weights.rest))
        say(f"Fetching the model's weights from huggingface.co, {size} …")
    loaded: Any = AutoModelForImageTextToText.from_pretrained(
        source.place,
        **source.options,
        **held(skeleton, fit.dtype, PLAIN[fits.compute(source.weights, here)]),
        # Pickled weights can run code as they are read.
        use_safetensors=True,
        # A quantised model cannot be moved afterwards.
        device_map={"": here.device},
        output_loading_info=True,
    )
    model, told = loaded
    # transformers gives random numbers to what is missing, and goes on.
    if told["missing_keys"] or told["mismatched_keys"]:
        raise ValueError("weights are missing")
    check_layers(model, fit.dtype)
    return model.eval()


def held(skeleton: Any, dtype: str, compute: torch.dtype) -> dict[str, Any]:
    """What from_pretrained is told about the form of the numbers. compute: what quantised ones become."""
    if dtype not in QUANTISED:
        return {"dtype": PLAIN[dtype]}
    # Whole names, for they are compared from the beginning on: "vision_tower" would not keep
    # "model.vision_tower.…" as it is.
    outside = sorted(set(_linear(skeleton)) - language_layers(skeleton))
    config = BitsAndBytesConfig(
        load_in_8bit=dtype == "int8",
        load_in_4bit=dtype == "nf4",
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=compute,
        llm_int8_skip_modules=outside,
    )
    return {"dtype": compute, "quantization_config": config}


def check_layers(model: Any, dtype: str) -> None:
    """Raises SetupError when more, or less, was quantised than the language model's layers."""
    inside = language_layers(model)
    for name in _linear(model):
        found = type(model.get_submodule(name)).__name__
        expected = KINDS.get(dtype, "Linear") if name in inside else "Linear"
        if found != expected and found in {"Linear", *KINDS.values()}:
            part = "language model" if name in inside else "vision tower"
            raise SetupError(
                f"The {part} is held as {found} and not as {expected}: choose another dtype, or weights that "
                "are not quantised already."
            )


def _processor(source: Source, config: Any) -> Any:
    """The processor, feeding pictures as the contract says."""
    try:
        processor = AutoProcessor.from_pretrained(source.place, **source.options)
    except ImportError as error:
        # With torchvision in place nothing is missing; Lightbox shows no video.
        if config.model_type not in SEEING_VIDEO:
            raise SetupError("The model's processor needs a package that is not installed.") from error
        kind = getattr(transformers, SEEING_VIDEO[config.model_type])
        processor = without_video(kind).from_pretrained(source.place, **source.options)
    if source.weights.chat:
        processor.chat_template = source.weights.chat
    images = processor.image_processor
    if getattr(images, "do_image_splitting", False):
        # It would enlarge every picture, to cut it into more tiles.
        images.size = {"longest_edge": min(images.size["longest_edge"], source.card.contract.size)}
    return processor


def without_video(kind: Any) -> Any:
    """That class of processor with nothing to do for video, so that it can be made without torchvision."""

    def begin(
        self: Any, image_processor: Any = None, tokenizer: Any = None, chat_template: Any = None, **_: Any
    ) -> None:
        kind.__init__(self, image_processor, tokenizer, None, chat_template=chat_template)

    # Which parts are looked for among the files is read off these arguments.
    return type(kind.__name__, (kind,), {"__init__": begin, "__module__": kind.__module__})


def fingerprint(files: list[Path]) -> str:
    """SHA-256 of the file; of several, SHA-256 over theirs in name order."""
    digests = [_digest(path) for path in files]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def _digest(path: Path) -> str:
    # In the hub's cache a large file is named after the SHA-256 that the hub states for it, and a link leads
    # there: reading fifteen gigabytes again to hear the same is spared.
    blob = path.resolve()
    if blob.parent.name == "blobs" and re.fullmatch(r"[0-9a-f]{64}", blob.name):
        return blob.name
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextlib.contextmanager
def _said(source: Source) -> Iterator[None]:
    """Whatever goes wrong while files are fetched or read becomes one sentence with the remedy."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise SetupError(
            f"Memory ran out while {source.card.name} was read: free some of it, or choose the dtype nf4."
        ) from error
    except DAMAGED as error:
        raise SetupError(_sentence(source, error)) from error


def _sentence(source: Source, error: BaseException) -> str:
    name, weights, fetch = source.card.name, source.weights, fits.fetching(source.weights)
    causes = list(_causes(error))
    if any(isinstance(each, GatedRepoError) for each in causes):
        page = weights.gate or f"https://huggingface.co/{weights.repo}"
        return f"{name} is given to those who accept its terms: do so on {page}, then run `hf auth login`."
    if any(isinstance(each, (RepositoryNotFoundError, RevisionNotFoundError)) for each in causes):
        return f"The hub has no such weights of {name} any more: name a folder in the setting weights."
    if source.file("config.json") is None or not (source.file(INDEX) or source.file(SINGLE)):
        where = "in that folder" if source.folder else "on this machine, and the hub did not give them"
        way = f"run `{fetch}`, or name their folder in the setting weights"
        return f"The weights of {name} are not {where}: {way}."
    return f"The weights of {name} are damaged or incomplete: fetch them again with `{fetch}`."


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
