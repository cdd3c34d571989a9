"""The draft on the page: made section by section, decided about row by row, signed, taken away as a file.

It decides nothing about a report: the assistant drafts, the person at the page decides, an exporter writes.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from chat_app import exporters, prompts
from chat_app.audit import Action
from chat_app.errors import InputError
from chat_app.exporters.parts import originals
from chat_app.records import ModelId, Remark, Report, Section, Status
from chat_app.reports import correct, decide, review, status
from chat_app.ui import sheet
from chat_app.ui.desk import DRAFT, Desk
from chat_app.ui.faults import told
from chat_app.ui.keeping import Keeper
from chat_app.ui.loading import Loading

if TYPE_CHECKING:
    from chat_app.assistant import Assistant

Update = dict[Any, Any]
Said = Mapping[str, Any]
Change = Callable[[Report, Said], Report]

GENERAL = "general"
NO_DRAFT = "No draft yet. It will be made from your pictures and from what you write above."
NOT_HERE = "There is no draft yet: draft one first."

# The bytes are made on the server from the report as decided and lie in no file there; the browser saves them
# under a name with nobody's name in it.
SAVE = """(bytes, ending) => {
  if (!bytes) return;
  const data = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([data], {type: "application/octet-stream"}));
  link.download = "report" + ending;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}"""


class Pane:
    """The right of the page: components and the one assistant; everything of a user is on the desk."""

    def __init__(self, assistant: Assistant, loading: Loading, keeper: Keeper) -> None:
        self.assistant, self.loading, self.keeper = assistant, loading, keeper
        self.templates = {name: prompts.template(name) for name in prompts.templates()}
        choices = [(template.title, name) for name, template in self.templates.items()]
        self.template = gr.Dropdown(choices, value=GENERAL, label="Report template", elem_id="template")
        with gr.Accordion("What you know (optional)", open=False, elem_id="told"):
            self.fields = {name: gr.Textbox("", label=label, max_lines=4) for name, label in self._labels()}
        with gr.Row():
            self.button = gr.Button("Draft report", variant="primary", elem_id="draft")
            self.halt = gr.Button("Stop", visible=False, elem_id="stop-draft")
        self.sheet = sheet.component()
        with gr.Row(visible=False) as self.downloads:
            forms = [(f"{form.TITLE} ({ending})", ending) for ending, form in exporters.known().items()]
            self.form = gr.Dropdown(forms, value=".pdf", label="Take away as", elem_id="form")
            self.export = gr.Button("Download", size="sm", elem_id="download")
        self.bytes = gr.Textbox(visible="hidden", label="The report as a file, in base64")

    def _labels(self) -> list[tuple[str, str]]:
        """Each section that no model writes, once, with what the person is asked for."""
        every = (each for template in self.templates.values() for each in template.sections)
        return list({each.name: each.label or each.title for each in every if each.source != "model"}.items())

    def draft(self, desk: Desk, template: str, *said: str) -> Iterator[Update]:
        """Streams the sections of a new draft onto the sheet."""
        with told(), desk.working("draft") as stop:
            yield {**self._coming(desk, template, (), "Drafting …"), **self._busy(True)}
            while not self.loading.wait(0.5):
                waits = "The model is still being loaded; the draft waits for it."
                yield self._coming(desk, template, (), waits)
            while desk.unsearched and not stop.wait(0.1):
                waits = "The pictures are being searched for names; the draft waits for it."
                yield self._coming(desk, template, (), waits)
            self.keeper.check(desk)
            known = self._known(template, said)
            shown = [desk.place(name) for name in desk.names]
            parts = self.assistant.draft(
                desk.conversation, template, told=known, images=shown, adapter=desk.adapter, stop=stop
            )
            sections: dict[str, Section] = {}
            for part in parts:
                if not desk.owns("draft", stop):
                    break
                if isinstance(part, Report):
                    self._put(desk, part, Action.DRAFTED)
                    desk.reads, desk.pointed = DRAFT, None
                else:
                    sections[part.name] = part
                    yield self._coming(desk, template, tuple(sections.values()), "Drafting …")
        yield self.render(desk)

    def _coming(self, desk: Desk, template: str, sections: tuple[Section, ...], words: str) -> Update:
        """A draft on its way: what is there of it, and nothing to decide yet."""
        title = self.templates[template].title if template in self.templates else ""
        report = Report(template, title, sections, ModelId("", ""), "", 0)
        return {self.sheet: sheet.value(desk, report, words, is_coming=True)}

    def _known(self, template: str, said: Sequence[str]) -> dict[str, str]:
        """What was typed for the sections that this template leaves to the person."""
        open_ = [each.name for each in self.templates[template].sections if each.source != "model"]
        typed = zip(self.fields, said, strict=True)
        return {name: text for name, text in typed if name in open_ and text.strip()}

    def fitted(self, desk: Desk) -> Update:
        """The template for what the picture on show states, chosen beforehand; else as it was."""
        template = review.fitting([desk.image]) if desk.image else None
        return {self.template: template.name if template else gr.skip()}

    def stop(self, desk: Desk) -> None:
        desk.stop("draft")

    def change(self, desk: Desk, said: Said, make: Change, action: Action) -> Update:
        """What the person decided, done to the draft; a fault is told and changes nothing."""
        with told(), desk.kept.words:  # two decisions at once are one after the other
            report = _there(desk)
            if (made := make(report, said)) is not report:
                self._put(desk, made, action)
        return self.written(desk)

    def proposed(self, desk: Desk, words: str) -> bool:
        """Whether the words are about the draft's own wording: changes are proposed beside it then."""
        if desk.report is None or not sheet.is_open(desk.report):
            return False
        # One that cannot be followed is told, and is no question either.
        is_correction = True
        with told():
            desk.proposals = correct.proposals(desk.report, words, desk.pointed)
            if manner := correct.manner(words):
                desk.proposals = self.assistant.reword(
                    desk.conversation, desk.report, manner, adapter=desk.adapter
                )
            is_correction = bool(desk.proposals)
        return is_correction

    def take(self, desk: Desk, said: Said) -> Update:
        """Makes a change that was proposed."""
        left = tuple(each for number, each in enumerate(desk.proposals) if number != said.get("number"))
        with told(), desk.kept.words:
            self._put(desk, correct.taken(_there(desk), _proposal(desk, said)), Action.EDITED)
            desk.proposals = left  # the others are of statements that stand where they stood
        return self.written(desk)

    def leave(self, desk: Desk, said: Said) -> Update:
        """Drops a change that was proposed."""
        with told():
            dropped = _proposal(desk, said)
            desk.proposals = tuple(each for each in desk.proposals if each is not dropped)
        return self.written(desk)

    def _put(self, desk: Desk, report: Report, action: Action) -> None:
        """Raises SetupError where it cannot be recorded how the report came to be: then it did not."""
        with desk.kept.words:
            self.keeper.reported(desk, action, report)
            desk.report, desk.proposals = report, ()  # those were of the report as it was
            self.keeper.keep(desk)

    def sign(self, desk: Desk, said: Said) -> Update:
        """Makes the report what the person says, in the name that the person gives."""

        def signed(report: Report, said: Said) -> Report:
            return status.signed(report, _status(said), str(said.get("name", "")), self.remarks(desk))

        return self.change(desk, said, signed, Action.SIGNED)

    def show(self, desk: Desk, said: Said) -> None:
        """Points at a statement: the viewer turns to what it was seen in."""
        with told():
            desk.point(*sheet.place(desk.report, said))

    def remarks(self, desk: Desk) -> tuple[Remark, ...]:
        """What the checks find in the draft as it stands."""
        return review.remarks(desk.report, desk.images) if desk.report else ()

    def exported(self, desk: Desk, ending: str) -> str:
        """The report in that form, in base64; nothing after a fault, which is told."""
        written = b""
        with told():
            report, form = _there(desk), exporters.ending(Path(f"report{ending}"))
            pictures = originals.matched(report, desk.images)
            beside = originals.of(report, pictures) if form.BESIDE else originals.NONE
            made = form.export(report, pictures, beside)
            self.keeper.reported(desk, Action.EXPORTED, report, ending)
            written = made
        return base64.b64encode(written).decode()

    def written(self, desk: Desk) -> Update:
        """The sheet as this desk has it."""
        words = sheet.standing(desk.report) if desk.report else NO_DRAFT
        return {self.sheet: sheet.value(desk, desk.report, words, self.remarks(desk))}

    def render(self, desk: Desk) -> Update:
        """Every component of the pane as this desk has it."""
        return {
            **self.written(desk),
            **self._busy(False),
            self.downloads: gr.Row(visible=desk.report is not None),
        }

    def _busy(self, working: bool) -> Update:
        return {self.button: gr.Button(interactive=not working), self.halt: gr.Button(visible=working)}


def _there(desk: Desk) -> Report:
    if desk.report is None:
        raise InputError(NOT_HERE)
    return desk.report


def _proposal(desk: Desk, said: Said) -> correct.Proposal:
    number = said.get("number")
    if not isinstance(number, int) or not 0 <= number < len(desk.proposals):
        raise InputError("That change is not proposed any more.")
    return desk.proposals[number]


def _status(said: Said) -> Status:
    wanted = said.get("status")
    if wanted not in list(Status):
        raise InputError("A report is signed as what the page offers: choose one of these.")
    return Status(str(wanted))


DECIDE = "decide"

# What the browser tells of the sheet, by the name of the event.
CHANGES: dict[str, Change] = {
    DECIDE: sheet.decided,
    "reword": lambda report, said: decide.edit(report, *sheet.place(report, said), str(said.get("text", ""))),
    "insert": lambda report, said: decide.add(report, str(said.get("section")), str(said.get("text", ""))),
    "answer": lambda report, said: decide.answer(report, str(said.get("key")), str(said.get("text", ""))),
    "fill": lambda report, said: review.filled(report, str(said.get("name")), str(said.get("text", ""))),
    "amend": lambda report, said: status.amendment(report),
}


def action(event: str) -> Action:
    """What the record of who did what calls a change of the sheet."""
    return Action.DECIDED if event == DECIDE else Action.EDITED
