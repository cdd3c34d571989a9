"""The domain's words as frozen records. They know nothing of files, models or pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chat_app.records.conversation import (
    Answer,
    Conversation,
    ModelId,
    Report,
    Section,
    Source,
    Statement,
    Turn,
    Waiting,
)
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

if TYPE_CHECKING:
    from chat_app.records.pictures import Pixels as Pixels

__all__ = [
    "NAME",
    "Answer",
    "Box",
    "Contract",
    "Conversation",
    "Frame",
    "Image",
    "Look",
    "ModelId",
    "Origin",
    "Plane",
    "Report",
    "Section",
    "Source",
    "Stack",
    "Statement",
    "Study",
    "Turn",
    "View",
    "Waiting",
    "Window",
]
