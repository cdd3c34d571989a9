"""Which side of the patient words speak of; a side of the picture is none."""

from __future__ import annotations

import re

_BOTH = re.compile(
    r"\b(?:bilateral(?:ly)?|both|bibas\w+|biapical|bihilar|bifrontal|bipleural|(?:either|each) "
    r"(?:side|lung|breast|lobe|hilum|kidney|base|axilla))\b"
)
_LEFT = re.compile(r"\b(?:left(?:-sided|wards?)?|lul|lll)\b")
_RIGHT = re.compile(r"\b(?:right(?:-sided|wards?)?|rul|rml|rll)\b")
# Words that are no side of the patient: a verb, a figure of speech, a chamber, a side of the paper.
_NO_SIDE = re.compile(
    r"\b(?:all right|right (?:away|now|here|there)|right angles?"
    r"|(?:left|right)[- ]hand(?:ed)?"
    r"|(?:what|all) (?:that )?is left|left (?:over|behind|untreated|alone|unchanged)"
    r"|(?:patient|he|she|they|who|has|had|have|having) left(?= (?:the|this|before|after|against|early|"
    r"without|for)\b)"
    r"|left anterior descending|(?:left|right) (?:ventric\w+|atri\w+|heart|axis)|left[- ]shift(?:ed)?"
    r"|(?:left|right)(?: (?:half|side|part|edge|border|corner|third))? of (?:the|this) (?:picture|image|"
    r"film|slice|view))"
    r"(?![\w-])"
)
# One letter for a side, told from a vertebra ("L1"), an order ("R/O") and a lumbar spine ("L-spine").
_LETTER = re.compile(r"(?<![\w/-])(L|R|Lt|Rt|LT|RT|lt|rt)\b\.?(?=\s|[,;)>]|-sided|$)")


def spelled(sentence: str) -> str:
    """The sentence with "L", "R", "Lt" and "Rt" written out."""
    return _LETTER.sub(lambda match: "left" if match[1][0] in "Ll" else "right", sentence)


def side(words: str) -> str:
    """ "left", "right", "both" or "", of words in lower case."""
    plain = _NO_SIDE.sub(" ", words)
    is_left, is_right = bool(_LEFT.search(plain)), bool(_RIGHT.search(plain))
    if _BOTH.search(plain) or (is_left and is_right):
        return "both"
    return "left" if is_left else "right" if is_right else ""
