"""A stack made on the spot: a volume of Hounsfield units in which every slice can be told from the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chat_app.errors import InputError
from chat_app.records import Frame, Image, Look, Plane, Window

SOFT = Look("as in the file", Window(40, 400))
LUNG = Look("lung", Window(-600, 1500))
BONE = Look("bone", Window(400, 1800))


@dataclass(frozen=True)
class Volume:
    """Slices of side x side: slice n has a ramp that begins at n * 20 HU."""

    frames: int = 10
    side: int = 8
    modality: str = "CT"
    unit: str = "slice"
    looks: tuple[Look, ...] = (SOFT, LUNG, BONE)

    def frame(self, number: int) -> Frame:
        if not 1 <= number <= self.frames:
            raise InputError(f"There is no {self.unit} {number}: choose one from 1 to {self.frames}.")
        ramp = np.arange(self.side**2).reshape(self.side, self.side) + number * 20
        return Frame(ramp.astype(np.int16), looks=self.looks)

    def plane(self, number: int) -> Plane:
        return Plane(("R", "L", "A", "P"), (1.0, 1.0), 1.0, "axial", 5.0 * number)

    def image(self, name: str, number: int, look: Look | None = None) -> Image:
        window = (look or self.looks[0]).window
        low = window.center - window.width / 2
        grey = (self.frame(number).values - low) / window.width * 255
        return Image(
            name=name,
            pixels=np.clip(grey, 0, 255).astype(np.uint8),
            sha256="0" * 64,
            format="DICOM",
            modality=self.modality,
            frame=number,
            frames=self.frames,
            window=window,
            plane=self.plane(number),
            stack=self,
        )

    def reformat(self, plane: str) -> Volume:
        raise InputError(f"This is no volume that can be cut {plane}.")
