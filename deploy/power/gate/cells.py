"""Cells of a library as plain data: functions, pins, timing, energies and leakage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from deploy.power.gate.expression import Expression
from deploy.power.gate.table import Table

__all__ = ["Cell", "Pin", "PowerArc", "State", "StateKind", "TimingArc"]


class StateKind(StrEnum):
    """What a cell remembers by."""

    FLIP_FLOP = "flip-flop"
    LATCH = "latch"
    CLOCK_GATE = "clock gate"
    MEMORY = "memory"


@dataclass(frozen=True, kw_only=True)
class State:
    """How a sequential cell keeps its bit.

    Attributes:
        kind: Which sort of cell.
        names: Of the bit and its inverse, as output functions name them.
        clock: Active at its rising edge (latch: transparent while 1).
        data: The next bit (of a clock gate: its enable).
        clear, preset: 1 while the bit is forced, if the cell can be.
    """

    kind: StateKind
    names: tuple[str, str] = ("", "")
    clock: Expression
    data: Expression
    clear: Expression | None = None
    preset: Expression | None = None


@dataclass(frozen=True, kw_only=True)
class PowerArc:
    """Internal energy of one edge of a pin.

    Attributes:
        related: Pin whose edge causes it (outputs); empty: the pin's own edge.
        when: Condition; None: always.
        rise, fall: Energy in pJ over the related pin's slew and the pin's load.
        supply: Supply pin that it is drawn from; arcs of several supplies add up.
    """

    related: str
    when: Expression | None
    rise: Table | None
    fall: Table | None
    supply: str = ""


@dataclass(frozen=True, kw_only=True)
class TimingArc:
    """Delay and transition of an output, or a constraint of an input.

    Attributes:
        related: The other pin.
        kind: ``combinational``, ``rising_edge``, ``setup_rising``, ... as in Liberty.
        sense: ``positive_unate``, ``negative_unate``, or anything else for both.
        delays: Of a rise and a fall of this pin, in ns.
        transitions: Likewise (constraints have none).
    """

    related: str
    kind: str
    sense: str
    delays: tuple[Table | None, Table | None]
    transitions: tuple[Table | None, Table | None] = (None, None)


@dataclass(frozen=True, kw_only=True)
class Pin:
    """One pin, or one bit of a bus.

    Attributes:
        name: ``A``, or ``A_ADDR[3]``.
        is_input: Else an output.
        capacitance_pf: Of an input.
        function: Of an output.
        power: Internal energies of its edges.
        timing: Arcs that end at it.
        most_load_pf: Highest load of an output; 0 where none is stated.
    """

    name: str
    is_input: bool
    capacitance_pf: float
    function: Expression | None
    power: tuple[PowerArc, ...]
    timing: tuple[TimingArc, ...]
    most_load_pf: float


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell.

    Attributes:
        name: Of the cell.
        file: That it comes from.
        area_um2: Its size.
        pins: By name.
        state: Of a sequential cell.
        leakage_nw: Where no state's own is stated; None: not stated at all, or stated as zero.
        leakage_when: Static power in states, in nW.
        may_be_used: Synthesis may choose it.
        slew_span: Share of the supply that its file's transitions cover, over its derating: what
            one file calls 1 ns another may call 1.3.
    """

    name: str
    file: str
    area_um2: float
    pins: Mapping[str, Pin]
    state: State | None
    leakage_nw: float | None
    leakage_when: tuple[tuple[Expression, float], ...]
    may_be_used: bool
    slew_span: float = 1.0

    @property
    def inputs(self) -> list[Pin]:
        """Input pins."""
        return [pin for pin in self.pins.values() if pin.is_input]

    @property
    def outputs(self) -> list[Pin]:
        """Output pins."""
        return [pin for pin in self.pins.values() if not pin.is_input]
