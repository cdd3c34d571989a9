"""A passage of a document that may be cited, and a citation of one, as frozen records."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Passage:
    """Some sentences of a document, and where they stand in it.

    id: a hash of the words and their place. section: the path of headings above it ("Chest > Nodules").
    page: of a PDF, from 1; 0 where there are no pages. source: the name that the person gave the document,
    never a path of this machine. licence: as the document states it, "" where it states none.
    """

    id: str
    text: str
    title: str
    section: str = ""
    page: int = 0
    source: str = ""
    licence: str = ""

    @property
    def place(self) -> str:
        """Title, section, page and source, for people."""
        page = f"page {self.page}" if self.page else ""
        source = self.source if self.source != self.title else ""
        return ", ".join(filter(None, (self.title, self.section, page, source)))


@dataclass(frozen=True)
class Citation:
    """What a sentence of an answer, or a part of one, says that a passage says, and whether it does.

    number: of the passage as the answer writes it, "[P1]" is the first given. sentence: what is cited for,
    without the numbers. passage: its id, "" when no such passage was given. is_supported: its words bear the
    sentence out. quote: the words of the passage that come nearest, "" where none do.
    """

    number: int
    sentence: str
    passage: str
    is_supported: bool
    quote: str = ""
