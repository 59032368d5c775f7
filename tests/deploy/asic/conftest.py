"""One small network with macros, handed over once for each kit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from spikeforge.netfile import save_network


@dataclass(frozen=True)
class Handed:
    """A finished hand-off."""

    pdk: Any
    network: Any
    network_file: Path
    config: Any
    folder: Path
    record: dict[str, Any]

    def text(self, name):
        return (self.folder / name).read_text()


@pytest.fixture(scope="session")
def small_network(mnist_shaped):
    return mnist_shaped("small", 12)


@pytest.fixture(scope="session")
def small_file(small_network, tmp_path_factory):
    path = tmp_path_factory.mktemp("asic") / "small.safetensors"
    save_network(small_network, path)
    return path


@pytest.fixture(scope="session")
def hand_over(small_network, small_file):
    """Write a hand-off of the small network into a folder."""
    from deploy.asic.design import asic_config
    from deploy.asic.handoff import write_handoff
    from deploy.asic.pdk import pdk_named

    def call(name, out):
        pdk = pdk_named(name)
        config = asic_config(small_network, pdk, 4)
        record = write_handoff(small_network, small_file, config, pdk, 50.0, out)
        return Handed(pdk, small_network, small_file, config, out, record)

    return call


@pytest.fixture(scope="session")
def _made():
    return {}


@pytest.fixture(scope="session")
def handed_over(hand_over, tmp_path_factory, _made):
    """A finished hand-off by the kit's name; tests only read it."""

    def get(name):
        if name not in _made:
            _made[name] = hand_over(name, tmp_path_factory.mktemp(name) / "out")
        return _made[name]

    return get
