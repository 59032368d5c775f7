"""What the client does with answers, and without: a board in Python answers by a script."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from deploy.host import RefusedError
from hw.link.protocol import (
    ESCAPE,
    LOAD_CHUNK,
    RESULT_FORMAT,
    Coding,
    Command,
    Status,
    frame,
    unframe,
)
from spikeforge.errors import SpikeforgeError

IMAGE = np.arange(16, dtype=np.uint8).reshape(4, 4)
RESULT = struct.pack(RESULT_FORMAT, 7, -3, 1234)


def answering(info, found, command=Command.CLASSIFY):
    """A script: INFO as given, and what a list holds for one command, its last for ever."""
    rest = list(found)

    def script(asked, payload):
        if asked is Command.INFO:
            return Status.OK, info
        assert asked is command
        return rest.pop(0) if len(rest) > 1 else rest[0]

    return script


def counted(board, command):
    return sum(packet[1] == command for packet in board.packets)


def test_an_image_is_answered(fake, answer_info):
    client, board = fake(answering(answer_info(), [(Status.OK, RESULT)]))
    found = client.classify(IMAGE)
    assert (found.winner, found.score, found.cycles) == (7, -3, 1234)
    assert board.packets[-1][2:] == IMAGE.tobytes()


def test_channels_come_last_on_the_wire(fake, answer_info):
    client, board = fake(answering(answer_info(inputs=12), [(Status.OK, RESULT)]))
    image = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    client.classify(image)
    assert board.packets[-1][2:] == bytes([0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11])


def test_every_packet_has_the_next_number(fake, answer_info):
    client, board = fake(answering(answer_info(), [(Status.OK, RESULT)]))
    for _ in range(300):
        client.classify(IMAGE)
    assert [packet[0] for packet in board.packets] == [n % 256 for n in range(1, 302)]


@pytest.mark.parametrize(
    "lost",
    [
        None,  # nothing comes
        frame(b"\x02\x82\x00" + RESULT)[:9],  # it breaks off
        frame(b"\x02\x82\x00" + RESULT)[:-3] + b"\x55\x55\xc0",  # its CRC is wrong
        frame(b"\x63\x82\x00" + RESULT),  # another packet's
        frame(b"\x02\x82\x63"),  # of no known status
        frame(b"\x02"),
        b"\xc0\xc0\x00\xff\xc0",
        (Status.BAD_FRAME, b""),  # it was damaged on the way there
    ],
)
def test_a_lost_or_damaged_answer_is_asked_for_again(fake, answer_info, lost):
    client, board = fake(answering(answer_info(), [lost, lost, (Status.OK, RESULT)]))
    assert client.classify(IMAGE).winner == 7
    assert counted(board, Command.CLASSIFY) == 3
    assert len({packet[0] for packet in board.packets[1:]}) == 1


def test_an_answer_between_others_is_found(fake, answer_info):
    garbage = frame(b"\x63\x82\x00" + RESULT) + b"\x01\x02\xc0"
    client, board = fake(
        answering(answer_info(), [garbage + frame(b"\x02\x82\x00" + RESULT) + b"\x17"])
    )
    assert client.classify(IMAGE).winner == 7
    assert counted(board, Command.CLASSIFY) == 1


def test_a_packet_with_half_an_escape_is_damaged():
    wires = [frame(bytes([number, 1]))[1:-1] for number in range(256)]
    cut = [wire for wire in wires if wire[-2] == ESCAPE]
    assert cut
    assert {unframe(wire[:-1]) for wire in cut} == {None}
    assert {unframe(wire.replace(b"\xdb", b"\xdb\xdb")) for wire in cut} == {None}
    assert [unframe(wire) for wire in wires] == [bytes([number, 1]) for number in range(256)]


def test_silence_says_what_to_check_and_does_not_last(fake):
    client, board = fake(lambda command, payload: None)
    with pytest.raises(
        SpikeforgeError,
        match=r"^no answer from /dev/fake to INFO, tried 4 times; check that the baud rate is the "
        r"bitstream's \(here 1000000\), that the bitstream is on the board, and that it is this "
        r"port$",
    ):
        client.info()
    assert len(board.packets) == 4


REFUSALS = {
    Status.BAD_FRAME: "every packet arrives damaged; check the cable and the baud rate",
    Status.UNKNOWN_COMMAND: "its network has no use for that",
    Status.BAD_LENGTH: "the packet is too short or too long for the network on the board",
    Status.NOT_LOADED: "it has no content, or its load was not completed; run 'spikeforge host "
    "load NETWORK'",
    Status.WRONG_ARCHITECTURE: "the content is made for another network or other lanes",
    Status.BAD_CONTENT: "the content's CRC is wrong; load it again",
    Status.WRONG_OFFSET: "another program is loading at the same time",
    Status.BAD_EVENT: "addresses must ascend within a step",
    Status.BUSY: "it is still reading its flash memory; try again in a second",
}


@pytest.mark.parametrize("status", REFUSALS, ids=str)
def test_every_refusal_is_explained(fake, answer_info, status):
    client, _ = fake(answering(answer_info(), [(status, bytes(4))]))
    with pytest.raises(RefusedError) as caught:
        client.classify(IMAGE)
    assert str(caught.value).startswith(
        f"the board at /dev/fake refused CLASSIFY ({status.name}): {REFUSALS[status]}"
    )
    assert "\n" not in str(caught.value)
    assert caught.value.status is status


def test_all_statuses_are_known():
    assert {Status.OK, *REFUSALS} == set(Status)


def test_a_board_that_reads_its_flash_memory_is_waited_for(fake, answer_info):
    busy = (Status.BUSY, b"")
    client, board = fake(answering(answer_info(), [busy, (Status.OK, RESULT)]))
    assert client.classify(IMAGE).winner == 7
    assert counted(board, Command.CLASSIFY) == 2


def test_another_version_of_the_protocol_is_refused(fake, answer_info):
    client, _ = fake(answering(answer_info(version=9), [None]))
    with pytest.raises(
        SpikeforgeError,
        match="protocol is of version 9, not 1; build its bitstream again with this release",
    ):
        client.info()


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 5), np.uint8), r"must be 16 pixels of uint8, not uint8 of shape \(4, 5\)"),
        (np.zeros((4, 4)), r"must be 16 pixels of uint8, not float64 of shape \(4, 4\)"),
        (np.zeros(16, np.uint8), r"must be 16 pixels of uint8, not uint8 of shape \(16,\)"),
    ],
)
def test_an_image_that_does_not_fit_is_not_sent(fake, answer_info, image, message):
    client, board = fake(answering(answer_info(), [None]))
    with pytest.raises(SpikeforgeError, match=message):
        client.classify(image)
    assert not counted(board, Command.CLASSIFY)


def test_a_network_of_events_takes_no_images(fake, answer_info):
    client, _ = fake(answering(answer_info(coding=Coding.NONE), [None]))
    with pytest.raises(SpikeforgeError, match="the network on the board takes events, not images"):
        client.classify(IMAGE)


def test_events_get_a_mark_behind_each_step(fake, answer_info):
    client, board = fake(
        answering(answer_info(marks=2), [(Status.OK, RESULT)], command=Command.EVENTS)
    )
    assert client.events([[(1, 2), (15, 15)], []]).winner == 7
    assert board.packets[-1][2:] == bytes([1, 0, 2, 15, 0, 15, 0, 0x80, 0, 0, 0x80, 0])


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([], "events for the board must be of 1 steps, not 0"),
        ([[(16, 1)]], r"address must be in 0\.\.15 and its level in 1\.\.15, not 16 and 1"),
        ([[(0, 16)]], r"address must be in 0\.\.15 and its level in 1\.\.15, not 0 and 16"),
        ([[(0, 1)] * 256], "events and marks for the board must be 256 at most, not 257"),
    ],
)
def test_events_out_of_range_are_not_sent(fake, answer_info, steps, message):
    client, board = fake(answering(answer_info(), [None], command=Command.EVENTS))
    with pytest.raises(SpikeforgeError, match=message):
        client.events(steps)
    assert not counted(board, Command.EVENTS)


class Loading:
    """A board's side of a load, which loses the answers to some pieces."""

    def __init__(self, info, length, lost=(), forgets=()):
        self.info, self.length, self.lost, self.forgets = info, length, set(lost), set(forgets)
        self.next, self.memory, self.sent = 0, b"", 0

    def __call__(self, command, payload):
        if command is Command.INFO:
            crc = int.from_bytes(self.memory[-4:], "little")
            return Status.OK, self.info(crc=crc, flags=int(self.next == self.length))
        at, piece = int.from_bytes(payload[:4], "little"), payload[4:]
        self.sent += 1
        if self.sent in self.forgets:
            self.next = 0
        status = Status.OK if at in (0, self.next) else Status.WRONG_OFFSET
        if status is Status.OK:
            self.memory = self.memory[:at] + piece
            self.next = at + len(piece)
        if self.sent in self.lost:
            return None
        return status, self.next.to_bytes(4, "little")


CONTENT = bytes(range(8)) + bytes(range(100)) * 6
PIECES = -(-len(CONTENT) // LOAD_CHUNK)


def loading(fake, answer_info, **options):
    def info(**given):
        return answer_info(load_bytes=len(CONTENT), **given)

    board = Loading(info, len(CONTENT), **options)
    client, line = fake(board)
    moved = []
    client.load(CONTENT, moved.append)
    assert board.memory == CONTENT
    assert sum(moved) == len(CONTENT)
    return counted(line, Command.LOAD)


def test_content_goes_piece_by_piece(fake, answer_info):
    assert loading(fake, answer_info) == PIECES


@pytest.mark.parametrize("lost", range(1, PIECES + 1))
def test_a_piece_whose_answer_got_lost_counts_as_come(fake, answer_info, lost):
    assert loading(fake, answer_info, lost=[lost]) == PIECES + 1


def test_a_board_that_lost_the_thread_is_loaded_from_the_beginning(fake, answer_info):
    assert loading(fake, answer_info, forgets=[3]) == 2 + 1 + PIECES


def test_a_board_that_always_loses_the_thread_is_given_up(fake, answer_info):
    with pytest.raises(RefusedError, match=r"refused LOAD \(WRONG_OFFSET\)"):
        loading(fake, answer_info, forgets=range(2, 100))


@pytest.mark.parametrize("content", [b"\xff" + CONTENT[1:], CONTENT[:-1]])
def test_content_for_another_board_is_not_sent(fake, answer_info, content):
    client, line = fake(answering(answer_info(load_bytes=len(CONTENT)), [None], Command.LOAD))
    with pytest.raises(
        SpikeforgeError,
        match=rf"for another board: {len(content)} bytes of architecture {content[:8].hex()}, not "
        rf"{len(CONTENT)} of 0001020304050607",
    ):
        client.load(content)
    assert not counted(line, Command.LOAD)


def test_content_that_the_board_does_not_have_in_the_end_is_an_error(fake, answer_info):
    info = answer_info(load_bytes=len(CONTENT), crc=1)
    client, line = fake(answering(info, [(Status.OK, bytes(4))], Command.LOAD))
    with pytest.raises(RefusedError, match=r"refused LOAD \(BAD_CONTENT\)"):
        client.load(CONTENT)
    assert counted(line, Command.LOAD) == 3 * PIECES


def test_inputs_that_are_no_square_need_the_network(fake, answer_info):
    client, _ = fake(answering(answer_info(inputs=15), [None]))
    with pytest.raises(SpikeforgeError, match=r"takes 15 pixels, which are no square .* --network"):
        _ = client.board.image_shape
