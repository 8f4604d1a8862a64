"""Sentences on the training of models for the methods section of a paper, from the records of their runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fertools.training.reports.term_words import find_entry


def describe_training(trained: Mapping[str, Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    """Return sentences on the training of models, and the references that they cite.

    Args:
        trained: record of a run by name of the model, with `system`, `source`, `recipe`, `iterations` and `sessions`.
            With `data`, the text includes the numbers of faces and subjects.
    """
    sentences: list[str] = []
    cited: list[str] = []
    for name, record in trained.items():
        text = find_entry(record).describe(name, record)
        sentences += [*text.sentences, *_parts(record)]
        cited += text.references
    if trained:
        versions = next(iter(trained.values()))["sessions"][-1]["versions"]
        torch = f" and PyTorch {versions['torch']}" if "torch" in versions else ""
        sentences.append(f"Training used fertools {versions['fertools']}{torch}.")
    return sentences, cited


def _parts(record: Mapping[str, Any]) -> list[str]:
    if "data" not in record:
        return []
    train, test = (record["data"].get(side) for side in ("train", "test"))
    learned = f"It learned from {train['faces']:,} faces of {_subjects(train['subjects'], '')}"
    if test is None:
        return [f"{learned}; nothing was held out."]
    return [f"{learned}; {test['faces']:,} faces of {_subjects(test['subjects'], 'other ')} were held out."]


def _subjects(count: int, which: str) -> str:
    return f"{count:,} {which}subject{'s' * (count != 1)}"
