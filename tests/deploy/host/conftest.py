"""Small networks for MNIST's images, a virtual board for the session's tests, and a fake one."""

from __future__ import annotations

import importlib.util
import struct
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from deploy.boards import BOARDS
from deploy.host import BoardClient, SerialLine
from deploy.virtual_board import BoardBuild
from hw.content import load_bytes
from hw.link.protocol import ANSWER, END, INFO_FORMAT, VERSION, Coding, Command, frame, unframe
from spikeforge.bounds import signed_bits, windowed_range
from spikeforge.netfile import save_network
from spikeforge.network import Metadata, Network
from spikeforge.schema import Dense, InputSpec, NeuronSpec, Readout

LANES = 2
BOARD = "icebreaker"  # its content comes from flash, or is loaded


def small_network(seed=0, hidden=8):
    """784-hidden-10 with random 4-bit weights; another seed is other content of the same one."""
    random = np.random.default_rng(seed)
    tensors = {"hidden1.threshold": np.array([40])}
    layers = []
    for name, inputs, outputs, fires in (
        ("hidden1", 784, hidden, True), ("readout", hidden, 10, False),
    ):  # fmt: skip
        tensors[f"{name}.weight"] = random.integers(-8, 8, (outputs, inputs)).astype(np.int8)
        tensors[f"{name}.bias"] = random.integers(-32, 32, outputs)
        neuron = NeuronSpec(
            schedule="windowed", steps=15, bias_bits=6, fires=fires,
            membrane_bits=signed_bits(*windowed_range(np.full((1, inputs), -8), None, 4, 15)) + 1,
            threshold_bits=8 if fires else 0, threshold_shape="falling" if fires else "constant",
        )  # fmt: skip
        layers.append(
            Dense(name=name, inputs=inputs, outputs=outputs, weight_bits=4, neuron=neuron)
        )
    return Network(
        name="small", input=InputSpec(coding="ttfs_levels", shape=(1, 28, 28), steps=15),
        layers=tuple(layers), readout=Readout(kind="max_membrane", classes=10), tensors=tensors,
        metadata=Metadata(dataset="MNIST", split="test", accuracy_quantized=0.1, seed=seed),
    )  # fmt: skip


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
def packets():
    """The module of random and mutated packets that the board is fuzzed with."""
    path = Path(__file__).parents[3] / "benchmarks" / "board_packets.py"
    spec = importlib.util.spec_from_file_location("board_packets", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


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
def running(build, network, **options):
    """A board's thread, for as long as the body runs."""
    virtual, stop = build.power_up(**options), threading.Event()
    thread = threading.Thread(target=virtual.serve, args=(stop,), daemon=True)
    thread.start()

    def switch_off():
        stop.set()
        thread.join(10)
        virtual.close()

    try:
        other = replace(small_network(1), name="other")
        yield Powered(virtual, build, network, other, switch_off)
    finally:
        switch_off()


@pytest.fixture(scope="session")
def build():
    return BoardBuild.on(small_network(), BOARDS[BOARD], lanes=LANES)


@pytest.fixture(scope="session")
def powered(build):
    """A board whose flash memory is empty."""
    with running(build, build.network, flash=False) as found:
        yield found


@pytest.fixture
def fresh(build):
    """A board of a test's own, its content in flash."""
    with running(build, build.network) as found:
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
def network_files(tmp_path_factory):
    """Network files by name."""
    folder = tmp_path_factory.mktemp("networks")
    made = {"small": small_network(), "other": small_network(1), "wider": small_network(0, 9)}
    for name, network in made.items():
        save_network(replace(network, name=name), folder / f"{name}.safetensors")
    return {name: folder / f"{name}.safetensors" for name in made}
