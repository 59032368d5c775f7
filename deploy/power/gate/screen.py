"""A gate-level estimate as tables on the screen."""

from __future__ import annotations

from rich.table import Table

from deploy.power.gate.measure import Kind
from deploy.power.gate.result import PAPER_RATE, GateReport
from deploy.power.result import Span

__all__ = ["block_table", "gate_table"]

_SHOWN = 0.001  # of the dynamic energy: blocks below are summed up


def gate_table(report: GateReport, images_per_second: float | None = None) -> Table:
    """Headline figures, each with what it is."""
    table = Table(title=f"{report.title}: {report.images} images", caption=report.label,
                  caption_justify="left")  # fmt: skip
    for name in ("figure", "value", "how it is known"):
        table.add_column(name, justify="right" if name == "value" else "left")
    low, high = report.memory_leakage_uw
    path = report.path[-1].through if report.path else "nothing"
    rows = [
        ("energy an image", _span(report.energy_uj, "uJ"), "dynamic, and leakage meanwhile"),
        ("  dynamic", f"{report.dynamic_uj:.4g} uJ", "tables of the cells, activity of the run"),
        ("  glitches may add", _span(report.glitches_uj, "uJ"), "not in the figures: a timed "
         "simulation of one block, inertial to transport delays"),
        ("power back to back", _span(report.total_mw, "mW"), "energy over interval"),
        ("time of one image", f"{report.latency_ms * 1e3:.4g} us", "cycles of the RTL"),
        ("interval", f"{report.interval_us:.4g} us", f"{report.interval_cycles:.1f} cycles"),
        ("clock", f"{report.clock_mhz:g} MHz", f"timing allows {report.maximum_mhz:.1f} MHz, to "
         f"{path}"),
        ("leakage of logic", f"{sum(report.logic_static_nw.values()) * 1e-3:.4g} uW",
         "the library's, by the states of the run"),
        ("leakage of memories", f"{low:.3g} to {high:.3g} uW", "a range, see below; the files "
         f"state {sum(report.memory_static_nw.values()) * 1e-3:.3g} uW"),
        ("cells", f"{sum(report.cells.values()):,}", f"{report.flip_flops:,} flip-flops, "
         f"{report.clock_buffers} clock buffers estimated"),
        ("area", f"{sum(report.area_mm2.values()):.3f} mm2",
         f"logic {report.area_mm2['logic']:.3f}, memories {report.area_mm2['memories']:.3f}; no "
         "routing"),
    ]  # fmt: skip
    rows += [
        (f"scaled to {one.node_nm} nm, {one.volts:g} V", _span(one.total_uj, "uJ"), one.how)
        for one in report.scaled
    ]
    dynamic, logic, _ = report.at_rate(PAPER_RATE)
    rows.append((
        "at one image in 47.71 ms", f"{(dynamic + logic) * 1e3:.4g} uW",
        "dynamic and logic leakage, clock stopped between; with memories it passes 50 uW where "
        f"they leak {report.crossing_uw_per_kb:.3g} uW/kB",
    ))  # fmt: skip
    if images_per_second is not None:
        dynamic, logic, memory = report.at_rate(images_per_second)
        rows.append((
            f"at {images_per_second:g} images/s", f"{(dynamic + logic) * 1e3:.4g} uW",
            f"dynamic and logic leakage, clock stopped between images; memories leak "
            f"{memory[0] * 1e3:.3g} to {memory[1] * 1e3:.3g} uW more",
        ))  # fmt: skip
    for row in rows:
        table.add_row(*row)
    return table


def block_table(report: GateReport) -> Table:
    """Dynamic energy by block and kind, in nJ an image."""
    table = Table(title="Dynamic energy, nJ an image")
    table.add_column("block")
    for kind in Kind:
        table.add_column(kind.value, justify="right")
    table.add_column("sum", justify="right")
    rest: dict[Kind, float] = dict.fromkeys(Kind, 0.0)
    least = _SHOWN * sum(report.energy_pj.values())
    for block, total in report.by_block().items():
        own = {kind: report.energy_pj.get((block, kind), 0.0) for kind in Kind}
        if total < least:
            rest = {kind: rest[kind] + own[kind] for kind in Kind}
            continue
        _add(table, block, own)
    _add(table, "all others", rest)
    table.add_section()
    _add(table, "sum", {kind: sum(v for (_, own), v in report.energy_pj.items() if own is kind)
                        for kind in Kind})  # fmt: skip
    return table


def _add(table: Table, name: str, own: dict[Kind, float]) -> None:
    values = [*own.values(), sum(own.values())]
    table.add_row(name, *(f"{value * 1e-3:.3f}" for value in values))


def _span(ends: Span, unit: str) -> str:
    low, high = (f"{end:.4g}" for end in ends)
    return f"{low} {unit}" if low == high else f"{low} to {high} {unit}"
