"""Questions and answers about a labelled picture, made from its labels: what a model is taught to say.

The words stand in prompts/dialogues/; a record that brings its own questions is used as it is.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from chat_app.data.records import Corners, Exchange, Record
from chat_app.training import wording

Mark = Callable[[Corners], str]
"""Writes a box, in fractions of the picture, as the model does."""

Kind = tuple[str, str]
"""Modality and body part."""

NORMAL = {"no finding", "no findings", "normal", "healthy", "negative", "none"}
# More boxes of one thing than these are not asked for: the answer would be nothing but numbers.
MOST_BOXES = 4
# Initials that are said with a vowel: "an MRI", "an X-ray".
VOWELS, SPELLED = "aeiou", "aefhilmnorsx"


@dataclass(frozen=True)
class Question:
    """One thing asked: a task of prompts/dialogues/, and what it is about ("" where it needs nothing)."""

    task: str
    thing: str = ""

    @property
    def say(self) -> str:
        """Its plain wording."""
        return self._with_thing(wording.tasks()[self.task].say)

    def ways(self, *, held_out: bool = False) -> Iterator[str]:
        """Every way it is put in training, or those that are kept for measuring."""
        task = wording.tasks()[self.task]
        for way in task.held_out if held_out else task.ways:
            yield from map(self._with_thing, wording.every(way))

    def drawn(self, rng: random.Random, *, held_out: bool = False) -> str:
        task = wording.tasks()[self.task]
        return self._with_thing(wording.drawn(task.held_out if held_out else task.ways, rng))

    def _with_thing(self, text: str) -> str:
        return text.replace("$thing", self.thing)


@dataclass(frozen=True)
class Asked:
    """A question with its answer for one picture. case: which of the task's answers it is."""

    question: Question
    case: str
    answer: str


@dataclass(frozen=True)
class Vocabulary:
    """What can be asked about a set: its labels and what has boxes, by kind of picture, sorted."""

    labels: Mapping[Kind, tuple[str, ...]]
    things: Mapping[Kind, tuple[str, ...]]

    @classmethod
    def of(cls, records: Iterable[Record]) -> Vocabulary:
        labels: dict[Kind, set[str]] = {}
        things: dict[Kind, set[str]] = {}
        for record in records:
            kind = (record.modality, record.body_part)
            labels.setdefault(kind, set()).update(map(spoken, record.labels))
            things.setdefault(kind, set()).update(spoken(label) for label, _ in record.boxes)
        return cls(_sorted(labels), _sorted(things))

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of picture in words."""
        return tuple(named for kind in self.labels if (named := in_words(kind)))


def dialogue(
    record: Record,
    vocabulary: Vocabulary,
    rng: random.Random,
    turns: int,
    mark: Mark | None = None,
    *,
    held_out: bool = False,
) -> list[Exchange]:
    """At most `turns` questions with their answers: the record's own, else made from its labels.

    mark: without it nothing is asked that is answered by a box. held_out: in wordings kept for measuring.
    """
    if record.exchanges:
        return list(record.exchanges[:turns])
    drawn = [_choose(cases, rng) for cases in _spread(record, vocabulary, rng, mark, turns)]
    return [(each.question.drawn(rng, held_out=held_out), each.answer) for each in drawn]


def asked(record: Record, vocabulary: Vocabulary, mark: Mark | None = None) -> list[Asked]:
    """Everything that can be asked of the record from its labels, with the answers."""
    kind = (record.modality, record.body_part)
    labels = tuple(map(spoken, record.labels))
    boxes: dict[str, list[Corners]] = {}
    for label, corners in record.boxes:
        boxes.setdefault(spoken(label), []).append(corners)
    there = {*labels, *boxes}
    # Where no box was drawn, what only boxes tell may still be there.
    told = _known(vocabulary, kind) if boxes else vocabulary.labels.get(kind, ())
    absent = [t for t in told if t not in there | NORMAL] if there else []
    found = [*_kind(kind, vocabulary), Asked(Question("unknown"), "known", _answer("unknown", "known"))]
    found += _labelled(record, kind, labels)
    if there:
        found += [_on("presence", "yes", t) for t in sorted(there - NORMAL)]
        found += [_on("premise", "present", t) for t in sorted(there - NORMAL)]
    found += [
        _on(task, case, t) for task, case in (("presence", "no"), ("premise", "absent")) for t in absent
    ]
    if mark is not None:
        found += _placed(boxes, mark)
        found += [_on("where", "absent", t) for t in absent if t in vocabulary.things.get(kind, ())]
    return found


def phrasings(
    task: str, vocabulary: Vocabulary, *, held_out: bool = False
) -> dict[Question, tuple[str, ...]]:
    """Every question of that task that the vocabulary allows, with all the ways it is put.

    held_out: the ways that are never trained on instead.
    """
    questions = [Question(task, thing) for thing in _about(task, vocabulary)]
    return {each: tuple(each.ways(held_out=held_out)) for each in questions}


def spoken(label: str) -> str:
    """A label as it is said in a sentence: "Pleural_Thickening" is "pleural thickening", "WBC" stays."""
    words = label.replace("_", " ").split()
    return " ".join(word.lower() if word[1:].islower() or len(word) == 1 else word for word in words)


def in_words(kind: Kind) -> str:
    """ "an X-ray of the chest"; "" where the set says nothing of it."""
    modality, body_part = (spoken(each) if each else "" for each in kind)
    if not modality:
        return ""
    modality = "X-ray" if modality.lower() == "x-ray" else modality
    opening = SPELLED if modality[0].isupper() else VOWELS
    article = "an" if modality[0].lower() in opening else "a"
    return f"{article} {modality}" + (f" of the {body_part}" if body_part else "")


def _about(task: str, vocabulary: Vocabulary) -> list[str]:
    """What the task's question can be about in this set."""
    if "$thing" not in wording.tasks()[task].say:
        return [""]
    if task == "is_kind":
        return list(dict.fromkeys((*vocabulary.kinds, *wording.words()["kinds"])))
    kinds = vocabulary.things if task == "where" else vocabulary.labels
    known = (vocabulary.things.get(k, ()) if task == "where" else _known(vocabulary, k) for k in kinds)
    return list(dict.fromkeys(thing for things in known for thing in things))


def _known(vocabulary: Vocabulary, kind: Kind) -> list[str]:
    every = {*vocabulary.labels.get(kind, ()), *vocabulary.things.get(kind, ())}
    return sorted(every - NORMAL)


def _spread(
    record: Record, vocabulary: Vocabulary, rng: random.Random, mark: Mark | None, turns: int
) -> list[list[Asked]]:
    """`turns` tasks, no one again before all had their turn, each with what can be asked of it."""
    tasks: dict[str, list[Asked]] = {}
    for each in asked(record, vocabulary, mark):
        tasks.setdefault(each.question.task, []).append(each)
    order: list[str] = []
    while len(order) < turns:
        order += rng.sample(sorted(tasks), len(tasks))
    return [tasks[name] for name in order[:turns]]


def _choose(found: list[Asked], rng: random.Random) -> Asked:
    """One of them, each case as likely: "no" is not more often right because more things are absent."""
    case = rng.choice(sorted({each.case for each in found}))
    return rng.choice([each for each in found if each.case == case])


def _kind(kind: Kind, vocabulary: Vocabulary) -> Iterator[Asked]:
    named = in_words(kind)
    if not named:
        return
    yield Asked(Question("kind"), "known", _answer("kind", "known", kind=named))
    yield Asked(Question("is_kind", named), "yes", _answer("is_kind", "yes", kind=named))
    for other in _about("is_kind", vocabulary):
        if other != named:
            yield Asked(Question("is_kind", other), "no", _answer("is_kind", "no", kind=named))


def _labelled(record: Record, kind: Kind, labels: tuple[str, ...]) -> Iterator[Asked]:
    """What the labels, or the record's own report, say."""
    things, named = _listed(labels), in_words(kind)
    if labels:
        yield Asked(Question("label"), "known", _answer("label", "known", things=things))
    for section in ("findings", "impression"):
        if own := record.sections.get(section, "").strip():
            yield Asked(Question(section), "own", own)
        elif labels and not record.report and (named or section == "impression"):
            answer = _answer(section, "labels", things=things, kind=named)
            yield Asked(Question(section), "labels", answer)
    if record.report.strip():
        yield Asked(Question("report"), "own", record.report.strip())


def _placed(boxes: Mapping[str, list[Corners]], mark: Mark) -> Iterator[Asked]:
    for thing, corners in boxes.items():
        if len(corners) <= MOST_BOXES:
            written = ", ".join(f"{thing} {mark(each)}" for each in sorted(corners))
            answer = _answer("where", "found", boxes=_capital(written))
            yield Asked(Question("where", thing), "found", answer)


def _on(task: str, case: str, thing: str) -> Asked:
    return Asked(Question(task, thing), case, _answer(task, case, thing=thing))


def _answer(task: str, case: str, **values: str) -> str:
    text = wording.tasks()[task].answers[case]
    # The longer name first: "$things" begins with "$thing".
    for name in sorted(values, reverse=True):
        text = text.replace(f"${name}", values[name])
    return text


def _listed(labels: tuple[str, ...]) -> str:
    if not labels:
        return ""
    *most, last = labels
    return _capital(f"{', '.join(most)} and {last}" if most else last)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _sorted(sets: Mapping[Kind, set[str]]) -> dict[Kind, tuple[str, ...]]:
    return {kind: tuple(sorted(names)) for kind, names in sorted(sets.items())}
