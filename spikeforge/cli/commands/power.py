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
from spikeforge.cli.event import run_event
from spikeforge.cli.gate import run_gate
from spikeforge.errors import MismatchError, SpikeforgeError

__all__ = ["command"]


@click.command("power")
@network_argument
@click.option("--method", type=click.Choice(["event", "gate", "fpga"]), default="event",
              show_default=True,
              help="Counts times a profile's energies; a synthesized netlist and its cells' "
              "tables; or a placed design times measured currents.")  # fmt: skip
@click.option("--liberty", type=click.Path(path_type=Path), metavar="DIR",
              help="Method gate: folder of the technology's Liberty files. Default: where ciel, "
              "volare or PDK_ROOT keep them.")  # fmt: skip
@click.option("--bank-words", type=int, metavar="N",
              help="Method gate: depth of the deepest memory macro. Default: the shallowest within "
              "8 mm2.")  # fmt: skip
@click.option("--frugal", is_flag=True,
              help="Method gate: windowed dense layers for less energy at a slower clock: rows are "
              "added as they are read, neurons whose weight is 0 get no clock, events are stored "
              "in pairs.")  # fmt: skip
@click.option("--bitstream", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Method fpga: folder that 'spikeforge bitstream' wrote.")  # fmt: skip
@click.option("--images-per-second", type=float, metavar="F",
              help="Power at this rate: event, of several lanes, the best one marked; fpga, the "
              "clock runs on between images; gate, it stops. Default: back to back.")  # fmt: skip
@data_option
@images_option("Test images to count activity on. Default: all.")
@lanes_option
@clock_option
@technology_option
@json_option
@click.pass_context
def command(
    context: click.Context, network: Path, method: str, liberty: Path | None,
    bank_words: int | None, frugal: bool, bitstream: Path | None,
    images_per_second: float | None, data: Path | None, images: int | None, lanes: int | None,
    clock_mhz: float | None, technology: str, as_json: bool,
) -> None:  # fmt: skip
    """Estimate energy and power: for an ASIC by events or gates, for an FPGA by currents.

    \b
    Example:
      spikeforge power models/mnist-mlp.safetensors --data path/to/mnist --images 1000
      spikeforge power models/mnist-tiny.safetensors --method gate --liberty DIR --images 20
      spikeforge power models/mnist-tiny.safetensors --method fpga --bitstream build
    """
    _check_options(context, method)
    if method == "fpga":
        assert bitstream is not None
        _fpga(network, bitstream, images_per_second, data, images, as_json)
    elif method == "gate":
        run_gate(network, liberty, data, images, lanes, clock_mhz, technology, bank_words,
                 frugal, images_per_second, as_json)  # fmt: skip
    else:
        run_event(network, data, images, lanes, clock_mhz, technology, images_per_second, as_json)


_TAKES = {
    "event": {"lanes", "clock_mhz", "technology", "images_per_second"},
    "gate": {
        "lanes",
        "clock_mhz",
        "technology",
        "liberty",
        "bank_words",
        "frugal",
        "images_per_second",
    },
    "fpga": {"bitstream", "images_per_second"},
}


def _check_options(context: click.Context, method: str) -> None:
    """Refuse what belongs to other methods."""
    for name in sorted(set().union(*_TAKES.values()) - _TAKES[method]):
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            others = " or ".join(
                f"--method {other}" for other, own in _TAKES.items() if name in own
            )
            raise SpikeforgeError(
                f"--{name.replace('_', '-')} belongs to {others}; leave it out"
                + (": a bitstream has its own" if method == "fpga" else " or choose that method")
            )
    if method == "fpga" and context.params["bitstream"] is None:
        raise SpikeforgeError(
            "--method fpga needs --bitstream DIR, the folder that 'spikeforge bitstream' wrote"
        )


def _fpga(
    network: Path, bitstream: Path, images_per_second: float | None, data: Path | None,
    images: int | None, as_json: bool,
) -> None:  # fmt: skip
    from deploy.boards.design import board_config
    from deploy.power.fpga import count_activity, estimate_fpga, load_design
    from deploy.power.fpga.screen import fpga_table, judged_lines
    from hw.census import take_inventory
    from hw.content import architecture_hash
    from sim.simulate import simulate
    from spikeforge.cli.common import test_images
    from spikeforge.cli.sections import accuracy_section, network_section, rtl_section, versions
    from spikeforge.netfile import load_network
    from spikeforge.progress import console

    design = load_design(bitstream)
    loaded = load_network(network)
    config = board_config(loaded, design.board, design.lanes)
    own = architecture_hash(loaded, config)
    if own != design.architecture:
        raise SpikeforgeError(
            f"{bitstream}: was built for {design.network} (architecture "
            f"{design.architecture[:12]}), and {network} is another network ({own[:12]} at "
            f"{design.lanes} lanes); build its bitstream first"
        )
    chosen = test_images(loaded, data, images)
    found = simulate(loaded, config, chosen.levels)
    activity = count_activity(
        take_inventory(loaded, config), config, design.board.family, found.activity
    )
    power = estimate_fpga(design, activity, images_per_second)
    record: dict[str, object] = {
        "schema": 1,
        "network": network_section(loaded, config),
        "dataset": chosen.describe(),
        "accuracy": accuracy_section(loaded, found, chosen.labels),
        **rtl_section(found),
        **power.to_json(),
        "versions": versions(),
    }
    emit(record, as_json, fpga_table(power))
    for note in power.notes:
        console.print(f"- {note}", style="dim", soft_wrap=True, markup=False)
    if power.judged:
        console.print("Every published point, predicted from the others:", style="dim")
    for line in judged_lines(power):
        console.print(f"- {line}", style="dim", soft_wrap=True, markup=False, highlight=False)
    if found.message:
        raise MismatchError(found.message)
