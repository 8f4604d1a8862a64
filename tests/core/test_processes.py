"""Start of worker processes. Each test has a process of its own, because a process has one fork server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are new processes there")


def _run(folder: Path, program: str) -> Any:
    script = folder / "program.py"
    script.write_text(textwrap.dedent(program), encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(folder)}
    command = [sys.executable, str(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_workers_begin_with_the_imports_of_the_server(tmp_path: Path) -> None:
    found = _run(
        tmp_path,
        """
        import json, os, sys
        from concurrent.futures import ProcessPoolExecutor
        from fertools.core.processes import worker_context

        def look(_):
            return os.getpid(), os.getppid(), "colorsys" in sys.modules

        if __name__ == "__main__":
            context = worker_context(["colorsys", "a_module_that_nobody_has"])
            with ProcessPoolExecutor(2, context) as pool:
                print(json.dumps([os.getpid(), "colorsys" in sys.modules, list(pool.map(look, range(4)))]))
        """,
    )
    first, imported, workers = found
    assert not imported
    assert all(has for _, _, has in workers)
    assert len({parent for _, parent, _ in workers}) == 1
    assert first not in {pid for pid, _, _ in workers} | {parent for _, parent, _ in workers}


def test_an_interruption_during_the_imports_is_left_to_the_first_process(tmp_path: Path) -> None:
    (tmp_path / "slow_module.py").write_text(
        "import os, pathlib, time\n"
        "here = pathlib.Path(__file__).parent\n"
        "(here / 'pid.part').write_text(str(os.getpid()))\n"
        "(here / 'pid.part').rename(here / 'pid')\n"
        "while not (here / 'sent').exists():\n"
        "    time.sleep(0.01)\n"
        "time.sleep(0.2)\n"
        "(here / 'imported').touch()\n",
        encoding="utf-8",
    )
    blocked = _run(
        tmp_path,
        """
        import json, os, pathlib, signal, time
        from fertools.core.processes import prepare_workers

        if __name__ == "__main__":
            here = pathlib.Path(__file__).parent
            prepare_workers(["slow_module"])
            while not (here / "pid").exists():
                time.sleep(0.01)
            os.kill(int((here / "pid").read_text()), signal.SIGINT)
            (here / "sent").touch()
            until = time.monotonic() + 60
            while not (here / "imported").exists() and time.monotonic() < until:
                time.sleep(0.01)
            print(json.dumps([int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, set())]))
        """,
    )
    assert (tmp_path / "imported").exists()
    assert blocked == []
