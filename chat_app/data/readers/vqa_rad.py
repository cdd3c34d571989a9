"""VQA-RAD as its authors publish it: one JSON list of questions, and the folder of the images they name.

Fields as in "VQA_RAD Dataset Public.json" of osf.io/89kps (Lau et al., Scientific Data 2018), as public code
lists them: qid, phrase_type, qid_linked_id, image_case_url, image_name, image_organ, evaluation, question,
question_rephrase, question_relation, question_frame, question_type, answer, answer_type. The published test
questions are those whose phrase_type begins with "test"; they are about pictures of the training ones, so for
honest numbers split by group, which is the case.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from chat_app.data import files
from chat_app.data.records import Record, answer_type, under

NAME = "vqa_rad"
NEEDS = "qid, image_name, question, answer and phrase_type"
FOLDERS = ("VQA_RAD Image Folder", "images")
ORGANS = {"HEAD": "head", "CHEST": "chest", "ABD": "abdomen"}
KEPT = ("image_organ", "question_type", "phrase_type", "evaluation", "qid_linked_id")


def looks_like(folder: Path) -> bool:
    """Whether it holds a JSON list whose entries name an image and a type of phrase."""
    return _listing(folder) is not None


def read(folder: Path) -> Iterator[Record]:
    """Raises InputError for an entry that lacks a field."""
    for number, row in enumerate(files.entries(_listing(folder) or folder), 1):
        with files.row(folder.name, number, NEEDS):
            record = _record(folder, row)
        yield record


def _listing(folder: Path) -> Path | None:
    return next((path for path in files.top(folder, ".json") if _is_ours(files.peek(path))), None)


def _is_ours(beginning: str) -> bool:
    return '"image_name"' in beginning and '"phrase_type"' in beginning


def _record(folder: Path, row: files.Row) -> Record:
    name, answer = str(row["image_name"]), str(row["answer"]).strip()
    return Record(
        id=str(row["qid"]),
        set=folder.name,
        path=files.first_there(*(under(folder / images, name) for images in FOLDERS), under(folder, name)),
        split="test" if str(row["phrase_type"]).strip().startswith("test") else "train",
        body_part=ORGANS.get(str(row.get("image_organ", "")).strip(), ""),
        question=str(row["question"]).strip(),
        answer=answer,
        answer_type=answer_type(str(row.get("answer_type", "")), answer),
        group=str(row.get("image_case_url") or name),
        said={key: row[key] for key in KEPT if row.get(key)},
    )
