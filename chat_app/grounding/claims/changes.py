"""What words say of a finding against an earlier picture."""

from __future__ import annotations

import re

# Where one side or part is compared with another, or a quality is described, nothing is said of time.
_TIMELESS = re.compile(
    r"\b(?:(?:larger|greater|smaller|less|more|worse) (?:\w+ )?(?:on|in|at) the (?:left|right)"
    r"|(?:larger|greater|smaller|less|more|worse) than (?:(?:on )?(?:the )?(?:left|right)|\d+)"
    r"|(?:increased|decreased|reduced|diminished) (?:\w+ )?(?:density|attenuation|signal|uptake|"
    r"echogenicity|volumes?|markings?|vascularity|flow|opacity|sclerosis|lucency|number)|new (?:york|born|"
    r"bone)|not new)\b"
)
_NO_CHANGE = (
    r"(?:no|not|without)(?: (?:\w+ ){0,3}?)?\s?(?:changes?|changed|increases?|increased|decreases?|"
    r"decreased|improvement|worsening|progression|growth)"
)
CHANGES = {
    "resolved": re.compile(
        r"\b(?:(?<!partially )(?<!partly )(?<!not )resolved|no longer|cleared|disappeared|resolution of|"
        r"(?:interval )?removal of|(?:been|was|were) removed)\b"
    ),
    "unchanged": re.compile(
        rf"\b(?:{_NO_CHANGE}|unchanged|stable|static|persist(?:s|ent|ing|ently)?|similar(?: to|"
        r" appearance|ly)?|again (?:seen|noted|demonstrated|identified|visuali[sz]ed)|constant|"
        r"remains? (?:the same|present|visible))\b"
    ),
    "new": re.compile(
        r"\b(?:new|newly|interval (?:development|appearance)|(?:has|have) (?:developed|appeared)|"
        r"not (?:seen|present|visible) (?:on|in|at) the (?:previous|prior))\b"
    ),
    "larger": re.compile(
        r"\b(?:larger|greater|bigger|increas(?:ed?|es|ing)|enlarging|(?:has|have) enlarged|progress(?:ed|"
        r"ion|ing|ive)|wors(?:e|ened|ening)|grown|grew|growing|growth|more (?:prominent|extensive|"
        r"conspicuous|pronounced|marked)|re-?accumulat\w+|expanded)\b"
    ),
    "smaller": re.compile(
        r"\b(?:smaller|decreas(?:ed?|es|ing)|improv(?:ed|ing|ement)|regress(?:ed|ion|ing)|resolving|"
        r"(?:partially|partly) resolved|reduced|reduction|diminished|shrunk|shrunken in the interval|"
        r"less (?:prominent|extensive|conspicuous|pronounced|marked)|clearing)\b"
    ),
}


def change(words: str) -> str:
    """ "new", "larger", "smaller", "unchanged", "resolved" or "", of words in lower case."""
    plain = _TIMELESS.sub(" ", words)
    return next((name for name, pattern in CHANGES.items() if pattern.search(plain)), "")
