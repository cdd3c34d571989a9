"""Passages of a person's own documents, and past cases that look like a picture: indexed once, then found.

It is an extra: nothing of it is loaded until documents are indexed or searched. What it finds is somebody's
text, never an instruction, and it does not know whether the text is right.
"""

from __future__ import annotations

from chat_app.settings import Settings

FOLDER, CORPORA, LIBRARIES = "passages", "corpora", "libraries"
MISSING = "Documents are read and searched by an extra: run pip install 'lightbox-chat[retrieval]'."


def corpora(settings: Settings) -> tuple[str, ...]:
    """The names of the corpora that are there, sorted."""
    folder = settings.folder / FOLDER / CORPORA
    return tuple(sorted(path.name for path in folder.iterdir() if path.is_dir())) if folder.is_dir() else ()


def has_libraries(settings: Settings) -> bool:
    """Whether anybody keeps past cases here."""
    return (settings.folder / LIBRARIES).is_dir()
