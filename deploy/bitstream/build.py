"""From a network file to a bitstream: synthesis once, place and route with several seeds."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock

from deploy.bitstream.placement import Placement, read_placement
from deploy.bitstream.script import memory_library, synthesis_script
from deploy.bitstream.tools import pack, place, tool_versions
from deploy.boards import Board, ClockPlan, Family, plan_clock
from deploy.boards.design import TOP, Design, board_link, make_design
from deploy.running import Running
from deploy.yosys import run_yosys
from hw.config import HardwareConfig
from spikeforge.cache import cache_folder
from spikeforge.errors import SpikeforgeError
from spikeforge.files import write_atomically
from spikeforge.network import Network
from spikeforge.progress import progress

__all__ = ["Built", "build_bitstream"]

_SEEDS = 4  # tried, where the clock falls short of what was asked
_WORTH_MORE, _MARGIN = 1.1, 0.95  # a second run asks for less than the first one reached


@dataclass(frozen=True, kw_only=True)
class Built:
    """A bitstream and what it came from.

    Attributes:
        folder: With ``accelerator.v``, ``netlist.v``, ``netlist.json``, logs, and the bitstream.
        bitstream: Name of the bitstream in the folder.
        clock: The clock that the design makes.
        placement: Of the seed that was kept.
        seconds: What it took when it was made, a first run at another clock included.
        cached: It was there already.
    """

    folder: Path
    bitstream: str
    clock: ClockPlan
    placement: Placement
    seconds: float
    cached: bool


def build_bitstream(
    network: Network, config: HardwareConfig, board: Board, *, clock_mhz: float | None = None,
    seed: int | None = None, baud: int | None = None,
) -> Built:  # fmt: skip
    """Make a bitstream, or take it from the cache.

    Args:
        network: The network.
        config: Its hardware on the board.
        board: The board.
        clock_mhz: The clock that is wanted; None: the fastest that is found, the board's usual one
            to begin with.
        seed: Of place and route; None: several where the clock falls short.
        baud: Of the serial line.

    Raises:
        SpikeforgeError: If a tool is missing or fails, or the clock is not reached.
    """
    clock = plan_clock(board, clock_mhz or board.target_mhz)
    built = _cached(network, config, board, clock, seed, baud)
    if clock_mhz is not None:
        return _within_timing(built, board)
    reached = built.placement.reached_mhz
    if reached < clock.mhz or reached > _WORTH_MORE * clock.mhz:
        other = plan_clock(board, _MARGIN * reached)
        again = _cached(network, config, board, other, seed, baud, built.placement.seed)
        if again.placement.reached_mhz >= other.mhz:
            return replace(again, seconds=round(built.seconds + again.seconds, 1))
    return _within_timing(built, board)


def _within_timing(built: Built, board: Board) -> Built:
    reached, asked = built.placement.reached_mhz, built.clock.mhz
    if reached < asked:
        raise SpikeforgeError(
            f"--clock-mhz must be at most what place and route reaches on {board.title}, "
            f"{reached:.1f}, not {asked:g}; ask for less, for fewer lanes, or for another --seed"
        )
    return built


def _cached(
    network: Network, config: HardwareConfig, board: Board, clock: ClockPlan, seed: int | None,
    baud: int | None, promising: int | None = None,
) -> Built:  # fmt: skip
    versions = tool_versions(board)
    with progress("Generate the design", None):
        design = make_design(network, config, board_link(board, clock, baud), board, clock)
    parts = [
        sorted(design.files.items()),
        design.device_options,
        versions,
        seed,
        promising,
        synthesis_script(board.family, TOP),
        memory_library(board.family),
        _SEEDS,
    ]
    name = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]
    folder = cache_folder("bitstreams") / name
    with FileLock(f"{folder}.lock"):
        cached = (folder / "placed.json").exists()
        if not cached:
            part = Path(f"{folder}.part")
            shutil.rmtree(part, ignore_errors=True)
            _build(part, design, board, clock, _batches(seed, promising))
            shutil.rmtree(folder, ignore_errors=True)
            part.replace(folder)
    kept = json.loads((folder / "placed.json").read_text())
    return Built(
        folder=folder, bitstream=_bitstream(board), clock=clock,
        placement=read_placement(folder / "report.json", board, kept["seed"]),
        seconds=kept["seconds"], cached=cached,
    )  # fmt: skip


def _bitstream(board: Board) -> str:
    return f"{TOP}.bin" if board.family is Family.ICE40 else f"{TOP}.bit"


def _batches(seed: int | None, promising: int | None) -> list[list[int]]:
    """Seeds to be tried together, batch after batch: a promising one by itself first."""
    if seed is not None:
        return [[seed]]
    others = [each for each in range(1, _SEEDS + 1) if each != promising]
    batches = [others[at : at + _cores()] for at in range(0, len(others), _cores())]
    return batches if promising is None else [[promising], *batches]


def _build(
    folder: Path, design: Design, board: Board, clock: ClockPlan, batches: list[list[int]]
) -> None:
    begun = time.monotonic()
    for name, text in design.files.items():
        write_atomically(folder / name, text)
    for name, text in memory_library(board.family).items():
        write_atomically(folder / name, text)
    write_atomically(folder / "synthesis.ys", synthesis_script(board.family, TOP))
    with progress("Synthesize", None):
        run_yosys(folder, "synthesis.ys")
    placement = _place(folder, design, board, clock, batches)
    with progress("Pack", None):
        pack(board, folder, placement.seed, _bitstream(board))
    shutil.copyfile(folder / f"placed-{placement.seed}.json", folder / "report.json")
    shutil.copyfile(folder / f"placed-{placement.seed}.config", folder / "placed.config")
    for path in folder.glob("placed-*"):
        path.unlink()
    kept = {"seed": placement.seed, "seconds": round(time.monotonic() - begun, 1)}
    write_atomically(folder / "placed.json", json.dumps(kept))


def _place(
    folder: Path, design: Design, board: Board, clock: ClockPlan, batches: list[list[int]]
) -> Placement:
    """The seeds of a batch at once, batch after batch, until one reaches the clock."""
    pins = "--pcf" if board.family is Family.ICE40 else "--lpf"
    options = [
        *design.device_options, "--json", "netlist.json", pins, design.pins, "--freq",
        f"{clock.mhz:.4f}",
    ]  # fmt: skip
    if not clock.oscillator_on_network(board.family):
        options.append("--no-promote-globals")
    found: list[Placement] = []
    failure: SpikeforgeError | None = None
    with progress("Place and route", sum(map(len, batches))) as bar:
        for batch in batches:
            if found and max(p.reached_mhz for p in found) >= clock.mhz:
                break
            running = {each: place(board, folder, options, each) for each in batch}
            try:
                for each, tool in running.items():
                    try:
                        tool.finish()
                    except SpikeforgeError as error:
                        failure = error
                    else:
                        report = folder / f"placed-{each}.json"
                        found.append(read_placement(report, board, each))
                        best = max(p.reached_mhz for p in found)
                        bar.note(f"best {best:.1f} MHz of {clock.mhz:.1f}")
                    bar.advance()
            finally:
                _stop_all(list(running.values()))
    if not found:
        assert failure is not None
        raise failure
    return max(found, key=lambda placement: placement.reached_mhz)


def _stop_all(running: list[Running]) -> None:
    for tool in running:
        if not tool.done:
            tool.stop()


def _cores() -> int:
    return max(1, len(os.sched_getaffinity(0)))
