"""What the browser may fetch: single frames, before any window, under tokens that end.

A frame is sent as differences along its rows, byte plane after byte plane, deflated; how to read it stands in
the header Lightbox-Frame. Every failure is the same 404, and nothing may be kept on a disk.
"""

from __future__ import annotations

import json
import secrets
import time
import weakref
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chat_app.errors import InputError
from chat_app.records import Frame, Image, Look, Plane, Stack, Window
from chat_app.ui.faults import attempted

if TYPE_CHECKING:
    from numpy.typing import NDArray

# How long a token lives after its last use.
SECONDS = 3600.0
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
AS_STORED = Look("as stored", Window(127.5, 255), "LINEAR_EXACT")


@dataclass(eq=False)
class Lease:
    """One stack that one desk lends to its browser; it ends with the desk that holds it, or by time.

    positions: of every frame in mm, where all of them have one.
    """

    token: str
    stack: Stack
    ends: float
    positions: tuple[float, ...] | None

    def end(self) -> None:
        self.ends = 0.0


class Lending:
    """All leases of this process, held weakly: what no desk holds any more cannot be fetched."""

    def __init__(self, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds, self.clock = seconds, clock
        self._leases: weakref.WeakValueDictionary[str, Lease] = weakref.WeakValueDictionary()

    def lend(self, stack: Stack) -> Lease:
        """A lease under a new token of 128 random bits."""
        ends = self.clock() + self.seconds
        lease = Lease(secrets.token_hex(16), stack, ends, positions(stack))
        self._leases[lease.token] = lease
        return lease

    def is_live(self, lease: Lease) -> bool:
        return self.clock() < lease.ends

    def frame(self, token: str, number: str) -> tuple[dict[str, Any], bytes] | None:
        """A frame as its header and its packed bytes, or None when there is no such lease or frame."""
        lease = self._leases.get(token)
        if lease is None or not self.is_live(lease):
            return None
        lease.ends = self.clock() + self.seconds
        if not (number.isascii() and number.isdecimal() and 1 <= int(number) <= lease.stack.frames):
            return None
        frame, plane = lease.stack.frame(int(number)), lease.stack.plane(int(number))
        return header(frame, plane), deflated(packed(frame))

    def answer(self, request: Request) -> Response:
        """The route: GET viewer/<token>/<frame>."""
        places = request.path_params
        found = attempted(lambda: self.frame(places["token"], places["frame"]))
        if found is None:
            return Response(status_code=404, headers=HEADERS)
        said, body = found
        headers = {**HEADERS, "Content-Encoding": "deflate", "Lightbox-Frame": json.dumps(said)}
        return Response(body, media_type="application/octet-stream", headers=headers)

    @property
    def routes(self) -> list[Route]:
        return [Route("/viewer/{token}/{frame}", self.answer, methods=["GET"])]


def positions(stack: Stack) -> tuple[float, ...] | None:
    """Where each frame lies along the normal in mm, or None where one of them does not say."""
    every = [stack.plane(number).position_mm for number in range(1, stack.frames + 1)]
    known = tuple(each for each in every if each is not None)
    return known if len(known) == len(every) else None


class Single:
    """A picture made of pixels alone, as a stack of one frame."""

    unit = "frame"
    frames = 1

    def __init__(self, image: Image) -> None:
        self._image = image
        self.looks = () if image.pixels.ndim == 3 else (AS_STORED,)

    def frame(self, number: int) -> Frame:
        return Frame(self._image.pixels, looks=self.looks)

    def plane(self, number: int) -> Plane:
        return self._image.plane

    def image(self, name: str, number: int, look: Look | None = None) -> Image:
        return replace(self._image, name=name)

    def reformat(self, plane: str) -> Stack:
        raise InputError("This is a single picture and cannot be cut otherwise: open the whole series.")


def sixteen(frame: Frame) -> Frame:
    """The same grey frame in 16-bit values; slope, intercept and padding follow where they have to.

    Values of another kind are spread over 1 to 65,535, so that a float map loses nothing that can be seen;
    what is padding or not a number becomes 0.
    """
    values = frame.values
    if values.dtype in (np.int16, np.uint16):
        return frame
    if values.dtype == np.uint8:
        return replace(frame, values=values.astype(np.uint16))
    shown = np.isfinite(values)
    if frame.padding:
        shown &= (values < frame.padding[0]) | (values > frame.padding[1])
    inside = values[shown].astype(np.float64) if shown.any() else np.zeros(1)
    low, step = float(inside.min()), (float(np.ptp(inside)) or 1.0) / 65534
    spread = np.rint((np.where(shown, values, low) - low) / step) + 1
    return replace(
        frame,
        values=np.where(shown, spread, 0).astype(np.uint16),
        slope=frame.slope * step,
        intercept=frame.intercept + frame.slope * (low - step),
        padding=(0, 0),
    )


def header(frame: Frame, plane: Plane) -> dict[str, Any]:
    """What the browser must know to unpack the frame and to show it."""
    is_colour = frame.values.ndim == 3
    grey = frame if is_colour else sixteen(frame)
    return {
        "width": int(grey.values.shape[1]),
        "height": int(grey.values.shape[0]),
        "colour": is_colour,
        "low": 0 if is_colour else int(grey.values.min()),
        "high": 0 if is_colour else int(grey.values.max()),
        "slope": grey.slope,
        "intercept": grey.intercept,
        "inverted": grey.inverted,
        "padding": grey.padding,
        "overlay": grey.overlay is not None,
        "letters": plane.letters,
        "spacing": plane.spacing_mm,
        "aspect": plane.aspect,
        "position": plane.position_mm,
    }


def packed(frame: Frame) -> bytes:
    """Differences along the rows, low bytes then high (or red, green, blue), then the bits of the overlay."""
    overlay = b"" if frame.overlay is None else np.packbits(frame.overlay).tobytes()
    if frame.values.ndim == 3:
        return _differences(frame.values.transpose(2, 0, 1)).tobytes() + overlay
    steps = _differences(sixteen(frame).values.view(np.uint16))
    low, high = (steps & 0xFF).astype(np.uint8), (steps >> 8).astype(np.uint8)
    return low.tobytes() + high.tobytes() + overlay


def deflated(data: bytes) -> bytes:
    """By runs alone: on differences of neighbours this is smaller than the usual search, and faster."""
    squeeze = zlib.compressobj(1, strategy=zlib.Z_RLE)
    return squeeze.compress(data) + squeeze.flush()


def _differences(values: NDArray[Any]) -> NDArray[Any]:
    """Each value less its neighbour to the left, as unsigned numbers that wrap."""
    steps = values.copy()
    steps[..., 1:] -= values[..., :-1]
    return steps
