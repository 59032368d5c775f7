"""What ``spikeforge power --method gate`` does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from spikeforge.errors import MismatchError

if TYPE_CHECKING:
    from deploy.power.gate.estimate import GateRun
    from hw.config import HardwareConfig
    from spikeforge.cli.common import Images
    from spikeforge.network import Network

__all__ = ["run_gate"]


def run_gate(
    network: Path, liberty: Path | None, data: Path | None, images: int | None, lanes: int | None,
    clock_mhz: float | None, technology: str, bank_words: int | None,
    frugal: bool, images_per_second: float | None, as_json: bool,
) -> None:  # fmt: skip
    """Estimate a network on a technology's cells, and print or emit what was found.

    Raises:
        SpikeforgeError: For bad input, or a tool that fails.
        MismatchError: If netlist, RTL and reference differ.
    """
    from deploy.power.gate.banks import gate_config
    from deploy.power.gate.estimate import gate_estimate
    from deploy.power.gate.kit import load_kit
    from deploy.power.gate.screen import block_table, gate_table
    from deploy.power.gate.technology import technology_named
    from deploy.power.operating import check_rate
    from spikeforge.cli.common import emit, test_images
    from spikeforge.netfile import load_network
    from spikeforge.progress import console

    if images_per_second is not None:
        check_rate(images_per_second)
    chosen = technology_named(technology)
    loaded = load_network(network)
    kit = load_kit(chosen, liberty)
    config = gate_config(loaded, chosen, lanes, bank_words, frugal)
    pictures = test_images(loaded, data, images)
    found = gate_estimate(loaded, config, kit, pictures.levels, clock_mhz)
    report, simulation = found.report, found.simulation
    if images_per_second is not None:
        report.check_rate(images_per_second)
    record = _record(loaded, config, pictures, found, images_per_second)
    emit(record, as_json, gate_table(report, images_per_second))
    if not as_json:
        console.print(block_table(report))
    for note in (*report.notes, *report.unknown):
        console.print(f"- {note}", style="dim", soft_wrap=True, markup=False)
    console.print(f"Netlist, SAIF and logs: {found.folder}", style="dim", soft_wrap=True)
    if simulation.message:
        raise MismatchError(simulation.message)


def _record(
    network: Network, config: HardwareConfig, pictures: Images, found: GateRun,
    images_per_second: float | None,
) -> dict[str, object]:  # fmt: skip
    from hw.frugal import is_frugal
    from spikeforge.cli.sections import accuracy_section, network_section, rtl_section, versions

    record: dict[str, object] = {
        "schema": 1,
        "network": network_section(network, config),
        "dataset": pictures.describe(),
        "accuracy": accuracy_section(network, found.simulation, pictures.labels),
        **rtl_section(found.simulation),
        "hardware": {
            "lanes": config.lanes, "bank_words": config.bank_words, "frugal": is_frugal(config),
        },
        **found.report.to_json(),
        "versions": versions(),
    }  # fmt: skip
    if images_per_second is not None:
        dynamic, logic, memory = found.report.at_rate(images_per_second)
        record["at_rate"] = {
            "images_per_second": images_per_second, "dynamic_mw": dynamic, "logic_static_mw": logic,
            "memory_static_mw": {"low": memory[0], "high": memory[1]},
        }  # fmt: skip
    return record
