"""Weights read from folders: small twins of every architecture, whole, quantised, damaged and missing."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import tiny
import torch
import transformers
from huggingface_hub import errors
from PIL import Image as Pillow
from safetensors.torch import load_file, save_file
from torch import nn

from chat_app.errors import SetupError
from chat_app.models import cards, fit
from chat_app.models.fit import Machine
from chat_app.models.local import weights
from chat_app.models.local.weights import Opened
from chat_app.settings import Settings

NAMES = list(tiny.MAKERS)
# One card an architecture.
KINDS = ("llava-15-7b", "llava-med-7b", "medgemma-4b", "qwen3-vl-8b", "lingshu-7b", "smolvlm-2b")
QUANTISED = [
    (name, dtype)
    for name in KINDS
    for dtype in ("nf4", "int8")
    if dtype == "nf4" or cards.card(name).weights.half  # type: ignore[union-attr]
]
SMALL = "llava-15-7b"

Folder = Callable[[str], Path]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """The small twin of a card's model; made once, left as it is."""
    root, made = tmp_path_factory.mktemp("tiny"), {}

    def of(name: str) -> Path:
        if name not in made:
            made[name] = tiny.save(name, root / name)
        return made[name]

    return of


@pytest.fixture
def copy(folder: Folder, tmp_path: Path) -> Path:
    """One that a test may damage."""
    return Path(shutil.copytree(folder(SMALL), tmp_path / "copy"))


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The hub's cache is empty, and nothing is asked of the hub."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def quiet(words: str) -> None: ...


def read(name: str, folder: Path, dtype: str = "") -> Opened:
    return weights.read(cards.card(name), Settings(weights=str(folder), dtype=dtype), quiet)


def fault(name: str, folder: Path | str, dtype: str = "") -> str:
    """What is said; never a path."""
    with pytest.raises(SetupError) as raised:
        weights.read(cards.card(name), Settings(weights=str(folder), dtype=dtype), quiet)
    says = str(raised.value)
    assert not folder or str(folder) not in says
    assert says.endswith(".") and "\n" not in says
    return says


def answer(opened: Opened, pictures: int = 2) -> str:
    rng = np.random.default_rng(0)
    shown = [Pillow.fromarray(rng.integers(0, 255, (60, 80, 3), np.uint8)) for _ in range(pictures)]
    content = [{"type": "image", "image": each} for each in shown] + [
        {"type": "text", "text": "Is it normal?"}
    ]
    inputs = opened.processor.apply_chat_template(
        [{"role": "user", "content": content}],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
    )
    written = opened.model.generate(**inputs, max_new_tokens=6, do_sample=False)
    return str(opened.processor.tokenizer.decode(written[0, inputs["input_ids"].shape[1] :]))


def kinds(opened: Opened) -> dict[str, str]:
    return {name: type(m).__name__ for name, m in opened.model.named_modules() if isinstance(m, nn.Linear)}


# Reading


@pytest.mark.parametrize("name", NAMES)
def test_every_card_s_architecture_is_read_and_answers(name: str, folder: Folder) -> None:
    opened = read(name, folder(name))
    assert type(opened.model).__name__ == cards.card(name).weights.architecture  # type: ignore[union-attr]
    assert opened.model.dtype == torch.float32 and not opened.model.training
    assert opened.sha256 == hashlib.sha256((folder(name) / "model.safetensors").read_bytes()).hexdigest()
    assert answer(opened)


@pytest.mark.parametrize("name", KINDS)
def test_16_bit_are_16_bit(name: str, folder: Folder) -> None:
    opened = read(name, folder(name), "bf16")
    assert {weight.dtype for weight in opened.model.parameters()} == {torch.bfloat16}
    assert opened.fit.dtype == "bf16"


@pytest.mark.parametrize(("name", "dtype"), QUANTISED)
def test_only_the_language_model_s_layers_are_quantised(name: str, dtype: str, folder: Folder) -> None:
    opened = read(name, folder(name), dtype)
    small = {"nf4": "Linear4bit", "int8": "Linear8bitLt"}[dtype]
    inside = {layer for layer, kind in kinds(opened).items() if kind == small}
    text = {"smolvlm-2b": "text_model"}.get(name, "language_model")
    assert len(inside) == tiny.LAYERS * 7
    assert all(f".{text}.layers." in layer for layer in inside)
    others = set(kinds(opened)) - inside
    assert "lm_head" in others and any("vis" in layer for layer in others)
    plain = [opened.model.get_submodule(layer).weight.dtype for layer in others]
    plain.append(opened.model.get_input_embeddings().weight.dtype)
    assert set(plain) == {torch.float32}


@pytest.mark.parametrize(("name", "dtype"), QUANTISED)
def test_a_quantised_model_answers(name: str, dtype: str, folder: Folder) -> None:
    assert answer(read(name, folder(name), dtype))


def test_nf4_is_doubly_quantised_and_counts_in_32_bit_on_a_processor(folder: Folder) -> None:
    told = read(SMALL, folder(SMALL), "nf4").model.config.quantization_config
    assert told.bnb_4bit_use_double_quant and told.bnb_4bit_quant_type == "nf4"
    assert told.bnb_4bit_compute_dtype == torch.float32


def test_a_wrong_list_of_layers_to_spare_is_found_out(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What was seen with a name that is not whole: the vision tower was quantised all the same.
    real = transformers.BitsAndBytesConfig
    monkeypatch.setattr(
        weights,
        "BitsAndBytesConfig",
        lambda **told: real(**told | {"llm_int8_skip_modules": ["vision_tower"]}),
    )
    assert "vision tower is held as Linear4bit" in fault(SMALL, folder(SMALL), "nf4")


def test_weights_that_came_quantised_are_not_taken_for_whole_ones(folder: Folder, tmp_path: Path) -> None:
    opened = read(SMALL, folder(SMALL), "nf4")
    opened.model.save_pretrained(tmp_path)
    opened.processor.save_pretrained(tmp_path)
    assert "quantised already" in fault(SMALL, tmp_path, "fp32")


def test_a_processor_of_pictures_needs_no_torchvision(folder: Folder) -> None:
    for name in ("qwen3-vl-8b", "lingshu-7b"):
        assert read(name, folder(name)).processor.tokenizer


def test_pictures_are_cut_up_within_the_contract_s_square(folder: Folder, tmp_path: Path) -> None:
    large = Path(shutil.copytree(folder("smolvlm-2b"), tmp_path / "large"))
    told = json.loads((large / "processor_config.json").read_text())
    told["image_processor"]["size"] = {"longest_edge": 1536}
    (large / "processor_config.json").write_text(json.dumps(told))
    assert dict(read("smolvlm-2b", large).processor.image_processor.size)["longest_edge"] == 768


def test_the_card_s_conversation_wins_where_it_has_one(folder: Folder, tmp_path: Path) -> None:
    bare = Path(shutil.copytree(folder("llava-med-7b"), tmp_path / "bare"))
    (bare / "chat_template.jinja").write_text("{{ messages[0]['content'] + 'a text only' }}")
    assert answer(read("llava-med-7b", bare), pictures=1)


def test_several_files_have_one_fingerprint(folder: Folder, tmp_path: Path) -> None:
    opened = read(SMALL, folder(SMALL))
    opened.model.save_pretrained(tmp_path, max_shard_size="400KB")
    opened.processor.save_pretrained(tmp_path)
    shards = sorted(tmp_path.glob("*.safetensors"))
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in shards]
    assert len(shards) > 1
    assert read(SMALL, tmp_path).sha256 == hashlib.sha256("".join(digests).encode()).hexdigest()


def test_the_hub_s_own_hash_is_believed_for_a_file_in_its_cache(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    blob = tmp_path / "blobs" / ("ab" * 32)
    blob.write_bytes(b"weights")
    link = tmp_path / "model.safetensors"
    link.symlink_to(blob)
    assert weights.fingerprint([link]) == "ab" * 32
    plain = tmp_path / ("cd" * 32)
    plain.write_bytes(b"weights")
    assert weights.fingerprint([plain]) == hashlib.sha256(b"weights").hexdigest()


# Memory


def crowded(memory: int) -> Machine:
    return Machine("cpu", "processor", memory, False, True)


def test_what_does_not_fit_is_refused_before_anything_is_read(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit, "machine", lambda: crowded(1_000_000))
    monkeypatch.setattr(weights.AutoModelForImageTextToText, "from_pretrained", None)
    assert "does not fit here: bf16 needs" in fault(SMALL, folder(SMALL))


def test_that_memory_is_tight_is_said(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    needs = read(SMALL, folder(SMALL)).fit.needs
    monkeypatch.setattr(fit, "machine", lambda: crowded(needs + 1))
    said: list[str] = []
    weights.read(cards.card(SMALL), Settings(weights=str(folder(SMALL))), said.append)
    assert said[0].startswith("Memory will be tight: fp32")
    monkeypatch.setattr(fit, "machine", lambda: crowded(needs * 2))
    weights.read(cards.card(SMALL), Settings(weights=str(folder(SMALL))), said.append)
    assert sum("tight" in words for words in said) == 1


def test_the_size_is_that_of_the_weights_in_the_folder(folder: Folder) -> None:
    # Seven billion weights would need 26 GiB.
    assert read(SMALL, folder(SMALL)).fit.needs < 100_000_000


# What is refused


def test_another_architecture_is_refused_by_both_names(folder: Folder) -> None:
    says = fault("medgemma-4b", folder(SMALL))
    assert "Gemma3ForConditionalGeneration" in says and "LlavaForConditionalGeneration" in says


def test_a_model_of_its_own_takes_no_folder(folder: Folder) -> None:
    assert "there is none to read" in fault("nano", folder(SMALL))


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "no folder" in fault(SMALL, tmp_path / "none")


def test_a_folder_without_weights_is_refused_with_the_way_to_them(tmp_path: Path, copy: Path) -> None:
    assert "hf download llava-hf/llava-1.5-7b-hf" in fault(SMALL, tmp_path)
    (copy / "model.safetensors").unlink()
    assert "not in that folder" in fault(SMALL, copy)


def test_pickled_weights_are_not_read(copy: Path) -> None:
    torch.save(load_file(copy / "model.safetensors"), copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()
    assert "not in that folder" in fault(SMALL, copy)


@pytest.mark.parametrize("kind", ["llava", "bert"])
def test_code_that_comes_with_weights_is_neither_run_nor_asked_about(
    copy: Path, kind: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    told = json.loads((copy / "config.json").read_text())
    told["auto_map"] = {name: "evil.Evil" for name in ("AutoConfig", "AutoModelForImageTextToText")}
    told["model_type"] = kind
    (copy / "config.json").write_text(json.dumps(told))
    (copy / "evil.py").write_text("raise SystemExit('code was run')")
    if kind == "llava":
        assert read(SMALL, copy).model
    else:
        # transformers knows no such model by itself, and would ask whether to run the one that came along.
        assert "damaged" in fault(SMALL, copy)
    assert "evil" not in "".join(capfd.readouterr())


def test_a_folder_with_an_adapter_in_it_is_refused(copy: Path) -> None:
    (copy / "adapter_config.json").write_text("{}")
    assert "holds an adapter" in fault(SMALL, copy)


@pytest.mark.parametrize("damage", ["cut", "nonsense", "lost", "config", "template", "shape"])
def test_damaged_files_are_refused(damage: str, copy: Path) -> None:
    file = copy / "model.safetensors"
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:100_000])
    elif damage == "nonsense":
        file.write_bytes(b"not weights at all" * 100)
    elif damage == "config":
        (copy / "config.json").write_text("{")
    elif damage == "template":
        (copy / "tokenizer.json").unlink()
    else:
        tensors = load_file(file)
        name = next(name for name in tensors if name.endswith("q_proj.weight"))
        tensors[name] = tensors[name][:10].clone()
        save_file(tensors if damage == "shape" else {k: v for k, v in tensors.items() if k != name}, file)
    assert "damaged or incomplete: fetch them again" in fault(SMALL, copy)


def test_a_missing_part_of_several_is_refused(folder: Folder, copy: Path) -> None:
    read(SMALL, copy).model.save_pretrained(copy, max_shard_size="400KB")
    (copy / "model.safetensors").unlink(missing_ok=True)
    sorted(copy.glob("*.safetensors"))[-1].unlink()
    assert "damaged or incomplete" in fault(SMALL, copy)
    (copy / "model.safetensors.index.json").write_text("{")
    assert "damaged or incomplete" in fault(SMALL, copy)


# The hub


def refusing(kind: type[errors.HfHubHTTPError], status: int) -> Any:
    """from_pretrained as it fails when the hub answers so: transformers wraps the hub's error."""

    def from_pretrained(*_: Any, **__: Any) -> Any:
        try:
            raise kind("no", response=httpx.Response(status, request=httpx.Request("GET", "https://hf.co")))
        except kind as error:
            raise OSError("You are trying to access a gated repo.") from error

    return from_pretrained


@pytest.mark.parametrize(
    ("kind", "status", "says"),
    [
        (
            errors.GatedRepoError,
            403,
            "do so on https://huggingface.co/google/medgemma-4b-it, then run `hf auth",
        ),
        (errors.RepositoryNotFoundError, 404, "no such weights"),
        (errors.RevisionNotFoundError, 404, "no such weights"),
        (errors.HfHubHTTPError, 503, "run `hf download google/medgemma-4b-it`, or name their folder"),
    ],
)
def test_what_the_hub_refuses_is_said_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, away: None, kind: type[errors.HfHubHTTPError], status: int, says: str
) -> None:
    monkeypatch.setattr(weights.AutoConfig, "from_pretrained", refusing(kind, status))
    assert says in fault("medgemma-4b", "")


def test_without_the_hub_and_its_cache_the_way_is_said(away: None) -> None:
    assert "run `hf download google/medgemma-4b-it`" in fault("medgemma-4b", "")


def test_weights_in_the_hub_s_cache_are_read(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, away: None
) -> None:
    place = tmp_path / "hub" / "models--llava-hf--llava-1.5-7b-hf"
    shutil.copytree(folder(SMALL), place / "snapshots" / ("a" * 40))
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("a" * 40)
    said: list[str] = []
    opened = weights.read(cards.card(SMALL), Settings(), said.append)
    assert opened.sha256 == read(SMALL, folder(SMALL)).sha256
    assert said == ["Reading the model's weights …"]


def test_whoever_has_the_files_asks_the_hub_nothing(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, away: None
) -> None:
    asked: list[bool] = []
    real = weights.AutoConfig.from_pretrained

    def from_pretrained(place: str, **told: Any) -> Any:
        asked.append(told["local_files_only"])
        return real(place, **told)

    monkeypatch.setattr(weights.AutoConfig, "from_pretrained", from_pretrained)
    read(SMALL, folder(SMALL))
    assert all(asked)
    asked.clear()
    fault(SMALL, "")
    assert not any(asked)
    asked.clear()
    monkeypatch.setattr(fit, "fetched", lambda weights: True)
    fault(SMALL, "")
    assert all(asked)
