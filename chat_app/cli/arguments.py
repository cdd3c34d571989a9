"""What each command is called with, and the help that says so."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from chat_app import __version__
from chat_app.cli import data, keeping, library, passages, reporting, shared, training, verbs
from chat_app.training.lora.options import Options

EPILOG = (
    "Not a medical device: it writes drafts that a clinician checks. "
    "Nothing leaves this machine but what you push, or agree to send to a model's server."
)
SUITES = Path(__file__).parents[1] / "evaluation" / "suites"

NUMBERS = {
    "epochs": "how often each picture is seen",
    "steps": "stop after so many steps instead; 0 is by epochs",
    "batch": "pictures at a time",
    "accumulate": "batches a step",
    "rate": "highest learning rate",
    "rank": "of the adapter's matrices",
    "length": "most tokens of a conversation; 0 is as many as the model takes",
    "seed": "same seed, data and options, same adapter",
}


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="lightbox",
        description="Open a medical image, ask about it in turns, leave with a draft report.",
        epilog=EPILOG,
        formatter_class=_wide,
    )
    top.add_argument("-V", "--version", action="version", version=f"lightbox {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    reading = (_serve, _ask, _draft, _check, _sign, _export, _replay, _deidentify, _pull, _push)
    kept = (_cases, _audit, _index, _search, _library, _similar)
    for add in (*reading, *kept, _models, _templates, _data, _train, _evaluate, _merge, _doctor):
        add(commands)
    return top


def _wide(prog: str) -> argparse.HelpFormatter:
    """The same help on every terminal, so that README can show it."""
    return argparse.HelpFormatter(prog, width=96, max_help_position=28)


def _command(commands: Any, name: str, verb: verbs.Verb, says: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=says, description=says, epilog=EPILOG, formatter_class=_wide
    )
    parser.set_defaults(verb=verb)
    return parser


def _serve(commands: Any) -> None:
    parser = _command(commands, "serve", verbs.serve, "Open the page in a browser.")
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1, this machine only)")
    parser.add_argument("--port", type=int, help="port to listen on (default: 7860)")
    parser.add_argument("--no-browser", action="store_true", help="only say the address")
    nothing = "keep no case and no record of what was done, whatever LIGHTBOX_STORE says"
    parser.add_argument("--ephemeral", action="store_true", help=nothing)
    shared.corpora(parser)
    shared.model(parser)


def _ask(commands: Any) -> None:
    parser = _command(commands, "ask", verbs.ask, "Ask one question about one or more pictures.")
    shared.pictures(parser)
    parser.add_argument("-q", "--question", required=True, metavar="TEXT", help="what to ask")
    parser.add_argument("--json", action="store_true", help="print one JSON object with everything kept")
    shared.corpora(parser)
    shared.model(parser)
    shared.agreed(parser)


def _draft(commands: Any) -> None:
    parser = _command(commands, "draft", reporting.draft, "Draft a report about one or more pictures.")
    shared.pictures(parser)
    parser.add_argument("--template", required=True, metavar="NAME", help="see: lightbox templates")
    parser.add_argument("--history", metavar="TEXT", help="the clinical history, in your words")
    parser.add_argument("--comparison", metavar="TEXT", help="the earlier studies you compared with")
    output = "write a file instead: .md, .json, .docx, .pdf, .fhir.json or .radfact.json"
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help=output)
    shared.model(parser)
    shared.agreed(parser)


def _check(commands: Any) -> None:
    says = "Look a report over by rules; exit code 2 when they remark on something."
    _about_report(_command(commands, "check", reporting.check, says))


def _sign(commands: Any) -> None:
    says = "Decide about the statements of a report, and sign it; its file is changed."
    parser = _command(commands, "sign", reporting.sign, says)
    _about_report(parser)
    for act in ("accept", "reject"):
        one = f"{act} a statement, findings:2 for the second finding; repeatable"
        parser.add_argument(f"--{act}", action="append", default=[], metavar="PLACE", help=one)
    critical = "what was done about possible critical findings, or why they are none"
    parser.add_argument("--critical", metavar="TEXT", help=critical)
    parser.add_argument("--amend", action="store_true", help="begin an amendment of a signed report first")
    parser.add_argument("--name", help="sign with this name; without one only the decisions are kept")
    stands = "what the report is from then on (default: preliminary)"
    choices = ("preliminary", "final", "amended", "entered in error")
    parser.add_argument("--as", dest="status", choices=choices, default=choices[0], help=stands)


def _export(commands: Any) -> None:
    says = "Write a report in the form that the ending of the file names."
    parser = _command(commands, "export", reporting.export, says)
    _about_report(parser)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help=_endings())


def _replay(commands: Any) -> None:
    says = "Draw a draft again from its stamp; exit code 2 when the words are not the same."
    _about_report(_command(commands, "replay", reporting.replay, says), "+")


def _endings() -> str:
    return "one of .md .json .docx .pdf .fhir.json .radfact.json .sr.dcm .pr.dcm .pdf.dcm"


def _about_report(parser: argparse.ArgumentParser, pictures: str = "*") -> None:
    parser.add_argument("report", type=Path, metavar="REPORT.json", help="what lightbox draft -o wrote")
    says = "the files it was made from; found by their hashes, whatever they are called"
    parser.add_argument("--images", nargs=pictures, type=Path, default=[], metavar="IMAGE", help=says)


def _deidentify(commands: Any) -> None:
    parser = _command(
        commands, "deidentify", verbs.deidentify, "Copy DICOM files without what identifies anyone."
    )
    parser.add_argument("source", type=Path, metavar="IN", help="folder of DICOM files; it is left as it is")
    parser.add_argument("target", type=Path, metavar="OUT", help="a folder that is new or empty")
    key = "file with a secret that the new UIDs hang on: same file, same UIDs (default: a new secret)"
    parser.add_argument("--key", type=Path, metavar="FILE", help=key)
    unseen = "keep pictures that may show a name where nothing can read them (without the extra ocr)"
    parser.add_argument("--unseen-pixels", action="store_true", help=unseen)
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")


def _pull(commands: Any) -> None:
    parser = _command(commands, "pull", verbs.pull, "Fetch a study from the DICOMweb server, or search it.")
    parser.add_argument("search", nargs="?", default="", metavar="TEXT", help="patient or study to look for")
    parser.add_argument("--study", metavar="UID", help="fetch this one")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="into this new or empty folder")
    shared.server(parser)


def _push(commands: Any) -> None:
    parser = _command(commands, "push", verbs.push, "Send DICOM files to the DICOMweb server, as they are.")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="DICOM files")
    shared.server(parser)


def _cases(commands: Any) -> None:
    parser = _command(commands, "cases", keeping.cases, "List your kept cases, or delete one.")
    inner = parser.add_subparsers(title="commands", metavar="COMMAND")
    delete = _command(inner, "delete", keeping.delete, "Delete a case and all that belongs to it.")
    delete.add_argument("id", metavar="ID", help="see: lightbox cases")


def _audit(commands: Any) -> None:
    says = "Check the record of who did what; exit code 1 when it was changed."
    parser: argparse.ArgumentParser = commands.add_parser(
        "audit", help=says, description=says, epilog=EPILOG, formatter_class=_wide
    )
    inner = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _command(inner, "verify", keeping.verify, "Read all of it, and say the first place that was changed.")


def _index(commands: Any) -> None:
    says = "Make your own documents searchable, list what is, or delete it."
    parser = _command(commands, "index", passages.index, says)
    which = "folder of PDF, HTML, Markdown, text or JSONL files; the corpus then holds what it holds"
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help=which)
    parser.add_argument("--name", help="of the corpus: small letters, digits, hyphens")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--delete", action="store_true", help="delete the corpus of that name")
    document = "delete one document of it, by the name it has in the folder"
    instead.add_argument("--delete-document", metavar="SOURCE", help=document)
    shared.meaning(parser)


def _search(commands: Any) -> None:
    says = "Search your documents; exit code 1 when no basis is found."
    parser = _command(commands, "search", passages.search, says)
    parser.add_argument("question", metavar="QUESTION", help="what to look for, in words")
    which = "search this one; repeatable (default: all)"
    parser.add_argument("--corpus", action="append", default=[], metavar="NAME", help=which)
    most = "most passages shown (default: 5)"
    parser.add_argument("--most", type=int, default=5, metavar="N", help=most)
    shared.meaning(parser)


def _library(commands: Any) -> None:
    says = "Keep past pictures with their reports, list what is kept, or delete it."
    parser = _command(commands, "library", library.library, says)
    which = "pictures with reports beside them, or a labelled set; the library then holds what it holds"
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help=which)
    parser.add_argument("--name", help="of the library: small letters, digits, hyphens")
    parser.add_argument("--looked", action="store_true", help=shared.LOOKED)
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--delete", action="store_true", help="delete the library of that name")
    instead.add_argument("--delete-case", type=int, metavar="N", help="delete one case of it, by its number")
    shared.model(parser)


def _similar(commands: Any) -> None:
    says = "Find past pictures that look like this one; exit code 1 when there is none."
    parser = _command(commands, "similar", library.similar, says)
    parser.add_argument("image", type=Path, metavar="IMAGE", help="picture or DICOM file")
    parser.add_argument("--frame", type=int, metavar="N", help=shared.FRAME)
    which = "search this one; repeatable (default: all)"
    parser.add_argument("--library", action="append", default=[], metavar="NAME", help=which)
    most = "most cases shown (default: 5)"
    parser.add_argument("--most", type=int, default=5, metavar="N", help=most)
    shared.model(parser)


def _models(commands: Any) -> None:
    parser = _command(commands, "models", verbs.models, "List the models that can be chosen.")
    parser.add_argument("--json", action="store_true", help="print one JSON object with all that is known")


def _templates(commands: Any) -> None:
    says = "List the report templates, or check a file that is to be one."
    parser = _command(commands, "templates", verbs.templates, says)
    inner = parser.add_subparsers(title="commands", metavar="COMMAND")
    says = "Say everything that is wrong in a report template; exit code 2 when something is."
    check = _command(inner, "check", verbs.check_template, says)
    check.add_argument("file", type=Path, metavar="FILE.toml", help="the template")


def _data(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "data",
        help="Look a set of labelled pictures over; exit code 1 when it must be mended.",
        description="Labelled pictures, before anyone trains or scores on them.",
        epilog=EPILOG,
        formatter_class=_wide,
    )
    inner = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    says = "Look for missing pictures, leaks between splits, names left in, and what else must be mended."
    check = _command(inner, "check", data.check, says)
    which = "a set in one of the layouts of docs/data.md, or a folder of sets"
    check.add_argument("folder", type=Path, metavar="DIR", help=which)
    check.add_argument("--json", action="store_true", help="print one JSON object")
    sheet = "write a page of samples to look at; it shows the pictures"
    check.add_argument("--sheet", type=Path, metavar="FILE.html", help=sheet)
    names = "also search the pixels for names, one to four seconds each (with the extra ocr)"
    check.add_argument("--names", action="store_true", help=names)
    limit = "most pictures that are opened; 0 is all (default: 0)"
    check.add_argument("--limit", type=int, default=0, metavar="N", help=limit)


def _train(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "train",
        help="Train the embedded model, or an adapter for any, from labelled pictures.",
        description="Training from labelled pictures; killed, it goes on where it was.",
        epilog=EPILOG,
        formatter_class=_wide,
    )
    inner = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _train_nano(inner)
    _train_lora(inner)


def _train_nano(commands: Any) -> None:
    parser = _command(commands, "nano", verbs.train, "Train the embedded model.")
    shared.data(parser)
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/nano"),
        metavar="DIR",
        help="where it is written, and taken up again (default: runs/nano)",
    )
    parser.add_argument("--seed", type=int, default=0, help="same seed and data, same weights (default: 0)")


def _train_lora(commands: Any) -> None:
    says = "Teach a model a specialty: a LoRA adapter, in the folder of adapters."
    parser = _command(commands, "lora", training.lora, says)
    which = "the model to train on (see: lightbox models)"
    parser.add_argument("--base", required=True, metavar="CARD", help=which)
    layout = "a set in one of the layouts of docs/data.md, or a folder of sets"
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help=layout)
    parser.add_argument("--name", required=True, help="of the adapter: small letters, digits, hyphens")
    for name, says in NUMBERS.items():
        default = getattr(Options, name)
        says = f"{says} (default: {default})"
        parser.add_argument(f"--{name}", type=type(default), default=default, metavar="N", help=says)
    bridge = "also train what lies between tower and language model"
    parser.add_argument("--projector", action="store_true", help=bridge)
    parser.add_argument("--weights", metavar="DIR", help="folder with the base's files (default: the hub's)")
    held = "how the base is held (default: nf4 on a GPU, else what fits here best)"
    parser.add_argument("--dtype", metavar="TYPE", help=held)


def _evaluate(commands: Any) -> None:
    says = "Score a model on labelled pictures, and on black ones."
    parser: argparse.ArgumentParser = commands.add_parser(
        "evaluate", help=says, description=says, epilog=EPILOG, formatter_class=_wide
    )
    inner = parser.add_subparsers(title="suites, and compare", metavar="SUITE", required=True)
    for name, asks in _suites().items():
        suite = _command(inner, name, verbs.evaluate, asks)
        suite.set_defaults(suite=name)
        _about_scoring(suite)
    compare = _command(inner, "compare", verbs.compare, "Test whether two results differ, row by row.")
    for place in ("first", "second"):
        compare.add_argument(place, type=Path, metavar=f"{place.upper()}.json", help="a result that -o wrote")
    compare.add_argument("--json", action="store_true", help="print a JSON list")


def _suites() -> dict[str, str]:
    """What each suite asks, by its name: read and not imported, so that --help answers at once."""
    files = sorted(SUITES.glob("[!_]*.py"))
    told = {file.stem: file.read_text(encoding="utf-8").split('"""')[1] for file in files}
    return {name: text.splitlines()[0] for name, text in told.items()}


def _about_scoring(parser: argparse.ArgumentParser) -> None:
    shared.data(parser, "labelled pictures: a set in one of the layouts of docs/data.md, or a folder of sets")
    split = "which split, or FIELD=NAME by another field of the records (default: test)"
    parser.add_argument("--split", default="test", help=split)
    parser.add_argument("--task", action="append", default=[], metavar="NAME", help="only this; repeatable")
    parser.add_argument("--limit", type=int, default=100, help="most rows a task; 0 is all (default: 100)")
    trained = "what the model was trained on, beside the split train here: looked through for copies"
    parser.add_argument("--trained", type=Path, metavar="DIR", help=trained)
    radeval = "a Python that has RadEval, for the metrics of reports that need weights"
    parser.add_argument("--radeval", metavar="PYTHON", help=radeval)
    radfact = "also write the boxes drawn and the true ones, as RadFact reads them (suite grounding)"
    parser.add_argument("--radfact", type=Path, metavar="FILE", help=radfact)
    output = "also write all of it, row by row, to a JSON file"
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help=output)
    parser.add_argument("--json", action="store_true", help="print one JSON object with all of it")
    shared.model(parser)
    shared.agreed(parser)


def _merge(commands: Any) -> None:
    says = "Write a model's weights for a server, with an adapter merged in."
    parser = _command(commands, "merge", verbs.merge, says)
    parser.add_argument("model", help="which model (see: lightbox models)")
    folder = "a new or empty folder"
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help=folder)
    shared.weights(parser)


def _doctor(commands: Any) -> None:
    _command(
        commands, "doctor", verbs.doctor, "Check this installation; exit code 1 when something is broken."
    )
