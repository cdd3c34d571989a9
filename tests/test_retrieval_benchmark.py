"""The benchmark's own code, on so few rows that nothing it measures means anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import retrieval

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
