"""The name of a model on a server, taken apart: "openai:NAME@URL"."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from chat_app.errors import SetupError

SCHEME = "openai:"
API = "/v1"


@dataclass(frozen=True)
class Address:
    """model: what the server calls it. url: where its API begins, which often ends in /v1."""

    model: str
    url: str

    @property
    def root(self) -> str:
        """Where the server's own pages begin, beside the API."""
        return self.url.removesuffix(API)

    @property
    def host(self) -> str:
        """The machine, with its port where one is given."""
        return urlsplit(self.url).netloc

    @property
    def is_loopback(self) -> bool:
        return _is_loopback(urlsplit(self.url).hostname or "")

    @property
    def elsewhere(self) -> str:
        """The machine when it is another one, else ""."""
        return "" if self.is_loopback else self.host


def parsed(name: str) -> Address:
    """The address in that name; names of models hold @ and : too, so the last @ parts them.

    Raises:
        SetupError: it is malformed, or the URL holds credentials, a query or a fragment.
    """
    model, found, url = name.removeprefix(SCHEME).rpartition("@")
    if "://" in model:
        raise SetupError("The model's address holds a user or password: give a key in LIGHTBOX_API_KEY.")
    parts = _split(url)
    if not (model.strip() and found and parts):
        raise SetupError(
            "A model on a server is named as in openai:medgemma-4b@http://127.0.0.1:8000/v1: "
            "its name, an @ and an address of http or https."
        )
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise SetupError("The model's address must end with its path: leave out ? and #.")
    # Asked at its root, a server answers with a page or nothing.
    path = parts.path.rstrip("/") or API
    return Address(model.strip(), f"{parts.scheme}://{parts.netloc}{path}")


def _split(url: str) -> SplitResult | None:
    """The parts of an address that is whole."""
    # urlsplit drops line ends and tabs without a word.
    if any(letter.isspace() or not letter.isprintable() for letter in url):
        return None
    try:
        parts = urlsplit(url)
        is_whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if is_whole else None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
