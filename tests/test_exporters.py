"""What leaves Lightbox: marked as a draft, every line with its source, and nothing in it that runs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chat_app.exporters import json as json_exporter
from chat_app.exporters import markdown
from chat_app.exporters.parts.text import line
from chat_app.grounding.statements import fixed, from_file, said, told
from chat_app.records import Answer, Box, ModelId, Report, Section, View

NANO = ModelId("nano", "ab12" * 16, "demonstration, not for clinical use")
BOX = Box(12.3456, 30, 45, 60, label="tumour", image="image 1")
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "![x](http://a.b/c.png)",
    "# Final report",
    "1. Signed",
    "- item",
    "---",
    "***final*** and _this_",
    "`code` ~~gone~~ |a|b|",
    "<!-- hidden",
    "&lt;b&gt; a\\*b",
    "https://a.b and www.a.b",
)


def report(text: str = "Tumour [1].") -> Report:
    sections = (
        Section("history", "History", told("Headache for 2 weeks."), "11329-0"),
        Section("technique", "Technique", from_file("Magnetic resonance imaging.", ["image 1"]), "55111-9"),
        Section("comparison", "Comparison", fixed("Not provided."), "18834-2"),
        Section("findings", "Findings", said(text, [BOX], ["image 1"]), "59776-5"),
        Section("impression", "Impression", (), "19005-8"),
    )
    return Report("general", "General image report", sections, NANO, "p1", 7, ("image 1",), ("Be careful.",))


class Rendered(HTMLParser):
    """The tags and the text of a page as a browser would take them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_comment(self, data: str) -> None:
        self.tags.append("comment")

    def handle_data(self, data: str) -> None:
        self.text += data


def rendered(text: str) -> Rendered:
    markdown_it = pytest.importorskip("markdown_it")
    return Rendered(markdown_it.MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text))


def test_the_notice_opens_and_closes_the_markdown() -> None:
    lines = markdown.export(report()).decode().splitlines()
    assert lines[0] == "**DRAFT — not for clinical use**"
    assert lines[-1].startswith("**DRAFT — not for clinical use**. Model nano")


def test_every_line_of_the_markdown_says_what_it_rests_on() -> None:
    text = markdown.export(report()).decode()
    assert "- Headache for 2 weeks. *(told by you)*" in text
    assert "- Magnetic resonance imaging. *(stated by the file of image 1)*" in text
    assert "- Not provided. *(fixed wording)*" in text
    assert "*(seen in image 1; \\[1\\] tumour in image 1 at x 12 to 45, y 30 to 60)*" in text
    assert "## Impression (LOINC 19005-8)\n\n*Left empty.*" in text
    assert "- Be careful." in text


def test_the_stamp_tells_what_is_needed_to_reproduce_the_draft() -> None:
    stamp = markdown.export(report()).decode().splitlines()[-1]
    assert all(part in stamp for part in ("ab12" * 16, "prompt p1", "template general", "seed 7"))


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_model_writes_is_inert_in_the_report(text: str) -> None:
    plain, hostile = (rendered(markdown.export(report(said)).decode()) for said in ("Clear.", text))
    assert hostile.tags == plain.tags
    assert text in hostile.text


@given(st.text(st.characters(codec="utf-8"), max_size=40) | st.text("\\`*_{}[]()#+-.!|<>&~$:/@=\"' a1\n"))
@example("\u202eevil")
@example("a\n# b")
def test_a_rendered_line_shows_exactly_its_text(text: str) -> None:
    page = rendered(f"- {markdown.inert(text)} *(x)*")
    shown = line(text)
    assert page.tags == ["ul", "li", "em"]
    assert " ".join(page.text.split()) == f"{shown} (x)".strip()


def test_the_json_report_holds_status_sections_and_boxes() -> None:
    form = json.loads(json_exporter.export(report()))
    assert (form["notice"], form["status"], form["seed"]) == ("DRAFT — not for clinical use", "draft", 7)
    assert [section["name"] for section in form["sections"]][-2:] == ["findings", "impression"]
    (finding,) = form["sections"][3]["statements"]
    assert finding == {
        "text": "Tumour [1].",
        "source": "seen",
        "basis": "seen in image 1",
        "boxes": [{"label": "tumour", "image": "image 1", "box": [12.3456, 30, 45, 60]}],
        "topic": "",
        "review": "open",
        "drafted": "",
        "claims": [],
    }
    assert form["sections"][3]["code"]["value"] == "59776-5"


def test_an_answer_in_json_has_all_that_is_needed_to_reproduce_it() -> None:
    view = View("image 1", np.zeros((192, 192, 3), np.uint8), 0, 0, 192, 192, 200, 100)
    answer = Answer(
        text="Tumour [1]. Large.",
        model=NANO,
        prompt="p1",
        seed=7,
        statements=said("Tumour [1]. Large.", [BOX], ["image 1"]),
        boxes=(BOX,),
        warnings=("Careful.",),
        views=(view,),
        timings={"model": 0.5},
        stopped=True,
    )
    form = json_exporter.answer(answer)
    assert json.loads(json.dumps(form)) == form
    assert form["answer"] == "Tumour [1]. Large."
    assert form["boxes"] == [{"label": "tumour", "image": "image 1", "box": [12.35, 30, 45, 60]}]
    assert form["sources"] == ["seen in image 1"]
    assert [len(statement["boxes"]) for statement in form["statements"]] == [1, 0]
    assert form["model"] == {
        "name": "nano",
        "sha256": "ab12" * 16,
        "label": NANO.label,
        "adapter": "",
        "dtype": "",
    }
    assert (form["prompt"], form["seed"], form["timings"]) == ("p1", 7, {"model": 0.5})
    (seen,) = form["views"]
    assert seen["description"] == "image 1, 200 x 100 squashed to 192 x 192"
    assert (seen["original"], seen["placed"]) == ([200, 100], [0, 0, 192, 192])
    assert seen["sha256"] == hashlib.sha256(bytes(192 * 192 * 3)).hexdigest()
    assert (form["warnings"], form["stopped"]) == (["Careful."], True)


def test_the_adapter_that_spoke_is_named_in_every_form() -> None:
    adapted = replace(report(), model=replace(NANO, adapter="breast-ultrasound"))
    assert json.loads(json_exporter.export(adapted))["model"]["adapter"] == "breast-ultrasound"
    assert "nano with breast" in markdown.export(adapted).decode()
