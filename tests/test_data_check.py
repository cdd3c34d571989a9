"""The check of a data set: each thing that can be wrong is found, counted, and told without a path."""

from __future__ import annotations

import json
import random
import re
import shutil
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import MakeFile
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo

from chat_app.cli import main
from chat_app.data import alike, check, findings, identifiers, reader, sheet
from chat_app.data.findings import Finding, Findings
from chat_app.data.identifiers import Trace
from chat_app.data.records import Record, placed, split_named
from chat_app.data.splits import split_by_group
from chat_app.errors import SetupError
from chat_app.imaging import words

SIZE = (96, 80)
Pixels = np.ndarray[Any, np.dtype[np.uint8]]


def scene(seed: int) -> Pixels:
    """Shapes and texture, unlike for each seed: coarse things are strong, fine ones weak."""
    rng = np.random.default_rng(seed)
    drawn = np.full((SIZE[1], SIZE[0]), 110.0)
    for side, strength in ((4, 60), (8, 30), (16, 20), (32, 15)):
        layer = Pillow.fromarray(rng.uniform(-1, 1, (side, side)).astype(np.float32))
        drawn += strength * np.asarray(layer.resize(SIZE, Pillow.Resampling.BICUBIC))
    return drawn.clip(0, 200).astype(np.uint8)


def rows(count: int = 6, **changes: Any) -> list[dict[str, Any]]:
    splits = ["train", "train", "train", "train", "val", "test"]
    return [
        {
            "id": f"r{number}",
            "image": f"{number}.png",
            "split": splits[number % 6],
            "group": f"p{number}",
            "labels": ["mass"],
            "licence": "CC0",
            **changes,
        }
        for number in range(count)
    ]


@pytest.fixture
def data(tmp_path: Path) -> Callable[..., Path]:
    """Writes a set of our own layout with a scene for each row, and gives its folder."""

    def make(listed: list[dict[str, Any]] | None = None) -> Path:
        folder = tmp_path / "set"
        folder.mkdir(exist_ok=True)
        listed = rows() if listed is None else listed
        for number, row in enumerate(listed):
            Pillow.fromarray(scene(number)).save(folder / row["image"])
        (folder / "records.jsonl").write_text("\n".join(map(json.dumps, listed)), encoding="utf-8")
        return folder

    return make


MakeData = Callable[..., Path]


def found(folder: Path, **options: Any) -> dict[str, Finding]:
    return {each.kind: each for each in check.check(folder, **options).found}


# A record is valid, or none


@pytest.mark.parametrize(
    "changes",
    [
        {"id": ""},
        {"answer_type": "MAYBE"},
        {"labels": ("",)},
        {"boxes": (("x", (0.5, 0.0, 0.4, 1.0)),)},
        {"boxes": (("x", (0.0, 0.0, 1.2, 1.0)),)},
        {"boxes": (("x", (0.0, float("nan"), 1.0, 1.0)),)},
    ],
    ids=str,
)
def test_a_record_that_is_not_valid_cannot_be_made(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Record(**{"id": "1", "set": "s", "path": Path("a"), "split": "", **changes})


def test_a_rounded_box_is_drawn_to_the_edge_and_a_wrong_one_left_out() -> None:
    places, faults = placed([("x", (-0.001, 0, 1.001, 1)), ("y", (0.2, 0, 0.1, 1)), ("z", (0, 0, 2, 1))])
    assert places == (("x", (0.0, 0.0, 1.0, 1.0)),)
    assert len(faults) == 2


@pytest.mark.parametrize(
    ("theirs", "ours"), [("validate", "val"), ("Dev", "val"), ("test", "test"), ("x", "x")]
)
def test_splits_have_our_names(theirs: str, ours: str) -> None:
    assert split_named(theirs) == ours


# Splits by group


def grouped(groups: int = 400) -> list[Record]:
    return [Record(f"{n}", "s", Path(f"{n}.png"), "", group=f"g{n % groups}") for n in range(2 * groups)]


def test_a_group_lies_in_one_split_and_shares_are_met() -> None:
    records = split_by_group(grouped(), seed=1)
    assert len({(each.group, each.split) for each in records}) == 400
    share = sum(each.split == "train" for each in records) / len(records)
    assert abs(share - 0.7) < 0.08


def test_splits_hang_on_the_seed_and_the_group_alone() -> None:
    whole, part = split_by_group(grouped(), seed=1), split_by_group(grouped()[:100], seed=1)
    assert [each.split for each in part] == [each.split for each in whole[:100]]
    assert [each.split for each in split_by_group(grouped(), seed=2)] != [each.split for each in whole]


def test_without_a_group_the_picture_counts() -> None:
    twice = [Record(str(n), "s", Path(f"/somewhere/s/{n // 2}.png"), "") for n in range(100)]
    splits = [each.split for each in split_by_group(twice)]
    assert splits[::2] == splits[1::2] and len(set(splits)) == 3


# What a clean set is


def test_a_clean_set_is_clean(data: MakeData) -> None:
    result = check.check(data())
    assert (result.is_clean, result.found, result.records, result.pictures) == (True, (), 6, 6)
    assert result.splits == {"train": 4, "val": 1, "test": 1}
    assert result.labels == {"mass": {"train": 4, "val": 1, "test": 1}}


# Each fault alone


@pytest.mark.parametrize(
    ("changes", "kind", "says"),
    [
        ({"id": "r0"}, "ids", "1 id stands for more than one record"),
        ({"group": "p0"}, "leak.group", "1 group (patients or cases) lies in more than one split"),
        ({"licence": ""}, "licence", "1 record has no licence"),
        ({"question": " ", "answer": "x"}, "empty.question", "1 record has an empty question"),
        ({"question": "x", "answer": ""}, "empty.answer", "1 record has an empty answer"),
        ({"boxes": [{"label": "a", "box": [0, 0, 2, 1]}]}, "fault.box", "1 box lies outside the picture"),
        ({"boxes": [{"label": "a", "box": [0.5, 0, 0.1, 1]}]}, "fault.box", "1 box lies outside the picture"),
        ({"patient_name": "Doe"}, "identifiers.field", "1 record has a field named after"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_wrong_in_one_row_is_found(
    data: MakeData, changes: dict[str, Any], kind: str, says: str
) -> None:
    listed = rows()
    listed[5] |= changes
    only = found(data(listed))
    assert [*only] == [kind]
    assert only[kind].says.startswith(says) and only[kind].is_fault


def test_a_missing_and_a_broken_picture_are_found(data: MakeData) -> None:
    folder = data()
    (folder / "1.png").unlink()
    (folder / "2.png").write_bytes((folder / "2.png").read_bytes()[:80])
    only = found(folder)
    assert (only["missing"].ids, only["unreadable"].ids) == (("set:r1",), ("set:r2",))


def test_a_picture_seen_again_in_another_split_leaks(data: MakeData) -> None:
    folder = data()
    Pillow.fromarray(scene(0)).resize((192, 160)).convert("RGB").save(folder / "5.png")
    only = found(folder)
    assert [*only] == ["leak.alike"]
    assert {*only["leak.alike"].ids} == {"set:r0", "set:r5"}


def test_a_picture_seen_again_in_the_same_split_counts_double(data: MakeData) -> None:
    folder = data()
    shutil.copy(folder / "0.png", folder / "1.png")
    only = found(folder)
    assert not only["alike"].is_fault and only["alike"].count == 2


def test_sets_are_checked_against_each_other(data: MakeData, tmp_path: Path) -> None:
    first = data()
    second = tmp_path / "other"
    shutil.copytree(first, second)
    listed = [row | {"split": "test"} for row in rows()]
    (second / "records.jsonl").write_text("\n".join(map(json.dumps, listed)))
    result = check.check(tmp_path)
    leak = next(each for each in result.found if each.kind == "leak.alike")
    assert {*result.sets} == {"set", "other"} and leak.count == 10  # r5 is tested on in both


def test_a_rare_label_and_one_never_trained_on_are_noted(data: MakeData) -> None:
    listed = rows(30)
    listed[0]["labels"], listed[5]["labels"] = ["nodule"], ["cyst"]
    only = found(data(listed))
    assert (only["imbalance"].count, only["unlearnt"].count) == (1, 1)
    assert not only["imbalance"].is_fault


def test_records_without_group_or_split_are_noted(data: MakeData) -> None:
    only = found(data(rows(group="", split="")))
    assert (only["group"].count, only["split"].count) == (6, 6)
    assert "split them by group" in only["split"].says


def test_a_picture_that_shows_nothing_is_noted(data: MakeData) -> None:
    folder = data()
    Pillow.new("L", SIZE, 7).save(folder / "3.png")
    assert found(folder)["flat"].ids == ("set:r3",)


def test_at_most_so_many_pictures_are_opened(data: MakeData) -> None:
    only = found(data(), limit=2)
    assert only["limit"].says == "4 pictures were not opened."


def test_no_finding_tells_a_path(data: MakeData, tmp_path: Path) -> None:
    folder = data(rows(8, licence="", group=""))
    for path in folder.glob("*.png"):
        path.unlink()
    text = findings.as_text(check.check(folder))
    assert str(tmp_path) not in text and ".png" not in text
    assert "8 pictures are missing" in text and text.count("set:r") == 15  # three findings, five ids each


# Pictures that look alike


@pytest.mark.parametrize(
    "change",
    [
        lambda picture: picture.resize((64, 60)),
        lambda picture: picture.point(lambda value: min(255, value * 1.2)),
        lambda picture: picture.point(lambda value: int(255 * (value / 255) ** 0.8)),
        lambda picture: picture.convert("RGB"),
    ],
    ids=["smaller", "brighter", "gamma", "colour"],
)
def test_a_picture_made_otherwise_keeps_its_hash(change: Callable[[Any], Any]) -> None:
    one = alike.hashed(scene(3))
    other = alike.hashed(np.asarray(change(Pillow.fromarray(scene(3)))))
    assert one is not None and other is not None
    assert np.bitwise_count(one ^ other).sum() <= alike.NEAR


def test_the_buckets_lose_no_pair() -> None:
    rng, words_ = random.Random(0), []
    for _ in range(300):
        start = rng.getrandbits(255)
        words_ += [start, start ^ sum(1 << bit for bit in rng.sample(range(255), rng.randint(0, 30)))]
    hashes = [np.frombuffer((word << 1).to_bytes(32, "big"), np.uint64) for word in words_]
    near = {
        (i, j)
        for i in range(len(hashes))
        for j in range(i + 1, len(hashes))
        if np.bitwise_count(hashes[i] ^ hashes[j]).sum() <= alike.NEAR
    }
    pairs = {(min(i, j), max(i, j)) for one, two in alike.twins(hashes) for i in one for j in two if i != j}
    assert pairs == near and len(near) > 100


def test_ten_thousand_hashes_are_compared_in_seconds() -> None:
    # As skewed as brain slices are: half of the bits agree nearly always.
    rng = np.random.default_rng(0)
    bits = rng.random((10_000, 256)) < np.where(np.arange(256) % 2, 0.5, 0.95)
    hashes = list(np.packbits(bits, axis=1).view(np.uint64))
    hashes[1:500] = [hashes[0]] * 499
    begun = time.monotonic()
    assert sum(1 for _ in alike.twins(hashes)) >= 1
    assert time.monotonic() - begun < 30


def test_no_hashes_have_no_twins() -> None:
    assert list(alike.twins([])) == []


# What files say of people


def test_a_dicom_header_that_names_someone_is_found(dicom: MakeFile) -> None:
    assert identifiers.in_file(dicom()) == {Trace.HEADER}
    clean = {"PatientName": "", "PatientID": ""}
    assert identifiers.in_file(dicom("clean.dcm", **clean)) == set()


def test_pseudonyms_pass_where_the_file_says_so_and_operators_do_not(dicom: MakeFile) -> None:
    assert identifiers.in_file(dicom(PatientIdentityRemoved="YES")) == set()
    named = dicom("named.dcm", PatientIdentityRemoved="YES", OperatorsName="Roe^Richard")
    assert identifiers.in_file(named) == {Trace.HEADER}


@pytest.mark.parametrize("name", ["jane doe scan.dcm", "doe^j.dcm", "scan_2021-03-04.dcm"])
def test_a_file_s_own_name_may_tell(dicom: MakeFile, name: str) -> None:
    assert Trace.NAME in identifiers.in_file(dicom(name))


@pytest.mark.parametrize(
    "name", ["00001280_004.png", "synpic54610.png", "PMC1064097_F1.png", "p10000032.png"]
)
def test_numbers_that_sets_use_are_no_names(picture: MakeFile, name: str) -> None:
    assert identifiers.in_file(picture(name)) == set()


@pytest.mark.parametrize(
    ("texts", "traces"),
    [
        ({"Author": "Jane"}, {Trace.TAGS}),
        ({"Comment": "Patient: 4711"}, {Trace.TAGS}),
        ({"Comment": "taken on 31.12.1962"}, {Trace.TAGS}),
        ({"Comment": "very nice"}, {Trace.TEXT}),
        ({"Software": "Some Tool 3"}, set()),
    ],
    ids=str,
)
def test_png_texts_are_judged(tmp_path: Path, texts: dict[str, str], traces: set[Trace]) -> None:
    info = PngInfo()
    for key, value in texts.items():
        info.add_text(key, value)
    Pillow.fromarray(scene(0)).save(tmp_path / "a.png", pnginfo=info)
    assert identifiers.in_file(tmp_path / "a.png") == traces


@pytest.mark.parametrize(
    ("tag", "value", "traces"),
    [
        (0x013B, "Jane", {Trace.TAGS}),
        (0x8825, {1: "N", 2: (52.0, 0.0, 0.0)}, {Trace.TAGS}),
        (0x010E, "chest", {Trace.TEXT}),
        (0x0112, 1, set()),
    ],
    ids=["artist", "gps", "description", "orientation"],
)
def test_exif_is_judged(tmp_path: Path, tag: int, value: Any, traces: set[Trace]) -> None:
    exif = Pillow.Exif()
    exif[tag] = value
    Pillow.fromarray(scene(0)).save(tmp_path / "a.jpg", exif=exif)
    assert identifiers.in_file(tmp_path / "a.jpg") == traces


def test_the_check_tells_them_apart(data: MakeData) -> None:
    folder = data()
    info = PngInfo()
    info.add_text("Author", "Jane")
    Pillow.fromarray(scene(1)).save(folder / "1.png", pnginfo=info)
    assert found(folder)["identifiers.tags"].ids == ("set:r1",)


def test_names_in_pixels_need_the_extra(data: MakeData, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "available", lambda: False)
    with pytest.raises(SetupError, match="ocr"):
        check.check(data(), names=True)


def test_names_in_pixels_are_found_where_asked_for(data: MakeData, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "available", lambda: True)
    monkeypatch.setattr(
        words, "find", lambda pixels, is_strict: ["DOE"] if pixels[0, 0] == scene(2)[0, 0] else []
    )
    folder = data()
    assert "identifiers.pixels" not in found(folder)
    assert found(folder, names=True)["identifiers.pixels"].ids == ("set:r2",)


# The sheet


class Outline(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def paged(folder: Path) -> str:
    return sheet.sheet(check.check(folder), reader.read(folder))


def test_the_sheet_shows_pictures_questions_and_boxes(data: MakeData) -> None:
    box = [{"label": "mass", "box": [0.25, 0.5, 0.75, 1]}]
    page = paged(data(rows(question="What is it?", answer="A mass.", boxes=box)))
    tags = Outline(page).tags
    assert sum(tag == "img" and (each["src"] or "").startswith("data:image/jpeg") for tag, each in tags) == 6
    assert '<rect x="0.2500" y="0.5000" width="0.5000" height="0.5000"><title>mass</title>' in page
    assert "Boxes: mass<" in page
    assert "What is it?" in page and "A mass." in page


def test_the_sheet_runs_nothing_and_fetches_nothing(data: MakeData) -> None:
    bad = '<script src="https://x.example/a.js"></script><img src=https://x.example/b onerror=alert(1)>'
    box = [{"label": bad, "box": [0, 0, 1, 1]}]
    listed = [
        row | {"id": bad + row["id"], "boxes": box, "labels": [bad], "modality": bad, "split": bad}
        for row in rows(question=bad, answer=bad, report=bad)
    ]
    page = paged(data(listed))
    tags = Outline(page).tags
    assert "script" not in {tag for tag, _ in tags}
    assert not re.search(r'(src|href)="(?!data:image/jpeg;base64,)', page)
    assert not [name for _, each in tags for name in each if name.startswith("on")]
    assert "default-src 'none'" in page


def test_rare_labels_come_onto_the_sheet(data: MakeData) -> None:
    listed = rows(40)
    listed[24]["labels"] = ["rare"]
    records = sheet.drawn(reader.read(data(listed)), 6)
    assert len(records) == 6 and "rare" in {label for each in records for label in each.labels}


def test_a_missing_picture_leaves_a_sentence_on_the_sheet(data: MakeData) -> None:
    folder = data()
    (folder / "1.png").unlink()
    assert "There is no such file any more" in paged(folder)


# The command line


def test_the_exit_code_says_whether_to_mend(data: MakeData, capsys: pytest.CaptureFixture[str]) -> None:
    folder = data()
    assert main(["data", "check", str(folder)]) == 0
    assert "Nothing must be mended." in capsys.readouterr().out
    (folder / "1.png").unlink()
    assert main(["data", "check", str(folder)]) == 1
    assert "MEND  1 picture is missing" in capsys.readouterr().out


def test_the_json_is_one_object(data: MakeData, capsys: pytest.CaptureFixture[str]) -> None:
    main(["data", "check", str(data(rows(licence=""))), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert (told["clean"], told["records"], told["sets"]) == (False, 6, {"set": "records"})
    assert told["findings"][0]["ids"] == [f"set:r{number}" for number in range(5)]


def test_the_sheet_is_written(data: MakeData, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", str(data()), "--sheet", str(tmp_path / "a.html")]) == 0
    assert (tmp_path / "a.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (["--sheet", "a.txt"], "ends in .html"),
        (["--sheet", "nowhere/a.html"], "cannot be written"),
        (["--limit", "-1"], "The limit"),
    ],
)
def test_wrong_use_is_two(
    data: MakeData, wrong: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "check", str(data()), *wrong]) == 2
    assert says in capsys.readouterr().err


def test_a_folder_without_a_set_is_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", str(tmp_path)]) == 2
    assert "No data set is known" in capsys.readouterr().err


def test_a_check_of_shared_data_finds_what_is_known_of_it(shared_data: Path) -> None:
    result: Findings = check.check(shared_data / "us_breast")
    kinds = {each.kind: each.count for each in result.found}
    assert kinds["licence"] == 717 and kinds["leak.alike"] > 50  # BUSI holds many pictures twice
    assert "leak.group" not in kinds and "unreadable" not in kinds
