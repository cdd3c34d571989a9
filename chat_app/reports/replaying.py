"""A draft drawn again from what its stamp names: with what it is made, and how far the words are the same."""

from __future__ import annotations

from itertools import zip_longest

from chat_app.errors import InputError
from chat_app.records import Report, Review, Section, Source


def settings(report: Report) -> dict[str, object]:
    """The settings under which the draft was made."""
    made = {"model": report.model.name, "adapter": report.model.adapter, "seed": report.seed}
    return {**made, "dtype": report.model.dtype} if report.model.dtype else made


def told(report: Report) -> dict[str, str]:
    """What the person wrote for the sections that no model writes, as it was when the draft was made."""
    own = (section for section in report.sections if not section.decided)
    lines = {section.name: [*_drafted(section, Source.TOLD)] for section in own}
    return {name: "\n".join(texts) for name, texts in lines.items() if texts}


def differences(report: Report, again: Report) -> tuple[str, ...]:
    """Each line that reads otherwise now, in words; what a person added later does not count.

    Raises:
        InputError: the second draft is by other weights, or by another form of the template.
    """
    if again.model.sha256 != report.model.sha256:
        raise InputError("The weights here are not those that wrote the report: it cannot be replayed.")
    if again.prompt != report.prompt:
        raise InputError("The template has changed since the report was made: it cannot be replayed.")
    found = []
    for before, after in zip_longest(report.sections, again.sections):
        old, new = (list(_drafted(each)) if each else [] for each in (before, after))
        title = (before or after).title
        pairs = enumerate(zip_longest(old, new, fillvalue=""), 1)
        found += [f"{title} {number}: {a!r} reads {b!r} now." for number, (a, b) in pairs if a != b]
    return tuple(found)


def _drafted(section: Section, source: Source | None = None) -> list[str]:
    """The statements as they were first written."""
    kept = [each for each in section.statements if each.review is not Review.ADDED]
    wanted = [each for each in kept if source is None or each.source is source or each.drafted]
    return [each.drafted or each.text for each in wanted]
