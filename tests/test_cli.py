"""The command line: one verb a job, one line a fault, and nothing on stdout that was not asked for."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import minds
import numpy as np
import pytest
from dicoms import series
from orthanc import PASSWORD, USER, Orthanc
from pydicom import dcmread

from chat_app import assistant, cli, doctor, prompts, training
from chat_app.errors import ModelError
from chat_app.models import cards
from chat_app.models.scripted import Scripted
from chat_app.records import ModelId

ROOT = Path(__file__).parent.parent
VERBS = (
    *("serve", "ask", "draft", "check", "sign", "export", "replay"),
    *("deidentify", "pull", "push", "cases", "audit"),
    *("models", "templates", "train", "evaluate", "merge", "doctor"),
)
HEAVY = {"torch", "transformers", "gradio", "numpy", "PIL", "pydicom", "langchain_core", "pydantic"}

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def no_weights(monkeypatch: pytest.MonkeyPatch, scripted: Scripted) -> None:
    """Nothing here waits for torch: the scripted model stands in for the embedded one."""
    real = assistant.Assistant
    monkeypatch.setattr(assistant, "Assistant", lambda settings: real(settings, model=scripted))
    monkeypatch.setattr(cards, "load", lambda card, settings, say: (scripted, ModelId(card.name, "0" * 64)))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command: exit code, stdout, stderr."""

    def command(*arguments: object) -> tuple[int, str, str]:
        code = cli.main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return command


def fresh(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "chat_app", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


# A model by name, weights, adapter, server

REMOTE = "openai:medgemma-4b@https://models.example/v1"


@pytest.mark.parametrize("verb", [("ask", "-q", "Is it?"), ("draft", "--template", "general")])
def test_nothing_goes_to_another_machine_before_it_is_agreed_to(
    run: Run, scripted: Scripted, picture: Any, verb: tuple[str, ...]
) -> None:
    name, *options = verb
    scripted.default = "Clear."
    code, out, err = run(name, picture(), *options, "--model", REMOTE)
    assert (code, out) == (2, "") and "models.example" in err and "--agree" in err
    assert not scripted.history
    assert run(name, picture(), *options, "--model", REMOTE, "--agree")[0] == 0
    assert scripted.history


def test_an_evaluation_is_not_sent_either(run: Run, scripted: Scripted, tmp_path: Path) -> None:
    code, _, err = run("evaluate", "vqa", "--model", REMOTE, "--data", tmp_path)
    assert code == 2 and "--agree" in err and not scripted.history


def test_the_adapter_that_was_asked_for_speaks_and_is_named(
    run: Run, scripted: Scripted, picture: Any
) -> None:
    scripted.enqueue("A lesion.")
    code, out, _ = run("ask", picture(), "-q", "What is it?", "--adapter", "breast", "--json")
    assert code == 0 and json.loads(out)["model"]["adapter"] == "breast"


def test_weights_from_a_folder_answer(picture: Any) -> None:
    folder = str(minds.folder("llava-15-7b"))
    weights = ("--model", "llava-15-7b", "--weights", folder, "--dtype", "fp32")
    done = fresh("ask", str(picture()), "-q", "What is it?", *weights, "--json")
    said = json.loads(done.stdout)
    assert said["answer"] and said["model"]["sha256"] == minds.opened("llava-15-7b").sha256


def test_weights_that_are_not_there_are_the_operator_s_to_mend(picture: Any) -> None:
    done = fresh("ask", str(picture()), "-q", "What?", "--model", "llava-15-7b", "--weights", "nowhere")
    assert done.returncode == 3 and done.stderr.count("\n") == 1 and done.stdout == ""


def test_export_writes_weights_that_can_be_read(run: Run, tmp_path: Path) -> None:
    weights = ("--weights", minds.folder("llava-15-7b"), "--dtype", "fp32")
    code, out, _ = run("merge", "llava-15-7b", *weights, "-o", tmp_path / "out")
    assert code == 0 and out == "llava-15-7b was written in fp32.\n"
    assert (tmp_path / "out" / "model.safetensors").is_file()


# Help


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from chat_app.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: print('MODULES', *sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    shown, _, loaded = result.stdout.partition("MODULES")
    assert all(verb in shown for verb in VERBS)
    assert not HEAVY & set(loaded.split())


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main([verb, "--help"])
    assert stopped.value.code == 0
    assert "Not a medical device" in capsys.readouterr().out


def test_the_module_is_the_command() -> None:
    result = fresh("--version")
    assert (result.returncode, result.stdout.split()[0]) == (0, "lightbox")


def test_no_command_is_a_usage_error() -> None:
    result = fresh()
    assert result.returncode == 2
    assert result.stderr.startswith("usage: lightbox")


# Asking


def test_ask_prints_the_answer_and_who_speaks(run: Run, scripted: Scripted, picture: Any) -> None:
    scripted.enqueue("The film is normal.")
    code, out, err = run("ask", picture(), "-q", "Is this film normal?")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "The film is normal."
    assert out.splitlines()[-1].startswith("(")


def test_ask_json_prints_one_object_with_everything_kept(run: Run, scripted: Scripted, picture: Any) -> None:
    scripted.enqueue("The film is normal.")
    code, out, err = run("ask", picture(), "-q", "Is this film normal?", "--json")
    form = json.loads(out)
    assert (code, err) == (0, "")
    assert form["answer"] == "The film is normal."
    assert {"boxes", "statements", "sources", "warnings", "model", "prompt", "seed", "timings"} <= set(form)
    assert {"name", "sha256"} <= set(form["model"])


def test_ask_sends_the_question_and_the_picture(run: Run, scripted: Scripted, picture: Any) -> None:
    scripted.enqueue("Yes.")
    run("ask", picture(), "-q", "Is this film normal?")
    *_, question = scripted.history[0]
    blocks = [block for block in question.content if isinstance(block, dict)]
    assert [block["type"] for block in blocks] == ["image", "text"]
    assert blocks[-1]["text"] == "Is this film normal?"


def test_a_library_s_warnings_are_not_shown(
    run: Run, scripted: Scripted, picture: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def noisy(*_: object) -> str:
        warnings.warn("deprecated", FutureWarning, stacklevel=1)
        return "Yes."

    monkeypatch.setattr(Scripted, "_next", noisy)
    assert run("ask", picture(), "-q", "Is it normal?")[2] == ""


def test_a_frame_of_several_has_to_be_chosen(run: Run, scripted: Scripted, dicom: Any) -> None:
    path = dicom(pixels=np.zeros((3, 40, 60), np.uint16))
    assert run("ask", path, "-q", "?") == (
        2,
        "",
        "lightbox: This file holds 3 frames: choose one, from 1 to 3.\n",
    )
    scripted.enqueue("Yes.")
    assert run("ask", path, "-q", "?", "--frame", 2)[0] == 0


def test_a_folder_of_slices_is_one_picture_of_which_one_is_chosen(
    run: Run, scripted: Scripted, tmp_path: Path
) -> None:
    series(tmp_path, [0, 5, 10, 15, 20])
    assert "5 frames" in run("ask", tmp_path, "-q", "?")[2]
    scripted.enqueue("Liver.")
    code, out, _ = run("ask", tmp_path, "-q", "?", "--frame", 2, "--json")
    assert code == 0
    assert json.loads(out)["views"][0]["image"] == "image 1, slice 2"


def test_what_else_lies_in_a_folder_is_said_and_stops_nothing(
    run: Run, scripted: Scripted, picture: Any, tmp_path: Path
) -> None:
    picture()
    (tmp_path / "notes.txt").write_text("John Doe, 31.12.1962")
    scripted.enqueue("Normal.")
    code, out, err = run("ask", tmp_path, "-q", "?")
    assert code == 0 and out.startswith("Normal.")
    assert err.count("\n") == 1 and "This is text" in err and "Doe" not in err


def test_a_picture_that_may_show_a_name_waits_until_someone_has_looked(
    run: Run, scripted: Scripted, dicom: Any
) -> None:
    path = dicom(Modality="US")
    code, _, err = run("ask", path, "-q", "?")
    assert code == 2 and "look at it" in err and "--looked" in err
    assert not scripted.history
    scripted.enqueue("A liver.")
    assert run("ask", path, "-q", "?", "--looked")[0] == 0


# De-identifying, and the archive


def test_deidentify_writes_copies_without_names_and_says_what_was_withheld(
    run: Run, dicom: Any, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    dicom("in/jane.dcm")
    code, out, err = run("deidentify", tmp_path / "in", tmp_path / "out")
    assert (code, err) == (0, "")
    assert "PatientName (1)" in out
    (copy,) = (tmp_path / "out").rglob("*.dcm")
    assert copy.name == "0001.dcm" and b"Doe" not in copy.read_bytes()


def test_under_one_key_a_file_gets_the_same_uids_every_time(run: Run, dicom: Any, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    dicom("in/jane.dcm")
    (tmp_path / "key").write_bytes(bytes(range(32)))
    for place in ("one", "two"):
        assert run("deidentify", tmp_path / "in", tmp_path / place, "--key", tmp_path / "key")[0] == 0
    run("deidentify", tmp_path / "in", tmp_path / "three")
    first, second, third = (
        dcmread(next((tmp_path / place).rglob("*.dcm"))).SOPInstanceUID for place in ("one", "two", "three")
    )
    assert first == second != third


def test_a_key_of_a_few_letters_hides_nothing_and_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("short")
    code, _, err = run("deidentify", tmp_path, tmp_path / "out", "--key", tmp_path / "key")
    assert code == 2 and "long random text" in err


@pytest.mark.parametrize("command", [("pull",), ("push", "file.dcm")])
def test_without_a_server_nothing_is_pulled_or_pushed(run: Run, command: tuple[str, ...]) -> None:
    code, _, err = run(*command)
    assert code == 3 and "LIGHTBOX_DICOMWEB" in err


def test_a_study_is_pushed_found_and_pulled(
    run: Run, dicom: Any, tmp_path: Path, orthanc: Orthanc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIGHTBOX_DICOMWEB_USER", USER)
    monkeypatch.setenv("LIGHTBOX_DICOMWEB_PASSWORD", PASSWORD)
    path = dicom(PatientID="cli-1", StudyInstanceUID="1.2.3.4.1", SeriesInstanceUID="1.2.3.4.2")
    assert run("push", path, "--server", orthanc.url)[0] == 0
    code, out, _ = run("pull", "cli-1", "--server", orthanc.url)
    assert code == 0 and out.strip().endswith("1.2.3.4.1")
    target = tmp_path / "pulled"
    assert run("pull", "--study", "1.2.3.4.1", "-o", target, "--server", orthanc.url)[0] == 0
    assert len(list(target.iterdir())) == 1


# Drafting


def test_draft_prints_the_report_with_its_status(run: Run, scripted: Scripted, picture: Any) -> None:
    scripted.default = "No opacity."
    code, out, err = run("draft", picture(), "--template", "chest-radiograph", "--history", "Cough.")
    assert (code, err) == (0, "")
    assert "DRAFT" in out.splitlines()[0]
    assert "Cough" in out
    assert "No opacity" in out


@pytest.mark.parametrize(("ending", "reads"), [("md", str), ("json", json.loads)])
def test_draft_writes_the_form_its_file_ends_in(
    run: Run, scripted: Scripted, picture: Any, tmp_path: Path, ending: str, reads: Callable[[str], Any]
) -> None:
    scripted.default = "No opacity."
    target = tmp_path / f"report.{ending}"
    assert run("draft", picture(), "--template", "general", "-o", target) == (0, "", "")
    assert "No opacity" in str(reads(target.read_text(encoding="utf-8")))


def test_a_file_of_no_known_form_is_refused_before_the_model_speaks(
    run: Run, scripted: Scripted, picture: Any, tmp_path: Path
) -> None:
    code, out, err = run("draft", picture(), "--template", "general", "-o", tmp_path / "report.doc")
    assert (code, out) == (2, "")
    assert err.startswith("lightbox: The output file must end in .docx, .fhir.json, ")
    assert not scripted.history


def test_a_form_that_names_the_patient_is_not_made_of_a_fresh_draft(
    run: Run, scripted: Scripted, picture: Any, tmp_path: Path
) -> None:
    code, _, err = run("draft", picture(), "--template", "general", "-o", tmp_path / "report.sr.dcm")
    assert code == 2
    assert "A fresh draft is not written as .sr.dcm" in err
    assert not scripted.history


@pytest.mark.parametrize(
    ("ending", "start"), [("pdf", b"%PDF"), ("docx", b"PK"), ("fhir.json", b"{"), ("radfact.json", b"[")]
)
def test_draft_writes_files_that_are_no_text(
    run: Run, scripted: Scripted, picture: Any, tmp_path: Path, ending: str, start: bytes
) -> None:
    scripted.default = "No opacity."
    target = tmp_path / f"report.{ending}"
    assert run("draft", picture(), "--template", "general", "-o", target) == (0, "", "")
    assert target.read_bytes().startswith(start)


def test_a_folder_that_is_not_there_is_refused(
    run: Run, scripted: Scripted, picture: Any, tmp_path: Path
) -> None:
    scripted.default = "No opacity."
    code, _, err = run("draft", picture(), "--template", "general", "-o", tmp_path / "no" / "report.md")
    assert code == 2
    assert "choose another folder" in err


# Lists, checks, figures


def test_templates_lists_every_template(run: Run) -> None:
    code, out, _ = run("templates")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == list(prompts.templates())


@pytest.mark.parametrize("name", prompts.templates())
def test_a_template_in_which_nothing_is_wrong_is_told_so_in_one_line(run: Run, name: str) -> None:
    code, out, err = run("templates", "check", ROOT / "prompts" / "reports" / f"{name}.toml")
    assert (code, out.count("\n"), err) == (0, 1, "")
    assert out.startswith("Nothing is wrong in ")


def test_every_fault_of_a_template_is_said_at_once(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('tone = 1\ncategories = ["tea-leaves"]\n[[fields]]\nname = "size"\ntype = "metre"\n')
    code, out, err = run("templates", "check", file)
    assert (code, err) == (2, "")
    said = ("'title'", "'sections'", "'tone'", "'tea-leaves'", "Field 'size': the type 'metre'", "'label'")
    assert not [each for each in said if each not in out]


@pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["missing", "not text"])
def test_a_template_that_cannot_be_read_is_the_user_s_to_mend(
    run: Run, tmp_path: Path, content: bytes | None
) -> None:
    if content:
        (tmp_path / "mine.toml").write_bytes(content)
    code, out, err = run("templates", "check", tmp_path / "mine.toml")
    assert (code, out) == (2, "")
    assert err == "lightbox: The template cannot be read: check its path, and that it is UTF-8 text.\n"


def test_models_says_of_each_whether_it_fits_here_and_why(run: Run) -> None:
    code, out, _ = run("models")
    assert code == 0
    assert out.count("fits here: ") == out.count("licence: ") == len(cards.known())
    listed = [line.split()[0] for line in out.splitlines() if not line.startswith(" ")]
    assert listed == [card.name for card in cards.known()]
    assert all(" because " in line for line in out.splitlines() if "fits here" in line)


def test_models_json_prints_everything_known(run: Run) -> None:
    code, out, _ = run("models", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["machine"]["memory"] > 0
    (gated,) = [each for each in told["models"] if each["name"] == "medgemma-4b"]
    assert gated["weights"]["repo"] == "google/medgemma-4b-it" and gated["weights"]["sources"]
    assert gated["bytes"]["bf16"] == 2 * (gated["weights"]["linear"] + gated["weights"]["rest"])
    assert gated["fit"]["reason"] and gated["contract"]["windows"]["CT"]


def test_doctor_says_what_is_broken(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompts, "FOLDERS", ())
    monkeypatch.setattr(doctor, "_network", lambda: "not asked")
    code, out, _ = run("doctor")
    assert code == 1
    assert "BROKEN  prompts" in out
    assert "ok      temporary" in out


def test_evaluate_prints_a_table_or_an_object(
    run: Run, scripted: Scripted, picture: Any, tmp_path: Path
) -> None:
    scripted.default = "It is a PA view."
    films = tmp_path / "data" / "films"
    films.mkdir(parents=True)
    picture("data/films/1.png")
    line = {"id": "1", "image": "1.png", "split": "test", "modality": "X-ray", "body_part": "chest"}
    (films / "records.jsonl").write_text(json.dumps(line | {"view": "PA", "labels": ["No Finding"]}))
    command = ("evaluate", "nano", "--data", tmp_path / "data", "--task", "view")
    code, out, err = run(*command, "--json")
    assert (code, err) == (0, "")
    task = json.loads(out)["measures"][0]
    assert (task["task"], task["n"], task["value"], task["blank"]) == ("view", 1, 1.0, 1.0)
    assert run(*command)[1].startswith("task")


def test_train_hands_on_what_it_was_told(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = []

    def train(data: Path, out: Path, *, seed: int) -> Path:
        told.append((data, out, seed))
        return out / "weights"

    monkeypatch.setitem(sys.modules, "chat_app.training.nano", SimpleNamespace(train=train))
    monkeypatch.setattr(training, "nano", sys.modules["chat_app.training.nano"], raising=False)
    code, out, _ = run("train", "nano", "--data", tmp_path, "--out", tmp_path / "out", "--seed", 7)
    assert (code, out.strip()) == (0, str(tmp_path / "out" / "weights"))
    assert told == [(tmp_path, tmp_path / "out", 7)]


# Faults: one line on stderr, by whose move it is


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"hello, this is no picture",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"\0" * 128 + b"DICM" + b"\xff" * 40,
    ],
    ids=["missing", "empty", "text", "truncated-png", "damaged-dicom"],
)
def test_an_unusable_file_is_one_line_and_no_path(run: Run, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "jane-doe-1970.png"
    if content is not None:
        path.write_bytes(content)
    code, out, err = run("ask", path, "-q", "Is it normal?")
    assert (code, out) == (2, "")
    assert err.startswith("lightbox: ")
    assert err.count("\n") == 1
    assert "jane" not in err


@pytest.mark.parametrize("question", ["", "   ", "why " * 25_000], ids=["empty", "blank", "endless"])
def test_an_unusable_question_is_one_line(run: Run, scripted: Scripted, picture: Any, question: str) -> None:
    code, out, err = run("ask", picture(), "-q", question)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert not scripted.history


def test_an_unknown_template_is_the_operator_s_to_mend(run: Run, picture: Any) -> None:
    code, _, err = run("draft", picture(), "--template", "tea-leaves")
    assert code == 3
    assert ", ".join(prompts.templates()) in err


def test_a_model_s_fault_is_to_be_tried_again(run: Run, scripted: Scripted, picture: Any) -> None:
    scripted.enqueue(ModelError("Out of memory: try a smaller picture."))
    result = run("ask", picture(), "-q", "Is it normal?")
    assert result == (4, "", "lightbox: Out of memory: try a smaller picture.\n")


def test_a_wrong_variable_is_said(run: Run, picture: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIGHTBOX_PORT", "many")
    code, _, err = run("ask", picture(), "-q", "Is it normal?")
    assert code == 3
    assert err == "lightbox: LIGHTBOX_PORT must be a value of type int.\n"


def test_an_interruption_is_no_fault(run: Run, picture: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(Scripted, "_next", interrupted)
    assert run("ask", picture(), "-q", "Is it normal?") == (130, "", "")


def test_a_page_that_is_told_to_stop_leaves_no_uploads(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if name != "GRADIO_TEMP_DIR"}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command = [sys.executable, "-m", "chat_app", "serve", "--no-browser", "--port", port]
    environ["TMPDIR"] = str(tmp_path)
    page = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert page.stdout is not None and "Lightbox is open at" in page.stdout.readline()
        assert list(tmp_path.glob("lightbox-*"))
        page.terminate()
        assert page.wait(30) == 0
    finally:
        page.kill()
        page.communicate()
    assert not list(tmp_path.glob("lightbox-*"))
