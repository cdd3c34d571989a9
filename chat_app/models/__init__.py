"""The models and what is known about them. Importing this folder closes LangChain's way off the machine.

LangChain brings LangSmith, which sends every prompt away when one of these variables is set in the user's
environment. Here, before any of it is imported, they are all set to "false": a picture's question stays here.
"""

from __future__ import annotations

import os

for _variable in ("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING", "LANGCHAIN_TRACING_V2"):
    os.environ[_variable] = "false"
