"""The readers of data sets: each reads its layout, made here by code, and no other's; faults are said."""

from __future__ import annotations

import gzip
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from chat_app.data import reader, sections
from chat_app.data.reader import Reader
from chat_app.data.records import Fault, Record
from chat_app.errors import InputError, SetupError

READERS = {each.NAME: each for each in reader.known()}
Make = Callable[[Path], Any]

RAD = {
    "qid": "7",
    "phrase_type": "test_freeform",
    "image_name": "a.jpg",
    "image_case_url": "https://medpix.nlm.nih.gov/case?id=1",
    "image_organ": "CHEST",
    "question": "Is there a mass?",
    "answer": "Yes",
    "answer_type": "CLOSED ",
}
SLAKE = {
    "img_id": 1,
    "img_name": "xmlab1/source.jpg",
    "question": "What is it?",
    "answer": "MRI",
    "q_lang": "en",
    "location": "Abdomen",
    "modality": "X-Ray",
    "answer_type": "OPEN",
    "qid": 0,
}
PMC = "Figure_path,Question,Answer,Choice A,Choice B,Choice C,Choice D,Answer_label\n"
TALK = [
    {"from": "human", "value": "<image>\nWhat is it?"},
    {"from": "gpt", "value": "A chest film."},
    {"from": "human", "value": "Is it normal?"},
    {"from": "gpt", "value": "Yes."},
]
REPORT = """                                 FINAL REPORT
 EXAMINATION:  CHEST (PA AND LAT)

 FINDINGS:  The lungs are
 clear.

 IMPRESSION:  No acute process.
"""
XML = """<eCitation><MedlineCitation><Article><Abstract>
<AbstractText Label="INDICATION">Cough.</AbstractText>
<AbstractText Label="FINDINGS">Clear lungs.</AbstractText>
<AbstractText Label="IMPRESSION">Normal.</AbstractText></Abstract></Article></MedlineCitation>
<MeSH><major>normal</major></MeSH><parentImage id="CXR1_1_IM-0001-3001"/>
<parentImage id="CXR1_1_IM-0001-4001"/>
</eCitation>"""


def picture(path: Path, size: tuple[int, int] = (40, 20)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.new("L", size, 99).save(path)


def write(path: Path, text: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")


def records(folder: Path) -> None:
    row = {"id": "1", "image": "images/a.png", "split": "train", "labels": ["x"], "group": "p1"}
    row |= {"boxes": [{"label": "x", "box": [0, 0.1, 0.5, 1]}], "view": "PA", "licence": "CC0"}
    write(folder / "records.jsonl", json.dumps(row))
    picture(folder / "images/a.png")


def vqa_rad(folder: Path) -> None:
    write(
        folder / "VQA_RAD Dataset Public.json", [RAD, RAD | {"qid": "8", "phrase_type": "para", "answer": 2}]
    )
    picture(folder / "VQA_RAD Image Folder/a.jpg")


def slake(folder: Path) -> None:
    write(folder / "train.json", [SLAKE, SLAKE | {"q_lang": "zh", "qid": 1}])
    write(folder / "validate.json", [SLAKE])
    picture(folder / "imgs/xmlab1/source.jpg")


def path_vqa(folder: Path) -> None:
    row = {"file_name": "1.png", "question": "what is this?", "answer": "no"}
    write(folder / "validation/metadata.jsonl", json.dumps(row))
    picture(folder / "validation/1.png")


def pmc_vqa(folder: Path) -> None:
    write(folder / "train.csv", PMC + "PMC1_F1.jpg,What?,Focal,A:Diffuse,B:Focal,C:None,D:Unclear,B\n")
    picture(folder / "images/PMC1_F1.jpg")


def llava(folder: Path) -> None:
    write(folder / "train_chat.json", [{"id": "a", "image": "a.png", "conversatons": TALK}])
    picture(folder / "images/a.png")


def mimic(folder: Path) -> None:
    study = folder / "files/p10/p10000032/s50414267"
    write(study.with_suffix(".txt"), REPORT)
    picture(study / "02aa804e.jpg")
    table = "dicom_id,study_id,subject_id,split\n02aa804e,50414267,10000032,validate\n"
    (folder / "mimic-cxr-2.0.0-split.csv.gz").write_bytes(gzip.compress(table.encode()))


def coco(folder: Path) -> None:
    image = {"id": 5, "file_name": "a.png", "width": 40, "height": 20, "license": 1}
    marks = [{"id": 1, "image_id": 5, "category_id": 3, "bbox": [10, 5, 20, 10]}]
    lists = {"categories": [{"id": 3, "name": "mass"}], "licenses": [{"id": 1, "name": "CC BY"}]}
    write(folder / "annotations/instances_val2017.json", {"images": [image], "annotations": marks, **lists})
    picture(folder / "val2017/a.png")


def csv(folder: Path) -> None:
    write(folder / "mine.csv", "image;label;patient;split;view\na.png;mass|nodule;p1;valid;PA\n")
    picture(folder / "a.png")


LAYOUTS: dict[str, Make] = {
    make.__name__: make for make in (records, vqa_rad, slake, path_vqa, pmc_vqa, llava, mimic, coco, csv)
}


def read(folder: Path, make: Make) -> list[Record]:
    make(folder)
    return reader.read(folder)


# Every reader keeps the contract


def test_every_reader_has_a_layout_here() -> None:
    assert {*LAYOUTS} == {*READERS}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_reader_is_named_as_its_file(name: str) -> None:
    assert READERS[name].__name__.endswith(f".{name}")  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_known_to_its_reader_alone(tmp_path: Path, name: str) -> None:
    LAYOUTS[name](tmp_path)
    assert [each.NAME for each in reader.known() if each.looks_like(tmp_path)] == [name]


@pytest.mark.parametrize("name", LAYOUTS)
def test_records_have_unlike_ids_and_pictures_that_are_there(tmp_path: Path, name: str) -> None:
    found = read(tmp_path, LAYOUTS[name])
    assert len({each.id for each in found}) == len(found) > 0
    assert all(each.path.is_file() and each.set == tmp_path.name for each in found)


@pytest.mark.parametrize("each", reader.known(), ids=lambda each: each.NAME)
def test_an_empty_folder_is_no_set(tmp_path: Path, each: Reader) -> None:
    assert not each.looks_like(tmp_path)


# What each makes of its fields


def test_our_own_rows_keep_what_only_they_say(tmp_path: Path) -> None:
    (record,) = read(tmp_path, records)
    assert (record.labels, record.group, record.licence, record.said["view"]) == (("x",), "p1", "CC0", "PA")
    assert record.boxes == (("x", (0.0, 0.1, 0.5, 1.0)),)


def test_vqa_rad_s_test_questions_are_those_it_calls_so(tmp_path: Path) -> None:
    test, train = read(tmp_path, vqa_rad)
    assert (test.split, test.answer_type, test.body_part) == ("test", "CLOSED", "chest")
    assert (train.split, train.answer) == ("train", "2")
    assert test.group == train.group


def test_slake_s_languages_and_splits_are_told_apart(tmp_path: Path) -> None:
    found = read(tmp_path, slake)
    assert [(each.said["q_lang"], each.split) for each in found] == [
        ("en", "train"),
        ("zh", "train"),
        ("en", "val"),
    ]
    assert (found[0].modality, found[0].body_part, found[0].licence) == ("X-ray", "abdomen", "CC BY 4.0")


def test_path_vqa_goes_by_the_picture(tmp_path: Path) -> None:
    (record,) = read(tmp_path, path_vqa)
    assert (record.split, record.answer_type, len(record.group)) == ("val", "CLOSED", 64)


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    write(tmp_path / "qas/train_vqa.pkl", "cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(InputError, match="No data set is known"):
        reader.read(tmp_path)


@pytest.mark.skipif(importlib.util.find_spec("pyarrow") is not None, reason="pyarrow is installed")
def test_parquet_without_pyarrow_says_what_to_install(tmp_path: Path) -> None:
    write(tmp_path / "data/train-00000-of-00001.parquet", "PAR1")
    with pytest.raises(SetupError, match="pip install pyarrow"):
        reader.read(tmp_path)


def test_parquet_is_unpacked_once(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    picture(tmp_path / "a.png")
    row = {
        "image": {"bytes": (tmp_path / "a.png").read_bytes(), "path": "a.png"},
        "question": "q",
        "answer": "yes",
    }
    (tmp_path / "data").mkdir()
    parquet.write_table(arrow.Table.from_pylist([row, row]), tmp_path / "data/train-00000-of-00001.parquet")
    first, second = reader.read(tmp_path)
    assert first.path == second.path
    assert first.path.is_file() and first.id != second.id
    assert (first.split, first.answer_type) == ("train", "CLOSED")


def test_pmc_vqa_s_answer_is_the_words_of_its_choice(tmp_path: Path) -> None:
    (record,) = read(tmp_path, pmc_vqa)
    assert (record.answer, record.group, record.answer_type) == ("Focal", "PMC1", "CLOSED")
    assert record.said["choices"] == {"A": "Diffuse", "B": "Focal", "C": "None", "D": "Unclear"}


def test_pmc_vqa_s_answer_may_be_a_letter_and_misspelt(tmp_path: Path) -> None:
    head = "Figure_path,Caption,Question,Anwser,Choice A,Choice B,Choice C,Choice D\n"
    write(tmp_path / "test_2.csv", head + "PMC2_F1.jpg,c,What?,C,a,b,c,d\nPMC2_F2.jpg,c,What?,e,a,b,c,d\n")
    right, wrong = reader.read(tmp_path)
    assert (right.answer, right.split, right.faults) == ("c", "test", ())
    assert wrong.faults == (Fault.CHOICE,)


def test_a_conversation_becomes_turns_without_the_image_s_mark(tmp_path: Path) -> None:
    (record,) = read(tmp_path, llava)
    assert record.turns == (("What is it?", "A chest film."), ("Is it normal?", "Yes."))
    assert (record.split, record.group) == ("train", "a.png")


def test_turns_that_stand_alone_and_a_missing_picture_are_faults(tmp_path: Path) -> None:
    alone = [TALK[1], TALK[0], TALK[2], TALK[3]]
    write(tmp_path / "chat.json", [{"id": "a", "conversations": alone}])
    (record,) = reader.read(tmp_path)
    assert record.turns == (("Is it normal?", "Yes."),)
    assert record.faults == (Fault.TURN, Fault.TURN, Fault.PICTURE)


def test_a_mimic_report_is_split_by_its_headings(tmp_path: Path) -> None:
    (record,) = read(tmp_path, mimic)
    assert (record.split, record.group) == ("val", "p10000032")
    assert record.sections == {
        "technique": "CHEST (PA AND LAT)",
        "findings": "The lungs are clear.",
        "impression": "No acute process.",
    }


def test_an_iu_report_belongs_to_each_of_its_pictures(tmp_path: Path) -> None:
    write(tmp_path / "ecgen-radiology/1.xml", XML)
    picture(tmp_path / "NLMCXR_png/CXR1_1_IM-0001-3001.png")
    frontal, lateral = reader.read(tmp_path)
    assert frontal.path.is_file() and not lateral.path.is_file()
    assert frontal.sections == {"indication": "Cough.", "findings": "Clear lungs.", "impression": "Normal."}
    assert (frontal.labels, frontal.group == lateral.group) == (("normal",), True)


@pytest.mark.parametrize(
    ("heading", "ours"),
    [
        ("FINDINGS", "findings"),
        ("FINDINGS AND IMPRESSION", "impression"),
        ("REASON FOR EXAM", "indication"),
        ("COMPARISONS", "comparison"),
        ("FINAL REPORT", "final report"),
        ("WOUND", "wound"),
    ],
)
def test_headings_have_our_names(heading: str, ours: str) -> None:
    assert sections.name(heading) == ours


def test_coco_s_boxes_become_fractions(tmp_path: Path) -> None:
    (record,) = read(tmp_path, coco)
    assert record.boxes == (("mass", (0.25, 0.25, 0.75, 0.75)),)
    assert (record.split, record.labels, record.licence) == ("val", ("mass",), "CC BY")


def test_vindr_s_boxes_are_measured_on_the_picture(tmp_path: Path) -> None:
    head = "image_id,rad_id,class_name,x_min,y_min,x_max,y_max\n"
    rows = "a,R1,Nodule,10,5,30,15\na,R2,Nodule,30,5,10,15\nb,R1,No finding,,,,\n"
    write(tmp_path / "annotations_train.csv", head + rows)
    picture(tmp_path / "train/a.png")
    nodule, nothing = reader.read(tmp_path)
    assert nodule.boxes == (("Nodule", (0.25, 0.25, 0.75, 0.75)),)
    assert (nodule.faults, nodule.said["readers"], nodule.split) == ((Fault.BOX,), 2, "train")
    assert (nothing.labels, nothing.boxes) == (("No finding",), ())


def test_a_csv_of_one_s_own_takes_other_words_for_its_columns(tmp_path: Path) -> None:
    (record,) = read(tmp_path, csv)
    assert (record.labels, record.group, record.split) == (("mass", "nodule"), "p1", "val")
    assert (record.said, record.id) == ({"view": "PA"}, "mine-2")


# What is broken is said


@pytest.mark.parametrize(
    ("header", "row", "says"),
    [
        ("imge,question,answer", "a.png,q,a", "no column 'image': is 'imge' meant"),
        ("question,answer", "q,a", "no column 'image': name the column"),
        ("image,label,label", "a.png,x,y", "both mean 'labels'"),
        ("image,label,labels", "a.png,x,y", "both mean 'labels'"),
        ("image,label", "a.png,x,y", "Line 2 of a CSV has 3 cells and its header 2"),
        ("image,label", "../a.png,x", "Line 2 of the set data is not a record: it needs an image within"),
    ],
)
def test_a_csv_s_fault_is_explained(tmp_path: Path, header: str, row: str, says: str) -> None:
    write(tmp_path / "data/mine.csv", f"{header}\n{row}\n")
    with pytest.raises(InputError, match=says):
        reader.read(tmp_path / "data")


def test_a_csv_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_bytes("image,label\na.png,Höhle\n".encode("latin-1"))
    with pytest.raises(InputError, match="save it as UTF-8"):
        reader.read(tmp_path)


@pytest.mark.parametrize("image", ["/etc/passwd", "../a.png", "C:\\a.png", "a/../../b.png", ""])
def test_a_picture_outside_the_folder_is_refused(tmp_path: Path, image: str) -> None:
    row = {"id": "1", "image": image, "split": "train"}
    write(tmp_path / "records.jsonl", json.dumps(row))
    with pytest.raises(InputError, match="Line 1"):
        reader.read(tmp_path)


@pytest.mark.parametrize(
    ("make", "file", "text", "says"),
    [
        (vqa_rad, "VQA_RAD Dataset Public.json", '[{"image_name": "a", "phrase_type": "x"', "damaged JSON"),
        (vqa_rad, "VQA_RAD Dataset Public.json", '[{"image_name": "a", "phrase_type": "x"}]', "it needs qid"),
        (slake, "train.json", '{"img_name": "a", "q_lang": "en"}', "not a JSON list"),
        (llava, "train_chat.json", '[{"from": 1, "conversations": []}]', "it needs id"),
        (pmc_vqa, "train.csv", "Figure_path,Choice A\na.jpg,b\n", "it needs Figure_path"),
        (mimic, "mimic-cxr-2.0.0-split.csv.gz", "no gzip", "cannot be read"),
        (
            coco,
            "annotations/instances_val2017.json",
            '{"images": [{"file_name": "a"}]}',
            "it needs the fields",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_broken_list_is_said(tmp_path: Path, make: Make, file: str, text: str, says: str) -> None:
    make(tmp_path)
    write(tmp_path / file, text)
    with pytest.raises(InputError, match=says):
        reader.read(tmp_path)


def test_a_folder_of_two_kinds_is_refused_and_both_are_named(tmp_path: Path) -> None:
    llava(tmp_path)
    csv(tmp_path)
    with pytest.raises(InputError, match="csv and llava"):
        reader.read(tmp_path)


def test_our_own_list_counts_whatever_lies_beside_it(tmp_path: Path) -> None:
    records(tmp_path)
    csv(tmp_path)
    assert [each.id for each in reader.read(tmp_path)] == ["1"]


def test_a_folder_of_sets_is_read_set_by_set(tmp_path: Path) -> None:
    records(tmp_path / "ours")
    vqa_rad(tmp_path / "rad")
    (tmp_path / "empty").mkdir()
    assert [each.set for each in reader.read(tmp_path)] == ["ours", "rad", "rad"]


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such data folder"):
        reader.read(tmp_path / "nowhere")


def test_every_shared_set_is_read(shared_data: Path) -> None:
    counts = {path.name: len(list(each.read(path))) for path, each in reader.sets(shared_data).items()}
    assert counts["vqa_rad"] == 2020 and counts["mri_brain"] == 2749
    assert np.all([count > 100 for count in counts.values()])
