"""The netlist against the RTL: the class of every image, and the cycle that it comes in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deploy.power.gate.record import NetlistRun, with_neighbours
from hw.config import HardwareConfig
from hw.content import load_bytes
from hw.interface import interface
from sim.build import build_model, prepare_rtl
from sim.model import Batch, Model
from spikeforge.errors import MismatchError
from spikeforge.network import Network

__all__ = ["check_equal"]


def check_equal(
    run: NetlistRun, network: Network, config: HardwareConfig, levels: NDArray[np.uint8]
) -> None:
    """Run the same images on the compiled RTL, back to back, and compare.

    Raises:
        MismatchError: Names the first image that differs.
    """
    outside = interface(network, config)
    rtl = prepare_rtl(network, config)
    with Model(build_model(rtl, network, config), outside, rtl.folder) as model:
        model.load(load_bytes(network, config))
        batch = next(b for b in model.run(with_neighbours(levels)) if isinstance(b, Batch))
    images = slice(1, 1 + len(levels))
    pairs = (
        ("class", run.classes, batch.classes[images]),
        ("cycle", run.result_cycles, batch.result[images] - batch.first[0]),
    )
    for what, found, right in pairs:
        wrong = np.flatnonzero(found != right)
        if len(wrong):
            at = int(wrong[0])
            raise MismatchError(
                f"the netlist differs from the RTL in {len(wrong)} of {len(levels)} images, first "
                f"in image {at}: {what} {found[at]} in place of {right[at]}"
            )
