"""One file sent to a DICOMweb server, and why it was not taken (STOW-RS, PS3.18 10.5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chat_app.dicomweb.line import faults, status
from chat_app.dicomweb.worklist import value
from chat_app.errors import InputError

if TYPE_CHECKING:
    from dicomweb_client import DICOMwebClient
    from requests import HTTPError

# What a server answers that refuses this one file and will take the next.
REFUSALS = (400, 409, 413, 415, 422)

# PS3.18 table I.2-2: why an instance was not stored; the digits that matter, and their value.
REASONS = (
    (0xFFFF, 0x0122, "it does not take files of this kind"),
    (0xFFFF, 0xC122, "it does not take this transfer syntax"),
    (0xFFFF, 0x0124, "this user may not store there"),
    (0xFF00, 0xA700, "it has no room left"),
    (0xFF00, 0xA900, "the file is not what its SOP class says"),
    (0xF000, 0xC000, "it cannot understand it, or identifiers are missing in it"),
)


def store(client: DICOMwebClient, where: str, data: bytes) -> None:
    """Sends a file as it is.

    Raises:
        InputError: the server did not take it, with its reason. SetupError: the server's faults.
    """
    from requests import HTTPError

    with faults():
        try:
            # The public method would have pydicom write the file anew.
            answer: Any = client._http_post_multipart_application_dicom(where, [data]).to_json_dict()
        except HTTPError as error:
            if status(error) not in REFUSALS:
                raise
            raise InputError(_refusal(_body(error))) from None
    if _failed(answer):
        raise InputError(_refusal(answer))


def told(refused: Mapping[str, Sequence[int]], count: int) -> Iterator[str]:
    """One sentence for each reason, with the number of the file it befell, or how many."""
    for sentence, numbers in refused.items():
        which = f"File {numbers[0]} of {count}" if len(numbers) == 1 else f"{len(numbers)} files"
        yield f"{which}: {sentence}"


def _body(error: HTTPError) -> Any:
    try:
        return error.response.json() if error.response is not None else {}
    except ValueError:
        return {}


def _failed(answer: Any) -> Sequence[Any]:
    """The items of the FailedSOPSequence."""
    sequence = answer.get("00081198") if isinstance(answer, Mapping) else None
    return (sequence.get("Value") if isinstance(sequence, Mapping) else None) or ()


def _refusal(answer: Any) -> str:
    reason = next((value(item, "FailureReason") for item in _failed(answer)), "")
    code = int(reason) if reason.isdecimal() else 0
    words = next((words for mask, bits, words in REASONS if code & mask == bits), "it gives no reason")
    return f"The server did not take this file: {words}."
