"""Studies fetched from a hospital's DICOMweb server, and files sent to it.

Nothing here knows what is in a file. Whose study it is, it tells to the one who searches and to nobody else:
no log and no fault holds a name, an identifier or an address.
"""

from __future__ import annotations

from chat_app.dicomweb.server import Pushed, Server
from chat_app.dicomweb.worklist import Found

__all__ = ["Found", "Pushed", "Server"]
