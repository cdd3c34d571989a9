"""The page: picture, conversation and draft side by side, wired to one desk a session.

It starts before the model does and asks nothing of any host but its own.
"""

from __future__ import annotations

import atexit
import functools
import logging
import operator
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from chat_app import imaging
from chat_app.dicomweb import Server
from chat_app.errors import SetupError
from chat_app.settings import Settings
from chat_app.ui import (
    chat,
    earlier,
    evidence,
    examples,
    hand,
    intake,
    keeping,
    look,
    picker,
    report,
    similar,
    viewer,
)
from chat_app.ui.desk import Desk
from chat_app.ui.faults import Blocks, told
from chat_app.ui.loading import Loading

if TYPE_CHECKING:
    from fastapi import FastAPI

    from chat_app.assistant import Assistant

LOG = logging.getLogger(__name__)

Update = dict[Any, Any]

MEGABYTE = 1_000_000

# Uploads are read at once. They stay for a minute because a file of the same bytes and name, dropped by two
# people at the same moment, is one file to gradio. Seconds: how often they are looked for, and from what age.
DELETE = (10, 60)

# How events run: unseen by API clients; quick; or through the model, which has a queue of its own, says how
# many come first, and takes turns between people: gradio's would do neither.
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
SOFT: dict[str, Any] = {"show_progress": "hidden"}
# A search for names may still be going on when the next file is dropped.
OPENING: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "multiple"}
MODEL: dict[str, Any] = {"show_progress": "hidden", "concurrency_id": "model", "concurrency_limit": 32}


class Page:
    """The three panes and the events between them; `demo` is the whole as a `gr.Blocks`.

    Nothing is loaded yet: `launch` does that once the port is open, or else the first visitor.
    """

    def __init__(
        self,
        assistant: Assistant,
        settings: Settings,
        network: examples.Network | None = None,
        keeper: keeping.Keeper | None = None,
    ) -> None:
        private_folder()
        self.keeper = keeper or keeping.silent()
        self.assistant, self.settings = assistant, settings
        self.limits = imaging.Limits(file_bytes=settings.upload_mb * MEGABYTE)
        self.loading = Loading(assistant.load)
        self.network = network or examples.Network()
        with Blocks(
            title="Lightbox", analytics_enabled=False, fill_width=True, delete_cache=DELETE
        ) as self.demo:
            self._lay_out()
        # Not inside the layout: a component made there, if only for an update, would be laid out too.
        empty = Desk()
        self.whole = [*(self.render(empty) | self.earlier.listed(empty)), self.report.template]
        self.turning = list(self.hand.turned(empty))
        self.listed = list(self.picker.render(empty))
        self.besides = list(self.answered(empty))
        self.said = [*self.chat.at_rest(empty), *self.besides]
        # What changes while an answer comes; gradio makes every output anew at each update.
        self.saying = [self.desk, *self.chat.at_rest(empty)]
        self.drafted = [self.desk, *self.report.render(empty)]
        with self.demo:
            self._wire_pictures()
            self._wire_archive()
            self.hand.wire(self.desk, self.turning)
            self._wire_caution()
            self._wire_chat()
            self._wire_report()
            self.earlier.wire(self.demo, self.desk, self.whole)
            parts = [self.status, self.fetched, self.chat.adapter, self.timer]
            self.timer.tick(self.progress, self.desk, parts, **QUIET)
        self.demo.queue(default_concurrency_limit=8)

    def launch(self, *, opened: Callable[[str], object] = LOG.info, open_browser: bool = False) -> None:
        """Opens the port, tells `opened` the address, loads the model, and stays until the port is closed.

        Raises:
            SetupError: the port is taken.
        """
        # A service that is told to stop deletes its uploads, as it does when Ctrl+C ends it.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        opened(self.listen(open_browser=open_browser))
        try:
            self.demo.block_thread()
        finally:
            self.keeper.close()

    def listen(self, *, open_browser: bool = False) -> str:
        """Opens the port and loads the model behind it; the address, at once. Raises as `launch` does."""
        try:
            _, address, _ = self.demo.launch(
                server_name=self.settings.host,
                server_port=self.settings.port,
                inbrowser=open_browser,
                prevent_thread_lock=True,
                quiet=True,
                share=False,
                **self.manner,
            )
        except (OSError, ValueError) as error:
            # gradio says it with a ValueError when the page it opened does not answer it within seconds.
            place = f"Port {self.settings.port} on {self.settings.host}"
            raise SetupError(f"{place} cannot be opened: choose another with --port.") from error
        self.loading.start()
        self.network.start()
        return str(address)

    @property
    def manner(self) -> dict[str, Any]:
        """How gradio is to serve the page, launched or mounted."""
        return {
            "app_kwargs": {"routes": self.viewer.lending.routes},
            "max_file_size": f"{self.settings.upload_mb}mb",
            "ssr_mode": False,
            "show_error": False,
            "run_history": False,
            "footer_links": [],
            "theme": look.THEME,
            "css": look.CSS,
        }

    def _lay_out(self) -> None:
        # gradio copies this empty desk for every session, and calls back when it forgets one. A method would
        # be copied too, at every visit, and with it the page, the assistant and the model's weights.
        self.desk = gr.State(Desk(), delete_callback=lambda desk: self.close(desk))
        card = self.assistant.card
        gr.Markdown(f"{look.STANDING} Speaking: **{card.name}**, {card.label}.", elem_id="standing")
        self.status = gr.Markdown(visible=False, elem_id="status")
        with gr.Row():
            with gr.Column(scale=7, min_width=320):
                self.viewer = viewer.Pane()
                self.intake = intake.Pane()
                self.picker = picker.Pane(_archive(self.settings))
                self.installed = examples.row("Examples", examples.INSTALLED)
                self.fetched = examples.row("Examples from the internet", examples.FETCHED, visible=False)
                self.earlier = earlier.Pane(self.keeper, self.render, self.close)
            with gr.Column(scale=6, min_width=340):
                self.chat = chat.Pane(self.assistant, self.loading, self.keeper)
                self.evidence = evidence.Pane()
                self.similar = similar.Pane(self.assistant, self.keeper)
                self.viewer.seen()
            with gr.Column(scale=5, min_width=320, elem_id="draft-column"):
                self.report = report.Pane(self.assistant, self.loading, self.keeper)
        self.timer = gr.Timer(0.5)
        self.hand = hand.Hand(self.viewer, self.chat, self.report)

    def render(self, desk: Desk) -> Update:
        """The whole page as this desk has it."""
        middle = (self.chat, self.evidence, self.similar)
        panes = (self.viewer, self.intake, self.picker, *middle, self.report)
        parts = (pane.render(desk) for pane in panes)
        return functools.reduce(operator.or_, parts, {self.desk: desk, **self.earlier.current(desk)})

    def progress(self, desk: Desk) -> Update:
        """How far the model is and whether there is a network; asked again until both are known."""
        self.loading.start()
        words = self.loading.words
        return {
            self.status: gr.Markdown(words, visible=bool(words)),
            self.fetched: gr.Dataset(visible=self.network.reached),
            self.chat.adapter: self.chat.adapters(desk),
            self.timer: gr.Timer(active=not (self.loading.ended and self.network.ended)),
        }

    def open(self, desk: Desk, paths: list[Path]) -> Iterator[Update]:
        yield {self.viewer.caption: "Reading …"}
        intake.take(desk, paths, self.limits)
        yield from self.taken(desk)

    def example(
        self, desk: Desk, number: int, shelf: examples.Shelf = examples.INSTALLED
    ) -> Iterator[Update]:
        examples.place(desk, shelf[number])
        yield from self.taken(desk)

    def fetch(self, desk: Desk, key: str | None) -> Iterator[Update]:
        """Opens a study from the archive."""
        yield from self.picker.fetch(desk, key, self.limits)
        yield from self.taken(desk)

    def taken(self, desk: Desk) -> Iterator[Update]:
        """What was opened, at once; then it is searched for names and kept, which takes a moment each."""
        with told():
            self.keeper.opened(desk)
        yield self.render(desk) | self.report.fitted(desk)
        with told():
            for name in intake.search(desk):
                yield {self.viewer.caption: f"Looking for names burnt into {name} …"}
        # Not the whole page: an answer may be under way that waited for this.
        yield self.hand.turned(desk)
        yield self.kept(desk)

    def kept(self, desk: Desk) -> Update:
        """The picture on show and the list of cases, once all frames are kept: nothing waits for that."""
        self.keeper.keep_pictures(desk)
        return self.hand.turned(desk) | self.earlier.listed(desk)

    def looked(self, desk: Desk) -> Iterator[Update]:
        self.chat.caution.looked(desk)
        yield self.render(desk)
        yield self.kept(desk)

    def leave(self, desk: Desk) -> Iterator[Update]:
        self.chat.caution.left_out(desk)
        yield self.render(desk)
        yield self.kept(desk)

    def speak(self, desk: Desk, adapter: str) -> None:
        desk.adapter = adapter

    def look_up(self, desk: Desk, corpora: Sequence[str]) -> None:
        desk.corpora = tuple(corpora)

    def forget(self, desk: Desk) -> Update:
        """Takes back every question; the pictures and the draft stay."""
        desk.halt("answer")
        desk.conversation = desk.conversation.before(0)
        self.keeper.keep(desk)
        return self.chat.at_rest(desk) | self.answered(desk)

    def clear(self, desk: Desk) -> Update:
        self.close(desk)
        return self.render(desk) | self.earlier.listed(desk)

    def close(self, desk: Desk) -> None:
        """Empties the desk, here and in what the model keeps of it; its case stays kept, as it was."""
        owner, kept = desk.conversation.owner, desk.kept
        folder, desk.folder = desk.folder, None
        desk.clear()
        self.assistant.forget(owner)
        self.keeper.keep(desk, kept)
        self.keeper.uploads(kept, folder)

    def ask(self, desk: Desk, question: str, about: Sequence[str]) -> Iterator[Update]:
        if self.report.proposed(desk, question):
            yield {self.desk: desk, **self.chat.emptied(desk)}
            return
        yield {self.desk: desk}
        yield from self.chat.ask(desk, question, about)

    def follow(self, desk: Desk, about: Sequence[str], chip: gr.SelectData) -> Iterator[Update]:
        """Asks what stands on a chip."""
        yield from self.ask(desk, str(chip.value), about)

    def answered(self, desk: Desk) -> Update:
        """All that an answer changes beside the conversation, once it has come."""
        middle = (self.chat.around, self.evidence.render)
        parts = (self.earlier.current, *middle, self.viewer.render, self.report.written)
        return functools.reduce(operator.or_, (part(desk) for part in parts), {self.desk: desk})

    def retry(self, desk: Desk, data: gr.RetryData) -> Iterator[Update]:
        yield from self.chat.again(desk, _message(data))

    def edit(self, desk: Desk, data: gr.EditData) -> Iterator[Update]:
        yield from self.chat.again(desk, _message(data), str(data.value))

    def undo(self, desk: Desk, data: gr.UndoData) -> Update:
        return self.chat.undo(desk, _message(data)) | self.evidence.render(desk) | self.viewer.render(desk)

    def _wire_pictures(self) -> None:
        whole, desk, pane = self.whole, self.desk, self.intake
        pane.drop.upload(self.open, [desk, pane.drop], whole, api_name="open", **OPENING)
        pane.folder.upload(self.open, [desk, pane.folder], whole, api_visibility="private", **OPENING)
        self.installed.click(self.example, [desk, self.installed], whole, api_name="example", **OPENING)
        fetch = functools.partial(self.example, shelf=examples.FETCHED)
        self.fetched.click(fetch, [desk, self.fetched], whole, api_visibility="private", **OPENING)

    def _wire_archive(self) -> None:
        pane, desk = self.picker, self.desk
        pane.text.submit(pane.search, [desk, pane.text], self.listed, **QUIET)
        pane.open.click(self.fetch, [desk, pane.studies], self.whole, **QUIET)
        pane.halt.click(pane.stop, desk, None, queue=False, **QUIET)

    def _wire_caution(self) -> None:
        caution, desk = self.chat.caution, self.desk
        caution.look.click(self.looked, desk, self.whole, **QUIET)
        caution.leave.click(self.leave, desk, self.whole, **QUIET)

    def _wire_chat(self) -> None:
        pane, desk, parts, say = self.chat, self.desk, self.said, self.saying
        asked = [desk, pane.box, pane.about]
        # A question sent while another is being answered comes next; it is not lost.
        for answered in (
            pane.box.submit(self.ask, asked, say, api_name="ask", trigger_mode="always_last", **MODEL),
            pane.chatbot.option_select(
                self.follow, [desk, pane.about], say, api_visibility="private", **MODEL
            ),
            pane.chatbot.retry(self.retry, desk, say, api_visibility="private", **MODEL),
            pane.chatbot.edit(self.edit, desk, say, api_visibility="private", **MODEL),
        ):
            answered.then(self.answered, desk, self.besides, **QUIET)
        pane.chatbot.undo(self.undo, desk, parts, **QUIET)
        pane.box.stop(pane.stop, desk, None, queue=False, **QUIET)
        pane.adapter.input(self.speak, [desk, pane.adapter], None, queue=False, **QUIET)
        pane.corpora.input(self.look_up, [desk, pane.corpora], None, queue=False, **QUIET)
        pane.consent.button.click(pane.consent.agree, desk, pane.consent.strip, queue=False, **QUIET)
        pane.chatbot.clear(self.forget, desk, parts, **QUIET)
        found = [desk, self.similar.cases]
        self.similar.button.click(self.similar.find, desk, found, api_visibility="private", **MODEL)
        pane.clear.click(self.clear, desk, self.whole, queue=False, api_name="clear", **SOFT)

    def _wire_report(self) -> None:
        pane, desk = self.report, self.desk
        known = [desk, pane.template, *pane.fields.values()]
        drafted = pane.button.click(pane.draft, known, self.drafted, api_name="draft", **MODEL)
        drafted.then(self.hand.turned, desk, self.turning, **QUIET)
        pane.halt.click(pane.stop, desk, None, queue=False, **QUIET)
        taken = pane.export.click(pane.exported, [desk, pane.form], pane.bytes, api_name="export", **SOFT)
        taken.success(None, [pane.bytes, pane.form], None, js=report.SAVE)


def _archive(settings: Settings) -> Server | None:
    """The picture archive that the settings name, if any."""
    if not settings.dicomweb:
        return None
    return Server(settings.dicomweb, user=settings.dicomweb_user, password=settings.dicomweb_password)


def mount(
    app: FastAPI,
    assistant: Assistant,
    settings: Settings,
    path: str = "/",
    network: examples.Network | None = None,
) -> FastAPI:
    """The same app with the page under that path; the slices of its pictures lie beneath it as well."""
    # Who comes to an app of somebody else's is not known here: each browser has its own cases.
    page = Page(assistant, settings, network, keeping.opened(settings, is_shared=True))
    whole: FastAPI = gr.mount_gradio_app(app, page.demo, path=path, **page.manner)
    return whole


def serve(
    assistant: Assistant,
    settings: Settings,
    *,
    opened: Callable[[str], object] = LOG.info,
    open_browser: bool = False,
) -> None:
    """Opens the page on settings.host and settings.port and stays until it is closed; see `Page.launch`."""
    page = Page(assistant, settings, keeper=keeping.opened(settings))
    page.launch(opened=opened, open_browser=open_browser)


@functools.cache
def private_folder() -> str:
    """Where gradio puts uploads: a folder of this process, closed to other users, gone when it ends."""
    if "GRADIO_TEMP_DIR" not in os.environ:
        os.environ["GRADIO_TEMP_DIR"] = folder = tempfile.mkdtemp(prefix="lightbox-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return os.environ["GRADIO_TEMP_DIR"]


def _message(data: gr.RetryData | gr.EditData | gr.UndoData) -> int:
    return data.index if isinstance(data.index, int) else data.index[0]
