"""How the viewer keeps up with a long series, in Chromium: `python benchmarks/viewer.py [slices]`.

A CT of 512 x 512 slices is written on the spot, opened in the page and scrolled through twice, every slice
painted before the next is asked for; then its window is dragged. Prints a table and one JSON object.
Wants `playwright` and a Chromium; a screen shows at most 60 pictures a second.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page as Tab
from playwright.sync_api import sync_playwright
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from chat_app import imaging, settings
from chat_app.assistant import Assistant
from chat_app.records import Image
from chat_app.ui.desk import Desk
from chat_app.ui.page import Page

SLICES, SIDE = 500, 512
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
PORT = ".port"

# One notch of the wheel a slice; the next one only once this one is on the canvas.
SCROLL = """async ([from, to]) => {
  const port = document.querySelector(".port"), canvas = port.querySelector("canvas");
  const screen = () => new Promise(requestAnimationFrame);
  const began = performance.now();
  for (let slice = from; slice <= to; slice++) {
    if (slice > from) canvas.dispatchEvent(
      new WheelEvent("wheel", {deltaY: 100, bubbles: true, cancelable: true}));
    while (port.dataset.frame !== String(slice)) await screen();
  }
  return (to - from + 1) / ((performance.now() - began) / 1000);
}"""

# Between two callbacks of the same picture of the screen lies nothing but the viewer's own painting.
DRAG = """async (steps) => {
  const canvas = document.querySelector(".port canvas"), place = canvas.getBoundingClientRect();
  const hand = (kind, step) => canvas.dispatchEvent(new PointerEvent(kind, {pointerId: 1, button: 0,
    bubbles: true, clientX: place.x + 100 + step, clientY: place.y + 100 + step / 2}));
  canvas.setPointerCapture = () => {};
  hand("pointerdown", 0);
  const painting = [], screens = [];
  let last = 0;
  for (let step = 1; step <= steps; step++) {
    let began;
    requestAnimationFrame(() => { began = performance.now(); });
    hand("pointermove", step % 150);
    const at = await new Promise(requestAnimationFrame);
    painting.push(performance.now() - began);
    if (last) screens.push(at - last);
    last = at;
  }
  hand("pointerup", 0);
  return {painting, screens};
}"""


def main() -> None:
    slices = int(sys.argv[1]) if len(sys.argv) > 1 else SLICES
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), slices)
        began = time.perf_counter()
        series = imaging.study([Path(folder)]).images[0]
        opened = time.perf_counter() - began
        figures = {"open the folder, s": opened, **measured(series, slices)}
    figures["load of the machine"] = os.getloadavg()[0]
    for name, value in figures.items():
        print(f"{name:34} {value:8.2f}", file=sys.stderr)
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))


def write(folder: Path, slices: int) -> None:
    """A body with noise in it, 1 mm apart; the file names say nothing of the order."""
    noise = np.random.default_rng(0)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    body = np.hypot(rows - SIDE / 2, columns - SIDE / 2) < SIDE * 0.4
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    for number in range(slices):
        values = np.where(body, 40 + noise.normal(0, 20, (SIDE, SIDE)), -1000) + 1024
        dataset = ct(values.astype(np.uint16), number)
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.FrameOfReferenceUID = (
            study,
            series,
            frame,
        )
        dataset.save_as(folder / generate_uid(), enforce_file_format=True)


def ct(values: np.ndarray[Any, Any], number: int) -> FileDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    dataset.Modality, dataset.InstanceNumber, dataset.SeriesNumber = "CT", number + 1, 1
    dataset.Rows = dataset.Columns = SIDE
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = 1, -1024, "HU"
    dataset.WindowCenter, dataset.WindowWidth = 40, 400
    dataset.PixelSpacing, dataset.SliceThickness = [0.7, 0.7], 1
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.ImagePositionPatient = [0, 0, number]
    dataset.PixelData = values.tobytes()
    return dataset


def measured(series: Image, slices: int) -> dict[str, float]:
    """Everything that is seen in the browser, on a page that opens with the series on its desk."""
    page = Page(Assistant(settings.load(environ={})), settings.load({"port": 7999}, environ={}))

    def begin(desk: Desk) -> dict[Any, Any]:
        desk.add(series)
        return page.render(desk)

    with page.demo:
        page.demo.load(begin, page.desk, page.whole, queue=False)
    address = page.listen()
    while not page.loading.wait(1):
        pass
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        figures = watched(browser.new_page(viewport={"width": 1280, "height": 800}), address, slices)
        browser.close()
    page.demo.close()
    return figures


def watched(tab: Tab, address: str, slices: int) -> dict[str, float]:
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    first, *later = [opening(tab, address) for _ in range(6)]
    tab.locator(PORT).first.press("Home")
    once = tab.evaluate(SCROLL, [1, slices])
    tab.locator(PORT).first.press("Home")
    again = tab.evaluate(SCROLL, [1, slices])
    # The server is told of the last frame a moment after the wheel has come to rest.
    tab.wait_for_timeout(1000)
    before = len(asked)
    drag = tab.evaluate(DRAG, 300)
    return {
        "first image on a first visit, s": first,
        "first image on a later visit, s": float(np.median(later)),
        "slices a second, first pass": once,
        "slices a second, second pass": again,
        "window change, ms, median": float(np.median(drag["painting"])),
        "window change, ms, worst": float(np.max(drag["painting"])),
        "screens while dragging, ms, median": float(np.median(drag["screens"])),
        "screens while dragging, ms, 99 %": float(np.percentile(drag["screens"], 99)),
        "requests while dragging": float(len(asked) - before),
        "memory of the page, MB": held(tab),
    }


def opening(tab: Tab, address: str) -> float:
    """Seconds from asking for the page until the first image is on it."""
    tab.goto("about:blank")
    began = time.perf_counter()
    tab.goto(address, wait_until="commit")
    tab.wait_for_function("() => document.querySelector('.port')?.dataset.frame", polling=10)
    return time.perf_counter() - began


def held(tab: Tab) -> float:
    memory = tab.evaluate("() => performance.memory ? performance.memory.usedJSHeapSize : 0")
    return float(memory) / 1e6


if __name__ == "__main__":
    main()
