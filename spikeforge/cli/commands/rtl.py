"""``spikeforge rtl``: from a network file to Verilog."""

from __future__ import annotations

from pathlib import Path

import click

from spikeforge.cli.common import emit, json_option, lanes_option, network_argument

__all__ = ["command"]


@click.command("rtl")
@network_argument
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR",
              help="Output folder.")  # fmt: skip
@lanes_option
@click.option("--memory", type=click.Choice(["load", "init"]), default="load", show_default=True,
              help="Weights through the load stream, or in initialized memories.")  # fmt: skip
@json_option
def command(network: Path, out: Path, lanes: int | None, memory: str, as_json: bool) -> None:
    """Generate the accelerator's Verilog and the hex files of its memories.

    \b
    Example:
      spikeforge rtl models/mnist-tiny.safetensors --out build --lanes 32
    """
    from hw.config import MemoryMode, configure
    from hw.content import hex_files, load_bytes
    from hw.geometry import geometry
    from hw.verilog import write_rtl
    from spikeforge.cli.sections import network_section, versions
    from spikeforge.files import prepare_folder, write_atomically
    from spikeforge.netfile import load_network

    loaded = load_network(network)
    config = configure(loaded, lanes, MemoryMode(memory))
    layers = geometry(loaded, config)
    verilog = write_rtl(loaded, config, prepare_folder(out))
    written = [str(verilog)]
    written += [str(out / "weights" / f"{name}.hex") for name in hex_files(loaded, config)]
    if config.memory is MemoryMode.LOAD:
        write_atomically(out / "weights" / "content.bin", load_bytes(loaded, config))
        written.append(str(out / "weights" / "content.bin"))
    record = {"network": network_section(loaded, config), "files": written, "versions": versions()}
    lines = [f"{part.name}: {part.width} neurons in {part.groups} groups of {part.lanes} lanes, "
             f"{part.rows} weight rows" for part in layers]  # fmt: skip
    emit(record, as_json, "\n".join([*lines, "", *written]))
