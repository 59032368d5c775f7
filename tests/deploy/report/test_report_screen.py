"""The table that ends a run on screen."""

from __future__ import annotations

import io

from rich.console import Console

from deploy.report import summary_table
from deploy.report.words import count, figure, percent, quantity


def show(report: dict[str, object], width: int = 120) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(summary_table(report))
    return console.export_text()


def test_every_figure_says_how_it_is_known(report):
    lines = show(report).splitlines()
    energy = next(line for line in lines if "Energy per image" in line)
    assert "0.736 µJ" in energy
    assert "estimate, event method" in energy
    accuracy = next(line for line in lines if "Accuracy, RTL" in line)
    assert "98.93 %" in accuracy
    assert "measured in simulation, 10,000 images" in accuracy
    text = " ".join(lines)
    assert "IHP SG13G2, 130 nm, 1.2 V, 25 °C, 50 MHz, timing not checked" in text
    assert "Exact: no difference on any of the 3 links" in text


def test_missing_figures_say_so(bare_report):
    text = show(bare_report)
    assert text.count("not measured") == 17
    assert "Nothing was compared in this run." in text
    assert "This is not the MNIST test set." in text


def test_numbers_read_well():
    assert figure(12345.6) == "12,346"
    assert figure(0.012345) == "0.0123"
    assert figure(-6.5) == "-6.50"
    assert figure(6012.0, 5) == "6,012"
    assert figure(None) == quantity(None, "mW") == percent(None) == count(None) == "not measured"
    assert percent(0.98931) == "98.93 %"
    assert count(10_000) == "10,000"
