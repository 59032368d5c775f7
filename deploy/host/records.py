"""What a board answers, with names; and why it refused, in words."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import isqrt
from typing import Self

from hw.link.protocol import (
    COUNTERS_FORMAT,
    FLAG_FLASH,
    FLAG_FLASH_BUSY,
    FLAG_LOADED,
    FLAG_PRELOADED,
    INFO_FORMAT,
    RESULT_FORMAT,
    VERSION,
    Coding,
    Command,
    Status,
)
from spikeforge.errors import SpikeforgeError

__all__ = ["BoardInfo", "Counters", "RefusedError", "Result", "refusal"]


@dataclass(frozen=True, kw_only=True)
class BoardInfo:
    """What a board is.

    Attributes:
        version: Of the protocol.
        loaded: Content is complete and checked.
        flash_busy: Content is being read from the flash memory.
        preloaded: The bitstream brings content along.
        flash: Content comes from the flash memory at power-up.
        architecture: Id of the accelerator, which content must carry.
        content_crc: CRC-32 of the content, 0 without any.
        coding: How it codes images.
        steps: Of the input's window, 255 at most.
        bits: Of a graded pixel.
        marks: That an image given as events must have.
        levels: The largest level of an event.
        inputs: Pixels of an image.
        classes: Of the network.
        load_bytes: Bytes of a load.
        clock_khz: Of everything on the board.
        entries: Items that fit in a packet.
    """

    version: int
    loaded: bool
    flash_busy: bool
    preloaded: bool
    flash: bool
    architecture: bytes
    content_crc: int
    coding: Coding
    steps: int
    bits: int
    marks: int
    levels: int
    inputs: int
    classes: int
    load_bytes: int
    clock_khz: int
    entries: int

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """From the bytes behind the status.

        Raises:
            SpikeforgeError: If the board speaks another version of the protocol.
        """
        if len(data) != struct.calcsize(INFO_FORMAT) or data[0] != VERSION:
            raise SpikeforgeError(
                f"the board's protocol is of version {data[0] if data else 'unknown'}, not "
                f"{VERSION}; build its bitstream again with this release"
            )
        version, flags, architecture, crc, coding, *numbers = struct.unpack(INFO_FORMAT, data)
        steps, bits, marks, levels, inputs, classes, load_bytes, clock_khz, entries = numbers
        return cls(
            version=version, loaded=bool(flags & FLAG_LOADED),
            flash_busy=bool(flags & FLAG_FLASH_BUSY), preloaded=bool(flags & FLAG_PRELOADED),
            flash=bool(flags & FLAG_FLASH), architecture=architecture, content_crc=crc,
            coding=Coding(coding), steps=steps, bits=bits, marks=marks, levels=levels,
            inputs=inputs, classes=classes, load_bytes=load_bytes, clock_khz=clock_khz,
            entries=entries,
        )  # fmt: skip

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Of a square image with one channel, which is all that the board can tell.

        Raises:
            SpikeforgeError: If the inputs are no square.
        """
        side = isqrt(self.inputs)
        if side * side != self.inputs:
            raise SpikeforgeError(
                f"the board takes {self.inputs} pixels, which are no square of one channel; name "
                f"the network with --network, which knows the shape"
            )
        return (1, side, side)

    def section(self) -> dict[str, object]:
        """The record's key ``board``."""
        return {
            "protocol": self.version, "architecture": self.architecture.hex(),
            "loaded": self.loaded, "content_crc": f"{self.content_crc:08x}",
            "preloaded": self.preloaded, "flash": self.flash, "flash_busy": self.flash_busy,
            "coding": self.coding.name.lower(), "steps": self.steps, "bits": self.bits,
            "marks": self.marks, "levels": self.levels, "inputs": self.inputs,
            "classes": self.classes, "load_bytes": self.load_bytes,
            "clock_mhz": self.clock_khz / 1000, "entries": self.entries,
        }  # fmt: skip


@dataclass(frozen=True)
class Result:
    """One image's answer.

    Attributes:
        winner: Its class.
        score: The class's score, in LSBs.
        cycles: Clock cycles from the first event to the class.
    """

    winner: int
    score: int
    cycles: int

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """From the bytes behind the status."""
        return cls(*struct.unpack(RESULT_FORMAT, data))


@dataclass(frozen=True)
class Counters:
    """What a board has done since its last reset.

    Attributes:
        images: Classified ones.
        events: That went into the accelerator.
        packets: That came in.
        damaged: Packets that were damaged.
        busy_cycles: Clock cycles with an image inside.
    """

    images: int
    events: int
    packets: int
    damaged: int
    busy_cycles: int

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """From the bytes behind the status."""
        return cls(*struct.unpack(COUNTERS_FORMAT, data))


class RefusedError(SpikeforgeError):
    """A board understood a packet and did not obey.

    Attributes:
        status: Why.
    """

    def __init__(self, message: str, status: Status):
        super().__init__(message)
        self.status = status


_WHY = {
    Status.BAD_FRAME: "every packet arrives damaged; check the cable and the baud rate",
    Status.UNKNOWN_COMMAND: "its network has no use for that",
    Status.BAD_LENGTH: "the packet is too short or too long for the network on the board",
    Status.NOT_LOADED: (
        "it has no content, or its load was not completed; run 'spikeforge host load NETWORK'"
    ),
    Status.WRONG_ARCHITECTURE: (
        "the content is made for another network or other lanes; put the bitstream of this one on "
        "the board"
    ),
    Status.BAD_CONTENT: "the content's CRC is wrong; load it again",
    Status.WRONG_OFFSET: "another program is loading at the same time; end it and load again",
    Status.BAD_EVENT: (
        "addresses must ascend within a step, and addresses, levels and steps be in range"
    ),
    Status.BUSY: "it is still reading its flash memory; try again in a second",
}


def refusal(command: Command, status: Status, port: str) -> RefusedError:
    """The error for a status that is not OK."""
    return RefusedError(
        f"the board at {port} refused {command.name} ({status.name}): {_WHY[status]}", status
    )
