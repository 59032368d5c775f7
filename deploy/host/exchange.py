"""Packets to a board and their answers, one at a time, sent again where something was lost."""

from __future__ import annotations

import time

from deploy.host.records import refusal
from deploy.host.transport import Line
from hw.link.protocol import ANSWER, END, Command, Status, frame, unframe
from spikeforge.errors import SpikeforgeError

__all__ = ["Exchange"]

_ATTEMPTS = 4
_MOST_ANSWER_BYTES = 2 * (3 + 43 + 4) + 2  # INFO's, if every byte were escaped
_PATIENCE_S = 1.0  # beyond the time on the line, for what takes a board no time
_GRACE_S = 0.25  # once something else than the answer has come
_SETTLE_S = 0.05  # that an adapter may sit on bytes
_FLASH_S = 5.0
_FLASH_POLL_S = 0.05


class Exchange:
    """Numbers packets and finds their answers.

    A packet that gets no answer, or a damaged one, is sent again: whatever a board is asked, doing
    it twice is the same as once.

    Args:
        line: To the board.
        patience: Factor on all waiting times.
    """

    def __init__(self, line: Line, patience: float = 1.0):
        self._line, self._patience = line, patience
        self._number = 0
        self._heard = b""
        self._synchronize()

    def ask(self, command: Command, payload: bytes = b"", patience_s: float = 0) -> bytes:
        """What follows the status OK.

        Raises:
            RefusedError: If the status is another one.
            SpikeforgeError: If nothing answers.
        """
        status, found = self.send(command, payload, patience_s)
        if status is not Status.OK:
            raise refusal(command, status, self._line.name)
        return found

    def send(
        self, command: Command, payload: bytes = b"", patience_s: float = 0
    ) -> tuple[Status, bytes]:
        """Status and what follows it, once the flash memory has been read.

        Args:
            command: What to do.
            payload: What belongs to it.
            patience_s: How long the board may take for it, beyond what any command takes.

        Raises:
            SpikeforgeError: If nothing answers, or every packet arrives damaged.
        """
        end = time.monotonic() + _FLASH_S * self._patience
        while True:
            status, found = self._repeat(command, payload, patience_s)
            if status is not Status.BUSY or time.monotonic() > end:
                return status, found
            time.sleep(_FLASH_POLL_S)

    def _repeat(self, command: Command, payload: bytes, patience_s: float) -> tuple[Status, bytes]:
        """Send a packet until it is answered, a few times."""
        self._number = (self._number + 1) % 256
        packet = bytes([self._number, command]) + payload
        wire = frame(packet)
        line_s = 10 * (len(wire) + _MOST_ANSWER_BYTES) / self._line.baud
        damaged = False
        for _ in range(_ATTEMPTS):
            self._line.drain()
            self._heard = b""
            self._line.write(wire)
            answer = self._answer(packet, line_s, (_PATIENCE_S + patience_s) * self._patience)
            if answer is not None and answer[0] is not Status.BAD_FRAME:
                return answer
            damaged |= answer is not None
        if damaged:
            raise refusal(command, Status.BAD_FRAME, self._line.name)
        raise SpikeforgeError(
            f"no answer from {self._line.name} to {command.name}, tried {_ATTEMPTS} times; check "
            f"that the baud rate is the bitstream's (here {self._line.baud}), that the bitstream "
            f"is on the board, and that it is this port"
        )

    def _answer(
        self, packet: bytes, line_s: float, patience_s: float
    ) -> tuple[Status, bytes] | None:
        """The answer to a packet, or nothing in time; other answers on the line are passed over."""
        begin = time.monotonic()
        end = begin + line_s + patience_s
        while (now := time.monotonic()) < end:
            self._heard += self._line.read(end - now)
            *parts, self._heard = self._heard.split(bytes([END]))
            for part in filter(None, parts):
                found = unframe(part)
                if found is not None and found[:2] == bytes([packet[0], packet[1] | ANSWER]):
                    status = _status(found[2:3])
                    if status is not None:
                        return status, found[3:]
                # Ours, damaged; or one to what lay on the line before, while ours was not heard.
                end = min(end, begin + line_s + _GRACE_S * self._patience)
        return None

    def _synchronize(self) -> None:
        """End what another program may have left half sent, and let the board answer it."""
        self._line.write(bytes([END]))
        end = time.monotonic() + 10 * _MOST_ANSWER_BYTES / self._line.baud + _SETTLE_S
        while (now := time.monotonic()) < end:
            self._line.read(end - now)


def _status(byte: bytes) -> Status | None:
    return Status(byte[0]) if byte and byte[0] in list(Status) else None
