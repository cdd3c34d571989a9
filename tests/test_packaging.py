"""What is promised outside the code: requirements, README's commands, tables and tree, the wheel."""

from __future__ import annotations

import ast
import dataclasses
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import chat_app
from chat_app.cli import arguments
from chat_app.settings import PREFIX, Settings

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "chat_app"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
README = (ROOT / "README.md").read_text(encoding="utf-8")

# Copyleft, and not needed: pyjpegls, openjpeg and GDCM decode what it decodes.
REFUSED = {"pylibjpeg-libjpeg"}

# Modules whose name on PyPI is another one.
NAMES = {
    "PIL": "pillow",
    "dicomanonymizer": "dicom-anonymizer",
    "docx": "python-docx",
    "fhir": "fhir.resources",
    "markdown_it": "markdown-it-py",
}

SETTINGS = {
    "model": "which model answers; `lightbox models` lists them; `openai:NAME@URL` is one on a server",
    "weights": "folder with the model's files; by default the Hugging Face hub's, or its cache",
    "dtype": "how the weights are held: bf16, fp16, fp32, int8, nf4; by default what fits here best",
    "context": "most tokens of a conversation; 0 is as many as the model's card says",
    "adapter": "LoRA adapter to answer with; none by default",
    "adapters": "folder of adapters; by default the one beside Lightbox",
    "corpora": "documents that answers are given passages of, names with commas between; none by default",
    "api_key": "what the model's server asks for; taken from the environment only",
    "cache_mb": "most megabytes kept of conversations that were read before",
    "seed": "of what is random while answering",
    "temperature": "0 is greedy: the same question gives the same answer",
    "max_new_tokens": "longest answer, in tokens",
    "host": "address the page listens on; the default is this machine only",
    "port": "port the page listens on",
    "upload_mb": "largest file taken, in megabytes",
    "question_characters": "longest question taken, in characters",
    "dicomweb": "address of a DICOMweb server to pull studies from; none by default",
    "dicomweb_user": "who asks that server",
    "dicomweb_password": "and with what password",
    "data": "folder of store and record of who did what; by default the user's own for such things",
    "store": "where cases are kept: empty for a file there, `none` for nowhere, else a database's URL",
    "store_mb": "most megabytes kept of one case's pictures",
    "audit_key": "file with the key of the record of who did what; by default beside it",
    "user": "what whoever works here is called in both; a pseudonym",
    "embedder": "what searches documents by meaning too: docs/retrieval.md lists them; none by default",
    "embedder_key": "what the embedder's server asks for; taken from the environment only",
}


def between(mark: str) -> str:
    """The part of README between two marks, without the fence of a code block."""
    part = re.search(rf"<!-- {mark} -->\n(.*?)<!-- /{mark} -->", README, re.DOTALL)
    assert part, f"README has no part {mark}"
    return part[1].removeprefix("```\n").removesuffix("```\n")


def front_matter() -> dict[str, str]:
    _, head, _ = README.split("---\n", 2)
    return {
        key: value.strip().strip('"') for key, _, value in (line.partition(":") for line in head.splitlines())
    }


def dependencies() -> dict[str, Requirement]:
    found = [Requirement(line) for line in PROJECT["project"]["dependencies"]]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


def extras() -> dict[str, Requirement]:
    """What the extras for users bring, beside the dependencies of all."""
    every = PROJECT["project"]["optional-dependencies"]
    lines = [line for name in every if name != "test" for line in every[name]]
    return {canonicalize_name(each.name): each for each in map(Requirement, lines)}


# Requirements


def test_the_space_installs_what_the_project_does() -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert (
        lines == PROJECT["project"]["dependencies"] == sorted(lines, key=lambda line: Requirement(line).name)
    )


@pytest.mark.parametrize("name", dependencies() | extras())
def test_a_dependency_is_bounded_above_and_what_is_installed_lies_within(name: str) -> None:
    requirement = (dependencies() | extras())[name]
    assert any(specifier.operator in {"<", "<="} for specifier in requirement.specifier)
    assert requirement.specifier.contains(metadata.version(name))


def test_no_copyleft_decoder_comes_in() -> None:
    assert not REFUSED & set(dependencies())


def test_everything_imported_is_a_dependency() -> None:
    used = {name for path in PACKAGE.rglob("*.py") for name in imported(path)}
    foreign = used - sys.stdlib_module_names - {"chat_app"}
    assert {canonicalize_name(NAMES.get(name, name)) for name in foreign} <= set(dependencies() | extras())


def imported(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return {
        name.split(".")[0]
        for name in plain | {n.module or "" for n in nodes if isinstance(n, ast.ImportFrom)}
    }


# README


def test_the_space_s_front_matter_fits_the_project() -> None:
    head = front_matter()
    assert (head["sdk"], head["app_file"]) == ("gradio", "app.py")
    assert dependencies()["gradio"].specifier.contains(head["sdk_version"])
    assert head["license"] == PROJECT["project"]["license"].lower()
    assert len(head["short_description"]) <= 60


def test_the_start_is_one_command() -> None:
    assert between("start").count("\n") == 1
    assert "pip install" in between("start")
    assert between("start").endswith("lightbox serve\n")


def test_the_tests_are_one_command_and_ci_runs_it() -> None:
    assert between("tests").count("\n") == 1
    assert {"pytest", "ruff", "mypy"} <= set(between("tests").split())
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "<!-- tests -->" in script
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_the_help_is_the_command_s_own() -> None:
    assert between("help") == arguments.parser().format_help()


def test_the_settings_table_is_complete() -> None:
    assert set(SETTINGS) == {field.name for field in dataclasses.fields(Settings)}
    lines = ["| setting | environment | default | what it is |", "|---|---|---|---|"]
    for field in dataclasses.fields(Settings):
        lines.append(
            f"| {field.name} | `{PREFIX}{field.name.upper()}` | {field.default} | {SETTINGS[field.name]} |"
        )
    assert between("settings") == "\n".join(lines) + "\n"


def test_the_tree_names_every_file_and_each_with_a_comment() -> None:
    drawn = tree(between("tree"))
    assert all(drawn.values()), [path for path, comment in drawn.items() if not comment]
    whole = {path for path in drawn if path.endswith("/")}
    listed = {path for path in drawn if path.startswith("chat_app/") and path not in whole}
    there = {path.relative_to(ROOT).as_posix() for path in PACKAGE.rglob("*") if is_shown(path)}
    assert listed == {path for path in there if not path.startswith(tuple(folders_told_whole(drawn)))}


def tree(text: str) -> dict[str, str]:
    """The comment of each path; two spaces a level, a folder ends in a slash."""
    parents: list[str] = []
    drawn = {}
    for line in text.splitlines():
        name, _, comment = line.strip().partition(" ")
        depth = (len(line) - len(line.lstrip())) // 2
        parents = [*parents[:depth], name]
        drawn["".join(parents)] = comment.strip()
    return drawn


def folders_told_whole(drawn: dict[str, str]) -> list[str]:
    """Folders whose files one comment speaks for."""
    return [
        path for path in drawn if path.endswith("/") and sum(other.startswith(path) for other in drawn) == 1
    ]


def is_shown(path: Path) -> bool:
    hidden = path.name in {"__init__.py", "py.typed"} or "__pycache__" in path.parts
    return path.is_file() and not hidden


def test_every_file_readme_points_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]


def test_no_machine_is_named() -> None:
    for name in ("README.md", "pyproject.toml", "requirements.txt", ".ci/run", "docs/intended-use.md"):
        assert not re.search(r"/(?:home|root|work|tmp|Users)/", (ROOT / name).read_text(encoding="utf-8")), (
            name
        )


def test_the_version_is_written_once_and_logged() -> None:
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert f"## [{chat_app.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


# The wheel


def test_the_wheel_holds_all_that_is_needed_to_run(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    held = set(zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist())
    beside = {
        f"chat_app/_{folder}/{path.relative_to(ROOT / folder).as_posix()}"
        for folder in ("prompts", "adapters")
        for path in files(ROOT / folder)
    }
    package = {p.relative_to(ROOT).as_posix() for p in files(PACKAGE)}
    assert beside | package <= held
    assert not [name for name in held if name.startswith(("tests/", "docs/"))]


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def test_the_weights_in_the_package_stay_small() -> None:
    weights = [path.stat().st_size for path in PACKAGE.rglob("*.safetensors")]
    assert weights
    assert sum(weights) <= 10_000_000
