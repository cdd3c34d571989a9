"""How much of a file is taken, decided from its header before anything is decoded."""

from __future__ import annotations

from dataclasses import dataclass

from chat_app.errors import FrameNeeded, InputError, TooLarge, UnreadableFile

MEGA = 1_000_000


@dataclass(frozen=True)
class Limits:
    """The most one file may ask for.

    file_bytes: of the file, and of a deflated DICOM file once inflated (200 MB).
    pixels: rows x columns of one frame; a large mammogram has 24 million, a telephone 48.
    frames: in one file; a long cine has hundreds, a perfusion volume thousands.
    files: in one folder or archive. study_bytes: of all of them together, once unpacked (4 GB).
    ratio: how many times its packed size a member of an archive may become.
    seconds, memory_bytes: what the decoding of one frame may take before it is ended.
    """

    file_bytes: int = 200 * MEGA
    pixels: int = 64 * MEGA
    frames: int = 10_000
    files: int = 10_000
    study_bytes: int = 4_000 * MEGA
    ratio: int = 200
    seconds: float = 20.0
    memory_bytes: int = 2_000 * MEGA

    def check_bytes(self, count: int) -> None:
        """Raises: TooLarge, when a file or its inflated content has more than `file_bytes` bytes."""
        if count > self.file_bytes:
            raise TooLarge(f"This file holds more than {self.file_bytes / MEGA:g} MB: choose a smaller one.")

    def check_frame(self, rows: int, columns: int) -> None:
        """Raises: TooLarge for more than `pixels`; UnreadableFile when a side has no pixel."""
        if rows < 1 or columns < 1:
            raise UnreadableFile("The header of this file gives the picture no size: export it again.")
        if rows * columns > self.pixels:
            raise TooLarge(
                f"This picture has {columns} x {rows} pixels and at most {self.pixels / MEGA:g} million "
                "are opened: export it smaller or cut out the part in question."
            )

    def check_frames(self, frames: int) -> None:
        """Raises: TooLarge for more than `frames`; UnreadableFile when there is none."""
        if frames < 1:
            raise UnreadableFile("The header of this file counts no frame at all: export it again.")
        if frames > self.frames:
            raise TooLarge(
                f"This file counts {frames} frames and at most {self.frames} are opened: split it."
            )


def choose(frame: int | None, frames: int) -> int:
    """The frame to show, counted from 1; a lone frame needs no choice.

    Raises:
        FrameNeeded: there are several and none was chosen.
        InputError: there is no frame of that number.
    """
    if frame is None and frames > 1:
        raise FrameNeeded(frames)
    number = 1 if frame is None else frame
    if not 1 <= number <= frames:
        raise InputError(f"There is no frame {number} in this file: choose one from 1 to {frames}.")
    return number
