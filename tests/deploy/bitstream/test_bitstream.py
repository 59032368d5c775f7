"""Networks become bitstreams by the real tools, and the netlists do what the RTL does."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from deploy.bitstream.build import _batches, build_bitstream
from deploy.bitstream.proof import run_netlist
from deploy.bitstream.record import Speed, write_bitstream
from deploy.boards import board_named
from deploy.boards.design import board_config, board_link
from sim.simulate import simulate
from spikeforge.coding import encode
from spikeforge.errors import SpikeforgeError
from spikeforge.netfile import save_network


@pytest.fixture(scope="module")
def network(networks):
    rng = np.random.default_rng(5)
    # So many inputs that events, and the link's pixels, need more than a byte of a block RAM.
    hidden = networks.Numbers(
        weight=rng.integers(-7, 8, (6, INPUTS)), threshold=rng.integers(2, 60, 6),
        bias=rng.integers(-3, 4, 6), bits=4, per_neuron=True,
    )  # fmt: skip
    output = networks.Numbers(
        weight=rng.integers(-7, 8, (3, 6)), bias=rng.integers(-3, 4, 3), bits=4
    )
    return networks.network_of(hidden, output, input_steps=7)


INPUTS = 150
BOARDS = {"icebreaker": 3.0, "ulx3s-12f": 50.0}


@pytest.fixture(scope="module", params=BOARDS)
def built(request, network):
    board = board_named(request.param)
    config = board_config(network, board, 4)
    return board, config, build_bitstream(network, config, board, clock_mhz=BOARDS[board.name])


def test_the_netlist_gives_the_classes_and_cycles_of_the_rtl(built, network):
    board, config, found = built
    images = np.random.default_rng(7).integers(0, 256, (12, 1, INPUTS)).astype(np.uint8)
    images[0], images[1] = 0, 255
    link = board_link(board, found.clock)
    proof = run_netlist(found.folder, network, config, board, found.clock, link, images)
    right = simulate(network, config, encode(images[:, None], network.input))
    assert proof.classes.tolist() == right.classes.tolist()
    assert proof.cycles.tolist() == right.latency_cycles.tolist()
    assert len(set(proof.classes.tolist())) > 1


def test_the_clock_is_reached_and_the_cells_are_counted(built):
    board, _, found = built
    assert found.placement.reached_mhz >= found.clock.mhz == BOARDS[board.name]
    assert found.placement.available["luts"] == board.has.luts
    assert 500 < found.placement.used["luts"] < 4000


def test_the_record_leads_from_the_network_file_to_the_bitstream(built, network, tmp_path):
    board, config, found = built
    file = tmp_path / "net.safetensors"
    save_network(network, file)
    out, link = tmp_path / "out", board_link(board, found.clock)
    speed = Speed(100.0, 80.0, 10, "MNIST")
    record = write_bitstream(found, network, file, config, board, link, speed, 0, out)
    assert json.loads((out / "bitstream.json").read_text()) == record
    assert record["network"]["file_sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    for name, digest in record["files"].items():
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest
    assert {found.bitstream, "accelerator.v", "netlist.v", "content.bin"} <= set(record["files"])
    assert record["cells"]["flip_flops"] > 100
    assert record["speed"]["us_per_image"] == pytest.approx(100 / found.clock.mhz, abs=1e-3)


def test_a_build_that_is_there_is_taken_from_the_cache(built, network):
    board, config, found = built
    again = build_bitstream(network, config, board, clock_mhz=BOARDS[board.name])
    assert again.cached
    assert again.folder == found.folder


def test_a_clock_out_of_reach_is_refused_with_the_one_that_is_reached(network):
    board = board_named("icebreaker")
    with pytest.raises(
        SpikeforgeError,
        match=r"--clock-mhz must be at most what place and route reaches on iCEBreaker, [\d.]+, "
        r"not 96; ask for less",
    ):
        build_bitstream(network, board_config(network, board, 4), board, clock_mhz=96.0, seed=1)


def test_the_most_promising_seed_is_tried_by_itself_first(monkeypatch):
    monkeypatch.setattr("deploy.bitstream.build._cores", lambda: 2)
    assert _batches(None, None) == [[1, 2], [3, 4]]
    assert _batches(None, 3) == [[3], [1, 2], [4]]
    assert _batches(7, 3) == [[7]]
