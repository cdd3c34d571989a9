"""The viewer in Chromium, without WebGL: grey values, sides, boxes and regions are as they should be."""

from __future__ import annotations

import io
import re
import shutil
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import fakes
import numpy as np
import pytest
import uvicorn
from dicoms import dicom, table
from fakes import Echo
from fastapi import FastAPI
from numpy.typing import NDArray
from PIL import Image as Pillow
from playwright.sync_api import expect
from pydicom.uid import ComputedRadiographyImageStorage, CTImageStorage, generate_uid

from chat_app import imaging
from chat_app.settings import Settings
from chat_app.ui.page import mount
from chat_app.ui.viewer import CANVAS, NOTHING, script

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not shutil.which("chromium"), reason="there is no Chromium: apt-get install chromium"),
]

HOSTILE = "<img src=x onerror=hit()> ${hit()} {{hit()}} `hit()` </p><script>hit()</script>"
# Keeps what was written on the canvases, newest last.
SPY = """() => { window.hits = 0; window.hit = () => { window.hits += 1; }; window.said = [];
const fillText = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (words, x, y) {
  window.said.push([words, x, y]);
  return fillText.call(this, words, x, y);
}; }"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from browsing import chromium

    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with fakes.opened(Echo(label=HOSTILE)) as served:
        yield served


@pytest.fixture
def visit(browser: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Opens the page in a session of its own; afterwards nothing went elsewhere and nothing went wrong."""
    from browsing import visiting

    with ExitStack() as stack:
        visitors: list[Any] = []

        def start(place: str = address, **screen: Any) -> Any:
            visitors.append(stack.enter_context(visiting(browser, place, **screen)))
            visitors[-1].page.evaluate(SPY)
            return visitors[-1]

        yield start
        for visitor in visitors:
            assert visitor.elsewhere == [] and visitor.complaints == []


def series(folder: Path, slices: int = 12, step: float = 2.5, start: float = 0.0, **tags: Any) -> list[Path]:
    """A CT whose slice n is as bright as n, with a bright block at the left that moves down."""
    uids = {key: generate_uid() for key in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")}
    uids = {"SOPClassUID": CTImageStorage, "Modality": "CT", "PatientID": "1", **uids}
    shape = {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "PixelSpacing": [1, 1], "RescaleIntercept": -100}
    window = {"WindowCenter": [100, 50], "WindowWidth": [400, 100], "RescaleSlope": 1}
    folder.mkdir(exist_ok=True)
    paths = []
    for number in range(slices):
        pixels = np.full((120, 150), 100 + number, np.uint16)
        pixels[10 + number : 30 + number, 10:40] = 900
        every = {**uids, **shape, **window, "ImagePositionPatient": [0, 0, start + step * number], **tags}
        uid = {"SOPInstanceUID": generate_uid(), "InstanceNumber": number + 1}
        paths.append(folder / f"{number}")
        paths[-1].write_bytes(dicom(pixels, **every, **uid))
    return paths


def single(folder: Path, pixels: NDArray[Any], **tags: Any) -> Path:
    path = folder / f"{len(list(folder.iterdir()))}"
    film = {
        "SOPClassUID": ComputedRadiographyImageStorage,
        "Modality": "CR",
        "SOPInstanceUID": generate_uid(),
    }
    path.write_bytes(dicom(pixels, **{**film, **tags}))
    return path


def screenshot(visitor: Any, ratio: float = 1) -> NDArray[Any]:
    """The port as it is seen, in device pixels; black at its rim, where corners are round and focus shows."""
    visitor.settles()
    seen = np.array(Pillow.open(io.BytesIO(visitor.port.screenshot())).convert("RGB"))
    rim = round(8 * ratio)
    seen[:rim], seen[-rim:], seen[:, :rim], seen[:, -rim:] = 0, 0, 0, 0
    return seen


def white(visitor: Any, ratio: float = 1) -> tuple[float, ...]:
    """Left, top, right and bottom of the bright block on the port, in CSS pixels from its corner.

    Its edges are where its brightness has fallen by half; a screenshot begins with a whole pixel.
    """
    seen = screenshot(visitor, ratio)[..., 1]
    rows, columns = np.nonzero(seen == 255)
    (top, bottom), (left, right) = ((each.min() - 4, each.max() + 5) for each in (rows, columns))
    bright = np.nonzero(seen[top:bottom, left:right] > 128)
    place = visitor.port.bounding_box()
    sides = []
    for axis, start, corner in ((1, left, place["x"]), (0, top, place["y"])):
        begin = int(corner * ratio) / ratio - corner
        ends = (start + bright[axis].min(), start + bright[axis].max() + 1)
        sides.append([end / ratio + begin for end in ends])
    (x0, x1), (y0, y1) = sides
    return x0, y0, x1, y1


# Where things are


@pytest.mark.parametrize("ratio", [1, 1.5, 2])
def test_a_region_is_where_it_was_drawn(ratio: float, visit: Callable[..., Any], tmp_path: Path) -> None:
    visitor = visit(device_scale_factor=ratio)
    for aspect in (1.0, 1.6):
        pixels = np.full((240, 300), 100, np.uint16)
        x0, y0, x1, y1 = (120, 100, 171, 147) if aspect == 1 else (131, 93, 160, 140)
        pixels[y0:y1, x0:x1] = 4000
        path = single(
            tmp_path, pixels, WindowCenter=2000, WindowWidth=4000, PixelAspectRatio=[int(10 * aspect), 10]
        )
        visitor.drop(path)
        visitor.sees("image 2" if aspect > 1 else "image 1")
        visitor.shows(1)
        visitor.button("Region").click()
        for moved in (False, True):
            if moved:
                visitor.press("+", "+")
                visitor.drag((200, 200), (217, 189), "right")
            left, top, right, bottom = white(visitor, ratio)
            visitor.drag((left, top), (right, bottom))
            visitor.page.locator("#region").get_by_text("about the region").wait_for()
            assert np.allclose(visitor.region(), (x0, y0, x1, y1), atol=1)
            visitor.button("Remove the region").click()
            visitor.page.locator("#region").wait_for(state="hidden")


def test_an_answer_that_was_overtaken_takes_nothing_away(visit: Callable[..., Any]) -> None:
    shown = visit().page.evaluate(
        """([script, nothing]) => {
        const start = new Function("element", "trigger", "props", "watch", script + "; return viewer;");
        const element = document.querySelector("#picture").cloneNode(true);
        const viewer = start(element, () => {}, { value: null }, () => {});
        const after = (made) => { viewer.show({ ...nothing, made }); return viewer.value.made; };
        const shown = [3, 2, 4].map(after);
        viewer.close();
        return shown; }""",
        [script(), NOTHING],
    )
    assert shown == [3, 3, 4]


def test_left_stays_left_in_every_kind_of_picture(visit: Callable[..., Any], tmp_path: Path) -> None:
    grey = np.full((90, 100), 20, np.uint8)
    grey[20:40, 10:25] = 255
    Pillow.fromarray(grey).save(tmp_path / "grey.png")
    Pillow.fromarray(np.stack([grey] * 3, axis=-1)).save(tmp_path / "colour.png")
    deep = single(tmp_path, grey.astype(np.uint16) * 16, WindowCenter=2048, WindowWidth=4080)
    colour = single(tmp_path, np.stack([grey] * 3, axis=-1))
    visitor = visit()
    for number, path in enumerate([tmp_path / "grey.png", tmp_path / "colour.png", deep, colour], 1):
        visitor.drop(path)
        visitor.sees(f"image {number}")
        visitor.shows(1)
        right = white(visitor)[2]
        assert right < visitor.port.bounding_box()["width"] / 2, path


def words(visitor: Any) -> set[str]:
    """What is written on the canvas now."""
    visitor.page.evaluate("window.said = []")
    visitor.press("+")
    visitor.settles()
    return {each[0] for each in visitor.page.evaluate("window.said")}


def test_letters_and_scale_stand_only_where_the_file_says_so(
    visit: Callable[..., Any], tmp_path: Path
) -> None:
    visitor = visit()
    Pillow.fromarray(np.full((90, 100), 20, np.uint8)).save(tmp_path / "a.png")
    visitor.drop(tmp_path / "a.png")
    visitor.shows(1)
    assert words(visitor) == {"127.5 / 255"}
    visitor.drop(*series(tmp_path / "ct"))
    visitor.sees("12 slices")
    visitor.shows(6)
    written = words(visitor)
    assert {"R", "L", "A", "P", "6/12", "15.0 mm"} <= written and any("cm" in each for each in written)
    said = {each[0]: each[1] for each in visitor.page.evaluate("window.said")}
    assert said["R"] < 20 and said["L"] > 100


# Grey values


def strips(low: int, high: int, kind: Any = np.uint16) -> NDArray[Any]:
    """Sixteen strips, 20 pixels wide each, from `low` to `high`."""
    return np.tile(np.repeat(np.linspace(low, high, 16).astype(kind), 20), (60, 1))


def greys(visitor: Any) -> NDArray[Any]:
    """The grey in the middle of each of the sixteen strips."""
    visitor.settles()
    row = visitor.page.evaluate(
        """() => { const canvas = document.querySelector('.port canvas');
        const row = canvas.getContext('2d').getImageData(0, canvas.height / 2 | 0, canvas.width, 1).data;
        return Array.from(row).filter((_, at) => at % 4 === 0); }"""
    )
    return np.array(row)[((np.arange(16) + 0.5) * len(row) / 16).astype(int)]


@pytest.fixture(scope="module")
def shared_page(browser: Any, address: str) -> Iterator[Any]:
    from browsing import visiting

    with visiting(browser, address) as visitor:
        yield visitor


@pytest.fixture
def screen(shared_page: Any) -> Iterator[Any]:
    """One page for all greys: each picture is cleared away before the next is opened."""
    yield shared_page
    shared_page.clear()


SIGNED = {"PixelRepresentation": 1, "RescaleSlope": 2, "RescaleIntercept": -50}


@pytest.mark.parametrize(
    ("pixels", "tags"),
    [
        (strips(0, 4095), {"WindowCenter": [1000, 2000, 300], "WindowWidth": [2000, 4096, 1]}),
        (strips(0, 60000), {"WindowCenter": 30000, "WindowWidth": 50000, "VOILUTFunction": "SIGMOID"}),
        (strips(-900, 900, np.int16), {"WindowCenter": 40, "WindowWidth": 1500, **SIGNED}),
        (strips(0, 255), {"WindowCenter": 100, "WindowWidth": 100, "VOILUTFunction": "LINEAR_EXACT"}),
        (
            strips(0, 4095),
            {"PhotometricInterpretation": "MONOCHROME1", "WindowCenter": 9, "WindowWidth": 4000},
        ),
        (strips(0, 4095), {"VOILUTSequence": [table((np.arange(4096) ** 2 // 256).astype(np.uint16))]}),
        (strips(0, 4095), {"PixelPaddingValue": 0, "WindowCenter": -500, "WindowWidth": 4000}),
        (strips(7, 7), {}),
    ],
    ids=["windows", "sigmoid", "signed", "exact", "monochrome1", "table", "padding", "constant"],
)
def test_greys_are_those_of_the_rendering(
    pixels: NDArray[Any], tags: dict[str, Any], screen: Any, tmp_path: Path
) -> None:
    path = single(tmp_path, pixels, **tags)
    stack = imaging.study([path]).images[0].stack
    assert stack
    screen.drop(path)
    screen.shows(1)
    for number, look in enumerate(stack.looks[:3], 1):
        screen.press(str(number))
        expected = stack.image("image 1", 1, look).pixels[30, 10::20].astype(int)
        assert np.abs(greys(screen) - expected).max() <= 1, look.name
        if "PixelPaddingValue" not in tags:
            screen.press("i")
            assert np.abs(greys(screen) - (255 - expected)).max() <= 1
            screen.press("i")


def test_the_arithmetic_is_that_of_the_standard(visit: Callable[..., Any]) -> None:
    """PS3.3 C.11.2.1.2.1: the note of that section gives these values of its examples."""
    page = visit().page
    geometry = (CANVAS / "geometry.js").read_text(encoding="utf-8")

    def run(expression: str) -> Any:
        return page.evaluate(f"() => {{ {geometry}\nreturn {expression}; }}")

    linear = "v => grey(v, {center: 2048, width: 4096, function: 'LINEAR'})"
    assert run(f"[0, 1, 4095].map({linear})") == pytest.approx([0, 255 / 4095, 255])
    step = "v => grey(v, {center: 100, width: 1, function: 'LINEAR'})"
    assert run(f"[99, 99.5, 99.6, 101].map({step})") == [0, 0, 255, 255]
    view = "zoomed(fitted({width: 30, height: 20}, 1.6, {width: 500, height: 400}), 3.3, {x: 40, y: 60})"
    there = f"toPicture(toCanvas({{x: 7.25, y: 11.5}}, {view}, 1.6), {view}, 1.6)"
    assert run(there) == pytest.approx({"x": 7.25, "y": 11.5})
    assert run("scaleBar(0.7, 100)") == {"mm": 50, "length": pytest.approx(50 / 0.7)}
    assert run("besideFrame(5, {frames: 9}, {frames: 17}, 0)") == 9
    apart = "{frames: 3, positions: [0, 1, 2]}, {frames: 5, positions: [90, 91, 92, 93, 94]}"
    assert run(f"besideFrame(3, {apart}, 0)") == 5
    assert run(f"besideFrame(3, {apart}, middleToMiddle({apart}))") == 4
    within = "{frames: 3, positions: [0, 5, 10]}, {frames: 4, positions: [9, 6, 3, 0]}"
    assert run(f"besideFrame(2, {within}, 0)") == 2
    assert run(f"besideFrame(2, {within}, 4)") == 1
    assert run("shownToShown({positions: [0, 5, 10]}, 2, {positions: [9, 6, 3, 0]}, 4)") == -5


# Scrolling, comparing, marking


def test_the_wheel_turns_slices_and_the_question_is_about_the_one_on_show(
    visit: Callable[..., Any], tmp_path: Path
) -> None:
    visitor = visit()
    visitor.drop(*series(tmp_path / "ct"))
    visitor.shows(6)
    visitor.wheel(3)
    visitor.shows(9)
    visitor.wheel(-2)
    visitor.shows(7)
    assert visitor.ask("What?").startswith("image 1, slice 7 is ")


def test_boxes_stand_on_their_slice_and_tell_their_label(visit: Callable[..., Any], tmp_path: Path) -> None:
    visitor = visit()
    visitor.drop(*series(tmp_path / "ct"))
    visitor.shows(6)
    visitor.ask("Where?")
    number = visitor.page.locator(".port .number").first
    number.click()
    label = visitor.port.locator(".label")
    assert label.inner_text() == HOSTILE
    assert visitor.page.locator(".viewer :is(img, script)").count() == 0
    visitor.press("ArrowDown")
    visitor.shows(7)
    expect(number).to_be_hidden()
    expect(label).to_be_hidden()
    visitor.press("ArrowUp")
    visitor.shows(6)
    expect(number).to_be_visible()
    assert visitor.page.evaluate("window.hits") == 0


def test_a_prior_scrolls_along_by_position(visit: Callable[..., Any], tmp_path: Path) -> None:
    visitor = visit()
    visitor.drop(*series(tmp_path / "a", 12, 2.5, StudyInstanceUID="1.2.3.7"))
    visitor.sees("12 slices")
    visitor.drop(*series(tmp_path / "b", 24, 1.25, StudyInstanceUID="1.2.3.7"))
    visitor.sees("24 slices")
    visitor.shows(12)
    visitor.wheel(-4)
    visitor.shows(8)
    visitor.choose("compare", "image 1")
    visitor.shows(4, visitor.prior)
    visitor.shows(8)
    visitor.wheel(2)
    visitor.shows(10)
    visitor.shows(5, visitor.prior)
    visitor.wheel(2, visitor.prior)
    visitor.shows(7, visitor.prior)
    visitor.shows(14)
    visitor.button("Linked").click()
    visitor.wheel(1)
    visitor.shows(15)
    visitor.shows(7, visitor.prior)
    visitor.button("Linked").click()
    visitor.wheel(2)
    visitor.shows(17)
    visitor.shows(8, visitor.prior)


def test_a_prior_of_another_day_is_laid_middle_to_middle(visit: Callable[..., Any], tmp_path: Path) -> None:
    visitor = visit()
    visitor.drop(*series(tmp_path / "a", 11, 2.0, StudyInstanceUID="1.2.3.7", start=-400.0))
    visitor.sees("11 slices")
    visitor.drop(*series(tmp_path / "b", 21, 1.0))
    visitor.sees("21 slices")
    visitor.choose("compare", "image 1")
    visitor.shows(11)
    visitor.shows(6, visitor.prior)
    visitor.wheel(4)
    visitor.shows(8, visitor.prior)


def test_a_folder_opens_as_its_series(visit: Callable[..., Any], tmp_path: Path) -> None:
    visitor = visit()
    series(tmp_path / "ct")
    visitor.open_folder(tmp_path / "ct")
    visitor.sees("12 slices")
    visitor.shows(6)
    assert "PatientID" in visitor.page.locator("#withheld").inner_text()


def test_a_key_image_is_returned_to(visit: Callable[..., Any], tmp_path: Path) -> None:
    visitor = visit()
    visitor.drop(*series(tmp_path / "ct"))
    visitor.shows(6)
    visitor.press("k", "Home")
    visitor.shows(1)
    star = visitor.page.locator(".keys button")
    assert star.inner_text() == "★ image 1, slice 6"
    star.click()
    visitor.shows(6)
    Pillow.fromarray(np.full((9, 9), 20, np.uint8)).save(tmp_path / "a.png")
    visitor.drop(tmp_path / "a.png")
    visitor.sees("image 2")
    star.click()
    visitor.sees("image 1")
    visitor.shows(6)
    visitor.button("Key image").click()
    star.wait_for(state="detached")


def test_a_volume_is_cut_in_other_planes_without_boxes(visit: Callable[..., Any], tmp_path: Path) -> None:
    visitor = visit()
    visitor.drop(*series(tmp_path / "ct", 20, 1.0))
    visitor.shows(10)
    visitor.ask("Where?")
    number = visitor.page.locator(".port .number").first
    expect(number).to_be_visible()
    visitor.choose("plane", "coronal")
    visitor.page.locator(".place").get_by_text("of 120").wait_for()
    visitor.shows(60)
    expect(number).to_be_hidden()
    expect(visitor.button("Region")).to_be_disabled()
    assert {"R", "L"} <= words(visitor)
    visitor.choose("plane", "")
    visitor.shows(10)
    expect(number).to_be_visible()


# The hand


def test_a_window_drag_asks_nothing_of_the_server(visit: Callable[..., Any], tmp_path: Path) -> None:
    visitor = visit()
    visitor.drop(*series(tmp_path / "ct"))
    visitor.shows(6)
    visitor.page.wait_for_timeout(1000)
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    before = screenshot(visitor)
    visitor.drag((100, 100), (220, 160))
    assert not np.array_equal(screenshot(visitor), before)
    assert visitor.page.locator("[data-choose=look]").input_value() == "-1"
    visitor.press("r")
    assert np.array_equal(screenshot(visitor), before)
    assert asked == []


def test_everything_is_done_by_keyboard(visit: Callable[..., Any], tmp_path: Path) -> None:
    visitor = visit()
    visitor.drop(*series(tmp_path / "ct"))
    visitor.shows(6)
    keyboard = visitor.page.keyboard
    for _ in range(60):
        keyboard.press("Tab")
        if visitor.page.evaluate("document.activeElement.classList.contains('port')"):
            break
    for key in ("End", "PageUp", "ArrowUp", "2", "i", "+"):
        keyboard.press(key)
    # A region belongs to the slice that is seen, which may not be the one asked for yet.
    visitor.shows(1)
    for key in ("b", "Enter", "Alt+ArrowRight"):
        keyboard.press(key)
    assert visitor.button("Invert").get_attribute("aria-pressed") == "true"
    visitor.page.locator("#region").get_by_text("image 1, slice 1").wait_for()
    x0, y0, x1, y1 = visitor.region()
    said = visitor.ask("What is here?")
    assert f"in {tuple(map(int, (x0, y0, x1, y1)))} of image 1, slice 1" in said
    assert f"about the region {x0:g}-{x1:g} x {y0:g}-{y1:g} on image 1, slice 1" in said
    expect(visitor.page.locator("#region")).to_be_hidden()


def test_two_fingers_zoom(visit: Callable[..., Any], tmp_path: Path) -> None:
    visitor = visit(has_touch=True, viewport={"width": 1024, "height": 768})
    visitor.drop(*series(tmp_path / "ct"))
    visitor.shows(6)
    left, _, right, _ = white(visitor)
    visitor.page.evaluate(
        """() => { const canvas = document.querySelector('.port canvas');
        const place = canvas.getBoundingClientRect();
        canvas.setPointerCapture = () => {};
        const finger = (kind, id, x) => canvas.dispatchEvent(new PointerEvent(kind, {
          pointerId: id, bubbles: true, pointerType: 'touch', clientX: place.x + x, clientY: place.y + 50}));
        finger('pointerdown', 1, 20); finger('pointerdown', 2, 70);
        finger('pointermove', 2, 120);
        finger('pointerup', 1, 20); finger('pointerup', 2, 120); }"""
    )
    wider_left, _, wider_right, _ = white(visitor)
    assert wider_right - wider_left > 1.8 * (right - left)


def test_a_key_image_and_an_answer_leave_the_view_alone(visit: Callable[..., Any], tmp_path: Path) -> None:
    visitor = visit()
    visitor.drop(*series(tmp_path / "ct"))
    visitor.shows(6)
    visitor.port.evaluate("port => { port.kept = 1; }")
    visitor.press("+", "2", "ArrowDown")
    visitor.shows(7)
    visitor.ask("What?")
    visitor.ask("And now?")
    visitor.press("k")
    visitor.page.locator(".keys button").wait_for()
    assert visitor.port.evaluate("port => port.kept") == 1
    assert visitor.page.locator("[data-choose=look]").input_value() == "1"
    visitor.shows(7)


# The route


def got(url: str) -> tuple[int, str]:
    """The status and what it says of keeping."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.headers["Cache-Control"]
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Cache-Control"]


def fetched(visitor: Any) -> str:
    """An address the viewer has fetched a frame from."""
    every = visitor.page.evaluate("performance.getEntriesByType('resource').map(each => each.name)")
    return next(each for each in every if "/viewer/" in each)


def test_a_token_opens_its_own_pictures_and_ends_with_them(
    visit: Callable[..., Any], address: str, tmp_path: Path
) -> None:
    one, other = visit(), visit()
    for visitor in (one, other):
        visitor.drop(*series(tmp_path / "ct"))
        visitor.shows(6)
    url = fetched(one)
    token = re.search(r"viewer/([0-9a-f]{32})/", url)
    assert token and token[1] not in fetched(other)
    assert got(url) == (200, "no-store")
    for wrong in (url.rsplit("/", 1)[0] + "/13", url.replace(token[1], "0" * 32), f"{address}viewer/x/y"):
        assert got(wrong) == (404, "no-store")
    one.clear()
    assert got(url) == (404, "no-store")
    assert got(fetched(other)) == (200, "no-store")


def test_a_page_mounted_under_a_path_shows_its_pictures(visit: Callable[..., Any], tmp_path: Path) -> None:
    port = fakes.free_port()
    app = mount(FastAPI(), Echo(), Settings(), "/reading", fakes.NoNetwork())  # type: ignore[arg-type]
    # The browser asks for one at the root, where another page would stand.
    app.get("/favicon.ico", status_code=204)(lambda: None)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    visitor = visit(f"http://127.0.0.1:{port}/reading/")
    visitor.drop(*series(tmp_path / "ct"))
    visitor.shows(6)
    assert "/reading/viewer/" in fetched(visitor)
    visitor.page.close()
    server.should_exit = True
    thread.join()
