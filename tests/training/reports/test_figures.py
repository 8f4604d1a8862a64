"""Figures of results: well formed, with texts for screen readers, and drawn at the right positions."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest

from fertools.training.evaluation.prediction_metrics import compute_metrics
from fertools.training.reports.figures import (
    confusion_table,
    interval_chart,
    reliability_chart,
    roc_comparison,
    roc_panels,
    valence_arousal_plot,
)
from tests.training.guesses import invent


def drawings(markup: str) -> list[ElementTree.Element]:
    """Parse every picture; a mistake in the markup fails here."""
    return [ElementTree.fromstring(text) for text in re.findall(r"<svg.*?</svg>", markup, flags=re.DOTALL)]


def test_every_curve_has_a_panel_of_its_own_with_the_others_behind() -> None:
    curves = compute_metrics(invent())["classification"]["roc"]
    found = drawings(roc_panels(curves))
    assert len(found) == len(curves) == 9
    for picture, (name, curve) in zip(found, curves.items(), strict=True):
        assert picture.attrib["role"] == "img"
        assert name in picture.attrib["aria-label"]
        assert f"{curve['auc']:.3f}" in picture.attrib["aria-label"]
        lines = picture.findall("polyline")
        assert [line.attrib["class"] for line in lines].count("line") == 1
        assert len(lines) == 9


def test_curves_of_several_methods_lie_in_one_panel_per_class_and_are_told_apart() -> None:
    methods = {f"Method <{seed}>": compute_metrics(invent(seed=seed))["classification"]["roc"] for seed in range(3)}
    page = roc_comparison(methods)
    panels = re.findall(r'<svg viewBox="0 0 \d+ \d+" role="img" aria-label="ROC curves of .*?</svg>', page)
    assert len(panels) == 9
    for panel in panels:
        dashes = re.findall(r'<polyline class="line" style="stroke-dasharray: ([^"]*)"', panel)
        assert len(dashes) == len(set(dashes)) == 3
    assert f"Method &lt;2&gt;: {methods['Method <2>']['macro']['auc']:.3f}" in page


def test_calibration_is_drawn_at_its_numbers() -> None:
    bins: list[dict[str, Any]] = [
        {"low": 0.0, "high": 0.5, "faces": 0, "confidence": None, "accuracy": None},
        {"low": 0.5, "high": 1.0, "faces": 4, "confidence": 0.75, "accuracy": 0.25},
    ]
    (picture,) = drawings(reliability_chart(bins))
    (dot,) = picture.findall("circle")
    diagonal = next(line for line in picture.findall("line") if line.attrib["class"] == "chance")
    left, right = float(diagonal.attrib["x1"]), float(diagonal.attrib["x2"])
    bottom, top = float(diagonal.attrib["y1"]), float(diagonal.attrib["y2"])
    assert float(dot.attrib["cx"]) == pytest.approx(left + 0.75 * (right - left), abs=0.1)
    assert float(dot.attrib["cy"]) == pytest.approx(bottom + 0.25 * (top - bottom), abs=0.1)
    assert len(picture.findall("rect")) == 1


def test_a_confusion_matrix_has_counts_and_shares_and_survives_an_empty_row() -> None:
    markup = confusion_table(("a<b", "c"), [[3, 1], [0, 0]], [[0.75, 0.25], None])
    assert "a&lt;b" in markup
    assert "75%<small>3</small>" in markup
    assert "<th>c</th><td colspan=2>no face</td>" in markup
    assert "0%<small>0</small>" not in markup


def test_in_the_plane_each_face_is_a_ring_and_a_dot_and_too_many_are_thinned() -> None:
    (picture,) = drawings(valence_arousal_plot([(-1.0, 1.0), (0.0, 0.0)], [(1.0, 1.0), (2.0, 0.0)]))
    kinds = [circle.attrib["class"] for circle in picture.findall("circle")]
    assert kinds.count("ring") == kinds.count("dot") == 2
    dots = [float(circle.attrib["cx"]) for circle in picture.findall("circle") if circle.attrib["class"] == "dot"]
    # An estimate outside of the plane is on its edge.
    assert dots[0] == dots[1]
    (picture,) = drawings(valence_arousal_plot([(0.0, 0.0)] * 5000, [(0.0, 0.0)] * 5000))
    assert 300 <= len(picture.findall("line")) - 12 <= 400


def test_ours_are_dots_and_the_papers_diamonds() -> None:
    rows = [
        {"name": "ours", "values": [0.3, 0.5], "mean": 0.4, "low": 0.2, "high": 0.6, "paper": False},
        {"name": "theirs", "values": [], "mean": 0.7, "low": None, "high": None, "paper": True},
    ]
    (picture,) = drawings(interval_chart(rows, "accuracy", chance=0.1))
    assert [circle.attrib["class"] for circle in picture.findall("circle")] == ["dot pale", "dot pale", "dot"]
    assert len(picture.findall("path")) == 1
    assert sum(line.attrib["class"].startswith("reach") for line in picture.findall("line")) == 1
    assert {"ours", "theirs", "0.400", "0.700", "accuracy"} <= {text.text for text in picture.findall("text")}


def test_a_long_name_of_a_method_has_two_lines_in_its_column() -> None:
    name = "Control: each real face twice, strong augmentation"
    row = {"name": name, "values": [], "mean": 0.5, "low": None, "high": None, "paper": False}
    (picture,) = drawings(interval_chart([row], "accuracy"))
    lines = [text for text in picture.findall("text") if text.attrib.get("text-anchor") == "end"]
    assert " ".join(line.text or "" for line in lines) == name
    # Letters of 12 pixels are about 6.2 pixels wide.
    assert all(6.2 * len(line.text or "") < float(line.attrib["x"]) for line in lines)
    assert lines[0].attrib["y"] != lines[1].attrib["y"]


def test_one_row_of_one_number_can_be_drawn() -> None:
    row = {"name": "x", "values": [], "mean": 0.5, "low": None, "high": None, "paper": False}
    assert len(drawings(interval_chart([row], "accuracy"))) == 1
