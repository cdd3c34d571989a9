"""What a clinician decides about a draft: one statement at a time, never all at once.

Each decision gives a new version of the report; what a model wrote stays beside what a person made of it.
"""

from __future__ import annotations

import difflib
from dataclasses import replace

from chat_app.errors import InputError
from chat_app.grounding.statements import told
from chat_app.records import Report, Review, Section, Source, Statement
from chat_app.reports.status import check_open

BY_HAND = "written by you"
LONGEST = 4000


def accept(report: Report, section: str, number: int) -> Report:
    """Takes a statement over as it reads. Raises InputError where there is none, or it rests on nothing."""
    statement = _statement(report, section, number)
    if statement.source is Source.UNSUPPORTED:
        raise InputError("This statement rests on nothing: edit or reject it.")
    if statement.review in (Review.EDITED, Review.ADDED):
        return report
    return _put(report, section, number, replace(statement, review=Review.ACCEPTED))


def reject(report: Report, section: str, number: int) -> Report:
    """Leaves a statement out of the report; it stays in the record. Raises InputError where there is none."""
    statement = _statement(report, section, number)
    return _put(report, section, number, replace(statement, review=Review.REJECTED))


def reopen(report: Report, section: str, number: int) -> Report:
    """Takes a decision back; a statement that was edited stays as it was edited. Raises as `reject` does."""
    statement = _statement(report, section, number)
    by_hand = Review.EDITED if statement.drafted else Review.ADDED
    review = by_hand if statement.basis == BY_HAND else Review.OPEN
    return _put(report, section, number, replace(statement, review=review))


def edit(report: Report, section: str, number: int, text: str) -> Report:
    """Makes a statement read `text`: from now on it is the person's, and its boxes stay with it.

    Raises:
        InputError: there is no such statement, or the text is empty or too long.
    """
    statement = _statement(report, section, number)
    text = _line(text)
    if text == statement.text:
        return report
    if statement.review is Review.ADDED:
        return _put(report, section, number, replace(statement, text=text))
    drafted = statement.drafted or statement.text
    changed = replace(
        statement, text=text, source=Source.TOLD, basis=BY_HAND, review=Review.EDITED, drafted=drafted
    )
    return _put(report, section, number, changed)


def add(report: Report, section: str, text: str) -> Report:
    """Adds a statement of the person's own at the end of a section. Raises as `edit` does."""
    check_open(report)
    place = _section(report, section)
    added = replace(told(_line(text), BY_HAND)[0], review=Review.ADDED)
    return _with(report, replace(place, statements=(*place.statements, added)))


def answer(report: Report, key: str, text: str) -> Report:
    """Keeps what a person wrote about a critical remark: what was done, or why it is none."""
    check_open(report)
    return replace(report, answered={**report.answered, key: _line(text)}, version=report.version + 1)


def fill(report: Report, field: str, value: str) -> Report:
    """Keeps what a person filled into a field of the template; an empty value takes it away."""
    check_open(report)
    fields = {**report.fields, field: value.strip()}
    kept = {name: text for name, text in fields.items() if text}
    return replace(report, fields=kept, version=report.version + 1)


def difference(before: str, after: str) -> tuple[tuple[str, str], ...]:
    """Word by word, what was taken out and put in: pairs of "kept", "removed" or "added" and the words."""
    old, new = before.split(), after.split()
    found: list[tuple[str, str]] = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            found.append(("kept", " ".join(old[a:b])))
            continue
        found += [("removed", " ".join(old[a:b]))] if a < b else []
        found += [("added", " ".join(new[c:d]))] if c < d else []
    return tuple(found)


def _section(report: Report, name: str) -> Section:
    found = report.section(name)
    if found is None:
        raise InputError(f"This report has no section {name!r}.")
    return found


def _statement(report: Report, section: str, number: int) -> Statement:
    check_open(report)
    statements = _section(report, section).statements
    if not 0 <= number < len(statements):
        raise InputError(f"The section {section!r} has no statement {number + 1}: it has {len(statements)}.")
    return statements[number]


def _put(report: Report, section: str, number: int, statement: Statement) -> Report:
    place = _section(report, section)
    statements = (*place.statements[:number], statement, *place.statements[number + 1 :])
    return _with(report, replace(place, statements=statements))


def _with(report: Report, section: Section) -> Report:
    sections = tuple(section if each.name == section.name else each for each in report.sections)
    return replace(report, sections=sections, version=report.version + 1)


def _line(text: str) -> str:
    """One statement is one line: what was pasted over several is joined."""
    line = " ".join(text.split())
    if not line:
        raise InputError("A statement needs words: write some, or reject it.")
    if len(line) > LONGEST:
        raise InputError(f"A statement has at most {LONGEST:,} characters, not {len(line):,}: shorten it.")
    return line
