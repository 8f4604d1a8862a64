"""What is shown of the figures of a translator: which tables there are, and what stands in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from fertools.training.evaluation.prediction_metrics import AGREEMENTS, MEASURES, Scores
from fertools.training.reports.result_tables import MISSING, interval_note, number, with_interval
from fertools.training.reports.table_formatting import ResultTable
from fertools.training.runs.generated import slug

_DECISIONS = ("accuracy", "balanced_accuracy", "macro_f1")
_WHOSE = {
    "made": "made faces",
    "unchanged": "the same faces, unchanged",
    "real": "real faces, by their own label",
    "truth": "true pictures of what was asked for (drawn)",
}
_RECONSTRUCTION = {"l1": "L1", "psnr": "PSNR (dB)", "ssim": "SSIM"}
_FEW = 2048
"""Pictures below which a Fréchet distance says little: there are as many features."""


def translator_tables(name: str, found: Scores) -> list[ResultTable]:
    """Return all tables about a translator under its name, with what has not been measured.

    Args:
        name: of the run.
        found: what `fertools.training.evaluation.translation_metrics.score_translations` gives.
    """
    tables = measured_tables(found)
    if missing := tuple(missing_measures(name, found)):
        tables.append(ResultTable("not measured", ("", "how to"), missing))
    return [replace(result_table, title=f"{name}: {result_table.title}") for result_table in tables]


def measured_tables(found: Scores) -> list[ResultTable]:
    """Return the tables about a translator, as far as it has been measured."""
    tables = [_reconstruction(found)]
    if found["truth"]:
        tables.append(_truth(found["truth"]))
    for judge, scores in found["judges"].items():
        tables += _judged(judge, scores)
    tables += [_features(network, scores) for network, scores in found["features"].items()]
    tables += [_identity(network, scores) for network, scores in found["identity"].items()]
    return [*tables, *_gan_train(found)]


def missing_measures(name: str, found: Scores) -> Iterator[tuple[str, str]]:
    """Yield what has not been measured of a translator and the command that does it."""
    command = f"fertools evaluate {name}"
    for network in found["waiting"]:
        yield f"faces made since {network} read them", f"{command}, and name {network} again"
    if not found["judges"]:
        yield "expression consistency, GAN-test", f"{command} --judge classifier/RUN"
    if not found["features"]:
        yield "FID, KID", f"{command} --features inception-fid"
    if not found["identity"]:
        yield "identity preservation", f"{command} --identity facenet-vggface2"
    if found["drawn"] and not found["truth"]:
        yield "distance to the true pictures, which exist for these drawn people", f"{command} --drawn"
    if not found["gan_train"]:
        yield "GAN-train", f"{command} --judge classifier/RUN --gan-train"


def _reconstruction(found: Scores) -> ResultTable:
    def cells(measures: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(with_interval(measures[key]["pooled"], measures[key]["people"]) for key in _RECONSTRUCTION)

    parts = found["reconstruction"]
    rows = [("all", *cells(parts["measures"]))]
    rows += [(part["target"], *cells(part["measures"])) for part in parts["by_target"]]
    of = f"{_count(found['faces'], 'face')} of {_count(found['subjects'], 'person')}"
    note = (
        f"{found['made']:,} made faces, of {of}, each translated back. L1 is on the scale from -1 to 1; an L1 of 0 and "
        f"an SSIM of 1 are perfect. {interval_note(parts)}"
    )
    return ResultTable("Reconstruction, by what was asked for", ("", *_RECONSTRUCTION.values()), tuple(rows), note)


def _truth(found: Scores) -> ResultTable:
    parts = [found, *found["by_target"]]

    def cells(part: Scores) -> tuple[str, ...]:
        return f"{part['faces']:,}", *(_measure(part["measures"][key]) for key in ("l1", "unchanged_l1"))

    rows = [("all", *cells(found)), *((part["target"], *cells(part)) for part in found["by_target"])]
    note = (
        "These people are drawn, so the picture of what was asked for exists: the same moment with that expression. L1 "
        f"is on the scale from -1 to 1. Faces that show it already are left out. {interval_note(parts)}"
    )
    head = ("", "made faces", "L1 to the true picture", "L1 of the unchanged input")
    return ResultTable("Distance to the true picture (drawn people)", head, tuple(rows), note)


def _count(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number:,} {'people' if noun == 'person' else noun + 's'}"


def _judged(judge: str, scores: Scores) -> Iterator[ResultTable]:
    whose = {key: scores[key] for key in _WHOSE if key in scores}
    if told := {key: entry["classification"] for key, entry in whose.items() if "classification" in entry}:
        rows = [
            (_WHOSE[key], f"{entry['faces']:,}", *(_measure(entry["measures"][name]) for name in _DECISIONS))
            for key, entry in told.items()
        ]
        apart = (
            "which chose the best state of this run and so is not independent of it"
            if scores["chose"]
            else ("which had no part in training")
        )
        note = (
            f"How often {judge}, {apart}, sees what was asked for (expression consistency; GAN-test, since it learned "
            "from real faces alone). A translator that changes nothing comes to the second "
            f"row; the judge itself, on real faces, to the third. {interval_note(told)}"
        )
        head = ("", "faces", *(MEASURES[name] for name in _DECISIONS))
        yield ResultTable(f"Expressions as {judge} sees them", head, tuple(rows), note)
        if "made" in told:
            yield _by_expression(judge, told)
            yield _confusion(judge, scores["made"])
    for axis in ("valence", "arousal"):
        points = {key: entry["valence_arousal"][axis] for key, entry in whose.items() if _has(entry, axis)}
        if "made" in points:
            rows = [
                (_WHOSE[key], f"{entry['faces']:,}", *(_measure(entry["measures"][name]) for name in AGREEMENTS))
                for key, entry in points.items()
            ]
            note = f"Against the {axis} that was asked for; real faces against their own. {interval_note(points)}"
            head = ("", "faces", *AGREEMENTS.values())
            yield ResultTable(f"{axis.capitalize()} as {judge} sees it", head, tuple(rows), note)


def _has(scores: Scores, axis: str) -> bool:
    return axis in scores.get("valence_arousal", {})


def _measure(entry: Mapping[str, Any]) -> str:
    return with_interval(entry["pooled"], entry["people"])


def _by_expression(judge: str, told: Mapping[str, Scores]) -> ResultTable:
    shares = {key: {row["class"]: row for row in entry["per_class"]} for key, entry in told.items()}
    rows = tuple(
        (
            name,
            f"{row['faces']:,}",
            with_interval(row["recall"], row["recall_people"]),
            *(number(shares[key][name]["recall"]) if key in shares else MISSING for key in ("unchanged", "real")),
        )
        for name, row in shares["made"].items()
        if row["faces"]
    )
    head = (
        "asked for",
        "made faces",
        "share seen as that",
        "unchanged faces seen as that",
        "real faces of it seen as that",
    )
    return ResultTable(
        f"Share of made faces that {judge} calls what was asked for", head, rows, interval_note(told["made"])
    )


def _confusion(judge: str, made: Scores) -> ResultTable:
    counts = made["classification"]["confusion"]["counts"]
    rows = tuple((name, *map(str, line)) for name, line in zip(made["classes"], counts, strict=True) if sum(line))
    return ResultTable(f"Asked for (down) and seen by {judge} (across)", ("", *made["classes"]), rows)


def _features(network: str, scores: Scores) -> ResultTable:
    entries = [("all made faces", scores["all"])]
    entries += [(part["target"], part["distance"]) for part in scores["by_target"]]
    entries.append(("real training faces, for comparison", scores["floor"]))
    rows = tuple((words, *_distance(entry)) for words, entry in entries)
    known = [entry for _, entry in entries if entry]
    few = any(min(entry["real"], entry["made"]) < _FEW for entry in known)
    notes = [
        "Made faces against real held-out ones, an expression against real faces that show it. KID: mean and standard "
        "deviation over 100 subsets."
    ]
    if few:
        notes.append(
            f"With fewer than {_FEW:,} pictures FID is mostly its bias: compare it only where counts are equal, and "
            "read KID."
        )
    if not scores["published"]:
        notes.append("These are not the features of published distances; compare with your own alone.")
    head = ("", "real faces", "faces", "FID", "KID")
    return ResultTable(f"Distance to real faces in the features of {network}", head, rows, " ".join(notes))


def _distance(entry: Mapping[str, Any] | None) -> tuple[str, ...]:
    if entry is None:
        return (MISSING,) * 4
    kid = f"{entry['kid']:.4f} ± {entry['kid_sd']:.4f}"
    return f"{entry['real']:,}", f"{entry['made']:,}", f"{entry['fid']:.2f}", kid


def _identity(network: str, scores: Scores) -> ResultTable:
    rows = [("all made faces", _measure(scores["cosine"]))]
    rows += [(part["target"], _measure(part["cosine"])) for part in scores["by_target"]]
    rows += [
        ("two real faces of one person", number(scores["same_person"])),
        ("real faces of two people", number(scores["other_people"])),
    ]
    note = f"1 is the same face. The last two rows say what to measure it by. {interval_note(scores)}"
    return ResultTable(f"Identity: cosine to the face before, by {network}", ("", "cosine"), tuple(rows), note)


def _gan_train(found: Scores) -> Iterator[ResultTable]:
    for judge, scores in found["gan_train"].items():
        real = next((entry.get("real") for name, entry in found["judges"].items() if slug(name) == judge), None)
        rows = [("GAN-train: learned from made faces", scores["classification"])]
        if real and "classification" in real:
            rows.append(("the judge: learned from real faces", real["classification"]))
        cells = tuple(
            (words, f"{entry['faces']:,}", *(_measure(entry["measures"][name]) for name in _DECISIONS))
            for words, entry in rows
        )
        note = f"Both on real held-out faces. What the first lacks, made faces lack. {interval_note(dict(rows))}"
        head = ("", "real faces", *(MEASURES[name] for name in _DECISIONS))
        yield ResultTable(f"GAN-train by the recipe of {judge}", head, cells, note)
