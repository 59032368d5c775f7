"""What host and gateware say to each other: commands, answers and frames. No hardware in here.

A packet is a byte string: its number (the answer carries the same one), a command, what belongs to
the command, and the CRC-32 of all that, least byte first. Answers have the command with its highest
bit set, and a status before their own content. On the wire a packet lies between two END bytes, and
END and ESCAPE inside it are replaced by two bytes each, as SLIP does (RFC 1055): so an END always
means that a packet is over, whatever was lost before. Numbers are little-endian.
"""

from __future__ import annotations

import zlib
from enum import IntEnum

__all__ = [
    "ANSWER", "COUNTERS_FORMAT", "CRC_BYTES", "END", "ESCAPE", "ESCAPED", "FLAG_FLASH",
    "FLAG_FLASH_BUSY", "FLAG_LOADED", "FLAG_PRELOADED", "FLASH_MAGIC", "INFO_FORMAT", "LOAD_CHUNK",
    "RESULT_FORMAT", "USUAL_BAUDS", "VERSION", "Coding", "Command", "Status", "escaped",
    "frame", "unframe",
]  # fmt: skip

VERSION = 1
USUAL_BAUDS = (1_000_000, 460_800, 230_400, 115_200)
"""Bits a second of the serial line, the usual one first; then what slower clocks can time."""
END, ESCAPE = 0xC0, 0xDB
ESCAPED = {END: 0xDC, ESCAPE: 0xDD}
"""What follows an ESCAPE in place of a byte."""
ANSWER = 0x80
CRC_BYTES = 4
LOAD_CHUNK = 256
"""Bytes of content in one packet, at most."""
FLASH_MAGIC = b"SPKF"
"""How content in a flash memory begins; then its length (4 bytes) and itself."""

INFO_FORMAT = "<BB8sIBBBHBIHIIH"
"""Answer to INFO, in the notation of ``struct``: version, flags, architecture id, CRC-32 of the
content (0: none), coding, steps, bits, marks, levels, inputs, classes, bytes of a load, clock in
kHz, entries of the store."""
FLAG_LOADED, FLAG_FLASH_BUSY, FLAG_PRELOADED, FLAG_FLASH = 1, 2, 4, 8
RESULT_FORMAT = "<HqI"
"""Answer to CLASSIFY and EVENTS: class, its score, cycles from the first item to the class."""
COUNTERS_FORMAT = "<IIIIQ"
"""Answer to COUNTERS: images, events, packets, damaged packets, cycles with an image inside."""


class Command(IntEnum):
    """What a host may ask for.

    INFO: what the board is; nothing follows.
    CLASSIFY: an image follows, a byte a pixel, row by row, the channels of a position together.
    EVENTS: events and marks follow, three bytes each: address (15 bits) with the mark's bit above
        it, then the level.
    LOAD: a piece of the content follows, behind its offset (4 bytes); offset 0 begins a load.
    COUNTERS: what was done since the last reset; nothing follows.
    RESET: everything as after power-up; nothing follows.
    """

    INFO = 1
    CLASSIFY = 2
    EVENTS = 3
    LOAD = 4
    COUNTERS = 5
    RESET = 6


class Status(IntEnum):
    """How a command went.

    OK: done.
    BAD_FRAME: the CRC is wrong, the packet is too short, or an ESCAPE was followed by nonsense.
    UNKNOWN_COMMAND: there is no such command, or the network has no use for it.
    BAD_LENGTH: what follows the command is too short or too long.
    NOT_LOADED: there is no content, or its load is not complete and checked.
    WRONG_ARCHITECTURE: the content is made for another accelerator.
    BAD_CONTENT: all of the content came, and its CRC is wrong.
    WRONG_OFFSET: a piece of the content is not the next one; the next offset follows.
    BAD_EVENT: addresses do not ascend within a step, or something is out of range.
    BUSY: content comes from the flash memory just now.
    """

    OK = 0
    BAD_FRAME = 1
    UNKNOWN_COMMAND = 2
    BAD_LENGTH = 3
    NOT_LOADED = 4
    WRONG_ARCHITECTURE = 5
    BAD_CONTENT = 6
    WRONG_OFFSET = 7
    BAD_EVENT = 8
    BUSY = 9


class Coding(IntEnum):
    """How the gateware codes an image; NONE: it takes events only."""

    NONE = 0
    TTFS_LEVELS = 1
    GRADED = 2


def frame(packet: bytes) -> bytes:
    """A packet as it goes over the wire: CRC appended, bytes escaped, between two ENDs."""
    whole = packet + zlib.crc32(packet).to_bytes(CRC_BYTES, "little")
    return bytes([END]) + escaped(whole) + bytes([END])


def escaped(whole: bytes) -> bytes:
    """Replace END and ESCAPE by their two-byte forms."""
    found = whole.replace(bytes([ESCAPE]), bytes([ESCAPE, ESCAPED[ESCAPE]]))
    return found.replace(bytes([END]), bytes([ESCAPE, ESCAPED[END]]))


def unframe(wire: bytes) -> bytes | None:
    """The packet in what lay between two ENDs, or nothing where it is damaged."""
    pairs = sum(wire.count(bytes([ESCAPE, code])) for code in ESCAPED.values())
    if wire.count(ESCAPE) != pairs:  # an ESCAPE with nothing behind it, or nonsense
        return None
    whole = wire.replace(bytes([ESCAPE, ESCAPED[END]]), bytes([END]))
    whole = whole.replace(bytes([ESCAPE, ESCAPED[ESCAPE]]), bytes([ESCAPE]))
    packet, crc = whole[:-CRC_BYTES], whole[-CRC_BYTES:]
    right = len(whole) > CRC_BYTES and zlib.crc32(packet).to_bytes(CRC_BYTES, "little") == crc
    return packet if right else None
