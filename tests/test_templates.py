"""The form of a report template: what it becomes, every fault of it in words, and the shipped ones."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from pydicom.sr.codedict import codes

from chat_app import prompts, templates
from chat_app.imaging.facts import MODALITIES, is_body_part
from chat_app.reports import categories
from chat_app.templates import Field, Point

SECTION = """
[[sections]]
name = "findings"
title = "Findings"
code = "59776-5"
source = "model"
question = "Q"
"""
POINT = """
[[sections.points]]
name = "Breathing"
look = "both lungs; pleura"
"""
FIELD = """
[[fields]]
name = "size"
label = "Size"
type = "number"
section = "findings"
"""
TEMPLATE = f'title = "T"\n{SECTION}'

SHIPPED = (
    "blood-smear",
    "breast-ultrasound",
    "chest-radiograph",
    "ct-chest",
    "ct-head",
    "general",
    "mammography",
    "mr-brain",
    "thyroid-ultrasound",
)


def faults(text: str) -> list[str]:
    return [str(fault) for fault in templates.read(text, "mine")[1]]


# What a text becomes


def test_a_text_becomes_its_parts() -> None:
    text = f'{TEMPLATE}required = true\n{POINT}normal = "Clear."\nquestion = "Clear?"\n{FIELD}unit = "mm"\n'
    template, wrong = templates.read(f"{text}required = true\ndefault = '6.5'\n", "mine")
    assert not wrong
    (section,) = template.sections
    assert (template.name, section.required, section.source) == ("mine", True, "model")
    assert section.points == (Point("Breathing", "both lungs; pleura", "Clear?", "Clear."),)
    assert template.fields == (Field("size", "Size", "number", "mm", (), True, "findings", "6.5"),)


def test_a_point_without_a_question_is_asked_by_what_is_to_be_looked_at() -> None:
    (section,) = templates.read(TEMPLATE + POINT, "mine")[0].sections
    assert section.points[0].question == "Breathing: both lungs; pleura. What does the picture show there?"
    assert section.points[0].normal == ""


def test_the_version_follows_the_text() -> None:
    first, second = (templates.read(text, "mine")[0].version for text in (TEMPLATE, TEMPLATE + POINT))
    assert len(first) == 12
    assert first != second


def test_the_documented_example_is_one() -> None:
    document = (Path(__file__).parent.parent / "docs" / "templates.md").read_text(encoding="utf-8")
    example = document.split("```toml\n")[1].split("```")[0]
    template, wrong = templates.read(example, "example")
    assert (wrong, template.categories) == ((), ("ti-rads",))
    assert all(
        " is missing; the category 'ti-rads' needs it" in str(each) for each in categories.misfits(template)
    )


# What is wrong with it


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (f"{TEMPLATE}colour = 1\n", "Section 'findings': the key 'colour' is not known; known are code, "),
        (f'tone = "x"\n{TEMPLATE}', "The template: the key 'tone' is not known; known are categories, "),
        (SECTION, "The template: the key 'title' is missing."),
        ('title = "T"\n', "The template: the key 'sections' is missing."),
        ('title = "T"\nsections = 3\n', "The template: the key 'sections' has to be tables, each headed"),
        ('title = "T"\nsections = ["x"]\n', "Section number 1: this has to be a table with keys."),
        (
            TEMPLATE.replace('"model"', '"poet"'),
            "the source 'poet' is not known; known are model, file, user",
        ),
        (
            TEMPLATE.replace('"model"', '"user"').replace("question", "required").replace('"Q"', "true"),
            "Section 'findings': the key 'label' is missing; a section ",
        ),
        (TEMPLATE.replace('"model"', '"file"'), "the key 'question' has no place in a section from the file"),
        (TEMPLATE.replace('question = "Q"', ""), "the key 'question' is missing; a section from the model"),
        (TEMPLATE.replace('"59776-5"', "59776"), "Section 'findings': the key 'code' has to be a string."),
        (
            TEMPLATE.replace("59776-5", "59776-6"),
            "the code '59776-6' is no LOINC code of a report's headings",
        ),
        (
            TEMPLATE.replace("59776-5", "24606-6"),
            "the code '24606-6' is no LOINC code of a report's headings",
        ),
        (f"{TEMPLATE}required = 1\n", "Section 'findings': the key 'required' has to be true or false."),
        (f'{TEMPLATE}checklist = ["x"]\n', "Section 'findings': the key 'checklist' is not known"),
        (TEMPLATE + SECTION, "The template: the section 'findings' is there 2 times."),
        (TEMPLATE.replace('name = "findings"\n', ""), "Section number 1: the key 'name' is missing."),
        (f'title = "T"\n[scope]\nages = []\n{SECTION}', "Scope: the key 'ages' is not known; known are body"),
        (
            f'title = "T"\n[scope]\nmodalities = "CT"\n{SECTION}',
            "Scope: the key 'modalities' has to be a list",
        ),
        (f'title = "T"\nscope = 3\n{SECTION}', "Scope: this has to be a table with keys."),
        (f'{TEMPLATE}points = "x"\n', "Section 'findings': the key 'points' has to be tables"),
        (TEMPLATE + POINT + POINT, "Section 'findings': the point 'Breathing' is there 2 times."),
        (
            TEMPLATE + POINT.replace("both lungs; pleura", ""),
            "Section 'findings', point 'Breathing': the key 'look' is m",
        ),
        (f"{TEMPLATE}{POINT}normal = 3\n", "point 'Breathing': the key 'normal' has to be a string."),
        (TEMPLATE + FIELD + FIELD, "The template: the field 'size' is there 2 times."),
        (
            TEMPLATE + FIELD.replace("number", "metre"),
            "Field 'size': the type 'metre' is not known; known are",
        ),
        (TEMPLATE + FIELD.replace("number", "choice"), "Field 'size': a choice needs the key 'choices'"),
        (f'{TEMPLATE}{FIELD}choices = ["a"]\n', "Field 'size': a number has no choices."),
        (
            f'{TEMPLATE}{FIELD.replace("number", "text")}unit = "mm"\n',
            "a text has no unit; only a number has",
        ),
        (
            f'{TEMPLATE}{FIELD.replace("number", "choice")}choices = ["a", "a"]\n',
            "the choice 'a' is there 2 t",
        ),
        (
            f'{TEMPLATE}{FIELD.replace("number", "flag")}default = "on"\n',
            "the default 'on' is none of yes, no.",
        ),
        (f'{TEMPLATE}{FIELD}default = "big"\n', "Field 'size': the default 'big' is no number."),
        (TEMPLATE + FIELD.replace('"findings"', '"lungs"'), "Field 'size': there is no section 'lungs'."),
        (f'categories = ["a", "a"]\n{TEMPLATE}', "The template: the category 'a' is there 2 times."),
        ("title =", "The file: is not valid TOML: "),
    ],
)
def test_a_fault_is_said_with_its_place(text: str, fault: str) -> None:
    assert len(faults(text)) == 1
    assert fault in faults(text)[0]


def test_all_faults_are_said_in_one_go() -> None:
    text = TEMPLATE.replace("59776-5", "1").replace('title = "Findings"', "title = 3")
    assert len(faults(f"{text}{POINT.replace('look', 'see')}{FIELD.replace('number', 'metre')}")) == 5


def altered(part: Any) -> Iterator[Any]:
    """The same tables again and again, each time with one value that does not belong there."""
    odd = (3, True, "x", "", [], [1], [["x"]], {"x": 1}, [{"x": 1}])
    for key in range(len(part)) if isinstance(part, list) else part:
        others = (*odd, *(altered(part[key]) if isinstance(part[key], list | dict) else ()))
        for other in others:
            changed = part.copy()
            changed[key] = other
            yield changed


def test_no_odd_value_is_met_by_anything_but_faults() -> None:
    text = f'categories = ["bi-rads"]\n{TEMPLATE}{POINT}{FIELD}[scope]\nmodalities = ["CT"]\n'
    every = list(altered(tomllib.loads(text)))
    assert len(every) > 150
    for data in every:
        template, wrong = templates.read(tomli_w.dumps(data), "mine")
        assert all(str(fault).endswith(".") for fault in (*wrong, *categories.misfits(template)))


def test_a_template_is_held_against_the_systems_it_names() -> None:
    field = FIELD.replace("size", "breast_modality").replace('"number"', '"choice"\nchoices = ["palm"]')
    text = f'categories = ["bi-rads", "tea-leaves"]\n{TEMPLATE}{field}'
    size = FIELD.replace('"size"', '"birads_assessment"')
    template, wrong = templates.read(text + size, "mine")
    assert not wrong
    assert [str(fault) for fault in categories.misfits(template)] == [
        "The template: the category 'tea-leaves' is not known; known are bi-rads, fleischner, li-rads, "
        "lung-rads, pi-rads, ti-rads.",
        "Field 'breast_modality': the category 'bi-rads' does not know the choice palm.",
        "Field 'birads_assessment': the category 'bi-rads' reads it as a choice.",
    ]


# The templates that are shipped


def test_the_templates_are_those_that_are_promised() -> None:
    assert prompts.templates() == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_each_shipped_template_keeps_the_model_to_what_it_can_see(name: str) -> None:
    template = prompts.template(name)
    source = {section.name: section.source for section in template.sections}
    assert list(source) == ["history", "technique", "comparison", "findings", "impression"]
    assert [key for key in source if source[key] == "model"] == ["findings", "impression"]
    assert source["technique"] == "file"
    questions = [section.question for section in template.sections if section.question]
    assert questions == ["Write the findings.", "Write the impression."]


@pytest.mark.parametrize("name", SHIPPED)
def test_a_report_needs_findings_and_an_impression(name: str) -> None:
    needed = [section.name for section in prompts.template(name).sections if section.required]
    assert needed == ["findings", "impression"]


@pytest.mark.parametrize("name", SHIPPED)
def test_section_codes_are_those_of_dicom(name: str) -> None:
    known = {
        "history": codes.cid7001.History,
        "technique": codes.cid7001.CurrentProcedureDescriptions,
        "comparison": codes.cid7001.PreviousFindings,
        "findings": codes.cid7001.Findings,
        "impression": codes.cid7001.Impressions,
    }
    for section in prompts.template(name).sections:
        assert (section.code, "LN") == (known[section.name].value, known[section.name].scheme_designator)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_scope_is_in_dicom_s_terms(name: str) -> None:
    scope = prompts.template(name).scope
    assert set(scope.modalities) <= set(MODALITIES.split("|"))
    assert [part for part in scope.body_parts if not is_body_part(part)] == []


@pytest.mark.parametrize("name", SHIPPED)
def test_the_findings_go_by_points_and_what_is_normal_is_a_sentence(name: str) -> None:
    findings = next(each for each in prompts.template(name).sections if each.name == "findings")
    assert len(findings.points) >= 3
    for point in findings.points:
        assert point.question.endswith("?")
        assert point.normal == "" or point.normal.endswith(".")
        assert not point.look.endswith(".")


def test_a_chest_film_goes_from_a_to_e() -> None:
    findings = next(each for each in prompts.template("chest-radiograph").sections if each.name == "findings")
    assert "".join(point.name[0] for point in findings.points) == "ABCDE"


@pytest.mark.parametrize("name", SHIPPED)
def test_a_template_and_its_systems_go_together(name: str) -> None:
    assert categories.misfits(prompts.template(name)) == ()


@pytest.mark.parametrize("name", SHIPPED)
def test_a_template_asks_for_nothing_that_no_system_reads(name: str) -> None:
    template, systems = prompts.template(name), categories.known()
    read = {field.name for system in template.categories for field in systems[system].FIELDS}
    assert {field.name for field in template.fields} <= read
