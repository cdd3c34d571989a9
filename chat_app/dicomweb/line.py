"""The line to a DICOMweb server: its address, what runs over it counted, its faults in our words.

It is dicomweb-client over requests, both silenced, because their logs hold whole addresses.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chat_app import hosts
from chat_app.dicomweb import worklist
from chat_app.errors import ChatAppError, InputError, SetupError, TooLarge
from chat_app.imaging.limits import MEGA, Limits

if TYPE_CHECKING:
    from dicomweb_client import DICOMwebClient
    from requests import HTTPError, PreparedRequest, RequestException, Response

CHUNK = MEGA

# Files come in the transfer syntax they are stored in: nothing is coded anew on the way (PS3.18 8.7.3.5.2).
AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'

# A study's UID stands in the path, a patient's name in the query.
TALKERS = ("dicomweb_client.web", "dicomweb_client.uri", "retrying", "urllib3.connectionpool")

GONE = "The server has no such study, or nothing in it: search again."
OTHER = "The server did not answer as DICOMweb does: check its address, which often ends in /dicom-web."


@dataclass(frozen=True)
class Credentials:
    """Who asks: a token, or a user with a password, or nobody; called with each request before it goes."""

    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        from requests.auth import HTTPBasicAuth

        # The library writes a star as %2A, which Orthanc 1.10 does not read; RFC 3986 3.4 lets it stand.
        request.url = (request.url or "").replace("%2A", "*")
        if self.token:
            request.headers["Authorization"] = f"Bearer {self.token}"
        elif self.user:
            HTTPBasicAuth(self.user.encode(), self.password.encode())(request)
        return request


class Meter:
    """Counts what a server sends while it sends it, and ends it at a limit; a hook of `requests`.

    total: bytes of this call. since: bytes since the last whole file.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.total = self.since = 0

    def __call__(self, response: Response, *_: Any, **__: Any) -> Response:
        chunks = response.iter_content

        def counted(*args: Any, **options: Any) -> Iterator[bytes]:
            for chunk in chunks(*args, **options):
                self._add(len(chunk))
                yield chunk

        response.iter_content = counted  # type: ignore[method-assign]
        return response

    def _add(self, count: int) -> None:
        self.total += count
        self.since += count
        most = self.limits.study_bytes
        if self.total > most:
            raise TooLarge(f"This study has more than {most / MEGA:g} MB: fetch one series of it.")
        # A chunk may hold the end of one file and the beginning of the next.
        most = self.limits.file_bytes
        if self.since > most + CHUNK:
            raise TooLarge(f"A file of this study has more than {most / MEGA:g} MB: fetch another series.")


@contextmanager
def opened(
    url: str, credentials: Credentials, timeout: float, limits: Limits
) -> Iterator[tuple[DICOMwebClient, Meter]]:
    """A client for one call, with the meter through which all that it receives runs."""
    from dicomweb_client import DICOMwebClient
    from requests import Session

    meter = Meter(limits)
    with Session() as session:
        session.auth = credentials
        # A server that sends us on would have the question told to another host, or in the clear.
        session.max_redirects = 0
        client = DICOMwebClient(
            url, session=session, callback=meter, chunk_size=CHUNK, timeout=timeout, permissive_uid=True
        )
        client.set_http_retry_params(retry=False)
        yield client, meter


def found(client: DICOMwebClient, keys: Mapping[str, str], limit: int) -> list[worklist.Found]:
    """The studies that one query finds; raises SetupError."""
    with faults():
        answer = client.search_for_studies(limit=limit, fields=worklist.ASKED, search_filters=dict(keys))
        return worklist.studies(answer)


def files(client: DICOMwebClient, where: str) -> Iterator[bytes]:
    """The files of a study or series as the server keeps them, one at a time.

    Not by the client's public methods: those have pydicom read each file, which inflates a deflated one
    without a limit and ends at the first damaged one.

    Raises:
        InputError: there is no such study. SetupError: the server's faults. TooLarge: the meter's.
    """
    with faults(missing=GONE):
        response = client._http_get(where, headers={"Accept": AS_STORED}, stream=True)
        parts = _parts(client, response)
    while True:
        with faults():
            data = next(parts, None)
        if data is None:
            return
        if data[128:132] != b"DICM":
            raise SetupError(OTHER)
        yield data


def _parts(client: DICOMwebClient, response: Response) -> Iterator[bytes]:
    # Against the standard, yet met: a lone file without an envelope.
    if response.headers["Content-Type"].startswith("application/dicom"):
        return iter([response.content])
    return client._decode_multipart_message(response, stream=True)


def library() -> None:
    """Finds the optional library and silences it; raises SetupError when it is not installed."""
    try:
        import dicomweb_client
    except ImportError as error:
        raise SetupError("DICOMweb is an extra: run pip install 'lightbox-chat[dicomweb]'.") from error
    del dicomweb_client
    for name in TALKERS:
        logging.getLogger(name).addFilter(_silent)


def _silent(_: logging.LogRecord) -> bool:
    return False


def checked(url: str) -> str:
    """The address as the library wants it.

    Raises:
        SetupError: it is not of http or https, or holds credentials, a query or a fragment.
    """
    parts = hosts.split(url.strip())
    if not parts:
        raise SetupError("The DICOMweb server needs an address such as https://pacs.example/dicom-web.")
    if "@" in parts.netloc:
        raise SetupError("The DICOMweb server's address holds a user or password: give those by themselves.")
    if parts.query or parts.fragment:
        raise SetupError("The DICOMweb server's address must end with its path: leave out ? and #.")
    return url.strip().rstrip("/")


def warning(url: str) -> str:
    """What the user must know of this address, "" when nothing."""
    if not hosts.is_open(url):
        return ""
    return "The DICOMweb server is asked over plain http: others on the network can read what is sent."


@contextmanager
def faults(missing: str = "") -> Iterator[None]:
    """Runs a call of the library; its faults become ours, without their text, which holds the address.

    missing: what a 404 means here.
    """
    from requests import HTTPError, RequestException

    try:
        yield
    except HTTPError as error:
        raise _answered(status(error), missing) from None
    except RequestException as error:
        raise SetupError(_broken(error)) from None
    except (ValueError, KeyError):
        raise SetupError(OTHER) from None


def status(error: HTTPError) -> int:
    return 0 if error.response is None else error.response.status_code


def _answered(code: int, missing: str) -> ChatAppError:
    if code in (401, 403):
        return SetupError("The DICOMweb server refused our user, password or token, or they may not do this.")
    if code == 404 and missing:
        return InputError(missing)
    if code >= 500 or code == 429:
        return SetupError(f"The DICOMweb server failed at this (HTTP {code}): try again or ask who runs it.")
    return SetupError(OTHER)


def _broken(error: RequestException) -> str:
    from requests import exceptions

    if isinstance(error, exceptions.SSLError):
        return (
            "The DICOMweb server shows no certificate that is trusted here: check its address, or name the "
            "file of its authority in REQUESTS_CA_BUNDLE."
        )
    # A pause within an answer is no Timeout to requests, but one inside a ConnectionError.
    if isinstance(error, exceptions.Timeout) or "Read timed out" in str(error):
        return "The DICOMweb server took too long to answer: try again, or ask for less."
    if isinstance(error, exceptions.ChunkedEncodingError):
        return "The connection to the DICOMweb server broke off: try again."
    if isinstance(error, exceptions.ConnectionError):
        return "The DICOMweb server cannot be reached: check that it runs, and its address and port."
    if isinstance(error, exceptions.TooManyRedirects):
        return "The DICOMweb server sends on to another address: name that one, or check the sign-in."
    return OTHER
