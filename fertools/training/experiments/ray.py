"""Tasks of an experiment on a Ray cluster. Its machines must see the workspace under one path.

Each task starts when the tasks that it needs are done. Its results are files in the workspace, so only its error is
sent back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ray
from ray.exceptions import RayError

from fertools.core.cluster import RETRIES, connected, own_errors
from fertools.core.errors import FertoolsError, InputError, first_line
from fertools.core.locking import waiting
from fertools.core.progress import Reporter, Silent
from fertools.training.experiments.graph import Task, needed_by

Work = Callable[..., FertoolsError | None]


def work(
    tasks: Sequence[Task], carry_out: Work, device: str, address: str | None, report: Reporter
) -> Iterator[tuple[Task, FertoolsError | None]]:
    """Yield each task as it ends, with its error.

    Args:
        tasks: the tasks, each after the tasks that it needs.
        carry_out: carries out one task, given the task and `report`; it is sent to the cluster.
        device: a task requests a GPU unless this is `cpu` or the cluster has none.
        address: address of the cluster; None for one on this machine.
        report: reporter of the end of each task.

    Raises:
        InputError: there is no cluster at the address.
    """
    with connected(address):
        gpus = 1 if device != "cpu" and ray.cluster_resources().get("GPU", 0) >= 1 else 0
        remote = ray.remote(_run_to_end).options(num_cpus=1, num_gpus=gpus, max_retries=RETRIES)
        waiting = list(tasks)
        lost: set[str] = set()
        done: set[str] = set()
        under_way: dict[Any, Task] = {}
        here = {task.run for task in tasks}
        while waiting or under_way:
            for task in list(waiting):
                needed = [other for other in needed_by(task, tasks) if other.run in here]
                if cause := next((other for other in needed if other.run in lost), None):
                    waiting.remove(task)
                    lost.add(task.run)
                    yield task, InputError(f"it needs {cause.words}, which failed")
                elif all(other.run in done for other in needed):
                    waiting.remove(task)
                    under_way[remote.remote(carry_out, task)] = task
            if not under_way:
                continue
            ended = _wait(list(under_way))
            task = under_way.pop(ended[0])
            error = _result(ended[0])
            (lost if error else done).add(task.run)
            report.note(
                f"{len(done) + len(lost)} of {len(tasks)} runs: {task.words} {'failed' if error else 'is done'}"
            )
            yield task, error


def _run_to_end(carry_out: Work, task: Task) -> FertoolsError | None:
    # Another process may share the experiment and work at the same run.
    with waiting():
        return carry_out(task, report=Silent())


def _wait(answers: list[Any]) -> list[Any]:
    """Wait until a task has ended, and return its answer."""
    with own_errors():
        ended: list[Any] = ray.wait(answers, num_returns=1)[0]
    return ended


def _result(answer: Any) -> FertoolsError | None:
    try:
        with own_errors():
            error: FertoolsError | None = ray.get(answer)
    except RayError as failed:
        return InputError(f"its worker died ({first_line(failed)}); see its Ray logs for the reason")
    return error
