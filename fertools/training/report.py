"""The report of a run: one HTML page with everything in it, readable without a network.

The page is made from what is in the run's folder: the record, the journal and the sample grids.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fertools.core import files
from fertools.core.progress import describe_duration
from fertools.core.vocabulary import EMOTIONS
from fertools.training.charts import line_chart
from fertools.training.engine.journal import Entry, read_journal
from fertools.training.folder import Record, RunFolder
from fertools.training.recipe import ORIGINS

_OLDER_GRIDS = 4
"""Sample grids shown beside the last one."""

_TERMS = {
    "D/loss_real": "Minus the critic's mean on real faces. The lower, the surer it is that they are real.",
    "D/loss_fake": "The critic's mean on made faces. The lower, the surer it is that they are made.",
    "D/loss_cls": "Cross-entropy of the discriminator's expression head on real faces; guessing gives 1.946.",
    "D/loss_va": "Squared error of the discriminator's valence and arousal on real faces.",
    "D/loss_gp": "Gradient penalty, before its weight.",
    "G/loss_fake": "Minus the critic's mean on made faces, seen from the generator.",
    "G/loss_rec": "Mean absolute difference between a face and its translation there and back, on the scale -1 to 1.",
    "G/loss_cls": "Cross-entropy of the discriminator's head on made faces for the expression asked for.",
    "G/loss_va": "Squared error of the discriminator's reading of made faces for the valence and arousal asked for.",
}


@dataclass(frozen=True)
class Published:
    """What a paper reports: parameter counts by network, and losses at its last iteration."""

    parameters: Mapping[str, int]
    losses: Mapping[str, float]
    iterations: int


_PAPERS = {
    "stargan": Published(
        parameters={"generator": 8_436_800, "discriminator": 44_735_424},
        losses={
            "D/loss_real": -69.1152,
            "D/loss_fake": 22.4376,
            "D/loss_cls": 0.0002,
            "D/loss_gp": 1.2612,
            "G/loss_fake": -25.4440,
            "G/loss_rec": 0.1537,
            "G/loss_cls": 1.2868,
        },
        iterations=20_000,
    )
}

_STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 68rem; padding: 2.5rem 1.5rem 4rem; background: #fff; color: #1d2433;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.3rem; margin: 3rem 0 .6rem; padding-top: 1rem; border-top: 1px solid #d9dee8; }
h3 { font-size: 1rem; margin: 0; }
p { max-width: 46rem; margin: .5rem 0 .9rem; }
.lead { font-size: 1.1rem; }
.quiet, figcaption, svg text { color: #5a6477; }
.warn { border-left: .3rem solid #b45309; background: #fff7e8; padding: .7rem 1rem; }
figure { margin: 1rem 0 1.6rem; }
figure img { max-width: 100%; height: auto; border: 1px solid #d9dee8; }
figcaption, small { font-size: .88rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(19rem, 1fr)); gap: 1.6rem; }
.charts p { font-size: .88rem; margin: .2rem 0 0; color: #5a6477; }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: 1rem; margin: 1.5rem 0; }
.facts div { border: 1px solid #d9dee8; border-radius: .4rem; padding: .7rem .9rem; }
.facts b { display: block; font-size: 1.25rem; }
svg { width: 100%; height: auto; display: block; }
svg text { font: 11px system-ui, "Liberation Sans", sans-serif; fill: #5a6477; }
.rule { stroke: #e6e9f0; } .line { fill: none; stroke: #1f5fa8; stroke-width: 1.8; stroke-linejoin: round; }
.band { fill: #1f5fa8; opacity: .15; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .92rem; }
th, td { text-align: left; padding: .35rem .9rem .35rem 0; border-bottom: 1px solid #e6e9f0; vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
code { font: .92em ui-monospace, "Liberation Mono", monospace; }
details summary { cursor: pointer; padding: .3rem 0; }
"""


def write_report(folder: RunFolder, record: Record) -> None:
    """Write the page about a run.

    Args:
        folder: of the run; its journal and sample grids are read.
        record: the content of `run.json`, with results.
    """
    files.write_text(folder.report_path, render_report(record, read_journal(folder.journal_path), _grids(folder)))


def render_report(record: Record, journal: Sequence[Entry], grids: Sequence[tuple[int, bytes]]) -> str:
    """Return the page as HTML.

    Args:
        record: the content of `run.json`.
        journal: the logged losses.
        grids: iteration and PNG of sample grids, oldest first; the last one is shown large.
    """
    title = f"{record['title']}, run {record['run']}"
    body = [
        f"<h1>{_text(title)}</h1>",
        *_summary(record),
        *_samples(record, grids),
        *_results(record),
        *_losses(record, journal),
        *_networks(record),
        *_data(record),
        *_choices(record),
        *_machine(record),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _summary(record: Record) -> Iterable[str]:
    data, last = record["data"], record["sessions"][-1]
    seconds = sum(session.get("seconds", 0) for session in record["sessions"])
    train, test = data["train"], data["test"]
    yield (
        f'<p class="lead">Trained with preset <code>{_text(record["preset"])}</code> on {train["faces"]:,} faces of '
        f"{train['subjects']:,} people; every picture and measure below is of {test['faces']:,} faces of "
        f"{test['subjects']:,} other people, whom the networks have never seen.</p>"
    )
    if data.get("drawn"):
        yield (
            '<p class="warn"><b>These people are drawn and do not exist.</b> The data is the sample dataset that '
            "fertools draws. It shows that the machinery works, and no number here says anything about people.</p>"
        )
    if "prior" in data["va_origins"] and record["recipe"]["condition"]["value"] != "class7":
        yield (
            '<p class="warn">Some valence and arousal values are priors, one point per expression, and no rating '
            "of the face itself.</p>"
        )
    facts = [
        ("iterations", f"{record['recipe']['iterations']['value']:,}"),
        ("faces per iteration", f"{record['recipe']['batch_size']['value']:,}"),
        ("face size", f"{record['recipe']['image_size']['value']} × {record['recipe']['image_size']['value']} px"),
        ("training time", describe_duration(seconds)),
        ("ran on", "CPU" if last["device"] == "cpu" else last["device_name"]),
    ]
    yield '<div class="facts">' + "".join(f"<div><b>{_text(b)}</b>{_text(a)}</div>" for a, b in facts) + "</div>"
    yield f'<p class="quiet">After: {_text(record["source"])}.</p>'


def _samples(record: Record, grids: Sequence[tuple[int, bytes]]) -> Iterable[str]:
    yield "<h2>What the generator makes of held-out faces</h2>"
    if not grids:
        yield "<p>No sample grid was drawn.</p>"
        return
    average = " They are made with the moving average of its weights." if record["recipe"]["ema"]["value"] else ""
    yield (
        "<p>Each row is one held-out face: first as it is, with what it shows written beside it, then "
        f"as the generator turns it to the expression named over the column.{average}</p>"
    )
    iteration, png = grids[-1]
    yield _figure(png, f"After {iteration:,} iterations, the end of the run.")
    older = _spread(list(grids[:-1]), _OLDER_GRIDS)
    if older:
        yield "<h3>The same faces earlier in the run</h3>"
        for iteration, png in older:
            yield _figure(png, f"After {iteration:,} iterations.")


def _results(record: Record) -> Iterable[str]:
    results = record["results"]
    yield "<h2>Measures on held-out faces</h2>"
    yield (
        f"<p>Over {results['faces']:,} held-out faces. Reconstruction: a face is translated to each target and back, "
        f"and differs from itself by <b>{results['reconstruction_l1']:.4f}</b> on average (mean absolute difference "
        "on the scale -1 to 1; 0 is perfect).</p>"
    )
    if own := results.get("own_head"):
        yield (
            "<p>Expressions as read <b>by the discriminator's own head, not by an independent classifier</b>. On real "
            f"faces it is right in {own['real']:.1%} (guessing: {1 / len(EMOTIONS):.1%}). On made faces "
            "it only says how far generator and discriminator agree; the two were trained together.</p>"
        )
        shares = [(words, f"{share:.1%}") for words, share in own["translated"].items()]
        yield _table(("asked for", "read as asked for"), shares, numbers=(1,))
    if va := results.get("own_head_va"):
        yield "<p>Valence and arousal of real held-out faces as read by the discriminator's own head.</p>"
        rows = [
            (name, *(f"{values[key]:.3f}" for key in ("ccc", "pcc", "rmse", "sagr"))) for name, values in va.items()
        ]
        yield _table(("", "CCC", "PCC", "RMSE", "SAGR"), rows, numbers=(1, 2, 3, 4))


def _losses(record: Record, journal: Sequence[Entry]) -> Iterable[str]:
    published = _PAPERS.get(record["system"])
    yield "<h2>Losses</h2>"
    yield (
        "<p>Under the paper's names. D is the discriminator, G the generator. Where a curve has many points they are "
        "averaged, and the pale band goes from the smallest to the largest.</p>"
    )
    charts = []
    for name in (name for name in _TERMS if any(name in entry for entry in journal)):
        points = [(entry["iteration"], entry[name]) for entry in journal if name in entry]
        note = f"Last: {points[-1][1]:.4g}."
        if published and name in published.losses:
            note += f" Paper, at {published.iterations:,}: {published.losses[name]:g}."
        xs, ys = zip(*points, strict=True)
        charts.append(
            f"<div><h3><code>{name}</code></h3>{line_chart(name, 'iteration', xs, ys)}"
            f"<p>{_text(_TERMS[name])} {note}</p></div>"
        )
    yield '<div class="charts">' + "".join(charts) + "</div>"
    if published:
        yield "<p class='quiet'>The paper's numbers give names and order of magnitude; they are no target.</p>"


def _networks(record: Record) -> Iterable[str]:
    published = _PAPERS.get(record["system"])
    yield "<h2>Networks</h2>"
    rows = []
    for name, count in record["parameters"].items():
        wanted = published.parameters.get(name) if published else None
        verdict = "" if wanted is None else "the same" if wanted == count else "differs: other sizes or options"
        rows.append((name, f"{count:,}", f"{wanted:,}" if wanted else "", verdict))
    yield _table(("network", "parameters", "in the paper", ""), rows, numbers=(1, 2))


def _data(record: Record) -> Iterable[str]:
    data = record["data"]
    yield "<h2>Data</h2>"
    sets, templates = ", ".join(data["datasets"]) or "without a name", ", ".join(data["templates"]) or "not known"
    yield (
        f"<p>Dataset: {_text(sets)}. Alignment of the crops: {_text(templates)}. Nobody is on both sides; this was "
        "checked before the first iteration.</p>"
    )
    sides = (("trained on", data["train"]), ("held out", data["test"]))
    rows = [
        (words, f"{side['faces']:,}", f"{side['subjects']:,}", *(f"{side['emotions'][name]:,}" for name in EMOTIONS))
        for words, side in sides
    ]
    yield _table(("", "faces", "people", *EMOTIONS), rows, numbers=range(1, 3 + len(EMOTIONS)))


def _choices(record: Record) -> Iterable[str]:
    yield "<h2>Choices not fixed by the paper</h2>"
    yield "<p>Whoever compares with the paper should know these. C, X and so on say where a value comes from:</p>"
    yield _table(("origin", "meaning"), ORIGINS.items())
    keys = [(name, _value(entry), entry["origin"], entry["note"]) for name, entry in record["recipe"].items()]
    order = [tag for tag in ORIGINS if tag not in ("P", "R")]
    chosen = sorted((key for key in keys if key[2] in order), key=lambda key: order.index(key[2]))
    yield _table(("key", "value", "origin", "note"), chosen, code=(0, 1))
    fixed = [key for key in keys if key[2] not in order]
    yield "<details><summary>Keys that the paper or its reference implementation fixes</summary>"
    yield _table(("key", "value", "origin", "note"), fixed, code=(0, 1)) + "</details>"


def _machine(record: Record) -> Iterable[str]:
    yield "<h2>Where and with what it ran</h2>"
    rows = [
        (
            session["began"],
            f"{session['from_iteration']:,}",
            f"{session.get('iterations', 0):,}",
            session["device_name"],
            session["precision"],
        )
        for session in record["sessions"]
    ]
    yield _table(("began (UTC)", "from iteration", "iterations", "device", "precision"), rows, numbers=(1, 2))
    last = record["sessions"][-1]
    used = ", ".join(f"{name} {version}" for name, version in last["versions"].items())
    code = f" Code at commit {last['code']}." if last["code"] else ""
    yield f"<p class='quiet'>{_text(used)}.{_text(code)} Manifest {_text(record['data']['fingerprint'])}.</p>"


def _table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Iterable[int] = (),
    code: Iterable[int] = (),
) -> str:
    numeric, coded = set(numbers), set(code)

    def cell(tag: str, index: int, text: str) -> str:
        content = f"<code>{_text(text)}</code>" if tag == "td" and index in coded else _text(text)
        return f"<{tag}{' class=n' if index in numeric else ''}>{content}</{tag}>"

    lines = [f"<tr>{''.join(cell('th', index, text) for index, text in enumerate(head))}</tr>"]
    lines += [f"<tr>{''.join(cell('td', index, text) for index, text in enumerate(row))}</tr>" for row in rows]
    return f'<div class="wide"><table>{"".join(lines)}</table></div>'


def _figure(png: bytes, caption: str) -> str:
    coded = base64.b64encode(png).decode("ascii")
    words = _text(caption)
    return (
        f'<figure><img alt="Sample grid. {words}" src="data:image/png;base64,{coded}">'
        f"<figcaption>{words}</figcaption></figure>"
    )


def _grids(folder: RunFolder) -> list[tuple[int, bytes]]:
    paths = sorted(path for path in folder.samples.glob("*.png") if path.stem.isdigit())
    shown = [*_spread(paths[:-1], _OLDER_GRIDS), *paths[-1:]]
    return [(int(path.stem), path.read_bytes()) for path in shown]


def _spread(items: Sequence[Any], count: int) -> list[Any]:
    """Return at most `count` items at even distances, the first among them."""
    if len(items) <= count:
        return list(items)
    return [items[round(index * (len(items) - 1) / (count - 1))] for index in range(count)]


def _value(entry: Record) -> str:
    value = entry["value"]
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def _text(words: str) -> str:
    return html.escape(str(words), quote=False)
