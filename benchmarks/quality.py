"""The page of scores: `python -m benchmarks.quality` writes docs/results.md and its plots.

From the files in benchmarks/scores, each written by `lightbox evaluate SUITE ... -o FILE`, and, apart from
them, what others published.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import plot

HERE = Path(__file__).parent
SCORES = HERE / "scores"
HELD = SCORES / "held"
PUBLISHED = HERE / "published.json"
DOCS = HERE.parent / "docs"
PAGE = DOCS / "results.md"
PLOTS = DOCS / "results"
HEAD = """\
# Results

Written by `python -m benchmarks.quality` from the files in [benchmarks/scores](../benchmarks/scores), each \
the output of the command that stands over its table. How a row is scored, what the intervals and baselines \
are, and what the normaliser does: [evaluation](evaluation.md). Not for clinical use.
"""
PUBLISHED_HEAD = """\
## What others published

None of it was measured here, and none of it belongs beside the figures above: splits, prompts and scoring \
differ, also from one block to the next. Percent.
"""
HELD_HEAD = """\
## nano, its weights held in other types

The same rows under `--dtype`: a sample of at most {most} a task, drawn by the same seed, on a processor \
without a GPU. In int8 and NF4 the vision tower and the projector stay as they are, so that little memory is \
saved on a model this small: what is shown is that the answers stay.
"""
DTYPES = ("fp32", "bf16", "int8", "nf4")
BESIDE = ("majority", "blank", "shuffled", "unseen wording")
ANSWERED = "answered"

Result = Mapping[str, Any]


def page(results: Mapping[str, Result], held: Mapping[str, Result], published: Result) -> str:
    """The whole page; `results` by the names of their files, `held` by the type of the weights."""
    sections = [section(name, results[name]) for name in ordered(results)]
    return "\n".join([HEAD, *sections, types(held), others(published)])


def types(held: Mapping[str, Result]) -> str:
    """One table of the same rows, a column for each way to hold the weights."""
    first, *_ = columns = [held[dtype]["measures"] for dtype in DTYPES]
    rows = [
        (each["task"], each["metric"], size(each), *(spread(column[place]) for column in columns))
        for place, each in enumerate(first)
    ]
    head = HELD_HEAD.format(most=held[DTYPES[0]]["limit"]).rstrip()
    return f"{head}\n\n{grid(('task', 'metric', 'n (clusters)', *DTYPES), rows)}\n"


def ordered(results: Mapping[str, Result]) -> list[str]:
    """By suite, and within it those that share images with training last."""
    return sorted(results, key=lambda name: (results[name]["suite"], results[name]["leak"]["share"], name))


def section(name: str, result: Result) -> str:
    """One result: what it rests on, its figures, its plot, its subgroups."""
    parts = [
        f"## {title(result)}",
        f"`{command(result)}`",
        *_sample(result),
        _leak(result),
        *_silent(result),
        f"![The values with their intervals, and the baselines](results/{name}.svg)",
        figures(result["measures"]),
        *_subgroups(result["measures"]),
        f"{result['protocol']} {_rests(result)}",
        *([f"Notes: {'; '.join(result['skipped'])}."] if result["skipped"] else []),
    ]
    return "\n\n".join(parts) + "\n"


def title(result: Result) -> str:
    sets = sorted({each.split(":")[0] for measure in result["measures"] for each in measure["rows"]["id"]})
    where = sets[0] if len(sets) == 1 else f"{len(sets)} sets"
    shared = " (shares its images with training)" if result["leak"]["shared"] else ""
    return f"{speaker(result)}: {result['suite']}, {where}, split {result['split']}{shared}"


def speaker(result: Result) -> str:
    model = result["model"] or {"name": "no model", "adapter": ""}
    return f"{model['name']} with {model['adapter']}" if model["adapter"] else str(model["name"])


def command(result: Result) -> str:
    """What was typed, but for the folder and the file."""
    model = result["model"] or {"name": "NAME", "adapter": ""}
    adapter = f" --adapter {model['adapter']}" if model["adapter"] else ""
    return (
        f"lightbox evaluate {result['suite']} --model {model['name']}{adapter} --data DIR "
        f"--split {result['split']} --limit {result['limit']} -o FILE"
    )


def figures(measures: Iterable[Result]) -> str:
    rows = [
        (
            measure["task"],
            measure["metric"],
            size(measure),
            spread(measure),
            *(f"{measure[way]:.3f}" if way in measure else "" for way in BESIDE),
            spread(measure["without alike"]) if "without alike" in measure else "",
        )
        for measure in measures
    ]
    return grid(("task", "metric", "n (clusters)", "value (95 %)", *BESIDE, "without look-alikes"), rows)


def others(published: Result) -> str:
    """What others published, a table for each protocol."""
    parts = [PUBLISHED_HEAD.rstrip(), published["note"]]
    for block in published["blocks"]:
        table = grid(block["columns"], block["rows"])
        parts += [f"### {block['title']}", f"Source: {block['source']}.", table]
    return "\n\n".join(parts) + "\n"


def size(figure: Result) -> str:
    return f"{figure['n']} ({figure['clusters']})"


def spread(figure: Result) -> str:
    low, high = figure["interval"]
    return f"{figure['value']:.3f} ({low:.3f} to {high:.3f})"


def grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _sample(result: Result) -> list[str]:
    most = result["limit"]
    return [f"A sample: at most {most} rows a task, drawn by a fixed seed."] if most else []


def _leak(result: Result) -> str:
    says = str(result["leak"]["says"])
    return f"**{says}**" if result["leak"]["alike"] else says


def _silent(result: Result) -> list[str]:
    """How much was not answered at all: what a model cannot do."""
    found = [measure for measure in result["measures"] if measure["metric"] == ANSWERED]
    shares = ", ".join(f"{each['value']:.1%} of the rows of {each['task']}" for each in found)
    return [f"{speaker(result)} answers {shares}; the others count as wrong."] if found else []


def _subgroups(measures: Iterable[Result]) -> list[str]:
    rows = [
        (measure["task"], measure["metric"], kind, group, size(found), spread(found))
        for measure in measures
        for kind, groups in measure["subgroups"].items()
        for group, found in groups.items()
        if measure["metric"] != ANSWERED
    ]
    if not rows:
        return []
    table = grid(("task", "metric", "by", "group", "n (clusters)", "value (95 %)"), rows)
    return [f"<details><summary>By subgroup</summary>\n\n{table}\n\n</details>"]


def _rests(result: Result) -> str:
    model = result["model"] or {"sha256": ""}
    facts = {
        "weights": model["sha256"][:12],
        "adapter": result["adapter"][:12],
        "held in": result["dtype"],
        "data": result["data"]["sha256"][:12],
        "prompts": result["prompts"][:12],
        "normaliser": result["normaliser"],
        "Lightbox": result["lightbox"],
    }
    return "It rests on " + ", ".join(f"{name} {value}" for name, value in facts.items() if value) + "."


def results() -> dict[str, Result]:
    """All that was scored, as it was written, by file name."""
    return _read(SCORES)


def held() -> dict[str, Result]:
    """nano's scores by the type its weights were held in."""
    return _read(HELD)


def _read(folder: Path) -> dict[str, Result]:
    files = sorted(folder.glob("*.json"))
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in files}


def published() -> Result:
    found: Result = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    return found


def plots(known: Mapping[str, Result]) -> dict[str, str]:
    """The plot of each result, by the name of its file."""
    return {f"{name}.svg": plot.forest(title(each), each["measures"]) for name, each in known.items()}


def main() -> None:
    known = results()
    PAGE.write_text(page(known, held(), published()), encoding="utf-8")
    PLOTS.mkdir(exist_ok=True)
    for name, drawing in plots(known).items():
        (PLOTS / name).write_text(drawing, encoding="utf-8")


if __name__ == "__main__":
    main()
