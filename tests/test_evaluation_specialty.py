"""The suite that scores what an adapter of nano adds: what it asks, and how it reads the replies."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat_app.data.records import Record
from chat_app.evaluation.suites import specialty
from chat_app.evaluation.task import Reply, Row, Task
from chat_app.models.nano.specialty import FILE, Specialty, read

LESION: Specialty = read(Path(__file__).parent.parent / "adapters" / "breast-ultrasound" / FILE)
TASKS = {task.NAME: task for task in specialty.tasks(LESION)}
AT = (0.1, 0.1, 0.3, 0.3)


def breast(*labels: str, boxes: int = 0) -> Record:
    marked = tuple(("malignant lesion", AT) for _ in range(boxes))
    return Record("1", "us", Path("1.png"), "test", "Ultrasound", "breast", labels, marked)


def rows(task: Task, *records: Record) -> list[str | tuple[float, ...]]:
    return [row.truth for row in task.rows(records)]


def test_it_asks_for_the_kind_the_class_and_each_thing() -> None:
    assert list(TASKS) == ["kind", "class", "lesion_box"]
    assert rows(TASKS["kind"], breast("benign")) == ["breast ultrasound"]
    assert rows(TASKS["class"], breast("benign"), breast("benign", "malignant")) == ["benign"]
    assert rows(TASKS["lesion_box"], breast(boxes=1), breast(boxes=2), breast()) == [AT]


def test_pictures_of_other_sets_are_not_asked_about() -> None:
    film = Record("2", "cxr", Path("2.png"), "test", "X-ray", "chest", ("Pneumonia",), (("Left Lung", AT),))
    assert not any(task.rows([film]) for task in TASKS.values())


@pytest.mark.parametrize(
    ("name", "text", "claim"),
    [
        ("kind", "This is a breast ultrasound.", "breast ultrasound"),
        ("kind", "I cannot tell what this is.", None),
        ("kind", "This is a brain MR.", None),
        ("class", "Most likely malignant.", "malignant"),
        ("class", "Perhaps benign, but I am not sure.", "benign"),
        ("class", "Benign or malignant.", None),
        ("class", "I cannot tell.", None),
    ],
)
def test_a_reply_is_read(name: str, text: str, claim: str | None) -> None:
    assert TASKS[name].parse(Reply(text), Row(breast(), "?", "")) == claim


def test_the_first_box_counts() -> None:
    reply = Reply("", (("lesion", AT), ("lesion", (0.5, 0.5, 0.6, 0.6))))
    assert TASKS["lesion_box"].parse(reply, Row(breast(), "?", AT)) == AT
