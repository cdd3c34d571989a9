"""What nano is taught to say: dialogues about one picture, spoken from what its own tower sees there.

The kind of picture comes from the data; answers and places come from the tower, so that the language model
learns to put into words what is seen and has no reason to guess beyond it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from chat_app.models.nano.wording import KINDS, TUMOURS, Intent, intents, nouns

DOUBT = 0.65
UNKNOWN_PICTURE = (
    "I cannot tell what this is. I only know chest X-rays, brain MR, breast ultrasound and blood smears."
)
# What a question about another kind of picture is about, to say that it is not there.
_THING = {
    "view": "chest film", "normal": "chest film", "abnormal": "chest film",
    "disease": "lung", "where_finding": "lung",
    "lungs": "lung", "right_lung": "lung", "left_lung": "lung", "other_one": "lung",
    "tumour": "brain tumour", "is_tumour": "brain tumour", "any_tumour": "brain tumour",
    "where_tumour": "brain tumour", "half": "brain tumour",
    "breast": "breast lesion", "any_lesion": "breast lesion", "where_lesion": "breast lesion",
    "cells": "blood cell", "any_white": "white blood cell", "where_white": "white blood cell",
    "type_white": "white blood cell", "any_platelet": "platelet",
}  # fmt: skip
_OFTEN = {
    "lungs": 3, "right_lung": 3, "left_lung": 3, "where_tumour": 5, "where_lesion": 4, "where_white": 4,
    "findings": 3,
    "it": 2, "tumour": 2, "normal": 2, "view": 2, "breast": 2, "noun": 2,
}  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """One picture through the tower: its kind, each decision with its probability, each object's box.

    boxes hold (x0, y0, x1, y1) as bins 0..99 of the square view, for the objects that were found.
    """

    kind: str
    decisions: dict[str, tuple[str, float]]
    boxes: dict[str, tuple[int, int, int, int]]

    def box(self, thing: str) -> str:
        """The words and tokens that mark it, or that it is not seen."""
        if thing not in self.boxes:
            return f"no {thing} seen"
        x0, y0, x1, y1 = self.boxes[thing]
        return f"{thing} <box><x{x0}><y{y0}><x{x1}><y{y1}></box>"

    def says(self, decision: str) -> str:
        return self.decisions[decision][0]

    def doubts(self, decision: str) -> bool:
        return self.decisions[decision][1] < DOUBT


def dialogue(seen: Seen, rng: random.Random, turns: int, taught: float = 0.6) -> list[tuple[str, str]]:
    """`turns` questions and answers; a question is in the taught wording with probability `taught`."""
    said: list[tuple[str, str]] = []
    before = ""
    for _ in range(turns):
        intent = _choose(seen.kind, before, rng)
        filler = _filler(intent, seen.kind, rng)
        question = intent.say if rng.random() < taught else _spoken(intent.drawn(rng), rng)
        for name in ("$kind", "$tumour", "$noun"):
            question = question.replace(name, filler)
        said.append((question, answer(intent.name, seen, filler, before)))
        before = intent.name if intent.name not in ("sure", "cannot") else before
    return said


def answer(intent: str, seen: Seen, filler: str = "", before: str = "") -> str:
    """What nano should say to `intent`; `before` is the intent of the turn before, for "where is it"."""
    if seen.kind not in KINDS:
        return UNKNOWN_PICTURE
    kinds = intents()[intent].kinds
    if kinds and seen.kind not in kinds:
        return f"There is no {_THING[intent]} in this picture: it is a {seen.kind}."
    if intent == "noun":
        return _noun(filler, seen)
    if intent == "is_kind":
        return f"Yes, it is a {seen.kind}." if filler == seen.kind else f"No, it is a {seen.kind}."
    if intent == "is_tumour":
        same = filler == seen.says("tumour")
        return (
            f"Yes, it looks like a {filler}." if same else f"No, it looks more like a {seen.says('tumour')}."
        )
    if intent == "it":
        return _it(seen, before)
    if intent == "other_one":
        other = {"right_lung": "left_lung", "left_lung": "right_lung"}.get(before, "lungs")
        return _SAY[other](seen)
    return _SAY[intent](seen)


def _choose(kind: str, before: str, rng: random.Random) -> Intent:
    everything = list(intents().values())
    fitting = [i for i in everything if not i.kinds or kind in i.kinds]
    if before in ("right_lung", "left_lung") and rng.random() < 0.3:
        return intents()["other_one"]
    if (
        before in ("lungs", "right_lung", "left_lung", "tumour", "breast", "disease", "abnormal")
        and rng.random() < 0.2
    ):
        return intents()["it"]
    pool = fitting if rng.random() < 0.85 else [i for i in everything if i not in fitting]
    return rng.choices(pool, [_OFTEN.get(i.name, 1) for i in pool])[0]


def _filler(intent: Intent, kind: str, rng: random.Random) -> str:
    if intent.name == "is_kind":
        return rng.choice(KINDS) if rng.random() < 0.5 or kind not in KINDS else kind
    if intent.name == "is_tumour":
        return rng.choice(TUMOURS)
    if intent.name == "noun":
        return rng.choice(nouns()[rng.choice([*KINDS, "elsewhere"])])
    return ""


def _spoken(text: str, rng: random.Random) -> str:
    """As people type: a capital or none, a question mark or none."""
    text = text[0].upper() + text[1:] if rng.random() < 0.7 else text
    return text + rng.choice(["?", "?", "", "."])


def _noun(noun: str, seen: Seen) -> str:
    if noun in nouns()[seen.kind]:
        return f"I was not taught to find or judge the {noun}."
    return f"There is no {noun} in this picture: it is a {seen.kind}."


def _it(seen: Seen, before: str) -> str:
    if seen.kind == "chest X-ray" and before not in ("lungs", "right_lung", "left_lung", "other_one", ""):
        return _SAY["where_finding"](seen)
    lung = before if before in ("right_lung", "left_lung") else "lungs"
    about = {"chest X-ray": lung, "brain MR": "where_tumour", "breast ultrasound": "where_lesion"}
    return _SAY[about.get(seen.kind, "where_white")](seen)


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _kind(seen: Seen) -> str:
    how = {"brain MR": ", T1-weighted with contrast", "blood smear": ", seen through a microscope"}
    return f"This is a {seen.kind}{how.get(seen.kind, '')}."


def _body(seen: Seen) -> str:
    part = {"chest X-ray": "the chest", "brain MR": "the brain", "breast ultrasound": "the breast"}
    return f"It shows {part.get(seen.kind, 'blood cells')}."


def _view(seen: Seen) -> str:
    doubt = ", but I am not sure" if seen.doubts("view") else ""
    return f"It is the {seen.says('view')} view{doubt}."


def _is_film(seen: Seen, asked: str) -> str:
    """Whether the film is what is asked: "normal" or "abnormal"."""
    if seen.doubts("film"):
        return f"I am not sure: the film may be {seen.says('film')}."
    yes = "Yes" if seen.says("film") == asked else "No"
    return f"{yes}, the film looks {seen.says('film')}."


def _film(seen: Seen) -> str:
    return f"The film {'may be' if seen.doubts('film') else 'looks'} {seen.says('film')}."


def _disease(seen: Seen) -> str:
    return f"I cannot tell one chest disease from another. {_film(seen)}"


def _lungs(seen: Seen) -> str:
    return f"{_capital(seen.box('right lung'))}, {seen.box('left lung')}."


def _tumour(seen: Seen) -> str:
    name = seen.says("tumour")
    return f"It may be a {name}, but I am not sure." if seen.doubts("tumour") else f"It looks like a {name}."


def _half(seen: Seen) -> str:
    if "tumour" not in seen.boxes:
        return "I cannot tell."
    x0, _, x1, _ = seen.boxes["tumour"]
    middle = (x0 + x1) / 2
    where = "near the middle" if 44 < middle < 55 else f"in the {'left' if middle < 50 else 'right'} half"
    return f"It lies {where} of the picture."


def _breast(seen: Seen) -> str:
    name = seen.says("breast")
    if name == "normal":
        return "I see no lesion: the tissue looks normal."
    return (
        f"The lesion may be {name}, but I am not sure."
        if seen.doubts("breast")
        else f"The lesion looks {name}."
    )


def _any_lesion(seen: Seen) -> str:
    return "No, I see no lesion." if seen.says("breast") == "normal" else "Yes, there is a lesion."


def _where_lesion(seen: Seen) -> str:
    if seen.says("breast") == "normal":
        return "I see no lesion, so there is nothing to mark."
    return f"{_capital(seen.box('lesion'))}."


def _cells(seen: Seen) -> str:
    found = ["red blood cells"]
    found += ["a white blood cell"] if seen.says("white cells") == "present" else []
    found += ["platelets"] if seen.says("platelets") == "present" else []
    listed = found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}"
    return f"I see {listed}."


def _any_white(seen: Seen) -> str:
    there = seen.says("white cells") == "present"
    return "Yes, there is a white blood cell." if there else "No, I see no white blood cell."


def _any_platelet(seen: Seen) -> str:
    return "Yes, there are platelets." if seen.says("platelets") == "present" else "No, I see no platelets."


def _where_white(seen: Seen) -> str:
    if seen.says("white cells") == "absent":
        return "I see no white blood cell, so there is nothing to mark."
    return f"{_capital(seen.box('white blood cell'))}."


def _findings(seen: Seen) -> str:
    if seen.kind == "chest X-ray":
        return f"{_film(seen)} {_lungs(seen)}"
    if seen.kind == "brain MR":
        return f"{_capital(seen.box('tumour'))}. {_half(seen)} {_tumour(seen)}"
    if seen.kind == "breast ultrasound":
        return _breast(seen) if seen.says("breast") == "normal" else f"{_where_lesion(seen)} {_breast(seen)}"
    white = "No white blood cell is seen." if seen.says("white cells") == "absent" else _where_white(seen)
    platelets = "Platelets are present." if seen.says("platelets") == "present" else "No platelets are seen."
    return f"Red blood cells are present. {white} {platelets}"


def _impression(seen: Seen) -> str:
    if seen.kind == "chest X-ray":
        may = "Possibly " if seen.doubts("film") else ""
        return _capital(f"{may}{seen.says('film')} chest film.")
    if seen.kind == "brain MR":
        may = "possibly" if seen.doubts("tumour") else "most likely"
        return f"Brain tumour, {may} a {seen.says('tumour')}."
    if seen.kind == "breast ultrasound":
        what = "tissue" if seen.says("breast") == "normal" else "lesion"
        may = "Possibly " if seen.doubts("breast") else ""
        return _capital(f"{may}{seen.says('breast')}-looking breast {what}.")
    return f"Blood smear: {_cells(seen).removeprefix('I see ')}"


_SAY: dict[str, Callable[[Seen], str]] = {
    "kind": _kind,
    "body": _body,
    "describe": lambda s: f"{_kind(s)} {_findings(s)}",
    "findings": _findings,
    "impression": _impression,
    "sure": lambda _: "No. This is a draft from a small demonstration model: please check it on the picture.",
    "cannot": lambda _: "I cannot tell that from the picture.",
    "view": _view,
    "normal": lambda s: _is_film(s, "normal"),
    "abnormal": lambda s: _is_film(s, "abnormal"),
    "disease": _disease,
    "where_finding": lambda _: "I was not taught to mark abnormalities on chest films.",
    "lungs": _lungs,
    "right_lung": lambda s: f"{_capital(s.box('right lung'))}.",
    "left_lung": lambda s: f"{_capital(s.box('left lung'))}.",
    "tumour": _tumour,
    "any_tumour": lambda s: f"I was only shown brains with a tumour, so I cannot rule one out. {_tumour(s)}",
    "where_tumour": lambda s: f"{_capital(s.box('tumour'))}.",
    "half": _half,
    "breast": _breast,
    "any_lesion": _any_lesion,
    "where_lesion": _where_lesion,
    "cells": _cells,
    "any_white": _any_white,
    "any_platelet": _any_platelet,
    "where_white": _where_white,
    "type_white": lambda _: "I cannot tell kinds of white blood cell or diseases of the blood.",
}
