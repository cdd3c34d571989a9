"""What docs/privacy.md promises, along the whole line: a file full of identifiers goes in, none comes out."""

from __future__ import annotations

import base64
import io
import json
import logging
import random
import struct
import subprocess
import sys
import time
import traceback
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import fakes
import httpx
import nibabel
import numpy as np
import pytest
import servers
from gradio_client import Client
from identifiers import FILE_NAME, SEEDS, UID_ROOT, residue, saved, seeded
from langchain_core.messages import BaseMessage
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import ImageFileDirectory_v2
from pypdf import PdfReader
from test_page import asking, client, opening, typed

from chat_app import cli, exporters, imaging
from chat_app.assistant import Assistant
from chat_app.errors import ChatAppError, InputError
from chat_app.exporters import json as form
from chat_app.imaging import words
from chat_app.models import cards
from chat_app.models.scripted import Scripted
from chat_app.records import Contract, Conversation, ModelId, Turn
from chat_app.settings import Settings
from chat_app.ui.page import private_folder

# A time of six digits stands by chance in any longer number; files are searched for it in their own tests.
SOUGHT = {
    **{place: seed for place, seed in SEEDS.items() if place != "PatientBirthTime"},
    "root of UIDs": UID_ROOT,
    "file": "zqfilename",
    "folder": "zqfolder",
    "any": "zqname",
}
Make = Callable[[Path], Path]


def left(*things: object) -> list[str]:
    """Which identifiers stand in these texts and bytes."""
    return residue(
        b"\n".join(each if isinstance(each, bytes) else str(each).encode() for each in things), SOUGHT
    )


# One file of each kind, under a name that is an identifier, with identifiers wherever its format has room.


def as_dicom(folder: Path) -> Path:
    path = folder / f"{FILE_NAME}.dcm"
    path.write_bytes(saved(seeded()))
    return path


def as_series(folder: Path) -> Path:
    inner = folder / FILE_NAME
    inner.mkdir()
    for number in range(4):
        dataset = seeded()
        dataset.InstanceNumber, dataset.ImagePositionPatient = number, [0, 0, 2.0 * number]
        dataset.ImageOrientationPatient, dataset.PixelSpacing = [1, 0, 0, 0, 1, 0], [1, 1]
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"{UID_ROOT}.3.{number}"
        (inner / f"{FILE_NAME}{number}").write_bytes(saved(dataset))
    return inner


def as_zip(folder: Path) -> Path:
    path = folder / f"{FILE_NAME}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{FILE_NAME}/{FILE_NAME}", saved(seeded()))
        archive.writestr(f"{FILE_NAME}/{FILE_NAME}.txt", "Zqname")
        archive.comment = b"Zqname"
    return path


def as_png(folder: Path) -> Path:
    info = PngInfo()
    info.add_text("Title", SEEDS["PatientName"])
    info.add_itxt("Description", SEEDS["PatientID"])
    return _pillow(folder / f"{FILE_NAME}.png", pnginfo=info)


def as_jpeg(folder: Path) -> Path:
    exif = Pillow.Exif()
    exif[0x010E], exif[0x013B] = SEEDS["PatientName"], SEEDS["PatientID"]
    return _pillow(folder / f"{FILE_NAME}.jpg", exif=exif, comment=b"Zqname")


def as_tiff(folder: Path) -> Path:
    tags = ImageFileDirectory_v2()
    tags[270], tags[315], tags[269] = SEEDS["PatientName"], SEEDS["PatientID"], FILE_NAME
    return _pillow(folder / f"{FILE_NAME}.tif", tiffinfo=tags)


def as_nifti(folder: Path) -> Path:
    volume = nibabel.Nifti1Image(np.arange(4096, dtype=np.int16).reshape(16, 16, 16), np.eye(4))
    for field in ("descrip", "aux_file", "intent_name", "db_name"):
        volume.header[field] = SEEDS["PatientName"][:9].encode()
    volume.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"Zqname"))
    path = folder / f"{FILE_NAME}.nii.gz"
    nibabel.save(volume, path)
    return path


def _pillow(path: Path, **options: Any) -> Path:
    Pillow.fromarray(np.tile(np.arange(96, dtype=np.uint8), (64, 1))).save(path, **options)
    return path


KINDS: tuple[Make, ...] = (as_dicom, as_series, as_zip, as_png, as_jpeg, as_tiff, as_nifti)
kinds = pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """No picture is searched: none of these holds text, and a search costs seconds."""
    monkeypatch.setattr(words, "available", lambda: False)


def assistant(model: Scripted) -> Assistant:
    contract = Contract(64, "pad", 4, "grid100", 4000, slices=3)
    return Assistant(Settings(), model, cards.Card("scripted", "test", "-", "-", contract, 4))


def conversation(path: Path) -> Conversation:
    talk = Conversation()
    for image in imaging.study([path]).images:
        talk = talk.with_image(replace(image, caution=""))
    return talk


def sent(model: Scripted) -> Iterator[bytes]:
    """All that the model was given, with the bytes of its pictures."""
    for message in (each for call in model.history for each in call):
        yield repr(message).encode()
        yield from _pictures(message)


def _pictures(message: BaseMessage) -> Iterator[bytes]:
    for block in message.content_blocks:
        if block["type"] == "image":
            yield base64.b64decode(block["base64"])


def chunks(png: bytes) -> list[bytes]:
    """The kinds of chunk that a PNG is made of."""
    place, kinds = 8, []
    while place < len(png):
        (length,) = struct.unpack_from(">I", png, place)
        kinds.append(png[place + 4 : place + 8])
        place += 12 + length
    return kinds


@kinds
def test_every_kind_of_file_is_full_of_identifiers(make: Make, tmp_path: Path) -> None:
    path = make(tmp_path)
    assert left(path) and (make is as_series or make is as_nifti or left(path.read_bytes()))


@kinds
def test_no_identifier_gets_from_a_file_into_anything_that_leaves(
    make: Make,
    tmp_path: Path,
    unread: None,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    path, model = make(tmp_path), Scripted(default="Clear.")
    caplog.set_level(logging.DEBUG)  # not before: Pillow logs what it is given to write
    talk, here = conversation(path), assistant(model)
    answer = list(here.ask(talk, "Is it normal?"))[-1]
    report = list(here.draft(talk.with_turn(Turn("?", (), answer)), "general"))[-1]  # type: ignore[arg-type]
    images = talk.study.images
    deep = [look for image in images if image.stack for look in image.stack.looks]
    exported = [
        form.export(report, images)  # type: ignore[arg-type]
        for form in exporters.known().values()
        if not form.BESIDE
    ]
    assert images and len(model.history) > 1
    assert left(*map(repr, (answer, report, talk, *images, *(image.stack for image in images), *deep))) == []
    assert left(json.dumps(form.answer(answer)), *exported) == []  # type: ignore[arg-type]
    assert left(*sent(model)) == []
    assert left(caplog.text, *capfd.readouterr()) == []


@kinds
def test_a_picture_on_its_way_to_a_model_is_pixels_and_nothing_else(
    make: Make, tmp_path: Path, unread: None
) -> None:
    model = Scripted(default="Clear.")
    list(assistant(model).ask(conversation(make(tmp_path)), "Is it normal?"))
    pictures = [png for message in model.history[0] for png in _pictures(message)]
    assert pictures
    assert {kind for png in pictures for kind in chunks(png)} <= {b"IHDR", b"IDAT", b"IEND"}


@kinds
def test_no_identifier_goes_over_the_line_to_a_model_on_a_server(
    make: Make, tmp_path: Path, unread: None, caplog: pytest.LogCaptureFixture
) -> None:
    path = make(tmp_path)
    talk = conversation(path)
    caplog.set_level(logging.DEBUG)
    with servers.fake(kind="vllm") as server:
        chosen = Settings(model=server.name, api_key="zq-secret-key")
        here = Assistant(chosen)
        list(here.ask(talk, "Is it normal?"))
        list(here.draft(talk, "general"))
    asked = [json.dumps(each) for each in server.asked]
    pictures = [
        base64.b64decode(part["image_url"]["url"].partition(",")[2])
        for each in server.asked
        for message in each["messages"]
        for part in message["content"]
        if isinstance(part, dict) and part["type"] == "image_url"
    ]
    assert len(asked) > 1 and len(pictures) > 1
    assert left(*asked, *pictures, repr(server.headers), *server.pages) == []
    assert {kind for png in pictures for kind in chunks(png)} <= {b"IHDR", b"IDAT", b"IEND"}
    assert talk.owner not in "".join(asked)
    assert left(caplog.text) == [] and "zq-secret-key" not in caplog.text


def test_an_overlay_is_not_in_what_the_model_gets(tmp_path: Path, unread: None) -> None:
    dataset = seeded()
    dataset.add_new(0x60000040, "CS", "G")
    dataset.add_new(0x60000050, "SS", [1, 1])
    dataset.add_new(0x60000100, "US", 1)
    dataset.add_new(0x60000102, "US", 0)
    dataset[0x60003000].value = b"\xff" * 512
    drawn, plain = tmp_path / "drawn", tmp_path / "plain"
    drawn.write_bytes(saved(dataset))
    del dataset[0x60003000]
    plain.write_bytes(saved(dataset))
    first, second = (conversation(path).study.images[0] for path in (drawn, plain))
    assert first.stack and first.stack.frame(1).overlay is not None
    assert np.array_equal(first.pixels, second.pixels)


def test_what_is_withheld_is_named_and_without_a_value(tmp_path: Path, unread: None) -> None:
    (image,) = conversation(as_dicom(tmp_path)).study.images
    assert {"PatientName", "PatientBirthDate", "StudyInstanceUID"} <= {*image.withheld, "StudyInstanceUID"}
    assert image.facts["PatientAge"] == "040Y" and left(image.withheld, image.facts) == []


def test_digests_of_a_patient_are_worth_nothing_to_another_process(tmp_path: Path, unread: None) -> None:
    path = as_dicom(tmp_path)
    code = (
        "import sys, pathlib; from chat_app.imaging import study;"
        "print(study([pathlib.Path(sys.argv[1])]).images[0].origin)"
    )
    there = [
        subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True) for _ in range(2)
    ]
    here = repr(conversation(path).study.images[0].origin)
    assert len({here, *(each.stdout.strip() for each in there)}) == 3


# Faults


def damaged(whole: bytes, count: int) -> Iterator[bytes]:
    """The same file cut short, or with some bytes of its header changed, the same ones each time."""
    chance = random.Random(3)
    for number in range(count):
        data = bytearray(whole)
        if number % 3 == 0:
            del data[chance.randrange(132, len(data)) :]
        for _ in range(chance.choice((1, 2, 30))):
            data[chance.randrange(min(len(data), 6000))] = chance.choice(
                (0, 0x20, 0x5A, 0xFF, chance.randrange(256))
            )
        yield bytes(data)


def misplaced(whole: bytes) -> Iterator[bytes]:
    """A name where the file ought to state a number, once for each number that shows the picture."""
    for number in (b"40", b"400", b"64"):
        yield whole.replace(
            b"DS" + struct.pack("<H", len(number) + len(number) % 2) + number, b"LO\x06\0Zqname"
        )
    for keyword in (
        "WindowCenter",
        "RescaleSlope",
        "RescaleIntercept",
        "ImagePositionPatient",
        "PixelSpacing",
    ):
        dataset = seeded()
        setattr(dataset, keyword, 76543210 if "P" not in keyword[:6] else [76543210] * 3)
        yield saved(dataset).replace(b"76543210", b"Zqnumber")


@pytest.mark.filterwarnings("ignore")
@kinds
def test_no_exception_over_a_damaged_file_quotes_it(
    make: Make,
    tmp_path: Path,
    unread: None,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    made = make(tmp_path)
    caplog.set_level(logging.DEBUG)
    path = next(made.iterdir()) if made.is_dir() else made
    whole, said = path.read_bytes(), []
    variants = [*damaged(whole, 60), *(misplaced(whole) if make is as_dicom else ())]
    for data in variants:
        path.write_bytes(data)
        try:
            opened = imaging.study([path])
            said += [*map(repr, opened.images), *opened.refused, *opened.notes]
        except ChatAppError as error:
            said += [str(error), "".join(traceback.format_exception(error))]
    faults = [each for each in said if "Traceback" in each]
    places = [
        line for each in faults for line in each.splitlines() if not line.startswith(("  File ", "    "))
    ]
    assert faults and left(*places) == []
    assert left(*(each for each in said if "Traceback" not in each)) == []
    assert left(caplog.text, *capfd.readouterr()) == []


def unreadable(folder: Path) -> Iterator[Path]:
    """Files whose names the system's or the library's own fault would quote."""
    broken = folder / f"{FILE_NAME}.zip"
    with zipfile.ZipFile(broken, "w") as archive:
        archive.writestr(f"{FILE_NAME}.dcm", saved(seeded()))
    whole = broken.read_bytes()
    broken.write_bytes(whole.replace(b"Zqfile", b"Zqfilx", 1))
    yield broken
    encrypted = folder / f"{FILE_NAME}-2.zip"
    encrypted.write_bytes(_encrypted(whole))
    yield encrypted
    yield folder / f"{FILE_NAME}-missing"
    yield Path(f"{FILE_NAME}\0")


def _encrypted(archive: bytes) -> bytes:
    """The same archive with the flag of an encrypted member set, in both places."""
    data = bytearray(archive)
    for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.find(mark) + offset] |= 1
    return bytes(data)


def test_no_exception_over_a_file_that_cannot_be_read_names_it(tmp_path: Path) -> None:
    for path in unreadable(tmp_path):
        with pytest.raises(InputError) as caught:
            imaging.study([path])
        told = traceback.format_exception(caught.value)
        assert left(*(part for each in told for part in each.splitlines() if part[:2] != "  ")) == []


NOISY = """
import logging, sys, traceback, warnings
logging.basicConfig(level=0)
from pathlib import Path
from chat_app.imaging import study, deidentify
for path in map(Path, sys.argv[2:]):
    try:
        for image in study([path]).images:
            print(repr(image))
    except Exception as error:
        print(error)
try:
    print(deidentify.folder(Path(sys.argv[2]).parent, Path(sys.argv[1]), b"k" * 32, ocr=False).as_text())
except Exception as error:
    print(error)
"""


def test_nothing_is_logged_or_warned_of_in_a_process_that_logs_everything(tmp_path: Path) -> None:
    folder = tmp_path / FILE_NAME
    folder.mkdir()
    paths = [make(folder) for make in KINDS if make is not as_series]
    whole = saved(seeded())
    for number, data in enumerate([*damaged(whole, 30), *misplaced(whole)]):
        paths.append(folder / f"{FILE_NAME}-{number}")
        paths[-1].write_bytes(data)
    command = [sys.executable, "-W", "always", "-c", NOISY, str(tmp_path / "out"), *map(str, paths)]
    ran = subprocess.run(command, capture_output=True, check=True)
    assert b"files were written" in ran.stdout
    assert left(ran.stdout, ran.stderr) == []


def test_what_is_read_in_a_picture_is_not_logged(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("rapidocr")
    canvas = Pillow.new("L", (400, 120), 40)
    ImageDraw.Draw(canvas).text((20, 30), "ZQNAME", fill=255, font=ImageFont.load_default(40))
    words._engine.cache_clear()  # so that the models are loaded here, which is logged too
    caplog.set_level(logging.DEBUG)
    found = words.find(np.asarray(canvas), [SEEDS["PatientName"]])
    assert [each.text for each in found] == ["ZQNAME"]
    assert left(caplog.text, *capfd.readouterr(), found) == []


# The command line


@pytest.fixture
def speaking(monkeypatch: pytest.MonkeyPatch) -> Scripted:
    model = Scripted(default="Clear.")
    monkeypatch.setattr(cards, "load", lambda card, settings, say: (model, ModelId(card.name, "0" * 64)))
    return model


def test_no_command_prints_or_writes_an_identifier(
    tmp_path: Path, unread: None, speaking: Scripted, capfd: pytest.CaptureFixture[str]
) -> None:
    path, out = str(as_dicom(tmp_path)), tmp_path / "out"
    written = [tmp_path / "draft.md", tmp_path / "draft.json"]
    assert cli.main(["ask", path, "-q", "Is it normal?", "--json"]) == 0
    for draft in written:
        assert cli.main(["draft", path, "--template", "general", "-o", str(draft)]) == 0
    assert cli.main(["deidentify", path, str(out)]) == 0
    assert left(*capfd.readouterr(), *sent(speaking)) == []
    files = [*written, *(each for each in out.rglob("*") if each.is_file())]
    assert len(files) == 4
    assert left(*(each.read_bytes() for each in files), *(each.relative_to(tmp_path) for each in files)) == []


def test_a_damaged_file_is_one_line_for_whoever_typed_it(
    tmp_path: Path, unread: None, speaking: Scripted, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / FILE_NAME
    for data in damaged(saved(seeded()), 12):
        path.write_bytes(data)
        cli.main(["ask", str(path), "-q", "Is it normal?"])
    out, err = capfd.readouterr()
    assert err.count("lightbox: ") > 3 and "Traceback" not in err
    assert left(out, err) == []


# The page


@pytest.fixture
def page(unread: None) -> Iterator[tuple[str, Scripted]]:
    model = Scripted(default="Clear.")
    with fakes.opened(assistant(model)) as address:
        yield address, model


def everything(visitor: Client, path: Path) -> Iterator[object]:
    """What the page answers to a visitor who opens a file, asks, drafts and exports."""
    yield opening(visitor, path)
    yield asking(visitor, "Is it normal?")
    yield visitor.predict("general", *typed(visitor), api_name="/draft")
    for ending in (".md", ".json", ".fhir.json", ".radfact.json"):
        yield base64.b64decode(visitor.predict(ending, api_name="/export")).decode()
    for ending, read in ((".pdf", pdf_text), (".docx", docx_text)):
        yield read(base64.b64decode(visitor.predict(ending, api_name="/export")))


def pdf_text(data: bytes) -> str:
    document = PdfReader(io.BytesIO(data))
    return "".join(page.extract_text() for page in document.pages) + str(document.metadata)


def docx_text(data: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(data)) as document:
        names = [name for name in document.namelist() if name.endswith((".xml", ".rels"))]
        return "".join(document.read(name).decode() for name in names)


@kinds
def test_nothing_that_the_page_answers_holds_an_identifier(
    make: Make, tmp_path: Path, page: tuple[str, Scripted], caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    if make is as_series:
        pytest.skip("a folder is opened by a browser only")
    (address, model), path = page, make(tmp_path)
    caplog.set_level(logging.DEBUG)
    visitor = client(address)
    answers = list(everything(visitor, path))
    assert "Clear." in str(answers)
    answers += [httpx.get(f"{address}{each}").text for each in ("config", "gradio_api/info")]
    assert left(*answers, *sent(model)) == []
    assert left(caplog.text, *capfd.readouterr()) == []


def test_a_frame_on_its_way_to_the_browser_is_numbers(tmp_path: Path, page: tuple[str, Scripted]) -> None:
    address, _ = page
    shown = opening(client(address), as_dicom(tmp_path))
    base = next(value for value in _values(shown) if isinstance(value, str) and value.startswith("viewer/"))
    answer = httpx.get(f"{address}{base}1")
    assert answer.status_code == 200 and left(answer.headers, answer.content, base) == []
    assert answer.headers["cache-control"] == "no-store"


def _values(thing: Any) -> Iterator[object]:
    if isinstance(thing, dict | list | tuple):
        for each in thing.values() if isinstance(thing, dict) else thing:
            yield from _values(each)
    else:
        yield thing


def test_uploads_of_a_desk_lie_under_random_names_and_go_when_it_is_cleared(
    tmp_path: Path, page: tuple[str, Scripted]
) -> None:
    address, _ = page
    before = _desks()
    visitor = client(address)
    opening(visitor, as_dicom(tmp_path))
    (desk,) = _desks() - before
    assert desk.stat().st_mode & 0o777 == 0o700
    assert len(list(desk.iterdir())) == 1 and left(*desk.rglob("*")) == []
    visitor.predict(api_name="/clear")
    assert not desk.exists()


def test_the_folder_of_uploads_is_closed_to_others(page: tuple[str, Scripted]) -> None:
    assert Path(private_folder()).stat().st_mode & 0o777 == 0o700


def test_the_copy_that_gradio_keeps_goes_after_a_minute(
    tmp_path: Path, unread: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chat_app.ui import page as module

    monkeypatch.setattr(module, "DELETE", (1, 1))
    with fakes.opened(assistant(Scripted(default="Clear."))) as address:
        opening(client(address), as_dicom(tmp_path))
        assert _named()
        deadline = time.monotonic() + 15
        while _named() and time.monotonic() < deadline:
            time.sleep(0.2)
    assert _named() == []


def _named() -> list[Path]:
    return [path for path in Path(private_folder()).rglob("*") if path.is_file() and left(path.name)]


def _desks() -> set[Path]:
    return set(Path(private_folder()).rglob("desk-*"))
