"""What nano is taught to say: dialogues about one picture, spoken from what its own tower sees there.

The kind of picture comes from the data; answers and places come from the tower, so that the language model
learns to put into words what is seen and has no reason to guess beyond it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from chat_app.models.nano.specialty import Specialty
from chat_app.models.nano.tower import OPEN_CLASSES, OPEN_DECISION, OPEN_OBJECTS
from chat_app.models.nano.wording import KINDS, TUMOURS, Intent, intents, nouns

DOUBT = 0.65
UNKNOWN_PICTURE = "I cannot tell what this is. I only know chest X-rays, brain MR and blood smears."
# Kinds of picture that people ask about and nano is not one for.
OTHER_KINDS = ("breast ultrasound", "ultrasound", "CT", "mammogram")
# What a question about another kind of picture is about, to say that it is not there.
_THING = {
    "view": "chest film", "normal": "chest film", "abnormal": "chest film",
    "disease": "lung", "pneumonia": "lung", "where_finding": "lung",
    "lungs": "lung", "right_lung": "lung", "left_lung": "lung", "other_one": "lung",
    "tumour": "brain tumour", "is_tumour": "brain tumour", "any_tumour": "brain tumour",
    "where_tumour": "brain tumour", "half": "brain tumour",
    "cells": "blood cell", "any_white": "white blood cell", "where_white": "white blood cell",
    "type_white": "white blood cell", "any_platelet": "platelet",
}  # fmt: skip
_OFTEN = {
    "lungs": 3, "right_lung": 3, "left_lung": 3, "where_tumour": 5, "where_white": 4,
    "where_thing1": 4, "where_thing2": 4, "where_thing3": 4, "class": 3, "findings": 3,
    "it": 2, "tumour": 2, "normal": 2, "pneumonia": 2, "view": 2, "noun": 2,
}  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """One picture through the tower: its kind, each decision with its probability, each object's box.

    boxes hold (x0, y0, x1, y1) as bins 0..99 of the square view, for the objects that were found.
    added: what an adapter adds, for a picture of its kind.
    """

    kind: str
    decisions: dict[str, tuple[str, float]]
    boxes: dict[str, tuple[int, int, int, int]]
    added: Specialty | None = None

    def box(self, thing: str) -> str:
        """The words and tokens that mark it, or that it is not seen."""
        if thing not in self.boxes:
            return f"no {thing} seen"
        x0, y0, x1, y1 = self.boxes[thing]
        return f"{thing} <box><x{x0}><y{y0}><x{x1}><y{y1}></box>"

    def says(self, decision: str) -> str:
        return self.decisions[decision][0]

    @property
    def sort(self) -> str:
        """The class that the adapter's own decision names; "" where it tells none apart."""
        assert self.added
        number = OPEN_CLASSES.index(self.says(OPEN_DECISION))
        return self.added.classes[number] if self.added.classes else ""

    def has(self, number: int) -> bool:
        """Whether the adapter's thing of that number, from 1, was found and its class does not deny it."""
        assert self.added
        return OPEN_OBJECTS[number - 1] in self.boxes and self.sort not in self.added.bare

    def doubts(self, decision: str) -> bool:
        return self.decisions[decision][1] < DOUBT


def dialogue(seen: Seen, rng: random.Random, turns: int, taught: float = 0.6) -> list[tuple[str, str]]:
    """`turns` questions and answers; a question is in the taught wording with probability `taught`."""
    said: list[tuple[str, str]] = []
    before = ""
    for _ in range(turns):
        intent = _choose(seen, before, rng)
        filler = _filler(intent, seen, rng)
        question = intent.say if rng.random() < taught else _spoken(intent.drawn(rng), rng)
        for name in ("$kind", "$tumour", "$noun"):
            question = question.replace(name, filler)
        said.append((question, answer(intent.name, seen, filler, before)))
        before = intent.name if intent.name not in ("sure", "cannot") else before
    return said


def answer(intent: str, seen: Seen, filler: str = "", before: str = "") -> str:
    """What nano should say to `intent`; `before` is the intent of the turn before, for "where is it"."""
    own = (seen.added.kind,) if seen.added else KINDS
    if seen.kind not in own:
        return UNKNOWN_PICTURE
    asked = intents(seen.added)[intent]
    if asked.kinds and seen.kind not in asked.kinds:
        return f"There is no {_THING[intent]} in this picture: it is {_a(seen.kind)}."
    if intent == "noun":
        return _noun(filler, seen)
    if intent == "is_kind":
        return f"{'Yes' if filler == seen.kind else 'No'}, it is {_a(seen.kind)}."
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
    if asked.thing:
        return (
            _where_thing(seen, asked.thing) if intent.startswith("where") else _any_thing(seen, asked.thing)
        )
    return _SAY[intent](seen)


def _choose(seen: Seen, before: str, rng: random.Random) -> Intent:
    everything = list(intents(seen.added).values())
    fitting = [i for i in everything if not i.kinds or seen.kind in i.kinds]
    if before in ("right_lung", "left_lung") and rng.random() < 0.3:
        return intents()["other_one"]
    if (
        before in ("lungs", "right_lung", "left_lung", "tumour", "class", "disease", "abnormal")
        and rng.random() < 0.2
    ):
        return intents()["it"]
    pool = fitting if rng.random() < 0.85 else [i for i in everything if i not in fitting]
    return rng.choices(pool, [_OFTEN.get(i.name, 1) for i in pool])[0]


def _filler(intent: Intent, seen: Seen, rng: random.Random) -> str:
    if intent.name == "is_kind":
        right = rng.random() < 0.5 and (seen.added or seen.kind in KINDS)
        return seen.kind if right else rng.choice([*KINDS, *OTHER_KINDS])
    if intent.name == "is_tumour":
        return rng.choice(TUMOURS)
    if intent.name == "noun":
        return rng.choice(rng.choice([each for each in nouns(seen.added).values() if each]))
    return ""


def _spoken(text: str, rng: random.Random) -> str:
    """As people type: a capital or none, a question mark or none."""
    text = text[0].upper() + text[1:] if rng.random() < 0.7 else text
    return text + rng.choice(["?", "?", "", "."])


def _a(name: str) -> str:
    return f"an {name}" if name[0].lower() in "aeiou" else f"a {name}"


def _noun(noun: str, seen: Seen) -> str:
    if noun in nouns(seen.added)[seen.kind]:
        return f"I was not taught to find or judge the {noun}."
    return f"There is no {noun} in this picture: it is {_a(seen.kind)}."


def _it(seen: Seen, before: str) -> str:
    if seen.added:
        return _where_thing(seen, 1) if seen.added.things else _SAY["cannot"](seen)
    if seen.kind == "chest X-ray" and before not in ("lungs", "right_lung", "left_lung", "other_one", ""):
        return _SAY["where_finding"](seen)
    lung = before if before in ("right_lung", "left_lung") else "lungs"
    about = {"chest X-ray": lung, "brain MR": "where_tumour"}
    return _SAY[about.get(seen.kind, "where_white")](seen)


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _kind(seen: Seen) -> str:
    how = {"brain MR": ", T1-weighted with contrast", "blood smear": ", seen through a microscope"}
    return f"This is {_a(seen.kind)}{how.get(seen.kind, '')}."


def _body(seen: Seen) -> str:
    if seen.added:
        return f"It shows {seen.added.part}." if seen.added.part else _SAY["cannot"](seen)
    part = {"chest X-ray": "the chest", "brain MR": "the brain"}
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
    return f"I was not taught that disease. {_film(seen)}"


def _pneumonia(seen: Seen) -> str:
    """In the films it was shown, pneumonia and "not normal" were one and the same."""
    like = "those labelled pneumonia" if seen.says("film") == "abnormal" else "those labelled normal"
    if seen.doubts("film"):
        return f"I am not sure: it may be like {like}."
    return f"{'Yes' if seen.says('film') == 'abnormal' else 'No'}, it looks like {like}."


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


def _class(seen: Seen) -> str:
    doubt = seen.doubts(OPEN_DECISION)
    return f"Perhaps {seen.sort}, but I am not sure." if doubt else f"Most likely {seen.sort}."


def _any_thing(seen: Seen, number: int) -> str:
    assert seen.added
    thing = seen.added.things[number - 1]
    return f"Yes, I see {_a(thing)}." if seen.has(number) else f"No, I see no {thing}."


def _where_thing(seen: Seen, number: int) -> str:
    assert seen.added
    thing = seen.added.things[number - 1]
    if not seen.has(number):
        return f"I see no {thing}, so there is nothing to mark."
    x0, y0, x1, y1 = seen.boxes[OPEN_OBJECTS[number - 1]]
    return f"{_capital(thing)} <box><x{x0}><y{y0}><x{x1}><y{y1}></box>."


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
    if seen.added:
        things = range(1, len(seen.added.things) + 1)
        marked = [_where_thing(seen, n) if seen.has(n) else _any_thing(seen, n)[4:] for n in things]
        return " ".join([*map(_capital, marked), *([_class(seen)] if seen.sort else [])])
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
    if seen.added:
        if seen.sort:
            may = "possibly" if seen.doubts(OPEN_DECISION) else "most likely"
            return f"{_capital(seen.kind)}: {may} {seen.sort}."
        there = [t for n, t in enumerate(seen.added.things, 1) if seen.has(n)]
        return f"{_capital(seen.kind)}: {' and '.join(there) or 'nothing'} seen."
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
    "pneumonia": _pneumonia,
    "where_finding": lambda _: "I was not taught to mark abnormalities on chest films.",
    "lungs": _lungs,
    "right_lung": lambda s: f"{_capital(s.box('right lung'))}.",
    "left_lung": lambda s: f"{_capital(s.box('left lung'))}.",
    "tumour": _tumour,
    "any_tumour": lambda s: f"I was only shown brains with a tumour, so I cannot rule one out. {_tumour(s)}",
    "where_tumour": lambda s: f"{_capital(s.box('tumour'))}.",
    "half": _half,
    "class": _class,
    "cells": _cells,
    "any_white": _any_white,
    "any_platelet": _any_platelet,
    "where_white": _where_white,
    "type_white": lambda _: "I cannot tell kinds of white blood cell or diseases of the blood.",
}
