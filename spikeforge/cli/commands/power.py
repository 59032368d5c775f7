"""``spikeforge power``: energy, power and latency of a network, estimated."""

from __future__ import annotations

from pathlib import Path

import click

from spikeforge.cli.common import (
    clock_option,
    data_option,
    emit,
    images_option,
    json_option,
    lanes_option,
    network_argument,
    technology_option,
)

__all__ = ["command"]


@click.command("power")
@network_argument
@data_option
@images_option("Test images to count activity on. Default: all.")
@lanes_option
@clock_option
@technology_option
@json_option
def command(
    network: Path, data: Path | None, images: int | None, lanes: int | None,
    clock_mhz: float | None, technology: str, as_json: bool,
) -> None:  # fmt: skip
    """Estimate energy an image by the event method: counts on the RTL times energies of a profile.

    \b
    Example:
      spikeforge power models/mnist-mlp.safetensors --data path/to/mnist --images 1000
    """
    from deploy.power import estimate, load_profile
    from deploy.power.event import check_clock
    from deploy.report import summary_table
    from hw.census import take_inventory
    from hw.config import configure
    from sim.simulate import simulate
    from sim.workload import workload
    from spikeforge.cli.common import test_images
    from spikeforge.cli.sections import (
        accuracy_section,
        network_section,
        power_section,
        rtl_section,
        versions,
    )
    from spikeforge.errors import MismatchError
    from spikeforge.netfile import load_network
    from spikeforge.progress import console

    profile = load_profile(technology)
    clock = check_clock(profile, clock_mhz)
    loaded = load_network(network)
    config = configure(loaded, lanes)
    chosen = test_images(loaded, data, images)
    found = simulate(loaded, config, chosen.levels)
    power = estimate(take_inventory(loaded, config), found.activity, profile, clock)
    record: dict[str, object] = {
        "schema": 1,
        "network": network_section(loaded, config),
        "dataset": chosen.describe(),
        "accuracy": accuracy_section(loaded, found, chosen.labels),
        **rtl_section(found),
        **power_section(power, found),
        "workload": workload(loaded, found.trace),
        "versions": versions(),
    }
    emit(record, as_json, summary_table(record))
    for note in power.notes:
        console.print(f"- {note}", style="dim", soft_wrap=True, markup=False)
    if found.message:
        raise MismatchError(found.message)
