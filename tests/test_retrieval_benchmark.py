"""The benchmark's own code, on so few rows that nothing it measures means anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import fusion, retrieval, scale
from chat_app.retrieval import search
from chat_app.retrieval.cut import LEAST, MOST
from chat_app.retrieval.embedders.wordllama import Words

SUBJECTS = ("asthma", "gout", "measles", "scabies", "rickets", "mumps", "tetanus", "rabies")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = [
        {
            "id": str(number),
            "focus": subject,
            "question": f"What is {subject} ?" if number else "",
            "answer": f"This is about {subject} and nothing else.",
        }
        for number, subject in enumerate(SUBJECTS)
    ]
    (tmp_path / retrieval.QUESTIONS).write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / retrieval.BOOK).write_text(json.dumps({"title": "Bones", "text": "There are 206 bones."}))
    return tmp_path


def test_every_question_that_names_its_subject_is_answered(data: Path) -> None:
    found = retrieval.measured(data, 0)
    rows = [json.loads(line) for line in (data / retrieval.QUESTIONS).read_text().splitlines()]
    asked = list(retrieval.questions(rows))
    assert len(asked) == len(SUBJECTS) - 1, "a row without a question is a distractor"
    assert found["questions"] == sum(each.half == "held out" for each in asked)
    assert found["figures"]["recall@1"] == [1.0, 1.0, 1.0]
    assert found["figures"]["no basis once its disease is left out"] == [1.0, 1.0, 1.0]
    assert found["passages"] == len(SUBJECTS) + 1


def test_the_halves_hang_on_the_id_alone() -> None:
    halves = [retrieval.half(f"{number}-1") for number in range(1000)]
    assert halves == [retrieval.half(f"{number}-1") for number in range(1000)]
    assert 400 < halves.count("held out") < 600


def test_the_figures_kept_are_of_this_benchmark() -> None:
    kept = json.loads(retrieval.RESULT.read_text())
    assert kept["name"] == "retrieval" and kept["questions"] > 7000
    for mean, low, high in kept["figures"].values():
        assert low <= mean <= high


def test_drawn_passages_are_the_same_each_time_and_of_a_passage_s_length(data: Path) -> None:
    known, titles, _ = scale.sentences(data)
    rows = list(scale.drawn(known, titles, 20))
    assert rows == list(scale.drawn(known, titles, 20))
    assert all(LEAST <= len(row["text"].split()) <= MOST for row in rows)


@pytest.mark.slow
@pytest.mark.parametrize("is_cut", [True, False])
def test_what_many_passages_cost_is_measured(
    data: Path, is_cut: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scale, "TIMED", len(SUBJECTS) - 1)
    found = scale.measured(data, 30, is_cut=is_cut)
    assert ("reading and cutting" in found) == is_cut
    assert found["searching"]["passages"] == 30
    assert found["words"]["disk MB"] > 0 and found["rank_bm25"]["peak MB"] > 0


def test_words_vectors_and_both_are_asked_the_same(data: Path, tmp_path: Path) -> None:
    found = fusion.measured(data, "wordllama", 3, tmp_path)
    assert found["questions"] == 3 and found["passages"] == len(SUBJECTS) + 1
    assert set(found["figures"]) == set(found["query ms"]) == {"BM25", "vectors", "fused"}
    for figures in found["figures"].values():
        assert figures["recall@1"] == [1.0, 1.0, 1.0]
    floors = [row["some basis found"] for row in list(found["development"]["floor"].values())[1:]]
    assert floors == sorted(floors, reverse=True)


def test_the_constants_are_those_that_the_figures_kept_call_for() -> None:
    kept = json.loads(fusion.RESULT.read_text())
    assert kept["name"] == "fusion" and kept["questions"] >= 1500
    floors = {
        float(name.removeprefix("cosine, ")): row
        for name, row in list(kept["development"]["floor"].items())[1:]
    }
    assert Words.floor == max(floor for floor, row in floors.items() if row["some basis found"] >= 0.99)
    gaps = {
        float(gap): row["own answer among those given"] for gap, row in kept["development"]["gap"].items()
    }
    assert min(gap for gap, answered in gaps.items() if gaps[1.0] - answered < 0.01) == search.FUSED_GAP
