"""The table that ends a run on screen."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from deploy.report.exactness import verdict
from deploy.report.facts import Kind, conditions, dataset_notice, estimate_label, rows
from deploy.report.schema import Report
from deploy.report.words import count
from spikeforge.validation import parse

__all__ = ["summary_table"]

_STYLES = {
    Kind.SIMULATED: "green",
    Kind.CLOCKED: "cyan",
    Kind.ESTIMATE: "yellow",
    Kind.REFERENCE: "",
    Kind.MISSING: "dim",
}
_VERDICT_STYLES = {"exact": "bold green", "differs": "bold red", "open": "bold yellow"}


def summary_table(report: dict[str, object]) -> Table:
    """Build the table of a run: every headline figure and how it is known.

    Args:
        report: The content of ``report.json``.

    Raises:
        SpikeforgeError: If the report does not have the documented structure.
    """
    record = parse(Report, report, "report")
    data = record.dataset
    images = "" if data.images is None else f", {count(data.images)} images"
    table = Table(
        title=f"{record.network.name}: {data.name}, {data.split}{images}",
        caption=_caption(record),
        caption_justify="left",
    )
    table.add_column("figure")
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("how it is known")
    for row in rows(record):
        style = _STYLES[row.kind]
        table.add_row(row.name, Text(row.value, style=style), Text(row.how, style=style))
    return table


def _caption(record: Report) -> Text:
    said = verdict(record)
    caption = Text(said.text, style=_VERDICT_STYLES[said.state])
    if record.energy_uj is not None or record.power_mw.total is not None:
        how = f"\nEnergy and power: {estimate_label(record)}; {conditions(record)}."
        caption.append(how, style="yellow")
    notice = dataset_notice(record)
    if notice is not None:
        caption.append(f"\n{notice}", style="bold yellow")
    return caption
