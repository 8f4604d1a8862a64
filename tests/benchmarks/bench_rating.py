"""The rating page under load: many raters writing at once over real HTTP, on a manifest of any size.

    python tests/benchmarks/bench_rating.py --faces 250000 --raters 20 --seconds 20

Each rater is a connection of its own that does what the page does: an act, the next item, the pictures of none. The
server is the command `fertools annotate`, in a process of its own on this machine. Times are those that a client waits.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa

from fertools.annotations.app.site import LOG_HEADER
from fertools.core.vocabulary import EMOTIONS
from fertools.core.workspace import Workspace
from fertools.manifests import store
from fertools.manifests.schema import FACES, SOURCES

HEADERS = "x-fertools: page\r\ncontent-type: application/json"


def make_workspace(root: Path, faces: int) -> Workspace:
    """Write a manifest of `faces` faces without their pictures, 500 to a video."""
    workspace = Workspace(root)
    numbers = np.arange(faces)
    rng = np.random.default_rng(0)
    names = [f"{high:016x}{low:016x}" for high, low in rng.integers(0, 2**63, (faces, 2)).tolist()]
    sources = [f"{number:032x}" for number in range(faces // 500 + 1)]
    columns: dict[str, Any] = {
        "face_id": names,
        "source_id": [sources[number // 500] for number in range(faces)],
        "modality": ["visible"] * faces,
        "frame_index": (numbers % 500).astype(np.int32),
        "pts_s": numbers % 500 / 25,
        "track_id": np.zeros(faces, np.int32),
        "interpolated": np.zeros(faces, bool),
        "path": [f"faces/{name[:2]}/{name}.jpg" for name in names],
        "status": ["kept"] * faces,
        "emotion": [EMOTIONS[number % 7] for number in range(faces)],
    }
    table = pa.table(
        {
            field.name: pa.array(columns[field.name], field.type)
            if field.name in columns
            else pa.nulls(faces, field.type)
            for field in FACES.arrow
        }
    )
    store.write_table(workspace.manifest, FACES, table)
    rows = [
        {
            "source_id": name,
            "path": f"videos/{name}.mp4",
            "kind": "video",
            "modality": "visible",
            "status": "done",
            "frames_decoded": 500,
            "duration_s": 19.96,
        }
        for name in sources
    ]
    store.write_table(workspace.sources, SOURCES, SOURCES.table(rows))
    return workspace


class Rater:
    """One connection that answers faces as fast as `pause_s` allows.

    Attributes:
        waits_s: how long each kind of request took.
    """

    def __init__(self, name: str, host: str, port: int, pause_s: float) -> None:
        self.name, self.host, self.port, self.pause_s = name, host, port, pause_s
        self.waits_s: dict[str, list[float]] = {"write": [], "next": [], "page": []}
        self._number, self._log = 0, ""

    async def ask(self, method: str, path: str, content: Any = None) -> Any:
        """Return the JSON answer of one request."""
        body = b"" if content is None else json.dumps(content).encode()
        place = f"{method} {path} HTTP/1.1\r\nhost: {self.host}:{self.port}\r\n{LOG_HEADER}: {self._log}"
        self._writer.write(f"{place}\r\n{HEADERS}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        length = next(int(line.split(":")[1]) for line in lines if line.startswith("content-length"))
        answer = json.loads(await self._reader.readexactly(length))
        if " 200 " not in f"{lines[0]} ":
            raise RuntimeError(answer)
        return answer

    async def run(self, until_s: float) -> None:
        """Rate until a time of the monotonic clock."""
        self._reader, self._writer = await asyncio.open_connection(self.host, self.port)
        self._log = (await self.ask("GET", "/api/settings"))["log"]
        await self.ask("POST", "/api/join", {"rater": self.name})
        start = time.perf_counter()
        await self.ask("GET", f"/api/queue?rater={self.name}&start=0&count=24")
        self.waits_s["page"].append(time.perf_counter() - start)
        item = (await self.ask("GET", f"/api/next?rater={self.name}"))["item"]
        while time.monotonic() < until_s and item:
            events = [self._event("rate", item, valence=0.5, arousal=0.25), self._event("shown", item, suggestion=None)]
            start = time.perf_counter()
            saved = (await self.ask("POST", "/api/events", {"rater": self.name, "events": events}))["saved"]
            self.waits_s["write"].append(time.perf_counter() - start)
            if len(saved) != 2:
                raise RuntimeError("an event was not saved")
            start = time.perf_counter()
            item = (await self.ask("GET", f"/api/next?rater={self.name}&after={item['place']}"))["item"]
            self.waits_s["next"].append(time.perf_counter() - start)
            await asyncio.sleep(self.pause_s)
        self._writer.close()

    def _event(self, kind: str, item: dict[str, Any], **body: Any) -> dict[str, Any]:
        self._number += 1
        name = f"{self.name}-{self._number:08d}"
        now_ms = int(time.time() * 1000)
        return {
            "id": name,
            "kind": kind,
            "tab": "t",
            "at_ms": now_ms,
            "faces": [item["face"]],
            "part": item["part"],
            **body,
        }


def start_server(root: Path) -> tuple[subprocess.Popen[str], str, int, float]:
    """Return the serving process, its host and port, and how long it took to be ready."""
    program = "import sys; from fertools.cli.main import main; sys.argv[0] = 'fertools'; main()"
    command = [sys.executable, "-c", program, "annotate", "--va", "--port", "0", "--no-browser"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    start = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    parts = urlsplit(line.removeprefix("Rate at ").strip())
    return process, parts.hostname or "", parts.port or 0, time.perf_counter() - start


async def load(host: str, port: int, raters: int, seconds: float, pause_s: float) -> dict[str, list[float]]:
    """Let raters write at once; return all waits by kind of request."""
    everyone = [Rater(f"r{number:02d}", host, port, pause_s) for number in range(raters)]
    until_s = time.monotonic() + seconds
    await asyncio.gather(*(rater.run(until_s) for rater in everyone))
    return {kind: [wait for rater in everyone for wait in rater.waits_s[kind]] for kind in ("page", "write", "next")}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--faces", type=int, default=250_000)
    parser.add_argument("--raters", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--pause-ms", type=float, default=50, help="what a rater waits between two faces")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        make_workspace(Path(folder), options.faces)
        process, host, port, ready_s = start_server(Path(folder))
        try:
            waits = asyncio.run(load(host, port, options.raters, options.seconds, options.pause_ms / 1000))
        finally:
            process.terminate()
            process.communicate()
    print(
        f"{options.faces} faces, {options.raters} raters, {options.seconds:g} s, {options.pause_ms:g} ms between faces"
    )
    print(f"server ready after {ready_s:.2f} s")
    print(f"{'request':<8} {'number':>8} {'median ms':>10} {'99 % ms':>10} {'worst ms':>10}")
    for kind, values in waits.items():
        ms = 1000 * np.array(values)
        print(f"{kind:<8} {len(ms):>8} {np.median(ms):>10.1f} {np.percentile(ms, 99):>10.1f} {ms.max():>10.1f}")


if __name__ == "__main__":
    main()
