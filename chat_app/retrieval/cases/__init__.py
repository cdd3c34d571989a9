"""Libraries of past pictures with their reports, in which a new picture finds those that look like it.

A library belongs to whoever made it: nobody else can list it or find anything in it. Pictures are compared by
a vision tower that is handed in; it does not know what makes two pictures clinically alike.
"""

from __future__ import annotations

from chat_app.retrieval.cases.library import names as libraries
from chat_app.retrieval.cases.search import similar

__all__ = ["libraries", "similar"]
