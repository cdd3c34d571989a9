"""Run by the Python that has RadEval: reports on standard input, the score of each on standard output.

It imports nothing of Lightbox, which is not installed there. A metric whose weights are missing is left out.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
from typing import Any


def main() -> None:
    """One metric after another, so that one without weights costs only itself."""
    asked: dict[str, Any] = json.load(sys.stdin)
    # By name: it is no dependency of Lightbox.
    radeval = importlib.import_module("radeval")
    found: dict[str, list[float]] = {}
    for metric in asked["metrics"]:
        # What it and its libraries print would be taken for scores.
        with contextlib.redirect_stdout(sys.stderr):
            try:
                score = radeval.RadEval(metrics=[metric], per_sample=True)
                scores = score(refs=asked["references"], hyps=asked["candidates"])
            except (ImportError, OSError, RuntimeError, ValueError) as fault:
                sys.stderr.write(f"{metric}: {type(fault).__name__}\n")
                continue
        found |= {name: values for name, values in scores.items() if isinstance(values, list)}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
