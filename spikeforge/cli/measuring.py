"""Measures a network for a comparison, once: the same network, hardware and images come back."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from spikeforge import __version__
from spikeforge.cache import cache_folder
from spikeforge.cli.common import Images, select_images, test_images
from spikeforge.errors import SpikeforgeError
from spikeforge.files import write_atomically
from spikeforge.netfile import load_network
from spikeforge.network import Network
from spikeforge.progress import console
from spikeforge.schema import Conv2d, Dense
from spikeforge.shapes import output_shape

if TYPE_CHECKING:
    from deploy.compare import Row
    from deploy.power import PowerReport, Profile
    from hw.config import HardwareConfig
    from sim.simulate import Simulation

__all__ = ["Terms", "measure"]


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What all networks of a comparison are measured by.

    Attributes:
        data: Folder of the data set, or None.
        images: Test images that run on the RTL.
        lanes: Neurons updated in one cycle, or None for the usual number; a network whose layers
            are all narrower takes its own width.
        profile: Technology of the estimate.
        clock_mhz: Its clock.
    """

    data: Path | None
    images: int
    lanes: int | None
    profile: Profile
    clock_mhz: float


def measure(path: Path, terms: Terms) -> Row:
    """Run a network's first test images on its RTL and estimate what they cost.

    Raises:
        SpikeforgeError: On bad input or a missing tool.
    """
    from deploy.compare import Comparison, load_comparison
    from hw.config import configure

    network = load_network(path)
    config = configure(network, None if terms.lanes is None else min(terms.lanes, _widest(network)))
    chosen = test_images(network, terms.data, None)
    select_images(chosen.dataset, terms.images)
    kept = cache_folder("comparisons") / f"{_key(network, config, chosen, terms)}.json"
    if kept.exists():
        try:
            row = load_comparison(kept).rows[0]
            console.print(f"[dim]{network.name}: unchanged, taken from the cache[/]")
            return row
        except (SpikeforgeError, IndexError):
            console.print(f"[yellow]{network.name}: its cached figures are damaged; again[/]")
    row = _measured(network, config, chosen, terms)
    write_atomically(kept, Comparison(rows=(row,)).to_text())
    return row


def _measured(network: Network, config: HardwareConfig, chosen: Images, terms: Terms) -> Row:
    from deploy.compare import measured_row
    from sim.simulate import simulate
    from sim.workload import workload

    found = simulate(network, config, chosen.levels[: terms.images])
    done = workload(network, found.trace)["SynapticOperations"]
    assert isinstance(done, dict)
    operations = float(done["Effective_MACs"] + done["Effective_ACs"])
    return measured_row(
        network, config.lanes, network.architecture_hash(**config.identity()), found,
        chosen.labels[: terms.images], operations, (chosen.dataset.name, chosen.dataset.split),
        _estimate(network, config, found, terms),
    )  # fmt: skip


def _estimate(
    network: Network, config: HardwareConfig, found: Simulation, terms: Terms
) -> PowerReport | str:
    """The estimate, or in words why there is none."""
    from deploy.power import estimate
    from hw.census import take_inventory

    try:
        inventory = take_inventory(network, config)
        return estimate(inventory, found.activity, terms.profile, terms.clock_mhz)
    except SpikeforgeError as error:
        return str(error)


def _widest(network: Network) -> int:
    shapes = [output_shape(layer, (0, 0, 0)) for layer in network.layers
              if isinstance(layer, Dense | Conv2d)]  # fmt: skip
    return max(channels for channels, _, _ in shapes)


def _key(network: Network, config: HardwareConfig, chosen: Images, terms: Terms) -> str:
    """Whatever decides a row, the code included."""
    digest = hashlib.sha256(chosen.dataset.test_images.tobytes())
    parts = [
        network.content_hash, network.architecture_hash(**config.identity()), terms.images,
        terms.profile.model_dump(mode="json"), terms.clock_mhz, network.metadata.recipe,
        network.metadata.accuracy_quantized, network.name, __version__,
    ]  # fmt: skip
    digest.update(json.dumps(parts, sort_keys=True).encode())
    for package in ("hw", "sim", "deploy.power"):
        for module in sorted(Path(str(files(package))).rglob("*.py")):
            digest.update(module.read_bytes())
    return digest.hexdigest()[:24]
