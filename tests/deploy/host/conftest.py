"""Small networks for MNIST's images, a virtual board for the session's tests, and a fake one."""

from __future__ import annotations

import struct
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.boards import BOARDS
from deploy.host import BoardClient, SerialLine
from deploy.virtual_board import BoardBuild
from hw.content import load_bytes
from hw.link.protocol import ANSWER, END, INFO_FORMAT, VERSION, Coding, Command, frame, unframe
from spikeforge.netfile import save_network
from spikeforge.network import Network

LANES = 2
BOARD = "icebreaker"  # its content comes from flash, or is loaded


class FakeBoard:
    """The other end of a line, in Python: answers every packet as a script says.

    ``script`` takes the packet's command and payload and gives (status, rest), bytes as they are,
    or None for silence.
    """

    name, baud = "/dev/fake", 1_000_000

    def __init__(self, script):
        self.script, self.packets, self._heard, self._waiting = script, [], b"", b""

    def write(self, data):
        *parts, self._heard = (self._heard + data).split(bytes([END]))
        for packet in map(unframe, filter(None, parts)):
            self.packets.append(packet)
            found = self.script(Command(packet[1]), packet[2:])
            if isinstance(found, tuple):
                found = frame(bytes([packet[0], packet[1] | ANSWER, found[0]]) + found[1])
            self._waiting += found or b""

    def read(self, seconds):
        found, self._waiting = self._waiting, b""
        if not found and seconds > 0:
            threading.Event().wait(seconds)
        return found

    def drain(self):
        self._waiting = b""

    def close(self):
        pass


def info_bytes(**given):
    """An answer to INFO."""
    usual = {
        "version": VERSION, "flags": 1, "architecture": bytes(range(8)), "crc": 7,
        "coding": Coding.TTFS_LEVELS, "steps": 15, "bits": 0, "marks": 1, "levels": 15,
        "inputs": 16, "classes": 10, "load_bytes": 300, "clock_khz": 24_000, "entries": 256,
    }  # fmt: skip
    return struct.pack(INFO_FORMAT, *{**usual, **given}.values())


@pytest.fixture
def fake():
    """A client, impatient, at a board that answers as a script says; and the board."""

    def make(script):
        board = FakeBoard(script)
        return BoardClient(board, patience=0.02), board

    return make


@pytest.fixture
def answer_info():
    return info_bytes


@pytest.fixture(scope="session")
def packets(module_at):
    """The module of random and mutated packets that the board is fuzzed with."""
    return module_at(Path(__file__).parents[3] / "benchmarks" / "board_packets.py")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """A cache of this session's own, and the extract of MNIST as data."""
    base = tmp_path_factory.getbasetemp()
    if base.name.startswith("popen-"):  # pytest-xdist: one folder a worker
        base = base.parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPIKEFORGE_CACHE", str(base / "host-cache"))
        patch.setenv("SPIKEFORGE_OFFLINE", "1")
        patch.setenv("COLUMNS", "100")
        patch.delenv("SPIKEFORGE_DATA", raising=False)
        yield


@dataclass(frozen=True)
class Powered:
    """A virtual board that runs, and the networks that fit it."""

    virtual: object
    build: BoardBuild
    network: Network
    other: Network
    switch_off: object

    @property
    def port(self):
        return self.virtual.device

    def content(self, network=None):
        return load_bytes(network or self.network, self.build.config)


@contextmanager
def running(build, other, **options):
    """A board's thread, for as long as the body runs."""
    virtual, stop = build.power_up(**options), threading.Event()
    thread = threading.Thread(target=virtual.serve, args=(stop,), daemon=True)
    thread.start()

    def switch_off():
        stop.set()
        thread.join(10)
        virtual.close()

    try:
        yield Powered(virtual, build, build.network, other, switch_off)
    finally:
        switch_off()


@pytest.fixture(scope="session")
def other(mnist_shaped):
    """Other content of the same architecture."""
    return mnist_shaped("other", 8, seed=1)


@pytest.fixture(scope="session")
def build(mnist_shaped):
    return BoardBuild.on(mnist_shaped("small", 8), BOARDS[BOARD], lanes=LANES)


@pytest.fixture(scope="session")
def powered(build, other):
    """A board whose flash memory is empty."""
    with running(build, other, flash=False) as found:
        yield found


@pytest.fixture
def fresh(build, other):
    """A board of a test's own, its content in flash."""
    with running(build, other) as found:
        yield found


@pytest.fixture
def client(powered):
    """At the board, with the network's content in it."""
    with SerialLine(powered.port) as line:
        found = BoardClient(line)
        board = found.info()
        content = powered.content()
        if not board.loaded or board.content_crc != int.from_bytes(content[-4:], "little"):
            found.load(content)
        yield found


@pytest.fixture(scope="session")
def mnist():
    """100 images of the extract, and their labels."""
    from train.data import load_dataset

    dataset = load_dataset(None, "mnist")
    return dataset.test_images[:100], dataset.test_labels[:100]


@pytest.fixture(scope="session")
def network_files(tmp_path_factory, mnist_shaped, build, other):
    """Network files by name."""
    folder = tmp_path_factory.mktemp("networks")
    made = (build.network, other, mnist_shaped("wider", 9))
    for network in made:
        save_network(network, folder / f"{network.name}.safetensors")
    return {network.name: folder / f"{network.name}.safetensors" for network in made}
