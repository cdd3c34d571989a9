"""The figures of an evaluation: intervals, subgroups, leaks, and two results tested in pairs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from chat_app import cli
from chat_app.data.records import Record
from chat_app.errors import InputError
from chat_app.evaluation import compare as comparing
from chat_app.evaluation import leak, records, run, score, subgroups
from chat_app.evaluation.measure import Measure, Merits, Scored, Way, clusters, figure, once, value

SPLIT = "test"


def row(
    merit: float | Merits, group: str = "", number: int = 0, said: Any = None, **about: str
) -> Scored:
    record = Record(str(number), "set", Path(f"{number}.png"), SPLIT, group=group, said=said or {})
    return Scored(record, {Way.SEEN: once(merit) if isinstance(merit, float | int) else merit}, about)


def rows(merits: Sequence[float | Merits], groups: Sequence[str] = ()) -> list[Scored]:
    named = groups or [""] * len(merits)
    pairs = zip(merits, named, strict=True)
    return [row(merit, group, number) for number, (merit, group) in enumerate(pairs)]


# Values and intervals


def test_a_mean_is_what_was_gained_of_what_could_be() -> None:
    assert value(rows([1.0, 0.0, 0.5, 0.5])) == 0.5
    assert value(rows([((2.0, 3.0),), ((0.0, 5.0),)])) == 0.25


def test_columns_are_averaged_and_those_without_anything_to_gain_left_out() -> None:
    macro = [((2.0, 2.0), (0.0, 1.0), (0.0, 0.0)), ((0.0, 2.0), (0.0, 0.0), (0.0, 0.0))]
    assert value(rows(macro)) == pytest.approx((0.5 + 0.0) / 2)


def test_the_interval_is_the_same_each_time_and_holds_the_value() -> None:
    found = figure(rows([0.0, 0.2, 0.4, 0.9, 1.0]))
    assert found == figure(rows([0.0, 0.2, 0.4, 0.9, 1.0]))
    assert 0.0 <= found.interval[0] < found.value < found.interval[1] <= 1.0


def test_rows_of_one_patient_are_drawn_together() -> None:
    merits = [1.0] * 10 + [0.0] * 10
    alone = figure(rows(merits))
    grouped = figure(rows(merits, ["a"] * 5 + ["b"] * 5 + ["c"] * 5 + ["d"] * 5))
    assert (alone.clusters, grouped.clusters, grouped.n) == (20, 4, 20)
    assert grouped.interval[0] < alone.interval[0] and grouped.interval[1] > alone.interval[1]


def test_without_a_group_the_rows_of_one_picture_are_one_cluster() -> None:
    twice = [row(1.0, number=3), row(0.0, number=3), row(0.0, number=4)]
    assert clusters(twice) == [0, 0, 1]


def test_the_same_group_in_two_sets_is_two() -> None:
    one, other = rows([1.0, 1.0], ["a", "a"])
    moved = replace(other, record=replace(other.record, set="another"))
    assert clusters([one, moved]) == [0, 1]


def test_all_right_is_not_certain() -> None:
    found = figure(rows([1.0] * 10))
    assert found.interval == pytest.approx(score.wilson(10, 10))
    assert figure(rows([1.0] * 10, ["a", "b"] * 5)).interval == pytest.approx(score.wilson(2, 2))


def test_the_interval_is_about_as_wide_as_theory_says() -> None:
    low, high = figure(rows([1.0, 0.0] * 100)).interval
    assert high - low == pytest.approx(2 * 1.96 * (0.25 / 200) ** 0.5, rel=0.1)


def test_of_one_patient_nothing_is_known() -> None:
    assert figure(rows([1.0, 0.0], ["a", "a"])).interval == (0.0, 1.0)


def test_a_group_that_holds_a_whole_split_is_no_patient() -> None:
    found = [row(1.0, group, number).record for number, group in enumerate(["fold1", "fold1"])]
    other = [replace(found[0], set="films", group=f"patient {number}") for number in (1, 2)]
    kept, notes = records.regrouped([*found, *other])
    assert [each.group for each in kept] == ["", "", "patient 1", "patient 2"]
    assert len(notes) == 1 and notes[0].startswith("set: one group")


def test_a_figure_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing"):
        figure([])


def test_a_measure_has_only_the_ways_of_all_its_rows() -> None:
    both = Scored(row(1.0).record, {Way.SEEN: once(1), Way.BLANK: once(0)})
    assert Measure("t", "m", (both, row(1.0))).ways == (Way.SEEN,)


@pytest.mark.parametrize(
    ("one", "others", "shares"),
    [
        ([(0, 0, 1, 1)], [(0, 0, 1, 1)], [1.0]),
        ([(0, 0, 1, 1), (0, 0, 1, 1)], [(0, 0, 1, 1)], [1.0]),
        ([(0, 0, 0.5, 1), (0, 0, 1, 1)], [(0, 0, 1, 1), (0, 0, 0.5, 1)], [1.0, 1.0]),
        ([(0, 0, 0.1, 0.1)], [(0.5, 0.5, 1, 1)], []),
        ([], [(0, 0, 1, 1)], []),
    ],
)
def test_each_box_is_paired_once(one: Any, others: Any, shares: list[float]) -> None:
    assert score.matched(one, others) == pytest.approx(shares)


# Subgroups


@pytest.mark.parametrize(
    ("age", "band"),
    [
        *((0, "0-17"), ("17", "0-17"), (18, "18-39"), (39.5, "18-39"), (64, "40-64"), (65, "65+")),
        *((each, "") for each in ("", None, "old", -1, 999, "nan", "inf")),
    ],
)
def test_an_age_has_a_band_or_none(age: object, band: str) -> None:
    assert subgroups.band(age) == band


def test_figures_are_told_apart_by_what_records_say() -> None:
    said = [{"sex": "F", "age": 70, "organ": "HEAD"}, {"sex": "M", "age": 20}, {"sex": "F", "age": 5}]
    found = subgroups.figures([row(float(n == 0), number=n, said=each) for n, each in enumerate(said)])
    assert {name: list(groups) for name, groups in found.items()} == {
        "age": ["0-17", "18-39", "65+"],
        "sex": ["F", "M"],
    }
    assert (found["sex"]["F"].n, found["sex"]["F"].value) == (2, 0.5)


def test_a_suite_may_tell_rows_apart_itself() -> None:
    found = subgroups.figures([row(1.0, label="lung"), row(0.0, number=1, label="tumour")])
    assert {group: each.value for group, each in found["label"].items()} == {"lung": 1.0, "tumour": 0.0}


# Leaks


@pytest.fixture
def draw(tmp_path: Path) -> Callable[..., Record]:
    """Saves noise of a seed as a picture, scaled and brightened when asked, and gives its record."""

    def make(name: str, seed: int, side: int = 64, bright: float = 1.0) -> Record:
        small = np.random.default_rng(seed).integers(40, 200, (8, 8), np.uint8)
        picture = Pillow.fromarray(small).resize((side, side), Pillow.Resampling.BICUBIC)
        path = tmp_path / f"{name}.png"
        picture.point(lambda grey: grey * bright).save(path)
        return Record(name, "set", path, SPLIT)

    return make


def quiet(_: str) -> None:
    pass


def test_a_copy_of_a_training_picture_is_found_though_it_was_changed(draw: Any) -> None:
    scored = [draw("a", 1, side=96, bright=1.2), draw("b", 2), draw("c", 3)]
    found = leak.look(scored, [draw("x", 1), draw("y", 9)], quiet)
    assert (found.scored, found.trained, found.alike) == (3, 2, {scored[0].path})
    assert found.says.startswith("Shares its images with training: of 3 scored pictures with 2")
    assert found.share == pytest.approx(1 / 3) and found.is_shared


def test_a_few_copies_are_told_and_do_not_mark_the_split() -> None:
    found = leak.Leak(100, 50, frozenset({Path("a.png")}))
    assert not found.is_shared and found.says.startswith("Of 100 scored pictures with 50 to train on")


def test_the_very_same_file_is_found_even_when_it_shows_nothing(tmp_path: Path) -> None:
    path = tmp_path / "flat.png"
    Pillow.new("L", (30, 30), 7).save(path)
    record = Record("1", "set", path, SPLIT)
    assert leak.look([record], [record], quiet).alike == {path}


def test_copies_within_the_scored_pictures_are_no_leak(draw: Any) -> None:
    found = leak.look([draw("a", 1), draw("b", 1)], [draw("x", 2)], quiet)
    assert not found.alike and "none of the former" in found.says


def test_nothing_to_compare_with_is_said(draw: Any) -> None:
    assert "nothing could be compared" in leak.look([draw("a", 1)], [], quiet).says


# What was scored


def test_the_hash_knows_pictures_and_labels_and_no_order(draw: Any) -> None:
    one, other = draw("a", 1), draw("b", 2)
    base = run.fingerprint([one, other])
    assert base == run.fingerprint([other, one])
    assert base != run.fingerprint([replace(one, answer="yes"), other])
    draw("a", 5)
    assert base != run.fingerprint([one, other])


# Two results


def result(merits: Sequence[Any], **changes: Any) -> dict[str, Any]:
    ids, numbers = [f"set:{n}" for n in range(len(merits))], list(range(len(merits)))
    columns = {"id": ids, "cluster": numbers, "merits": {"seen": list(merits)}}
    measures = [{"task": "closed", "metric": "accuracy", "rows": columns}]
    form = {"suite": "vqa", "split": "test", "protocol": "p", "normaliser": "n", "data": {"sha256": "a"}}
    return {**form, "measures": measures, **changes}


def test_equal_results_do_not_differ() -> None:
    (found,) = comparing.compare(result([1, 0, 1]), result([1, 0, 1]))
    assert (found.difference, found.interval, found.p) == (0.0, (0.0, 0.0), 1.0)


def test_a_clear_difference_is_told_from_chance() -> None:
    (found,) = comparing.compare(result([0] * 30), result([1] * 20 + [0] * 10))
    assert found.difference == pytest.approx(2 / 3)
    assert found.p < 0.001 and found.interval[0] > 0.4


def test_merits_of_several_columns_are_compared_too() -> None:
    one, other = ([[[gained, 2], [0, 0]] for gained in each] for each in ((0, 2, 0), (2, 2, 2)))
    (found,) = comparing.compare(result(one), result(other))
    assert (found.first, found.second) == pytest.approx((1 / 3, 1.0))


def test_the_p_value_of_few_rows_is_that_of_the_sign_test() -> None:
    (found,) = comparing.compare(result([0] * 5), result([1] * 5))
    assert found.p == pytest.approx(2 / 2**5, abs=0.01)


def test_as_many_gains_as_losses_are_chance() -> None:
    (found,) = comparing.compare(result([1, 0] * 10), result([0, 1] * 10))
    assert found.difference == 0.0 and found.p == 1.0


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"data": {"sha256": "b"}}, "different data"),
        ({"split": "val"}, "splits differ"),
        ({"normaliser": "m"}, "normalisers differ"),
        ({"suite": "nano"}, "suites differ"),
        ({"measures": []}, "no task"),
        ({"measures": 3}, "no result"),
        ({"measures": result([1])["measures"]}, "other rows"),
    ],
)
def test_results_of_other_rows_are_not_compared(changes: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        comparing.compare(result([1, 0]), result([1, 0], **changes))


def test_compare_reads_two_files_and_prints_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, merits in (("a", [0, 0, 1]), ("b", [1, 0, 1])):
        (tmp_path / f"{name}.json").write_text(json.dumps(result(merits)))
    files = [str(tmp_path / f"{name}.json") for name in "ab"]
    assert cli.main(["evaluate", "compare", *files]) == 0
    heading, line, *_ = capsys.readouterr().out.splitlines()
    assert heading.split()[:3] == ["task", "metric", "n"]
    assert line.split()[:6] == ["closed", "accuracy", "3", "0.333", "0.667", "+0.333"]
    assert cli.main(["evaluate", "compare", *files, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["first"] == pytest.approx(1 / 3)


@pytest.mark.parametrize("content", ["no JSON", "[]", "{}"])
def test_a_file_that_is_no_result_is_refused(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.json").write_text(content)
    path = str(tmp_path / "a.json")
    assert cli.main(["evaluate", "compare", path, path]) == 2
    assert capsys.readouterr().err.count("\n") == 1
