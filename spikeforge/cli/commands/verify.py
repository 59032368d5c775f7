"""``spikeforge verify``: the RTL against the reference, through cocotb."""

from __future__ import annotations

from pathlib import Path

import click

from spikeforge.cli.common import (
    data_option,
    emit,
    frugal_option,
    images_option,
    json_option,
    lanes_option,
    memory_option,
    network_argument,
)

__all__ = ["command"]


@click.command("verify")
@network_argument
@data_option
@images_option("Test images to run.", default=100)
@lanes_option
@memory_option
@frugal_option
@click.option("--seed", type=int, default=1, show_default=True, metavar="N",
              help="Seed of the random stalls.")  # fmt: skip
@click.option("--wave", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.fst",
              help="Record the run without stalls as a waveform (GTKWave, Surfer).")  # fmt: skip
@json_option
def command(
    network: Path, data: Path | None, images: int, lanes: int | None, memory: str, frugal: bool,
    seed: int, wave: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Check every event of every layer in Verilator, with and without random stalls.

    Without stalls the cycles must be those of the cycle model, too.

    \b
    Example:
      spikeforge verify models/mnist-tiny.safetensors --data path/to/mnist --images 20
    """
    from hw.config import MemoryMode, configure
    from hw.frugal import frugal_config
    from sim.verify import verify
    from spikeforge.cli.common import test_images
    from spikeforge.cli.sections import cocotb_section, network_section, versions
    from spikeforge.errors import MismatchError
    from spikeforge.netfile import load_network

    loaded = load_network(network)
    config = configure(loaded, lanes, MemoryMode(memory))
    if frugal:
        config = frugal_config(loaded, config)
    chosen = test_images(loaded, data, images)
    found = verify(loaded, config, chosen.levels, seed=seed, wave=wave)
    record = {
        "network": network_section(loaded, config),
        "dataset": chosen.describe(),
        "exact": {**cocotb_section(found), "cycle_mismatches": found.cycle_mismatches},
        "versions": versions(),
    }
    lines = [
        f"{item.name.replace('_', ' ')}: {item.images} images, {item.events} events, "
        f"{item.event_mismatches} events, {item.class_mismatches} classes and "
        f"{item.cycle_mismatches} cycle counts differ"
        for item in found.outcomes
    ]
    emit(record, as_json, "\n".join(lines))
    if wave is not None:
        from spikeforge.progress import console

        console.print(f"Waveform: {wave} (open it in GTKWave or Surfer)", soft_wrap=True,
                      markup=False)  # fmt: skip
    if found.message:
        raise MismatchError(found.message)
