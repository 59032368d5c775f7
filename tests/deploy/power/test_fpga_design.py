"""Reading a bitstream's record, counting for its blocks, and the command line around both."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from deploy.boards import BOARDS, Family
from deploy.boards.design import board_config
from deploy.power.fpga import count_activity, load_design
from hw.inventory import Block, Inventory, Memory, MemoryKind
from sim.activity import Activity, Operation, OperationKind
from spikeforge.cli.commands.power import command
from spikeforge.errors import SpikeforgeError
from spikeforge.netfile import load_network

MODEL = Path(__file__).parents[3] / "models" / "mnist-tiny.safetensors"
RECORD = {
    "schema": 1, "board": "icebreaker", "title": "iCEBreaker", "device": "iCE40UP5K",
    "network": {"name": "tiny", "file_sha256": "0" * 64, "architecture": "ab" * 32,
                "content": "0" * 64},
    "lanes": 16, "memory": "load",
    "clock_mhz": {"asked": 12.0, "reached": 14.2, "source": "the board's 12 MHz oscillator"},
    "cells": {"luts": 4500, "flip_flops": 1900, "logic_cells": 5030, "block_rams": 16, "sprams": 4,
              "dsps": 2},
    "speed": None,
}  # fmt: skip


def folder(tmp_path: Path, **fields: object) -> Path:
    (tmp_path / "bitstream.json").write_text(json.dumps({**RECORD, **fields}))
    return tmp_path


def test_a_record_becomes_a_design(tmp_path: Path) -> None:
    design = load_design(folder(tmp_path))
    assert design.board is BOARDS["icebreaker"]
    assert (design.logic_cells, design.flip_flops, design.block_rams) == (5030, 1900, 16)
    assert (design.sprams, design.dsps, design.lanes) == (4, 2, 16)
    assert (design.clock_mhz, design.clock_source) == (12.0, "the board's 12 MHz oscillator")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"schema": 0}, r"schema must be 1, not 0; build the bitstream again with this version"),
        ({"schema": "1"}, r"schema must be 1, not '1'"),
        ({"cells": {"luts": 1}}, r"cells\.flip_flops is missing"),
        ({"lanes": 0}, r"lanes should be greater than or equal to 1, not 0"),
        ({"board": "icebraker"}, r"board must be one of .*did you mean 'icebreaker'"),
        ({"clock_mhz": {"asked": -3.0, "source": "x"}}, r"clock_mhz\.asked should be greater"),
    ],
)
def test_records_with_errors_are_explained(tmp_path: Path, fields, message: str) -> None:
    with pytest.raises(SpikeforgeError, match=message):
        load_design(folder(tmp_path, **fields))


@pytest.mark.parametrize("content", ["[]", "{}", '{"schema": 1}', "3"])
def test_foreign_files_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "bitstream.json").write_text(content)
    with pytest.raises(SpikeforgeError, match="is no record of 'spikeforge bitstream'; give its"):
        load_design(tmp_path)


def test_what_is_not_json_or_not_there_or_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpikeforgeError, match=r"bitstream\.json: is not there; --bitstream takes"):
        load_design(tmp_path)
    (tmp_path / "bitstream.json").write_text("{")
    with pytest.raises(SpikeforgeError, match="is not JSON"):
        load_design(tmp_path)
    (tmp_path / "bitstream.json").write_bytes(b" " * ((1 << 20) + 1))
    with pytest.raises(SpikeforgeError, match="is larger than 1048576 bytes"):
        load_design(tmp_path)


def test_words_are_broken_down_into_the_blocks_they_are_spread_over() -> None:
    network = load_network(MODEL)
    config = board_config(network, BOARDS["icebreaker"], 16)
    inventory = Inventory(
        blocks=(Block(name="core", flip_flops=1),),
        memories=(
            Memory(name="wide", block="core", kind=MemoryKind.WEIGHTS, width_bits=64, depth=6272,
                   ports=1),
            Memory(name="events", block="core", kind=MemoryKind.EVENTS, width_bits=14, depth=1024,
                   ports=2),
            Memory(name="few", block="core", kind=MemoryKind.PARAMETERS, width_bits=7, depth=1,
                   ports=1),
        ),
    )  # fmt: skip
    activity = Activity(
        images=2, interval_cycles=10.0, latency_cycles=12.0,
        reads_per_image={"wide": 5.0, "events": 3.0, "few": 7.0}, writes_per_image={"events": 2.0},
        operations=(
            Operation(block="core", kind=OperationKind.ADD, bits=10, count_per_image=4.0),
            Operation(block="core", kind=OperationKind.REGISTER, bits=3, count_per_image=2.0),
        ),
    )  # fmt: skip
    found = count_activity(inventory, config, Family.ICE40, activity)
    assert (found.spram_reads, found.spram_writes) == (20.0, 0.0)
    assert (found.block_ram_reads, found.block_ram_writes) == (12.0, 8.0)
    assert (found.cell_cycles, found.register_cycles) == (46.0, 6.0)


def refusal(*args: object) -> str:
    done = CliRunner().invoke(command, [str(MODEL), *map(str, args)])
    assert isinstance(done.exception, SpikeforgeError), done.output
    return str(done.exception)


def test_options_of_the_other_method_are_refused(tmp_path: Path) -> None:
    for option, value in (("--lanes", 8), ("--clock-mhz", 3), ("--technology", "ihp-sg13g2")):
        said = refusal("--method", "fpga", "--bitstream", tmp_path, option, value)
        assert said == (
            f"{option} belongs to --method event or --method gate; leave it out: a bitstream has "
            "its own"
        )
    for method in ((), ("--method", "fpga", "--bitstream", tmp_path)):
        said = refusal(*method, "--frugal")
        assert said.startswith("--frugal belongs to --method gate; leave it out")
    said = refusal("--bitstream", tmp_path)
    assert said == "--bitstream belongs to --method fpga; leave it out or choose that method"


def test_the_method_needs_a_bitstream_and_one_of_this_network(tmp_path: Path) -> None:
    assert refusal("--method", "fpga") == (
        "--method fpga needs --bitstream DIR, the folder that 'spikeforge bitstream' wrote"
    )
    said = refusal("--method", "fpga", "--bitstream", folder(tmp_path))
    assert "was built for tiny (architecture abababababab), and " in said
    assert "is another network (" in said
    assert said.endswith("at 16 lanes); build its bitstream first")
