"""Brings a library up to date with a folder of past pictures: keeps what is new, removes what is gone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from tqdm import tqdm

from chat_app import imaging
from chat_app.errors import InputError
from chat_app.records import Tower
from chat_app.retrieval.cases import library as libraries
from chat_app.retrieval.cases import vectors
from chat_app.retrieval.cases.library import Case, Library
from chat_app.retrieval.cases.reading import Past, Reading
from chat_app.retrieval.scrub import scrubbed
from chat_app.settings import Settings

RULES = 1  # raised whenever a picture or its report is kept in another way, so that all are kept again


@dataclass(frozen=True)
class Indexed:
    """What a run did. refused: a sentence for each file that was not taken, with its name."""

    cases: int
    added: int
    unchanged: int
    removed: int
    refused: tuple[str, ...]


def index(
    folder: Path, name: str, settings: Settings, owner: str, tower: Tower, *, looked: bool = False
) -> Indexed:
    """Makes the owner's library hold the pictures of the folder.

    A case is kept as soon as it is read: a run that was killed is completed by the next. A picture that may
    show a name, as far as it was not searched and masked by machine, is refused unless a person has `looked`.

    Raises:
        InputError: there is no such folder, or others are at work.
        SetupError: the data folder cannot be used.
        ModelError: the tower could not look; the cases are kept.
    """
    reading = Reading(folder)
    kept = libraries.made(settings, owner, name)
    with libraries.changing(settings, owner):
        run = _Run(kept, looked=looked)
        for past in tqdm(reading.pasts(), desc="reading", unit="case", disable=None, leave=False):
            run.take(past)
        kept.remove(run.before.keys() - run.taken)
        cases = kept.cases()
        _look(kept, list(cases), tower)
    return Indexed(
        cases=len(cases),
        added=run.added,
        unchanged=len(cases) - run.added,
        removed=len(run.before.keys() - cases.keys()),
        refused=(*reading.refused, *run.refused),
    )


def _look(kept: Library, keys: list[str], tower: Tower) -> None:
    """Now, so that no search has to wait for it."""
    if keys:
        with tqdm(total=len(keys), desc="looking", unit="case", disable=None, leave=False) as bar:
            vectors.of(kept, keys, tower, bar.update)


class _Run:
    """One run over a library: what it held before, and what is taken and refused."""

    def __init__(self, kept: Library, *, looked: bool) -> None:
        self.kept, self.looked = kept, looked
        kept.sweep()
        self.before = kept.cases()
        self.last = max((case.number for case in self.before.values()), default=0)
        self.taken: set[str] = set()
        self.refused: list[str] = []
        self.added = 0

    def take(self, past: Past) -> None:
        """Keeps one picture with its report unless it is kept already; the first of two alike counts."""
        key = libraries.key(past.image.sha256)
        if key in self.taken:
            return
        case = self._case(key, past)
        if self.before.get(key) != case:
            try:
                thumbnail = self._thumbnail(past)
            except InputError as error:
                self.refused.append(f"{past.name}: {error}")
                return
            self.kept.put(key, case, thumbnail)
            self.added += 1
        self.last = max(self.last, case.number)
        self.taken.add(key)

    def _case(self, key: str, past: Past) -> Case:
        """With the number that it had before, or the next."""
        known = self.before.get(key)
        return Case(
            number=known.number if known else self.last + 1,
            sha256=past.image.sha256,
            modality=past.image.modality,
            body_part=past.image.body_part,
            report=scrubbed(past.report.strip()),
            rules=RULES,
        )

    def _thumbnail(self, past: Past) -> bytes:
        """Raises InputError for a picture that may show a name, or that cannot be decoded any more."""
        checked = imaging.checked(past.image)
        if checked.caution and not self.looked:
            raise InputError(checked.caution)
        return vectors.png(vectors.small(replace(checked, caution="")))
