from __future__ import annotations

from pathlib import Path

import pytest

from deploy.bitstream.fit import Fitting, lane_choices
from deploy.bitstream.resources import block_rams
from deploy.boards import Family, board_named
from deploy.boards.design import board_config
from spikeforge.errors import SpikeforgeError
from spikeforge.netfile import load_network

MODELS = Path(__file__).parents[3] / "models"


@pytest.fixture(scope="module")
def tiny():
    return load_network(MODELS / "mnist-tiny.safetensors")


@pytest.mark.parametrize(("family", "width", "depth", "count"), [
    ("ice40", 16, 256, 1), ("ice40", 17, 256, 2), ("ice40", 8, 512, 1), ("ice40", 2, 2048, 1),
    ("ice40", 14, 1024, 4), ("ice40", 64, 1, 0), ("ecp5", 36, 512, 1), ("ecp5", 9, 2048, 1),
    ("ecp5", 10, 2048, 2), ("ecp5", 1, 16384, 1), ("ecp5", 64, 16, 0),
])  # fmt: skip
def test_block_rams_are_counted_in_their_best_shape(family, width, depth, count):
    assert block_rams(Family(family), width, depth) == count


def test_bytes_and_depth_choose_the_shape_of_an_ecp5_block():
    # as synthesized (mnist-tiny, 32 lanes): 32 blocks of 4096 x 4, not 28 of 512 x 36 behind a
    # multiplexer, of which each byte holds 8 bits
    assert block_rams(Family.ECP5, 128, 3136, in_bytes=True) == 32
    assert block_rams(Family.ECP5, 36, 500, in_bytes=True) == 2
    assert block_rams(Family.ECP5, 36, 500) == 1


def test_the_most_lanes_that_fit_are_chosen(tiny):
    board = board_named("icebreaker")
    lanes = Fitting(tiny, board).choose().lanes
    assert lanes == 16  # measured: 5,036 of 5,280 logic cells; all four SPRAMs
    Fitting(tiny, board).check(board_config(tiny, board, lanes))
    with pytest.raises(SpikeforgeError):
        Fitting(tiny, board).check(board_config(tiny, board, lane_choices(tiny, board)[0]))


def test_too_many_lanes_are_refused_with_those_that_fit(tiny):
    board = board_named("icebreaker")
    with pytest.raises(
        SpikeforgeError,
        match=r"mnist-tiny with 128 lanes does not fit iCEBreaker: it needs about [\d,]+ look-up "
        r"tables of 5,280 \(\d\.\d x\).*fewer lanes help: --lanes 16$",
    ):
        Fitting(tiny, board).check(board_config(tiny, board, 128))


def test_a_network_too_large_for_any_lanes_names_the_boards_that_take_it():
    network = load_network(MODELS / "mnist-mlp.safetensors")
    with pytest.raises(
        SpikeforgeError,
        match=r"mnist-mlp with 1 lanes does not fit iCEBreaker: it needs \d+ SPRAMs of 4 .*; train "
        r"it with fewer bits a weight or fewer hidden units, or take --board ulx3s-\d\df",
    ):
        Fitting(network, board_named("icebreaker")).choose()
