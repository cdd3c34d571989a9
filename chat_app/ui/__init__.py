"""The page. It shows, asks and collects; it knows nothing clinical and nothing of models."""

from __future__ import annotations

import os

# Read by gradio when it is first imported: nothing about a use of this page leaves the machine.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
