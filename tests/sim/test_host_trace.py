"""Every handshake of the outer streams, replayed from a trace of a host, to the cycle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hw.config import configure
from hw.content import load_bytes
from hw.geometry import geometry
from hw.interface import interface
from sim.build import build_model, prepare_rtl
from sim.cycles import count_cycles, count_handshakes
from sim.host import HostTrace, Stalls, load_host_trace, save_host_trace
from sim.model import Model
from sim.reference import run_reference
from spikeforge.errors import SpikeforgeError

RECORDED = Path(__file__).parent / "data" / "host.json"
NAMES = (
    "windowed", "windowed, votes", "first spike of spikes", "spike count of graded values",
    "membranes of levels",
)  # fmt: skip
WILLING = HostTrace(offered=np.zeros(0, np.int64), ready=np.zeros(0, bool))


@pytest.fixture(scope="module")
def recorded():
    return load_host_trace(RECORDED)


@pytest.fixture(
    scope="module",
    params=[(name, kind) for name in NAMES for kind in ("three lanes", "widest")],
    ids=", ".join,
)
def built(request, everything):
    """A network with every feature, its trace and a model of it."""
    network, images, _ = everything.make(request.param[0])
    config = everything.hardware(*request.param)
    outside = interface(network, config)
    rtl = prepare_rtl(network, config)
    library = build_model(rtl, network, config, brief=True)
    rtl.write_hex(rtl.folder)
    with Model(library, outside, rtl.folder) as model:
        if outside.loadable:
            model.load(load_bytes(network, config))
        yield model, outside.layers, run_reference(network, images)


def _replay(built, host, stalls=None):
    model, layers, trace = built
    *_, batch = model.run(trace.inputs, host=host, stalls=stalls)
    assert batch.classes.tolist() == trace.classes.tolist()
    assert batch.membranes.tolist() == trace.outputs.tolist()
    assert batch.scores.tolist() == trace.scores.tolist()
    return batch, count_handshakes(layers, trace, host)


def test_a_recorded_host_sees_every_handshake_in_the_cycle_foretold(built, recorded):
    batch, foretold = _replay(built, recorded)
    assert batch.accepted.tolist() == foretold.accepted.tolist()
    assert batch.taken.tolist() == foretold.taken.tolist()
    # The host kept the accelerator waiting, and the other way round.
    eager = _count(built, WILLING)
    assert (foretold.accepted > eager.accepted).sum() > 50
    refused = foretold.accepted > np.maximum(
        recorded.offers(len(foretold.accepted)), np.append(0, foretold.accepted[:-1] + 1)
    )
    assert refused.sum() > 5


def _count(built, host):
    _, layers, trace = built
    return count_handshakes(layers, trace, host)


def test_so_do_random_hosts(built):
    rng = np.random.default_rng(6)
    for reluctance in (0.1, 0.5, 0.9, 0.99):
        gaps = rng.integers(0, 40, 400) * (rng.random(400) < reluctance)
        ready = rng.random(6000) >= reluctance
        host = HostTrace(offered=np.cumsum(gaps), ready=ready)
        batch, foretold = _replay(built, host)
        assert batch.accepted.tolist() == foretold.accepted.tolist()
        assert batch.taken.tolist() == foretold.taken.tolist()
    assert foretold.taken[-1] > _count(built, WILLING).taken[-1]


def test_stalled_links_can_only_delay_it(built, recorded):
    batch, foretold = _replay(built, recorded, Stalls(seed=4, passing=0.5))
    assert (batch.taken >= foretold.taken).all()
    assert batch.taken[-1] > foretold.taken[-1]


def test_a_willing_host_changes_nothing_even_after_stalls(built):
    model, layers, trace = built
    *_, _ = model.run(trace.inputs, stalls=Stalls(seed=2, passing=0.1))
    *_, batch = model.run(trace.inputs)
    count = count_cycles(layers, trace)
    assert batch.result.tolist() == count.result.tolist()
    foretold = _count(built, WILLING)
    classes = foretold.taken[trace.outputs.shape[1] :: trace.outputs.shape[1] + 1]
    assert classes.tolist() == count.result.tolist()


def test_one_layer_one_group_by_hand(networks):
    network = networks.network_of(networks.Numbers(weight=[[1, 2]] * 3), input_steps=2)
    layers = geometry(network, configure(network, 3))
    trace = run_reference(network, np.array([[1, 1], [0, 0]], np.uint8))
    # The mark waits until cycle 6 and is handed over in 8; the first membrane is valid in 10 and
    # taken in 12, so the next one is valid in 13, and so on until the class in 15. The blank
    # image's mark is handed over when the read-out is free in 15, and nothing waits any more.
    ready = np.arange(16) >= 12
    host = HostTrace(offered=np.array([0, 4, 6]), ready=ready)
    found = count_handshakes(layers, trace, host)
    assert found.accepted.tolist() == [0, 4, 6, 7]
    assert found.taken.tolist() == [12, 13, 14, 15, 17, 18, 19, 20]


def test_a_trace_survives_its_file(recorded, tmp_path):
    for trace in (recorded, WILLING, HostTrace(offered=np.array([3, 3]), ready=np.ones(4, bool))):
        save_host_trace(trace, tmp_path / "host.json")
        found = load_host_trace(tmp_path / "host.json")
        assert found.offered.tolist() == trace.offered.tolist()
        assert found.ready.tolist() == trace.ready.tolist()


@pytest.mark.parametrize("text", ["", "{}", '{"gaps": "x", "ready": []}', "[1]"])
def test_a_file_that_is_no_trace_is_refused(text, tmp_path):
    path = tmp_path / "host.json"
    path.write_text(text)
    with pytest.raises(SpikeforgeError, match="is no trace of a host: it must be JSON"):
        load_host_trace(path)


def test_negative_cycles_are_refused(tmp_path):
    path = tmp_path / "host.json"
    path.write_text('{"gaps": [1, -1], "ready": []}')
    with pytest.raises(SpikeforgeError, match="holds negative cycles; a trace has only 0 and"):
        load_host_trace(path)
