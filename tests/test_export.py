"""Weights written for a server: the adapter inside, the names as vLLM reads them, the answers the same."""

from __future__ import annotations

from pathlib import Path

import minds
import pytest
from minds import begun, cold, engine
from safetensors import safe_open
from test_adapters import BASE, write

from chat_app.errors import InputError, SetupError
from chat_app.models import adapters, cards
from chat_app.models.local import export, weights
from chat_app.models.local.engine import Engine
from chat_app.settings import Settings


def exported(tmp_path: Path, name: str = BASE, **settings: str) -> Path:
    out = tmp_path / "out"
    chosen = Settings(**{"weights": str(minds.folder(name)), "dtype": "fp32", **settings})
    export.export(cards.card(name), chosen, out, lambda _: None)
    return out


def names(folder: Path) -> set[str]:
    with safe_open(folder / "model.safetensors", "pt") as file:
        return set(file.keys())


def said(name: str, folder: Path) -> list[int]:
    read = weights.read(cards.card(name), Settings(weights=str(folder), dtype="fp32"), lambda _: None)
    made = Engine(read.model, read.processor)
    written = cold(made, begun())
    made.close()
    return written


@pytest.mark.parametrize("name", minds.KINDS)
def test_what_was_written_answers_as_what_was_read(tmp_path: Path, name: str) -> None:
    assert said(name, exported(tmp_path, name)) == said(name, minds.folder(name))


@pytest.mark.parametrize("name", [BASE, "llava-med-7b", "medgemma-4b"])
def test_the_tower_has_the_names_that_vllm_reads(tmp_path: Path, name: str) -> None:
    tower = {key for key in names(exported(tmp_path, name)) if "vision_tower." in key}
    assert tower and all("vision_tower.vision_model." in key for key in tower)


def test_a_merged_adapter_says_what_it_said_beside_the_base(tmp_path: Path) -> None:
    write(tmp_path / "shelf" / "breast", 1, minds.opened(BASE).sha256)
    shelf = str(tmp_path / "shelf")
    merged = said(BASE, exported(tmp_path, adapter="breast", adapters=shelf))
    beside = engine(BASE, adapters.found(shelf))
    one = minds.job(beside, begun(), adapter="breast")
    minds.done(one)
    beside.close()
    assert merged == one.row.written != said(BASE, minds.folder(BASE))


@pytest.mark.parametrize("dtype", ["nf4", "int8"])
def test_quantised_weights_are_not_merged(tmp_path: Path, dtype: str) -> None:
    with pytest.raises(SetupError, match="16 or 32 bit"):
        exported(tmp_path, dtype=dtype)


def test_an_unknown_adapter_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="no adapter called"):
        exported(tmp_path, adapter="liver", adapters=str(tmp_path))
    assert not list((tmp_path / "out").iterdir())


def test_a_folder_that_cannot_be_made_is_said_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    chosen = Settings(weights=str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="cannot be made"):
        export.export(cards.card(BASE), chosen, tmp_path / "file" / "out", lambda _: None)


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("keep", encoding="utf-8")
    with pytest.raises(InputError, match="not empty"):
        exported(tmp_path)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]
