"""SRAM where a technology has no macros: CACTI 7's figures, scaled by node and voltage.

Energy between nodes follows Stillmaker and Baas, "Scaling equations for the accurate prediction of
CMOS device performance from 180 nm to 7 nm" (Integration, 2017): a factor quadratic in the supply
for each node. Those fits are of logic; for memories they are the best public guess, no more.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

__all__ = ["CACTI_SOURCE", "GUARD", "StandIn", "energy_factor", "stand_in"]

CACTI_SOURCE = "CACTI 7, ITRS low-standby-power cells, 64-bit words, 300 K"
GUARD = 3.0
"""By how much silicon may need more than CACTI says (its 8 kB against a published 45 nm access)."""
_WORD_BITS = 64
# Stillmaker and Baas: a2, a1, a0 of the energy factor a2 V^2 + a1 V + a0.
_FACTORS = {
    130: (7.171, -6.709, 2.904), 90: (4.762, -4.781, 2.092), 65: (3.755, -4.398, 1.975),
    45: (1.018, -0.3107, 0.1539), 32: (0.8367, -0.4341, 0.1701), 20: (0.373, -0.1582, 0.04104),
    16: (0.2958, -0.1241, 0.03024), 7: (0.1776, -0.09097, 0.02447),
}  # fmt: skip


@dataclass(frozen=True)
class StandIn:
    """A memory by CACTI, 64-bit columns side by side.

    Attributes:
        read_pj, write_pj: Of a whole word.
        access_ns: At CACTI's own node.
        area_mm2: At CACTI's own node.
    """

    read_pj: float
    write_pj: float
    access_ns: float
    area_mm2: float


def energy_factor(node_nm: int, volts: float) -> float:
    """Energy of a switching event relative to the reference of Stillmaker and Baas.

    Nodes between two tabulated ones are interpolated in the logarithm; 180 nm follows from 130 nm
    at the same supply by the ratio of the lengths.
    """
    if node_nm > max(_FACTORS):
        return energy_factor(max(_FACTORS), volts) * node_nm / max(_FACTORS)
    if node_nm in _FACTORS:
        a2, a1, a0 = _FACTORS[node_nm]
        return a2 * volts**2 + a1 * volts + a0
    above = min(node for node in _FACTORS if node > node_nm)
    below = max(node for node in _FACTORS if node < node_nm)
    share = math.log(node_nm / below) / math.log(above / below)
    low, high = energy_factor(below, volts), energy_factor(above, volts)
    return float(low ** (1 - share) * high**share)


def stand_in(width_bits: int, depth: int, node_nm: int) -> StandIn:
    """A memory at one of CACTI's nodes (65, 32, 22), or between: along the logarithm, as sizes are.

    Sizes below the smallest (1 kB) count as that one, so that energies are never below it.
    """
    nodes = sorted(int(name) for name in _table())
    if node_nm not in nodes:
        below = max(node for node in nodes if node < node_nm)
        above = min(node for node in nodes if node > node_nm)
        share = math.log(node_nm / below) / math.log(above / below)
        ends = (stand_in(width_bits, depth, below), stand_in(width_bits, depth, above))
        return StandIn(*(
            low ** (1 - share) * high**share
            for low, high in zip(*(vars(end).values() for end in ends), strict=True)
        ))  # fmt: skip
    columns = -(-width_bits // _WORD_BITS)
    size = max(depth * _WORD_BITS // 8, 1)
    table = _table()[str(node_nm)]

    def at(name: str) -> float:
        sizes, values = table["bytes"], table[name]
        if size <= sizes[0]:
            return float(values[0])
        for n in range(1, len(sizes)):
            if size <= sizes[n] or n == len(sizes) - 1:
                share = math.log(size / sizes[n - 1]) / math.log(sizes[n] / sizes[n - 1])
                return float(values[n - 1] * (values[n] / values[n - 1]) ** share)
        raise AssertionError("the last size is always taken")

    return StandIn(
        read_pj=columns * at("read_pj"), write_pj=columns * at("write_pj"),
        access_ns=at("access_ns"), area_mm2=columns * at("area_mm2"),
    )  # fmt: skip


@cache
def _table() -> dict[str, dict[str, list[float]]]:
    text = files("deploy.power").joinpath("cacti.toml").read_text()
    nodes: dict[str, dict[str, list[float]]] = tomllib.loads(text)["node"]
    return nodes
