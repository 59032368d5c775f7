"""``bitstream.json``: what was built, how fast it is, and every file with its hash."""

from __future__ import annotations

import json
import re
import shutil
import struct
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.bitstream.build import Built
from deploy.bitstream.tools import tool_versions
from deploy.boards import Board, Family
from hw.config import HardwareConfig
from hw.content import architecture_hash, load_bytes
from hw.link.flash import flash_image
from hw.link.gateware import LinkConfig
from hw.link.protocol import CRC_BYTES, RESULT_FORMAT
from spikeforge.files import file_sha256, prepare_folder, write_atomically
from spikeforge.network import Network

__all__ = ["RECORD", "SCHEMA", "Speed", "link_image_us", "write_bitstream"]

SCHEMA = 1
RECORD = "bitstream.json"
_KEPT = ("accelerator.v", "netlist.v", "netlist.json", "placed.config", "yosys.log")
_FLIP_FLOPS = re.compile(r"SB_DFF|TRELLIS_FF")
_LUTS = {Family.ICE40: "SB_LUT4", Family.ECP5: "LUT4"}
_FRAME_BYTES = CRC_BYTES + 2  # the CRC and two ENDs
_QUESTION_BYTES = 2 + _FRAME_BYTES  # number, command; the image comes on top
_ANSWER_BYTES = 3 + struct.calcsize(RESULT_FORMAT) + _FRAME_BYTES  # number, command, status


@dataclass(frozen=True)
class Speed:
    """Cycles of images on the RTL.

    Attributes:
        cycles: Mean cycles from the first event to the class.
        interval: Mean cycles from one class to the next, back to back.
        images: On how many they were measured.
        data: Of which set.
    """

    cycles: float
    interval: float
    images: int
    data: str

    def section(self, clock_mhz: float, link_us: float) -> dict[str, object]:
        """The record's key ``speed``."""
        return {
            "images": self.images, "data": self.data, "cycles_per_image": round(self.cycles, 1),
            "us_per_image": round(self.cycles / clock_mhz, 3),
            "interval_cycles": round(self.interval, 1),
            "images_per_second": round(1e6 * clock_mhz / self.interval, 1),
            "link_images_per_second": round(1e6 / link_us, 1),
        }  # fmt: skip


def link_image_us(network: Network, link: LinkConfig) -> float:
    """How long the line needs for an image and its answer, in microseconds (without escapes)."""
    count = network.input.size + _QUESTION_BYTES + _ANSWER_BYTES
    return count * 10 * 1e6 / link.baud


def write_bitstream(
    built: Built, network: Network, network_file: Path, config: HardwareConfig, board: Board,
    link: LinkConfig, speed: Speed | None, proven: int, out: Path,
) -> dict[str, Any]:  # fmt: skip
    """Copy a bitstream and what belongs to it into a folder; ``bitstream.json`` comes last.

    ``proven``: images on which the netlist was run and did what the RTL does.

    Returns:
        What stands in ``bitstream.json``.

    Raises:
        SpikeforgeError: If the folder cannot be written.
    """
    prepare_folder(out)
    for name in (*_KEPT, built.bitstream):
        shutil.copyfile(built.folder / name, out / name)
    written = [built.bitstream, *_KEPT]
    if config.memory.loadable:
        write_atomically(out / "content.bin", flash_image(load_bytes(network, config)))
        written.append("content.bin")
    clock = built.clock.mhz
    used, has = built.placement.used, built.placement.available
    record: dict[str, Any] = {
        "schema": SCHEMA, "board": board.name, "title": board.title, "device": board.device,
        "network": {
            "name": network.name, "file_sha256": file_sha256(network_file),
            "architecture": architecture_hash(network, config), "content": network.content_hash,
        },
        "lanes": config.lanes, "memory": config.memory.value,
        "clock_mhz": {
            "asked": round(clock, 4), "reached": round(built.placement.reached_mhz, 2),
            "source": built.clock.source,
            "oscillator_on_network": built.clock.oscillator_on_network(board.family),
        },
        "baud": link.baud, "seed": built.placement.seed,
        "cells": {**_cells(built.folder / "netlist.json", board), **_placed(used, board)},
        "available": _placed(has, board),
        "speed": None if speed is None else speed.section(clock, link_image_us(network, link)),
        "netlist_images_equal": proven,
        "build_seconds": built.seconds, "tools": tool_versions(board),
        "program": board.program,
        "files": {name: file_sha256(out / name) for name in sorted(written)},
    }  # fmt: skip
    write_atomically(out / RECORD, json.dumps(record, indent=2) + "\n")
    return record


def _placed(found: dict[str, int], board: Board) -> dict[str, int]:
    """Cells as place and route counts them; its iCE40 cell is a LUT with a flip-flop."""
    names = {"luts": "logic_cells", "flip_flops": "placed_flip_flops"}
    return {names.get(key, key): count for key, count in found.items()}


def _cells(netlist: Path, board: Board) -> dict[str, int]:
    modules = json.loads(netlist.read_text())["modules"]
    kinds = Counter(cell["type"] for cell in modules["top"]["cells"].values())
    return {
        "luts": kinds[_LUTS[board.family]],
        "flip_flops": sum(n for kind, n in kinds.items() if _FLIP_FLOPS.match(kind)),
    }
