"""Passages have vectors beside them: worked out once, gone with their document, searched with the words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from servers import Fake, Talk, fake

from chat_app.cli import main
from chat_app.errors import BadQuestion, ModelError, SetupError
from chat_app.records import Passage
from chat_app.retrieval import corpus, embedders, fusion, search, vectors
from chat_app.retrieval.index import index
from chat_app.retrieval.search import Found, chosen
from chat_app.settings import Settings

PASSAGES = {
    "Nephrolithiasis": "Calculi in the renal pelvis are crushed by shock waves.",
    "Hypertension": "Elevated arterial pressure harms vessels over years.",
    "Femur": "The femur is the longest bone.",
    "Infarction": "Death of the myocardium follows coronary occlusion.",
}


def answers(talk: Talk, width: int = 4) -> None:
    """A vector that hangs on the letters of the text."""
    data = []
    for number, text in enumerate(talk.asked["input"]):
        vector = np.random.default_rng(list(text.encode())).normal(size=width)
        data.append({"object": "embedding", "index": number, "embedding": vector.tolist()})
    talk.refuse(200, {"object": "list", "data": data})


@pytest.fixture
def server() -> Iterator[Fake]:
    with fake(answers) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A document a passage."""
    made = tmp_path / "documents"
    made.mkdir()
    for title, text in PASSAGES.items():
        (made / f"{title}.jsonl").write_text(json.dumps({"title": title, "text": text}))
    return made


@pytest.fixture
def words(tmp_path: Path) -> Settings:
    return Settings(data=str(tmp_path / "kept"))


@pytest.fixture
def kept(words: Settings, server: Fake) -> Settings:
    return replace(words, embedder=f"openai:m@{server.url}")


@pytest.fixture
def meaning(words: Settings, folder: Path) -> Settings:
    """The same documents indexed with an embedder that knows what words mean."""
    settings = replace(words, embedder="wordllama")
    index(folder, "notes", settings)
    return settings


def asked(server: Fake) -> list[str]:
    """What went to the server since this was last called."""
    texts = [text for each in server.asked for text in each["input"]]
    server.asked.clear()
    return texts


def tables(settings: Settings) -> list[Path]:
    return list(settings.folder.rglob("*.npy"))


# Kept beside the documents


def test_only_what_is_new_is_embedded(folder: Path, kept: Settings, server: Fake) -> None:
    index(folder, "notes", kept)
    assert sorted(asked(server)) == sorted(f"{title}  {text}" for title, text in PASSAGES.items())
    index(folder, "notes", kept)
    search.opened(["notes"], kept)
    assert asked(server) == []
    (folder / "Femur.jsonl").write_text(json.dumps({"title": "Femur", "text": "A bone."}))
    (folder / "new.txt").write_text("The tibia is another.")
    index(folder, "notes", kept)
    assert sorted(asked(server)) == ["Femur  A bone.", "new.txt  The tibia is another."]


def test_a_corpus_without_vectors_gets_them_when_it_is_searched(
    folder: Path, words: Settings, kept: Settings, server: Fake
) -> None:
    index(folder, "notes", words)
    assert asked(server) == [] and tables(words) == []
    search.search("bone", ["notes"], kept)
    assert len(asked(server)) == len(PASSAGES) + 1
    search.search("bone", ["notes"], kept)
    assert asked(server) == ["bone"]


def test_vectors_go_with_their_document(folder: Path, kept: Settings) -> None:
    index(folder, "notes", kept)
    search.opened(["notes"], kept)
    parts = corpus.existing(kept, "notes").folder / corpus.VECTORS / corpus.key("Femur.jsonl")
    assert len(list(parts.iterdir())) == 1
    corpus.delete_document(kept, "notes", "Femur.jsonl")
    assert not parts.exists()
    assert len(tables(kept)) == len(PASSAGES) - 1, "nothing that was joined is left either"
    (folder / "Femur.jsonl").unlink()
    (folder / "Infarction.jsonl").unlink()
    index(folder, "notes", kept)
    assert len(tables(kept)) == len(PASSAGES) - 2
    corpus.delete(kept, "notes")
    assert tables(kept) == []


def test_a_run_that_was_killed_goes_on_where_it_was(
    tmp_path: Path, kept: Settings, server: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "PART", 2)
    rows = [json.dumps({"title": f"T{number}", "text": f"Row {number}."}) for number in range(7)]
    (tmp_path / "rows.jsonl").write_text("\n".join(rows))
    index(tmp_path / "rows.jsonl", "rows", kept)
    before = search.opened(["rows"], kept).near
    asked(server)
    embedder = embedders.chosen(kept)
    assert embedder is not None and before is not None
    key = corpus.key("rows.jsonl")
    corpus.existing(kept, "rows").vectors(key, vectors.identity(embedder), 2).unlink()
    corpus.forget_searches(kept)
    again = search.opened(["rows"], kept).near
    assert asked(server) == ["T4  Row 4.", "T5  Row 5."]
    assert again is not None and again.cosines("x") == pytest.approx(before.cosines("x"))


def test_documents_are_kept_when_the_embedder_is_away(folder: Path, words: Settings) -> None:
    with fake(lambda talk: talk.refuse(503, {})) as down, pytest.raises(ModelError):
        index(folder, "notes", replace(words, embedder=f"openai:m@{down.url}"))
    assert search.search("longest bone", ["notes"], words)


def test_each_embedder_has_vectors_of_its_own(folder: Path, kept: Settings, server: Fake) -> None:
    index(folder, "notes", kept)
    search.opened(["notes"], kept)
    asked(server)
    other = replace(kept, embedder=f"openai:other@{server.url}")
    search.opened(["notes"], other)
    assert len(asked(server)) == len(PASSAGES)


def test_vectors_of_another_length_than_before_are_said(folder: Path, kept: Settings, server: Fake) -> None:
    index(folder, "notes", kept)
    searcher = search.opened(["notes"], kept)
    assert searcher.near is not None
    searcher.near._embedder = embedders.chosen(Settings(embedder="wordllama"))  # type: ignore[assignment]
    with pytest.raises(SetupError, match="damaged"):
        searcher.search("bone")


def test_others_can_read_no_vector(folder: Path, kept: Settings) -> None:
    index(folder, "notes", kept)
    search.opened(["notes"], kept)
    assert {path.stat().st_mode & 0o077 for path in tables(kept)} == {0}


# Searched


def test_cosines_are_those_of_every_passage(meaning: Settings) -> None:
    searcher, embedder = search.opened(["notes"], meaning), embedders.chosen(meaning)
    assert searcher.near is not None and embedder is not None
    passages = [searcher.passage(row) for row in range(len(searcher))]
    rows = embedder.passages([f"{each.title} {each.section} {each.text}" for each in passages])
    assert searcher.near.cosines("a bone") == pytest.approx(rows @ embedder.query("a bone"), abs=1e-6)


def test_corpora_are_searched_together_in_one_order(meaning: Settings, tmp_path: Path) -> None:
    (tmp_path / "tibia.txt").write_text("The tibia carries weight.")
    index(tmp_path / "tibia.txt", "bones", meaning)
    searcher = search.opened(["notes", "bones"], meaning)
    assert searcher.near is not None
    best = int(np.argmax(searcher.near.cosines("tibia carries weight")))
    assert searcher.passage(best).source == "tibia.txt"


def test_what_is_said_in_other_words_is_found(meaning: Settings, words: Settings) -> None:
    question = "What is high blood pressure?"
    assert search.search(question, ["notes"], words) == ()
    (found, *_) = search.search(question, ["notes"], meaning)
    assert found.passage.title == "Hypertension" and found.cosine >= 0.45


@pytest.mark.parametrize("question", ["Which horse won the race yesterday?", "What is it about?", "?!"])
def test_no_basis_is_still_an_answer(question: str, meaning: Settings) -> None:
    assert search.search(question, ["notes"], meaning) == ()


def test_a_question_that_is_none_is_refused_before_the_embedder_is_asked(
    folder: Path, kept: Settings, server: Fake
) -> None:
    index(folder, "notes", kept)
    searcher = search.opened(["notes"], kept)
    asked(server)
    for question in ("", "word " * 1000):
        with pytest.raises(BadQuestion):
            searcher.search(question)
    assert asked(server) == []


def test_no_more_than_asked_for(meaning: Settings) -> None:
    searcher = search.opened(["notes"], meaning)
    assert [len(searcher.search("The femur is the longest bone", most)) for most in (0, 1)] == [0, 1]


def test_without_a_measured_floor_words_decide(folder: Path, kept: Settings) -> None:
    index(folder, "notes", kept)
    found = search.search("longest bone femur", ["notes"], kept, most=4)
    assert [each.passage.title for each in found] == ["Femur"]
    assert search.search("crushed stones of a far country", ["notes"], kept) == ()


def test_the_command_line_takes_an_embedder(
    folder: Path, words: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIGHTBOX_DATA", words.data)
    assert main(["index", str(folder), "--name", "notes", "--embedder", "wordllama"]) == 0
    question = "What is high blood pressure?"
    assert main(["search", question, "--embedder", "wordllama"]) == 0
    assert "Hypertension" in capsys.readouterr().out
    assert main(["search", question]) == 1


# Fused


def test_ranks_are_fused_by_their_reciprocals() -> None:
    one, other = [(7, 30.0), (3, 20.0), (5, 10.0)], [(3, 0.9), (9, 0.8)]
    expected = {3: 1 / 62 + 1 / 61, 7: 1 / 61, 9: 1 / 62, 5: 1 / 63}
    assert fusion.fused([one, other]) == [(row, pytest.approx(score)) for row, score in expected.items()]
    assert fusion.fused([[(2, 1.0)], [(1, 1.0)]]) == [(1, 1 / 61), (2, 1 / 61)]
    assert fusion.fused([[], []]) == []


@pytest.mark.parametrize("most", [0, 1, 3, 9])
def test_the_first_are_those_of_the_highest_scores(most: int) -> None:
    scores = np.array([0.1, 0.5, -0.2, 0.5, 0.0, 0.3])
    assert fusion.first(scores, most) == [(1, 0.5), (3, 0.5), (5, 0.3), (0, 0.1)][:most]


def test_a_floor_can_be_of_the_cosine() -> None:
    def one(cosine: float) -> Found:
        return Found(Passage("0", "text", "title"), 1.0, 0.0, cosine)

    rows: list[Any] = [one(0.5), one(0.4)]
    assert chosen(rows, 0.45, 1.0, attrgetter("cosine")) == (one(0.5),)
