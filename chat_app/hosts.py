"""Addresses of servers: whether one is whole, and whether what goes there leaves this machine."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

LONGEST = 2000

# urlsplit takes [::1].evil.example for ::1: behind the brackets nothing but a port may stand.
PLACE = re.compile(r"(\[[^\[\]]+\]|[^\[\]:]+)(:[0-9]*)?")
NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?")


def split(url: str) -> SplitResult | None:
    """The parts of an address of http or https, None when it is not whole."""
    # urlsplit drops line ends and tabs without a word.
    if not url.isprintable() or " " in url or len(url) > LONGEST:
        return None
    try:
        parts = urlsplit(url)
        is_whole = parts.scheme in {"http", "https"} and parts.port != 0 and _is_host(parts)
    except ValueError:
        return None
    return parts if is_whole else None


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_open(url: str) -> bool:
    """Whether others on the network can read what is sent there: plain http to another machine."""
    parts = urlsplit(url)
    return parts.scheme != "https" and not is_loopback(parts.hostname or "")


def _is_host(parts: SplitResult) -> bool:
    """Raises ValueError for a number that is no address."""
    place = PLACE.fullmatch(parts.netloc.rpartition("@")[2])
    host = parts.hostname or ""
    if not place or not host:
        return False
    # Numbers of other forms are read in different ways: 127.1 is 127.0.0.1 to some.
    if place[1].startswith("[") or host.rpartition(".")[2].isdecimal():
        return bool(ipaddress.ip_address(host))
    return bool(NAME.fullmatch(host if host.isascii() else _coded(host)))


def _coded(host: str) -> str:
    """A name of other letters as it is looked up, "" where that is the name of something else."""
    coded = host.encode("idna")
    # A round l is looked up as an l.
    return coded.decode("ascii") if coded.decode("idna") == host else ""
