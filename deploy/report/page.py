"""The page of a run: one HTML file that needs nothing else, made from the report alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import resources

import jinja2
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from deploy.report import facts, figures, paper, rasters, words
from deploy.report.detail import Raster
from deploy.report.exactness import link_rows, verdict
from deploy.report.schema import Report
from spikeforge.class_names import class_names
from spikeforge.validation import parse

__all__ = ["render_html"]


@dataclass
class _Plots:
    """The figures of a page by their id; the template places them, the script draws them."""

    figures: dict[str, dict[str, object]] = field(default_factory=dict)

    def add(self, name: str, figure: go.Figure | None) -> str | None:
        """Keep a figure; gives its id back, or None if there is nothing to draw."""
        if figure is None:
            return None
        self.figures[name] = figure.to_plotly_json()
        return name


def render_html(report: dict[str, object]) -> str:
    """Render the page: plotly.js, style and data are inside it, and it requests nothing.

    Args:
        report: The content of ``report.json``.

    Returns:
        The whole HTML document.

    Raises:
        SpikeforgeError: If the report does not have the documented structure.
    """
    record = parse(Report, report, "report")
    plots = _Plots()
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.update(
        count=words.count, figure=words.figure, percent=words.percent, quantity=words.quantity
    )
    context = _context(record, plots)
    return environment.from_string(_asset("template.html")).render(
        **context,
        figures=plots.figures,
        style=_asset("style.css"),
        script=_asset("page.js"),
        plotly=get_plotlyjs(),
    )


def _context(record: Report, plots: _Plots) -> dict[str, object]:
    rows = paper.paper_rows(record)
    return {
        "report": record,
        "detail": record.detail,
        "shape": facts.shape(record),
        "notice": facts.dataset_notice(record),
        "tiles": facts.tiles(record),
        "estimate": facts.estimate_label(record),
        "clock": facts.clock(record),
        "conditions": facts.conditions(record),
        "verdict": verdict(record),
        "links": link_rows(record),
        "digits": [
            _digit(k, r, plots, record.dataset.name)
            for k, r in enumerate(record.detail.rasters or [])
        ],
        "paper_rows": rows,
        "paper_text": paper.paper_text(record),
        "paper_url": paper.PAPER_URL,
        "plots": _plot_ids(record, rows, plots),
        "unknown_blocks": [k for k, mw in (record.power_mw.blocks or {}).items() if mw is None],
        "operations": _operations(record),
    }


def _plot_ids(record: Report, rows: list[paper.PaperRow], plots: _Plots) -> dict[str, str | None]:
    """Ids of the plots that this report has data for; None for the others."""
    confusion, history = record.detail.confusion, record.detail.history
    trained = history is not None and (history.loss or history.validation_accuracy)
    return {
        "confusion": plots.add(
            "confusion", figures.confusion_figure(confusion, record.dataset.name)
        )
        if confusion
        else None,
        "history": plots.add(
            "history", figures.history_figure(history.loss, history.validation_accuracy)
        )
        if history and trained
        else None,
        "latency": plots.add("latency", figures.latency_figure(record)),
        "energy": plots.add("energy", figures.energy_figure(record)),
        "paper": plots.add("paper", figures.paper_figure(rows)),
    }


def _digit(index: int, raster: Raster, plots: _Plots, dataset: str) -> dict[str, object]:
    """What the template shows of one image."""
    names = class_names(dataset, len(raster.membranes))
    label, predicted = (
        names[k] if k < len(names) else str(k) for k in (raster.label, raster.predicted)
    )
    panels = [
        {
            "title": layer.name,
            "text": f"{len(layer.events):,} of {layer.size:,} fire",
            "plot": plots.add(f"digit-{index}-layer-{k}", rasters.layer_figure(layer)),
            "steps": layer.steps,
        }
        for k, layer in enumerate(raster.layers)
    ]
    panels.append(
        {
            "title": "output membranes",
            "text": f"the highest answers: {predicted}",
            "plot": plots.add(f"digit-{index}-membranes", rasters.membrane_figure(raster)),
            "steps": 0,
        }
    )
    return {
        "index": index,
        "label": label,
        "predicted": predicted,
        "picture": rasters.picture_uri(raster.image),
        "panels": panels,
    }


def _operations(record: Report) -> list[tuple[str, str]]:
    """NeuroBench's terms as rows of text."""
    work = record.workload
    operations = work.SynapticOperations
    split = operations if isinstance(operations, dict) else {"": operations}
    rows = [(f"SynapticOperations {k}".strip(), words.figure(v, 5)) for k, v in split.items()]
    return [
        *rows,
        ("MembraneUpdates", words.figure(work.MembraneUpdates, 5)),
        ("ActivationSparsity", words.percent(work.ActivationSparsity)),
        ("ConnectionSparsity", words.percent(work.ConnectionSparsity)),
        ("Footprint", words.quantity(work.Footprint, "bytes", 5)),
    ]


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
