"""``asic.json``: what was handed over, what it is made of, and every file with its hash."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from deploy.asic.constraints import period_ns
from deploy.asic.elaborate import Elaborated
from deploy.asic.floorplan import Floorplan
from deploy.asic.folder import RECORD
from deploy.asic.macros import macro_area_um2
from deploy.asic.pdk import Pdk
from hw.config import HardwareConfig
from hw.content import architecture_hash
from hw.frugal import is_frugal
from spikeforge import __version__
from spikeforge.files import file_sha256, write_atomically
from spikeforge.network import Network

__all__ = ["SCHEMA", "make_record", "write_record"]

SCHEMA = 1


def make_record(
    network: Network, network_file: Path, config: HardwareConfig, pdk: Pdk, clock_mhz: float,
    found: Elaborated, floor: Floorplan | None, versions: dict[str, str],
) -> dict[str, Any]:  # fmt: skip
    """The record without its files."""
    counts = sorted(found.macro_counts.items())
    macro_um2 = sum(count * macro_area_um2(name) for name, count in counts)
    return {
        "schema": SCHEMA,
        "network": {
            "name": network.name, "file_sha256": file_sha256(network_file),
            "architecture": architecture_hash(network, config), "content": network.content_hash,
        },
        "pdk": {
            "name": pdk.name, "title": pdk.title, "librelane": pdk.flow_name,
            "siliconcompiler": pdk.target,
        },
        "lanes": config.lanes,
        "bank_words": config.bank_words,
        "frugal": is_frugal(config),
        "clock": {"mhz": clock_mhz, "period_ns": period_ns(clock_mhz), "timing": "not checked"},
        "macros": [
            {"name": name, "count": count, "area_um2": macro_area_um2(name)}
            for name, count in counts
        ],
        "macro_area_mm2": round(1e-6 * macro_um2, 4),
        "flip_flops": found.flip_flops,
        "memory_bits_in_flip_flops": found.memory_bits,
        "memories_in_flip_flops": [
            {"name": name, "words": words, "bits": bits}
            for name, (words, bits) in found.memories.items()
        ],
        "clock_gates": found.gates,
        "cell_area_mm2": round(1e-6 * pdk.cell_um2 * (found.flip_flops + found.memory_bits), 4),
        "die_um": None if floor is None else [floor.width_um, floor.height_um],
        "checks": ["Yosys elaboration", "Verilator lint", "constraints", "configuration"],
        "place_and_route": "not run",
        "notes": _notes(found, pdk),
        "versions": {"spikeforge": __version__, **versions},
    }  # fmt: skip


def _notes(found: Elaborated, pdk: Pdk) -> list[str]:
    notes = ["place and route was not run: clock, areas of cells and floorplan are assumptions"]
    if not pdk.macros:
        area = 1e-6 * pdk.cell_um2 * found.memory_bits
        notes.append(
            f"{pdk.name} has no SRAM macros of these shapes: {found.memory_bits:,} bits of memory "
            f"become flip-flops, about {area:.2f} mm2 of cells; README.md tells how to put macros "
            "of OpenRAM in their place"
        )
    return notes


def write_record(folder: Path, record: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Write the record with the hashes of files of those names; returns it."""
    whole = {**record, "files": {name: file_sha256(folder / name) for name in sorted(names)}}
    write_atomically(folder / RECORD, json.dumps(whole, indent=2) + "\n")
    return whole
