"""Energy of small netlists, each number computed by hand from the toy library."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.power.gate.internal import Electrical, internal_energy_pj, leakage_nw
from deploy.power.gate.measure import Kind, Meter
from deploy.power.gate.netlist import ONE, ZERO
from deploy.power.gate.timing import analyze_timing
from deploy.power.gate.waves import Waves, clock_nets, count


def waves_of(netlist, library, rows_of, values):
    rows, cycles = rows_of(netlist, values)
    return Waves(rows, cycles, netlist, library, clock_nets(netlist, library))


def energy(netlist, library, waves, number=0, slew=0.0, load=0.0):
    one = netlist.instances[number]
    at = Electrical(
        load_pf=np.full(netlist.net_count, load), slew_ns=np.full(netlist.net_count, slew)
    )
    return float(internal_energy_pj(library.cell(one.cell), [one], waves, at)[0])


def test_edges_of_an_inverter(library, make_netlist, rows_of):
    netlist = make_netlist(("TINV", {"A": 3, "Y": 4}), ("TINV", {"A": 2, "Y": 5}))
    waves = waves_of(netlist, library, rows_of, {3: "0110100", 4: "1001011"})
    # Y falls twice, rises twice (the last cycle has no next one).
    assert energy(netlist, library, waves) == pytest.approx(2 * 0.010 + 2 * 0.002)
    assert energy(netlist, library, waves, slew=1.0, load=0.1) == pytest.approx(
        2 * 0.040 + 2 * 0.002
    )


def test_an_output_takes_the_tables_of_the_inputs_that_moved(library, make_netlist, rows_of):
    netlist = make_netlist(("TNAND2", {"A": 3, "B": 4, "Y": 5}))
    waves = waves_of(netlist, library, rows_of, {3: "10110", 4: "11010", 5: "01101"})
    # 0 -> 1: A rises, Y stays by B ... each cycle by hand: Y = ~(A & B) = 0,1,1,0,1
    # cycle 0: A falls, Y rises by A (0.1); 1: A rises, B falls, Y stays; 2: B rises, Y falls by B
    # (0.4); 3: both fall, Y rises, by A and B: the rises' tables weigh 0.1 once more and 0.3 once.
    rises = 2 * (2 * 0.1 + 1 * 0.3) / 3
    assert energy(netlist, library, waves) == pytest.approx(rises + 0.4)


def test_a_table_without_a_condition_is_for_the_states_that_no_other_names(
    library, make_netlist, rows_of
):
    netlist = make_netlist(("TXOR", {"A": 3, "B": 4, "Y": 5}))
    waves = waves_of(netlist, library, rows_of, {3: "01010", 4: "11111", 5: "10101"})
    assert energy(netlist, library, waves) == pytest.approx(2 * 0.5 + 2 * 0.6)
    waves = waves_of(netlist, library, rows_of, {3: "01010", 4: "00000", 5: "01010"})
    assert energy(netlist, library, waves) == pytest.approx(2 * 7.0 + 2 * 8.0)


def flop(make_netlist):
    return make_netlist(("TDFF", {"CK": 2, "D": 3, "Q": 4}))


def test_a_flip_flop_in_every_state(library, make_netlist, rows_of):
    netlist = flop(make_netlist)
    # D: 0 1 1 0 0, Q one cycle later: 0 0 1 1 0.
    waves = waves_of(netlist, library, rows_of, {3: "01100", 4: "00110"})
    rises = 0.4 + 1.0 + 0.5 + 1.0  # (D, Q) before the edge: 00, 10, 11, 01
    falls = 0.1 + 0.05 + 0.1 + 0.04  # after it: 10, 11, 01, 00
    data = 2 * 0.07  # D changes while the clock is high
    output = 2.0 + 3.0
    assert energy(netlist, library, waves) == pytest.approx(rises + falls + data + output)


def test_a_gated_clock_pulses_where_its_enable_was_high(library, make_netlist, rows_of):
    netlist = make_netlist(
        ("TICG", {"CK": 2, "EN": 5, "GCK": 6}), ("TDFF", {"CK": 6, "D": 3, "Q": 4})
    )
    waves = waves_of(netlist, library, rows_of, {3: "01110", 4: "00011", 5: "00100", 6: "00000"})
    assert int(count(waves.pulses([6]))[0]) == 1
    assert waves.toggles()[6] == 2
    # The gate: its clock pin four times (0.2 + 0.1), its output once up and down.
    assert energy(netlist, library, waves, 0) == pytest.approx(4 * 0.3 + 2 * 0.6)
    # The flip-flop: one rise with D and Q apart, one fall with D = Q = 1; D rose while the clock
    # was low in cycle 0 and falls in cycle 3, low too; Q rises.
    assert energy(netlist, library, waves, 1) == pytest.approx(1.0 + 0.05 + 2 * 0.03 + 2.0)


def test_leakage_by_the_time_in_each_state(library, make_netlist, rows_of):
    netlist = make_netlist(("TINV", {"A": 3, "Y": 4}), ("TNAND2", {"A": 2, "B": 3, "Y": 5}))
    waves = waves_of(netlist, library, rows_of, {3: "11100", 4: "00011"})
    cell = library.cell("TINV")
    assert leakage_nw(cell, netlist.instances[:1], waves)[0] == pytest.approx(
        0.75 * 1.0 + 0.25 * 5.0
    )
    assert leakage_nw(library.cell("TNAND2"), netlist.instances[1:], waves)[0] == 4.0


@settings(max_examples=30, deadline=None)
@given(st.integers(3, 300), st.integers(0, 2**32))
def test_changes_are_counted_over_word_borders(length, seed):
    from deploy.power.gate.netlist import Instance, Netlist

    netlist = Netlist(
        instances=(Instance("u0", "top", "TBUF", {"A": 3, "Y": 4}),), inputs={"clk": (2,)},
        outputs={}, clock=2, net_count=5, names={},
    )  # fmt: skip
    bits = np.random.default_rng(seed + 1).integers(0, 2, length).tolist()
    rows = np.zeros((5, -(-len(bits) // 64)), np.uint64)
    rows[4] = np.random.default_rng(seed).integers(0, 2**63, rows.shape[1], dtype=np.uint64)
    for cycle, bit in enumerate(bits):
        rows[3, cycle // 64] |= np.uint64(bit << (cycle % 64))
    waves = Waves(rows, len(bits), netlist, None, {2: (2, -1)})
    changes = sum(a != b for a, b in itertools.pairwise(bits))
    assert waves.toggles()[3] == changes
    assert waves.high()[3] == 2 * sum(bits[:-1])
    assert waves.cycles == len(bits) - 1


def chain(make_netlist):
    """Twenty cells: a flip-flop, ten inverters, six buffers, a NAND, a flip-flop and its gate."""
    cells = [("TDFF", {"CK": 2, "D": 3, "Q": 10})]
    cells += [("TINV", {"A": 10 + n, "Y": 11 + n}) for n in range(10)]
    cells += [("TBUF", {"A": 20 + n, "Y": 21 + n}) for n in range(6)]
    cells += [
        ("TNAND2", {"A": 26, "B": ONE, "Y": 27}), ("TICG", {"CK": 2, "EN": 28, "GCK": 29}),
        ("TDFF", {"CK": 29, "D": 27, "Q": 30}),
    ]  # fmt: skip
    assert len(cells) == 20
    blocks = dict.fromkeys(range(11), "a") | dict.fromkeys(range(11, 20), "b")
    return make_netlist(
        *cells, inputs={"d": (3,), "en": (28,)}, outputs={"q": (30,)}, blocks=blocks
    )


def behaviour(d, en):
    """The chain's nets, cycle by cycle."""
    nets = {net: "" for net in (*range(3, 4), *range(10, 31), ZERO)}
    first = last = 0
    for bit, enable in zip(d, en, strict=True):
        nets[3] += bit
        nets[28] += enable
        value = first
        for n in range(10):
            nets[10 + n] += str(value)
            value ^= 1
        for n in range(7):
            nets[20 + n] += str(value)
        nets[27] += str(value ^ 1)
        nets[29] += "0"
        nets[30] += str(last)
        nets[ZERO] += "0"
        if enable == "1":
            last = value ^ 1
        first = int(bit)
    return nets


def test_twenty_cells_by_hand(kit, make_netlist, rows_of):
    netlist = chain(make_netlist)
    timing = analyze_timing(netlist, kit.library, kit.wire, clock_slew_ns=0.0, input_slew_ns=0.0)
    rows, cycles = rows_of(netlist, behaviour("0101100110", "1111111111"))
    meter = Meter(netlist, kit, timing)
    meter.add(rows, cycles)
    spent = meter.spent
    assert spent.cycles == 9
    # The first flip-flop's output is 0 0 1 0 1 1 0 0 1 1: five changes, three up and two down,
    # through all inverters and buffers; the second follows inverted (1 at first, from its reset 0).
    ups, downs = 3, 2
    # Inverters: load 0.01 pF of the next and 0.001 of wire; 0.010 + 0.2 * load/0.1... at slew 0.5
    # behind the first (transition 0.5), 0.2 behind the flip-flop.
    load = 0.011

    def inverter_rise(slew, load):
        return 0.010 + 0.010 * slew + (0.020 + 0.0 * slew) * load / 0.1

    # Even inverters rise when the flip-flop falls.
    inverters = 0.0
    for n in range(10):
        slew = 0.2 if n == 0 else 0.5
        rises = downs if n % 2 == 0 else ups
        inverters += rises * inverter_rise(slew, load) + (5 - rises) * 0.002
    assert spent.energy_pj["a", Kind.LOGIC] == pytest.approx(inverters)
    # Six buffers 0.01 each; the NAND moves with A alone: 0.1 up (A falls), 0.2 down.
    assert spent.energy_pj["b", Kind.LOGIC] == pytest.approx(6 * 5 * 0.01 + downs * 0.1 + ups * 0.2)
    # Nets of block a: the flip-flop's and ten inverters', 0.5 C V^2 with V = 2.
    assert spent.energy_pj["a", Kind.NETS] == pytest.approx(11 * 5 * 0.5 * load * 4)
    # Block b: five buffers' nets of 0.011, the last one and the NAND's of 0.011 too, and the output
    # flip-flop's, which reaches no cell.
    assert spent.energy_pj["b", Kind.NETS] == pytest.approx(7 * 5 * 0.5 * 0.011 * 4)
    # Clock tree: the root reaches two pins of 0.02 pF with one buffer, the gated net one pin.
    wire = (0.003 + 18 * 0.002) / 20
    root = (2 * 0.02 + 0.01 + 3 * wire) * 4 + 2 * 0.01
    gated = (0.02 + 1 * wire) * 4
    gate_cell = 9 * 0.3 + 9 * 1.2
    tree = spent.energy_pj["a", Kind.CLOCK] + spent.energy_pj["b", Kind.CLOCK]
    assert tree == pytest.approx(9 * root + 9 * gated + gate_cell)


def test_timing_of_the_chain_by_hand(kit, make_netlist):
    timing = analyze_timing(
        chain(make_netlist), kit.library, kit.wire, clock_slew_ns=0.0, input_slew_ns=0.0
    )
    load = 0.011

    def inverter(rise, slew):
        return (0.1 if rise else 0.2) + 0.1 * slew + 0.2 * load / 0.1

    def through(edge):  # the flip-flop's edge
        at = 0.6 if edge else 0.7
        for n in range(10):
            edge = not edge
            at += inverter(edge, 0.2 if n == 0 else 0.5)
        at += 6 * 0.1
        edge = not edge
        return at + (0.2 if edge else 0.3) + (0.3 if edge else 0.4)  # NAND by A, setup

    assert timing.period_ns == pytest.approx(max(through(True), through(False)))
    assert timing.path[0].through == "u0 (TDFF)"
    assert timing.path[-1].through == "u19/D"
    assert len(timing.path) == 1 + 10 + 6 + 1 + 1
    assert timing.overloaded == 0


def test_paths_end_at_cells_that_state_no_setup(kit, make_netlist):
    """A latch states none here; its data arrives after a flip-flop and an inverter."""
    netlist = make_netlist(
        ("TDFF", {"CK": 2, "D": 3, "Q": 4}), ("TINV", {"A": 4, "Y": 5}),
        ("TLAT", {"G": 2, "D": 5, "Q": 6}), inputs={"d": (3,)},
    )  # fmt: skip
    timing = analyze_timing(netlist, kit.library, kit.wire, clock_slew_ns=0.0, input_slew_ns=0.0)
    load = 0.011
    rise, fall = (base + 0.1 * 0.2 + 0.2 * load / 0.1 for base in (0.1, 0.2))
    assert timing.period_ns == pytest.approx(max(0.7 + rise, 0.6 + fall))
    assert timing.path[-1].through == "u2/D"


def test_a_loop_without_a_flip_flop_is_refused(kit, make_netlist):
    from spikeforge.errors import SpikeforgeError

    netlist = make_netlist(("TINV", {"A": 3, "Y": 4}), ("TBUF", {"A": 4, "Y": 3}))
    with pytest.raises(SpikeforgeError, match=r"a combinational loop through u[01]$"):
        analyze_timing(netlist, kit.library, kit.wire, clock_slew_ns=0.0, input_slew_ns=0.0)
