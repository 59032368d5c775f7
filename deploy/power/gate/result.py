"""What a gate-level estimate says, and how it reads as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from deploy.power.gate.measure import Kind
from deploy.power.gate.path import PathPoint
from deploy.power.result import Span, Timed
from deploy.power.scaling import ScaledEnergy
from deploy.power.sram_leakage import sram_leakage_uw
from spikeforge.errors import SpikeforgeError

__all__ = ["GLITCHES", "METHOD", "PAPER_RATE", "GateReport"]

METHOD = "gate"
GLITCHES = (1.2, 3.6)
"""What glitches add to the switching of nets and logic, as a share of it: an estimate from a timed
simulation of one block of mnist-tiny on SG13G2 (hidden1.integrate, 30 cycles), with inertial and
with transport delays (benchmarks/glitch_bound.py). Other blocks and cells are taken to be alike."""
PAPER_RATE = 1 / 0.04771
"""Images a second of the accelerator of the STDBP paper: one in 47.71 ms."""
_CEILING_UW = 50.0


@dataclass(frozen=True, kw_only=True)
class GateReport(Timed):
    """An estimate from a synthesized netlist; never a measurement.

    Attributes:
        technology, title, corner: What the cells are.
        voltage_v, temperature_c: The operating point, with the clock.
        maximum_mhz: What timing allows, wires without resistance, no clock skew.
        path: The longest path.
        overloaded: Nets beyond the load that their driver's library states.
        images: On which the activity was recorded.
        energy_pj: Of one image, back to back, by block and kind.
        logic_static_nw, memory_static_nw: By block, as the library states it.
        memory_leakage_uw: Range for the memories (:mod:`deploy.power.sram_leakage`).
        cells: How many of each library cell, memories included.
        memories: How many of each memory macro, or of what stands in.
        flip_flops, clock_buffers: Counted, and estimated.
        area_mm2: Cells, and memories (by name of the block kind).
        sources, notes, unknown: What the figures rest on, and what is missing.
        scaled: The same at other nodes.
    """

    technology: str
    title: str
    corner: str
    voltage_v: float
    temperature_c: float
    maximum_mhz: float
    path: tuple[PathPoint, ...]
    overloaded: int
    images: int
    energy_pj: Mapping[tuple[str, Kind], float]
    logic_static_nw: Mapping[str, float]
    memory_static_nw: Mapping[str, float]
    memory_leakage_uw: Span
    cells: Mapping[str, int]
    memories: Mapping[str, int]
    flip_flops: int
    clock_buffers: int
    area_mm2: Mapping[str, float]
    sources: tuple[str, ...]
    notes: tuple[str, ...]
    unknown: tuple[str, ...]
    scaled: tuple[ScaledEnergy, ...] = ()

    @property
    def dynamic_uj(self) -> float:
        """Dynamic energy of an image, back to back."""
        return sum(self.energy_pj.values()) * 1e-6

    @property
    def glitches_uj(self) -> Span:
        """What glitches may add to an image (both ends of ``GLITCHES``)."""
        kinds = self.by_kind()
        settled = (kinds.get(Kind.NETS, 0.0) + kinds.get(Kind.LOGIC, 0.0)) * 1e-6
        return GLITCHES[0] * settled, GLITCHES[1] * settled

    @property
    def crossing_uw_per_kb(self) -> float:
        """Leakage of memories at which 50 uW are passed at the rate of the STDBP accelerator."""
        dynamic, logic, _ = self.at_rate(PAPER_RATE)
        low, _ = self.memory_leakage_uw
        kilobytes = low / sram_leakage_uw(8 * 1024)[0]
        return (_CEILING_UW - (dynamic + logic) * 1e3) / kilobytes if kilobytes else float("inf")

    @property
    def static_mw(self) -> Span:
        """Logic by its library, memories by their range."""
        logic = sum(self.logic_static_nw.values()) * 1e-6
        low, high = self.memory_leakage_uw
        return logic + low * 1e-3, logic + high * 1e-3

    @property
    def energy_uj(self) -> Span:
        """Of an image back to back: dynamic, and static power over the interval."""
        low, high = self.static_mw
        each = self.interval_us * 1e-3
        return self.dynamic_uj + low * each, self.dynamic_uj + high * each

    @property
    def total_mw(self) -> Span:
        """Back to back."""
        low, high = self.energy_uj
        return low / self.interval_us * 1e3, high / self.interval_us * 1e3

    def by_block(self) -> dict[str, float]:
        """Dynamic energy of an image in pJ by block, most first."""
        return _summed(self.energy_pj, 0)

    def by_kind(self) -> dict[str, float]:
        """Dynamic energy of an image in pJ by kind, most first."""
        return _summed(self.energy_pj, 1)

    def check_rate(self, images_per_second: float) -> None:
        """Refuse a rate that the clock does not reach.

        Raises:
            SpikeforgeError: Says what is reached.
        """
        most = self.images_per_second
        if images_per_second > most:
            raise SpikeforgeError(
                f"--images-per-second must be at most {most:.0f}, back to back at "
                f"{self.clock_mhz:g} MHz, not {images_per_second:g}; raise --clock-mhz or --lanes"
            )

    def at_rate(self, images_per_second: float) -> tuple[float, float, Span]:
        """Power at a rate with the clock stopped between images, in mW.

        Returns:
            Dynamic power, static power of logic, static power of memories at both ends.
        """
        low, high = self.memory_leakage_uw
        logic = sum(self.logic_static_nw.values()) * 1e-6
        return self.dynamic_uj * images_per_second * 1e-3, logic, (low * 1e-3, high * 1e-3)

    @property
    def label(self) -> str:
        """What must stand beside every figure."""
        return (
            f"estimate, {METHOD} method (no place and route), {self.technology}, "
            f"{self.voltage_v:g} V, {self.temperature_c:g} C, {self.clock_mhz:g} MHz (timing "
            f"allows {self.maximum_mhz:.0f}), {self.images_per_second:.0f} images/s back to back"
        )

    def to_json(self) -> dict[str, object]:
        """Keys of the report, and what only this method knows."""
        low, high = self.energy_uj
        static_low, static_high = self.static_mw
        total_low, total_high = self.total_mw
        return {
            "clock_mhz": self.clock_mhz,
            "latency_ms": {"mean": self.latency_ms},
            "images_per_second": self.images_per_second,
            "power_mw": {
                "total": {"low": total_low, "high": total_high},
                "dynamic": self.dynamic_uj / self.interval_us * 1e3,
                "static": {"low": static_low, "high": static_high},
                "blocks": {name: pj * 1e-3 / self.interval_us
                           for name, pj in self.by_block().items()},
            },
            "energy_uj": {"low": low, "high": high},
            "glitches_uj": dict(zip(("low", "high"), self.glitches_uj, strict=True)),
            "memory": {"macros": dict(self.memories),
                       "area_mm2": self.area_mm2["memories"]},
            "gate": {
                "operating": {"corner": self.corner, "voltage_v": self.voltage_v,
                              "temperature_c": self.temperature_c},
                "notes": list(self.notes),
                "at_one_image_in_47_71_ms_uw": sum(self.at_rate(PAPER_RATE)[:2]) * 1e3,
                "crossing_uw_per_kb": self.crossing_uw_per_kb,
                "energy_pj": {
                    block: {kind.value: pj for (own, kind), pj in self.energy_pj.items()
                            if own == block}
                    for block in self.by_block()
                },
                "by_kind_pj": self.by_kind(),
                "static_logic_uw": sum(self.logic_static_nw.values()) * 1e-3,
                "static_memory_stated_uw": sum(self.memory_static_nw.values()) * 1e-3,
                "static_memory_uw": dict(zip(("low", "high"), self.memory_leakage_uw, strict=True)),
                "scaled": [
                    {"node_nm": one.node_nm, "volts": one.volts, "logic_uj": one.logic_uj,
                     "memory_uj": dict(zip(("low", "high"), one.memory_uj, strict=True)),
                     "total_uj": dict(zip(("low", "high"), one.total_uj, strict=True))}
                    for one in self.scaled
                ],
                "cells": sum(self.cells.values()),
                "flip_flops": self.flip_flops,
                "clock_buffers": self.clock_buffers,
                "area_mm2": dict(self.area_mm2),
                "maximum_mhz": self.maximum_mhz,
                "overloaded_nets": self.overloaded,
                "longest_path": [
                    {"through": p.through, "net": p.net, "arrival_ns": p.arrival_ns,
                     "load_pf": p.load_pf} for p in self.path
                ],
            },
            "technology": {
                "name": self.technology, "method": METHOD, "sources": list(self.sources),
                "error": "an estimate: no place and route, no glitches; "
                + ("; ".join(self.unknown) or "all terms known"),
            },
        }  # fmt: skip


def _summed(energy: Mapping[tuple[str, Kind], float], part: int) -> dict[str, float]:
    found: dict[str, float] = {}
    for key, value in energy.items():
        name = str(key[part])
        found[name] = found.get(name, 0.0) + value
    return dict(sorted(found.items(), key=lambda item: -item[1]))
