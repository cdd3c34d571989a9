"""Documents are cut where sentences end, scrubbed, and found by the words of a question, or not at all."""

from __future__ import annotations

import json
import random
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from chat_app.errors import BadQuestion, InputError, SetupError
from chat_app.grounding.tokens import tokens
from chat_app.records import Passage
from chat_app.retrieval import corpus, parsers, search
from chat_app.retrieval.blocks import Block
from chat_app.retrieval.cut import LEAST, MOST, passages
from chat_app.retrieval.index import index
from chat_app.retrieval.scrub import scrubbed
from chat_app.retrieval.search import FLOOR, GAP, Found, chosen
from chat_app.settings import Settings

ORGANS = ("liver", "spleen", "kidney", "pancreas", "thyroid", "bladder")


@pytest.fixture
def kept(tmp_path: Path) -> Settings:
    """Two corpora: one passage an organ, and one about a bone."""
    rows = [{"text": f"The {organ} is seen in its usual place.", "title": organ.title()} for organ in ORGANS]
    (tmp_path / "organs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "femur.txt").write_text("The femur is the longest bone.")
    settings = Settings(data=str(tmp_path / "kept"))
    index(tmp_path / "organs.jsonl", "organs", settings)
    index(tmp_path / "femur.txt", "bones", settings)
    return settings


def prose(seed: int, sentences: int) -> str:
    chance = random.Random(seed)
    return " ".join(
        f"{' '.join(['Word'] + ['word'] * chance.randint(1, 40))} s{number}." for number in range(sentences)
    )


# Cutting


@pytest.mark.parametrize("seed", range(8))
def test_passages_end_where_sentences_end_and_lose_no_word(seed: int) -> None:
    text = prose(seed, 60)
    found = list(passages([Block(text)], "a.txt"))
    assert " ".join(each.text for each in found) == text
    assert all(each.text.endswith(".") for each in found)
    lengths = [len(each.text.split()) for each in found]
    assert max(lengths) <= MOST
    short = [length for length in lengths[:-1] if length < LEAST]
    assert all(length + 42 > MOST for length in short), "only a long sentence leaves one short"


def test_a_passage_crosses_no_heading_and_a_short_end_joins() -> None:
    blocks = [Block(prose(1, 3), ("A",)), Block(prose(2, 3), ("B",)), Block("An end.", ("B",))]
    found = list(passages(blocks, "a.txt"))
    assert [each.section for each in found] == ["A", "B"]


def test_a_sentence_longer_than_a_passage_is_cut_between_words() -> None:
    found = list(passages([Block("word " * 450 + "end.")], "a.txt"))
    assert [len(each.text.split()) for each in found] == [200, 200, 51]


def test_an_id_is_the_same_for_the_same_words_in_the_same_place_only() -> None:
    blocks = [Block("Same.", ("A",)), Block("Same.", ("B",)), Block("Same.", ("A",))]
    first, again = list(passages(blocks, "a.txt")), list(passages(blocks, "a.txt"))
    assert first == again
    assert len({each.id for each in (*first, *passages(blocks, "b.txt"))}) == 6


# Scrubbing


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("Seen on 12.03.2019 again.", "12.03.2019"),
        ("Seen on 2019-03-12 again.", "2019-03-12"),
        ("Seen on March 12, 2019 again.", "March 12"),
        ("Born 3rd of May 1961.", "May 1961"),
        ("SMITH^JOHN was seen.", "SMITH"),
        ("Patient: John Smith, 54 years.", "Smith"),
        ("Name: Jane Doe", "Jane"),
        ("Reported by Dr. Miller today.", "Miller"),
        ("MRN: 123456 was read.", "123456"),
        ("Accession number A12-3456 was read.", "3456"),
        ("Number 12345678 was read.", "12345678"),
        ("Patient no. 54321 was read.", "54321"),
        ("SSN 123-45-6789 is theirs.", "6789"),
        ("Call (555) 123-4567 now.", "4567"),
        ("Write to jane.doe@clinic.example now.", "jane"),
    ],
)
def test_what_may_say_who_is_taken_out(text: str, gone: str) -> None:
    (passage,) = passages([Block(text, (text,), title=text)], "a.txt")
    assert gone not in passage.text + passage.title + passage.section
    assert "[" in passage.text


@pytest.mark.parametrize(
    "text",
    [
        "A nodule of 6-8 mm is followed for 3-6 months.",
        "In 1997-2003, 10000 people of 45 to 54 years took part.",
        "Version 2022 of the guideline, section 3.2.1, is meant.",
        "Patients with a case of type 2 diabetes took 2.5 mg, 1:1000.",
        "It varies from case to case. 22q11 and 2q37 are caused by a deletion.",
        "The patient is in the supine position at T12-L1.",
        "Down syndrome may be found in May or in March.",
    ],
)
def test_medicine_is_left_as_it_is(text: str) -> None:
    assert scrubbed(text) == text


# What a terminal would obey


def test_nothing_that_a_terminal_obeys_comes_through(tmp_path: Path) -> None:
    row = {
        "text": "Red \x1b[31m text\u202e and \ud800 half.",
        "title": "T\x1b]0;x\x07",
        "section": "a" * 1000,
    }
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    settings = Settings(data=str(tmp_path / "kept"))
    assert index(tmp_path / "rows.jsonl", "rows", settings).passages == 1
    (found,) = search.search("red text", ["rows"], settings)
    assert found.passage.text == "Red [31m text and half."
    assert found.passage.title == "T ]0;x" and len(found.passage.section) == 300


def test_a_million_blanks_are_cut_at_once() -> None:
    assert [each.text for each in passages([Block("One." + " " * 1_000_000 + "Two.")], "a.txt")] == [
        "One. Two."
    ]


# Searching


def test_the_passage_that_a_question_is_about_comes_first(kept: Settings) -> None:
    for organ in ORGANS:
        found = search.search(f"Where is the {organ} seen?", ["organs"], kept)
        assert found[0].passage.title == organ.title()
        assert found[0].share == 1.0


def test_a_question_about_something_else_finds_no_basis(kept: Settings) -> None:
    assert search.search("Which horse won the race yesterday?", ["organs"], kept) == ()
    assert search.search("What is it about?", ["organs"], kept) == ()


def test_corpora_are_searched_together_and_only_those_named(kept: Settings) -> None:
    assert search.search("longest bone", ["organs"], kept) == ()
    assert search.search("longest bone", ["bones", "organs"], kept)[0].passage.source == "femur.txt"
    assert len(search.opened(["bones", "organs", "bones"], kept)) == len(ORGANS) + 1


def test_opening_again_works_nothing_out_again(kept: Settings) -> None:
    search.opened(["organs"], kept)
    before = {path: path.stat().st_mtime_ns for path in corpus.searches(kept).rglob("*")}
    search.opened(["organs"], kept)
    assert {path: path.stat().st_mtime_ns for path in corpus.searches(kept).rglob("*")} == before


def test_no_more_than_asked_for(kept: Settings) -> None:
    searcher = search.opened(["organs"], kept)
    assert len(searcher.search("usual place", most=2)) == 2
    assert len(searcher.search("usual place", most=50)) == len(ORGANS)


def found(score: float, share: float = 1.0) -> Found:
    return Found(Passage("0", "text", "title"), score, share)


def test_passages_below_the_floor_are_no_basis() -> None:
    assert chosen([found(9, FLOOR - 0.01), found(8, FLOOR)]) == (found(8, FLOOR),)


def test_the_list_ends_where_the_score_falls() -> None:
    scores = [10.0, 10 * (1 - GAP) + 0.1, 2.0, 1.9]
    assert [each.score for each in chosen(map(found, scores))] == scores[:2]


@pytest.mark.parametrize("question", ["", "  ", "word " * 1000])
def test_a_question_that_is_none_is_refused(question: str, kept: Settings) -> None:
    with pytest.raises(BadQuestion):
        search.search(question, ["organs"], kept)


@pytest.mark.parametrize("corpora", [[], ["nowhere"], ["../organs"]])
def test_a_corpus_that_is_not_there_is_said(corpora: list[str], kept: Settings) -> None:
    with pytest.raises(InputError):
        search.search("liver", corpora, kept)


def test_a_damaged_index_is_said(kept: Settings) -> None:
    (path,) = corpus.existing(kept, "bones").folder.glob("*.jsonl")
    path.write_bytes(b"no head\n")
    with pytest.raises(SetupError, match="damaged"):
        search.opened(["bones"], kept)


def test_words_are_searched_in_lower_case_and_in_the_singular() -> None:
    said = "The Arteries, veins; and X-rays of class 3a"
    assert tokens(said) == ["artery", "vein", "x", "ray", "class", "3a"]


def test_the_extra_is_named_where_it_is_missing(kept: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bm25s", None)
    with pytest.raises(SetupError, match=r"lightbox-chat\[retrieval\]"):
        search.opened(["organs"], kept)
    monkeypatch.setitem(sys.modules, "pypdf", None)
    monkeypatch.delitem(sys.modules, "chat_app.retrieval.parsers.pdf")
    with pytest.raises(SetupError, match=r"lightbox-chat\[retrieval\]"):
        parsers.known()


def test_it_stands_in_a_chain(kept: Settings) -> None:
    from langchain_core.runnables import RunnableLambda

    from chat_app.retrieval.retriever import PassageRetriever

    retriever = PassageRetriever(searcher=search.opened(["organs"], kept), most=1)
    chain = retriever | RunnableLambda(lambda documents: [each.metadata["title"] for each in documents])
    assert chain.invoke("Where is the spleen?") == ["Spleen"]
    assert chain.invoke("Which horse won?") == []


def test_scores_fall_and_agree_with_bm25s_own(kept: Settings) -> None:
    searcher = search.opened(["organs", "bones"], kept)
    ranked = searcher.ranked("usual place of the liver", 5)
    assert all(one >= two for (_, one), (_, two) in pairwise(ranked))
    import bm25s

    rows = [tokens(f"{each.title} {each.section} {each.text}") for each in map(searcher.passage, range(7))]
    peer = bm25s.BM25()
    peer.index(rows, show_progress=False)
    numbers, scores = peer.retrieve([tokens("usual place of the liver")], k=5, show_progress=False)
    assert numbers[0][0] == ranked[0][0]
    assert scores[0].tolist() == pytest.approx([score for _, score in ranked])
