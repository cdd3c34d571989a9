"""Words that may say who somebody is, taken out of a document before it is indexed.

Rules for prose: dates to the day, numbers of people, telephones, addresses of mail, names beside the words
that announce them; milder than those for letters in pictures, under which every range of years would go.
A name in running text is not known to be one: free text is not guaranteed clean.
"""

from __future__ import annotations

import re

from chat_app.imaging.words import MONTHS

_MONTH = rf"(?:{MONTHS})[a-z]*\.?"
DATE = re.compile(
    r"(?<![\d.])(?:\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2})|(?:19|20)\d\d[-./]\d{1,2}[-./]\d{1,2})(?![\d.]*\d)"
    rf"|\b\d{{1,2}}(?:st|nd|rd|th|\.)?\s+(?:of\s+)?{_MONTH},?\s+(?:19|20)\d\d\b"
    rf"|\b{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+(?:19|20)\d\d\b",
    re.IGNORECASE,
)
MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
TELEPHONE = re.compile(r"(?<![\w.])(?:\+|\(?\b0|1[-. ])?\(?\d{2,4}\)?[-. ]\d{3,4}[-. ]\d{3,4}(?![\w]|\.\d)")
NUMBER = re.compile(
    r"\b(MRN|SSN|NHS|ID|PID|accession|patient|case|record|insurance|versicherten\w*)"
    r"(\s*(?:(?:no|nr|number|id)\b\.?)?\s*[:#=]?\s*)[A-Z]{0,4}-?\d[\d/-]{3,}",
    re.IGNORECASE,
)
SOCIAL = re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])")
LONG = re.compile(r"(?<![\w./:-])\d{7,}(?![\w./-])")
CARET = re.compile(r"[^\W\d_]{2,}\s?\^\s?[^\W\d_]*(?:\^[^\W\d_]*)*")  # SMITH^JOHN, as DICOM writes names
_PERSON = r"[^\W\d_a-z][\w'-]*\.?(?:,?[ \t]+[^\W\d_a-z][\w'-]*\.?){0,3}"
ANNOUNCED = re.compile(
    rf"\b((?i:patient(?:'s)? name|name|patient|pt|geb|physician|operator)\s*[:=]\s*){_PERSON}"
)
TITLED = re.compile(r"\b((?:Dr|Prof|Mr|Mrs|Ms)\.?\s+)[^\W\d_a-z][\w'-]+(?:[ \t]+[^\W\d_a-z][\w'-]+)?")


def scrubbed(text: str) -> str:
    """The text with [date], [number], [contact] and [name] where such stood."""
    text = MAIL.sub("[contact]", DATE.sub("[date]", text))
    text = NUMBER.sub(r"\1\2[number]", SOCIAL.sub("[number]", text))
    text = LONG.sub("[number]", TELEPHONE.sub("[contact]", text))
    return TITLED.sub(r"\1[name]", ANNOUNCED.sub(r"\1[name]", CARET.sub("[name]", text)))
