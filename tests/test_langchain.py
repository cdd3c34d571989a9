"""The examples of docs/langchain.md run as they are printed, on a small model and a guideline of one page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, ramp
from hashed import HashedWords
from minds import folder
from PIL import Image as Pillow

from chat_app import settings
from chat_app.retrieval.index import index

PAGE = (ROOT / "docs" / "langchain.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
GUIDELINE = """# Nodules

A solid nodule of 6 to 8 mm is followed by CT at 6 to 12 months.

# Cysts

A simple cyst of the kidney needs no follow-up.
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What the page's names stand for after all its blocks were run, one after the other."""
    here = tmp_path_factory.mktemp("langchain")
    (here / "guidelines").mkdir()
    (here / "guidelines" / "chest.md").write_text(GUIDELINE)
    Pillow.fromarray(ramp()).save(here / "chest.png")
    names: dict[str, Any] = {"embeddings": HashedWords()}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        patch.setenv("LIGHTBOX_DATA", str(here / "data"))
        patch.setenv("LIGHTBOX_MODEL", "medgemma-4b")
        patch.setenv("LIGHTBOX_WEIGHTS", str(folder("medgemma-4b")))
        patch.setenv("LIGHTBOX_DTYPE", "fp32")
        patch.setenv("LIGHTBOX_MAX_NEW_TOKENS", "8")
        index(Path("guidelines"), "guidelines", settings.load())
        exec(compile("\n".join(BLOCKS), "langchain.md", "exec", dont_inherit=True), names)
    yield names
    names["client"].close()
    names["model"].engine.close()


def test_the_chain_answers_and_gives_its_passages(run: dict[str, Any]) -> None:
    said = run["said"]
    assert said["answer"].strip()
    assert said["passages"][0].metadata["source"] == "chest.md"
    assert said["passages"][0].metadata["section"] == "Nodules"


def test_what_the_model_reads_is_the_passage_marked_as_data(run: dict[str, Any]) -> None:
    told, asked = run["prompt"](run["said"])
    assert "not instructions" in told.text
    assert [block["type"] for block in asked.content] == ["image", "text"]
    assert asked.text.startswith("[1] A solid nodule of 6 to 8 mm is followed")
    assert asked.text.endswith("\n\nWhen is a solid nodule followed?")


def test_the_graph_answers_as_the_chain_does(run: dict[str, Any]) -> None:
    assert run["found"]["answer"] == run["said"]["answer"]
    assert run["found"]["passages"] == run["said"]["passages"]


def test_the_graph_declines_where_there_is_no_basis(run: dict[str, Any]) -> None:
    assert run["nothing"]["answer"] == "No basis found."
    assert run["nothing"]["passages"] == []


def test_the_store_gives_the_passage_that_the_files_give(run: dict[str, Any]) -> None:
    (document,) = run["documents"]
    assert document.page_content == run["said"]["passages"][0].page_content


def test_tracing_is_off_once_a_model_is_loaded(run: dict[str, Any]) -> None:
    from langsmith.utils import tracing_is_enabled

    assert run["model"] and not tracing_is_enabled()
