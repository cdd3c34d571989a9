"""The options that several commands share, each with its help."""

from __future__ import annotations

import argparse
from pathlib import Path

FRAME = "of a picture that holds several, from 1"
LOOKED = "you have looked: no name is burnt into the pictures"


def pictures(parser: argparse.ArgumentParser) -> None:
    says = "picture or DICOM files, folders, zip archives"
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help=says)
    parser.add_argument("--frame", type=int, metavar="N", help=FRAME)
    parser.add_argument("--looked", action="store_true", help=LOOKED)


def data(
    parser: argparse.ArgumentParser, says: str = "labelled pictures: a folder a set, each with records.jsonl"
) -> None:
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help=says)


def corpora(parser: argparse.ArgumentParser) -> None:
    which = "documents that answers are given passages of, names with commas between (see: lightbox index)"
    parser.add_argument("--corpora", metavar="NAMES", help=which)


def server(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--server", metavar="URL", help="its address (default: LIGHTBOX_DICOMWEB)")


def model(parser: argparse.ArgumentParser) -> None:
    which = "which model (see: lightbox models), or openai:NAME@URL for one on a server"
    parser.add_argument("--model", metavar="NAME", help=which)
    weights(parser)


def weights(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--weights", metavar="DIR", help="folder with the model's files (default: the hub's)")
    held = "how they are held: bf16, fp16, fp32, int8 or nf4 (default: what fits here best)"
    parser.add_argument("--dtype", metavar="TYPE", help=held)
    parser.add_argument("--adapter", metavar="NAME", help="LoRA adapter to answer with")


def meaning(parser: argparse.ArgumentParser) -> None:
    which = (
        "also search by meaning, with vectors of this embedder (see docs/retrieval.md; default: words alone)"
    )
    parser.add_argument("--embedder", metavar="NAME", help=which)


def agreed(parser: argparse.ArgumentParser) -> None:
    says = "send pictures and questions to the server of the model, where that is another machine"
    parser.add_argument("--agree", action="store_true", help=says)
