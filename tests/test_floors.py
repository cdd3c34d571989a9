"""The house keeps its floors: who may import whom, how long a file may be, who may read the environment."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "chat_app"
FILES = sorted(PACKAGE.rglob("*.py"))

FLOORS = {
    "": 0,
    "errors": 0,
    "records": 0,
    "hosts": 1,
    "settings": 1,
    "private": 1,
    "prompts": 1,
    "templates": 1,
    "imaging": 2,
    "memory": 2,
    "grounding": 2,
    "reports": 2,
    "address": 2,
    "client": 2,
    "subject": 3,
    "models": 3,
    "data": 3,
    "dicomweb": 3,
    "retrieval": 3,
    "exporters": 3,
    "store": 3,
    "audit": 3,
    "assistant": 4,
    "training": 4,
    "evaluation": 4,
    "ui": 5,
    "cli": 5,
    "doctor": 5,
    "__main__": 6,
}

HEAVY = {"torch", "transformers", "peft", "bitsandbytes", "accelerate"}
HEAVY_ROOMS = (
    *("models/local/", "models/fit.py", "models/nano/", "training/", "evaluation/"),
    "retrieval/embedders/checkpoint.py",
)

# The ways between rooms of one floor: the command line starts the page and prints what the doctor found;
# a report is made of statements; an adapter's figures have evaluation's intervals; report templates are found
# among the prompts; past cases are read from labelled pictures too.
NEIGHBOURS = {
    ("cli", "ui"),
    ("cli", "doctor"),
    ("reports", "grounding"),
    ("training", "evaluation"),
    ("prompts", "templates"),
    ("retrieval", "data"),
}


def place(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def room(path: Path) -> str:
    """The folder right under chat_app, or the file there, without its ending."""
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def imports(path: Path) -> Iterator[str]:
    """The dotted name of everything imported, anywhere in the file, `from a import b` as "a.b"."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{place(path)} uses a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms_used(path: Path) -> set[str]:
    ours = (name.split(".") for name in imports(path) if name.split(".")[0] == "chat_app")
    return {parts[1] if len(parts) > 1 and parts[1] in FLOORS else "" for parts in ours}


def may_use(here: str, used: str) -> bool:
    return FLOORS[used] < FLOORS[here] or FLOORS[used] == 0 or (here, used) in NEIGHBOURS


def uses(path: Path, packages: set[str]) -> set[str]:
    return {name.split(".")[0] for name in imports(path)} & packages


def run_fresh(code: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, check=True
    )
    return result.stdout


def test_every_room_has_a_floor() -> None:
    assert {room(path) for path in FILES} <= set(FLOORS)


@pytest.mark.parametrize("path", FILES, ids=place)
def test_a_file_imports_lower_floors_and_its_own_folder(path: Path) -> None:
    here = room(path)
    wrong = {used for used in rooms_used(path) - {here} if not may_use(here, used)}
    assert not wrong, f"{place(path)} is on floor {FLOORS[here]} and imports {sorted(wrong)}"


@pytest.mark.parametrize("path", FILES, ids=place)
def test_heavy_packages_stay_in_their_rooms(path: Path) -> None:
    if not place(path).startswith(HEAVY_ROOMS):
        assert not uses(path, HEAVY)


@pytest.mark.parametrize("path", FILES, ids=place)
def test_gradio_stays_in_the_page(path: Path) -> None:
    if room(path) != "ui":
        assert not uses(path, {"gradio", "gradio_client"})


@pytest.mark.parametrize("path", FILES, ids=place)
def test_a_file_is_at_most_400_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", FILES, ids=place)
def test_a_file_says_its_job(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), f"{place(path)} has no docstring"
    if "import " in text:
        assert "from __future__ import annotations" in text


@pytest.mark.parametrize("path", FILES, ids=place)
def test_only_settings_read_the_environment(path: Path) -> None:
    # Two libraries can be told only there: LangSmith to trace nothing, gradio its folder and to tell no one.
    names = {node.attr for node in nodes(path) if is_environment(node)}
    if place(path) not in {"settings.py", "models/__init__.py", "ui/__init__.py", "ui/page.py"}:
        assert not names


def is_environment(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "putenv", "environb"}


@pytest.mark.parametrize("path", FILES, ids=place)
def test_only_the_command_line_prints(path: Path) -> None:
    if room(path) != "cli":
        called = [node.func for node in nodes(path) if isinstance(node, ast.Call)]
        assert not [name.lineno for name in called if isinstance(name, ast.Name) and name.id == "print"]


@pytest.mark.parametrize("path", FILES, ids=place)
def test_no_fault_is_swallowed_whole(path: Path) -> None:
    # The page's last resort is the one place that meets faults of ours: it says a sentence and logs the rest.
    if place(path) == "ui/faults.py":
        return
    for node in nodes(path):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"line {node.lineno} catches everything"
            names = {name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)}
            assert not names & {"Exception", "BaseException"}, f"line {node.lineno} catches everything"


def test_the_assistant_loads_no_torch_and_no_gradio() -> None:
    heavy = {"torch", "transformers", "gradio"}
    loaded = run_fresh("import sys, chat_app.assistant; print(*sys.modules)").split()
    assert not heavy & set(loaded)


def test_a_floor_broken_is_seen(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("def f():\n    from chat_app.ui import page\n    import torch.nn as nn\n")
    assert rooms_used(bad) == {"ui"}
    assert uses(bad, HEAVY) == {"torch"}
