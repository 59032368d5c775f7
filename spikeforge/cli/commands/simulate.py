"""``spikeforge simulate``: a whole test set through the compiled RTL."""

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


@click.command("simulate")
@network_argument
@data_option
@images_option("Test images to run. Default: all.")
@lanes_option
@memory_option
@frugal_option
@click.option("--workers", type=int, metavar="N", help="Models at once. Default: one a core.")
@json_option
def command(
    network: Path, data: Path | None, images: int | None, lanes: int | None, memory: str,
    frugal: bool, workers: int | None, as_json: bool,
) -> None:  # fmt: skip
    """Run test images through the compiled RTL and compare classes, membranes and cycles.

    \b
    Example:
      spikeforge simulate models/mnist-mlp.safetensors --data path/to/mnist --lanes 16
    """
    from hw.config import MemoryMode, configure
    from hw.frugal import frugal_config
    from sim.simulate import simulate
    from spikeforge.cli.common import test_images
    from spikeforge.cli.sections import (
        accuracy_section,
        network_section,
        rtl_section,
        versions,
    )
    from spikeforge.errors import MismatchError, SpikeforgeError
    from spikeforge.netfile import load_network

    if workers is not None and workers < 1:
        raise SpikeforgeError(f"--workers must be a positive integer, not {workers}")
    loaded = load_network(network)
    config = configure(loaded, lanes, MemoryMode(memory))
    if frugal:
        config = frugal_config(loaded, config)
    chosen = test_images(loaded, data, images)
    found = simulate(loaded, config, chosen.levels, workers=workers)
    record: dict[str, object] = {
        "network": network_section(loaded, config),
        "dataset": chosen.describe(),
        "accuracy": accuracy_section(loaded, found, chosen.labels),
        **rtl_section(found),
        "versions": versions(),
    }
    per_image = found.interval_mean
    shown = "\n".join(
        [
            f"accuracy of the RTL: {(found.classes == chosen.labels).mean():.2%} on "
            f"{len(chosen.labels)} images",
            f"differing from the models: {found.class_mismatches} classes or membranes, "
            f"{found.cycle_mismatches} cycle counts",
            f"latency {found.latency_cycles.mean():.1f} cycles, interval {per_image:.1f}, "
            f"memory bound {found.bound_cycles.mean():.1f}: efficiency {found.efficiency:.3f}",
            f"speed of the model: {found.cycles_per_second / 1e6:.2f} M cycles/s a worker, "
            f"{found.cycles_per_second / per_image:.0f} images/s; built in "
            f"{found.build_seconds:.1f} s",
        ]
    )
    emit(record, as_json, shown)
    if found.message:
        raise MismatchError(found.message)
