"""The metrics of reports that need weights, by RadEval in an environment of its own.

RadEval pins packages that Lightbox cannot be installed beside; so another Python computes them. Reports go to
it as JSON on its standard input, scores come back as JSON from its output.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from chat_app.errors import SetupError

SCRIPT = Path(__file__).with_name("radeval_script.py")
METRICS = ("radgraph", "f1chexbert", "ratescore", "green")
HOURS = 6
WRONG = "RadEval did not score the reports: check that this Python has it, with its weights."


def scores(python: str, replies: Sequence[str], truths: Sequence[str]) -> dict[str, list[float]]:
    """Each metric's score of each report, by RadEval's own names; those alone that could be computed.

    Raises:
        SetupError: there is no such Python, it takes HOURS, or what it writes is no score of each report.
    """
    asked = {"metrics": METRICS, "references": list(truths), "candidates": list(replies)}
    # -P: the script's folder holds modules of ours that would be taken for others of their name.
    command = [python, "-P", str(SCRIPT)]
    try:
        done = subprocess.run(
            command, input=json.dumps(asked), capture_output=True, text=True, check=True, timeout=HOURS * 3600
        )
        found = json.loads(done.stdout)
        return {str(name): _each(values, len(replies)) for name, values in found.items()}
    except (OSError, subprocess.SubprocessError, ValueError, AttributeError, TypeError) as error:
        raise SetupError(WRONG) from error


def _each(values: Sequence[float], count: int) -> list[float]:
    if len(values) != count:
        raise ValueError("A score for each report is needed.")
    return [float(value) for value in values]
