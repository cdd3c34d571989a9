"""What the page and the command line ask of a DICOMweb server: search, receive, pull, push."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from chat_app.dicomweb import disk, line, store, worklist
from chat_app.dicomweb.worklist import Found
from chat_app.errors import InputError, TooLarge
from chat_app.imaging.limits import Limits

DEFAULT = Limits()

Say = Callable[[str], object]


@dataclass(frozen=True)
class Pushed:
    """How many files the server took, and one sentence for each reason why it did not take others."""

    stored: int
    refused: tuple[str, ...] = ()

    def as_text(self) -> str:
        return "\n".join([f"{self.stored} files were stored on the server.", *self.refused])


class Server:
    """A DICOMweb server by its address ("https://pacs.example/dicom-web").

    It keeps no connection, so that one may serve several people at once. timeout: seconds without a byte.
    warning: what a user must know of the address, "" when nothing.

    Raises:
        SetupError: the extra is not installed, or the address is not a plain one of http or https.
    """

    def __init__(
        self, url: str, *, user: str = "", password: str = "", token: str = "", timeout: float = 30.0
    ) -> None:
        line.library()
        self._url = line.checked(url)
        self.warning = line.warning(self._url)
        credentials = line.Credentials(user, password, token)
        self._line = functools.partial(line.opened, self._url, credentials, timeout)

    def search(self, text: str = "", *, modality: str = "", limit: int = 50) -> list[Found]:
        """The studies of patients with these words in the name, or with this patient ID or accession number.

        At most `limit`, newest first; with no text, of all patients. A server that holds more chooses which.

        Raises:
            SetupError: it cannot be reached, does not let us in, or is no DICOMweb server.
        """
        studies: dict[str, Found] = {}
        also = {"ModalitiesInStudy": modality} if modality else {}
        with self._line(DEFAULT) as (client, _):
            for keys in worklist.queries(text):
                for study in line.found(client, {**keys, **also}, limit):
                    studies.setdefault(study.study_uid, study)
        newest = sorted(studies.values(), key=lambda study: (study.date, study.time), reverse=True)
        return newest[:limit]

    def receive(
        self, study_uid: str, into: Path, *, series_uid: str = "", limits: Limits = DEFAULT
    ) -> Generator[Path, None, None]:
        """Each file of a study, or of one of its series, as it arrives: into / "0001.dcm" and so on.

        They are the very bytes that the server keeps. Unless all of them arrive, none stays.

        Raises:
            InputError: there is no such study, or the folder is not empty.
            TooLarge: it passes `limits.files`, `file_bytes` or `study_bytes`; no more is read than that.
            SetupError: as `search`.
        """
        where = self._resource(study_uid, series_uid)
        with ExitStack() as undo, self._line(limits) as (client, meter):
            disk.prepare(into)
            number = 0
            for number, data in enumerate(line.files(client, where), 1):
                if number > limits.files:
                    raise TooLarge(f"This study has more than {limits.files} files: fetch one series of it.")
                meter.since = 0
                path = into / f"{number:04d}.dcm"
                undo.callback(path.unlink, missing_ok=True)
                disk.write(path, data)
                yield path
            if not number:
                raise InputError(line.GONE)
            undo.pop_all()

    def pull(
        self,
        study_uid: str,
        into: Path,
        *,
        series_uid: str = "",
        limits: Limits = DEFAULT,
        say: Say | None = None,
    ) -> int:
        """Fetches a study, or one of its series, into a folder; how many files. Raises as `receive` does."""
        number = 0
        for number, _ in enumerate(self.receive(study_uid, into, series_uid=series_uid, limits=limits), 1):
            if say:
                say(f"{number} files received …")
        return number

    def push(self, paths: Sequence[Path], *, limits: Limits = DEFAULT, say: Say | None = None) -> Pushed:
        """Sends files, and all files in folders, byte for byte as they are.

        Nothing is de-identified: what a hospital's own server gets must say whose it is. Files that are to go
        elsewhere go through `lightbox deidentify` first.

        Raises:
            SetupError: as `search`; what was sent before that stays there.
        """
        files = [file for path in paths for file in disk.files(path)]
        refused: dict[str, list[int]] = {}
        for number, path in enumerate(files, 1):
            if say:
                say(f"Sending file {number} of {len(files)} …")
            try:
                self._push(path, limits)
            except InputError as error:
                refused.setdefault(str(error), []).append(number)
        lost = sum(len(numbers) for numbers in refused.values())
        return Pushed(len(files) - lost, tuple(store.told(refused, len(files))))

    def _push(self, path: Path, limits: Limits) -> None:
        data = disk.load(path, limits)
        with self._line(limits) as (client, _):
            store.store(client, f"{self._url}/studies", data)

    def _resource(self, study_uid: str, series_uid: str) -> str:
        if not all(worklist.UID.fullmatch(uid) for uid in (study_uid, series_uid or "1")):
            raise InputError("This is not the UID of a study or series: it has digits and dots, at most 64.")
        return f"{self._url}/studies/{study_uid}" + (f"/series/{series_uid}" if series_uid else "")
