from __future__ import annotations

import pytest
from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from hw.scatter.quotient import quotient, reciprocal


@pytest.mark.parametrize("count", [1, 2, 7, 64, 100, 784, 1000, 4096])
def test_every_value_of_a_range_is_divided_exactly(count):
    for divisor in (*range(1, 40), 64, 100, 255, count, count + 3):
        factor, shift = reciprocal(count, divisor)
        assert all(x * factor >> shift == x // divisor for x in range(count)), divisor


def test_a_power_of_two_costs_no_multiplication():
    assert reciprocal(1 << 20, 8) == (1, 3)
    assert reciprocal(1 << 20, 1) == (1, 0)


class _Divided(wiring.Component):
    def __init__(self, count, divisor):
        self._numbers = count, divisor
        super().__init__({"value": In(range(count)), "whole": Out(16), "rest": Out(16)})

    def elaborate(self, platform):
        m = Module()
        whole, rest = quotient(m, "x", self.value, *self._numbers)
        m.d.comb += [self.whole.eq(whole), self.rest.eq(rest)]
        return m


@pytest.mark.parametrize(("count", "divisor"), [(784, 28), (75, 3), (20, 20), (6, 9), (130, 1)])
def test_the_logic_gives_quotient_and_remainder(count, divisor):
    dut = _Divided(count, divisor)

    async def bench(ctx):
        for value in range(count):
            ctx.set(dut.value, value)
            assert (ctx.get(dut.whole), ctx.get(dut.rest)) == divmod(value, divisor)

    simulator = Simulator(dut)
    simulator.add_testbench(bench)
    simulator.run()
