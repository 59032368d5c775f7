"""What the tests of the scatter engine share."""

from __future__ import annotations

import importlib
import importlib.util
import random
import sys
from pathlib import Path

import pytest


def _module(name):
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def plain():
    """The module of plain-integer neurons beside this file."""
    return _module("stepped_neuron")


def ram_class():
    from amaranth import Module
    from amaranth.lib import memory, wiring
    from amaranth.lib.wiring import In, Out

    from hw.widths import address_bits

    class SimulatedRam(wiring.Component):
        """What ram.v does, for Amaranth's simulator; it starts with random content."""

        def __init__(self, *, width, depth, grain, init="", ports=2, apart=False):
            self._shape = width, depth, grain
            address = address_bits(depth)
            super().__init__({"re": In(1), "ra": In(address), "rd": Out(width),
                              "we": In(width // grain), "wa": In(address),
                              "wd": In(width)})  # fmt: skip

        def elaborate(self, platform):
            m = Module()
            width, depth, grain = self._shape
            rng = random.Random(width * depth)
            content = [rng.getrandbits(width) for _ in range(depth)]
            m.submodules.data = data = memory.Memory(shape=width, depth=depth, init=content)
            write, read = data.write_port(granularity=grain), data.read_port()
            m.d.comb += [write.en.eq(self.we), write.addr.eq(self.wa), write.data.eq(self.wd),
                         read.en.eq(self.re), read.addr.eq(self.ra),
                         self.rd.eq(read.data)]  # fmt: skip
            return m

    return SimulatedRam


@pytest.fixture
def simulated_ram(monkeypatch):
    """Every memory of the scatter engine as Amaranth's simulator can run it."""
    simulated = ram_class()
    for part in Path(importlib.import_module("hw.scatter").__file__).parent.glob("[a-z]*.py"):
        module = importlib.import_module(f"hw.scatter.{part.stem}")
        if hasattr(module, "Ram"):
            monkeypatch.setattr(module, "Ram", simulated)
    return simulated


@pytest.fixture(scope="session")
def stepped_neuron():
    """A stepped neuron with sensible values for what a test leaves out."""
    from spikeforge.schema import NeuronSpec

    def make(**given):
        usual = {"schedule": "stepped", "steps": 4, "membrane_bits": 16, "current_bits": 14,
                 "threshold_bits": 6}  # fmt: skip
        return NeuronSpec(**{**usual, **given})

    return make


@pytest.fixture(scope="session")
def windowed_neuron():
    """Likewise a windowed one."""
    from spikeforge.schema import NeuronSpec

    def make(**given):
        usual = {"schedule": "windowed", "steps": 5, "membrane_bits": 14, "threshold_bits": 6}
        if given.get("fires", True):
            usual["threshold_shape"] = "falling"
        else:
            usual["threshold_bits"] = 0
        return NeuronSpec(**{**usual, **given})

    return make
