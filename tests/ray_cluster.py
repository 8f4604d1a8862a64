"""A Ray cluster of this machine for slow tests: `pip install ray`, then `pytest -m slow`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

MARKS = [
    pytest.mark.slow,
    # Ray leaves pipes and sockets of its servers to the end of the process.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:.*Ray.*:FutureWarning"),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """A cluster of two processors whose workers find the tests' own modules."""
    ray = pytest.importorskip("ray", reason="ray is not installed: pip install ray")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()
