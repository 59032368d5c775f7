"""Proves a network's RTL against the integer reference and the cycle model, through cocotb."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from hw.config import HardwareConfig
from hw.content import load_bytes
from hw.interface import Interface, interface
from hw.verilog import TOP
from sim.build import Rtl, prepare_rtl
from sim.cycles import count_cycles
from sim.job import JOB_VARIABLE, Outcome, make_job, write_job
from sim.reference import run_reference
from sim.runner import PortsOnlyVerilator, control_file, keep_runtime, take_runtime
from sim.verilator import verilator_version
from sim.waves import convert_to_fst
from spikeforge.cache import cache_folder
from spikeforge.errors import SpikeforgeError
from spikeforge.network import Network
from spikeforge.progress import console, progress

__all__ = ["BENCHES", "Verification", "verify"]

BENCHES = ("without_stalls", "with_random_stalls")


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What the benches found, one outcome each."""

    outcomes: tuple[Outcome, ...]

    @property
    def message(self) -> str:
        """The first difference, or nothing."""
        return next((item.message for item in self.outcomes if item.message), "")

    @property
    def images(self) -> int:
        """Images that every bench covered."""
        return min(item.images for item in self.outcomes)

    @property
    def event_mismatches(self) -> int:
        """Events, membranes and classes that differed, all benches together."""
        return sum(item.event_mismatches + item.class_mismatches for item in self.outcomes)

    @property
    def cycle_mismatches(self) -> int:
        """Images whose cycles differed, all benches together."""
        return sum(item.cycle_mismatches for item in self.outcomes)


def verify(
    network: Network,
    config: HardwareConfig,
    levels: NDArray[np.uint8],
    *,
    seed: int = 1,
    wave: Path | None = None,
    log: Path | None = None,
    brief: bool = False,
) -> Verification:
    """Run the cocotb benches: without stalls (cycles too), and under random stalls.

    Args:
        network: The network.
        config: The hardware.
        levels: Encoded images, shape (B, inputs).
        seed: Seed of the stalls.
        wave: Where to write a waveform (FST) of the run without stalls, for GTKWave or Surfer.
        log: Where cocotb's log goes.
        brief: For a few images only: build faster what runs slower.

    Raises:
        SpikeforgeError: If the build fails, or the simulator ends without an outcome.
    """
    rtl = prepare_rtl(network, config)
    outside = interface(network, config)
    trace = run_reference(network, levels)
    job = make_job(
        network,
        outside,
        trace,
        count_cycles(outside.layers, trace),
        load_bytes(network, config),
        seed,
    )
    built = _build(rtl, outside, wave is not None, brief)
    with tempfile.TemporaryDirectory(prefix="spikeforge-bench-") as name:
        folder = Path(name)
        write_job(job, folder / "job.json")
        rtl.write_hex(folder)
        benches = BENCHES[:1] if wave is not None else BENCHES
        _run(built, folder, benches, len(levels), wave)
        if log is not None:
            log.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / "cocotb.log", log)
        return Verification(outcomes=tuple(_outcome(folder, bench) for bench in benches))


def _build(rtl: Rtl, outside: Interface, traced: bool, brief: bool) -> Path:
    """Compile the Verilated model for cocotb, or take the one from the cache."""
    kind = "cocotb-traced" if traced else "cocotb"
    built = rtl.folder / (f"{kind}-brief" if brief else kind)
    with FileLock(str(built) + ".lock"):
        if (built / TOP).exists():
            console.print("[dim]cocotb model: unchanged, taken from the cache[/]")
            return built
        part = built.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        names = [port.name for port in outside.ports]
        public = control_file(TOP, names, part / "public.vlt")
        runner = PortsOnlyVerilator()
        runner.brief = brief
        runner.log.setLevel(logging.ERROR)
        log = part / "build.log"
        trace = ["--trace-structs"] if traced else []
        kept_objects = cache_folder("verilator") / f"{kind}-{verilator_version()}"
        take_runtime(kept_objects, part)
        try:
            with progress("Build the cocotb model", None):
                runner.build(
                    sources=[public, rtl.verilog], hdl_toplevel=TOP, build_dir=part, log_file=log,
                    build_args=["-O3", "-Wno-fatal", "--no-assert", *trace], waves=traced,
                    timescale=("1ns", "1ps"),
                )  # fmt: skip
        except (RuntimeError, SystemExit) as error:
            kept = built.with_suffix(".log")
            shutil.copyfile(log, kept)
            raise SpikeforgeError(f"the cocotb model could not be built; see {kept}") from error
        keep_runtime(part, kept_objects)
        part.replace(built)
    return built


def _run(
    built: Path, folder: Path, benches: tuple[str, ...], images: int, wave: Path | None
) -> None:
    runner = PortsOnlyVerilator()
    runner.log.setLevel(logging.ERROR)
    for bench in benches:
        (folder / "progress").write_text("0")
        arguments = ["--trace", "--trace-file", str(folder / "wave.vcd")] if wave else []

        def work(bench: str = bench, arguments: list[str] = arguments) -> None:
            runner.test(
                test_module="sim.bench_accelerator", hdl_toplevel=TOP, hdl_toplevel_lang="verilog",
                testcase=bench, build_dir=built, test_dir=folder,
                results_xml=str(folder / f"{bench}.xml"), test_args=arguments,
                extra_env={JOB_VARIABLE: str(folder / "job.json"), "COCOTB_ANSI_OUTPUT": "0"},
                log_file=folder / f"{bench}.log",
            )  # fmt: skip

        thread = threading.Thread(target=_quietly, args=(work,), daemon=True)
        thread.start()
        with progress(f"cocotb, {bench.replace('_', ' ')}", images) as bar:
            shown = 0
            while thread.is_alive():
                thread.join(0.2)
                done = int((folder / "progress").read_text() or 0)
                bar.advance(done - shown)
                shown = done
            bar.advance(images - shown)
    if wave is not None and (folder / "wave.vcd").exists():
        wave.parent.mkdir(parents=True, exist_ok=True)
        convert_to_fst(folder / "wave.vcd", wave)
    logs = [(folder / f"{bench}.log").read_text() for bench in benches]
    (folder / "cocotb.log").write_text("\n".join(logs))


def _quietly(work: Callable[[], None]) -> None:
    """Run a bench; a failed one ends in an outcome with a message, or in none at all."""
    try:
        work()
    except (RuntimeError, SystemExit):
        return


def _outcome(folder: Path, bench: str) -> Outcome:
    path = folder / f"{bench}.json"
    if not path.exists():
        lines = (folder / f"{bench}.log").read_text().splitlines()
        told = [line for line in lines if "Error" in line or "hangs" in line][-1:] or lines[-1:]
        raise SpikeforgeError(f"the bench {bench} ended without a verdict: {' '.join(told)}")
    return Outcome(**json.loads(path.read_text()))
