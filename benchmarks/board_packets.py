"""Packets that no sound host would send, some that it would, and what a board must say to each."""

from __future__ import annotations

import random
import zlib
from dataclasses import dataclass

from hw.link.protocol import CRC_BYTES, END, ESCAPE, LOAD_CHUNK, Command, Status, frame, unframe

_OFFSET_BYTES, _IDENTITY_BYTES = 4, 8


@dataclass(frozen=True)
class Traffic:
    """What a host would send to a network's board.

    Attributes:
        images: In wire order, bytes.
        content: The network's own.
        inputs, levels, marks: Of events.
        entries: Events and marks that fit in a packet.
    """

    images: list[bytes]
    content: bytes
    inputs: int
    levels: int
    marks: int
    entries: int


def sound_packet(chance: random.Random, traffic: Traffic) -> bytes:
    """A packet without fault, but that events may be a step short or long; any number."""
    command = chance.choice(list(Command))
    payload = b""
    if command is Command.CLASSIFY:
        payload = chance.choice(traffic.images)
    elif command is Command.EVENTS:
        steps = traffic.marks + chance.choice([0, 0, 0, 0, -1, 1])
        payload = b"".join(_step(chance, traffic) for _ in range(steps))
    elif command is Command.LOAD:
        at = chance.choice([0, 0, chance.randrange(len(traffic.content))])
        size = chance.randint(1, LOAD_CHUNK)
        payload = at.to_bytes(4, "little") + traffic.content[at : at + size]
    return bytes([chance.randrange(256), command]) + payload


def _step(chance: random.Random, traffic: Traffic) -> bytes:
    there = sorted(chance.sample(range(traffic.inputs), chance.randint(0, min(8, traffic.inputs))))
    events = [at.to_bytes(2, "little") + bytes([chance.randint(1, traffic.levels)]) for at in there]
    return b"".join(events) + bytes([0, 0x80, 0])


def mutated(chance: random.Random, data: bytes) -> bytes:
    """One to three changes: bits, bytes, pieces gone, doubled, moved or new, ends and escapes."""
    found = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(found)) if found else 0
        span = chance.randint(1, 8)
        kind = chance.randrange(8)
        if kind == 0 and found:
            found[at] ^= 1 << chance.randrange(8)
        elif kind == 1 and found:
            found[at] = chance.choice([0, 0xFF, END, ESCAPE, 0xDC, 0xDD, chance.randrange(256)])
        elif kind == 2:
            del found[at : at + span]
        elif kind == 3:
            found[at:at] = found[at : at + span]
        elif kind == 4:
            found[at:at] = chance.randbytes(span)
        elif kind == 5:
            del found[at:]
        elif kind == 6:
            found += chance.randbytes(chance.choice([1, 3, span, 300]))
        elif found:
            found[at : at + span] = found[at : at + span][::-1]
    return bytes(found)


def drawn(chance: random.Random, traffic: Traffic) -> tuple[str, bytes]:
    """A kind and what goes over the wire: noise, random frames, mutants of sound packets."""
    kind = chance.choice(
        ["mutant_right_crc"] * 4 + ["mutant_of_frame"] * 4
        + ["noise", "random_right_crc", "cut", "sound", "pair"]
    )  # fmt: skip
    packet = sound_packet(chance, traffic)
    if kind == "mutant_right_crc":
        return kind, frame(mutated(chance, packet))
    if kind == "mutant_of_frame":
        return kind, mutated(chance, frame(packet))
    if kind == "noise":
        return kind, chance.randbytes(chance.randint(1, 400))
    if kind == "random_right_crc":
        return kind, frame(chance.randbytes(chance.randint(1, 400)))
    if kind == "cut":
        whole = frame(packet)
        return kind, whole[: chance.randrange(len(whole))]
    if kind == "pair":  # the second comes while the first is answered, or right behind it
        return kind, frame(packet) + frame(sound_packet(chance, traffic))
    return kind, frame(packet)


def may_change(wire: bytes) -> bool:
    """Something on the wire is a right packet that changes content, or a reset."""
    packets = [unframe(part) for part in wire.split(bytes([END]))]
    changing = (Command.LOAD, Command.RESET)
    return any(len(packet) > 1 and packet[1] in changing for packet in packets if packet)


def expected(part: bytes, traffic: Traffic) -> Status:
    """What a loaded board must answer to what lay between two ENDs, by the protocol alone.

    Pieces of content but the first are out of turn then.
    """
    packet = unframe(part)
    if packet is None or len(packet) < 2:
        return Status.BAD_FRAME
    command, payload = packet[1], packet[2:]
    if command in (Command.INFO, Command.COUNTERS, Command.RESET):
        return Status.BAD_LENGTH if payload else Status.OK
    if command == Command.CLASSIFY:
        return Status.OK if len(payload) == traffic.inputs else Status.BAD_LENGTH
    if command == Command.EVENTS:
        return _events_status(payload, traffic)
    if command == Command.LOAD:
        return _load_status(payload, traffic)
    return Status.UNKNOWN_COMMAND


def _events_status(payload: bytes, traffic: Traffic) -> Status:
    if not payload or len(payload) % 3:
        return Status.BAD_LENGTH
    least = marks = 0
    for count, at in enumerate(range(0, len(payload), 3)):
        address, level = int.from_bytes(payload[at : at + 2], "little"), payload[at + 2]
        if marks == traffic.marks or count >= traffic.entries:
            return Status.BAD_EVENT
        if address >> 15:
            if address & 0x7FFF or level:
                return Status.BAD_EVENT
            marks, least = marks + 1, 0
        elif not (least <= address < traffic.inputs and 1 <= level <= traffic.levels):
            return Status.BAD_EVENT
        else:
            least = address + 1
    return Status.OK if marks == traffic.marks else Status.BAD_LENGTH


def _load_status(payload: bytes, traffic: Traffic) -> Status:
    offset = int.from_bytes(payload[:_OFFSET_BYTES], "little")
    piece, whole = payload[_OFFSET_BYTES:], traffic.content
    least = 1 if offset else _IDENTITY_BYTES
    if len(payload) < _OFFSET_BYTES or not least <= len(piece) <= LOAD_CHUNK:
        return Status.BAD_LENGTH
    if offset:
        return Status.WRONG_OFFSET
    if piece[:_IDENTITY_BYTES] != whole[:_IDENTITY_BYTES]:
        return Status.WRONG_ARCHITECTURE
    if len(piece) >= len(whole) and not _complete(piece[: len(whole)]):
        return Status.BAD_CONTENT
    return Status.BAD_LENGTH if len(piece) > len(whole) else Status.OK


def _complete(content: bytes) -> bool:
    return zlib.crc32(content[:-CRC_BYTES]).to_bytes(CRC_BYTES, "little") == content[-CRC_BYTES:]
