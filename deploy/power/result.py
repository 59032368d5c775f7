"""What an estimate says: energy, power, latency, and everything it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["METHOD", "BlockPower", "PowerReport", "Span", "Timed"]

METHOD = "event"

Span = tuple[float, float]
"""Both ends of a range."""


@dataclass(frozen=True, kw_only=True)
class BlockPower:
    """One block's share.

    Attributes:
        dynamic_pj: Dynamic energy of one image, back to back.
        static_nw: Static power of the terms that are known.
    """

    dynamic_pj: float
    static_nw: float


@dataclass(frozen=True, kw_only=True)
class Timed:
    """Cycles at a clock, and the times that they take.

    Attributes:
        clock_mhz: The clock.
        interval_cycles, latency_cycles: Cycles between results, and of one image, means.
    """

    clock_mhz: float
    interval_cycles: float
    latency_cycles: float

    @property
    def interval_us(self) -> float:
        """Time between results, back to back."""
        return self.interval_cycles / self.clock_mhz

    @property
    def latency_ms(self) -> float:
        """Time from an image's first event to its result, a mean."""
        return self.latency_cycles / self.clock_mhz * 1e-3

    @property
    def images_per_second(self) -> float:
        """Throughput of the accelerator itself, back to back."""
        return 1e6 / self.interval_us


@dataclass(frozen=True, kw_only=True)
class PowerReport(Timed):
    """An estimate of power, energy and latency; never a measurement.

    Attributes:
        technology: The profile's name.
        corner, voltage_v, temperature_c: The operating point of all numbers.
        clock_mhz: The clock; no timing analysis has confirmed it.
        images: Images that the activity was counted on.
        blocks: Each block's share.
        memory_static_nw: The part of the static power that memories leak, as far as it is known.
        clock_pj_per_cycle: The part of the dynamic energy that every clock cycle costs.
        memory_macros: What each memory is built of, by its name.
        memory_area_mm2: Macros, memories of flip-flops and the multiplexers behind them.
        sources: Files and assumptions' sources behind the numbers.
        error: How far the method is known to be off.
        notes: Assumptions, and what is not included.
        unknown: Terms without a readable source; they are in no total.
    """

    technology: str
    corner: str
    voltage_v: float
    temperature_c: float
    images: int
    blocks: Mapping[str, BlockPower]
    memory_static_nw: float
    clock_pj_per_cycle: float
    memory_macros: Mapping[str, str]
    memory_area_mm2: float
    sources: tuple[str, ...]
    error: str
    notes: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def dynamic_uj(self) -> float:
        """Dynamic energy of one image, back to back."""
        return sum(block.dynamic_pj for block in self.blocks.values()) * 1e-6

    @property
    def static_mw(self) -> float:
        """Static power of all known terms."""
        return sum(block.static_nw for block in self.blocks.values()) * 1e-6

    @property
    def energy_uj(self) -> float:
        """Energy of one image back to back: dynamic, and static power over the interval."""
        return self.dynamic_uj + self.static_mw * self.interval_us * 1e-3

    @property
    def energy_uj_single(self) -> float:
        """Energy of a single image: the clock runs, and leakage flows, over its latency instead."""
        longer = self.latency_cycles - self.interval_cycles
        clocked_uj = longer * self.clock_pj_per_cycle * 1e-6
        return self.dynamic_uj + clocked_uj + self.static_mw * self.latency_ms

    @property
    def dynamic_mw(self) -> float:
        """Dynamic power, back to back."""
        return self.dynamic_uj / self.interval_us * 1e3

    @property
    def total_mw(self) -> float:
        """Energy of an image over its interval."""
        return self.dynamic_mw + self.static_mw

    @property
    def label(self) -> str:
        """What must stand beside every figure."""
        text = (
            f"estimate, {METHOD} method, {self.technology}, {self.voltage_v:g} V, "
            f"{self.temperature_c:g} C, {self.clock_mhz:g} MHz (timing not checked), "
            f"{self.images_per_second:.0f} images/s back to back"
        )
        return f"{text}, without {'; '.join(self.unknown)}" if self.unknown else text

    def to_json(self) -> dict[str, object]:
        """The keys of the report that this estimate can fill, and no others."""
        error = self.error
        if self.unknown:
            error += f"; all totals are without {'; '.join(self.unknown)}"
        return {
            "clock_mhz": self.clock_mhz,
            "latency_ms": {"mean": self.latency_ms},
            "images_per_second": self.images_per_second,
            "power_mw": {
                "total": self.total_mw,
                "dynamic": self.dynamic_mw,
                "static": self.static_mw,
                "blocks": {name: self._block_mw(block) for name, block in self.blocks.items()},
            },
            "energy_uj": self.energy_uj,
            "energy_uj_single": self.energy_uj_single,
            "memory": {"macros": dict(self.memory_macros), "area_mm2": self.memory_area_mm2},
            "technology": {
                "name": self.technology,
                "method": METHOD,
                "sources": list(self.sources),
                "error": error,
            },
        }

    def _block_mw(self, block: BlockPower) -> float:
        return block.dynamic_pj / self.interval_us * 1e-3 + block.static_nw * 1e-6
