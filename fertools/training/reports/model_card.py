"""The model card of a run: what its networks are, whom they learned from, and what they must not be used for.

The sections follow M. Mitchell et al., *Model Cards for Model Reporting* (FAT*, 2019). The head between the lines of
dashes is the one that model hubs read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fertools.core import files
from fertools.training.reports.methods_text import write_methods
from fertools.training.reports.table_formatting import ResultTable, format_table
from fertools.training.runs.artefact import ModelInfo, read_info
from fertools.training.runs.folder import RunFolder
from fertools.training.runs.metadata import Record

_PARTS = {"train": "training", "val": "validation", "test": "held out"}
"""Split parts, and their names in the card."""
_USES = (
    "These networks are for research on facial expressions. An expression is what a face shows. It does not prove what",
    "the person feels.",
    "",
    "- Do not use them to decide about people: work, school, insurance, police, borders, health or credit.",
    "- Do not use them to find out who somebody is.",
    "- Say that a generated face is generated, wherever you show it.",
)


def write_model_card(folder: RunFolder, record: Record) -> None:
    """Write the model card of a run; nothing for a run without networks in `models/`.

    Args:
        folder: folder of the run.
        record: content of `run.json`, with results.
    """
    models = {path: read_info(path) for path in sorted(folder.models.glob("*.safetensors"))}
    if models:
        files.write_text(folder.card_path, "\n".join(_lines(record, models)) + "\n")


def _lines(record: Record, models: dict[Path, ModelInfo]) -> Iterator[str]:
    yield from ("---", "library_name: fertools", "tags:", "- facial-expression-recognition")
    yield from (f"- {record['system']}", "---", "")
    yield from (f"# {record['title']}, run {record['run']}", "")
    if drawn := record["data"]["drawn"]:
        yield from (f"**{drawn:,} faces of this run are drawn.** They come from people who do not exist.", "")
    yield from _networks(record, models)
    yield from ("## Use", "", *_USES, "")
    yield from _people(record)
    yield from _results(record)
    text, references = write_methods({}, trained={"The model": record})
    yield from ("## Training", "", text, "", *(f"- {reference}" for reference in references))


def _networks(record: Record, models: dict[Path, ModelInfo]) -> Iterator[str]:
    yield from ("## Networks", "", f"System `{record['system']}`, preset `{record['preset']}`.")
    yield from (*([f"After: {record['source']}."] if record["source"] else []), "")
    rows = tuple(
        (path.name, f"{info.crop.size_px} px", info.crop.template, ", ".join(info.classes), info.digest)
        for path, info in models.items()
    )
    yield format_table(
        ResultTable("Files in `models/`", ("file", "face", "alignment", "expressions", "digest"), rows), "markdown"
    )
    first = next(iter(models)).name
    yield from ("", "```python", "import fertools", "", f'model = fertools.load_model("models/{first}")', "```", "")


def _people(record: Record) -> Iterator[str]:
    data = record["data"]
    yield from ("## Faces", "", f"Datasets: {', '.join(data['datasets']) or 'without a name'}.", "")
    head = ("part", "faces", "people", *data["classes"])
    domains = data["domains"] if len(data["domains"]) > 1 else {"": data}
    rows = tuple(
        (
            f"{domain}: {words}".removeprefix(": "),
            f"{parts[part]['faces']:,}",
            f"{parts[part]['subjects']:,}",
            *(f"{parts[part]['emotions'].get(name, 0):,}" for name in data["classes"]),
        )
        for domain, parts in domains.items()
        for part, words in _PARTS.items()
        if part in parts
    )
    yield format_table(ResultTable("Faces by expression", head, rows), "markdown")
    yield from ("", "No person is in two parts. Age, sex and skin of these people are not recorded here.")
    if missing := [name for name, count in data["train"]["emotions"].items() if not count]:
        yield f"No training face shows {', '.join(missing)}, so the networks have not learned it."
    lineage: dict[str, Any] = record.get("lineage") or {}
    yield from (f"**Test people have a part in training:** {leak.rstrip('.')}." for leak in lineage.get("leaks", ()))
    yield from (
        "",
        "The licences of these faces decide whether the networks may be shared. The column `licence` of the manifest "
        "holds them.",
        "",
    )


def _results(record: Record) -> Iterator[str]:
    yield from ("## Results", "")
    values = {name: value for name, value in record["results"].items() if isinstance(value, float)}
    if "test" not in record["data"] or not values:
        yield from ("No metric of held-out people was measured.", "")
        return
    rows = tuple((name.replace("_", " "), f"{value:.4f}") for name, value in values.items())
    yield format_table(ResultTable("Metrics of held-out people", ("metric", "value"), rows), "markdown")
    yield from ("", "`report.html` shows intervals, all other metrics, and every value of the recipe.", "")
