"""The design that a bitstream was placed from, out of the folder that ``bitstream`` wrote."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from deploy.bitstream.record import RECORD, SCHEMA
from deploy.boards import Board, board_named
from spikeforge.errors import SpikeforgeError
from spikeforge.files import explain_os_error
from spikeforge.validation import parse

__all__ = ["FpgaDesign", "load_design"]

_MAX_BYTES = 1 << 20


class _Part(BaseModel):
    """Of the record, the keys that are needed here; others are none of our business."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, allow_inf_nan=False)


class _Network(_Part):
    name: str
    architecture: str


class _Clock(_Part):
    asked: float = Field(gt=0)
    source: str
    oscillator_on_network: bool = True


class _Cells(_Part):
    luts: int = Field(ge=0)
    flip_flops: int = Field(ge=0)
    logic_cells: int = Field(ge=1)
    block_rams: int = Field(ge=0)
    dsps: int = Field(ge=0)
    sprams: int = Field(default=0, ge=0)


class _Record(_Part):
    board: str
    network: _Network
    lanes: int = Field(ge=1)
    clock_mhz: _Clock
    cells: _Cells


@dataclass(frozen=True, kw_only=True)
class FpgaDesign:
    """A placed design.

    Attributes:
        board: The board it is for.
        network, architecture: Name and architecture hash of its network.
        lanes: Of its accelerator.
        clock_mhz: System clock.
        clock_source: How that comes about, in words.
        oscillator_on_network: The oscillator's own net is on a clock network.
        logic_cells: Look-up tables with a flip-flop, placed.
        flip_flops: Of the netlist.
        block_rams, sprams, dsps: Placed.
    """

    board: Board
    network: str
    architecture: str
    lanes: int
    clock_mhz: float
    clock_source: str
    oscillator_on_network: bool
    logic_cells: int
    flip_flops: int
    block_rams: int
    sprams: int
    dsps: int


def load_design(folder: Path) -> FpgaDesign:
    """Read and check ``bitstream.json`` of a folder.

    Raises:
        SpikeforgeError: If there is none, it is no such record, or one of another schema.
    """
    path = folder / RECORD
    data = _read(path)
    if not isinstance(data, dict) or "schema" not in data or "cells" not in data:
        raise SpikeforgeError(f"{path}: is no record of 'spikeforge bitstream'; give its --out")
    if data["schema"] != SCHEMA:
        raise SpikeforgeError(
            f"{path}: schema must be {SCHEMA}, not {data['schema']!r}; build the bitstream again "
            "with this version"
        )
    record = parse(_Record, data, str(path))
    cells = record.cells
    return FpgaDesign(
        board=board_named(record.board), network=record.network.name,
        architecture=record.network.architecture, lanes=record.lanes,
        clock_mhz=record.clock_mhz.asked, clock_source=record.clock_mhz.source,
        oscillator_on_network=record.clock_mhz.oscillator_on_network,
        logic_cells=cells.logic_cells, flip_flops=cells.flip_flops, block_rams=cells.block_rams,
        sprams=cells.sprams, dsps=cells.dsps,
    )  # fmt: skip


def _read(path: Path) -> object:
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        raise SpikeforgeError(
            f"{path}: is not there; --bitstream takes the folder that 'spikeforge bitstream --out' "
            "wrote"
        ) from None
    except OSError as error:
        raise SpikeforgeError(explain_os_error(path, error)) from None
    if len(text) > _MAX_BYTES:
        raise SpikeforgeError(f"{path}: is larger than {_MAX_BYTES} bytes; is it another file?")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SpikeforgeError(f"{path}: is not JSON ({error})") from None
