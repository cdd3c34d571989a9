"""`python -m chat_app` is `lightbox`."""

from __future__ import annotations

import sys

from chat_app.cli import main

if __name__ == "__main__":
    sys.exit(main())
