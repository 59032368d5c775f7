"""The whole gateware, spoken to over its serial line, against the integer reference."""

from __future__ import annotations

import random
import struct
from dataclasses import replace

import numpy as np
import pytest

from hw.config import MemoryMode, configure
from hw.content import load_bytes
from hw.link.gateware import LinkConfig
from hw.link.protocol import (
    COUNTERS_FORMAT,
    END,
    FLAG_FLASH_BUSY,
    INFO_FORMAT,
    LOAD_CHUNK,
    RESULT_FORMAT,
    VERSION,
    Command,
    Status,
    frame,
    unframe,
)
from sim.board import BoardModel, build_board
from sim.fuzz.case import random_case
from sim.reference import run_reference
from sim.simulate import simulate
from spikeforge.coding import encode
from spikeforge.errors import SpikeforgeError
from spikeforge.schema import InputCoding
from spikeforge.shapes import wire_order

FAST = LinkConfig(clock_khz=4_000, baud=1_000_000)


class Line:
    """A host at the board's line: numbers packets, returns answers."""

    def __init__(self, board):
        self.board, self.number = board, 0

    def raw(self, data):
        """Send bytes as they are; returns all packets that come back."""
        self.board.send(data)
        heard = b""
        for _ in range(1000):
            self.board.run()
            heard += self.board.take()
            if self.board.idle:
                return [unframe(part) for part in heard.split(bytes([END])) if part]
        raise AssertionError("the board hangs")

    def ask(self, command, payload=b""):
        """One packet; returns its status and what follows."""
        self.number = (self.number + 1) % 256
        (answer,) = self.raw(frame(bytes([self.number, command]) + payload))
        assert answer[:2] == bytes([self.number, command | 0x80])
        return Status(answer[2]), answer[3:]

    def classify(self, image):
        """Class, score and cycles of an image given as bytes in wire order."""
        status, found = self.ask(Command.CLASSIFY, bytes(image))
        assert status is Status.OK
        return struct.unpack(RESULT_FORMAT, found)

    def load(self, content, *, size=LOAD_CHUNK):
        """Load content piece by piece; returns the first status that is not OK, or OK."""
        for at in range(0, len(content), size):
            piece = content[at : at + size]
            status, _ = self.ask(Command.LOAD, at.to_bytes(4, "little") + piece)
            if status is not Status.OK:
                return status
        return Status.OK

    def info(self):
        """All fields of the answer to INFO."""
        return struct.unpack(INFO_FORMAT, self.ask(Command.INFO)[1])


def pixels_of(network, count, seed=3):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, *network.input.shape)).astype(np.uint8)
    images[0], images[1] = 0, 255
    wire = images.reshape(count, -1)[:, wire_order(network.input.shape)]
    return encode(images, network.input), wire


def right(network, levels):
    return run_reference(network, levels).classes.tolist()


@pytest.fixture(scope="module")
def loadable(tiny_case):
    """The tiny network behind a line, its content to be loaded, a flash memory beside it."""
    link = replace(FAST, flash=True)
    return build_board(tiny_case.network, tiny_case.config, link, brief=True)


@pytest.fixture
def line(loadable):
    board = BoardModel(loadable)
    found = Line(board)
    for _ in range(1000):
        board.run()
    assert not found.info()[1] & FLAG_FLASH_BUSY
    yield found
    board.close()


@pytest.fixture
def content(tiny_case):
    return load_bytes(tiny_case.network, tiny_case.config)


@pytest.fixture
def known(tiny_case):
    """An image as the line takes it, and its class."""
    levels, wire = pixels_of(tiny_case.network, 12)
    return wire[7], right(tiny_case.network, levels)[7]


def test_images_get_the_class_score_and_cycles_of_the_accelerator(line, content, tiny_case):
    network = tiny_case.network
    assert line.load(content, size=23) is Status.OK
    levels, wire = pixels_of(network, 12)
    found = simulate(network, tiny_case.config, levels, workers=1)
    assert found.message == ""
    answers = [line.classify(image) for image in wire]
    assert [each[0] for each in answers] == right(network, levels)
    assert [each[2] for each in answers] == found.latency_cycles.tolist()
    scores = run_reference(network, levels).scores
    assert [each[1] for each in answers] == scores.tolist()


@pytest.mark.parametrize(("coding", "schedule"), [("ttfs_levels", "stepped"),
                                                  ("graded", "stepped"),
                                                  ("ttfs_levels", "windowed")])  # fmt: skip
def test_any_network_classifies_over_the_line_as_the_reference(coding, schedule):
    case = next(
        case for case in map(random_case, range(1, 400))
        if case.network.input.coding is InputCoding(coding)
        and case.network.layers[0].kind == "dense"
        and case.network.layers[0].neuron.schedule == schedule
        and case.network.input.steps > 1
    )  # fmt: skip
    network = case.network
    config = configure(network, 2, MemoryMode.PRELOAD)
    board = BoardModel(build_board(network, config, FAST, brief=True))
    levels, wire = pixels_of(network, 10)
    answers = [Line(board).classify(image)[0] for image in wire]
    board.close()
    assert answers == right(network, levels)


def test_a_board_without_content_says_so_and_takes_no_image(line, known):
    assert line.ask(Command.CLASSIFY, bytes(known[0])) == (Status.NOT_LOADED, b"")
    version, flags, *_ = line.info()
    assert (version, flags & 1) == (VERSION, 0)


def test_a_load_counts_only_when_it_is_complete(line, content, known):
    assert line.load(content[:-1]) is Status.OK
    assert line.ask(Command.CLASSIFY, bytes(known[0]))[0] is Status.NOT_LOADED
    at = len(content) - 1
    assert line.ask(Command.LOAD, at.to_bytes(4, "little") + content[-1:])[0] is Status.OK
    assert line.classify(known[0])[0] == known[1]
    assert line.info()[3] == int.from_bytes(content[-4:], "little")


def test_a_piece_out_of_turn_is_answered_with_the_offset_that_is_due(line, content):
    line.ask(Command.LOAD, bytes(4) + content[:10])
    status, due = line.ask(Command.LOAD, (20).to_bytes(4, "little") + content[20:30])
    assert (status, int.from_bytes(due, "little")) == (Status.WRONG_OFFSET, 10)


def test_content_of_another_architecture_is_refused_and_the_old_one_stays(line, content, known):
    line.load(content)
    foreign = bytes([content[0] ^ 1]) + content[1:]
    assert line.load(foreign) is Status.WRONG_ARCHITECTURE
    assert line.classify(known[0])[0] == known[1]


def test_damaged_content_is_refused_and_nothing_is_loaded(line, content, known):
    damaged = content[:-5] + bytes([content[-5] ^ 4]) + content[-4:]
    assert line.load(damaged) is Status.BAD_CONTENT
    assert line.ask(Command.CLASSIFY, bytes(known[0]))[0] is Status.NOT_LOADED
    assert line.load(content) is Status.OK
    assert line.classify(known[0])[0] == known[1]


def test_another_content_of_the_same_architecture_replaces_the_first(line, content, tiny_case):
    network = tiny_case.network
    tensors = {name: -each if name.endswith("weight") else each
               for name, each in network.tensors.items()}  # fmt: skip
    other = replace(network, tensors=tensors)
    levels, wire = pixels_of(network, 12)
    line.load(content)
    assert line.load(load_bytes(other, tiny_case.config)) is Status.OK
    answers = [line.classify(image)[0] for image in wire]
    assert answers == right(other, levels) != right(network, levels)


def test_content_in_the_flash_memory_is_there_after_power_up(loadable, content, known):
    board = BoardModel(loadable, flash=content)
    line = Line(board)
    assert line.ask(Command.CLASSIFY, bytes(known[0]))[0] is Status.BUSY
    for _ in range(1000):
        board.run()
    assert board.loaded
    assert line.classify(known[0])[0] == known[1]
    board.close()


@pytest.mark.parametrize(
    ("packet", "status"),
    [
        (frame(b"\x01\x01")[:-2] + bytes([0, END]), Status.BAD_FRAME),
        (bytes([END, 1, 2, 3, END]), Status.BAD_FRAME),
        (bytes([END, 0xDB, END]), Status.BAD_FRAME),
        (frame(b"\x01\x63"), Status.UNKNOWN_COMMAND),
        (frame(b"\x01\x02\x00"), Status.BAD_LENGTH),
        (frame(b"\x01\x01\x00"), Status.BAD_LENGTH),
        (frame(b"\x01\x04\x00\x00\x00\x00" + bytes(7)), Status.BAD_LENGTH),
        (frame(b"\x01\x04\x07\x00\x00\x00" + bytes(LOAD_CHUNK + 1)), Status.BAD_LENGTH),
        (frame(b"\x01\x03" + bytes([0, 0])), Status.BAD_LENGTH),
        (frame(b"\x01\x03" + bytes([3, 0, 1, 0, 0x80, 0])), Status.BAD_EVENT),  # 3 inputs
        (frame(b"\x01\x03" + bytes([0, 0, 5, 0, 0x80, 0])), Status.BAD_EVENT),  # 4 levels
        (frame(b"\x01\x03" + bytes([1, 0, 1, 0, 0, 1, 0, 0x80, 0])), Status.BAD_EVENT),
        (frame(b"\x01\x03" + bytes([0, 0x80, 0, 0, 0x80, 0])), Status.BAD_EVENT),
        (frame(b"\x01\x03" + bytes([1, 0, 1])), Status.BAD_LENGTH),  # no mark
    ],
)
def test_a_bad_packet_gets_its_reason_and_the_next_one_is_obeyed(
    line, content, known, packet, status
):
    line.load(content)
    (answer,) = line.raw(packet)
    assert Status(answer[2]) is status
    assert line.classify(known[0])[0] == known[1]


def test_events_give_what_their_image_gives(line, content, tiny_case):
    line.load(content)
    levels, wire = pixels_of(tiny_case.network, 12)
    for level, image in zip(levels, wire, strict=True):
        events = b"".join(bytes([at, 0, k]) for at, k in enumerate(level) if k)
        status, found = line.ask(Command.EVENTS, events + bytes([0, 0x80, 0]))
        assert status is Status.OK
        assert struct.unpack(RESULT_FORMAT, found) == line.classify(image)


def test_a_packet_that_stops_in_the_middle_harms_only_itself(line, content, known):
    line.load(content)
    whole = frame(bytes([9, Command.CLASSIFY]) + bytes(known[0]))
    assert line.raw(whole[: len(whole) // 2]) == []
    (damaged, answer) = line.raw(frame(bytes([10, Command.CLASSIFY]) + bytes(known[0])))
    assert Status(damaged[2]) is Status.BAD_FRAME
    assert answer[:3] == bytes([10, Command.CLASSIFY | 0x80, Status.OK])


def test_counters_tell_what_was_done_and_a_reset_clears_them(line, content, known):
    line.load(content)
    _, _, cycles = line.classify(known[0])
    line.raw(bytes([END, 1, END]))
    images, events, packets, damaged, busy = struct.unpack(
        COUNTERS_FORMAT, line.ask(Command.COUNTERS)[1]
    )
    assert (images, damaged, busy) == (1, 1, cycles)
    assert 0 < events <= 3
    assert packets >= 4
    assert line.ask(Command.RESET)[0] is Status.OK
    assert struct.unpack(COUNTERS_FORMAT, line.ask(Command.COUNTERS)[1])[0] == 0
    for _ in range(1000):  # the flash memory, which is empty, is read again
        line.board.run()
    assert line.ask(Command.CLASSIFY, bytes(known[0]))[0] is Status.NOT_LOADED


def test_after_random_and_mutated_packets_a_known_image_still_classifies_right(
    line, content, known
):
    chance = random.Random(5)
    line.load(content)
    for _ in range(150):
        body = bytearray(bytes([7, chance.choice(list(Command))]))
        body += chance.choice([bytes(known[0]), content[:60], chance.randbytes(9), b""])
        if chance.random() < 0.5:  # before the CRC is computed
            body[chance.randrange(len(body))] = chance.randrange(256)
        packet = bytearray(frame(bytes(body)))
        if chance.random() < 0.5:
            packet[chance.randrange(len(packet))] = chance.randrange(256)
        line.raw(bytes(packet[: chance.choice([len(packet), chance.randrange(len(packet))])]))
        line.raw(bytes([END]))
        status, found = line.ask(Command.CLASSIFY, bytes(known[0]))
        if status is not Status.OK:
            assert status in (Status.NOT_LOADED, Status.BUSY)
            while status is Status.BUSY:
                status = line.load(content)
            assert line.load(content) is Status.OK
            status, found = line.ask(Command.CLASSIFY, bytes(known[0]))
        assert (status, found[0]) == (Status.OK, known[1])


def test_a_baud_rate_that_does_not_fit_the_clock_is_refused(tiny_case):
    with pytest.raises(
        SpikeforgeError, match=r"a baud rate of 3000000 does not fit a clock of 4 M"
    ):
        build_board(tiny_case.network, tiny_case.config, replace(FAST, baud=3_000_000))
