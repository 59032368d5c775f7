"""The fpga method's table."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from deploy.power.fpga.result import END_NAMES, Ends, FpgaPower

__all__ = ["fpga_table", "judged_lines"]


def fpga_table(power: FpgaPower) -> Table:
    """Every term in mW, energy and time of an image, and what the figures leave out."""
    table = Table(
        title=f"{power.design.network} on {power.design.board.title}, {power.design.lanes} lanes",
        caption=_caption(power), caption_justify="left",
    )  # fmt: skip
    table.add_column("core rail, mW")
    for name in END_NAMES:
        table.add_column(name, justify="right", no_wrap=True)
    for name in power.currents_ua:
        table.add_row(name, *_cells(power.term_mw(name)))
    table.add_section()
    table.add_row(Text("total, mW", "bold"), *_cells(power.total_mw, "bold yellow"))
    table.add_row("energy an image, µJ", *_cells(power.energy_uj, "yellow"))
    table.add_row("time an image, ms", *[Text(f"{power.latency_ms:.4f}", "cyan")] * len(END_NAMES))
    return table


def judged_lines(power: FpgaPower) -> list[str]:
    """Every published point, what the others predict for it, and the error."""
    return [
        f"{each.name}: measured {each.measured_ua:g} uA, predicted {each.predicted_ua:.1f} "
        f"({each.error_percent:+.1f} %)" + (f"; {each.remark}" if each.remark else "")
        for each in power.judged
    ]


def _cells(ends: Ends | None, style: str = "") -> list[Text]:
    if ends is None:
        return [Text("unknown", "dim")] * len(END_NAMES)
    return [Text(f"{getattr(ends, name):.4f}", style) for name in END_NAMES]


def _caption(power: FpgaPower) -> Text:
    caption = Text(f"{power.label}.", style="yellow")
    if power.unknown:
        caption.append(f"\nUnknown: {', '.join(power.unknown)}.")
    if power.whole_design_mw is not None:
        idle, running = power.whole_design_mw
        caption.append(
            f"\nFor comparison: a published accelerator that fills this chip would take {idle:.2f} "
            f"mW idle and {running:.2f} mW running at this clock."
        )
    caption.append(f"\nNot included: {'; '.join(power.not_included)}.", style="dim")
    return caption
