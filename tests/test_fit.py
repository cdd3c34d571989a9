"""Whether a model fits, and in which form: tables of machines that are not here."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from chat_app.errors import SetupError
from chat_app.models import cards, fit
from chat_app.models.cards import Card, Weights
from chat_app.models.fit import GIB, Machine
from chat_app.records import Contract

WEIGHTS = Weights(
    repo="someone/some-model",
    architecture="LlavaForConditionalGeneration",
    linear=6 * GIB,
    rest=GIB,
    kv_bytes=128 * 1024,
    sources=("a test",),
)
SEVEN = Card(
    name="seven",
    label="seven, not for clinical use",
    licence="none",
    about="A test.",
    contract=Contract(size=336, context=8192),
    image_tokens=576,
    weights=WEIGHTS,
)


def gpu(gib: float, brain16: bool = True, bitsandbytes: bool = True) -> Machine:
    return Machine("cuda", "GPU", round(gib * GIB), brain16, bitsandbytes)


def processor(gib: float) -> Machine:
    return Machine("cpu", "processor", round(gib * GIB), False, True)


def without_half(card: Card) -> Card:
    return replace(card, weights=replace(WEIGHTS, half=False))


def test_needs_are_weights_and_context_and_work() -> None:
    # 7 billion in 2 bytes are 14 GiB; 8,192 tokens of 128 KiB are 1; 1 for the work.
    assert fit.needed(SEVEN, gpu(80), "bf16") == 16 * GIB
    # 32 bit: 28 and 2 and 1.
    assert fit.needed(SEVEN, processor(80), "fp32") == 31 * GIB
    # 8 bit for the language model's layers, 16 for the rest.
    assert fit.needed(SEVEN, gpu(80), "int8") == (6 + 2 + 1 + 1) * GIB
    # 4.127 bits are 0.516 bytes, and a quarter of the weights is enough for the work of a small one.
    assert fit.needed(SEVEN, gpu(80), "nf4") / GIB == pytest.approx(3.1 + 2 + 1 + 1, abs=0.01)


def test_a_small_model_needs_less_for_its_work() -> None:
    small = replace(SEVEN, weights=replace(WEIGHTS, linear=GIB // 2, rest=0, kv_bytes=0))
    assert fit.needed(small, gpu(80), "bf16") == 1.25 * GIB


@pytest.mark.parametrize(
    ("machine", "dtype"),
    [
        (gpu(80), "bf16"),
        (gpu(16.1), "bf16"),
        (gpu(15.9), "nf4"),
        (gpu(9.9), "nf4"),
        (gpu(80, brain16=False), "fp16"),
        (gpu(15, brain16=False), "nf4"),
        (processor(64), "fp32"),
        (processor(30), "bf16"),
        (Machine("mps", "Apple GPU", 32 * GIB, True, False), "bf16"),
    ],
)
def test_the_best_form_that_fits_is_chosen(machine: Machine, dtype: str) -> None:
    found = fit.choose(SEVEN, machine)
    assert (found.dtype, found.fits) == (dtype, True)
    assert found.needs <= machine.memory and dtype in found.reason


@pytest.mark.parametrize(
    ("machine", "dtype"),
    [(gpu(80, brain16=False), "fp32"), (gpu(20, brain16=False), "nf4"), (gpu(15), "nf4")],
)
def test_numbers_too_large_for_fp16_are_never_put_into_it(machine: Machine, dtype: str) -> None:
    # int8 multiplies the largest numbers in fp16.
    assert fit.choose(without_half(SEVEN), machine).dtype == dtype


def test_what_is_not_quantised_is_held_in_what_the_machine_has() -> None:
    card = without_half(SEVEN)
    assert card.weights
    old, new = gpu(80, brain16=False), gpu(80)
    assert fit.in_memory(card.weights, "nf4", old) - fit.in_memory(card.weights, "nf4", new) == 2 * GIB


def test_a_processor_quantises_only_when_asked() -> None:
    assert not fit.choose(SEVEN, processor(12)).fits
    assert fit.choose(SEVEN, processor(12), "nf4").fits


def test_a_gpu_quantises_only_when_asked_where_16_bit_fit() -> None:
    asked = fit.choose(SEVEN, gpu(80), "nf4")
    assert (asked.dtype, asked.fits) == ("nf4", True)
    assert "asked" in asked.reason


def test_a_misfit_says_by_how_much_and_what_would_help() -> None:
    found = fit.choose(SEVEN, processor(12))
    assert not found.fits
    assert "bf16 needs 16.0 GiB, 4.0 GiB more than are free" in found.reason
    assert "4,096 tokens of context instead of 8,192 would save 0.5 GiB" in found.reason
    assert "nf4 would need 10.1 GiB" in found.reason
    assert "medgemma-15-4b is smaller and fits" in found.reason


def test_the_embedded_model_is_what_is_left_on_a_small_machine() -> None:
    assert "nano is smaller and fits" in fit.choose(SEVEN, processor(2)).reason
    assert fit.choose(cards.card("nano"), processor(0)).fits


def test_a_model_elsewhere_always_fits() -> None:
    served = replace(SEVEN, name="openai:x@https://gpu.example", weights=None, host="gpu.example")
    found = fit.choose(served, processor(0))
    assert found.fits and "gpu.example" in found.reason


@pytest.mark.parametrize(
    ("wanted", "machine", "card", "says"),
    [
        ("float8", gpu(80), SEVEN, "known are bf16, fp16, fp32, int8, nf4"),
        ("nf4", gpu(80, bitsandbytes=False), SEVEN, "needs bitsandbytes.* bf16, fp16, fp32"),
        ("fp16", gpu(80), without_half(SEVEN), "numbers.* bf16, fp32, nf4"),
        ("int8", processor(80), without_half(SEVEN), "numbers.* bf16, fp32, nf4"),
        ("bf16", gpu(80, brain16=False), SEVEN, "not in this GPU.* fp16, fp32, int8, nf4"),
    ],
)
def test_what_cannot_be_had_is_refused_with_what_can(
    wanted: str, machine: Machine, card: Card, says: str
) -> None:
    with pytest.raises(SetupError, match=says):
        fit.choose(card, machine, wanted)


@pytest.mark.parametrize("gib", [2, 8, 16, 24, 80])
@pytest.mark.parametrize("card", cards.known(), ids=lambda card: card.name)
def test_every_card_gets_one_clause_on_every_machine(card: Card, gib: int) -> None:
    for machine in (gpu(gib), gpu(gib, brain16=False), gpu(gib, bitsandbytes=False), processor(gib)):
        reason = fit.choose(card, machine).reason
        assert reason[0].islower() and not reason.endswith(".")


# This machine


def test_this_machine_has_a_name_and_memory() -> None:
    here = fit.machine()
    assert here.device in {"cpu", "cuda", "mps"} and here.name and here.memory > GIB // 4


def test_free_memory_is_what_linux_calls_available(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stated = tmp_path / "meminfo"
    stated.write_text("MemTotal: 16777216 kB\nMemFree: 100 kB\nMemAvailable: 8388608 kB\n")
    monkeypatch.setattr(fit, "MEMINFO", stated)
    monkeypatch.setattr(fit, "CGROUP", tmp_path)
    assert fit.free_memory() == 8 * GIB


@pytest.mark.parametrize(("limit", "free"), [(str(6 * GIB), 3 * GIB), ("max", 8 * GIB), (str(GIB), 0)])
def test_a_container_s_limit_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, limit: str, free: int
) -> None:
    stated = tmp_path / "meminfo"
    stated.write_text("MemAvailable: 8388608 kB\n")
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    (tmp_path / "memory.current").write_text(f"{5 * GIB}\n")
    (tmp_path / "memory.stat").write_text(f"anon 1\ninactive_file {2 * GIB}\nactive_file 7\n")
    monkeypatch.setattr(fit, "MEMINFO", stated)
    monkeypatch.setattr(fit, "CGROUP", tmp_path)
    assert fit.free_memory() == free


def test_half_is_promised_where_nothing_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fit, "MEMINFO", tmp_path / "none")
    monkeypatch.setattr(fit, "CGROUP", tmp_path)
    monkeypatch.setattr(fit.os, "sysconf", {"SC_PHYS_PAGES": 2 * GIB // 4096, "SC_PAGE_SIZE": 4096}.get)
    assert fit.free_memory() == GIB


def test_files_are_fetched_when_every_one_is_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert not fit.fetched(WEIGHTS)
    folder = tmp_path / "models--someone--some-model"
    files = folder / "snapshots" / ("a" * 40)
    files.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("a" * 40)
    (files / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"x": "1.st", "y": "2.st"}})
    )
    (files / "1.st").touch()
    assert not fit.fetched(WEIGHTS)
    (files / "2.st").touch()
    assert fit.fetched(WEIGHTS)


def test_the_command_that_fetches_names_a_pinned_commit() -> None:
    assert fit.fetching(WEIGHTS) == "hf download someone/some-model"
    assert fit.fetching(replace(WEIGHTS, revision="abc")).endswith("some-model --revision abc")
