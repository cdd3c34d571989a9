"""Foreign text made fit for any form: nothing in it is unseen, turns the writing round, or breaks a file.

It knows no markup: each form escapes that itself.
"""

from __future__ import annotations

import re

# Control characters; those that turn the direction of writing and so can hide what a line says (Unicode
# Standard Annex 9, explicit directional formatting); and those that have no width at all. The joiners stay,
# for scripts and emoji need them.
UNSEEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)
# Halves of a character and code points that are none: no UTF-8 and no XML 1.0 file may hold them.
BROKEN = re.compile(r"[\ud800-\udfff\ufffe\uffff]")
REPLACEMENT = "\ufffd"


def whole(text: str) -> str:
    """The text with a visible mark in the place of what is no character."""
    return BROKEN.sub(REPLACEMENT, text)


def line(text: str) -> str:
    """The text on one line, without anything unseen."""
    return " ".join(UNSEEN.sub(" ", whole(text)).split())


def shortened(text: str, most: int) -> str:
    """One line of at most so many characters; what was cut shows as an ellipsis."""
    short = line(text)
    return short if len(short) <= most else f"{short[: most - 1]}…"
