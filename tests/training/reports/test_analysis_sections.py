"""Points, histograms and numbers of a system in a report."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from fertools.core.errors import InputError
from fertools.training.reports.analysis_sections import (
    analysis_section,
    compared_analyses,
    further_section,
    histogram,
    scatter,
)
from fertools.training.runs.folder import RunFolder


def test_a_run_without_an_analysis_has_no_section(tmp_path: Path) -> None:
    assert list(analysis_section(RunFolder(tmp_path))) == []


def test_every_point_and_every_number_is_shown(tmp_path: Path) -> None:
    content = {
        "faces": {"visible": 2, "thermal": 1},
        "numbers": {"A-distance": 1.25},
        "words": {"A-distance": "How far.", "features": "Points.", "predictions": "Bars."},
        "points": {"features": {"visible": [[0, 0], [3, 4]], "thermal": [[1, 2]]}},
        "values": {"predictions": {"visible": [0.1, 1.0], "thermal": [0.5]}},
    }
    (tmp_path / "analysis.json").write_text(json.dumps(content), encoding="utf-8")
    page = "".join(analysis_section(RunFolder(tmp_path)))
    for words in ("2 visible faces and 1 thermal faces", "1.250", "How far.", "Points.", "Bars."):
        assert words in page, words
    assert page.count("<circle") == 3 + 2 + 2, "points, and a legend for each figure"


def test_methods_are_shown_beside_each_other() -> None:
    assert list(compared_analyses({"numbers": {}, "words": {}, "figures": {}})) == []
    points = {"features": {"visible": [[0, 0], [3, 4]], "thermal": [[1, 2]]}}
    found = {
        "numbers": {"Alone": {"A-distance": 1.25}, "Guided": {"A-distance": 0.5}, "Noise": {"PSNR": 9.0}},
        "words": {"A-distance": "How far.", "features": "Points."},
        "figures": {title: {"points": points, "values": {}} for title in ("Alone", "Guided")},
    }
    page = "".join(compared_analyses(found))
    for words in ("1.250", "0.500", "9.000", "A-distance: How far.", "Alone: features", "Guided: features"):
        assert words in page, words
    assert "Noise: features" not in page
    assert page.index("Alone: features") < page.index("Guided: features")


def test_the_metrics_of_other_networks_are_a_table() -> None:
    assert list(further_section({"faces": 3})) == []
    page = "".join(further_section({"further": {"thermal": {"faces": 7, "accuracy": 0.5, "uar": 0.25}}}))
    for words in ("thermal", ">7<", "50.0%", "25.0%"):
        assert words in page, words


def test_points_lie_within_the_figure_however_they_are_spread() -> None:
    for points in ([[5.0, 5.0]], [[-1e6, 0.0], [1e6, 1e-6]]):
        places = re.findall(r'cx="([-0-9.]+)" cy="([-0-9.]+)"', scatter({"<a>": points}))
        assert all(0 <= float(x) <= 340 and 0 <= float(y) <= 240 for x, y in places)
    assert "<a>" not in scatter({"<a>": [[0.0, 0.0]]})


def test_bars_are_shares_of_their_group() -> None:
    shares = re.findall(r"<title>([0-9.]+)%</title>", histogram({"a": [0.0, 0.04, 1.0], "b": [0.5]}))
    assert len(shares) == 40
    assert [value for value in shares if value != "0.0"] == ["66.7", "33.3", "100.0"]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "analysis.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"analysis\.json is no analysis of a run"):
        list(analysis_section(RunFolder(tmp_path)))
