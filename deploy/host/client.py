"""Asks a board one thing at a time, again where an answer was lost, and says what is wrong."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from deploy.host.exchange import Exchange
from deploy.host.records import BoardInfo, Counters, RefusedError, Result, refusal
from deploy.host.transport import Line
from hw.link.protocol import (
    CRC_BYTES,
    LOAD_CHUNK,
    Coding,
    Command,
    Status,
)
from spikeforge.errors import SpikeforgeError

__all__ = ["BoardClient"]

_LOADS = 3
_IMAGE_PATIENCE_S = 4.0  # for an image, 100 million cycles and more


class BoardClient:
    """A board at the other end of a line.

    Args:
        line: To the board.
        patience: Factor on all waiting times, for a board that is simulated slowly.
    """

    def __init__(self, line: Line, *, patience: float = 1.0):
        self._port = line.name
        self._exchange = Exchange(line, patience)
        self._known: BoardInfo | None = None

    @property
    def board(self) -> BoardInfo:
        """What the board said it is when it was first asked."""
        if self._known is None:
            self._known = self.info()
        return self._known

    def info(self) -> BoardInfo:
        """Ask what the board is, and what state it is in.

        Raises:
            SpikeforgeError: If nothing answers.
        """
        self._known = BoardInfo.unpack(self._exchange.ask(Command.INFO))
        return self._known

    def classify(self, image: NDArray[np.uint8]) -> Result:
        """Let the board classify an image.

        Args:
            image: Pixels 0..255, uint8, shape (H, W) or (C, H, W).

        Raises:
            SpikeforgeError: If the image does not fit the network, the board refuses, or nothing
                answers.
        """
        board = self.board
        if board.coding is Coding.NONE:
            raise SpikeforgeError("the network on the board takes events, not images")
        if image.dtype != np.uint8 or image.size != board.inputs or image.ndim not in (2, 3):
            raise SpikeforgeError(
                f"an image for the board must be {board.inputs} pixels of uint8, not "
                f"{image.dtype} of shape {image.shape}"
            )
        wire = image if image.ndim == 2 else image.transpose(1, 2, 0)  # channels come last
        return Result.unpack(
            self._exchange.ask(Command.CLASSIFY, wire.tobytes(), _IMAGE_PATIENCE_S)
        )

    def events(self, steps: Sequence[Sequence[tuple[int, int]]]) -> Result:
        """Let the board classify an image given as events.

        Args:
            steps: The events of every step, one step for a network that takes all at once: pairs
                (address, level), addresses ascending.

        Raises:
            SpikeforgeError: If a number is out of range, the board refuses, or nothing answers.
        """
        board = self.board
        if len(steps) != board.marks:
            raise SpikeforgeError(
                f"events for the board must be of {board.marks} steps, not {len(steps)}"
            )
        items = bytearray()
        for step in steps:
            for address, level in (map(operator.index, event) for event in step):
                if not (0 <= address < board.inputs and 1 <= level <= board.levels):
                    raise SpikeforgeError(
                        f"an event's address must be in 0..{board.inputs - 1} and its level in "
                        f"1..{board.levels}, not {address} and {level}"
                    )
                items += address.to_bytes(2, "little") + bytes([level])
            items += bytes([0, 0x80, 0])
        if len(items) > 3 * board.entries:
            raise SpikeforgeError(
                f"events and marks for the board must be {board.entries} at most, not "
                f"{len(items) // 3}"
            )
        return Result.unpack(self._exchange.ask(Command.EVENTS, bytes(items), _IMAGE_PATIENCE_S))

    def load(self, content: bytes, progress: Callable[[int], None] = lambda count: None) -> None:
        """Load content, from the beginning again where the board lost the thread.

        Args:
            content: As :func:`hw.content.load_bytes` gives it.
            progress: Called with the bytes that a piece moved on by.

        Raises:
            SpikeforgeError: If the content is for another accelerator, the board refuses it, or
                nothing answers.
        """
        board = self.board
        if not content.startswith(board.architecture) or len(content) != board.load_bytes:
            raise SpikeforgeError(
                f"the content is for another board: {len(content)} bytes of architecture "
                f"{content[:8].hex()}, not {board.load_bytes} of {board.architecture.hex()}"
            )
        for last in (False,) * (_LOADS - 1) + (True,):
            try:
                self._load_once(content, progress)
            except RefusedError as error:
                if last or error.status not in (Status.WRONG_OFFSET, Status.BAD_CONTENT):
                    raise
            else:
                return

    def counters(self) -> Counters:
        """What the board has done since its last reset.

        Raises:
            SpikeforgeError: If nothing answers.
        """
        return Counters.unpack(self._exchange.ask(Command.COUNTERS))

    def reset(self) -> None:
        """Bring the board into the state it has after power-up.

        Raises:
            SpikeforgeError: If nothing answers.
        """
        self._known = None
        self._exchange.ask(Command.RESET)

    def _load_once(self, content: bytes, progress: Callable[[int], None]) -> None:
        told = 0
        try:
            for at in range(0, len(content), LOAD_CHUNK):
                piece = content[at : at + LOAD_CHUNK]
                status, found = self._exchange.send(Command.LOAD, at.to_bytes(4, "little") + piece)
                due = int.from_bytes(found, "little")
                # The piece came, but the answer to it got lost: its repetition is out of turn.
                came = status is Status.WRONG_OFFSET and due == at + len(piece)
                if status is not Status.OK and not came:
                    raise refusal(Command.LOAD, status, self._port)
                progress(len(piece))
                told += len(piece)
            after = self.info()
            crc = after.content_crc.to_bytes(CRC_BYTES, "little")
            if not after.loaded or content[-CRC_BYTES:] != crc:
                raise refusal(Command.LOAD, Status.BAD_CONTENT, self._port)
        except RefusedError:
            progress(-told)
            raise
