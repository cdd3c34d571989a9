"""The page as Hugging Face Spaces and `python app.py` start it. On a Space nothing of a visit is kept."""

from __future__ import annotations

from gradio.utils import get_space

from chat_app import settings as settings_module
from chat_app.assistant import Assistant
from chat_app.ui import keeping
from chat_app.ui.page import Page

# A Space is reached from outside its container; anywhere else the page stays on this machine.
settings = settings_module.load({"host": "0.0.0.0"} if get_space() else None)
page = Page(Assistant(settings), settings, keeper=keeping.opened(settings))
demo = page.demo

if __name__ == "__main__":
    page.launch(opened=print)
