"""The page of scores: what stands on it, and that it is what the files give."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks import plot, quality

KEPT_APART = {
    "scored": 4,
    "trained": 9,
    "alike": 0,
    "share": 0.0,
    "shared": False,
    "says": "None is alike.",
}
LEAKING = KEPT_APART | {"alike": 4, "share": 1.0, "shared": True, "says": "Shares its images."}


def measure(metric: str = "accuracy", **changes: Any) -> dict[str, Any]:
    figure = {"n": 4, "clusters": 3, "value": 0.5, "interval": [0.25, 0.75]}
    group = {"sex": {"F": figure | {"n": 1}, "M": figure | {"n": 3}}}
    rows = {"id": ["films:1"], "cluster": [0], "merits": {"seen": [1]}}
    return {
        "task": "closed",
        "metric": metric,
        **figure,
        "majority": 0.25,
        "blank": 0.125,
        "subgroups": group,
        "rows": rows,
        **changes,
    }


def result(**changes: Any) -> dict[str, Any]:
    return {
        "suite": "vqa",
        "protocol": "One row each.",
        "normaliser": "n 1",
        "split": "test",
        "limit": 0,
        "data": {"sha256": "d" * 64, "pictures": 4},
        "model": {"name": "nano", "sha256": "a" * 64, "label": "", "adapter": ""},
        "dtype": "fp32",
        "adapter": "",
        "prompts": "b" * 64,
        "lightbox": "0.2.0",
        "leak": KEPT_APART,
        "measures": [measure(), measure("answered", value=0.25)],
        "skipped": [],
        **changes,
    }


def test_weights_held_in_each_way_stand_side_by_side_on_the_same_rows() -> None:
    known = quality.held()
    assert {dtype: each["dtype"] for dtype, each in known.items()} == {name: name for name in quality.DTYPES}
    first, *others = ([each["rows"]["id"] for each in one["measures"]] for one in known.values())
    assert all(first == other for other in others)
    assert quality.types(known).count("| tumour_box |") == 2


def test_a_result_stands_with_all_that_it_rests_on() -> None:
    page = quality.section("vqa", result())
    assert "## nano: vqa, films, split test\n" in page
    assert "`lightbox evaluate vqa --model nano --data DIR --split test --limit 0 -o FILE`" in page
    assert "| closed | accuracy | 4 (3) | 0.500 (0.250 to 0.750) | 0.250 | 0.125 |" in page
    assert "| closed | accuracy | sex | F | 1 (3) |" in page
    for fact in ("aaaaaaaaaaaa", "dddddddddddd", "bbbbbbbbbbbb", "n 1", "fp32", "0.2.0"):
        assert fact in page


def test_what_a_model_does_not_answer_is_said() -> None:
    says = "nano answers 25.0% of the rows of closed; the others count as wrong."
    assert says in quality.section("vqa", result())


def test_a_split_that_shares_its_images_is_marked_and_comes_last() -> None:
    known = {"a": result(leak=LEAKING, split="official=test"), "b": result()}
    assert quality.ordered(known) == ["b", "a"]
    page = quality.page(known, quality.held(), quality.published())
    assert "split official=test (shares its images with training)\n" in page
    assert "**Shares its images.**" in page


def test_a_sample_is_called_one() -> None:
    assert "A sample: at most 9 rows" in quality.section("vqa", result(limit=9))
    assert "A sample" not in quality.section("vqa", result())


def test_figures_without_look_alikes_stand_beside() -> None:
    clean = {"n": 2, "clusters": 2, "value": 0.1, "interval": [0.0, 0.2]}
    assert "| 0.100 (0.000 to 0.200) |" in quality.figures([measure(**{"without alike": clean})])


def test_what_others_published_has_a_protocol_and_a_source_and_a_section_of_its_own() -> None:
    blocks = quality.published()["blocks"]
    assert blocks
    for block in blocks:
        assert block["title"] and block["source"]
        assert all(len(row) == len(block["columns"]) for row in block["rows"])
    page = quality.page({"a": result()}, quality.held(), quality.published())
    ours, theirs = page.split("## What others published")
    assert "MedGemma" not in ours and "MedGemma" in theirs


def test_a_plot_shows_value_interval_and_baselines() -> None:
    tree = ElementTree.fromstring(plot.forest("A & B", [measure()]))
    name = "{http://www.w3.org/2000/svg}"
    (dot,) = tree.iter(f"{name}circle")
    assert float(dot.get("cx", "0")) == plot.LEFT + plot.WIDTH * 0.5
    strokes = [line.get("stroke") for line in tree.iter(f"{name}line")]
    assert {plot.BASELINES["majority"], plot.BASELINES["blank"], plot.VALUE} <= set(strokes)
    assert plot.BASELINES["shuffled"] not in strokes


def test_the_page_is_what_the_files_give() -> None:
    known = quality.results()
    if not known:
        pytest.skip("nothing was scored yet: no file lies in benchmarks/scores")
    page = quality.page(known, quality.held(), quality.published())
    assert quality.PAGE.read_text(encoding="utf-8") == page
    for name, drawing in quality.plots(known).items():
        assert (quality.PLOTS / name).read_text(encoding="utf-8") == drawing
