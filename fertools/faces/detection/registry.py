"""Face detectors by name: those of fertools, and those that other packages register.

A package registers a detector in its `pyproject.toml`:

    [project.entry-points."fertools.detectors"]
    mydetector = "mypackage.detector:make"

The entry point names a callable that takes `DetectorOptions` and returns a `Detector`.
"""

from __future__ import annotations

from collections.abc import Callable

from fertools.core.arguments import argument
from fertools.core.errors import InputError
from fertools.core.plugins import find_plugins, load_built_in, load_plugin
from fertools.faces.detection.detector import Detector, DetectorOptions

GROUP = "fertools.detectors"
"""Entry-point group of detectors."""

BUILT_IN = {
    "mtcnn": "fertools.faces.detection.mtcnn.cascade:make_mtcnn",
    "yunet": "fertools.faces.detection.yunet:make_yunet",
}
"""Detectors of fertools itself. `pyproject.toml` registers the same; a checkout that is not installed uses these."""

DetectorFactory = Callable[[DetectorOptions], Detector]


def detector_names() -> tuple[str, ...]:
    """Return the names of all detectors, in alphabetical order."""
    return tuple(sorted(find_plugins(GROUP, BUILT_IN)))


def load_detector(name: str, options: DetectorOptions | None = None) -> Detector:
    """Return a detector.

    Args:
        name: name of a registered detector, such as `mtcnn` or `yunet`.
        options: options of the detector; None for its defaults.

    Raises:
        InputError: there is no such detector, it cannot be loaded, or an option is out of its range.

    Example:
        >>> load_detector("mtcnn").identity.name
        'mtcnn'
    """
    return _factory(name)(options or DetectorOptions())


def _factory(name: str) -> DetectorFactory:
    # Every process of an ingest comes by here.
    if name in BUILT_IN:
        built_in: DetectorFactory = load_built_in(BUILT_IN[name])
        return built_in
    found = find_plugins(GROUP, BUILT_IN)
    if name not in found:
        raise InputError(f"{argument('detector')} '{name}' is unknown; choose one of {', '.join(sorted(found))}")
    other: DetectorFactory = load_plugin(found[name])
    return other
