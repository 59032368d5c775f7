"""When the read-out of a scatter network takes rows and names a class."""

from __future__ import annotations

from hw.scatter.geometry import ScatterGeometry
from sim.timing.result import ResultTiming
from spikeforge.schema import Readout, ReadoutKind

__all__ = ["StepReadoutTiming"]


class StepReadoutTiming:
    """hw.readout_steps: a neuron a cycle, then the class.

    Args:
        geometry: The output layer.
        readout: How the class is read.
        beats: The register of the result stream; without it, results are taken at once.

    Attributes:
        result: Cycle in which the class of the image decided last was taken.
        through: Cycle in which the last row was taken.
    """

    def __init__(
        self, geometry: ScatterGeometry, readout: Readout, beats: ResultTiming | None = None
    ):
        self._geometry = geometry
        self._beats = beats or ResultTiming()
        self._in_memory = geometry.rows > 1 and readout.kind is not ReadoutKind.MAX_MEMBRANE
        self._first_spike = readout.kind is ReadoutKind.FIRST_SPIKE
        self.result = -1
        self.through = -1
        self._decided_step = 0
        self._step = 0
        self._row = 0
        self._free = 0  # the first cycle in which a row may be taken

    def load(self, decided_step: int) -> None:
        """Step of the decision about the image that comes next.

        With ``first_spike`` the first one in which an output neuron fires; else, or if none does,
        the layer's last.
        """
        self._decided_step = decided_step

    def push_row(self, time: int, last_row: bool, last_step: bool) -> int:
        """Offer a row from ``time`` on; returns the cycle in which it is taken."""
        self.through = self._take(time, last_row, last_step)
        return self.through

    def _take(self, time: int, last_row: bool, last_step: bool) -> int:
        g = self._geometry
        taken = max(time, self._free)
        deciding = self._step == self._decided_step
        block = self._row % g.blocks
        self._row = 0 if last_row else self._row + 1
        if last_row:
            self._step = 0 if last_step else self._step + 1
        if not deciding:
            return taken
        if self._in_memory and self._first_spike:
            if last_row:
                self._name(self._read_out(taken + 2, g.width))
            return taken
        taken = self._read_out(taken + self._in_memory, g.lanes_in_block(block))
        self._free = taken + 1
        if last_row:
            self._name(taken)
        return taken

    def _read_out(self, time: int, neurons: int) -> int:
        """Neurons are read out one a cycle from ``time`` on; returns the cycle of the last one."""
        for _ in range(neurons):
            entered = self._beats.enter(time)
            time = entered + 1
        return entered

    def _name(self, last_neuron: int) -> None:
        """The last neuron is read out in cycle ``last_neuron``, the class as soon as it can be."""
        self._free = self._beats.enter(last_neuron + 1) + 1
        self.result = self._beats.taken[-1]
