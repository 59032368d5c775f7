"""Compiled models for the tests of the simulation, each built once a session.

All builds go into one cache for the session (shared by the workers of pytest-xdist), so tests on
the same network and configuration share them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from hw.config import configure
from hw.content import load_bytes
from hw.interface import interface
from sim.build import build_model, prepare_rtl
from sim.model import Model


@pytest.fixture(scope="session")
def everything(module_at):
    """The module of the networks that hold every value of the contract."""
    return module_at(Path(__file__).parent / "everything.py")


@pytest.fixture(scope="session", autouse=True)
def build_cache(tmp_path_factory):
    """A cache of this session's own: nothing comes from, or stays in, the user's."""
    base = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        base = base.parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPIKEFORGE_CACHE", str(base / "build-cache"))
        yield base / "build-cache"


@dataclass
class Built:
    """A network with its compiled accelerator."""

    network: object
    config: object
    levels: np.ndarray
    interface: object
    library: Path
    folder: Path

    def model(self, *, loaded=True):
        """A fresh instance, with the network's own content where it is loaded."""
        model = Model(self.library, self.interface, self.folder)
        if loaded and self.interface.loadable:
            model.load(load_bytes(self.network, self.config))
        return model

    def run(self, *, single=False):
        """The batch of all images."""
        with self.model() as model:
            *_, batch = model.run(self.levels, single=single)
        return batch


@pytest.fixture(scope="session")
def compiled():
    """Compile a case, once a session."""
    made = {}

    def build(case):
        rtl = prepare_rtl(case.network, case.config)
        if rtl.folder not in made:
            library = build_model(rtl, case.network, case.config)
            rtl.write_hex(rtl.folder)
            made[rtl.folder] = library
        outside = interface(case.network, case.config)
        return Built(case.network, case.config, case.levels, outside, made[rtl.folder], rtl.folder)

    return build


@pytest.fixture(scope="session")
def tiny_case(networks):
    """3 inputs, 4 hidden neurons in two groups, 2 classes: small enough to follow by hand."""
    network = networks.network_of(
        networks.Numbers(weight=[[1, 2, -1], [3, -2, 1], [-1, -1, 4], [2, 2, 2]], steps=4,
                         threshold=3, name="hidden"),
        networks.Numbers(weight=[[1, -1, 2, 1], [-2, 3, 1, 1]], bias=[1, -1]),
        input_steps=4, name="tiny",
    )  # fmt: skip
    rng = np.random.default_rng(8)
    levels = np.vstack([[[0, 0, 0], [4, 4, 4], [1, 0, 3]], rng.integers(0, 5, (29, 3))])
    return networks.Case(network, configure(network, 2), levels.astype(np.uint8), [])


@pytest.fixture(scope="session")
def tiny(compiled, tiny_case):
    """The tiny network, compiled, content through the load stream."""
    return compiled(tiny_case)
