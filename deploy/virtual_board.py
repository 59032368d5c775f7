"""A board's own gateware, simulated, behind a pseudo-terminal: hosts talk to it as to a board."""

from __future__ import annotations

import os
import select
import tempfile
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.bitstream.fit import Fitting
from deploy.boards import Board, ClockPlan, plan_clock
from deploy.boards.design import board_config
from hw.config import HardwareConfig
from hw.content import load_bytes
from hw.link.gateware import LinkConfig
from sim.board import BoardModel, build_board
from spikeforge.errors import SpikeforgeError
from spikeforge.files import explain_os_error
from spikeforge.network import Network

__all__ = ["BoardBuild", "VirtualBoard", "named_device"]

_CHUNK_CYCLES = 50_000
_REST_CYCLES = 5_000  # longer than any pause between two things that the gateware does by itself
_LEAST_BIT_CYCLES = 4
_READ_BYTES = 1 << 16
_MOST_UNREAD = 1 << 16
_WAIT_S = 0.1
_QUIET_BITS = 4  # after which a run of the model ends


@dataclass(frozen=True, kw_only=True)
class BoardBuild:
    """What a virtual board is built from.

    Attributes:
        network: The network.
        config: Its hardware.
        clock: The board's system clock.
        link: The serial line, by default the fastest that the clock allows: the fewest cycles.
    """

    network: Network
    config: HardwareConfig
    clock: ClockPlan
    link: LinkConfig

    @classmethod
    def on(
        cls, network: Network, board: Board, *, lanes: int | None = None,
        clock_mhz: float | None = None, baud: int | None = None,
    ) -> Self:  # fmt: skip
        """As a bitstream for a board would be.

        Raises:
            SpikeforgeError: If the lanes do not fit the network, no lanes fit the board, or the
                board cannot make the clock.
        """
        clock = plan_clock(board, clock_mhz or board.target_mhz)
        khz = round(1000 * clock.mhz)
        link = LinkConfig(
            clock_khz=khz, baud=baud or 1000 * khz // _LEAST_BIT_CYCLES, flash=board.flash
        )
        if lanes is None:
            config = Fitting(network, board).choose()
        else:
            config = board_config(network, board, lanes)
        return cls(network=network, config=config, clock=clock, link=link)

    def power_up(self, *, flash: bool = True, brief: bool = False) -> VirtualBoard:
        """Compile the gateware, or take it from the cache, and switch it on.

        Args:
            flash: The network's content is in the flash memory, where the board has one.
            brief: For a few packets only: build faster what runs slower.

        Raises:
            SpikeforgeError: If a tool is missing or fails, or the baud rate does not fit the clock.
        """
        library = build_board(self.network, self.config, self.link, brief=brief)
        content = load_bytes(self.network, self.config) if self.link.flash and flash else None
        return VirtualBoard(BoardModel(library, content), self.link)


class VirtualBoard:
    """A powered board at a pseudo-terminal, running while :meth:`serve` does.

    Bytes that a host does not fetch are lost in the end, as with a real port.

    Args:
        model: The simulated board; closed with this one.
        link: Its serial line.
    """

    def __init__(self, model: BoardModel, link: LinkConfig):
        self._model = model
        self._pause = _QUIET_BITS * link.bit_cycles
        self._ours, self._theirs = os.openpty()  # theirs stays open: hosts may come and go
        tty.setraw(self._theirs)
        os.set_blocking(self._ours, False)
        self.device = os.ttyname(self._theirs)
        self._unread = b""
        self._rested = 0
        self._pulled, self._lost = threading.Event(), threading.Event()
        self._closed = False

    def serve(self, stop: threading.Event) -> None:
        """Run the board until ``stop`` is set."""
        while not stop.is_set():
            resting = self._rested >= _REST_CYCLES
            heard = self._hear(_WAIT_S if resting else 0)
            if self._pulled.is_set():
                self._model.unplug()
                self._pulled.clear()
                self._lost.set()
            elif heard:
                self._model.send(heard)
                self._rested = 0
            if self._rested < _REST_CYCLES:
                self._run()
            self._tell()

    def unplug(self) -> None:
        """Lose what is on the way to the served board, in the middle of a byte if need be."""
        self._lost.clear()
        self._pulled.set()
        self._lost.wait()

    def close(self) -> None:
        """Switch the board off, which must not be served; a host sees its port disappear."""
        if not self._closed:
            self._closed = True
            os.close(self._ours)
            os.close(self._theirs)
            self._model.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()

    def _run(self) -> None:
        """Some cycles; fewer, and at rest for a pause's length, once nothing moves."""
        done = self._model.run(_CHUNK_CYCLES)
        self._rested = 0 if done > self._pause else self._rested + done

    def _hear(self, seconds: float) -> bytes:
        ready, _, _ = select.select([self._ours], [], [], seconds)
        if not ready:
            return b""
        with suppress(BlockingIOError):
            return os.read(self._ours, _READ_BYTES)
        return b""

    def _tell(self) -> None:
        self._unread = (self._unread + self._model.take())[-_MOST_UNREAD:]
        if self._unread:
            with suppress(BlockingIOError):
                self._unread = self._unread[os.write(self._ours, self._unread) :]


@contextmanager
def named_device(device: str, name: Path | None) -> Iterator[None]:
    """Another name for a device, a symbolic link, while the body runs.

    Raises:
        SpikeforgeError: If something else has that name, or the place cannot be written.
    """
    if name is None:
        yield
        return
    if name.exists() and not name.is_symlink():
        raise SpikeforgeError(f"{name} is there already and no link; choose another --link")
    try:
        with tempfile.TemporaryDirectory(dir=name.parent, prefix=".part-") as folder:
            part = Path(folder) / "link"
            part.symlink_to(device)
            part.replace(name)
    except OSError as error:
        raise SpikeforgeError(explain_os_error(name, error)) from None
    try:
        yield
    finally:
        with suppress(OSError):
            if os.readlink(name) == device:
                name.unlink()
