"""One text as far as a claim and a passage are compared: its words, amounts, names, turns and findings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from chat_app.grounding.citations.quantities import MEASURE, Quantity, quantities
from chat_app.grounding.citations.turns import Turns
from chat_app.grounding.citations.words import known
from chat_app.grounding.claims import LONGEST, read
from chat_app.grounding.claims.mentions import mentions, places
from chat_app.grounding.statements import sentences
from chat_app.grounding.vocabulary import ABNORMALITY, WHOLE
from chat_app.records import Presence

# Words that name: with digits, or built as names of diseases, drugs and procedures are.
NAMING = re.compile(
    r"[a-z]+\d\w*|\d+[a-z]\w*|\w+(?:itis|oma|osis|emia|aemia|pathy|algia|ectomy|otomy|oscopy|ography|plasty|trophy|"
    r"rrhea|rrhoea|rrhage|cillin|mycin|cycline|olol|pril|sartan|statin|azole|mab|nib|vir|parin|caine|"
    r"dipine|zepam|oxacin|gliptin|glitazone|tidine|prazole|triptan|thyroidism|glycemia|tension|pnea|uria|"
    r"plegia|phagia|phasia|cyte|blast|ase|gen|ine|one)"
)
CAPITALS = re.compile(r"(?<=[\w,] )[A-Z][\w-]*[A-Za-z]|\b[A-Z]{2,6}\b")


@dataclass(frozen=True)
class Said:
    """A sentence, or two; each part of it is worked out when it is asked for."""

    text: str

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Every word that is compared, in its place."""
        return tuple(word for word, _ in known().words(self.text.lower()))

    @cached_property
    def words(self) -> frozenset[str]:
        """Those but numbers and units, which are compared as amounts."""
        return frozenset(word for word in self.order if not MEASURE.fullmatch(word))

    @cached_property
    def triples(self) -> tuple[tuple[str, str, str], ...]:
        """Each word with the one before and the one after, "" at the ends."""
        return tuple(zip(("", *self.order), self.order, (*self.order[1:], ""), strict=False))

    @cached_property
    def amounts(self) -> frozenset[Quantity]:
        return quantities(self.text)

    @cached_property
    def amounts_together(self) -> tuple[frozenset[Quantity], ...]:
        """Those of each sentence of it."""
        return tuple(quantities(each) for each in sentences(self.text))

    @cached_property
    def turns(self) -> Turns:
        return Turns(self.text)

    @cached_property
    def named(self) -> dict[str, frozenset[str]]:
        """What it names of the vocabulary that is particular, each with the words that name it."""
        low, found = self.text.lower()[:LONGEST], dict[str, frozenset[str]]()
        spots = [(each.finding, each.start, each.end) for each in mentions(low)]
        spots += [(each.structure.name, each.start, each.end) for each in places(low)]
        for name, start, end in spots:
            if name not in (WHOLE, ABNORMALITY):
                found[name] = found.get(name, frozenset()) | words(low[start:end])
        return found

    @cached_property
    def names(self) -> frozenset[str]:
        """Words that are names by their looks."""
        capitals = {word for match in CAPITALS.finditer(self.text) for word in words(match.group())}
        return frozenset(word for word in self.words if word in capitals or NAMING.fullmatch(word))

    @cached_property
    def states(self) -> frozenset[tuple[str, bool]]:
        """Each finding that it claims, and whether to be absent."""
        claims = (claim for each in sentences(self.text) for claim in read(each))
        return frozenset((claim.finding, claim.presence is Presence.ABSENT) for claim in claims)


def words(text: str) -> frozenset[str]:
    """Those that are compared, one for all that mean the same."""
    return frozenset(word for word, _ in known().words(text))
