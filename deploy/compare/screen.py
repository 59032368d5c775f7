"""A comparison on screen: a table, and a plot of accuracy against energy."""

from __future__ import annotations

import math
from collections.abc import Sequence

import plotext
from rich.table import Table
from rich.text import Text

from deploy.compare.row import Row

__all__ = ["comparison_table", "figure_text", "terminal_plot"]

_MARKS = "123456789abcdefghijklmnopqrstuvwxyz"


def figure_text(value: float | None, digits: int = 3) -> str:
    """A figure with some significant digits, or a dash where it was not measured."""
    return "–" if value is None else f"{value:,.{digits}g}" if value < 1000 else f"{value:,.0f}"


def comparison_table(rows: Sequence[Row]) -> Table:
    """One line a network; its number is its mark in the plot."""
    table = Table(title="Networks on the same accelerator", caption=_caption(rows),
                  caption_justify="left")  # fmt: skip
    for name in ("", "network"):
        table.add_column(name, no_wrap=True)
    for name in ("test %", "differ", "cycles", "ms", "mW", "µJ"):
        table.add_column(name, justify="right", no_wrap=True)
    for mark, row in zip(_marks(rows), rows, strict=True):
        table.add_row(
            mark, row.name, f"{100 * _best_known(row):.2f}",
            Text(str(row.mismatches), style="bold red" if row.mismatches else "green"),
            figure_text(row.latency_cycles, 4),
            Text(figure_text(row.latency_ms), style="cyan"),
            Text(figure_text(row.power_mw), style="yellow"),
            Text(figure_text(row.energy_uj), style="yellow"),
        )  # fmt: skip
    return table


def terminal_plot(rows: Sequence[Row], width: int = 78, height: int = 20) -> str:
    """Accuracy on the whole test set against energy (logarithmic); empty without estimates."""
    shown = [(mark, row) for mark, row in zip(_marks(rows), rows, strict=True)
             if row.energy_uj is not None]  # fmt: skip
    if not shown:
        return ""
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plotsize(width, height)
    for mark, row in shown:
        assert row.energy_uj is not None
        plotext.scatter([math.log10(row.energy_uj)], [100 * _best_known(row)], marker=mark)
    low = min(math.floor(4 * math.log10(row.energy_uj or 1)) for _, row in shown)
    high = max(math.ceil(4 * math.log10(row.energy_uj or 1)) for _, row in shown)
    ticks = [at / 4 for at in range(low, max(high, low + 1) + 1)]
    plotext.xticks(ticks, [f"{10**at:.2g}" for at in ticks])
    plotext.xlabel("µJ an image (estimate)")
    plotext.ylabel("accuracy %")
    return str(plotext.uncolorize(plotext.build())) + "\n"


def _best_known(row: Row) -> float:
    return row.accuracy if row.accuracy_test is None else row.accuracy_test


def _marks(rows: Sequence[Row]) -> list[str]:
    return [_MARKS[at] if at < len(_MARKS) else "*" for at in range(len(rows))]


def _caption(rows: Sequence[Row]) -> Text:
    images = sorted({row.images for row in rows})
    told = Text(
        f"Differ: from the models, of {', '.join(f'{count:,}' for count in images)} test images "
        f"through the compiled RTL; cycles: mean latency; test %: whole test set."
    )
    for label in sorted({row.technology.split(", without")[0].rsplit(",", 1)[0]
                         for row in rows if row.technology}):  # fmt: skip
        told.append(f"\nms, mW, µJ: {label}, back to back.", style="yellow")
    for row in rows:
        if row.missing:
            told.append(f"\n{row.name}: no estimate: {row.missing}", style="yellow")
    return told
