"""Studies are found on a real DICOMweb server, fetched bit for bit and sent; what fails is said in words."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from dicoms import deflated_bomb, dicom
from orthanc import PASSWORD, USER, Orthanc, free_port
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

from chat_app import imaging
from chat_app.dicomweb import Server
from chat_app.errors import ChatAppError, InputError, SetupError, TooLarge
from chat_app.imaging.limits import Limits

FILES = (
    "CT_small.dcm",
    "MR_small_RLE.dcm",
    "JPEG2000.dcm",
    "examples_palette.dcm",
    "J2K_pixelrep_mismatch.dcm",
)
STUDY = "1.2.826.0.1.3680043.8.498.77"
SECRETS = ("quill", "harriet", "mrn-4711")

Answer = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture
def server(orthanc: Orthanc) -> Server:
    return Server(orthanc.url, user=USER, password=PASSWORD)


def file_of(folder: Path, name: str = "file", **tags: Any) -> Path:
    """A file of a study of its own, of Harriet Quill, unless the tags say otherwise or None."""
    described = {
        "StudyInstanceUID": generate_uid(),
        "SeriesInstanceUID": generate_uid(),
        "SOPInstanceUID": generate_uid(),
        "PatientName": "Quill^Harriet",
        "PatientID": "MRN-4711",
    }
    path = folder / name
    path.write_bytes(dicom(**{key: value for key, value in (described | tags).items() if value is not None}))
    return path


def sample(name: str) -> Path:
    path = get_testdata_file(name, download=False)
    assert path is not None
    return Path(str(path))


def uid_of(path: Path) -> str:
    return str(pydicom.dcmread(path).StudyInstanceUID)


def pixels_by_instance(folder: Path) -> dict[str, np.ndarray[Any, Any]]:
    datasets = [pydicom.dcmread(path) for path in folder.rglob("*.dcm")]
    return {str(each.SOPInstanceUID): each.pixel_array for each in datasets}


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """The address of a server that answers every question in this one way."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, format: str, *_: Any) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as fake:
        fake.daemon_threads = True
        threading.Thread(target=fake.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{fake.server_port}/dicom-web"
        fake.shutdown()


def sent(status: int, kind: str, body: bytes, **headers: str) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Type", kind)
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    return answer


def envelope(*files: bytes) -> Answer:
    parts = [b"--x\r\nContent-Type: application/dicom\r\n\r\n" + data + b"\r\n" for data in files]
    return sent(200, 'multipart/related; type="application/dicom"; boundary=x', b"".join(parts) + b"--x--")


@pytest.mark.parametrize("name", FILES)
def test_a_study_comes_back_bit_for_bit_in_the_transfer_syntax_it_has(
    server: Server, tmp_path: Path, name: str
) -> None:
    assert server.push([sample(name)]).stored == 1
    assert server.pull(uid_of(sample(name)), tmp_path / "new") == 1
    assert (tmp_path / "new" / "0001.dcm").read_bytes() == sample(name).read_bytes()


def test_a_series_of_slices_comes_back_whole(server: Server, shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "dicom" / "series_ct_chest_P002"
    before = pixels_by_instance(folder)
    assert server.push([folder]).stored == len(before)
    assert server.pull(uid_of(next(folder.glob("*.dcm"))), tmp_path) == len(before)
    after = pixels_by_instance(tmp_path)
    assert after.keys() == before.keys()
    assert all(np.array_equal(after[uid], before[uid]) for uid in before)
    [image] = imaging.study([tmp_path]).images
    assert image.frames == len(before)


def test_files_arrive_under_names_that_say_nothing(server: Server, tmp_path: Path) -> None:
    study = generate_uid()
    paths = [file_of(tmp_path, f"Quill{n}", StudyInstanceUID=study) for n in range(3)]
    server.push(paths)
    said: list[str] = []
    server.pull(study, tmp_path / "new", say=said.append)
    assert [path.name for path in sorted((tmp_path / "new").iterdir())] == [
        "0001.dcm",
        "0002.dcm",
        "0003.dcm",
    ]
    assert (tmp_path / "new").stat().st_mode & 0o077 == 0
    assert said[-1] == "3 files received …"


def test_one_series_may_be_fetched_alone(server: Server, tmp_path: Path) -> None:
    study, wanted = generate_uid(), generate_uid()
    server.push(
        [
            file_of(tmp_path, "a", StudyInstanceUID=study),
            file_of(tmp_path, "b", StudyInstanceUID=study, SeriesInstanceUID=wanted),
        ]
    )
    assert server.pull(study, tmp_path / "new", series_uid=wanted) == 1
    assert pydicom.dcmread(tmp_path / "new" / "0001.dcm").SeriesInstanceUID == wanted


def test_priors_are_found_newest_first_with_what_they_hold(server: Server, tmp_path: Path) -> None:
    patient = {"PatientID": "PRIORS-1", "PatientName": "Prior^Petra"}
    old, new = generate_uid(), generate_uid()
    film = {"StudyInstanceUID": old, "StudyDate": "20190301", "StudyTime": "0915", "Modality": "CR"}
    scan = {"StudyInstanceUID": new, "StudyDate": "20240501", "StudyTime": "235959.1", "Modality": "CT"}
    server.push(
        [
            file_of(tmp_path, "a", **patient, **film, StudyDescription="Chest, two views"),
            file_of(tmp_path, "b", **patient, **scan),
            file_of(tmp_path, "c", **patient, **scan, SeriesInstanceUID="1.2.3.1"),
            file_of(tmp_path, "d", **patient, **scan, SeriesInstanceUID="1.2.3.1"),
        ]
    )
    first, second = server.search("PRIORS-1")
    assert (first.study_uid, first.date, first.time) == (new, "2024-05-01", "23:59")
    assert (first.modalities, first.series, first.instances) == (("CT",), 2, 3)
    assert (second.study_uid, second.patient_name) == (old, "Prior Petra")
    assert second.description == "Chest, two views"
    assert server.search("PRIORS-1", modality="CR") == [second]


@pytest.mark.parametrize(
    "text",
    ["Marple", "marple", "MARPLE", "jane marple", "Marple^Jane", "Marple, Jane", "Marple & Jane", "ACC-9"],
)
def test_a_patient_is_found_as_people_type(server: Server, tmp_path: Path, text: str) -> None:
    marple = {"StudyInstanceUID": f"{STUDY}.1", "PatientName": "Marple^Jane^M", "PatientID": "JM"}
    server.push([file_of(tmp_path, SOPInstanceUID=f"{STUDY}.1.1", AccessionNumber="ACC-9", **marple)])
    assert [each.study_uid for each in server.search(text)] == [f"{STUDY}.1"]


def test_a_search_without_words_shows_at_most_so_many(server: Server, tmp_path: Path) -> None:
    server.push([file_of(tmp_path, f"{n}") for n in range(3)])
    assert len(server.search(limit=2)) == 2
    assert server.search("nobody of this name") == []


def test_names_in_other_scripts_are_read(server: Server, tmp_path: Path) -> None:
    named = {"SpecificCharacterSet": "ISO_IR 192", "PatientName": "Yamada^Tarou=山田^太郎", "PatientID": "U8"}
    server.push([file_of(tmp_path, **named)])
    assert [each.patient_name for each in server.search("U8")] == ["Yamada Tarou"]


def test_a_file_that_is_not_dicom_is_refused_and_the_others_are_sent(server: Server, tmp_path: Path) -> None:
    (tmp_path / "Quill.txt").write_text("not a picture")
    file_of(tmp_path, "a")
    pushed = server.push([tmp_path])
    assert pushed.stored == 1
    assert pushed.refused == (
        "File 1 of 2: This is no DICOM file, and a DICOMweb server takes nothing else: leave it out.",
    )


def test_what_the_server_refuses_is_said_with_its_reason(server: Server, tmp_path: Path) -> None:
    pushed = server.push([file_of(tmp_path, "a", StudyInstanceUID=None), file_of(tmp_path, "b")])
    assert pushed.stored == 1
    assert pushed.refused == (
        "File 1 of 2: The server did not take this file: it cannot understand it, or identifiers are missing "
        "in it.",
    )


def test_alike_refusals_are_one_sentence(server: Server, tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).write_bytes(b"\0" * 128 + b"DICM" + b"damaged")
    pushed = server.push([tmp_path])
    assert pushed.stored == 0
    assert pushed.refused == ("3 files: The server did not take this file: it gives no reason.",)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(files=2), "more than 2 files"),
        (Limits(study_bytes=20_000), "more than 0.02 MB"),
    ],
)
def test_nothing_stays_of_a_study_past_a_limit(
    server: Server, tmp_path: Path, limits: Limits, words: str
) -> None:
    study = generate_uid()
    server.push([file_of(tmp_path, f"{n}", StudyInstanceUID=study) for n in range(3)])
    with pytest.raises(TooLarge, match=words):
        server.pull(study, tmp_path / "new", limits=limits)
    assert list((tmp_path / "new").iterdir()) == []


def test_a_file_without_end_is_left_at_the_limit(tmp_path: Path) -> None:
    written = 0

    def endless(request: BaseHTTPRequestHandler) -> None:
        nonlocal written
        request.send_response(200)
        request.send_header("Content-Type", "multipart/related; boundary=x")
        request.end_headers()
        request.wfile.write(b"--x\r\n\r\n")
        try:
            while written < 200_000_000:
                written += request.wfile.write(bytes(100_000))
        except OSError:
            return

    with answering(endless) as url, pytest.raises(TooLarge, match="A file of this study has more than 1 MB"):
        Server(url).pull(STUDY, tmp_path, limits=Limits(file_bytes=1_000_000))
    assert written < 50_000_000


def test_a_deflated_bomb_is_not_inflated_on_the_way(tmp_path: Path) -> None:
    bomb = deflated_bomb(2**26)
    with answering(envelope(bomb)) as url:
        assert Server(url).pull(STUDY, tmp_path) == 1
    assert (tmp_path / "0001.dcm").read_bytes() == bomb


def test_a_file_without_an_envelope_is_taken(tmp_path: Path) -> None:
    data = dicom()
    with answering(sent(200, "application/dicom", data)) as url:
        assert Server(url).pull(STUDY, tmp_path) == 1
    assert (tmp_path / "0001.dcm").read_bytes() == data


def test_a_line_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    kind = "multipart/related; boundary=x"
    part = b"--x\r\n\r\n" + dicom() + b"\r\n"
    with (
        answering(sent(200, kind, part * 2, **{"Content-Length": "99999"})) as url,
        pytest.raises(SetupError, match="broke off"),
    ):
        Server(url).pull(STUDY, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_who_stops_listening_keeps_nothing(server: Server, tmp_path: Path) -> None:
    study = generate_uid()
    server.push([file_of(tmp_path, f"{n}", StudyInstanceUID=study) for n in range(3)])
    arriving = server.receive(study, tmp_path / "new")
    assert next(arriving).is_file()
    arriving.close()  # type: ignore[attr-defined]
    assert list((tmp_path / "new").iterdir()) == []


def test_a_folder_in_use_is_not_written_to(server: Server, tmp_path: Path) -> None:
    path = file_of(tmp_path)
    server.push([path])
    with pytest.raises(InputError, match="holds something already"):
        server.pull(uid_of(path), tmp_path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("uid", ["", "../patients", "1.2.3/series/4", "1" * 65])
def test_only_a_uid_is_asked_for(server: Server, tmp_path: Path, uid: str) -> None:
    with pytest.raises(InputError, match="not the UID"):
        server.pull(uid, tmp_path)


def test_a_study_that_is_not_there_is_said(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such study"):
        server.pull("1.2.3.4", tmp_path)


@pytest.mark.parametrize("given", [{}, {"user": USER, "password": "wrong"}, {"token": "wrong"}])
def test_refused_credentials_are_said(orthanc: Orthanc, given: dict[str, str]) -> None:
    with pytest.raises(SetupError, match="refused our user, password or token"):
        Server(orthanc.url, **given).search()  # type: ignore[arg-type]


def test_a_server_that_is_not_there_is_said(tmp_path: Path) -> None:
    server = Server(f"http://127.0.0.1:{free_port()}/dicom-web", user=USER, password=PASSWORD)
    for ask in (
        server.search,
        lambda: server.pull(STUDY, tmp_path),
        lambda: server.push([file_of(tmp_path)]),
    ):
        with pytest.raises(SetupError, match="cannot be reached"):
            ask()


def test_another_address_of_the_same_machine_is_no_dicomweb(orthanc: Orthanc) -> None:
    with pytest.raises(SetupError, match="did not answer as DICOMweb does"):
        Server(orthanc.site, user=USER, password=PASSWORD).search()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (sent(200, "text/html", b"<h1>Welcome</h1>"), "did not answer as DICOMweb"),
        (sent(200, "application/json", b"[1, 2]"), "did not answer as DICOMweb"),
        (sent(200, "application/json", b"7"), "did not answer as DICOMweb"),
        (sent(404, "text/html", b""), "did not answer as DICOMweb"),
        (sent(403, "text/html", b""), "refused our user"),
        (sent(503, "text/html", b""), "failed at this .HTTP 503."),
        (sent(302, "text/html", b"", Location="http://127.0.0.1:1/login"), "sends on to another address"),
    ],
)
def test_what_a_stranger_answers_is_said(answer: Answer, words: str) -> None:
    with answering(answer) as url, pytest.raises(SetupError, match=words):
        Server(url).search("Quill")


def test_a_page_instead_of_a_study_is_no_dicomweb(tmp_path: Path) -> None:
    for answer in (sent(200, "text/html", b"<h1>Welcome</h1>"), envelope(b"<h1>Welcome</h1>")):
        with answering(answer) as url, pytest.raises(SetupError, match="did not answer as DICOMweb"):
            Server(url).pull(STUDY, tmp_path)


def test_a_server_that_keeps_silent_is_left(tmp_path: Path) -> None:
    gate = threading.Event()

    def late(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "multipart/related; boundary=x")
        request.end_headers()
        gate.wait(5)

    def silent(_: BaseHTTPRequestHandler) -> None:
        gate.wait(5)

    for answer in (late, silent):
        with answering(answer) as url, pytest.raises(SetupError, match="took too long"):
            try:
                Server(url, timeout=0.2).pull(STUDY, tmp_path)
            finally:
                gate.set()
        gate.clear()


def test_a_server_without_tls_is_not_asked_as_if_it_had(orthanc: Orthanc) -> None:
    with pytest.raises(SetupError, match="no certificate that is trusted"):
        Server(orthanc.url.replace("http:", "https:")).search()


def test_no_log_and_no_fault_says_whom_it_is_about(
    server: Server, orthanc: Orthanc, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    path = file_of(tmp_path)
    study = uid_of(path)
    server.push([path])
    found = server.search("Quill Harriet")
    server.pull(study, tmp_path / "new")
    faults = [fault(lambda: Server(orthanc.url).search("Quill")), fault(lambda: server.pull("1.9", path))]
    faults += [fault(lambda: Server(f"http://127.0.0.1:{free_port()}").search("Quill"))]
    told = "\n".join([caplog.text, *faults, repr(found), repr(server)]).lower()
    assert study in [each.study_uid for each in found]
    assert not [secret for secret in (*SECRETS, study, PASSWORD, orthanc.site) if secret in told]


def fault(ask: Callable[[], object]) -> str:
    with pytest.raises(ChatAppError) as caught:
        ask()
    return str(caught.value)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "needs an address such as"),
        ("pacs.example/dicom-web", "needs an address such as"),
        ("file:///etc/passwd", "needs an address such as"),
        ("https://", "needs an address such as"),
        ("http://pacs.example:port", "needs an address such as"),
        ("http://ward:secret@pacs.example", "holds a user or password"),
        ("http://pacs.example/dicom-web?key=secret", "must end with its path"),
    ],
)
def test_only_a_plain_address_is_taken(url: str, words: str) -> None:
    with pytest.raises(SetupError, match=words) as caught:
        Server(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "[::1]"])
def test_plain_http_is_no_matter_on_the_machine_itself(host: str) -> None:
    assert Server(f"http://{host}:8042/dicom-web").warning == ""


def test_plain_http_to_another_machine_is_warned_of() -> None:
    assert "over plain http" in Server("http://10.0.0.7/dicom-web").warning
    assert Server("https://10.0.0.7/dicom-web").warning == ""


def test_the_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dicomweb_client", None)
    with pytest.raises(SetupError, match=r"pip install 'lightbox-chat\[dicomweb\]'"):
        Server("http://localhost/dicom-web")
