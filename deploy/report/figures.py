"""The plots of the page. Colours are CSS variables, which the page fills in for light or dark."""

from __future__ import annotations

import math
from itertools import pairwise

import plotly.graph_objects as go

from deploy.report.paper import PaperRow
from deploy.report.schema import Report
from spikeforge.class_names import class_names

__all__ = [
    "confusion_figure", "energy_figure", "figure_layout", "history_figure", "latency_figure",
    "paper_figure",
]  # fmt: skip

INK, MUTED, LINE = "var(--ink)", "var(--muted)", "var(--line)"
ACCENT, SECOND, WARN = "var(--accent)", "var(--second)", "var(--warn)"


def figure_layout(height: int, **options: object) -> dict[str, object]:
    """The common look: no background, thin grid, no dragging (so that a phone can scroll)."""
    grid = {"gridcolor": LINE, "zerolinecolor": LINE, "linecolor": LINE, "automargin": True,
            "tickfont": {"color": MUTED}}  # fmt: skip
    layout: dict[str, object] = {
        "template": "none",
        "height": height,
        "autosize": True,
        "margin": {"l": 8, "r": 12, "t": 12, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 12, "color": INK},
        "hoverlabel": {"bgcolor": "var(--card)", "bordercolor": LINE, "font": {"color": INK}},
        "dragmode": False,
        "showlegend": False,
    }
    for axis in ("xaxis", "yaxis"):
        layout[axis] = grid | dict(options.pop(axis, {}))  # type: ignore[call-overload]
    return layout | options


def confusion_figure(confusion: list[list[int]], dataset: str = "") -> go.Figure:
    """Heat map of (true, answered); logarithmic, errors in a colour of their own.

    Args:
        confusion: Images per (true class, answered class).
        dataset: Its name, which knows what the classes are called.
    """
    classes = list(class_names(dataset, len(confusion)))
    right = [[n if i == j else None for j, n in enumerate(row)] for i, row in enumerate(confusion)]
    wrong = [[n if i != j else None for j, n in enumerate(row)] for i, row in enumerate(confusion)]
    plot = go.Figure(layout=figure_layout(
        430,
        xaxis={"title": "answered", "type": "category", "showgrid": False, "side": "top",
               "ticks": "", "fixedrange": True},
        yaxis={"title": "true class", "type": "category", "showgrid": False,
               "ticks": "", "autorange": "reversed", "fixedrange": True},
    ))  # fmt: skip
    for counts, scale in ((right, "right"), (wrong, "wrong")):
        plot.add_trace(_heat(counts, confusion, classes, scale))
    return plot


def _heat(
    counts: list[list[int | None]], confusion: list[list[int]], classes: list[str], scale: str
) -> go.Heatmap:
    known = [n for row in counts for n in row if n is not None]
    hover = [
        [f"true {i}, answered {j}: {n:,} of {sum(row):,} images"
         for j, n in zip(classes, row, strict=True)]
        for i, row in zip(classes, confusion, strict=True)
    ]  # fmt: skip
    return go.Heatmap(
        x=classes, y=classes, text=[[_cell(n) for n in row] for row in counts], hovertext=hover,
        z=[[None if n is None else math.log10(1 + n) for n in row] for row in counts],
        zmin=0, zmax=math.log10(1 + max(known, default=1)) or 1, xgap=2, ygap=2, showscale=False,
        colorscale=[[0, f"var(--{scale}-0)"], [1, f"var(--{scale}-1)"]],
        hovertemplate="%{hovertext}<extra></extra>", hoverongaps=False,
        texttemplate="%{text}", textfont={"color": f"var(--{scale}-ink)"},
    )  # fmt: skip


def _cell(number: int | None) -> str:
    return "" if not number else str(number)


def history_figure(loss: list[float], validation: list[float]) -> go.Figure:
    """Training loss (left) and validation accuracy in % (right), per epoch."""
    plot = go.Figure(layout=figure_layout(
        330,
        xaxis={"title": "epoch", "showgrid": False, "fixedrange": True},
        yaxis={"title": {"text": "training loss", "font": {"color": SECOND}}, "rangemode": "tozero",
               "fixedrange": True},
        yaxis2={"title": {"text": "validation accuracy, %", "font": {"color": ACCENT}},
                "overlaying": "y", "side": "right", "showgrid": False, "automargin": True,
                "tickmode": "auto", "zeroline": False,
                "tickfont": {"color": MUTED}, "fixedrange": True},
        hovermode="x unified",
    ))  # fmt: skip
    plot.add_trace(go.Scatter(
        x=list(range(1, len(loss) + 1)), y=loss, name="loss", mode="lines",
        line={"color": SECOND, "width": 2}, hovertemplate="loss %{y:.4f}<extra></extra>",
    ))  # fmt: skip
    plot.add_trace(go.Scatter(
        x=list(range(1, len(validation) + 1)), y=[100 * share for share in validation],
        name="validation", mode="lines+markers", yaxis="y2", marker={"size": 5},
        line={"color": ACCENT, "width": 2}, hovertemplate="validation %{y:.2f} %<extra></extra>",
    ))  # fmt: skip
    return plot


def latency_figure(report: Report) -> go.Figure | None:
    """Histogram of the latency in cycles, with the mean memory bound as a line."""
    histogram = report.detail.latency_cycles
    if histogram is None:
        return None
    edges = histogram.edges
    ms = [edge / report.clock_mhz / 1000 if report.clock_mhz else None for edge in edges]
    plot = go.Figure(layout=figure_layout(
        330, bargap=0.04,
        xaxis={"title": "latency, clock cycles", "showgrid": False, "fixedrange": True},
        yaxis={"title": "images", "fixedrange": True}, margin={"l": 8, "r": 12, "t": 40, "b": 8},
    ))  # fmt: skip
    hover = [
        f"{low:,.0f} to {high:,.0f} cycles{_span(a, b)}: {n:,} images"
        for low, high, a, b, n in zip(edges, edges[1:], ms, ms[1:], histogram.counts, strict=False)
    ]
    plot.add_trace(go.Bar(
        x=[(a + b) / 2 for a, b in pairwise(edges)], y=histogram.counts,
        width=[b - a for a, b in pairwise(edges)], hovertext=hover,
        hovertemplate="%{hovertext}<extra></extra>", marker={"color": ACCENT, "opacity": 0.55},
    ))  # fmt: skip
    bound = report.detail.bound_cycles_mean
    marks = {
        "mean bound": (report.cycles.bound if bound is None else bound, WARN),
        "mean latency": (report.cycles.latency.mean, INK),
    }
    known = sorted((x, name, colour) for name, (x, colour) in marks.items() if x is not None)
    places = [edges[0], edges[-1], *(x for x, _, _ in known)]
    room = 0.02 * (max(places) - min(places))
    roomy_right = bool(known) and places[1] - known[-1][0] > known[0][0] - places[0]
    for level, mark in enumerate(reversed(known) if roomy_right else known):
        _mark(plot, *mark, level, "left" if roomy_right else "right")
    plot.update_xaxes(range=[min(places) - room, max(places) + room])
    return plot


def _span(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f" ({low:.4f} to {high:.4f} ms)"


def _mark(plot: go.Figure, cycles: float, name: str, colour: str, level: int, anchor: str) -> None:
    """Draw a dashed line; the first label stands beside its line, the second above both."""
    top = 1.0 + 0.09 * level
    plot.add_shape(type="line", x0=cycles, x1=cycles, y0=0, y1=top + 0.08 * (1 - level),
                   yref="paper", line={"color": colour, "width": 2, "dash": "dash"})  # fmt: skip
    plot.add_annotation(
        x=cycles, y=top, yref="paper", yanchor="bottom", xanchor="auto" if level else anchor,
        xshift=0 if level else {"left": 4, "right": -4}[anchor], text=f"{name} {cycles:,.0f}",
        showarrow=False, font={"color": colour},
    )  # fmt: skip


def energy_figure(report: Report) -> go.Figure | None:
    """Energy per image by block, in nJ: power of the block x interval; longest bar on top."""
    blocks, interval = report.power_mw.blocks, report.interval_ms
    if not blocks or interval is None:
        return None
    known = sorted((mw * interval * 1000, name) for name, mw in blocks.items() if mw is not None)
    total = sum(nj for nj, _ in known) or 1
    plot = go.Figure(layout=figure_layout(
        max(140, 60 + 34 * len(known)),
        xaxis={"title": "nJ per image", "fixedrange": True,
               "range": [0, 1.3 * max((nj for nj, _ in known), default=1)]},
        yaxis={"showgrid": False, "fixedrange": True, "ticksuffix": "  ",
               "tickfont": {"color": INK}},
    ))  # fmt: skip
    plot.add_trace(go.Bar(
        x=[nj for nj, _ in known], y=[name for _, name in known], orientation="h",
        marker={"color": ACCENT}, text=[f"{nj / total:.1%}" for nj, _ in known],
        textposition="outside", hovertemplate="%{y}: %{x:.4g} nJ<extra></extra>", cliponaxis=False,
    ))  # fmt: skip
    return plot


def paper_figure(rows: list[PaperRow]) -> go.Figure:
    """Both sets of figures on one logarithmic axis, a row each for mW, ms and µJ."""
    plot = go.Figure(layout=figure_layout(
        240, showlegend=True, legend={"orientation": "h", "y": 1.02, "x": 0, "yanchor": "bottom"},
        margin={"l": 8, "r": 24, "t": 56, "b": 8},
        xaxis={"type": "log", "fixedrange": True, "title": "logarithmic",
               "dtick": 1, "exponentformat": "none"},
        yaxis={"fixedrange": True, "autorange": "reversed", "ticksuffix": "  ",
               "tickfont": {"color": INK}},
    ))  # fmt: skip
    names = [row.unit for row in rows]
    for row, name in zip(rows, names, strict=True):
        if row.ours:
            plot.add_trace(go.Scatter(
                x=[row.paper, row.ours], y=[name, name], mode="lines", showlegend=False,
                hoverinfo="skip", line={"color": LINE, "width": 4},
            ))  # fmt: skip
    points = (("STDBP paper, 2020", SECOND, "circle", [row.paper for row in rows]),
              ("this run", ACCENT, "diamond", [row.ours or None for row in rows]))  # fmt: skip
    for who, colour, symbol, values in points:
        plot.add_trace(go.Scatter(
            x=values, y=names, mode="markers", name=who,
            marker={"color": colour, "size": 13, "symbol": symbol},
            hovertemplate=who + ": %{x:.4g}<extra></extra>",
        ))  # fmt: skip
    return plot
