"""cocotb bench of the accelerator: every event of every layer, the result, and the cycles.

Runs inside the simulator. Inputs are set at the falling edge; what is seen in the read-only phase
after it is what the next rising edge acts on, so one look a cycle sees every handshake.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge, First, ReadOnly, RisingEdge

from sim.job import JOB_VARIABLE, Job, Outcome, read_job
from sim.scoreboard import Scoreboard

_PERIOD_NS = 10
_PATIENCE_CYCLES = 200_000  # without any handshake, the design hangs


class _Bench:
    """Drives one accelerator through one job."""

    def __init__(self, dut: Any, job: Job):
        self.dut = dut
        self.job = job
        self.board = Scoreboard(job)

    async def start(self) -> None:
        """Clock, reset, and content where it is loaded."""
        dut = self.dut
        dut.events__valid.value = 0
        dut.result__ready.value = 0
        dut.rst.value = 1
        Clock(dut.clk, _PERIOD_NS, "ns", impl="gpi").start()
        for _ in range(3):
            await FallingEdge(dut.clk)
        dut.rst.value = 0
        if self.job.content:
            await self._load(self.job.content)
        for _ in range(4):
            await FallingEdge(dut.clk)
        if not dut.loaded.value:  # memories of sums may still be cleared
            await First(RisingEdge(dut.loaded), ClockCycles(dut.clk, _PATIENCE_CYCLES))
            await FallingEdge(dut.clk)
        assert int(dut.loaded.value), "content was sent, but the accelerator says not loaded"

    async def _load(self, content: bytes) -> None:
        fields = self.job.fields["load__payload"]
        first, data = fields["first"], fields["data"]
        for number, byte in enumerate(content):
            self.dut.load__payload.value = data.put(byte) | first.put(number == 0)
            self.dut.load__valid.value = 1
            await FallingEdge(self.dut.clk)
        self.dut.load__valid.value = 0

    async def run(self, offer: Callable[[], bool], take: Callable[[], bool]) -> None:
        """Send and compare everything; ``offer`` and ``take`` say when the outside is willing."""
        dut, board = self.dut, self.board
        valid_out, ready_in = dut.events__valid, dut.events__ready
        taps = [(name, getattr(dut, f"tap_{name}")) for name in self.job.taps]
        items = iter(self.job.events)
        item: int | None = next(items)
        valid = False
        cycle = last_move = 0
        while not board.finished:
            valid = item is not None and (valid or offer())
            ready = take()
            valid_out.value = valid
            if valid:
                dut.events__payload.value = item
            dut.result__ready.value = ready
            await ReadOnly()
            if valid and item is not None and int(ready_in.value):
                board.sent(item, cycle)
                item = next(items, None)
                valid = False
                last_move = cycle
            for name, tap in taps:
                board.tapped(name, int(tap.value))
            if ready and int(dut.result__valid.value):
                board.answered(int(dut.result__payload.value), cycle)
                last_move = cycle
            assert cycle - last_move < _PATIENCE_CYCLES, board.hang(cycle)
            cycle += 1
            await FallingEdge(dut.clk)


async def _check(dut: Any, name: str, stalled: bool) -> None:
    job_path = Path(os.environ[JOB_VARIABLE])
    job = read_job(job_path)
    bench = _Bench(dut, job)
    bench.board.progress = lambda images: (job_path.parent / "progress").write_text(str(images))
    rng = random.Random(job.seed)
    await bench.start()
    await FallingEdge(dut.clk)
    if stalled:
        await bench.run(lambda: rng.random() < 0.7, lambda: rng.random() < 0.5)
    else:
        await bench.run(lambda: True, lambda: True)
    outcome = bench.board.outcome(name, stalled=stalled)
    (job_path.parent / f"{name}.json").write_text(json.dumps(asdict(outcome)))
    _fail_if_any(outcome)


def _fail_if_any(outcome: Outcome) -> None:
    assert not outcome.message, outcome.message


@cocotb.test()
async def without_stalls(dut: Any) -> None:
    """Streams always willing: events, results and the exact cycles."""
    await _check(dut, "without_stalls", stalled=False)


@cocotb.test()
async def with_random_stalls(dut: Any) -> None:
    """Input and result streams stall at random: the same events and results, no fewer cycles."""
    await _check(dut, "with_random_stalls", stalled=True)
