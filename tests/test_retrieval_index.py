"""A corpus holds what its folder holds, whatever happens on the way; nothing of a removed document stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from hashed import HashedWords
from langchain_core.vectorstores import InMemoryVectorStore

from chat_app import audit
from chat_app.cli import main
from chat_app.errors import InputError
from chat_app.retrieval import CORPORA, FOLDER, corpora, corpus, search, stores
from chat_app.retrieval.index import Indexed, index
from chat_app.retrieval.limits import Limits
from chat_app.settings import Settings

ROOT = Path(__file__).parent.parent
INDEXES = """
import sys
from pathlib import Path
from chat_app.retrieval.index import index
from chat_app.settings import Settings
print("ready", flush=True)
index(Path(sys.argv[1]), "notes", Settings(data=sys.argv[2]))
"""


@pytest.fixture
def kept(tmp_path: Path) -> Settings:
    return Settings(data=str(tmp_path / "kept"))


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    """Three documents, each about something of its own."""
    folder = tmp_path / "documents"
    (folder / "chest").mkdir(parents=True)
    (folder / "chest" / "nodules.md").write_text("# Nodules\n\nA solid nodule of zirconium is followed.\n")
    (folder / "thyroid.txt").write_text("The isthmus lies before the trachea.\n")
    (folder / "liver.html").write_text("<h1>Liver</h1><p>Segment four lies left of the gallbladder.</p>")
    return folder


def bytes_of(settings: Settings) -> bytes:
    return b"".join(path.read_bytes() for path in settings.folder.rglob("*") if path.is_file())


def counts(done: Indexed) -> tuple[int, int, int, int]:
    return done.added, done.unchanged, done.removed, len(done.refused)


def test_an_unchanged_document_is_not_read_again(documents: Path, kept: Settings) -> None:
    assert counts(index(documents, "notes", kept)) == (3, 0, 0, 0)
    before = {path: path.stat().st_mtime_ns for path in kept.folder.rglob("*.jsonl")}
    assert counts(index(documents, "notes", kept)) == (0, 3, 0, 0)
    assert {path: path.stat().st_mtime_ns for path in kept.folder.rglob("*.jsonl")} == before


def test_a_changed_document_is_replaced(documents: Path, kept: Settings) -> None:
    index(documents, "notes", kept)
    assert search.search("zirconium nodule", ["notes"], kept)
    (documents / "chest" / "nodules.md").write_text("# Nodules\n\nA nodule of hafnium is left alone.\n")
    assert counts(index(documents, "notes", kept)) == (1, 2, 0, 0)
    (found,) = search.search("hafnium nodule", ["notes"], kept)
    assert found.passage.source == "chest/nodules.md"
    assert b"zirconium" not in bytes_of(kept)


def test_a_removed_document_leaves_no_byte(documents: Path, kept: Settings) -> None:
    index(documents, "notes", kept)
    search.opened(["notes"], kept)
    assert b"zirconium" in bytes_of(kept)
    (documents / "chest" / "nodules.md").unlink()
    assert index(documents, "notes", kept).removed == 1
    assert b"zirconium" not in bytes_of(kept)


def test_a_deleted_document_leaves_no_byte(documents: Path, kept: Settings) -> None:
    index(documents, "notes", kept)
    search.opened(["notes"], kept)
    corpus.delete_document(kept, "notes", "chest/nodules.md")
    assert b"zirconium" not in bytes_of(kept)
    assert b"isthmus" in bytes_of(kept)
    with pytest.raises(InputError, match="No document"):
        corpus.delete_document(kept, "notes", "chest/nodules.md")


def test_a_deleted_corpus_leaves_no_byte_and_the_others_stay(documents: Path, kept: Settings) -> None:
    index(documents, "notes", kept)
    index(documents / "thyroid.txt", "thyroid", kept)
    search.opened(["notes", "thyroid"], kept)
    corpus.delete(kept, "notes")
    assert corpora(kept) == ("thyroid",)
    assert b"zirconium" not in bytes_of(kept)
    assert search.search("where is the isthmus", ["thyroid"], kept)


def test_a_document_that_can_no_longer_be_read_is_gone(documents: Path, kept: Settings) -> None:
    index(documents, "notes", kept)
    (documents / "thyroid.txt").write_bytes(b"")
    done = index(documents, "notes", kept)
    assert (done.documents, len(done.refused)) == (2, 1)
    assert b"isthmus" not in bytes_of(kept)


def test_only_the_owner_can_read_what_is_kept(documents: Path, kept: Settings) -> None:
    index(documents, "notes", kept)
    search.opened(["notes"], kept)
    shared = [path for path in kept.folder.rglob("*") if path.is_dir() and path.stat().st_mode & 0o077]
    assert not shared
    assert not [path for path in kept.folder.rglob("*.jsonl") if path.stat().st_mode & 0o077]


def test_no_path_and_no_document_s_name_is_in_a_listing(documents: Path, kept: Settings) -> None:
    index(documents, "notes", kept)
    assert str(documents).encode() not in bytes_of(kept)
    assert not [path for path in kept.folder.rglob("*") if "nodules" in path.name]


def test_links_and_hidden_files_are_left_alone(documents: Path, kept: Settings, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("Ytterbium.")
    (documents / "link.txt").symlink_to(tmp_path / "secret.txt")
    (documents / ".hidden.txt").write_text("Erbium.")
    assert index(documents, "notes", kept).documents == 3


def test_a_folder_without_documents_changes_nothing(documents: Path, kept: Settings, tmp_path: Path) -> None:
    index(documents, "notes", kept)
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "nowhere"):
        with pytest.raises(InputError):
            index(folder, "notes", kept)
    assert index(documents, "notes", kept).unchanged == 3


@pytest.mark.parametrize("name", ["", "Notes", "../notes", "a b", "a" * 41])
def test_a_name_that_is_none_is_refused(name: str, documents: Path, kept: Settings) -> None:
    with pytest.raises(InputError, match="name of a corpus"):
        index(documents, name, kept)


def test_limits_are_said_and_the_rest_goes_on(documents: Path, kept: Settings) -> None:
    (documents / "long.txt").write_text("A word. " * 400)
    done = index(documents, "notes", kept, Limits(passages=3))
    assert done.documents == 3
    assert "more than 3 passages" in done.refused[0] or "more than 3 passages" in done.refused[-1]
    done = index(documents, "notes", kept, Limits(file_bytes=1000))
    assert [each for each in done.refused if "larger than 0.001 MB" in each]


def test_two_runs_at_once_are_refused(documents: Path, kept: Settings) -> None:
    index(documents, "notes", kept)
    with corpus.changing(kept), pytest.raises(InputError, match="at this moment"):
        index(documents, "notes", kept)


def many(folder: Path, number: int) -> None:
    folder.mkdir()
    for each in range(number):
        (folder / f"{each}.txt").write_text(f"Document number{each} says this. " * 300)


def killed(folder: Path, settings: Settings, documents: int) -> None:
    """Runs an indexing until so many documents are kept, then kills it."""
    command = [sys.executable, "-c", INDEXES, str(folder), settings.data]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout
        assert process.stdout.readline().strip() == "ready"
        place = settings.folder / FOLDER / CORPORA / "notes"
        while process.poll() is None and len(list(place.glob("*.jsonl"))) < documents:
            time.sleep(0.001)
        assert process.poll() is None, "it was over before it could be killed"
        process.kill()


def test_a_killed_run_leaves_an_index_that_opens_and_the_next_completes_it(
    tmp_path: Path, kept: Settings
) -> None:
    many(tmp_path / "many", 80)
    killed(tmp_path / "many", kept, 20)
    half = corpus.existing(kept, "notes").heads()
    assert 20 <= len(half) < 80
    assert search.search("number0", ["notes"], kept) and len(search.opened(["notes"], kept)) > 0
    done = index(tmp_path / "many", "notes", kept)
    assert (done.documents, done.unchanged) == (80, len(half))
    whole = Settings(data=str(tmp_path / "whole"))
    index(tmp_path / "many", "notes", whole)
    lines = [list(corpus.existing(each, "notes").lines()) for each in (kept, whole)]
    assert lines[0] == lines[1]
    assert not list((kept.folder / FOLDER / CORPORA / "notes").glob(".*"))


@pytest.mark.slow
def test_an_index_outlives_kills_at_any_moment(tmp_path: Path, kept: Settings) -> None:
    many(tmp_path / "many", 80)
    for documents in (1, 7, 30, 61):
        killed(tmp_path / "many", kept, documents)
        assert len(search.opened(["notes"], kept)) > 0
    assert index(tmp_path / "many", "notes", kept).documents == 80


def test_a_document_deleted_while_a_search_is_worked_out_does_not_stay(
    documents: Path, kept: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    index(documents, "notes", kept)
    write = search.write

    def slow(folder: Path, lines: Iterable[bytes]) -> None:
        held = list(lines)
        corpus.delete_document(kept, "notes", "chest/nodules.md")
        folder.mkdir(parents=True, exist_ok=True)
        write(folder, held)

    monkeypatch.setattr(search, "write", slow)
    with pytest.raises(InputError, match="at this moment"):
        search.opened(["notes"], kept)
    assert b"zirconium" not in bytes_of(kept)


def test_half_a_file_of_a_killed_run_is_swept(documents: Path, kept: Settings) -> None:
    index(documents, "notes", kept)
    left = corpus.existing(kept, "notes").folder / ".half.jsonl.x1y2"
    left.write_bytes(b'{"sha256": "')
    assert len(search.opened(["notes"], kept)) == 3
    index(documents, "notes", kept)
    assert not left.exists()


def test_the_command_line_indexes_lists_searches_and_deletes(
    documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIGHTBOX_DATA", str(tmp_path / "kept"))
    (documents / "broken.pdf").write_bytes(b"%PDF-1.7 and no more")
    assert main(["index", str(documents), "--name", "notes"]) == 0
    said = capsys.readouterr()
    assert "3 documents, 3 passages: 3 read, 0 unchanged, 0 removed, 1 refused." in said.out
    assert "broken.pdf: This PDF is damaged" in said.err and "indexing" not in said.err
    assert main(["index"]) == 0
    assert "3 documents, 3 passages" in capsys.readouterr().out
    assert main(["search", "Where does segment four lie?", "--corpus", "notes"]) == 0
    assert capsys.readouterr().out.startswith("[1] liver.html, Liver")
    assert main(["search", "Who won the cup?", "--corpus", "notes"]) == 1
    assert capsys.readouterr().out == "No basis found.\n"
    assert main(["index", "--name", "notes", "--delete-document", "thyroid.txt"]) == 0
    assert main(["index", "--name", "notes", "--delete"]) == 0
    assert main(["search", "liver", "--corpus", "notes"]) == 2


def test_what_is_indexed_and_deleted_is_recorded_without_a_document_s_name(
    documents: Path, kept: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIGHTBOX_DATA", kept.data)
    main(["index", str(documents), "--name", "notes"])
    main(["index", "--name", "notes", "--delete-document", "thyroid.txt"])
    main(["index", "--name", "notes", "--delete"])
    lines = (kept.folder / "audit.jsonl").read_text().splitlines()
    said = [json.loads(line) for line in lines]
    told = [(each["action"], each["corpus"], each["documents"], each["passages"]) for each in said]
    assert told == [("indexed", "notes", 3, 3), ("deleted", "notes", 1, 1), ("deleted", "notes", 2, 2)]
    assert not [word for word in ("thyroid", "nodules", "liver") if word in "".join(lines)]
    assert audit.open(kept).verify().sound


def test_who_may_not_record_may_not_change_documents(
    documents: Path, kept: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIGHTBOX_DATA", kept.data)
    main(["index", str(documents), "--name", "notes"])
    (kept.folder / "audit.key").unlink()
    (documents / "liver.html").unlink()
    for words in ([str(documents)], ["--delete"], ["--delete-document", "thyroid.txt"]):
        assert main(["index", "--name", "notes", *words]) == 3
    assert len(corpus.existing(kept, "notes").heads()) == 3


def test_a_store_that_still_holds_what_was_deleted_is_named(
    documents: Path, kept: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIGHTBOX_DATA", kept.data)
    index(documents, "notes", kept)
    store = InMemoryVectorStore(HashedWords())
    stores.put(store, "vectors", ["notes"], kept)
    assert main(["index", "--name", "notes", "--delete"]) == 0
    assert capsys.readouterr().out.endswith("until passages are put there again: vectors.\n")


def test_nothing_of_it_is_loaded_by_the_assistant() -> None:
    code = "import sys, chat_app.assistant, chat_app.cli.arguments; print(*sys.modules)"
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environ
    )
    loaded = set(done.stdout.split())
    assert not {"bm25s", "pypdf", "lxml.etree", "markdown_it", "chat_app.retrieval"} & loaded
