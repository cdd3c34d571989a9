"""The findings, structures and regions that sentences are searched for, read from findings.toml.

It knows what they are called; what a sentence says of them it does not know.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "findings.toml"
ABNORMALITY = "abnormality"
WHOLE = "study"


@dataclass(frozen=True)
class Region:
    """A part of the body. parts, modalities: DICOM codes of pictures that may show it; none for any."""

    name: str
    parts: tuple[str, ...] = ()
    modalities: tuple[str, ...] = ()


@dataclass(frozen=True)
class Structure:
    """A place. within: what it is part of. normal: the finding denied when it is called normal."""

    name: str
    pattern: re.Pattern[str]
    normal: str
    within: str = ""
    region: str = ""
    sex: str = ""


@dataclass(frozen=True)
class Finding:
    """Something that a sentence can claim.

    of, quality: the structure that has it, and the words that give it. anatomy: where it is unless the
    sentence says. kind: the finding whose denial denies it too. region: where nowhere else has it. acute:
    a denial of all that is acute denies it. critical: it may have to be told at once. graded:
    "increased" right before it says how it looks. size_mm: from and to,
    the plausible lengths, why: their reason. like: what a sentence may call
    it as well. snomed: its SNOMED CT code, "" where none is certain.
    """

    name: str
    patterns: tuple[re.Pattern[str], ...]
    of: str = ""
    quality: str = ""
    anatomy: str = ""
    kind: str = ""
    region: str = ""
    acute: bool = False
    critical: bool = False
    graded: bool = False
    size_mm: tuple[float, float] | None = None
    why: str = ""
    snomed: str = ""
    like: str = ""

    @property
    def family(self) -> frozenset[str]:
        """Names under which an impression may speak of the same thing."""
        return frozenset({self.name, self.kind, self.like} - {""})


@dataclass(frozen=True)
class Vocabulary:
    """All of them by name."""

    regions: Mapping[str, Region]
    structures: Mapping[str, Structure]
    findings: Mapping[str, Finding]

    def around(self, structure: str) -> Iterator[str]:
        """The structure itself, then what it is part of, outwards."""
        while structure:
            yield structure
            structure = self.structures[structure].within if structure in self.structures else ""

    def region(self, finding: str, anatomy: str) -> str:
        """Where in the body that is, as far as words tell; "" where it may be anywhere."""
        stated = next((self.structures[name].region for name in self.around(anatomy)), "")
        return stated or (self.findings[finding].region if finding in self.findings else "")


@functools.cache
def known() -> Vocabulary:
    """What findings.toml holds."""
    table = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return Vocabulary(
        regions={row["name"]: _region(row) for row in table["region"]},
        structures={row["name"]: _structure(row) for row in table["structure"]},
        findings={row["name"]: _finding(row) for row in table["finding"]},
    )


def words(alternatives: str) -> re.Pattern[str]:
    """A pattern of whole words, in which a blank stands for any white space."""
    return re.compile(rf"(?<![\w-])(?:{alternatives})(?![\w])".replace(" ", r"\s"))


def _region(row: Mapping[str, Any]) -> Region:
    return Region(row["name"], tuple(row["parts"]), tuple(row.get("modalities", ())))


def _structure(row: Mapping[str, Any]) -> Structure:
    rest = {key: value for key, value in row.items() if key != "words"}
    return Structure(pattern=words("|".join(row["words"])), **rest)


def _finding(row: Mapping[str, Any]) -> Finding:
    rest = {key: value for key, value in row.items() if key not in ("words", "when", "size_mm")}
    low_high = row.get("size_mm")
    return Finding(
        patterns=tuple(words(each) for each in row["words"]),
        quality=row.get("when", ""),
        size_mm=(float(low_high[0]), float(low_high[1])) if low_high else None,
        **rest,
    )
