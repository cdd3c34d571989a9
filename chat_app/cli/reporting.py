"""lightbox draft, check, sign, export, replay: a report from its first draft to the form it leaves in."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from chat_app import settings
from chat_app.cli import verbs
from chat_app.errors import InputError

if TYPE_CHECKING:
    from chat_app.exporters import Form
    from chat_app.records import Conversation, Image, Report

MEGABYTE = 1_000_000
REMARKED = 2  # what the shell is told where a check has something to say


def draft(options: argparse.Namespace) -> int:
    from chat_app import prompts
    from chat_app.records import Report

    prompts.template(options.template)  # a wrong name is said before the model is loaded
    form = _form(options.output)
    assistant, conversation = verbs.opened(options)
    told = {"history": options.history, "comparison": options.comparison}
    given = {name: text for name, text in told.items() if text is not None}
    report = verbs.last(assistant.draft(conversation, options.template, told=given), Report)
    written = form.export(report, conversation.study.images)
    if options.output:
        verbs.write(options.output, written)
    else:
        print(written.decode(), end="")
    return 0


def check(options: argparse.Namespace) -> int:
    """Prints what the checks remark on; the pictures are optional, and tell more."""
    from chat_app.reports import review

    report = _read(options.report)
    found = review.remarks(report, _pictures(report, options.images))
    for remark in found:
        print(f"{_place(remark.section, remark.statement)}{remark.words}")
    for line in (category.words for category in report.categories):
        print(line)
    if not found:
        print("The checks remark on nothing. That says nothing about what is in the pictures.")
    return REMARKED if found else 0


def sign(options: argparse.Namespace) -> int:
    """Decides about statements, answers critical remarks, and signs, in this order; the file is changed."""
    from chat_app.records import Status
    from chat_app.reports import decide, review, status

    report = _read(options.report)
    if options.amend:
        report = status.amendment(report)
    for decision, places in ((decide.accept, options.accept), (decide.reject, options.reject)):
        for place in places:
            report = decision(report, *_named(place))
    pictures = _pictures(report, options.images)
    remarks = review.remarks(report, pictures)
    for remark in remarks:
        if remark.critical and options.critical:
            report = decide.answer(report, remark.key, options.critical)
    if options.name:
        report = status.signed(report, Status(options.status), options.name, remarks)
    _keep(options.report, report)
    for line in _undecided(report):
        print(line)
    print(f"The report is {report.status}, version {report.version}.")
    return 0


def export(options: argparse.Namespace) -> int:
    from chat_app import exporters
    from chat_app.exporters.parts import originals

    report, form = _read(options.report), exporters.ending(options.output)
    pictures = _pictures(report, options.images)
    beside = originals.of(report, pictures) if form.BESIDE else originals.NONE
    verbs.write(options.output, form.export(report, pictures, beside))
    return 0


def replay(options: argparse.Namespace) -> int:
    """Draws the draft again with all that its stamp names, and says whether the words are the same."""
    from chat_app.assistant import Assistant
    from chat_app.records import Report
    from chat_app.reports import replaying

    report = _read(options.report)
    chosen = settings.load(replaying.settings(report))
    talk = _talk(report, options.images)
    assistant = Assistant(chosen)
    assistant.load()
    told, images = replaying.told(report), list(report.images)
    again = verbs.last(assistant.draft(talk, report.template, told=told, images=images), Report)
    differences = replaying.differences(report, again)
    for line in differences:
        print(line)
    print("The same words." if not differences else f"{len(differences)} differences.")
    return REMARKED if differences else 0


def _read(path: Path) -> Report:
    from chat_app.exporters import json as form

    try:
        return form.read(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("The report cannot be read: name a .json file that lightbox draft wrote.") from error


def _keep(path: Path, report: Report) -> None:
    from chat_app.exporters import json as form

    verbs.write(path, form.export(report))


def _pictures(report: Report, paths: Sequence[Path]) -> tuple[Image, ...]:
    """Of the files those that the report is about, under its names; none where none are given."""
    from chat_app import imaging
    from chat_app.exporters.parts import originals

    limits = imaging.Limits(file_bytes=settings.load().upload_mb * MEGABYTE)
    opened = imaging.study(paths, limits=limits).images if paths else ()
    matched = originals.matched(report, opened)
    if paths and not matched:
        raise InputError("None of these files is a picture of this report: give those it was made from.")
    return matched


def _talk(report: Report, paths: Sequence[Path]) -> Conversation:
    """The pictures of the report alone, as they were when it was drafted: somebody looked at them then."""
    from chat_app import imaging
    from chat_app.records import Conversation

    talk = Conversation()
    for image in _pictures(report, paths):
        talk = talk.with_image(replace(imaging.checked(image), caution=""))
    return talk


def _named(place: str) -> tuple[str, int]:
    """A statement as it is typed, "findings:2", counted from 1."""
    section, _, number = place.partition(":")
    if not number.isdecimal() or not int(number):
        raise InputError("A statement is named by its section and number: findings:2 is the second finding.")
    return section, int(number) - 1


def _undecided(report: Report) -> Iterator[str]:
    from chat_app.exporters.parts.text import line
    from chat_app.records import Review

    for section in report.sections:
        for number, statement in enumerate(section.statements):
            if section.decided and statement.review is Review.OPEN:
                yield f"{_place(section.name, number)}{line(statement.text)} ({line(statement.basis)})"


def _place(section: str, number: int) -> str:
    if not section:
        return ""
    return f"{section}:{number + 1}  " if number >= 0 else f"{section}  "


def _form(output: Path | None) -> Form:
    """How the report is written: by the file's ending, as Markdown where there is no file."""
    from chat_app import exporters

    form = exporters.ending(output or Path("report.md"))
    if form.BESIDE:
        raise InputError(
            f"A fresh draft is not written as {form.ENDING}, a form that names the patient and goes back "
            "beside the pictures: write it as .json, and that form from there."
        )
    return form
