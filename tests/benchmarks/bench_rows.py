"""Measure commands on manifests of many rows: time, processor time and peak memory of the whole process.

    .venv/bin/python tests/benchmarks/bench_rows.py --rows 1000000 10000000 [--command split] [--folder FOLDER]

The manifests are generated (`many_rows.py`) and stay in FOLDER. A command runs on links to their files, so that it may
replace them. Give it two cores with `taskset -c 0,1`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# Run as a script, only this folder is on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.many_rows import write_many_rows

FERTOOLS = ("-m", "fertools")
_FILTERED = (
    "import sys, fertools; "
    "found = fertools.Workspace(sys.argv[2]).faces(emotion='anger', status='kept', dataset='laboratory'); "
    "print(len(found))"
)
COMMANDS: dict[str, tuple[str, ...]] = {
    "split": (*FERTOOLS, "split", "--folds", "10"),
    "split again": (*FERTOOLS, "split", "--folds", "10"),
    "stats": (*FERTOOLS, "stats"),
    "filtered read": ("-c", _FILTERED),
    "audit, no pixels": (*FERTOOLS, "audit", "--no-pixels"),
    "validate": (*FERTOOLS, "validate"),
}
"""What is measured, in this order, in one workspace: the arguments of Python by a name."""
FINDINGS = 4
"""Exit code of a check that found something: generated manifests have no crops."""


@dataclass(frozen=True)
class Measured:
    """What a process took.

    Attributes:
        wall_s: time from start to end.
        cpu_s: processor time of all its threads.
        peak_mb: largest resident memory.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float


def measure(arguments: Sequence[str], workspace: Path) -> Measured:
    """Run Python with arguments and the option of a workspace, and return what it took."""
    start = time.perf_counter()
    command = [sys.executable, *arguments, "--workspace", str(workspace)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    # wait4 has the use of this process alone; its text is short enough for the pipe.
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    text = process.stderr.read().decode() if process.stderr else ""
    if process.returncode not in (0, FINDINGS):
        raise SystemExit(f"{' '.join(arguments)} ended with exit code {process.returncode}: {text}")
    return Measured(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def linked(made: Path, folder: Path) -> Path:
    """Return a workspace with links to the tables of another one."""
    shutil.copytree(made / "manifests", folder / "manifests", copy_function=os.link)
    return folder


def main() -> None:
    """Print a table of what each command takes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--command", nargs="+", default=list(COMMANDS), choices=list(COMMANDS))
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "many-rows")
    given = parser.parse_args()
    print(f"{'command':16} {'rows':>11} {'wall s':>8} {'CPU s':>8} {'peak MB':>8}")
    for rows in given.rows:
        made = given.folder / str(rows)
        if not (made / "manifests" / "sources.parquet").is_file():
            write_many_rows(made, rows)
        with tempfile.TemporaryDirectory(dir=given.folder) as scratch:
            workspace = linked(made, Path(scratch))
            for name in given.command:
                took = measure(COMMANDS[name], workspace)
                print(f"{name:16} {rows:11,} {took.wall_s:8.1f} {took.cpu_s:8.1f} {took.peak_mb:8.0f}", flush=True)


if __name__ == "__main__":
    main()
