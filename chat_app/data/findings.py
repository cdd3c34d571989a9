"""What a check of a data set found: sentences with a count and a few ids, and the counts themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

MOST_IDS = 5


@dataclass(frozen=True)
class Finding:
    """One kind of thing that was found. is_fault: it must be mended before the set is used.

    says: a sentence that begins with the count. ids: of at most five records; never a path.
    """

    kind: str
    count: int
    says: str
    ids: tuple[str, ...] = ()
    is_fault: bool = True

    @property
    def line(self) -> str:
        more = ", ..." if self.count > len(self.ids) else ""
        return f"{self.says} ({', '.join(self.ids)}{more})" if self.ids else self.says


@dataclass(frozen=True)
class Findings:
    """sets: the reader of each set by its name. labels: pictures by label and split. seconds: it took."""

    sets: Mapping[str, str]
    records: int
    pictures: int
    splits: Mapping[str, int]
    labels: Mapping[str, Mapping[str, int]]
    found: tuple[Finding, ...]
    seconds: float

    @property
    def is_clean(self) -> bool:
        """Nothing must be mended; notes may be left."""
        return not any(finding.is_fault for finding in self.found)


def finding(kind: str, ids: Iterable[str], says: str, *, is_fault: bool = True) -> Iterable[Finding]:
    """One finding for these ids, or none for no id; `says` has {n} and words for one after "|": "is|are"."""
    found = list(dict.fromkeys(ids))
    if found:
        yield counted(kind, len(found), says, found, is_fault=is_fault)


def counted(kind: str, count: int, says: str, ids: Iterable[str] = (), *, is_fault: bool = True) -> Finding:
    """The same with a count of its own."""
    words = " ".join(_agreeing(word, count) for word in says.split(" ")).replace("{n}", f"{count:,}")
    return Finding(kind, count, words, tuple(dict.fromkeys(ids))[:MOST_IDS], is_fault)


def as_text(findings: Findings) -> str:
    """The findings for a terminal: faults first, then notes, then labels by split."""
    sets = ", ".join(f"{name} ({reader})" for name, reader in findings.sets.items())
    splits = ", ".join(f"{count:,} {name or 'without a split'}" for name, count in findings.splits.items())
    lines = [f"{sets}: {findings.records:,} records ({splits}), {findings.pictures:,} pictures."]
    lines += [f"MEND  {each.line}" for each in findings.found if each.is_fault]
    lines += [f"note  {each.line}" for each in findings.found if not each.is_fault]
    lines += _table(findings)
    verdict = "Nothing must be mended." if findings.is_clean else "What is marked MEND must be mended."
    return "\n".join([*lines, f"{verdict} Checked in {findings.seconds:.1f} s."])


def as_data(findings: Findings) -> dict[str, Any]:
    """The same as one JSON object."""
    return {
        "clean": findings.is_clean,
        "sets": dict(findings.sets),
        "records": findings.records,
        "pictures": findings.pictures,
        "splits": dict(findings.splits),
        "labels": {label: dict(counts) for label, counts in findings.labels.items()},
        "findings": [
            {"kind": e.kind, "mend": e.is_fault, "count": e.count, "says": e.says, "ids": list(e.ids)}
            for e in findings.found
        ],
        "seconds": round(findings.seconds, 2),
    }


def _agreeing(word: str, count: int) -> str:
    one, bar, many = word.partition("|")
    return (one if count == 1 else many) if bar else word


def _table(findings: Findings) -> list[str]:
    """Pictures by label and split."""
    if not findings.labels:
        return []
    names = list(findings.splits)
    rows = [("label", *(name or "-" for name in names))]
    rows += [
        (label, *(str(counts.get(name, 0)) for name in names)) for label, counts in findings.labels.items()
    ]
    wide = max(len(row[0]) for row in rows)
    return ["  ".join((row[0].ljust(wide), *(cell.rjust(6) for cell in row[1:]))) for row in rows]
