"""``spikeforge rtl``: from a network file to Verilog."""

from __future__ import annotations

from pathlib import Path

import click

from spikeforge.cli.common import (
    emit,
    frugal_option,
    json_option,
    lanes_option,
    memory_option,
    network_argument,
)

__all__ = ["command"]


@click.command("rtl")
@network_argument
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR",
              help="Output folder.")  # fmt: skip
@lanes_option
@memory_option
@frugal_option
@click.option("--technology", type=click.Choice(["generic", "spram", "sg13g2"]), default="generic",
              show_default=True, help="What memories are made of.")  # fmt: skip
@click.option("--clock-gating", is_flag=True, help="A clock-gating cell for each block.")
@click.option("--skip-zero-rows/--keep-zero-rows", default=None,
              help="Leave out weight rows that are all zero; by default where that saves a quarter "
              "of them.")  # fmt: skip
@click.option("--graded", type=click.Choice(["bitplane", "dsp"]), default="bitplane",
              show_default=True, help="Graded input bit by bit, or by multipliers.")  # fmt: skip
@click.option("--bus", type=click.Choice(["stream", "axi"]), default="stream", show_default=True,
              help="Ports: plain streams, or AXI4-Stream and AXI4-Lite registers.")  # fmt: skip
@json_option
def command(
    network: Path, out: Path, lanes: int | None, memory: str, frugal: bool, technology: str,
    clock_gating: bool, skip_zero_rows: bool | None, graded: str, bus: str, as_json: bool,
) -> None:  # fmt: skip
    """Generate the accelerator's Verilog and the hex files of its memories.

    \b
    Example:
      spikeforge rtl models/mnist-tiny.safetensors --out build --lanes 32
    """
    from hw.axi.verilog import write_axi_rtl
    from hw.config import GradedMode, MemoryMode, configure
    from hw.content import hex_files, load_bytes
    from hw.frugal import frugal_config
    from hw.geometry import geometry
    from hw.memory.technology import Technology
    from hw.verilog import write_rtl
    from spikeforge.cli.sections import network_section, versions
    from spikeforge.files import prepare_folder, write_atomically
    from spikeforge.netfile import load_network

    loaded = load_network(network)
    config = configure(
        loaded, lanes, MemoryMode(memory), technology=Technology(technology),
        clock_gating=clock_gating, skip_zero_rows=skip_zero_rows, graded=GradedMode(graded),
    )  # fmt: skip
    if frugal:
        config = frugal_config(loaded, config)
    layers = geometry(loaded, config)
    folder = prepare_folder(out)
    if bus == "axi":
        written = [str(path) for path in write_axi_rtl(loaded, config, folder)]
    else:
        written = [str(write_rtl(loaded, config, folder))]
    written += [str(out / "weights" / f"{name}.hex") for name in hex_files(loaded, config)]
    if config.memory.loadable:
        write_atomically(out / "weights" / "content.bin", load_bytes(loaded, config))
        written.append(str(out / "weights" / "content.bin"))
    record = {"network": network_section(loaded, config), "files": written, "versions": versions()}
    lines = [f"{node.name}: {node.summary}" for node in layers]
    emit(record, as_json, "\n".join([*lines, "", *written]))
