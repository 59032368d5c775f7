from __future__ import annotations

import numpy as np
import pytest
from amaranth.sim import Simulator

from hw.link.coder import PixelCoder
from spikeforge.coding import encode
from spikeforge.schema import InputSpec


@pytest.mark.parametrize(
    "given",
    [{"coding": "ttfs_levels", "steps": steps} for steps in (1, 2, 12, 15, 16, 100, 255)]
    + [{"coding": "ttfs_levels", "steps": 15, "threshold": 64}]
    + [{"coding": "graded", "steps": 4, "bits": bits} for bits in (1, 4, 8)],
)
def test_every_pixel_gets_the_level_of_the_definition(given):
    spec = InputSpec(shape=(1, 1, 256), **given)
    expected = encode(np.arange(256, dtype=np.uint8).reshape(1, 1, 256), spec)[0]
    coder, found = PixelCoder(spec), []

    async def bench(ctx):
        for pixel in range(256):
            ctx.set(coder.pixel, pixel)
            found.append(ctx.get(coder.level))

    simulator = Simulator(coder)
    simulator.add_testbench(bench)
    simulator.run()
    assert found == expected.tolist()
