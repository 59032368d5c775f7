"""A gateware compiled by Verilator, in Python: bytes in and out of its serial line."""

from __future__ import annotations

import ctypes
import hashlib
import re
import shutil
from importlib.resources import files
from pathlib import Path

from filelock import FileLock

from hw.config import HardwareConfig
from hw.content import hex_files
from hw.link.flash import FLASH_OFFSET, flash_image
from hw.link.gateware import LinkConfig
from hw.link.verilog import GATEWARE, generate_gateware
from sim.model import inside_folder
from sim.verilator import BUILD_OPTIONS, build_shared_library, verilator_version
from spikeforge.cache import cache_folder
from spikeforge.files import write_atomically
from spikeforge.network import Network
from spikeforge.progress import progress

__all__ = ["BoardModel", "build_board", "compile_board"]

_POINTER = ctypes.c_void_p
_ROOM = 1 << 16
_EDGE = re.compile(r"posedge (\w*clk)\b")
_CHUNK_CYCLES = 20_000


def build_board(
    network: Network, config: HardwareConfig, link: LinkConfig, *, brief: bool = False
) -> Path:
    """Compile a board's gateware, or take it from the cache; returns the shared library.

    Its hex files (initialized memories) lie beside it.

    Args:
        network: The network.
        config: Its hardware.
        link: The serial link.
        brief: For a few packets only: build faster what runs slower.

    Raises:
        SpikeforgeError: If a tool is missing or fails.
    """
    verilog = _EDGE.sub(r"edge \1", generate_gateware(network, config, link))
    assert "posedge" not in verilog  # a clock of another name would run at half the speed
    hexes = hex_files(network, config) if config.memory.initialized else {}
    return compile_board("`define SPIKEFORGE_BOTH_EDGES\n" + verilog, link, hexes, brief=brief)


def compile_board(
    verilog: str, link: LinkConfig, hexes: dict[str, str], *, oscillator_cycles: int | None = None,
    brief: bool = False,
) -> Path:  # fmt: skip
    """Compile a module ``gateware`` with the ports of :class:`hw.link.gateware.Gateware`.

    Args:
        verilog: It and all that it consists of.
        link: The serial link.
        hexes: Hex files by name, for ``weights/``.
        oscillator_cycles: Cycles of the clock that comes in for one of the system's; None: one, and
            both edges count, which saves half of the work.
        brief: As above.

    Raises:
        SpikeforgeError: If a tool is missing or fails.
    """
    source = files("sim.board").joinpath("board.cpp").read_text()
    constants = (
        f"constexpr int BIT_CYCLES = {link.bit_cycles};",
        f"#define HAS_FLASH {int(link.flash)}",
        f"#define BOTH_EDGES {int(oscillator_cycles is None)}",
        f"constexpr int OSCILLATOR_CYCLES = {oscillator_cycles or 1};",
    )
    source = source.replace("// @CONSTANTS@", "\n".join(constants))
    parts = (
        verilog, source, BUILD_OPTIONS, verilator_version(), repr(sorted(hexes.items())),
        str(brief),
    )  # fmt: skip
    name = hashlib.sha256("".join(parts).encode()).hexdigest()[:24]
    built = cache_folder("boards", name)
    library = built / "libmodel.so"
    with FileLock(f"{built}.lock"):
        if library.exists():
            return library
        part = Path(f"{built}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        for each, text in hexes.items():
            write_atomically(part / "weights" / f"{each}.hex", text)
        (part / "board.cpp").write_text(source)
        (part / "gateware.v").write_text(verilog)
        with progress("Build the virtual board", None):
            build_shared_library(
                part / "gateware.v", GATEWARE, part / "board.cpp", part, part / "build.log",
                brief=brief,
            )  # fmt: skip
        shutil.rmtree(part / "obj", ignore_errors=True)
        shutil.rmtree(built, ignore_errors=True)
        part.replace(built)
    return library


class BoardModel:
    """One powered board.

    Args:
        library: As :func:`build_board` gives it.
        flash: Content in its flash memory, as the load stream takes it; None: an empty one.
    """

    def __init__(self, library: Path, flash: bytes | None = None):
        self._library = ctypes.CDLL(str(library))
        for name in ("bd_run", "bd_take"):
            getattr(self._library, name).restype = ctypes.c_int64
        self._library.bd_cycles.restype = ctypes.c_uint64
        self._library.bd_new.restype = _POINTER
        self._flash = flash
        self._handle = _POINTER()
        self._power_on(library.parent)

    def _power_on(self, folder: Path) -> None:
        with inside_folder(folder):
            self._handle = _POINTER(self._library.bd_new())
        if self._flash is not None:
            image = b"\xff" * FLASH_OFFSET + flash_image(self._flash)
            self._library.bd_flash(self._handle, image, ctypes.c_int64(len(image)))

    def send(self, data: bytes) -> None:
        """Put bytes onto the line to the board; they move while it runs."""
        self._library.bd_send(self._handle, data, ctypes.c_int64(len(data)))

    def unplug(self) -> None:
        """Lose what has not been sent yet, in the middle of a bit if need be."""
        self._library.bd_unplug(self._handle)

    def run(self, cycles: int = _CHUNK_CYCLES) -> int:
        """Run some cycles, fewer if nothing moves any more; returns how many."""
        return int(self._library.bd_run(self._handle, ctypes.c_int64(cycles)))

    def take(self) -> bytes:
        """What the board has sent since the last call."""
        room = ctypes.create_string_buffer(_ROOM)
        count = self._library.bd_take(self._handle, room, ctypes.c_int64(_ROOM))
        return room.raw[:count]

    @property
    def idle(self) -> bool:
        """Nothing is on the line, and no packet is being obeyed."""
        return bool(self._library.bd_idle(self._handle))

    @property
    def loaded(self) -> bool:
        """Content is complete and checked."""
        return bool(self._library.bd_loaded(self._handle))

    @property
    def cycles(self) -> int:
        """Cycles since power-up."""
        return int(self._library.bd_cycles(self._handle))

    def close(self) -> None:
        """Switch it off."""
        if self._handle:
            self._library.bd_free(self._handle)
            self._handle = _POINTER()
