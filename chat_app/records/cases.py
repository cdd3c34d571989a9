"""Past cases that look like a picture, and what compares them, as frozen records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chat_app.records.pictures import Image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Tower:
    """A vision tower, as what makes a vector of a picture.

    identity: of its weights and how they are held; vectors of two identities are never compared.
    look: (n, d) float32 of n pictures; raises ModelError. floor: the cosine from which two pictures count as
    alike, as it was measured; 0 where it was not.
    """

    identity: str
    look: Callable[[Sequence[Image]], Vectors]
    floor: float = 0.0


@dataclass(frozen=True)
class Similar:
    """A past case that a picture looks like.

    library, number: what people call it by. score: cosine of the two pictures' vectors, at most 1.
    modality, body_part: DICOM's terms, or the set's own words; "" where neither is known. report: its text
    without what may say who somebody is, or labels, which it says they are; "" for none. thumbnail: a PNG
    file.
    """

    library: str
    number: int
    score: float
    modality: str
    body_part: str
    report: str
    thumbnail: bytes

    @property
    def label(self) -> str:
        """What people call it: "case 12 of films, CR, CHEST"."""
        name = f"case {self.number} of {self.library}"
        return ", ".join(filter(None, (name, self.modality, self.body_part)))
