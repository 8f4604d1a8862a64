"""Tables of the metrics of generated faces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from fertools.training.evaluation.prediction_metrics import AGREEMENTS, METRICS, Metrics
from fertools.training.reports.result_tables import MISSING, interval_note, number, with_interval
from fertools.training.reports.table_formatting import ResultTable
from fertools.training.runs.generated import slug

_DECISIONS = ("accuracy", "balanced_accuracy", "macro_f1")
_WHOSE = {
    "generated": "generated faces",
    "unchanged": "the same faces, unchanged",
    "real": "real faces, by their own label",
    "truth": "true images of the target (drawn people)",
}
_WHOSE_PROBED = {
    "generated": "generated faces",
    "unchanged": "their unchanged inputs",
    "truth": "true images of the target (drawn people)",
}
_RECONSTRUCTION = {"l1": "L1", "psnr": "PSNR (dB)", "ssim": "SSIM"}
_FEW = 2048
"""Images below which a Fréchet distance is mostly bias: the number of features."""


def translator_tables(name: str, found: Metrics) -> list[ResultTable]:
    """Return all tables about the generated faces of a run, with the metrics that were not measured.

    Args:
        name: of the run.
        found: what `fertools.training.evaluation.translation_metrics.compute_translation_metrics` gives.
    """
    tables = measured_tables(found)
    if missing := tuple(missing_measures(name, found)):
        tables.append(ResultTable("not measured", ("", "how to"), missing))
    return [replace(result_table, title=f"{name}: {result_table.title}") for result_table in tables]


def measured_tables(found: Metrics) -> list[ResultTable]:
    """Return the tables of all metrics of generated faces that were measured."""
    tables = [_reconstruction(found)] if found["reconstruction"] else []
    if found["truth"]:
        tables.append(_truth(found["truth"]))
    for judge, scores in found["judges"].items():
        tables += _judged(judge, scores)
    tables += [_features(network, scores) for network, scores in found["features"].items()]
    tables += [_identity(network, scores) for network, scores in found["identity"].items()]
    tables += [_probe(found["people_probe"])] if found["people_probe"] else []
    tables += [_nearest(found["nearest"])] if found["nearest"] else []
    return [*tables, *_gan_train(found)]


def missing_measures(name: str, found: Metrics) -> Iterator[tuple[str, str]]:
    """Yield each metric that was not measured, and the command that measures it."""
    command = f"fertools evaluate {name}"
    for network in found["waiting"]:
        yield f"faces generated since {network} was applied", f"{command}, and name {network} again"
    if not found["judges"]:
        yield "expression consistency, GAN-test", f"{command} --judge classifier/RUN"
    if not found["features"]:
        yield "FID, KID", f"{command} --features inception-fid"
    if not found["identity"]:
        yield "identity preservation", f"{command} --identity facenet-vggface2"
    if not found["people_probe"]:
        yield "people told apart on generated faces", f"{command} --people-probe"
    if not found["nearest"]:
        yield "nearest real faces", f"{command} --nearest"
    if found["drawn"] and not found["truth"]:
        yield "distance to the true images (drawn people)", f"{command} --drawn"
    if not found["gan_train"]:
        yield "GAN-train", f"{command} --judge classifier/RUN --gan-train"


def _reconstruction(found: Metrics) -> ResultTable:
    def cells(measures: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(with_interval(measures[key]["pooled"], measures[key]["people"]) for key in _RECONSTRUCTION)

    parts = found["reconstruction"]
    rows = [("all", *cells(parts["measures"]))]
    rows += [(part["target"], *cells(part["measures"])) for part in parts["by_target"]]
    of = f"{_count(found['faces'], 'face')} of {_count(found['subjects'], 'person')}"
    note = (
        f"{found['generated']:,} generated faces, of {of}, each translated back. L1 is on the scale from -1 to 1. "
        f"An L1 of 0 and an SSIM of 1 are perfect. {interval_note(parts)}"
    )
    return ResultTable("Reconstruction, by target", ("", *_RECONSTRUCTION.values()), tuple(rows), note)


def _truth(found: Metrics) -> ResultTable:
    parts = [found, *found["by_target"]]

    def cells(part: Metrics) -> tuple[str, ...]:
        return f"{part['faces']:,}", *(_measure(part["measures"][key]) for key in ("l1", "unchanged_l1"))

    rows = [("all", *cells(found)), *((part["target"], *cells(part)) for part in found["by_target"])]
    note = (
        "These people are drawn, so the true image exists: the same moment with the target expression or in the "
        "target modality. L1 is on the scale from -1 to 1. Faces that already show the target are left out. "
        f"{interval_note(parts)}"
    )
    head = ("", "generated faces", "L1 to the true image", "L1 of the unchanged input")
    return ResultTable("Distance to the true image (drawn people)", head, tuple(rows), note)


def _count(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number:,} {'people' if noun == 'person' else noun + 's'}"


def _judged(judge: str, scores: Metrics) -> Iterator[ResultTable]:
    whose = {key: scores[key] for key in _WHOSE if key in scores}
    if predicted := {key: entry["classification"] for key, entry in whose.items() if "classification" in entry}:
        rows = [
            (_WHOSE[key], f"{entry['faces']:,}", *(_measure(entry["measures"][name]) for name in _DECISIONS))
            for key, entry in predicted.items()
        ]
        apart = why_dependent(scores) or "which had no part in training"
        note = (
            f"How often {judge}, {apart}, predicts the target (expression consistency; GAN-test, as it was trained on "
            "real faces only). The second row is a generator that changes nothing. The third row is the judge itself, "
            f"on real faces. {interval_note(predicted)}{_leak(scores)}"
        )
        head = ("", "faces", *(METRICS[name] for name in _DECISIONS))
        yield ResultTable(f"Expressions predicted by {judge}", head, tuple(rows), note)
        if "generated" in predicted:
            yield _by_expression(judge, predicted)
            yield _confusion(judge, scores["generated"])
    for axis in ("valence", "arousal"):
        agreements = {key: entry["valence_arousal"][axis] for key, entry in whose.items() if _has(entry, axis)}
        if "generated" in agreements:
            rows = [
                (_WHOSE[key], f"{entry['faces']:,}", *(_measure(entry["measures"][name]) for name in AGREEMENTS))
                for key, entry in agreements.items()
            ]
            note = (
                f"Generated faces against the target {axis}, real faces against their own. {interval_note(agreements)}"
            )
            note += _leak(scores)
            head = ("", "faces", *AGREEMENTS.values())
            yield ResultTable(f"{axis.capitalize()} predicted by {judge}", head, tuple(rows), note)


def why_dependent(scores: Metrics) -> str:
    """Return why a judge is not independent of the generator that it judges, as a clause; empty if it is.

    Args:
        scores: metrics of the judge.
    """
    if scores.get("had_part"):
        return "whose weights had a part in training these generators and which so is not independent of them"
    if scores["chose"]:
        return "which selected the checkpoint of this run and so is not independent of it"
    return ""


def _leak(scores: Metrics) -> str:
    return f" These numbers leak: {scores['leak']}." if "leak" in scores else ""


def _has(scores: Metrics, axis: str) -> bool:
    return axis in scores.get("valence_arousal", {})


def _measure(entry: Mapping[str, Any]) -> str:
    return with_interval(entry["pooled"], entry["people"])


def _by_expression(judge: str, predicted: Mapping[str, Metrics]) -> ResultTable:
    recalls = {key: {row["class"]: row for row in entry["per_class"]} for key, entry in predicted.items()}
    rows = tuple(
        (
            name,
            f"{row['faces']:,}",
            with_interval(row["recall"], row["recall_people"]),
            *(number(recalls[key][name]["recall"]) if key in recalls else MISSING for key in ("unchanged", "real")),
        )
        for name, row in recalls["generated"].items()
        if row["faces"]
    )
    head = (
        "target",
        "generated faces",
        "predicted as the target",
        "unchanged faces predicted as it",
        "real faces of it predicted as it",
    )
    return ResultTable(
        f"Share of generated faces that {judge} assigns to the target",
        head,
        rows,
        interval_note(predicted["generated"]),
    )


def _confusion(judge: str, generated: Metrics) -> ResultTable:
    counts = generated["classification"]["confusion"]["counts"]
    rows = tuple((name, *map(str, line)) for name, line in zip(generated["classes"], counts, strict=True) if sum(line))
    return ResultTable(f"Target (rows) and prediction of {judge} (columns)", ("", *generated["classes"]), rows)


def _features(network: str, scores: Metrics) -> ResultTable:
    entries = [("all generated faces", scores["all"])]
    entries += [(part["target"], part["distance"]) for part in scores["by_target"]]
    entries.append(("real training faces, for comparison", scores["floor"]))
    rows = tuple((words, *_distance(entry)) for words, entry in entries)
    known = [entry for _, entry in entries if entry]
    few = any(min(entry["real"], entry["generated"]) < _FEW for entry in known)
    notes = [
        "Generated faces against real held-out ones, each expression against real faces that show it. KID: mean and "
        "standard deviation over 100 subsets."
    ]
    if few:
        notes.append(
            f"With fewer than {_FEW:,} images, FID is mostly bias. Compare it only between equal counts, and prefer "
            "KID."
        )
    if not scores["published"]:
        notes.append("Published distances use other features. Compare these only with your own.")
    head = ("", "real faces", "faces", "FID", "KID")
    return ResultTable(f"Distance to real faces in the features of {network}", head, rows, " ".join(notes))


def _distance(entry: Mapping[str, Any] | None) -> tuple[str, ...]:
    if entry is None:
        return (MISSING,) * 4
    kid = f"{entry['kid']:.4f} ± {entry['kid_sd']:.4f}"
    return f"{entry['real']:,}", f"{entry['generated']:,}", f"{entry['fid']:.2f}", kid


def _identity(network: str, scores: Metrics) -> ResultTable:
    rows = [("all generated faces", _measure(scores["cosine"]))]
    rows += [(part["target"], _measure(part["cosine"])) for part in scores["by_target"]]
    rows += [
        ("two real faces of one person", number(scores["same_person"])),
        ("real faces of two people", number(scores["other_people"])),
    ]
    note = f"1 is the same face. The last two rows are for comparison. {interval_note(scores)}"
    return ResultTable(
        f"Identity: cosine similarity to the input face, by {network}", ("", "cosine"), tuple(rows), note
    )


def _probe(found: Metrics) -> ResultTable:
    rows = [(_WHOSE_PROBED[kind], _measure(entry)) for kind, entry in found["measures"].items()]
    rows.append(("guessing", number(found["chance"])))
    note = (
        f"{found['faces']:,} generated faces of {_count(found['people'], 'person')} who are held out. A linear "
        "classifier of their pixels is fitted to some videos of each person and tested on the others. At the level of "
        f"guessing, identity is gone as far as such a classifier sees. {interval_note(found)}"
    )
    return ResultTable("People told apart by a linear probe", ("", "accuracy"), tuple(rows), note)


def _nearest(found: Metrics) -> ResultTable:
    entries = found["measures"]
    rows = (
        ("generated faces", f"{found['faces']:,}", _measure(entries["distance"]), _measure(entries["same_emotion"])),
    )
    note = (
        "The nearest real training face of the target domain, by pixels of small images. Distance: root mean squared "
        "difference on the scale from -1 to 1, to the nearest face of the same expression. Last column: how often the "
        f"nearest face of all shows the target. nearest-faces.csv lists the pairs. {interval_note(found)}"
    )
    head = ("", "faces", "distance", "nearest face shows the target")
    return ResultTable("Nearest real faces", head, rows, note)


def _gan_train(found: Metrics) -> Iterator[ResultTable]:
    for judge, scores in found["gan_train"].items():
        real = next((entry.get("real") for name, entry in found["judges"].items() if slug(name) == judge), None)
        rows = [("GAN-train: trained on generated faces", scores["classification"])]
        if real and "classification" in real:
            rows.append(("the judge: trained on real faces", real["classification"]))
        cells = tuple(
            (words, f"{entry['faces']:,}", *(_measure(entry["measures"][name]) for name in _DECISIONS))
            for words, entry in rows
        )
        note = f"Both tested on real held-out faces. The gap is what generated faces lack. {interval_note(dict(rows))}"
        head = ("", "real faces", *(METRICS[name] for name in _DECISIONS))
        yield ResultTable(f"GAN-train with the recipe of {judge}", head, cells, note)
