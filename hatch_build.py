"""Compiles the C++ into the wheel; see `fertools/core/native/build.py`."""

from __future__ import annotations

import importlib.util
import os
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Networks(BuildHookInterface[Any]):
    """Adds the compiled networks to a wheel, and makes it one for this kind of machine.

    Without a compiler it is a wheel for all machines, in which torch does their work.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile; `version` is `editable` when fertools is installed from where it lies."""
        place = Path(self.root, "fertools/core/native/build.py")
        spec = importlib.util.spec_from_file_location("networks_build", place)
        if spec is None or spec.loader is None:
            raise ImportError(f"{place} is not there")
        compiling = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(compiling)
        try:
            compiling.build()
        except compiling.BuildError as error:
            if os.environ.get("FERTOOLS_REQUIRE_NATIVE"):
                raise
            self.app.display_warning(f"faces will be found at a half to a fifth of the pace: {error}")
            return
        build_data["artifacts"].append("fertools/core/native/*.so")
        build_data["pure_python"] = False
        # No code of it asks which Python it is.
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
