"""The domain's words as frozen records. They know nothing of files, models or pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chat_app.records.cases import Similar, Tower
from chat_app.records.conversation import Answer, Conversation, Turn, Waiting
from chat_app.records.models import ModelId
from chat_app.records.passages import Citation, Passage
from chat_app.records.pictures import (
    NAME,
    Box,
    Contract,
    Frame,
    Image,
    Look,
    Origin,
    Plane,
    Stack,
    Study,
    View,
    Window,
)
from chat_app.records.report import (
    Category,
    Claim,
    Presence,
    Remark,
    Report,
    Review,
    Section,
    Signature,
    Source,
    Statement,
    Status,
)

if TYPE_CHECKING:
    from chat_app.records.cases import Vectors as Vectors
    from chat_app.records.pictures import Pixels as Pixels

__all__ = [
    "NAME",
    "Answer",
    "Box",
    "Category",
    "Citation",
    "Claim",
    "Contract",
    "Conversation",
    "Frame",
    "Image",
    "Look",
    "ModelId",
    "Origin",
    "Passage",
    "Plane",
    "Presence",
    "Remark",
    "Report",
    "Review",
    "Section",
    "Signature",
    "Similar",
    "Source",
    "Stack",
    "Statement",
    "Status",
    "Study",
    "Tower",
    "Turn",
    "View",
    "Waiting",
    "Window",
]
