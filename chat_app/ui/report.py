"""The draft on the page: one box a section with its sources beneath, edited by hand, taken away as a file.

It decides nothing about a report: the assistant drafts, the person at the page edits, an exporter writes.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from chat_app import prompts
from chat_app.errors import InputError
from chat_app.exporters import json as json_exporter
from chat_app.exporters import markdown as markdown_exporter
from chat_app.exporters.markdown import inert
from chat_app.records import Report, Section
from chat_app.reports.draft import NOTICE, edited
from chat_app.ui.desk import Desk
from chat_app.ui.faults import told
from chat_app.ui.loading import Loading
from chat_app.ui.words import sources

if TYPE_CHECKING:
    from chat_app.assistant import Assistant

Update = dict[Any, Any]

NO_DRAFT = "No draft yet. It will be made from your pictures and from what you write above."

# The text is made on the server from the edited sections; only the browser makes a file of it.
SAVE = """(text) => {
  if (!text) return;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], {type: "text/plain"}));
  link.download = "draft-report.$ending";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}"""


class Pane:
    """The right of the page: components and the one assistant; everything of a user is on the desk."""

    def __init__(self, assistant: Assistant, loading: Loading) -> None:
        self.assistant, self.loading = assistant, loading
        self.templates = {name: prompts.template(name) for name in prompts.templates()}
        choices = [(template.title, name) for name, template in self.templates.items()]
        self.template = gr.Dropdown(choices, value=choices[0][1], label="Report template", elem_id="template")
        with gr.Accordion("What you know (optional)", open=False, elem_id="told"):
            self.fields = {name: gr.Textbox("", label=label, max_lines=4) for name, label in self._labels()}
        with gr.Row():
            self.button = gr.Button("Draft report", variant="primary", elem_id="draft")
            self.halt = gr.Button("Stop", visible=False, elem_id="stop-draft")
        self.banner = gr.Markdown(NO_DRAFT, latex_delimiters=[], elem_id="draft-status")
        self.slots = [self._slot(number) for number in range(self._most())]
        with gr.Row(visible=False) as self.downloads:
            self.markdown = gr.Button("Download Markdown", size="sm", elem_id="download-markdown")
            self.json = gr.Button("Download JSON", size="sm", elem_id="download-json")
        self.text = gr.Textbox(visible="hidden", label="The draft as text")

    def _labels(self) -> list[tuple[str, str]]:
        """Each section that no model writes, once, with what the person is asked for."""
        every = (each for template in self.templates.values() for each in template.sections)
        return list({each.name: each.label or each.title for each in every if each.source != "model"}.items())

    def _most(self) -> int:
        return max(len(template.sections) for template in self.templates.values())

    def _slot(self, number: int) -> tuple[gr.Textbox, gr.Markdown]:
        box = gr.Textbox(visible=False, lines=1, max_lines=12, autoscroll=False, elem_id=f"section-{number}")
        return box, gr.Markdown(visible=False, latex_delimiters=[], elem_classes="sources")

    @property
    def boxes(self) -> list[gr.Textbox]:
        return [box for box, _ in self.slots]

    def draft(self, desk: Desk, template: str, *said: str) -> Iterator[Update]:
        """Streams the sections of a new draft into their boxes."""
        with told(), desk.working("draft") as stop:
            yield {**self._filled(()), **self._busy(True), self.banner: "Drafting …"}
            while not self.loading.wait(0.5):
                yield {self.banner: "The model is still being loaded; the draft waits for it."}
            while desk.unsearched and not stop.wait(0.1):
                yield {self.banner: "The pictures are being searched for names; the draft waits for it."}
            known = self._known(template, said)
            shown = [desk.place(name) for name in desk.names]
            parts = self.assistant.draft(
                desk.conversation, template, told=known, images=shown, adapter=desk.adapter, stop=stop
            )
            for number, part in enumerate(parts):
                if not desk.owns("draft", stop):
                    break
                if isinstance(part, Report):
                    desk.report = part
                else:
                    yield self._section(number, part)
        yield self.render(desk)

    def _known(self, template: str, said: Sequence[str]) -> dict[str, str]:
        """What was typed for the sections that this template leaves to the person."""
        open_ = [each.name for each in self.templates[template].sections if each.source != "model"]
        typed = zip(self.fields, said, strict=True)
        return {name: text for name, text in typed if name in open_ and text.strip()}

    def stop(self, desk: Desk) -> None:
        desk.stop("draft")

    def edit(self, number: int, desk: Desk, text: str) -> Update:
        """Takes over what was typed into a section, and says which sentences are now the person's own."""
        basis = self.slots[number][1]
        if desk.report is None or number >= len(desk.report.sections):
            return {basis: ""}
        desk.report = edited(desk.report, desk.report.sections[number].name, text)
        return {basis: sources(desk.report.sections[number].statements)}

    def as_markdown(self, desk: Desk, *texts: str) -> str:
        return markdown_exporter.export(self._edited(desk, texts))

    def as_json(self, desk: Desk, *texts: str) -> str:
        return json_exporter.export(self._edited(desk, texts))

    def _edited(self, desk: Desk, texts: Sequence[str]) -> Report:
        if desk.report is None:
            raise InputError("There is no draft to take away yet: draft one first.")
        for section, text in zip(desk.report.sections, texts, strict=False):
            desk.report = edited(desk.report, section.name, text)
        return desk.report

    def render(self, desk: Desk) -> Update:
        """Every component of the pane as this desk has it."""
        sections = desk.report.sections if desk.report else ()
        return {
            **self._filled(sections),
            **self._busy(False),
            self.banner: standing(desk.report) if desk.report else NO_DRAFT,
            self.downloads: gr.Row(visible=bool(sections)),
        }

    def _filled(self, sections: Sequence[Section]) -> Update:
        update: Update = {}
        for number, (box, basis) in enumerate(self.slots):
            if number < len(sections):
                update |= self._section(number, sections[number])
            else:
                update |= {box: gr.Textbox(value="", visible=False), basis: gr.Markdown("", visible=False)}
        return update

    def _section(self, number: int, section: Section) -> Update:
        box, basis = self.slots[number]
        return {
            box: gr.Textbox(value=section.text, label=section.title, visible=True),
            basis: gr.Markdown(sources(section.statements), visible=True),
        }

    def _busy(self, working: bool) -> Update:
        return {self.button: gr.Button(interactive=not working), self.halt: gr.Button(visible=working)}


def save(ending: str) -> str:
    """The script by which the browser saves the draft's text as a file; no name of anyone is in its own."""
    return string.Template(SAVE).substitute(ending=ending)


def standing(report: Report) -> str:
    """The line above a draft: its status, what it was made from, and what is wrong with it."""
    pictures = ", ".join(report.images) or "no picture"
    lines = [f"**Status: {inert(report.status)}**, from {inert(pictures)}. {NOTICE}."]
    lines += [f"⚠ {inert(warning)}" for warning in report.warnings]
    lines += [f"⚠ Rests on nothing: {inert(each.text)}" for each in report.unsupported]
    return "\n\n".join(lines)
