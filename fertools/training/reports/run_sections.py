"""The sections of a report about a training run: its faces, its training, and every value of its recipe.

They show the record, the logged values and the sample grids in the folder of the run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fertools.core.progress import describe_duration
from fertools.core.vocabulary import EMOTIONS
from fertools.training.engine.journal import Entry
from fertools.training.recipes.recipe import ORIGINS
from fertools.training.recipes.values import write_value
from fertools.training.reports.charts import line_chart
from fertools.training.reports.html import escape, fact_boxes, figure, table
from fertools.training.reports.term_words import describe_terms, find_entry
from fertools.training.runs.metadata import Record

_NEVER_SEEN = " The networks have never seen them."
_DIGEST_SHOWN = 12
"""Characters of a digest that a table shows."""
_LARGEST = 3.4e38
"""The largest number of float32."""

_NO_LOSSES = ("lr/", "gradient/", "val/")
"""Prefixes of the logged values that other charts show."""


def summary_section(record: Record) -> Iterable[str]:
    """Yield the people of a run, warnings about the data, and the main numbers of the run."""
    data, last = record["data"], record["sessions"][-1]
    seconds = sum(session["seconds"] for session in record["sessions"])
    train, test, known = data["train"], data.get("test"), record.get("lineage", {}).get("leaks")
    held_out = "No face is held out, so nothing is tested here."
    if test is not None:
        held_out = (
            f"Every image and metric below is of held-out people: {_people(test['subjects'])} with {test['faces']:,} "
            f"faces.{_NEVER_SEEN * (not known)}"
        )
    yield (
        f'<p class="lead">Trained with preset <code>{escape(record["preset"])}</code> on {train["faces"]:,} faces of '
        f"{_people(train['subjects'])}. {held_out}</p>"
    )
    if drawn := data["drawn"]:
        total = sum(data[side]["faces"] for side in ("train", "val", "test") if side in data)
        whose = "These people are" if drawn == total else f"{drawn:,} of these {total:,} faces are"
        yield (
            f'<p class="warn"><b>{whose} drawn and do not exist.</b> They come from the synthetic dataset of fertools. '
            "No number here says anything about people.</p>"
        )
    if "prior" in data["va_origins"] and _uses_va(record["recipe"]):
        yield (
            '<p class="warn">Some valence and arousal values are priors: one point per expression, not a rating '
            "of the face.</p>"
        )
    if missing := [emotion for emotion, count in train["emotions"].items() if not count]:
        yield (
            f'<p class="warn">No training face shows {escape(", ".join(missing))}. The model has '
            "never learned to recognise or generate it.</p>"
        )
    facts = []
    if record["iterations"]:
        facts.append(("iterations", f"{record['iterations']:,}"))
        facts.append(("faces per iteration", f"{record['recipe']['batch_size']['value']:,}"))
    facts += [
        ("face size", f"{record['recipe']['image_size']['value']} × {record['recipe']['image_size']['value']} px"),
        ("training time", describe_duration(seconds)),
        ("ran on", "CPU" if last["device"] == "cpu" else last["device_name"]),
    ]
    yield fact_boxes(facts)
    if record["source"]:
        yield f'<p class="quiet">After: {escape(record["source"])}.</p>'


def lineage_section(record: Record) -> Iterable[str]:
    """Yield the ancestors of a run, with a warning if they have learned from its test people."""
    lineage = record.get("lineage") or {}
    if leaks := lineage.get("leaks"):
        items = "".join(f"<li>{escape(leak)}</li>" for leak in leaks)
        yield (
            '<div class="warn"><b>Test people have a part in training.</b> The numbers on this page say nothing about '
            f"people whom the model has never seen.<ul>{items}</ul></div>"
        )
    if known := lineage.get("validation"):
        items = "".join(f"<li>{escape(sentence)}</li>" for sentence in known)
        yield (
            '<div class="warn"><b>Validation people were trained on before.</b> The best state was chosen on people '
            f"whom a part of the model already knew. The test people were not among them.<ul>{items}</ul></div>"
        )
    if not (ancestors := lineage.get("ancestors")):
        return
    yield "<h2>What it builds upon</h2>"
    rows = []
    for ancestor in ancestors:
        runs = ancestor["runs"]
        held_out = {fold for run in runs for fold in run["test_folds"]}
        rows.append(
            (
                ancestor["role"],
                ancestor["name"],
                ", ".join(run["run"] for run in runs) or "not known",
                ", ".join(map(str, sorted(held_out))),
                f"{sum(run['people'] for run in runs):,}" if runs else "not known",
                ancestor["digest"][:_DIGEST_SHOWN],
            )
        )
    head = ("role", "name in the recipe", "comes from the run", "folds held out", "people learned from", "digest")
    yield table(head, rows, numbers=(4,), code=(1, 2, 5))


def samples_section(record: Record, grids: Sequence[tuple[int, bytes]]) -> Iterable[str]:
    """Yield sample grids of translated held-out faces, the last one first; nothing for a run that translates none.

    Args:
        record: the content of `run.json`.
        grids: iteration and PNG, oldest first; the last one is shown large.
    """
    if "sample_every" not in record["recipe"]:
        return
    yield "<h2>Held-out faces, translated</h2>"
    if not grids:
        yield "<p>There is no sample grid.</p>"
        return
    average = " The generator uses the moving average of its weights." if record["recipe"]["ema"]["value"] else ""
    yield (
        "<p>Each row is one held-out face. The first column is the face itself, with its subject and expression. The "
        f"other columns are its translations to the target above.{average}</p>"
    )
    iteration, png = grids[-1]
    yield figure(png, f"After {iteration:,} iterations, the end of the run.")
    if older := grids[:-1]:
        yield "<details><summary>The same faces earlier in the run</summary>"
        for iteration, png in older:
            yield figure(png, f"After {iteration:,} iterations.")
        yield "</details>"


def discriminator_head_section(results: Mapping[str, Any]) -> Iterable[str]:
    """Yield the metrics of the discriminator's own classification head, for a run that has one."""
    if own := results.get("discriminator_head"):
        yield "<h3>Predictions of the discriminator's own head (not an independent classifier)</h3>"
        yield (
            f"<p>Accuracy on real faces: {own['real']:.1%} (chance: {1 / len(EMOTIONS):.1%}). On generated faces it "
            "only measures how far generator and discriminator agree, as the two were trained together.</p>"
        )
        shares = [(words, f"{share:.1%}") for words, share in own["translated"].items()]
        yield table(("target", "predicted as the target"), shares, numbers=(1,))
    if va := results.get("discriminator_head_va"):
        yield "<p>Valence and arousal of real held-out faces, predicted by the discriminator's own head.</p>"
        rows = [
            (name, *(f"{values[key]:.3f}" for key in ("ccc", "pcc", "rmse", "sagr"))) for name, values in va.items()
        ]
        yield table(("", "CCC", "PCC", "RMSE", "SAGR"), rows, numbers=(1, 2, 3, 4))


def losses_section(record: Record, journal: Sequence[Entry]) -> Iterable[str]:
    """Yield a curve per logged term; nothing for a run that logs none."""
    if not journal:
        return
    published = find_entry(record).published
    yield "<h2>Losses</h2>"
    under = "Terms have the names of the paper. D is the discriminator, G the generator. " if published else ""
    yield (
        f"<p>{under}A curve with many points shows their averages. The pale band spans the smallest and the largest "
        "value.</p>"
    )
    charts = []
    terms = describe_terms(record["system"])
    logged = dict.fromkeys(name for entry in journal for name in entry if not name.startswith(_NO_LOSSES))
    names = [*(name for name in terms if name in logged), *(name for name in logged if name not in terms)]
    curves = {name: points for name in names if name != "iteration" and (points := _curve(journal, name))}
    # With a single term, the loss is that term.
    alone = curves.get("loss") in [curve for name, curve in curves.items() if name != "loss"]
    for name, points in curves.items():
        if name == "loss" and alone:
            continue
        note = f"Last: {points[-1][1]:.4g}."
        if published and name in published.losses:
            note += f" Paper, at {published.iterations:,}: {published.losses[name]:g}."
        xs, ys = zip(*points, strict=True)
        charts.append(
            f"<div><h3><code>{escape(name)}</code></h3>{line_chart(name, 'iteration', xs, ys)}"
            f"<p>{escape(terms.get(name, ''))} {note}</p></div>"
        )
    yield '<div class="charts">' + "".join(charts) + "</div>"
    if published:
        yield "<p class='quiet'>The paper's values show the order of magnitude. They are no target.</p>"


def validation_section(record: Record, journal: Sequence[Entry]) -> Iterable[str]:
    """Yield the validation metrics over time, and the checkpoint that they select; nothing without validation."""
    names = [name for name in dict.fromkeys(name for entry in journal for name in entry) if name.startswith("val/")]
    if not names:
        return
    used, terms = record.get("used_iteration", 0), describe_terms(record["system"])
    yield "<h2>Checkpoint selection</h2>"
    yield (
        f"<p><code>{escape(names[0])}</code> selects the checkpoint, on people who are neither trained on nor held "
        f"out. The vertical line marks the selected checkpoint, after {used:,} iterations. The other metrics are of "
        "the same faces.</p>"
    )
    charts = []
    for name in names:
        if not (points := _curve(journal, name)):
            continue
        xs, ys = zip(*points, strict=True)
        best = next((y for x, y in zip(xs, ys, strict=True) if x == used), None)
        selected = f" At the selected checkpoint: {best:.4g}." if best is not None else ""
        charts.append(
            f"<div><h3><code>{escape(name)}</code></h3>{line_chart(name, 'iteration', xs, ys, mark=used)}"
            f"<p>{escape(terms.get(name, ''))}{selected}</p></div>"
        )
    yield '<div class="charts">' + "".join(charts) + "</div>"


def optimisation_section(journal: Sequence[Entry], speed: Sequence[Entry]) -> Iterable[str]:
    """Yield learning rates, gradient norms, throughput and memory over time, where they were logged."""
    words = {
        "lr/": "Learning rate of the optimiser.",
        "gradient/": "Norm of the gradient, before clipping.",
        "faces_per_s": "Faces per second since the last log line, including validation and samples.",
        "memory_gb": "Peak memory so far, in gigabytes: of the GPU, or of the whole process on a CPU.",
    }
    charts = []
    for entries in (journal, speed):
        for name in dict.fromkeys(name for entry in entries for name in entry):
            if (note := next((text for start, text in words.items() if name.startswith(start)), None)) is None:
                continue
            if not (points := _curve(entries, name)):
                continue
            xs, ys = zip(*points, strict=True)
            charts.append(
                f"<div><h3><code>{escape(name)}</code></h3>{line_chart(name, 'iteration', xs, ys)}"
                f"<p>{note} Last: {ys[-1]:.4g}.</p></div>"
            )
    if charts:
        yield "<h2>Learning rate, gradients, speed and memory</h2>"
        yield '<div class="charts">' + "".join(charts) + "</div>"


def _curve(entries: Sequence[Entry], name: str) -> list[tuple[float, float]]:
    # A chart cannot show NaN, infinity, or numbers beyond float32.
    return [(entry["iteration"], entry[name]) for entry in entries if abs(entry.get(name, math.inf)) < _LARGEST]


def networks_section(record: Record) -> Iterable[str]:
    """Yield how many parameters the networks have, beside the paper's counts."""
    if not record["parameters"]:
        return
    yield "<h2>Networks</h2>"
    counts = record["parameters"]
    published = find_entry(record).published
    if published is None:
        yield table(("", "parameters"), [(name, f"{count:,}") for name, count in counts.items()], numbers=(1,))
        return
    rows = []
    for name, count in counts.items():
        wanted = published.parameters.get(name)
        verdict = "" if wanted is None else "equal" if wanted == count else "differs: other sizes or options"
        rows.append((name, f"{count:,}", f"{wanted:,}" if wanted else "", verdict))
    yield table(("", "parameters", "in the paper", ""), rows, numbers=(1, 2))


def data_section(record: Record) -> Iterable[str]:
    """Yield the number of faces and people in each split part, by expression."""
    data = record["data"]
    yield "<h2>Data</h2>"
    sets, templates = ", ".join(data["datasets"]) or "without a name", ", ".join(data["templates"]) or "not known"
    yield (
        f"<p>Dataset: {escape(sets)}. Alignment of the crops: {escape(templates)}. No person is in two split parts; "
        "this was checked before the first iteration.</p>"
    )
    words = {"train": "trained on", "val": "validation", "test": "held out"}
    classes = data["classes"]
    rows = []
    for side in (side for side in words if side in data):
        counts = (f"{data[side]['emotions'][name]:,}" for name in classes)
        rows.append((words[side], f"{data[side]['faces']:,}", f"{data[side]['subjects']:,}", *counts))
    yield table(("", "faces", "people", *classes), rows, numbers=range(1, 3 + len(classes)))


def recipe_section(recipe: Mapping[str, Any]) -> Iterable[str]:
    """Yield every key of a recipe with its value and origin; values that no paper fixes come first.

    The caller writes the heading.

    Args:
        recipe: `value`, `origin` and `note` by key, as in `run.json`.
    """
    yield "<p>Consider these values when you compare with the paper. The letters give the origin of a value:</p>"
    yield table(("origin", "meaning"), ORIGINS.items())
    keys = [(name, write_value(entry["value"]), entry["origin"], entry["note"]) for name, entry in recipe.items()]
    order = [tag for tag in ORIGINS if tag not in ("P", "R")]
    chosen = sorted((key for key in keys if key[2] in order), key=lambda key: order.index(key[2]))
    yield table(("key", "value", "origin", "note"), chosen, code=(0, 1))
    fixed = [key for key in keys if key[2] not in order]
    yield "<details><summary>Values that the paper or its reference implementation fixes</summary>"
    yield table(("key", "value", "origin", "note"), fixed, code=(0, 1)) + "</details>"


def environment_section(record: Record) -> Iterable[str]:
    """Yield the sessions of a run: when, on which device and with which versions."""
    yield "<h2>Environment</h2>"
    rows = [
        (
            session["began"],
            f"{session['from_iteration']:,}",
            f"{session['iterations']:,}",
            session["device_name"],
            session["precision"],
        )
        for session in record["sessions"]
    ]
    yield table(("began (UTC)", "from iteration", "iterations kept", "device", "precision"), rows, numbers=(1, 2))
    last = record["sessions"][-1]
    used = ", ".join(f"{name} {version}" for name, version in last["versions"].items())
    code = f" Code at commit {last['code']}." if last["code"] else ""
    yield f"<p class='quiet'>{escape(used)}.{escape(code)} Manifest {escape(record['data']['fingerprint'])}.</p>"


def _uses_va(recipe: Record) -> bool:
    """Return whether a run learned from valence and arousal."""
    return any("va" in str(recipe.get(key, {}).get("value", "")) for key in ("condition", "task"))


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count:,} people"
