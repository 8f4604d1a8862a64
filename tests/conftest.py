"""What all tests share: clips made on the spot, and one real portrait that scikit-image carries."""

from __future__ import annotations

# Before torch is imported anywhere, and for the processes that tests start: threads that wait for one another on a busy
# machine make small networks ten times slower, and one thread sums in one order.
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import logging
import uuid
from collections.abc import Generator, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray

from tests.browser import browser

__all__ = ["browser"]

# In CI the examples are the same each time, so that a red run can be repeated; on a desk they go on searching.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("searching", deadline=None)
settings.load_profile("repeatable" if os.environ.get("CI") else "searching")


LONGEST = (
    "test_site.py",
    "test_house.py",
    "test_examples.py",
    "test_wheel.py",
    "cli/test_demo.py",
    "training/engine/test_interruption.py",
    "training/engine/test_process_group.py",
    "benchmarks/test_benchmarks.py",
    "training/systems/et_cyclegan/test_end_to_end.py",
    "ingestion/test_interruption.py",
)
"""Files that begin first, so that at the end no process waits for another one's long file."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the longest files begin first."""
    places = {Path(__file__).parent / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture(autouse=True)
def _quiet_log() -> None:
    """Keep tracebacks out of reports, whatever another library sets: one with a name that is no UTF-8 ends the run."""
    logging.getLogger("fertools").setLevel(logging.WARNING)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI, which installs every tool, fail each test that is skipped: what is never run proves nothing."""
    report = yield
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped: {report.longrepr}; .ci/run installs what the tests need"
    return report


def write_clip(
    path: Path,
    frames: Sequence[NDArray[np.uint8]],
    *,
    times_ms: Sequence[int] | None = None,
    codec: str = "libx264",
    rate: int = 25,
) -> Path:
    """Write RGB frames as a video, shown at `times_ms` (25 per second if None)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = frames[0].shape[:2]
    with av.open(str(path), "w") as container:
        stream = cast(av.VideoStream, container.add_stream(codec, rate=rate))
        stream.width, stream.height = width, height
        stream.pix_fmt = {"gif": "rgb8", "ffv1": "bgr0"}.get(codec, "yuv420p")
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for number, rgb in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
            frame.pts = times_ms[number] if times_ms is not None else number * 1000 // rate
            frame.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="session")
def portrait() -> NDArray[np.uint8]:
    """The astronaut: 512 x 512 RGB, one face, a picture of NASA's in the public domain."""
    from skimage import data

    return np.asarray(data.astronaut(), dtype=np.uint8)


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The address of an S3 server (moto's) that runs in this process, on a port of its own."""
    pytest.importorskip("s3fs", reason="s3fs is not installed: pip install --no-deps -r constraints-storage.txt")
    server = pytest.importorskip(
        "moto.server", reason="moto is not installed: pip install --no-deps -r constraints-storage.txt"
    )
    running = server.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        _keep_service_models(patch)
        yield f"http://{host}:{port}"
    running.stop()


def _keep_service_models(patch: pytest.MonkeyPatch) -> None:
    """Let botocore read the description of S3 once, and not for each store that is opened, which takes a second."""
    from botocore.loaders import JSONFileLoader

    read, known = JSONFileLoader.load_file, dict[str, object]()

    def load_file(loader: JSONFileLoader, path: str) -> object:
        if path not in known:
            known[path] = read(loader, path)
        return known[path]

    patch.setattr(JSONFileLoader, "load_file", load_file)


@pytest.fixture(params=["memory", "file", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An address with nothing below it: in memory, in a folder, and on an S3 server where its packages are."""
    name = uuid.uuid4().hex
    if request.param == "file":
        return f"file://{tmp_path}/store"
    if request.param == "memory":
        return f"memory://{name}"
    for variable in [key for key in os.environ if key.startswith(("AWS_", "FSSPEC_"))]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("AWS_ENDPOINT_URL", request.getfixturevalue("s3_endpoint"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    import s3fs

    s3fs.S3FileSystem(skip_instance_cache=True).mkdir(f"bucket-{name}")
    return f"s3://bucket-{name}/some/name"
