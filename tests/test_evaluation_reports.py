"""The suite of reports: what a report claims, how near two are, and the metrics of another Python."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from chat_app import evaluation
from chat_app.errors import SetupError
from chat_app.evaluation import chexpert, radeval, wording
from chat_app.evaluation.chexpert import Claim
from chat_app.evaluation.measure import Way, figure, value
from chat_app.evaluation.suites import reports
from chat_app.evaluation.task import Reply
from chat_app.records import Conversation, ModelId, Report, Section, Source, Statement

PRESENT, UNCERTAIN, ABSENT = Claim.PRESENT, Claim.UNCERTAIN, Claim.ABSENT


# What a sentence claims


@pytest.mark.parametrize(
    ("sentence", "label", "claim"),
    [
        ("There is a small left pleural effusion.", "Pleural Effusion", PRESENT),
        ("No pleural effusion or pneumothorax.", "Pleural Effusion", ABSENT),
        ("No pleural effusion or pneumothorax.", "Pneumothorax", ABSENT),
        ("No focal consolidation, pleural effusion, or pneumothorax is seen.", "Consolidation", ABSENT),
        ("No focal consolidation, pleural effusion, or pneumothorax is seen.", "Pneumothorax", ABSENT),
        ("Pneumothorax is not seen.", "Pneumothorax", ABSENT),
        ("The pneumothorax has resolved.", "Pneumothorax", ABSENT),
        ("Large right hydropneumothorax.", "Pneumothorax", PRESENT),
        ("Blunting of the left costophrenic angle.", "Pleural Effusion", PRESENT),
        ("The costophrenic angles are blunted.", "Pleural Effusion", PRESENT),
        ("There is no pneumothorax, but a small effusion remains.", "Pleural Effusion", PRESENT),
        ("There is no pneumothorax and the effusion has increased.", "Pleural Effusion", PRESENT),
        ("There is no pneumothorax and the effusion has increased.", "Pneumothorax", ABSENT),
        ("No change in the left pleural effusion.", "Pleural Effusion", PRESENT),
        ("No significant interval change in the bilateral opacities.", "Lung Opacity", PRESENT),
        ("Small pericardial effusion.", "Pleural Effusion", None),
        ("The heart is enlarged.", "Cardiomegaly", PRESENT),
        ("The heart is not enlarged.", "Cardiomegaly", ABSENT),
        ("The heart size is mildly enlarged.", "Cardiomegaly", PRESENT),
        ("Heart size is normal.", "Cardiomegaly", None),
        ("Moderate cardiomegaly without pulmonary edema.", "Cardiomegaly", PRESENT),
        ("Moderate cardiomegaly without pulmonary edema.", "Edema", ABSENT),
        ("Enlarged cardiac silhouette.", "Cardiomegaly", PRESENT),
        ("Congestive heart failure.", "Edema", PRESENT),
        ("The mediastinum is widened.", "Enlarged Cardiomediastinum", PRESENT),
        ("Widened upper mediastinum.", "Enlarged Cardiomediastinum", PRESENT),
        ("The cardiomediastinal silhouette is unremarkable.", "Enlarged Cardiomediastinum", None),
        ("Bibasilar atelectasis.", "Atelectasis", PRESENT),
        ("Opacity at the right base, likely atelectasis.", "Atelectasis", UNCERTAIN),
        ("Possible early pneumonia.", "Pneumonia", UNCERTAIN),
        ("Pneumonia cannot be excluded.", "Pneumonia", UNCERTAIN),
        ("Pneumonia is not excluded.", "Pneumonia", UNCERTAIN),
        ("Cannot exclude pneumonia.", "Pneumonia", UNCERTAIN),
        ("Findings concerning for pneumonia.", "Pneumonia", UNCERTAIN),
        ("This may represent edema or infection.", "Edema", UNCERTAIN),
        ("This may represent edema or infection.", "Pneumonia", UNCERTAIN),
        ("No findings to suggest pneumonia.", "Pneumonia", ABSENT),
        ("Pneumonia has been ruled out.", "Pneumonia", ABSENT),
        ("Mild pulmonary vascular congestion.", "Edema", PRESENT),
        ("Interstitial pulmonary oedema.", "Edema", PRESENT),
        ("A 6 mm nodule in the left upper lobe.", "Lung Lesion", PRESENT),
        ("A 6 mm nodule in the left upper lobe.", "Lung Opacity", PRESENT),
        ("No suspicious nodule or mass.", "Lung Lesion", ABSENT),
        ("Right lower lobe consolidation.", "Consolidation", PRESENT),
        ("Right lower lobe consolidation.", "Lung Opacity", PRESENT),
        ("Biapical pleural thickening.", "Pleural Other", PRESENT),
        ("Old healed rib fractures.", "Fracture", PRESENT),
        ("No acute fracture.", "Fracture", ABSENT),
        ("Endotracheal tube ends 4 cm above the carina.", "Support Devices", PRESENT),
        ("The chest tube has been removed.", "Support Devices", ABSENT),
        ("Right PICC line in place.", "Support Devices", PRESENT),
        ("The lungs are clear.", "No Finding", PRESENT),
        ("The lungs are clear. A pacemaker is in place.", "No Finding", PRESENT),
        ("Mild cardiomegaly.", "No Finding", None),
        ("Possible pneumonia.", "No Finding", None),
        ("", "No Finding", None),
    ],
)
def test_a_sentence_claims_denies_or_doubts(sentence: str, label: str, claim: Claim | None) -> None:
    assert chexpert.claims(sentence).get(label) == claim


def test_the_labels_are_chexpert_s_fourteen() -> None:
    assert len(chexpert.LABELS) == len(set(chexpert.LABELS)) == 14


def test_the_published_rules_are_the_ones_in_use() -> None:
    page = (Path(__file__).parents[1] / "docs" / "evaluation.md").read_text(encoding="utf-8")
    assert f"`{chexpert.VERSION}`" in page


def test_of_two_claims_the_stronger_counts() -> None:
    report = "No effusion on the right. Small effusion on the left."
    assert chexpert.claims(report)["Pleural Effusion"] is PRESENT


# How near two texts are


def test_the_same_words_are_as_near_as_can_be() -> None:
    report = "There is a small left pleural effusion."
    for nearness in wording.METRICS.values():
        same, other = nearness([report, "Nothing else."], [report, report])
        assert same == pytest.approx(1.0) and other < 0.2


def test_rouge_l_is_that_of_the_longest_common_sequence() -> None:
    (score,) = wording.rouge_l(["the heart is large"], ["the heart is normal"])
    assert score == pytest.approx(0.75)


def test_without_the_extra_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sacrebleu.metrics", None)
    with pytest.raises(SetupError, match=r"extra eval: pip install"):
        wording.bleu(["a"], ["a"])


# RadEval in another Python


def interpreter(folder: Path, body: str) -> str:
    """A stand-in for a Python: gets the script and the reports, and answers as `body` does."""
    path = folder / "python"
    path.write_text(f"#!{sys.executable}\nimport json, sys\nasked = json.load(sys.stdin)\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


ECHO = (
    "pairs = zip(asked['candidates'], asked['references'])\n"
    "print(json.dumps({'radgraph': [float(one == other) for one, other in pairs]}))"
)


def test_the_other_python_is_handed_reports_and_gives_scores(tmp_path: Path) -> None:
    python = interpreter(tmp_path, ECHO)
    assert radeval.scores(python, ["a", "b"], ["a", "c"]) == {"radgraph": [1.0, 0.0]}


@pytest.mark.parametrize(
    "body", ["print('no JSON')", "print('{\"green\": [1.0]}')", "print('[1, 2]')", "sys.exit(1)"]
)
def test_what_is_no_score_of_each_report_is_refused(tmp_path: Path, body: str) -> None:
    with pytest.raises(SetupError, match="RadEval did not score"):
        radeval.scores(interpreter(tmp_path, body), ["a", "b"], ["a", "b"])


def test_a_python_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="RadEval"):
        radeval.scores(str(tmp_path / "nothing"), ["a"], ["a"])


def test_the_script_asks_radeval_metric_by_metric(tmp_path: Path) -> None:
    (tmp_path / "radeval.py").write_text(
        "class RadEval:\n"
        "    def __init__(self, metrics, per_sample):\n"
        "        assert per_sample\n"
        "        (self.metric,) = metrics\n"
        "        if self.metric == 'green':\n"
        "            raise OSError('no weights')\n"
        "        print('loading ...')\n"
        "    def __call__(self, refs, hyps):\n"
        "        return {self.metric: [0.5] * len(refs), 'note': 'x'}\n"
    )
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o700)
    found = radeval.scores(str(python), ["a", "b"], ["a", "b"])
    assert found == {name: [0.5, 0.5] for name in radeval.METRICS if name != "green"}


# The suite


class Drafter:
    """Drafts what was told of lit pictures, and nothing of black ones."""

    def __init__(self, findings: str) -> None:
        self.findings = findings

    def ask(self, *args: Any, **options: Any) -> Iterator[str]:
        raise AssertionError("Reports are drafted, not asked for.")

    def draft(
        self, conversation: Conversation, template: str, *, told: Mapping[str, str] = {}
    ) -> Iterator[Section | Report]:
        (image,) = conversation.study.images
        words = self.findings if image.pixels.any() else ""
        written = (Statement(words, Source.SEEN, "seen"),) if words else ()
        history = Section("history", "History", (Statement("Cough, pneumonia.", Source.TOLD, "told"),))
        sections = (history, Section("findings", "Findings", written))
        yield Report(template, "Report", sections, ModelId("drafter", "0" * 64), "p", 0)


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Two patients' films to train on and two to score, with reports."""
    folder = tmp_path / "films"
    folder.mkdir()
    told = ["Lungs are clear.", "Lungs are clear.", "Small left pleural effusion.", "Cardiomegaly."]
    lines = []
    for number, words in enumerate(told):
        pixels = np.random.default_rng(number).integers(1, 255, (40, 40), np.uint8)
        Pillow.fromarray(pixels).save(folder / f"{number}.png")
        lines.append(
            {
                "id": str(number),
                "image": f"{number}.png",
                "split": "train" if number < 2 else "test",
                "modality": "X-ray",
                "body_part": "chest",
                "group": f"patient {number}",
                "report": f"FINDINGS: {words}",
                "sections": {"findings": words},
            }
        )
    (folder / "records.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return folder


def test_drafts_are_scored_against_reports(films: Path) -> None:
    result = evaluation.evaluate("reports", Drafter("Small left pleural effusion."), films)
    found = {measure.metric: measure.rows for measure in result.measures}
    assert value(found["14-label micro F1"]) == pytest.approx(0.5)
    assert value(found["14-label macro F1"]) == pytest.approx((2 / 3 + 0) / 2)
    assert value(found["answered"]) == 1.0 and value(found["answered"], Way.BLANK) == 0.0
    assert value(found["14-label micro F1"], Way.MAJORITY) == 0.0
    assert 0.4 < value(found["ROUGE-L"]) < 0.6
    assert figure(found["BLEU-4"]).clusters == 2


def test_only_what_the_model_wrote_is_held_against_the_report() -> None:
    reply = Reply("# History\nPneumonia.\n# Findings\nAn effusion.\n# Impression\nEffusion.")
    assert reports.candidate(reply) == "An effusion.\nEffusion."


def test_radeval_s_metrics_stand_beside(films: Path, tmp_path: Path) -> None:
    python = interpreter(tmp_path, ECHO)
    result = evaluation.evaluate("reports", Drafter("Cardiomegaly."), films, radeval=python)
    last = result.measures[-1]
    assert (last.metric, value(last.rows), last.ways) == ("RadEval radgraph", 0.5, (Way.SEEN,))
