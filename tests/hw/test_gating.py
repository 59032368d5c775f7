from __future__ import annotations

from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.gating import clock_enable


class Enable(wiring.Component):
    def __init__(self):
        super().__init__({"active": In(1), "clear": In(1), "enable": Out(1)})

    def elaborate(self, platform):
        m = Module()
        found = clock_enable(m, "block", active=self.active, clear=self.clear)
        m.d.comb += self.enable.eq(found)
        return m


def test_the_clock_runs_while_there_is_work_and_for_one_cycle_of_a_clear(clocked):
    dut = Enable()
    active = [0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    clear = [0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 1, 0]
    wanted = [0, 0, 1, 1, 0, 1, 0, 0, 0, 0, 1, 0]
    found = []

    def cycle(ctx, number):
        ctx.set(dut.active, active[number])
        ctx.set(dut.clear, clear[number])
        found.append(ctx.get(dut.enable))
        return True

    clocked(dut, cycle, len(active))
    assert found == wanted
