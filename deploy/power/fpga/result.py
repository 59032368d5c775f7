"""What the fpga method finds: currents by term, each at four ends, and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from deploy.power.fpga.activity import FpgaActivity
from deploy.power.fpga.design import FpgaDesign
from deploy.power.fpga.judge import Judged

__all__ = ["END_NAMES", "METHOD", "Ends", "FpgaPower"]

METHOD = "fpga"
END_NAMES = ("lowest", "low", "high", "highest")


@dataclass(frozen=True, kw_only=True)
class Ends:
    """One figure at four ends.

    Attributes:
        lowest, highest: With every assumption at that end.
        low, high: With the memories' accesses at that end, and the model's own value for the rest.
    """

    lowest: float
    low: float
    high: float
    highest: float

    @classmethod
    def exactly(cls, value: float) -> Self:
        """A figure that no assumption moves."""
        return cls(lowest=value, low=value, high=value, highest=value)

    @classmethod
    def memory(cls, low: float, high: float, highest: float) -> Self:
        """A figure of a memory."""
        return cls(lowest=low, low=low, high=high, highest=highest)

    def times(self, factor: float) -> Ends:
        """All ends times a factor."""
        return Ends(**{name: getattr(self, name) * factor for name in END_NAMES})

    def to_json(self) -> dict[str, float]:
        """For the record."""
        return {name: getattr(self, name) for name in END_NAMES}


@dataclass(frozen=True, kw_only=True)
class FpgaPower:
    """An estimate of the core rail's power; never a measurement.

    Attributes:
        design: What was placed.
        activity: What it did an image.
        voltage_v: Core rail; nothing where nothing is known of the device.
        images_per_second: The rate that everything holds for.
        back_to_back: Whether that is the most the accelerator does.
        currents_ua: By term; nothing for a term that no readable source gives.
        whole_design_mw: What a published design that fills the chip would take at this clock, idle
            and running.
        judged: Every published point, predicted from the others.
        coefficients: The fit's.
        sources: Of all numbers.
        notes: Assumptions.
        not_included: What the figures leave out.
    """

    design: FpgaDesign
    activity: FpgaActivity
    voltage_v: float | None
    images_per_second: float
    back_to_back: bool
    currents_ua: Mapping[str, Ends | None]
    whole_design_mw: tuple[float, float] | None
    judged: tuple[Judged, ...]
    coefficients: Mapping[str, float]
    sources: tuple[str, ...]
    notes: tuple[str, ...]
    not_included: tuple[str, ...]

    @property
    def unknown(self) -> tuple[str, ...]:
        """Terms without a readable source."""
        return tuple(name for name, ends in self.currents_ua.items() if ends is None)

    @property
    def total_mw(self) -> Ends | None:
        """The core rail; nothing as soon as one term is unknown."""
        parts = [ends for ends in self.currents_ua.values() if ends is not None]
        if self.unknown or self.voltage_v is None:
            return None
        total = Ends(**{name: sum(getattr(part, name) for part in parts) for name in END_NAMES})
        return total.times(self.voltage_v * 1e-3)

    @property
    def energy_uj(self) -> Ends | None:
        """An image's share of the power at the rate."""
        total = self.total_mw
        return None if total is None else total.times(1e3 / self.images_per_second)

    @property
    def latency_ms(self) -> float:
        """From an image's first event to its class, a mean."""
        return self.activity.latency_cycles / self.design.clock_mhz * 1e-3

    def term_mw(self, name: str) -> Ends | None:
        """One term as power."""
        ends = self.currents_ua[name]
        if ends is None or self.voltage_v is None:
            return None
        return ends.times(self.voltage_v * 1e-3)

    @property
    def label(self) -> str:
        """What must stand beside every figure."""
        rate = (
            f"{self.images_per_second:.6g} images/s{' back to back' if self.back_to_back else ''}"
        )
        volts = "" if self.voltage_v is None else f", {self.voltage_v:g} V"
        return (
            f"estimate, {METHOD} method, {self.design.board.device} core rail{volts}, "
            f"{self.design.clock_mhz:g} MHz from {self.design.clock_source}, {rate}"
        )

    def to_json(self) -> dict[str, object]:
        """For the record; an unknown figure is null."""
        total, energy = self.total_mw, self.energy_uj
        idle, running = self.whole_design_mw or (None, None)
        return {
            "clock_mhz": self.design.clock_mhz,
            "clock_source": self.design.clock_source,
            "latency_ms": {"mean": self.latency_ms},
            "images_per_second": self.images_per_second,
            "power_mw": {
                "total": None if total is None else total.to_json(),
                "blocks": {name: _json(self.term_mw(name)) for name in self.currents_ua},
            },
            "energy_uj": None if energy is None else energy.to_json(),
            "unknown": list(self.unknown),
            "published_design_mw": {"idle": idle, "running": running},
            "not_included": list(self.not_included),
            "technology": {
                "name": self.design.board.device, "method": METHOD, "voltage_v": self.voltage_v,
                "coefficients": dict(self.coefficients),
                "leave_one_out": [each.to_json() for each in self.judged],
                "sources": list(self.sources), "notes": list(self.notes),
            },
        }  # fmt: skip


def _json(ends: Ends | None) -> dict[str, float] | None:
    return None if ends is None else ends.to_json()
