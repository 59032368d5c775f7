from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.config import MemoryMode, configure
from hw.interface import Field, interface


@given(st.integers(0, 40), st.integers(1, 20), st.booleans(), st.data())
def test_a_field_takes_what_it_put_whatever_lies_around_it(shift, width, signed, data):
    field = Field(shift, width, signed)
    low, high = (-(1 << width - 1), (1 << width - 1) - 1) if signed else (0, (1 << width) - 1)
    number = data.draw(st.integers(low, high))
    noise = data.draw(st.integers(0, (1 << 70) - 1)) & ~(((1 << width) - 1) << shift)
    assert field.put(number) & ~(((1 << width) - 1) << shift) == 0
    assert field.take(field.put(number) | noise) == number


def test_field_by_hand():
    assert Field(3, 4, signed=True).put(-1) == 0b1111000
    assert Field(3, 4, signed=True).take(0b1000000) == -8
    assert Field(3, 4).take(0b1000000) == 8


@pytest.fixture(scope="module")
def network(networks):
    return networks.network_of(
        networks.Numbers(weight=[[1] * 5] * 9, steps=7, threshold=3, name="hidden"),
        networks.Numbers(weight=[[1] * 9] * 3), input_steps=4,
    )  # fmt: skip


def test_port_names_are_stable(network):
    names = [port.name for port in interface(network, configure(network, 4)).ports]
    assert names == [
        "clk", "rst", "events__payload", "events__valid", "events__ready", "result__payload",
        "result__valid", "result__ready", "loaded", "load_error", "identity", "load__payload",
        "load__valid", "load__ready", "probe_hidden", "tap_hidden", "probe_output",
    ]  # fmt: skip


def test_initialized_memories_have_no_load_stream(network):
    outside = interface(network, configure(network, 4, MemoryMode.INIT))
    assert not outside.loadable
    assert not [port.name for port in outside.ports if port.name.startswith("load__")]
    assert interface(network, configure(network, 4)).loadable


def test_fields_lie_one_after_the_other(network):
    fields = interface(network, configure(network, 4)).fields
    assert fields["events__payload"] == {
        "last": Field(0, 1), "address": Field(1, 3), "level": Field(4, 3),
    }  # fmt: skip
    assert fields["tap_hidden"] == {
        "valid": Field(0, 1), "ready": Field(1, 1), "event.last": Field(2, 1),
        "event.address": Field(3, 4), "event.level": Field(7, 3),
    }  # fmt: skip
    membrane_bits = network.layers[-1].neuron.membrane_bits
    assert fields["result__payload"] == {
        "last": Field(0, 1), "index": Field(1, 2), "membrane": Field(3, membrane_bits, True),
    }  # fmt: skip


def test_inputs_are_what_the_outside_drives(network):
    outside = interface(network, configure(network, 4))
    assert {port.name for port in outside.ports if port.is_input} == {
        "clk", "rst", "events__payload", "events__valid", "result__ready", "load__payload",
        "load__valid",
    }  # fmt: skip
