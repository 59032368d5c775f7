"""A comparison as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

import jinja2
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from deploy.compare.row import Row
from deploy.compare.screen import figure_text
from deploy.report.figures import figure_layout

__all__ = ["comparison_figure", "render_comparison"]


def render_comparison(rows: Sequence[Row]) -> str:
    """The whole HTML document."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.update(figure=figure_text)
    template = resources.files(__package__).joinpath("comparison.html").read_text(encoding="utf-8")
    plot = comparison_figure(rows)
    return environment.from_string(template).render(
        rows=rows,
        labels=sorted({row.technology for row in rows if row.technology}),
        figures={} if plot is None else {"cost": plot.to_plotly_json()},
        style=_report("style.css"), script=_report("page.js"), plotly=get_plotlyjs(),
    )  # fmt: skip


def comparison_figure(rows: Sequence[Row]) -> go.Figure | None:
    """Accuracy against energy; the area of a mark is the latency. None without estimates."""
    shown = [row for row in rows if row.energy_uj is not None and row.latency_ms is not None]
    if not shown:
        return None
    slowest = max(row.latency_ms or 0.0 for row in shown)
    plot = go.Figure(layout=figure_layout(
        460,
        xaxis={"title": "energy an image, µJ (estimate)", "type": "log"},
        yaxis={"title": "accuracy, %"},
    ))  # fmt: skip
    plot.add_trace(go.Scatter(
        x=[row.energy_uj for row in shown],
        y=[100 * (row.accuracy if row.accuracy_test is None else row.accuracy_test)
           for row in shown],
        text=[row.name for row in shown],
        customdata=[[row.rule, row.latency_ms, row.power_mw] for row in shown],
        mode="markers+text",
        textposition="top center",
        marker={
            "size": [row.latency_ms for row in shown], "sizemode": "area", "sizemin": 6,
            "sizeref": slowest / 1200, "color": "var(--accent)", "opacity": 0.75,
        },
        hovertemplate="%{text} (%{customdata[0]})<br>%{y:.2f} %, %{x:.3g} µJ, "
                      "%{customdata[1]:.3g} ms, %{customdata[2]:.3g} mW<extra></extra>",
    ))  # fmt: skip
    return plot


def _report(name: str) -> str:
    return resources.files("deploy.report").joinpath(name).read_text(encoding="utf-8")
