"""What people ask becomes the question nano was taught, or nothing."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from chat_app.models.nano.questions import understand
from chat_app.models.nano.wording import KINDS, intents

CHEST, BRAIN, BREAST, BLOOD = KINDS


@pytest.mark.parametrize(
    ("question", "kind", "intent"),
    [
        ("What am I looking at?", "", "kind"),
        ("Is this an MRI?", CHEST, "is_kind"),
        ("AP or PA?", CHEST, "view"),
        ("Was a posteroanterior projection used?", CHEST, "view"),
        ("Does this look healthy?", CHEST, "normal"),
        ("Anything wrong here?", CHEST, "abnormal"),
        ("Anything wrong here?", BRAIN, "any_tumour"),
        ("Do you see pneumonia?", CHEST, "disease"),
        ("And the right one?", CHEST, "right_lung"),
        ("Mark both lungs", CHEST, "lungs"),
        ("Which tumour type would you suspect?", BRAIN, "tumour"),
        ("Could it be a meningioma?", BRAIN, "tumour"),
        ("which side is it on?", BRAIN, "half"),
        ("Draw a box round the growth.", BRAIN, "where_tumour"),
        ("Is it cancer?", BREAST, "breast"),
        ("Show me the lump", BREAST, "where_lesion"),
        ("Which cells are there?", BLOOD, "cells"),
        ("Any thrombocytes?", BLOOD, "any_platelet"),
        ("Point to the WBC", BLOOD, "where_white"),
        ("Where is it?", BLOOD, "it"),
        ("Are you sure?", CHEST, "sure"),
        ("What dose of amoxicillin should I give?", CHEST, "cannot"),
        ("How big is the tumour?", BRAIN, "cannot"),
        ("Has it grown since last year?", BRAIN, "cannot"),
        ("Where are the lungs?", BRAIN, "noun"),
        ("I would like to see both lungs.", BREAST, "noun"),
        ("Where is the white blood cell?", CHEST, "noun"),
        ("Is this a brain MR?", CHEST, "is_kind"),
    ],
)
def test_ordinary_wording_is_understood(question: str, kind: str, intent: str) -> None:
    asked = understand(question, kind)
    assert asked is not None and asked.intent == intent


@pytest.mark.parametrize(
    "question",
    ["What is the capital of France?", "hi", "asdf qwer", "Write me a poem about the sea", "42", "…"],
)
def test_what_was_not_taught_is_not_understood(question: str) -> None:
    assert understand(question, CHEST) is None


def test_an_organ_is_named_back() -> None:
    asked = understand("Is the liver enlarged?", BRAIN)
    assert asked is not None and asked.say == "Where is the liver?"


def _filled(text: str) -> str:
    return text.replace("$kind", "chest X-ray").replace("$tumour", "glioma").replace("$noun", "heart")


def _means(intent: str) -> str:
    """Whether it is a certain tumour is answered by naming the tumour."""
    return "tumour" if intent == "is_tumour" else intent


def test_most_phrasings_kept_apart_are_understood() -> None:
    rows = [(i, text, k) for i in intents().values() for text in i.held_out for k in (i.kinds or KINDS[:1])]
    right = [_means(i.name) == getattr(understand(_filled(text), k), "intent", "") for i, text, k in rows]
    assert sum(right) / len(right) > 0.85


def test_questions_by_someone_who_had_not_seen_the_rules_are_understood() -> None:
    lines = Path(__file__).with_name("phrasings.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    heard = [understand(row["question"], row["kind"]) for row in rows]
    right = [
        (asked.intent if asked else "nothing") == row["meaning"]
        for asked, row in zip(heard, rows, strict=True)
    ]
    assert sum(right) / len(rows) > 0.9


def test_each_taught_wording_is_understood_as_itself() -> None:
    for intent in intents().values():
        for kind in intent.kinds or KINDS:
            asked = understand(_filled(intent.say), kind)
            meant = _filled(intents()[_means(intent.name)].say)
            assert asked is not None and asked.say == meant, (intent.name, kind)


def test_drawn_questions_leave_no_grammar_behind() -> None:
    rng = random.Random(0)
    for intent in intents().values():
        for _ in range(20):
            assert not set("(){}|") & set(intent.drawn(rng))
