"""What is said of an installation, in plain words; nothing is fetched to find out."""

from __future__ import annotations

import socket
import tempfile
from pathlib import Path
from typing import Any

import pytest
from pydicom.pixels.decoders.base import Decoder

from chat_app import doctor
from chat_app.doctor import Check
from chat_app.models import cards, fit
from chat_app.models.fit import GIB, Machine
from chat_app.models.scripted import Scripted
from chat_app.records import ModelId

GPU = Machine("cuda", "Some GPU", 40 * GIB, True, True)


class Loads(list[str]):
    """The names of the models that were loaded."""


@pytest.fixture(autouse=True)
def loads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, scripted: Scripted) -> Loads:
    """No weights, no network, an empty cache; what was loaded is noted."""
    noted = Loads()

    def load(card: Any, settings: Any, say: Any) -> tuple[Scripted, ModelId]:
        noted.append(card.name)
        return scripted, ModelId(card.name, "0" * 64)

    def refuse(*_: Any, **__: Any) -> socket.socket:
        raise ConnectionRefusedError

    monkeypatch.setattr(cards, "load", load)
    monkeypatch.setattr(doctor.socket, "create_connection", refuse)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return noted


def check(name: str) -> Check:
    return next(each for each in doctor.examine() if each.name == name)


# The machine


def test_a_machine_without_a_gpu_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "machine", lambda: Machine("cpu", "x86_64", 8 * GIB, False, True))
    assert check("processor").says.startswith("no GPU: runs on the processor")


def test_a_gpu_is_named_with_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "machine", lambda: GPU)
    assert check("processor").says == "Some GPU, 40.0 GiB free, with bf16"


def test_memory_is_held_against_the_chosen_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "machine", lambda: GPU)
    monkeypatch.setenv("LIGHTBOX_MODEL", "medgemma-4b")
    found = check("memory")
    assert found.sound and "medgemma-4b fits in bf16, because bf16 is the fastest" in found.says
    monkeypatch.setenv("LIGHTBOX_MODEL", "medgemma-27b")
    monkeypatch.setenv("LIGHTBOX_DTYPE", "bf16")
    found = check("memory")
    assert not found.sound and "medgemma-27b does not fit here: bf16 needs" in found.says


# The model


def test_the_weights_that_loaded_are_named(loads: Loads) -> None:
    assert check("model").says == "nano loads, weights 000000000000"
    assert loads == ["nano"]


def test_a_chosen_model_that_is_not_here_is_broken_and_the_way_is_said(
    monkeypatch: pytest.MonkeyPatch, loads: Loads
) -> None:
    monkeypatch.setenv("LIGHTBOX_MODEL", "medgemma-4b")
    found = check("model")
    assert not found.sound and not loads
    assert "accept the terms on https://huggingface.co/google/medgemma-4b-it" in found.says
    assert "run `hf download google/medgemma-4b-it`" in found.says


def test_a_chosen_model_in_a_folder_is_loaded(
    monkeypatch: pytest.MonkeyPatch, loads: Loads, tmp_path: Path
) -> None:
    monkeypatch.setenv("LIGHTBOX_MODEL", "smolvlm-2b")
    monkeypatch.setenv("LIGHTBOX_WEIGHTS", str(tmp_path))
    assert check("model").sound and loads == ["smolvlm-2b"]


def test_other_models_are_no_fault_wherever_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    found = check("smolvlm-2b")
    assert found.sound and "not yet on this machine: run `hf download" in found.says
    monkeypatch.setattr(fit, "fetched", lambda weights: True)
    assert check("smolvlm-2b").says == "can be chosen, on this machine"


def test_settings_that_cannot_be_read_are_said_and_the_rest_is_still_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LIGHTBOX_PORT", "many")
    assert not check("settings").sound
    assert check("model").sound


# Adapters


def adapter(folder: Path, name: str, base: str = "nano", sha256: str = "0" * 64) -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / "adapter_config.json").write_text("{}")
    lines = {"base": base, "base_sha256": sha256, "about": "A test.", "licence": "none"}
    (folder / name / "card.toml").write_text("".join(f'{key} = "{value}"\n' for key, value in lines.items()))


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of adapters, empty."""
    folder = tmp_path / "adapters"
    folder.mkdir()
    monkeypatch.setenv("LIGHTBOX_ADAPTERS", str(folder))
    return folder


def test_adapters_that_fit_and_those_that_do_not_are_told_apart(shelf: Path) -> None:
    assert check("adapters").says == "for nano: none"
    adapter(shelf, "chest")
    adapter(shelf, "stale", sha256="f" * 64)
    adapter(shelf, "foreign", base="medgemma-4b")
    found = check("adapters")
    assert found.sound and found.says.startswith("for nano: chest. ")
    assert "foreign is for medgemma-4b" in found.says and "stale was trained on other weights" in found.says


@pytest.mark.parametrize(
    ("chosen", "says"), [("stale", "other weights"), ("none-such", "those that fit are")]
)
def test_a_chosen_adapter_that_does_not_fit_is_broken(
    monkeypatch: pytest.MonkeyPatch, shelf: Path, chosen: str, says: str
) -> None:
    adapter(shelf, "stale", sha256="f" * 64)
    monkeypatch.setenv("LIGHTBOX_ADAPTER", chosen)
    found = check("adapters")
    assert not found.sound and says in found.says


def test_adapters_are_not_compared_with_a_model_that_did_not_load(
    monkeypatch: pytest.MonkeyPatch, shelf: Path
) -> None:
    adapter(shelf, "chest")
    monkeypatch.setenv("LIGHTBOX_MODEL", "medgemma-4b")
    assert check("adapters").says == "chest; not compared with the model, which did not load"


# Decoders, names


@pytest.mark.parametrize(("there", "says"), [(True, "blacked out"), (False, "lightbox-chat[ocr]")])
def test_doctor_says_whether_names_in_pictures_are_searched(
    monkeypatch: pytest.MonkeyPatch, there: bool, says: str
) -> None:
    monkeypatch.setattr(doctor.words, "available", lambda: there)
    found = check("names")
    assert found.sound and says in found.says


def test_a_missing_decoder_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Decoder, "is_available", property(lambda self: "JPEG 2000" not in self.UID.name))
    found = check("decoders")
    assert (found.sound, found.says.split(";")[0]) == (
        False,
        "Nothing here decodes DICOM's JPEG 2000, High-Throughput JPEG 2000",
    )


# Folders, network


def test_a_temporary_folder_that_cannot_be_written_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> Any:
        raise PermissionError

    assert check("temporary").sound
    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    assert not check("temporary").sound


def test_a_cache_that_cannot_be_written_matters_only_to_a_model_that_must_be_fetched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "models can be fetched" in check("cache").says
    monkeypatch.setattr(doctor.os, "access", lambda place, mode: False)
    assert check("cache").sound and "set HF_HOME" in check("cache").says
    monkeypatch.setenv("LIGHTBOX_MODEL", "smolvlm-2b")
    assert not check("cache").sound


def test_a_machine_without_network_is_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    found = check("network")
    assert found.sound and found.says == "no network: models already on this machine work"
    monkeypatch.setattr(doctor.socket, "create_connection", lambda *_, **__: socket.socket())
    assert "can be reached" in check("network").says


@pytest.mark.parametrize("index", ["{", "{}", "[]"])
def test_a_damaged_list_of_files_is_as_good_as_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, index: str
) -> None:
    place = tmp_path / "index.json"
    place.write_text(index)
    monkeypatch.setattr(fit, "cached", lambda weights, name: place)
    assert "not yet on this machine" in check("llava-15-7b").says


def test_a_folder_that_may_not_be_looked_into_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise PermissionError(13, "Permission denied", "a path")

    monkeypatch.setattr(doctor.adapters, "found", refuse)
    found = check("adapters")
    assert not found.sound and "Permission denied" in found.says and "a path" not in found.says


def test_a_model_on_a_server_is_said_to_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIGHTBOX_MODEL", "openai:llava@http://127.0.0.1:8000/v1")
    assert "it runs on a server" in check("memory").says
    assert check("model").says == "its server answers; adapters there: none"
    monkeypatch.setenv("LIGHTBOX_ADAPTER", "spine")
    assert "no adapter called 'spine'" in check("model").says
