"""Generated RTL and compiled models, kept in the user's cache by what they were made from."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from hw.config import HardwareConfig
from hw.content import hex_files
from hw.interface import interface
from hw.verilog import TOP, generate_verilog
from sim.shim import shim_source
from sim.verilator import BUILD_OPTIONS, build_shared_library, verilator_version
from sim.wrapper import WRAPPER_TOP, batch_verilog
from spikeforge.cache import cache_folder
from spikeforge.files import write_atomically
from spikeforge.network import Network
from spikeforge.progress import console, progress

__all__ = ["Rtl", "build_model", "prepare_rtl"]


@dataclass(frozen=True, kw_only=True)
class Rtl:
    """Generated RTL in the cache.

    Attributes:
        folder: Its folder; models compiled from it lie below.
        verilog: The Verilog file.
        hex_text: Text of each hex file by section name.
    """

    folder: Path
    verilog: Path
    hex_text: dict[str, str]

    def write_hex(self, folder: Path) -> None:
        """Write ``weights/*.hex`` below a folder, where initialized memories look for them."""
        for name, text in self.hex_text.items():
            write_atomically(folder / "weights" / f"{name}.hex", text)


def prepare_rtl(network: Network, config: HardwareConfig) -> Rtl:
    """Generate the Verilog of a network into the cache, under a name made from its text.

    Raises:
        SpikeforgeError: If the network uses something without hardware so far.
    """
    text = generate_verilog(network, config)
    name = hashlib.sha256(f"{text}{verilator_version()}".encode()).hexdigest()[:24]
    folder = cache_folder("models", name)
    verilog = folder / f"{TOP}.v"
    if not verilog.exists():
        write_atomically(verilog, text)
    return Rtl(folder=folder, verilog=verilog, hex_text=hex_files(network, config))


def build_model(
    rtl: Rtl, network: Network, config: HardwareConfig, *, brief: bool = False,
    covered: bool = False,
) -> Path:  # fmt: skip
    """Compile the batch model of generated RTL, or take the one from the cache.

    Args:
        rtl: The generated RTL.
        network: What it was generated from.
        config: And how.
        brief: For a few images only: build faster what runs slower.
        covered: Build what counts coverage (:mod:`sim.coverage`).

    Returns:
        The shared library for :class:`sim.model.Model`.

    Raises:
        SpikeforgeError: If a tool is missing or fails.
    """
    outside = interface(network, config)
    source = ("#define HAS_COVERAGE\n" if covered else "") + shim_source(outside)
    batch = batch_verilog(outside, rtl.verilog.read_text())
    kind = "covered" if covered else "brief" if brief else "batch"
    name = f"{kind}-{hashlib.sha256((source + batch + BUILD_OPTIONS).encode()).hexdigest()[:12]}"
    built = rtl.folder / name
    library = built / "libmodel.so"
    with FileLock(str(built) + ".lock"):
        if library.exists():
            console.print("[dim]Verilated model: unchanged, taken from the cache[/]")
            return library
        part = built.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        shim, verilog = part / "shim.cpp", part / f"{WRAPPER_TOP}.v"
        shim.write_text(source)
        verilog.write_text(batch)
        with progress("Build the Verilated model", None):
            log = rtl.folder / f"{name}.log"
            build_shared_library(verilog, WRAPPER_TOP, shim, part, log,
                                 brief=brief or covered, covered=covered)  # fmt: skip
        shutil.rmtree(part / "obj", ignore_errors=True)
        part.replace(built)
    return library
