"""Energies of single operations, composed from a technology's cells.

What each operation is made of is written down here and nowhere else:

- a data net's transition costs the internal energy of the cell that drives it and half of
  C V^2, C being its wire and the input pins that it drives;
- one bit of an addition is a full adder of two XOR and three NAND gates; one bit of a comparison
  is the carry half of it (one XOR, three NAND); one partial product is an AND and a full adder;
- one bit through a stream is a two-way multiplexer;
- of all those nets, ``toggle_rate`` change in an operation;
- a flip-flop's clock is spent every cycle: the internal energy with stable data, and C V^2 of clock
  pin and clock wire times ``clock_tree_factor``.
"""

from __future__ import annotations

from dataclasses import dataclass

from deploy.power.profile import Cell, Profile
from sim.activity import OperationKind

__all__ = ["OperationEnergies"]


@dataclass(frozen=True, kw_only=True)
class OperationEnergies:
    """Energies in pJ, static powers in nW, areas in um2.

    Attributes:
        pj_per_bit: Energy of an operation, for each of its bits.
        mux_pj_per_bit: One two-way multiplexer passing one bit.
        flip_flop_clock_pj: One flip-flop, one clock cycle, data stable.
        flip_flop_leakage_nw: One flip-flop alone.
        logic_leakage_nw: The logic assumed behind one flip-flop.
        flip_flop_area_um2: One flip-flop with its read multiplexer.
        mux_area_um2: One two-way multiplexer.
        clock_net_factor: pJ of clock net per pF of clock pin and wire, an entire cycle.
        clock_wire_pf: Clock wire of one clocked pin.
    """

    pj_per_bit: dict[OperationKind, float]
    mux_pj_per_bit: float
    flip_flop_clock_pj: float
    flip_flop_leakage_nw: float
    logic_leakage_nw: float
    flip_flop_area_um2: float
    mux_area_um2: float
    clock_net_factor: float
    clock_wire_pf: float

    @classmethod
    def of(cls, profile: Profile) -> OperationEnergies:
        """Compose the energies of a technology."""
        logic, assumed = profile.logic, profile.assumptions
        volts2 = profile.operating.voltage.value**2
        rate = assumed.toggle_rate.value
        net = _net_pj(profile)

        def cells(*counted: tuple[int, Cell]) -> float:
            return sum(rate * count * (cell.internal.value + net) for count, cell in counted)

        adder = cells((2, logic.xor2), (3, logic.nand2))
        clock_factor = volts2 * assumed.clock_tree_factor.value
        clock_wire = profile.wire.clock_per_sink.value
        flip_flop = logic.flip_flop
        return cls(
            pj_per_bit={
                OperationKind.ADD: adder,
                OperationKind.MULTIPLY: adder + cells((1, logic.and2)),
                OperationKind.COMPARE: cells((1, logic.xor2), (3, logic.nand2)),
                OperationKind.REGISTER: rate * (flip_flop.toggle.value + net),
                OperationKind.TRANSFER: cells((1, logic.mux2)),
            },
            mux_pj_per_bit=cells((1, logic.mux2)),
            flip_flop_clock_pj=flip_flop.clock.value
            + clock_factor * (flip_flop.clock_pin.value + clock_wire),
            flip_flop_leakage_nw=flip_flop.leakage.value,
            logic_leakage_nw=_logic_leakage_nw(profile),
            flip_flop_area_um2=flip_flop.area.value + logic.mux2.area.value,
            mux_area_um2=logic.mux2.area.value,
            clock_net_factor=clock_factor,
            clock_wire_pf=clock_wire,
        )


def _net_pj(profile: Profile) -> float:
    """Half of C V^2 of a data net: one transition."""
    logic = profile.logic
    gates = (logic.xor2, logic.nand2, logic.and2, logic.mux2)
    pin_pf = sum(cell.input_pin.value for cell in gates) / len(gates)
    load_pf = profile.wire.net.value + profile.assumptions.fan_out.value * pin_pf
    return float(0.5 * load_pf * profile.operating.voltage.value**2)


def _logic_leakage_nw(profile: Profile) -> float:
    logic, assumed = profile.logic, profile.assumptions
    adder = 2 * logic.xor2.leakage.value + 3 * logic.nand2.leakage.value
    return float(
        assumed.adders_per_flip_flop.value * adder
        + assumed.muxes_per_flip_flop.value * logic.mux2.leakage.value
    )
