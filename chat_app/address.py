"""The name of a model on a server, taken apart: "openai:NAME@URL"."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from chat_app import hosts
from chat_app.errors import SetupError

SCHEME = "openai:"
API = "/v1"

# Where Ollama's models run whose tag says cloud, whichever Ollama is asked (its internal/modelref).
CLOUD = "ollama.com"

OPEN = (
    "The model's server is asked unencrypted, over plain http: others on the network can read the pictures "
    "and words that are sent."
)


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
        """The machine that is asked, with its port where one is given."""
        return urlsplit(self.url).netloc

    @property
    def is_loopback(self) -> bool:
        return hosts.is_loopback(urlsplit(self.url).hostname or "")

    @property
    def is_cloud(self) -> bool:
        """Whether an Ollama would pass the question on, as with NAME:cloud and NAME:235b-cloud."""
        _, found, tag = self.model.casefold().rpartition(":")
        return bool(found) and (tag.strip() == "cloud" or tag.endswith("-cloud"))

    @property
    def elsewhere(self) -> str:
        """The machine that the model runs on when it is another one, else ""."""
        if self.is_cloud and self.host != CLOUD:
            return f"{CLOUD}, by way of {self.host}"
        return "" if self.is_loopback else self.host

    @property
    def warning(self) -> str:
        """What the user must know of the way there, "" when nothing."""
        return OPEN if hosts.is_open(self.url) else ""


def parsed(name: str) -> Address:
    """The address in that name; names of models hold @ and : too, so the last @ parts them.

    Raises:
        SetupError: it is malformed, or the URL holds credentials, a query or a fragment.
    """
    model, found, url = name.removeprefix(SCHEME).rpartition("@")
    if "://" in model:
        raise SetupError("The model's address holds a user or password: leave them out, and set its key.")
    parts = hosts.split(url)
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
