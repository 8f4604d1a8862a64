"""Line charts: round ticks, every point inside, and texts for screen readers."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fertools.training.reports.charts import line_chart, overlaid_chart, ticks

numbers = st.floats(-1e6, 1e6).filter(lambda value: value == 0 or abs(value) > 1e-6)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 600, [0, 200, 400, 600]),
        (-1, 1, [-1, -0.5, 0, 0.5, 1]),
        (0.13, 0.27, [0.1, 0.15, 0.2, 0.25, 0.3]),
        (5, 5, [2, 4, 6, 8]),
    ],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)


def test_runs_over_one_another_share_their_axes_and_have_a_mean() -> None:
    curves = {"a": [(1.0, 0.0), (3.0, 1.0)], "b": [(1.0, 1.0), (3.0, 1.0)]}
    drawn = ET.fromstring(overlaid_chart("loss", "iteration", curves))
    lines = [(line.get("class"), line[0].text, line.get("points")) for line in drawn.iter("polyline")]
    assert [line[:2] for line in lines] == [("run", "a"), ("run", "b"), ("line", "mean")]
    places = [[float(pair.split(",")[1]) for pair in str(points).split()] for _, _, points in lines]
    assert places[2] == pytest.approx(np.mean(places[:2], axis=0), abs=0.1)
    uneven = overlaid_chart("loss", "iteration", curves | {"c": [(1.0, 0.5), (2.0, 0.5), (3.0, 0.5)]})
    assert uneven.count("<polyline") == 3, "no mean of what has other places"


def test_a_mark_stands_at_its_place() -> None:
    drawn = ET.fromstring(line_chart("x", "iteration", [1, 2, 3, 4], [0, 1, 0, 1], mark=2))
    (mark,) = [line for line in drawn.iter("line") if line.get("class") == "chance"]
    across = str(next(drawn.iter("polyline")).get("points")).split()[1].split(",")[0]
    assert mark.get("x1") == mark.get("x2") == across


@given(one=numbers, other=numbers)
def test_ticks_cover_the_span_evenly_and_are_few(one: float, other: float) -> None:
    low, high = min(one, other), max(one, other)
    found = ticks(low, high)
    slack = 1e-6 * max(1.0, abs(low), abs(high))
    assert found[0] <= low + slack
    assert found[-1] >= high - slack
    assert 2 <= len(found) <= 7
    assert np.allclose(np.diff(found), found[1] - found[0], rtol=1e-6, atol=slack)


def points_of(element: ET.Element) -> list[tuple[float, float]]:
    pairs = [pair.split(",") for pair in element.attrib["points"].split()]
    return [(float(x), float(y)) for x, y in pairs]


@given(ys=st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=400))
def test_every_line_stays_inside_and_has_words(ys: list[float]) -> None:
    chart = ET.fromstring(line_chart('a "loss" & more', "iteration", range(1, len(ys) + 1), ys))
    assert chart.attrib["aria-label"] == 'a "loss" & more'
    assert "iteration" in [text.text for text in chart.iter("text")]
    width, height = (float(part) for part in chart.attrib["viewBox"].split()[2:])
    line = points_of(next(element for element in chart if element.tag == "polyline"))
    assert len(line) == min(len(ys), 150)
    assert all(0 <= x <= width and 0 <= y <= height for x, y in line)
    assert [x for x, _ in line] == sorted(x for x, _ in line)


def test_higher_values_are_drawn_higher_and_on_scale() -> None:
    chart = ET.fromstring(line_chart("t", "x", [0, 1, 2], [0, 1, 2]))
    (_, bottom), (_, middle), (_, top) = points_of(next(e for e in chart if e.tag == "polyline"))
    assert top < middle < bottom
    assert middle == pytest.approx((top + bottom) / 2, abs=0.06)


def test_a_long_series_is_averaged_with_a_band_of_its_extremes() -> None:
    ys = np.tile([0.0, 10.0], 300)
    chart = ET.fromstring(line_chart("t", "x", list(range(600)), ys.tolist()))
    line = [y for _, y in points_of(next(e for e in chart if e.tag == "polyline"))]
    band = [y for _, y in points_of(next(e for e in chart if e.tag == "polygon"))]
    assert max(line) - min(line) < 0.2, "each bin averages to five"
    assert len(band) == 300
    assert min(band) < line[0] < max(band)
    short = ET.fromstring(line_chart("t", "x", [0, 1], [0, 1]))
    assert not [element for element in short if element.tag == "polygon"]
