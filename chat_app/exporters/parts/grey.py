"""How the frames of multi-frame files are to be shown, as a presentation state holds it.

highdicom copies this by itself from files of one frame; of others it reads enhanced ones only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chat_app.errors import InputError
from chat_app.exporters.parts.dicom import frame
from chat_app.exporters.parts.originals import Original
from chat_app.records import Image

UNLIKE = "The values of these frames do not all mean the same, and a presentation state needs that: use SR."
UNSPECIFIED = "US"  # PS3.3 C.11.1.1.2, of a rescale type that is not known


def transformations(ready: Mapping[str, Original], shown: Mapping[str, Image]) -> dict[str, Any]:
    """Modality and VOI transformation by highdicom's names; nothing where it finds them itself.

    shown: the frames as they were shown, for those whose files state no window.

    Raises:
        InputError: the frames are rescaled in different ways.
    """
    from highdicom import ModalityLUTTransformation

    if not any("NumberOfFrames" in one.header for one in ready.values()):
        return {}
    rescales = {_rescale(one) for one in ready.values()}
    if len(rescales) > 1:
        raise InputError(UNLIKE)
    intercept, slope, kind = rescales.pop()
    return {
        "modality_lut_transformation": ModalityLUTTransformation(intercept, slope, kind),
        "voi_lut_transformations": [_window(one, shown.get(name)) for name, one in ready.items()],
    }


def _rescale(one: Original) -> tuple[float, float, str]:
    macro = "PixelValueTransformationSequence"
    intercept, slope, kind = (
        stated(one, macro, keyword) for keyword in ("RescaleIntercept", "RescaleSlope", "RescaleType")
    )
    return float(intercept or 0), float(slope or 1), str(kind or UNSPECIFIED)


def _window(one: Original, image: Image | None) -> Any:
    """Of this frame: what its file states, else as it was shown, else all that can be stored."""
    from highdicom.content import ReferencedImageSequence
    from highdicom.pr import SoftcopyVOILUTTransformation

    center, width = (stated(one, "FrameVOILUTSequence", f"Window{part}") for part in ("Center", "Width"))
    if center in (None, "") or width in (None, ""):
        center, width = _unstated(one, image)
    return SoftcopyVOILUTTransformation(
        _first(center), _first(width), referenced_images=ReferencedImageSequence([one.header], frame(one))
    )


def _unstated(one: Original, image: Image | None) -> tuple[float, float]:
    if image is not None and image.window is not None:
        return image.window.center, image.window.width
    intercept, slope, _ = _rescale(one)
    values = 2 ** int(one.header.get("BitsStored") or 8)
    lowest = -values // 2 if one.header.get("PixelRepresentation") else 0
    return (lowest + values / 2) * slope + intercept, max(1.0, values * abs(slope))


def stated(one: Original, macro: str, keyword: str) -> Any:
    """What a file says of one frame: in its own group, in the shared one, or for the whole file."""
    header = one.header
    own = (header.get("PerFrameFunctionalGroupsSequence") or [])[one.frame - 1 : one.frame]
    for group in (*own, *(header.get("SharedFunctionalGroupsSequence") or [])[:1]):
        for item in (group.get(macro) or [])[:1]:
            if keyword in item:
                return item[keyword].value
    return header.get(keyword)


def _first(value: Any) -> float:
    """A file may state several windows; the first is the one it opens with."""
    return float(value) if isinstance(value, (int, float, str)) else float(value[0])
