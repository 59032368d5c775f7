"""The serial line to a board, and what can be wrong with it, each in one line."""

from __future__ import annotations

import errno
import os
import stat
from types import ModuleType, TracebackType
from typing import Any, Protocol, Self

from hw.link.protocol import USUAL_BAUDS
from spikeforge.errors import SpikeforgeError

__all__ = ["Line", "SerialLine"]

_WRITE_SECONDS = 10.0  # on top of what the bytes need


class Line(Protocol):
    """Bytes to a board and back.

    Attributes:
        name: What errors call it.
        baud: Bits a second; a byte takes ten.
    """

    name: str
    baud: int

    def write(self, data: bytes) -> None:
        """Send all bytes."""

    def read(self, seconds: float) -> bytes:
        """What has come; waits for the first byte that long, and returns nothing without one."""

    def drain(self) -> None:
        """Forget what has come."""

    def close(self) -> None:
        """Let go of it."""


class SerialLine:
    """A port of this machine, for this program alone.

    Args:
        port: Its device, such as ``/dev/ttyUSB0``.
        baud: As the bitstream was built for.

    Raises:
        SpikeforgeError: If there is no such port, it may not or cannot be opened, or another
            program has it.
    """

    def __init__(self, port: str, baud: int = USUAL_BAUDS[0]):
        self.name, self.baud = port, baud
        serial = _serial()
        self._failures = (serial.SerialException, OSError, *_terminal_errors())
        try:
            self._port: Any = serial.Serial(port, baud, exclusive=True)
        except self._failures as error:
            raise SpikeforgeError(_not_opened(port, error)) from None
        except ValueError as error:
            raise SpikeforgeError(f"{port} cannot run at {baud} baud ({error})") from None

    def write(self, data: bytes) -> None:
        """Send all bytes.

        Raises:
            SpikeforgeError: If the port has gone, or takes nothing.
        """
        try:
            self._port.write_timeout = _WRITE_SECONDS + 10 * len(data) / self.baud
            self._port.write(data)
            self._port.flush()
        except self._failures as error:
            raise self._gone(error) from None

    def read(self, seconds: float) -> bytes:
        """What has come; waits for the first byte that long, and returns nothing without one.

        Raises:
            SpikeforgeError: If the port has gone.
        """
        try:
            self._port.timeout = max(0.0, seconds)
            first: bytes = self._port.read(1)
            return first + self._port.read(self._port.in_waiting) if first else b""
        except self._failures as error:
            raise self._gone(error) from None

    def drain(self) -> None:
        """Forget what has come.

        Raises:
            SpikeforgeError: If the port has gone.
        """
        try:
            self._port.reset_input_buffer()
        except self._failures as error:
            raise self._gone(error) from None

    def close(self) -> None:
        """Let go of the port."""
        self._port.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()

    def _gone(self, error: Exception) -> SpikeforgeError:
        reason = " ".join(str(error).split())
        return SpikeforgeError(
            f"{self.name} was disconnected ({reason}); plug the board in again and start anew"
        )


def _serial() -> ModuleType:
    try:
        import serial  # type: ignore[import-untyped]
    except ModuleNotFoundError:
        raise SpikeforgeError(
            "a serial port needs pyserial; run 'pip install spikeforge[fpga]'"
        ) from None
    module: ModuleType = serial
    return module


def _terminal_errors() -> tuple[type[Exception], ...]:
    """What pyserial lets through from the system's terminals, where there are any."""
    try:
        import termios
    except ImportError:
        return ()
    return (termios.error,)


def _not_opened(port: str, error: Exception) -> str:
    """Why a port cannot be opened, and what to do."""
    number = getattr(error, "errno", None)
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return f"there is no port {port}; {_ports()}"
    if number in (errno.EACCES, errno.EPERM):
        return (
            f"{port} may not be opened; become a member of its group, "
            f"'sudo usermod -aG {_group(port)} $USER', and log in again"
        )
    if number in (errno.EBUSY, errno.EAGAIN) or "exclusively lock" in str(error):
        return f"{port} is used by another program; end that one first"
    if number in (errno.ENOTTY, errno.EINVAL, errno.EISDIR) or "configure port" in str(error):
        return f"{port} is no serial port; {_ports()}"
    return f"{port} cannot be opened ({' '.join(str(error).split())})"


def _ports() -> str:
    from serial.tools.list_ports import comports  # type: ignore[import-untyped]

    found = [
        port.device if port.description in ("n/a", "") else f"{port.device} ({port.description})"
        for port in sorted(comports())
    ]
    if not found:
        return "none is plugged in"
    return f"there {'is' if len(found) == 1 else 'are'} {', '.join(found)}"


def _group(port: str) -> str:
    """The group that may use a device; Debian's and most others' name where that is unclear."""
    try:
        import grp

        status = os.stat(port)
        usable = stat.S_ISCHR(status.st_mode) and status.st_gid != 0
        return grp.getgrgid(status.st_gid).gr_name if usable else "dialout"
    except (ImportError, OSError, KeyError):
        return "dialout"
