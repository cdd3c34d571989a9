"""What people ask becomes the question nano was taught, or nothing."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from chat_app.models.nano import specialty
from chat_app.models.nano.questions import understand
from chat_app.models.nano.wording import KINDS, intents

CHEST, BRAIN, BLOOD = KINDS
ADAPTERS = Path(__file__).parent.parent / "adapters"
LESION, NERVE = (
    specialty.read(ADAPTERS / name / specialty.FILE) for name in ("breast-ultrasound", "nerve-ultrasound")
)
BREAST = LESION.kind


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
        ("Do you see pneumonia?", CHEST, "pneumonia"),
        ("Do you see an effusion?", CHEST, "disease"),
        ("Where is the pneumonia?", CHEST, "where_finding"),
        ("And the right one?", CHEST, "right_lung"),
        ("Mark both lungs", CHEST, "lungs"),
        ("Which tumour type would you suspect?", BRAIN, "tumour"),
        ("Could it be a meningioma?", BRAIN, "tumour"),
        ("which side is it on?", BRAIN, "half"),
        ("Draw a box round the growth.", BRAIN, "where_tumour"),
        ("Is it cancer?", BREAST, "class"),
        ("Show me the lump", BREAST, "where_thing1"),
        ("Write the findings.", BREAST, "findings"),
        ("Is this a breast ultrasound?", BREAST, "is_kind"),
        ("Where is the tumour?", BREAST, "where_thing1"),
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
    asked = understand(question, kind, LESION if kind == BREAST else None)
    assert asked is not None and asked.intent == intent


@pytest.mark.parametrize(
    ("question", "intent"),
    [
        ("Where is the nerve?", "where_thing1"),
        ("Is there an artery?", "any_thing2"),
        ("Mark the vessels", "where_thing2"),
        ("What is this?", "kind"),
        ("How thick is the nerve in mm?", "cannot"),
    ],
)
def test_what_an_adapter_adds_is_understood_by_its_own_words(question: str, intent: str) -> None:
    asked = understand(question, NERVE.kind, NERVE)
    assert asked is not None and asked.intent == intent


@pytest.mark.parametrize(
    "question",
    ["What is the capital of France?", "hi", "asdf qwer", "Write me a poem about the sea", "42", "…"],
)
def test_what_was_not_taught_is_not_understood(question: str) -> None:
    assert understand(question, CHEST) is None and understand(question, BREAST, LESION) is None


def test_an_organ_is_named_back() -> None:
    asked = understand("Is the liver enlarged?", BRAIN)
    assert asked is not None and asked.say == "Where is the liver?"


def _filled(text: str) -> str:
    return text.replace("$kind", "chest X-ray").replace("$tumour", "glioma").replace("$noun", "heart")


def _means(intent: str) -> str:
    """Whether it is a certain tumour is answered by naming the tumour."""
    return "tumour" if intent == "is_tumour" else intent


@pytest.mark.parametrize("added", [None, LESION, NERVE])
def test_most_phrasings_kept_apart_are_understood(added: specialty.Specialty | None) -> None:
    own = (added.kind,) if added else KINDS
    asked = [i for i in intents(added).values() if not i.kinds or set(i.kinds) & set(own)]
    rows = [(i, text, k) for i in asked for text in i.held_out for k in (i.kinds or own[:1])]
    right = [
        _means(i.name) == getattr(understand(_filled(text), k, added), "intent", "") for i, text, k in rows
    ]
    assert sum(right) / len(right) > 0.85


def test_questions_by_someone_who_had_not_seen_the_rules_are_understood() -> None:
    lines = Path(__file__).with_name("phrasings.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    heard = [understand(r["question"], r["kind"], LESION if r["kind"] == BREAST else None) for r in rows]
    right = [
        (asked.intent if asked else "nothing") == row["meaning"]
        for asked, row in zip(heard, rows, strict=True)
    ]
    assert sum(right) / len(rows) > 0.9


def test_each_taught_wording_is_understood_as_itself() -> None:
    for intent, added in [(i, a) for a in (None, LESION, NERVE) for i in intents(a).values()]:
        own = (added.kind,) if added else KINDS
        for kind in set(intent.kinds or own) & set(own):
            asked = understand(_filled(intent.say), kind, added)
            meant = _filled(intents(added)[_means(intent.name)].say)
            assert asked is not None and asked.say == meant, (intent.name, kind)


def test_drawn_questions_leave_no_grammar_behind() -> None:
    rng = random.Random(0)
    for intent in intents().values():
        for _ in range(20):
            assert not set("(){}|") & set(intent.drawn(rng))
