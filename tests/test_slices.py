"""What the server lends the browser: frames under tokens, packed so that nothing of their values is lost."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from starlette.requests import Request

from chat_app.errors import InputError, UnreadableFile
from chat_app.records import Answer, Box, Frame, Image, Look, ModelId, Origin, Plane, Turn, Window
from chat_app.ui import viewer
from chat_app.ui.caution import Pane as Caution
from chat_app.ui.desk import Desk
from chat_app.ui.slices import SECONDS, Lending, Single, header, packed, sixteen

MODEL = ModelId("echo", "0" * 64)
LOOKS = (Look("as in the file", Window(40, 400)),)


@dataclass(eq=False)
class Slices:
    """A stack of numbers: every value of slice n is n."""

    frames: int = 9
    unit: str = "slice"
    looks: tuple[Look, ...] = LOOKS
    broken: frozenset[int] = field(default=frozenset())

    def frame(self, number: int) -> Frame:
        if number in self.broken:
            raise UnreadableFile("This slice is damaged: export it again.")
        return Frame(np.full((40, 60), number, np.int16), looks=self.looks)

    def plane(self, number: int) -> Plane:
        return Plane(("R", "L", "A", "P"), (0.7, 0.7), 1.0, "axial", 2.5 * number)

    def image(self, name: str, number: int, look: Look | None = None) -> Image:
        pixels = np.full((40, 60), number, np.uint8)
        return Image(name, pixels, name, "DICOM", "CT", "", number, self.frames, stack=self)

    def reformat(self, plane: str) -> Slices:
        if plane == "coronal":
            raise InputError("The slices are not evenly spaced: it cannot be cut.")
        return Slices(40)


def desk(*stacks: Slices) -> Desk:
    """A desk with these, each at its fourth slice."""
    made = Desk()
    for number, stack in enumerate(stacks or (Slices(),), 1):
        made.add(stack.image(f"image {number}", 4))
    return made


def asked(lending: Lending, token: str, frame: object) -> Any:
    """What the route answers."""
    scope = {"type": "http", "path_params": {"token": token, "frame": str(frame)}, "headers": []}
    return lending.answer(Request(scope))


# Packing


def unpacked(said: dict[str, Any], data: bytes) -> np.ndarray[Any, Any]:
    """As canvas/slices.js does it."""
    planes = np.frombuffer(data, np.uint8)[: said["width"] * said["height"] * (3 if said["colour"] else 2)]
    planes = planes.reshape(-1, said["height"], said["width"])
    if said["colour"]:
        return np.cumsum(planes, axis=2, dtype=np.uint8).transpose(1, 2, 0)
    steps = planes[0] | planes[1].astype(np.uint16) << 8
    return np.cumsum(steps, axis=1, dtype=np.uint16)


@pytest.mark.parametrize("kind", [np.int16, np.uint16, np.uint8])
def test_stored_values_come_back_bit_for_bit(kind: Any) -> None:
    limits = np.iinfo(kind)
    values = np.random.default_rng(0).integers(limits.min, limits.max, (7, 11), kind, endpoint=True)
    frame = Frame(values)
    assert np.array_equal(unpacked(header(frame, Plane()), packed(frame)).astype(kind), values)


def test_colours_come_back_as_they_were() -> None:
    frame = Frame(np.random.default_rng(0).integers(0, 255, (5, 6, 3), np.uint8))
    assert np.array_equal(unpacked(header(frame, Plane()), packed(frame)), frame.values)


def test_float_values_keep_their_units() -> None:
    values = np.array([[0.5, 1.25], [np.nan, 9.75]], np.float32)
    frame = sixteen(Frame(values, slope=2.0, intercept=1.0))
    units = frame.values * frame.slope + frame.intercept
    assert np.allclose(units[0], [2.0, 3.5], atol=1e-3) and np.isclose(units[1, 1], 20.5, atol=1e-3)
    assert frame.values[1, 0] == 0 and frame.padding == (0, 0)


def test_float_padding_stays_padding() -> None:
    frame = sixteen(Frame(np.array([[-9.0, 1.0, 2.0]], np.float32), padding=(-10, -8)))
    assert frame.values.tolist() == [[0, 1, 65535]]


def test_the_overlay_travels_behind_the_pixels() -> None:
    overlay = np.random.default_rng(0).random((5, 9)) < 0.5
    data = packed(Frame(np.zeros((5, 9), np.int16), overlay=overlay))
    bits = np.unpackbits(np.frombuffer(data[90:], np.uint8))[:45]
    assert np.array_equal(bits.reshape(5, 9).astype(bool), overlay)


# Tokens


def test_a_lent_slice_is_sent_and_kept_nowhere() -> None:
    lending = Lending()
    lease = lending.lend(Slices())
    answer = asked(lending, lease.token, 7)
    said = json.loads(answer.headers["Lightbox-Frame"])
    assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert (unpacked(said, zlib.decompress(answer.body)) == 7).all()
    assert said["letters"] == ["R", "L", "A", "P"] and said["position"] == 17.5


@pytest.mark.parametrize("frame", ["0", "10", "-1", "x", "1.0", "", "٣", "1" * 400])
def test_a_frame_that_is_not_there_is_not_found(frame: str) -> None:
    lending = Lending()
    lease = lending.lend(Slices())
    answer = asked(lending, lease.token, frame)
    assert answer.status_code == 404 and answer.headers["Cache-Control"] == "no-store" and not answer.body


def test_a_damaged_slice_is_not_found_like_any_other() -> None:
    lending = Lending()
    lease = lending.lend(Slices(broken=frozenset({3})))
    assert asked(lending, lease.token, 3).status_code == 404
    assert asked(lending, lease.token, 4).status_code == 200


def test_tokens_are_long_and_never_the_same() -> None:
    lending = Lending()
    leases = [lending.lend(Slices()) for _ in range(100)]
    assert len({lease.token for lease in leases}) == 100
    assert all(len(bytes.fromhex(lease.token)) == 16 for lease in leases)


def test_a_token_ends_an_hour_after_its_last_use() -> None:
    now = [0.0]
    lending = Lending(clock=lambda: now[0])
    lease = lending.lend(Slices())
    for now[0] in (0.9 * SECONDS, 1.8 * SECONDS):
        assert asked(lending, lease.token, 1).status_code == 200
    now[0] = 2.9 * SECONDS
    assert asked(lending, lease.token, 1).status_code == 404


def test_what_no_desk_holds_cannot_be_fetched() -> None:
    lending = Lending()
    token = lending.lend(Slices()).token
    assert asked(lending, token, 1).status_code == 404


def test_clearing_one_desk_ends_its_tokens_and_no_other() -> None:
    pane = object.__new__(viewer.Pane)
    pane.lending = Lending()
    mine, other = desk(), desk()
    leases = [next(iter(each.leases.values())) for each in (mine, other) if pane.value(each)]
    assert leases[0].token != leases[1].token
    mine.clear()
    codes = [asked(pane.lending, lease.token, 1).status_code for lease in leases]
    assert codes == [404, 200]


# What the browser is told


@pytest.fixture
def pane() -> viewer.Pane:
    """The viewer's server half without its components."""
    made = object.__new__(viewer.Pane)
    made.lending = Lending()
    return made


def test_a_stack_is_told_with_its_looks_and_positions(pane: viewer.Pane) -> None:
    item = pane.value(desk())["item"]
    assert (item["frames"], item["frame"], item["unit"]) == (9, 4, "slice")
    assert item["positions"][:2] == (2.5, 5.0) and item["looks"][0]["width"] == 400


def test_a_picture_keeps_its_address_until_it_expires(pane: viewer.Pane) -> None:
    here = desk()
    first = pane.value(here)["item"]["base"]
    assert pane.value(here)["item"]["base"] == first
    here.leases["image 1", ""].end()
    assert pane.value(here)["item"]["base"] != first


def test_a_picture_of_pixels_alone_is_shown_as_it_is(pane: viewer.Pane) -> None:
    image = Image("image 1", np.arange(12, dtype=np.uint8).reshape(3, 4), "0", "PNG")
    assert np.array_equal(Single(image).frame(1).values, image.pixels)
    here = Desk()
    here.add(image)
    assert pane.value(here)["item"]["looks"][0]["name"] == "as stored"
    assert not pane.value(here)["planes"]


def test_boxes_belong_to_their_own_frame(pane: viewer.Pane) -> None:
    here = desk(Slices(), Slices(3))
    places = ("image 1, slice 5", "image 1", "image 2, slice 2", "image 7")
    boxes = tuple(Box(0, 0, 9, 9, "", place) for place in places)
    here.record(Turn("Where?", ("image 1",), Answer("x", MODEL, "p", 0, boxes=boxes)), 0)
    told = [(box["number"], box["image"], box["frame"]) for box in pane.value(here)["boxes"]]
    assert told == [(1, "image 1", 5), (2, "image 1", 4), (3, "image 2", 2)]


def test_an_answer_about_another_slice_turns_to_it() -> None:
    here = desk()
    box = Box(0, 0, 9, 9, "", "image 1, slice 8")
    here.record(Turn("Where?", ("image 1",), Answer("x", MODEL, "p", 0, boxes=(box,))), 0)
    assert here.place("image 1") == "image 1, slice 8" and here.moves == 1


def test_a_prior_is_days_away_and_never_a_date() -> None:
    one, other = (Slices().image(f"image {n}", 1) for n in (1, 2))
    now, then = replace(one, origin=Origin("a", day=500)), replace(other, origin=Origin("a", day=88))
    assert viewer.earlier(now, then) == "image 2 · 412 days earlier"
    assert viewer.earlier(then, now) == "image 1 · 412 days later"
    assert viewer.earlier(now, replace(then, origin=Origin("b"))) == "image 2 · different patient?"
    assert viewer.earlier(one, other) == "image 2"


def test_a_cut_that_cannot_be_made_is_said_and_changes_nothing(pane: viewer.Pane) -> None:
    here = desk()
    with pytest.warns(UserWarning, match="not evenly spaced"):
        pane.cut(here, "coronal")
    assert here.cut == ""
    pane.cut(here, "sagittal")
    assert pane.value(here)["item"]["frames"] == 40 and pane.value(here)["item"]["cut"] == "sagittal"


def test_what_is_kept_back_is_counted() -> None:
    keywords = ("PatientName", "PatientID", "PatientBirthDate", "StudyDate")
    assert viewer.withheld(replace(Slices().image("image 1", 1), withheld=keywords)).endswith(
        "Kept back: PatientName, PatientID and 2 more"
    )


# What the browser says


def test_a_region_is_clamped_to_its_picture() -> None:
    said = {"item": "image 1", "frame": 5, "x0": -4, "y0": 10, "x1": 999, "y1": 20}
    assert viewer.region(desk(), said) == Box(0, 10, 60, 20, "your region", "image 1, slice 5")


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"item": "image 2", "frame": 1},
        {"item": "image 1", "frame": 10},
        {"item": "image 1", "frame": "1"},
        {"item": ["image 1"], "frame": 1},
        {"item": "image 1", "frame": 1, "x0": 70, "y0": 0, "x1": 80, "y1": 9},
        {"item": "image 1", "frame": 1, "x0": "a", "y0": None, "x1": {}, "y1": 1.5},
    ],
)
def test_a_region_that_lies_nowhere_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        viewer.region(desk(), said)


def test_a_key_image_is_marked_and_unmarked() -> None:
    here = desk()
    here.mark("image 1", 5)
    here.mark("image 1", 7)
    assert here.keys == ("image 1, slice 5", "image 1, slice 7")
    here.mark("image 1", 5)
    assert here.keys == ("image 1, slice 7",)


# Cautions


def test_a_picture_held_back_is_named_until_someone_has_looked() -> None:
    here, strip = desk(Slices(), Slices()), object.__new__(Caution)
    here.conversation = replace(
        here.conversation,
        study=here.conversation.study.turned(
            replace(here.picture("image 1"), caution="A name may be burnt in.")
        ),
    )
    assert strip.name(here) == "image 1" and here.shown == "image 2"
    strip.looked(here)
    assert here.shown == "image 1" and here.picture("image 1").caution
    strip.looked(here)
    assert strip.name(here) == "" and here.picture("image 1").caution == ""


def test_a_picture_left_out_is_gone_and_its_name_is_not_given_again() -> None:
    here = desk(Slices(), Slices(), Slices())
    here.mark("image 2", 1)
    here.leave_out("image 2")
    assert here.names == ("image 1", "image 3") and not here.keys
    assert here.next_number == 4 and here.fresh == ("image 1", "image 3")
    here.leave_out("image 3")
    assert here.shown == "image 1"
