"""A digit on its way through the layers: its picture, a spike raster a layer, the membranes."""

from __future__ import annotations

import base64
import io

import numpy as np
import plotly.graph_objects as go
from PIL import Image

from deploy.report.detail import LayerSpikes, Raster
from deploy.report.figures import figure_layout

__all__ = ["layer_figure", "membrane_figure", "picture_uri"]

HEIGHT = 250
SPIKE_COLOURS = [[0, "var(--early)"], [1, "var(--late)"]]


def picture_uri(image: list[list[int]]) -> str:
    """The picture as a PNG inside a ``data:`` address."""
    pixels = np.array(image, dtype=np.uint8)
    with io.BytesIO() as buffer:
        Image.fromarray(pixels).save(buffer, format="PNG", optimize=True)
        return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def layer_figure(layer: LayerSpikes) -> go.Figure:
    """Every spike of a layer: time step T - k on x, neuron on y, early ones warm."""
    times = [layer.steps - k for _, k in layer.events]
    plot = go.Figure(layout=figure_layout(
        HEIGHT,
        xaxis={"title": "time step", "range": [-0.7, layer.steps - 0.3], "fixedrange": True,
               "dtick": max(1, layer.steps // 5), "zeroline": False},
        yaxis={"title": "neuron", "range": [layer.size - 0.5, -0.5], "fixedrange": True,
               "zeroline": False},
    ))  # fmt: skip
    plot.add_trace(go.Scatter(
        x=times, y=[address for address, _ in layer.events], mode="markers",
        marker={"symbol": "square", "size": 5 if layer.size > 32 else 9, "color": times, "cmin": 0,
                "cmax": max(layer.steps - 1, 1), "colorscale": SPIKE_COLOURS},
        hovertemplate="neuron %{y} fires at step %{x}<extra></extra>",
    ))  # fmt: skip
    if not layer.events:
        plot.add_annotation(text="no spikes", showarrow=False, font={"color": "var(--muted)"},
                            xref="paper", yref="paper", x=0.5, y=0.5)  # fmt: skip
    return plot


def membrane_figure(raster: Raster) -> go.Figure:
    """Final membranes of the output neurons, in LSBs; the answer stands out."""
    colours = ["var(--line-strong)"] * len(raster.membranes)
    if raster.label < len(colours):
        colours[raster.label] = "var(--second)"
    if raster.predicted < len(colours):
        colours[raster.predicted] = "var(--accent)"
    plot = go.Figure(layout=figure_layout(
        HEIGHT, bargap=0.25,
        xaxis={"title": "class", "type": "category", "showgrid": False, "fixedrange": True},
        yaxis={"title": "membrane, LSB", "fixedrange": True},
    ))  # fmt: skip
    plot.add_trace(go.Bar(
        x=[str(k) for k in range(len(colours))], y=raster.membranes, marker={"color": colours},
        hovertemplate="class %{x}: %{y}<extra></extra>",
    ))  # fmt: skip
    return plot
