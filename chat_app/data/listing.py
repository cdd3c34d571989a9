"""What can be found wrong in a set's list alone, without opening a picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from chat_app.data import identifiers
from chat_app.data.findings import Finding, counted, finding
from chat_app.data.records import Fault, Record

UNEVEN = 10
"""How many times as frequent as another a label must be for it to be said."""

FAULTS: Mapping[Fault, str] = {
    Fault.BOX: "{n} box|boxes lies|lie outside the picture or has|have corners out of order: mend or delete.",
    Fault.TURN: "{n} turn|turns of a conversation has|have no question or no answer: pair or delete.",
    Fault.CHOICE: "{n} answer|answers is|are none of the choices: mend or delete.",
    Fault.PICTURE: "{n} record|records has|have no picture at all, and will not be used: delete.",
}


def listed(records: Sequence[Record]) -> Iterator[Finding]:
    """Every finding in the list; records of one set stand together."""
    yield from _rows(records)
    yield from _words(records)
    yield from _groups(records)
    yield from _licences(records)
    for name, of_set in groupby(records, key=lambda record: record.set):
        yield from _balance(name, list(of_set))


def label_counts(records: Iterable[Record]) -> Mapping[str, Mapping[str, int]]:
    """Pictures by label, most frequent first, and by split."""
    counts = _counts(records)
    return dict(sorted(counts.items(), key=lambda item: -item[1].total()))


def _rows(records: Sequence[Record]) -> Iterator[Finding]:
    often = Counter(record.name for record in records)
    twice = [name for name, count in often.items() if count > 1]
    yield from finding("ids", twice, "{n} id|ids stands|stand for more than one record: number them anew.")
    for fault, says in FAULTS.items():
        faulty = [record.name for record in records for each in record.faults if each is fault]
        if faulty:
            yield counted(f"fault.{fault}", len(faulty), says, faulty)
    told = [record.name for record in records if identifiers.in_record(record)]
    says = "{n} record|records has|have a field named after what identifies people: take it out of the list."
    yield from finding("identifiers.field", told, says)


def _words(records: Sequence[Record]) -> Iterator[Finding]:
    for part, word in ((0, "question"), (1, "answer")):
        empty = [r.name for r in records if any(not each[part].strip() for each in r.exchanges)]
        yield from finding(
            f"empty.{word}", empty, f"{{n}} record|records has|have an empty {word}: fill or delete."
        )
    named = ("findings", "impression")
    bare = [r.name for r in records if r.report and not any(part in r.sections for part in named)]
    says = "{n} report|reports has|have neither findings nor impression under a heading: look at them."
    yield from finding("sections", bare, says, is_fault=False)


def _groups(records: Sequence[Record]) -> Iterator[Finding]:
    """Groups in two splits, and records of which nobody can tell."""
    splits: dict[tuple[str, str], set[str]] = {}
    first: dict[tuple[str, str], str] = {}
    for record in (each for each in records if each.group):
        key = (record.set, record.group)
        splits.setdefault(key, set()).add(record.split)
        first.setdefault(key, record.name)
    leaking = [first[key] for key, found in splits.items() if len(found) > 1]
    says = "{n} group|groups (patients or cases) lies|lie in more than one split: split by group."
    yield from finding("leak.group", leaking, says)
    ungrouped = [record.name for record in records if not record.group]
    says = "{n} record|records names|name no group (patient or case), so leaks between splits can hide."
    yield from finding("group", ungrouped, says, is_fault=False)
    unsplit = [record.name for record in records if not record.split]
    says = "{n} record|records belongs|belong to no split: split them by group."
    yield from finding("split", unsplit, says, is_fault=False)


def _licences(records: Sequence[Record]) -> Iterator[Finding]:
    bare = [record.name for record in records if not record.licence]
    says = "{n} record|records has|have no licence: write it into the field licence."
    yield from finding("licence", bare, says)


def _balance(name: str, records: Sequence[Record]) -> Iterator[Finding]:
    """Labels that the training split hardly has, or not at all."""
    counts = _counts(records)
    learnt = "train" if any(record.split == "train" for record in records) else ""
    known = Counter({label: by[learnt] if learnt else by.total() for label, by in counts.items()})
    unlearnt = [label for label in counts if not known[label]]
    says = f"{{n}} label|labels of {name} occurs|occur outside its training split only."
    if unlearnt:
        yield counted("unlearnt", len(unlearnt), says, _first_ids(records, unlearnt), is_fault=False)
    present = [label for label in known if known[label]]
    most = max((known[label] for label in present), default=0)
    rare = [label for label in present if known[label] * UNEVEN <= most]
    says = f"{{n}} label|labels of {name} is|are {UNEVEN} times as rare as its most frequent one, or rarer."
    if rare:
        yield counted("imbalance", len(rare), says, _first_ids(records, rare), is_fault=False)


def _counts(records: Iterable[Record]) -> dict[str, Counter[str]]:
    """Pictures by label and split, each picture once however many questions are about it."""
    seen = {(label, record.split, record.path) for record in records for label in record.labels}
    counts: dict[str, Counter[str]] = {}
    for label, split, _ in sorted(seen, key=lambda item: item[:2]):
        counts.setdefault(label, Counter())[split] += 1
    return counts


def _first_ids(records: Sequence[Record], labels: Sequence[str]) -> list[str]:
    return [next(record.name for record in records if label in record.labels) for label in labels]
