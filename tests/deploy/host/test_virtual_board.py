"""A host at a virtual board: the gateware in Verilator behind a pseudo-terminal."""

from __future__ import annotations

import random

import numpy as np
import pytest

from deploy.boards import BOARDS
from deploy.host import BoardClient, RefusedError, SerialLine
from deploy.host.bench import differences, run_bench
from deploy.host.identity import check_content, matching_config
from deploy.virtual_board import BoardBuild, named_device
from hw.link.protocol import END, Command, Status, frame
from sim.reference import run_reference
from spikeforge.coding import encode
from spikeforge.errors import SpikeforgeError

FUZZ_PACKETS = 200


def quiet(line):
    """Wait until the board says nothing more."""
    while line.read(0.01):
        pass


def right(network, images):
    trace = run_reference(network, encode(images, network.input))
    return list(zip(trace.classes.tolist(), trace.scores.tolist(), strict=True))


def asked(client, images):
    found = [client.classify(image) for image in images]
    return [(each.winner, each.score) for each in found]


def test_100_images_are_classified_as_by_the_reference(client, powered, mnist):
    images, labels = mnist
    moved = []
    found = run_bench(client, images, labels, moved.append)
    assert differences(powered.network, images, found) == (0, "")
    assert sum(moved) == 100
    assert found.accuracy == (found.classes == labels).mean()
    assert len(set(found.classes.tolist())) > 1
    assert found.clock_mhz == 24
    assert found.us_per_image == pytest.approx(found.cycles_mean / 24)


def test_a_difference_from_the_reference_is_told(client, powered, mnist):
    images, labels = mnist
    found = run_bench(client, images[:5], labels[:5])
    count, message = differences(powered.other, images[:5], found)
    assert count > 0
    assert f"{count} of 5 images differ from the integer reference; image " in message


def test_other_content_is_loaded_and_the_first_again(client, powered, mnist):
    images = mnist[0][:20]
    config = matching_config(powered.other, client.board)
    assert config.lanes == powered.build.config.lanes
    client.load(powered.content(powered.other))
    check_content(powered.other, config, client.info())
    answers = asked(client, images)
    assert answers == right(powered.other, images) != right(powered.network, images)
    client.load(powered.content())
    assert asked(client, images[:3]) == right(powered.network, images[:3])


def test_a_plug_pulled_in_the_middle_of_a_packet_harms_nothing(powered, client, mnist):
    image = mnist[0][0]
    with pytest.raises(SpikeforgeError, match="is used by another program"):
        SerialLine(powered.port)
    line = client._exchange._line
    for cut in (1, 30, 400, 780):
        line.write(frame(bytes([1, Command.CLASSIFY]) + image.tobytes())[:cut])
        powered.virtual.unplug()
        assert asked(client, [image]) == right(powered.network, image[None])


def test_a_load_cut_short_leaves_nothing_loaded_and_the_next_one_counts(powered, client, mnist):
    image, content = mnist[0][0], powered.content()
    line = client._exchange._line
    assert client._exchange.send(Command.LOAD, bytes(4) + content[:256])[0] is Status.OK
    line.write(frame(bytes([2, Command.LOAD]) + bytes([0, 1, 0, 0]) + content[256:512])[:99])
    powered.virtual.unplug()
    quiet(line)
    assert not client.info().loaded
    with pytest.raises(RefusedError, match="spikeforge host load NETWORK"):
        client.classify(image)
    client.load(content)
    assert asked(client, [image]) == right(powered.network, image[None])


def test_a_load_that_goes_on_after_a_reset_is_told_to_begin_again(powered, client, mnist):
    content = powered.content()
    most = len(content) // 256 * 256
    for at in range(0, most, 256):
        piece = at.to_bytes(4, "little") + content[at : at + 256]
        assert client._exchange.send(Command.LOAD, piece)[0] is Status.OK
    client.reset()
    rest = most.to_bytes(4, "little") + content[most:]
    assert client._exchange.send(Command.LOAD, rest) == (Status.WRONG_OFFSET, bytes(4))
    client.load(content)
    assert asked(client, mnist[0][:1]) == right(powered.network, mnist[0][:1])


@pytest.mark.parametrize("extra", [b"", b"xyz"])
def test_bytes_behind_complete_content_are_refused_and_do_no_harm(powered, client, mnist, extra):
    content = powered.content()
    end = len(content).to_bytes(4, "little")
    assert client._exchange.send(Command.LOAD, end + b"more")[0] is Status.WRONG_OFFSET
    for at in range(0, len(content), 256):
        last = at + 256 >= len(content)
        piece = at.to_bytes(4, "little") + content[at : at + 256] + extra * last
        status, _ = client._exchange.send(Command.LOAD, piece)
        assert status is (Status.BAD_LENGTH if last and extra else Status.OK)
    assert client.info().content_crc == int.from_bytes(content[-4:], "little")
    assert asked(client, mnist[0][:1]) == right(powered.network, mnist[0][:1])


def test_a_new_host_finds_the_board_well_after_one_that_stopped_halfway(powered, client, mnist):
    images = mnist[0][:2]
    client._exchange._line.write(frame(bytes([1, Command.CLASSIFY]) + bytes(784))[:300])
    client._exchange._line.close()
    with SerialLine(powered.port) as line:
        assert asked(BoardClient(line), images) == right(powered.network, images)


def test_after_random_and_mutated_packets_a_known_image_classifies_right(
    powered, client, mnist, packets
):
    images, content = mnist[0][:5], powered.content()
    wanted = right(powered.network, images)
    wire = [image.tobytes() for image in images]
    traffic = packets.Traffic(wire, content, inputs=784, levels=15, marks=1, entries=785)
    line = client._exchange._line
    client, loads = BoardClient(line, patience=0.3), 0
    for number in range(FUZZ_PACKETS):
        _, sent = packets.drawn(random.Random(f"line:{number}"), traffic)
        line.write(sent + bytes([END]) * (number % 4 > 0))  # what is cut hides the next packet
        quiet(line)
        board = client.info()
        while board.flash_busy:
            board = client.info()
        if not board.loaded or board.content_crc != int.from_bytes(content[-4:], "little"):
            assert packets.may_change(sent), sent.hex()
            client.load(content)
            loads += 1
        assert asked(client, images[number % 5 :][:1]) == wanted[number % 5 :][:1], sent.hex()
    assert 0 < loads < FUZZ_PACKETS / 5


def test_events_get_what_their_image_gets(powered, client, mnist):
    image = mnist[0][3]
    levels = encode(image[None], powered.network.input)[0]
    step = [(at, levels[at]) for at in np.flatnonzero(levels)]
    assert client.events([step]) == client.classify(image)
    with pytest.raises(RefusedError) as caught:
        client.events([step[::-1]])
    assert caught.value.status is Status.BAD_EVENT


def test_content_comes_from_flash_a_reset_forgets_and_an_unplugged_board_is_noticed(fresh, mnist):
    with SerialLine(fresh.port) as line:
        client = BoardClient(line)
        cycles = client.classify(mnist[0][0]).cycles  # once the flash memory has been read
        assert client.info().flash
        counters = client.counters()
        assert (counters.images, counters.busy_cycles) == (1, cycles)
        client.reset()
        assert client.counters().images == 0
        assert asked(client, mnist[0][:1]) == right(fresh.network, mnist[0][:1])
        fresh.switch_off()
        with pytest.raises(SpikeforgeError, match=r"was disconnected .* plug the board in again"):
            client.info()


def test_other_lanes_or_networks_are_told_from_the_one_on_the_board(client, powered):
    network, board = powered.network, client.board
    assert matching_config(network, board, 2) == matching_config(network, board)
    check_content(network, matching_config(network, board), client.info())
    with pytest.raises(
        SpikeforgeError,
        match=rf"another network than small with --lanes 5: its architecture is "
        rf"{board.architecture.hex()}, of 784 inputs and 10 classes; name the network that its",
    ):
        matching_config(network, board, 5)
    with pytest.raises(SpikeforgeError, match=r"lanes must be in 1\.\.10"):
        matching_config(network, board, 11)
    with pytest.raises(SpikeforgeError, match=r"accelerator of other, but other content \(CRC "):
        check_content(powered.other, matching_config(network, board), client.info())


def test_by_default_a_board_has_its_usual_clock_and_the_fastest_line(powered):
    build = BoardBuild.on(powered.network, BOARDS["ulx3s-12f"])
    assert (build.link.clock_khz, build.link.bit_cycles, build.link.flash) == (75_000, 4, False)
    assert build.config.lanes >= 4
    with pytest.raises(SpikeforgeError, match="--clock-mhz must be a clock"):
        BoardBuild.on(powered.network, BOARDS["icebreaker"], clock_mhz=1_000)


def test_a_device_has_another_name_for_a_while(tmp_path):
    name = tmp_path / "board"
    name.symlink_to("/dev/gone")
    with named_device("/dev/null", name):
        assert name.resolve().as_posix() == "/dev/null"
    assert not list(tmp_path.iterdir())
    with named_device("/dev/null", None):
        pass
    with pytest.raises(SpikeforgeError, match=r"board: .*No such file or directory"):
        named_device("/dev/null", tmp_path / "no" / "board").__enter__()


def test_another_name_takes_no_file_away(tmp_path):
    name = tmp_path / "board"
    name.write_text("mine")
    with (
        pytest.raises(SpikeforgeError, match=r"board is there already and no link; choose another"),
        named_device("/dev/null", name),
    ):
        pass
    assert name.read_text() == "mine"
    name.unlink()
    with named_device("/dev/null", name):  # someone else's by the end
        name.unlink()
        name.symlink_to("/dev/zero")
    assert name.is_symlink()
