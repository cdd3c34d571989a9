"""Lines that each carry a keyed hash (HMAC-SHA-256, RFC 2104) of themselves and of the one before.

The head, a line of its own, says how many there are and which is the last. It knows nothing of files.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

START = "0" * 64  # before the first event
SEALED = re.compile(rb'(\{[^\n]*),"mac":"([0-9a-f]{64})"\}\n')
LINE_END = len(',"mac":""}') + 1 + len(START)  # bytes of a line behind what its hash is of
EVENT, HEAD = b"event\n", b"head\n"  # so that neither can stand for the other


@dataclass(frozen=True)
class Verdict:
    """How many events there are, whether all are as they were written, and what was found, in words."""

    events: int
    sound: bool
    says: str


@dataclass(frozen=True)
class Head:
    """Events so far, the bytes they take (size), and the hash of the last one."""

    events: int = 0
    size: int = 0
    last: str = START

    def after(self, line: bytes) -> Head:
        """With one more line, which is a sealed one."""
        return Head(self.events + 1, self.size + len(line), mac(line))


def sealed(key: bytes, kind: bytes, form: Mapping[str, object]) -> bytes:
    """The form as a line with its hash."""
    body = json.dumps(form, separators=(",", ":")).encode()[:-1]
    return body + b',"mac":"' + _mac(key, kind, body) + b'"}\n'


def unsealed(key: bytes, kind: bytes, line: bytes) -> dict[str, Any] | None:
    """The form of a line, None when any byte of it is not as it was written."""
    match = SEALED.fullmatch(line)
    if match is None or not hmac.compare_digest(_mac(key, kind, match[1]), match[2]):
        return None
    form: dict[str, Any] = json.loads(match[1] + b"}")
    return form


def mac(line: bytes) -> str:
    """The hash that a sealed line carries."""
    return line[-67:-3].decode("ascii")


def head_line(key: bytes, head: Head) -> bytes:
    return sealed(key, HEAD, {"events": head.events, "size": head.size, "last": head.last})


def read_head(key: bytes, line: bytes) -> Head | None:
    """None when it is not as it was written."""
    form = unsealed(key, HEAD, line)
    return None if form is None else Head(**form)


def event_line(key: bytes, head: Head, form: Mapping[str, object]) -> bytes:
    """One more event behind those that the head counts."""
    return sealed(key, EVENT, {"n": head.events + 1, **form, "before": head.last})


def follows(key: bytes, head: Head, line: bytes) -> str:
    """ "" when the line is the next event behind the head's, else what is wrong with it."""
    form = unsealed(key, EVENT, line)
    if form is None:
        return f"event {head.events + 1} was changed"
    if (form["n"], form["before"]) != (head.events + 1, head.last):
        return f"event {form['n']} stands where {head.events + 1} must: some are gone, or out of order"
    return ""


def check(key: bytes, lines: Iterable[bytes], head: Head | None) -> Verdict:
    """Goes through all lines, each with its end, and holds what it finds against the head."""
    found, at_head = Head(), Head()
    for line in lines:
        if wrong := follows(key, found, line):
            return Verdict(found.events, False, f"The record is broken: {wrong}.")
        found = found.after(line)
        if head is not None and found.events == head.events:
            at_head = found
    if head is None:
        return Verdict(found.events, False, "The record is broken: its head is gone or was changed.")
    if found.events < head.events:
        gone = head.events - found.events
        return Verdict(
            found.events, False, f"The record is broken: the last {gone} of {head.events} are gone."
        )
    if at_head != head:
        return Verdict(
            found.events, False, "The record is broken: it is another one than its head speaks of."
        )
    late = found.events - head.events
    behind = f" The last {late} were written by a program that ended in the middle." if late else ""
    count = "1 event" if found.events == 1 else f"{found.events} events"
    return Verdict(found.events, True, f"{count}, each as it was written.{behind}")


def _mac(key: bytes, kind: bytes, body: bytes) -> bytes:
    return hmac.new(key, kind + body, hashlib.sha256).hexdigest().encode("ascii")
