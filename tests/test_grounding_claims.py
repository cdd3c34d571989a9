"""What report sentences claim, as the rules read it: the table of sentences, and what it does not hold."""

from __future__ import annotations

import json
import time

import pytest

from benchmarks import claims as bench
from chat_app.grounding.claims import normal_form, read
from chat_app.grounding.claims.lengths import lengths
from chat_app.records import Claim, Presence

TABLE = bench.sentences()
HELD_OUT = [sentence for sentence in TABLE if sentence.held_out]


def told(sentence: str) -> list[str]:
    return [normal_form(claim) for claim in read(sentence)]


@pytest.mark.parametrize("kind", bench.KINDS)
def test_sentences_are_read_as_they_are_meant(kind: str) -> None:
    score = bench.score(TABLE, kind)
    assert min(score.precision, score.recall) >= 0.95, "\n".join(bench.failures(TABLE))


def test_sentences_kept_apart_are_read_as_well() -> None:
    score = bench.score(HELD_OUT, "presence")
    assert min(score.precision, score.recall) >= 0.95, "\n".join(bench.failures(HELD_OUT))


def test_the_table_is_as_large_as_it_is_said_to_be() -> None:
    assert len(TABLE) >= 300
    assert len(HELD_OUT) >= 90
    assert len({sentence.text for sentence in TABLE}) == len(TABLE)


def test_a_misread_sentence_counts_and_is_shown() -> None:
    said = Claim("pleural effusion", Presence.PRESENT)
    wrong = bench.Sentence("No effusion.", (said,), read("No effusion."), held_out=False)
    assert bench.score([wrong], "presence") == bench.Score(1, 1, 0)
    assert list(bench.failures([wrong])) == [
        "No effusion.\n  presence: missed pleural effusion present; made up pleural effusion absent"
    ]


@pytest.mark.parametrize(
    ("sentence", "forms"),
    [
        ("A 6 mm nodule in the left lower lobe.", ["[left lower lobe: nodule, 6 mm, present]"]),
        ("New small right effusion.", ["[right pleura: pleural effusion, new, present]"]),
        ("Bibasal consolidation, possibly infection.", 2),
        ("No fracture.", ["[bone: fracture, absent]"]),
        ("A 12 x 8 mm mass at 2 o'clock.", ["[clock position: mass, 12 x 8 mm, present]"]),
        ("Fracture of T12.", ["[vertebra: fracture, present]"]),
        ("Bilateral upper lobe emphysema.", ["[bilateral upper lobe: emphysema, present]"]),
        ("There is a nodule.", ["[nodule, present]"]),
    ],
)
def test_a_claim_has_a_normal_form(sentence: str, forms: list[str] | int) -> None:
    assert told(sentence) == forms if isinstance(forms, list) else len(told(sentence)) == forms


@pytest.mark.parametrize(
    ("sentence", "anatomy"),
    [
        ("Nodule in the lingula.", "lingula"),
        ("Consolidation of the right middle lobe.", "middle lobe"),
        ("Opacity in the left upper zone.", "upper zone"),
        ("Nodule at the right hilum.", "hilum"),
        ("Haemorrhage in the left basal ganglia.", "basal ganglia"),
        ("Glioma of the right frontal lobe.", "frontal lobe"),
        ("Mass in the upper outer quadrant.", "upper outer quadrant"),
        ("Nodule in the isthmus.", "isthmus"),
        ("Fracture at T12-L1.", "vertebra"),
        ("Left lower lobe atelectasis and cardiomegaly.", "lower lobe"),
        ("Pneumothorax.", "pleura"),
        ("At 2 o'clock, 5 cm from the nipple, there is a mass.", "clock position"),
        ("At the 6:00 position there is a mass.", "clock position"),
        ("The left upper lobe is clear.", "upper lobe"),
    ],
)
def test_a_claim_says_where(sentence: str, anatomy: str) -> None:
    assert read(sentence)[0].anatomy == anatomy


@pytest.mark.parametrize(
    ("text", "mm"),
    [
        ("6 mm", [(6,)]),
        ("1.2 cm", [(12,)]),
        ("1,2 cm", [(12,)]),
        ("12 x 8 mm", [(12, 8)]),
        ("3 × 4 × 5 cm", [(30, 40, 50)]),  # noqa: RUF001
        ("12 mm by 8 mm", [(12, 8)]),
        ("6-mm", [(6,)]),
        ("0.6cm", [(6,)]),
        ("5 to 7 mm", [(5, 7)]),
        ("8 µm", [(0.008,)]),
        ("5 mm slices", []),
        ("slice thickness of 1.25 mm", []),
        ("at T12 and L1, in 2 weeks, on 27.11.2025", []),
        ("40 mm2 and 30 mmHg", []),
    ],
)
def test_lengths_are_in_millimetres(text: str, mm: list[tuple[float, ...]]) -> None:
    assert [each.mm for each in lengths(text)] == mm


def test_a_distance_is_no_size() -> None:
    (claim,) = read("A mass 3 cm from the nipple.")
    assert claim.sizes_mm == ()
    assert [each.away for each in lengths("3 cm from the nipple")] == [True]


ODD = ["", " ", "?", "[1]", "...", "[1] [2]", "ﬁ İ", "no", "no no no", "(", "x" * 5000]


@pytest.mark.parametrize("text", ODD)
def test_odd_text_claims_nothing(text: str) -> None:
    assert read(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        "no effusion and a 6 mm nodule in the left lower lobe, which may be new, " * 40,
        "the lung " + "- " * 3000,
        "lung " + "-" * 3000,
        "the heart " + "very " * 3000 + "large",
        "1 x " * 1000,
        "no " * 3000,
        "possible " * 2000 + "mass",
        "in the left " * 1500,
        "effusion, " * 150,
        "intracranial " * 1000,
    ],
    ids=["long", "dashes", "dash", "very", "numbers", "no", "possible", "left", "list", "prefix"],
)
def test_no_text_takes_long_to_read(text: str) -> None:
    began = time.process_time()
    read(text)
    assert time.process_time() - began < 3


def test_the_record_holds_what_was_measured() -> None:
    figures = bench.record(bench.measured(TABLE))["figures"]
    assert set(figures) == set(bench.PARTS)
    assert json.loads(json.dumps(figures)) == figures


def test_what_is_longer_than_a_sentence_claims_nothing() -> None:
    assert read("There is an effusion.") and read("effusion " * 400) == ()
