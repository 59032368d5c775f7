"""Networks for the tests of the generator."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def clocked():
    """Simulate one component: calls ``cycle(ctx, number)`` before each rising edge.

    Ends after ``cycles``, or 50 after the last one in which ``cycle`` said that something moved.
    """
    from amaranth.sim import Simulator

    def run(dut, cycle, cycles):
        async def bench(ctx):
            last = 0
            for number in range(cycles):
                if cycle(ctx, number):
                    last = number
                if number - last > 50:
                    return
                await ctx.tick()

        simulator = Simulator(dut)
        simulator.add_clock(1e-6)
        simulator.add_testbench(bench)
        simulator.run()

    return run


@pytest.fixture(scope="session")
def layer_geometry():
    """One layer's sizes with sensible values for what a test leaves out."""
    from hw.geometry import WindowedGeometry

    def make(**given):
        usual = {
            "name": "hidden", "fan_in": 6, "width": 5, "lanes": 2, "steps_in": 4, "steps": 4,
            "weight_bits": 4, "membrane_bits": 10, "threshold_bits": 5,
            "threshold_per_neuron": False, "bias_bits": 0,
        }  # fmt: skip
        return WindowedGeometry(**{**usual, **given})

    return make
