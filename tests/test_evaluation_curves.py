"""Reading a run's scalars and drawing them."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from tf_gantts.errors import CheckpointError
from tf_gantts.evaluation.chart import Chart, draw_chart, nice_ticks
from tf_gantts.evaluation.curves import Curve, read_curves


def test_the_scalars_of_a_run_are_read(tmp_path):
    from tf_gantts.training.loggers import CsvLogger

    logger = CsvLogger(tmp_path, 0)
    logger.scalars({"train/loss": 3.0, "train/rate": 0.1}, 10)
    logger.scalars({"train/loss": 2.0}, 20)
    curves = read_curves(tmp_path / "scalars.csv")
    assert curves == {
        "train/loss": Curve([10, 20], [3.0, 2.0]),
        "train/rate": Curve([10], [0.1]),
    }


def test_torn_lines_and_wild_values_are_left_out(tmp_path):
    path = tmp_path / "scalars.csv"
    path.write_text("step,name,value\n5,a,1.0\n10,a,nan\n15,a,2.0\n5,a,4.0\n20,a")
    assert read_curves(path) == {"a": Curve([5, 15], [4.0, 2.0])}


@pytest.mark.parametrize("text", [None, "step,name,value\n"])
def test_a_run_without_scalars_is_an_error(tmp_path, text):
    path = tmp_path / "scalars.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(CheckpointError, match=re.escape(str(path))):
        read_curves(path)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.0, 2500.0, [0, 500, 1000, 1500, 2000, 2500]),
        (0.31, 0.49, [0.35, 0.40, 0.45]),
        (-1.0, 1.0, [-1.0, -0.5, 0.0, 0.5, 1.0]),
        (3.0, 3.0 + 1e-9, None),
    ],
)
def test_ticks_are_round_and_inside(low, high, ticks):
    found = nice_ticks(low, high)
    if ticks is not None:
        assert found == pytest.approx(ticks)
    assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in found)


def _points(html: str) -> list[np.ndarray]:
    svg = ET.fromstring(re.search(r"<svg.*</svg>", html, re.DOTALL).group())
    return [
        np.array([pair.split(",") for pair in line.get("points").split()], float)
        for line in svg.iter("polyline")
    ]


def test_a_curve_goes_where_its_values_say():
    chart = Chart("Loss", "loss", {"training": "a"})
    (points,) = _points(draw_chart(chart, {"a": Curve([0, 50, 100], [3.0, 2.0, 1.0])}))
    x, y = points.T
    assert np.diff(x)[0] == pytest.approx(np.diff(x)[1], abs=0.11)
    assert np.diff(y)[0] == pytest.approx(np.diff(y)[1], abs=0.11)
    assert y[0] < y[2]  # a picture's y points down


def test_a_logarithmic_axis_gives_every_decade_the_same_height():
    chart = Chart("Loss", "loss", {"training": "a"}, log_y=True)
    (points,) = _points(draw_chart(chart, {"a": Curve([1, 2, 3, 4], [1.0, 0.0, 0.1, 0.01])}))
    assert len(points) == 3  # 0 has no logarithm
    steps = np.diff(points[:, 1])
    assert steps[0] == pytest.approx(steps[1], abs=0.11)


def test_what_a_run_does_not_have_is_left_out():
    curves = {"a": Curve([1, 2], [1.0, 2.0])}
    assert draw_chart(Chart("t", "y", {"b": "b"}), curves) == ""
    assert len(_points(draw_chart(Chart("t", "y", {"a": "a", "b": "b"}), curves))) == 1


def test_marks_and_labels_are_escaped_and_placed():
    curves = {"a": Curve([0, 100], [1.0, 2.0])}
    html = draw_chart(Chart("a < b", "y & z", {"x<y": "a"}), curves, {50: "here", 900: "outside"})
    assert "a &lt; b" in html and "y &amp; z" in html and "x&lt;y" in html
    assert "here" in html and "outside" not in html


def test_labels_of_marks_near_each_other_do_not_overlap():
    marks = {50: "first", 51: "second", 900: "outside"}
    html = draw_chart(Chart("t", "y", {"a": "a"}), {"a": Curve([0, 100], [1.0, 2.0])}, marks)
    rows = [
        float(y) for y in re.findall(r'<text x="[\d.]+" y="([\d.]+)"[^>]*>(?:first|second)<', html)
    ]
    assert len(rows) == 2 and rows[1] - rows[0] >= 12.5


def test_a_gap_parts_a_curve():
    chart = Chart("F0", "Hz", {"a": "a"}, x_label="s")
    nan = float("nan")
    html = draw_chart(chart, {"a": Curve([0.0, 0.1, 0.2, 0.3], [nan, 100.0, nan, 120.0])})
    assert [len(points) for points in _points(html)] == [1, 1]
    assert "nan" not in html and ">s</text>" in html
    assert draw_chart(chart, {"a": Curve([0.0], [nan])}) == ""


def test_a_constant_curve_can_be_drawn():
    (points,) = _points(draw_chart(Chart("t", "y", {"a": "a"}), {"a": Curve([1, 2], [0.0, 0.0])}))
    assert np.isfinite(points).all()
