"""Buffers: every heavy net gets a tree, and nothing else changes."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy.power.gate.buffering import MOST_SINKS, with_buffers


def source_of(netlist, net, library):
    """Follow buffers back to what drives them."""
    drivers = {
        one.nets[pin.name]: one for one in netlist.instances
        for pin in library.cell(one.cell).outputs if pin.name in one.nets
    }  # fmt: skip
    while net in drivers and drivers[net].name.startswith("buffer"):
        net = drivers[net].nets["A"]
    return net


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(1, 700))
def test_any_fan_out(kit, make_netlist, sinks):
    cells = [("TINV", {"A": 3, "Y": 4})] + [("TINV", {"A": 4, "Y": 5 + n}) for n in range(sinks)]
    netlist = with_buffers(make_netlist(*cells, inputs={"a": (3,)}), kit)
    reached = [one.nets["A"] for one in netlist.instances[1 : 1 + sinks]]
    assert all(source_of(netlist, net, kit.library) == 4 for net in reached)
    fan_out = {}
    for one in netlist.instances:
        fan_out[one.nets["A"]] = fan_out.get(one.nets["A"], 0) + 1
    assert max(fan_out.values()) <= MOST_SINKS
    if sinks <= MOST_SINKS:
        assert len(netlist.instances) == 1 + sinks  # 16 pins of 0.01 pF are no overload here
    assert len({one.nets["Y"] for one in netlist.instances}) == len(netlist.instances)


def test_a_driver_that_states_little_gets_a_buffer_sooner(kit, make_netlist, monkeypatch):
    from dataclasses import replace

    cell = kit.library.cell("TINV")
    weak = replace(
        cell, name="TWEAK", pins={**cell.pins, "Y": replace(cell.pins["Y"], most_load_pf=0.05)}
    )
    kit.library.add(weak)
    cells = [("TWEAK", {"A": 3, "Y": 4})] + [("TINV", {"A": 4, "Y": 5 + n}) for n in range(6)]
    netlist = with_buffers(make_netlist(*cells, inputs={"a": (3,)}), kit)
    assert [one.nets["A"] for one in netlist.instances].count(4) == 1


def test_clocks_are_left_to_their_tree(kit, make_netlist):
    cells = [("TICG", {"CK": 2, "EN": 3, "GCK": 4})]
    cells += [("TDFF", {"CK": 4, "D": 3, "Q": 5 + n}) for n in range(40)]
    netlist = with_buffers(make_netlist(*cells, inputs={"en": (3,)}), kit)
    assert sum(one.nets.get("CK") == 4 for one in netlist.instances) == 40
    assert sum(one.nets.get("A") == 3 for one in netlist.instances) > 0  # the data net is heavy
