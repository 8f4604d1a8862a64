"""Train a translator on drawn people and measure its pictures against the true ones, expression by expression.

    .venv/bin/python tests/benchmarks/bench_translation.py FOLDER [--people 20] [--frames 4] [--preset cpu] [--run NAME]
        [--set key=value ...] [--threads 2]

FOLDER becomes a workspace as `fertools demo` makes one; what is there already is not made again, so that several runs
can be compared on the same people. A drawn person can be drawn with any expression, so the true image of what was
asked for exists. Printed are, for all and for each expression asked for: the L1 distance of the translation to the true
picture, that of the unchanged input (both on the scale from -1 to 1, without faces that show it already), and how often
a classifier that was trained on other drawn people sees what was asked for, in the translations, in the inputs and in
the true images. The time of the training is the clock's, and the processor's divided by the threads, which other work
on the machine changes less.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import time
from pathlib import Path
from typing import Any

from fertools.cli.main import cli
from fertools.core.device import choose_device
from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace
from fertools.training.evaluation.evaluation_options import EvaluationOptions
from fertools.training.evaluation.translation_metrics import compute_translation_metrics
from fertools.training.jobs.drawn_judge import DRAWN_JUDGE
from fertools.training.jobs.evaluate_translator import assess
from fertools.training.jobs.train import train


def prepare(folder: Path, people: int, frames: int) -> None:
    """Draw people, find their faces and split them, as far as that is not done."""
    folder.mkdir(parents=True, exist_ok=True)
    steps = (
        ["sample", "drawn", "--people", str(people), "--frames", str(frames), "--stills", "0", "--least-shown", "1"],
        ["ingest", "drawn/videos", "--template", "tight"],
        ["split", "--folds", str(min(10, people))],
    )
    with contextlib.chdir(folder):
        for step in steps:
            cli.main(step, prog_name="fertools", standalone_mode=False)


def rows(found: dict[str, Any]) -> list[tuple[str, float, float, float, float, float]]:
    """Return name, L1, L1 of the input, and the shares that the classifier recognises, for all and each expression.

    Args:
        found: what `compute_translation_metrics` gives.
    """
    judged = found["judges"][DRAWN_JUDGE]
    told = [judged[whose]["classification"] for whose in ("generated", "unchanged", "truth")]
    shares = [{row["class"]: row["recall"] for row in entry["per_class"]} for entry in told]
    distances = {part["target"]: part["measures"] for part in found["truth"]["by_target"]}
    lines = []
    for name in ("all", *EMOTIONS):
        distance = found["truth"]["measures"] if name == "all" else distances[name]
        seen = [
            entry["measures"]["accuracy"]["pooled"] if name == "all" else share[name]
            for entry, share in zip(told, shares, strict=True)
        ]
        l1, unchanged = (distance[key]["pooled"] for key in ("l1", "unchanged_l1"))
        lines.append((name, l1, unchanged, seen[0], seen[1], seen[2]))
    return lines


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--frames", type=int, default=4)
    parser.add_argument("--preset", default="cpu")
    parser.add_argument("--run", default=None, help="its name; that of the preset if left out")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0 leaves the number that it chose")
    arguments = parser.parse_args()
    device = choose_device(arguments.device)
    import torch

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    prepare(arguments.folder, arguments.people, arguments.frames)
    workspace, began_s, cpu_s = Workspace(arguments.folder), time.perf_counter(), time.process_time()
    result = train(
        workspace,
        "stargan",
        preset=arguments.preset,
        overrides=arguments.settings,
        run=arguments.run,
        device=device,
    )
    took_s, spent_s = time.perf_counter() - began_s, time.process_time() - cpu_s
    name = f"stargan/{result.run}"
    assess(workspace, name, EvaluationOptions(drawn=True, device=device))
    print(f"{name}: {result.new_iterations} iterations, {took_s:.0f} s by the clock, ", end="")
    print(f"{spent_s / torch.get_num_threads():.0f} s of each of {torch.get_num_threads()} threads")
    judge = next((result.path / "drawn-judge").glob("*/run.json"))
    trained = json.loads(judge.read_text(encoding="utf-8"))["results"]
    print(
        f"the classifier on {trained['faces']} faces of drawn people whom it does not know: {trained['accuracy']:.3f}"
    )
    print("            L1 to truth  L1 of input  recognised  input  truth")
    for words, *numbers in rows(compute_translation_metrics(result.path)):
        print("{:<10} {:>12.4f} {:>12.4f} {:>11.3f} {:>6.3f} {:>6.3f}".format(words, *numbers))


if __name__ == "__main__":
    main()
