from __future__ import annotations

import numpy as np
import pytest

from sim.model import pack_events
from sim.reference import event_order, run_reference
from spikeforge.errors import SpikeforgeError


def test_one_image_by_hand_through_the_ports(tiny):
    """Pyverilator's shape: set ports, tick, read ports."""
    levels = tiny.levels[1]
    trace = run_reference(tiny.network, tiny.levels[1:2])
    event = tiny.interface.fields["events__payload"]
    beat = tiny.interface.fields["result__payload"]
    tap = tiny.interface.fields["tap_hidden"]
    items = [event["address"].put(n) | event["level"].put(int(levels[n]))
             for n in np.flatnonzero(levels)] + [event["last"].put(1)]  # fmt: skip
    spikes, beats = [], []
    with tiny.model() as model:
        model.io.result__ready = 1
        for _ in range(200):
            model.io.events__valid = bool(items)
            if items:
                model.io.events__payload = items[0]
            seen = model.io.tap_hidden
            moves = tap["valid"].take(seen) and tap["ready"].take(seen)
            if moves and not tap["event.last"].take(seen):
                spikes.append(tap["event.address"].take(seen))
            if model.io.result__valid:
                beats.append(model.io.result__payload)
            if items and model.io.events__ready:
                items.pop(0)
            model.clock.tick()
    assert spikes == event_order(trace.layers[0].levels[0], 2, 4).tolist()
    assert [beat["membrane"].take(value) for value in beats[:2]] == trace.outputs[0].tolist()
    assert beat["last"].take(beats[2])
    assert beat["index"].take(beats[2]) == trace.classes[0]
    assert len(beats) == 3


def test_an_unknown_port_is_named_with_the_known_ones(tiny):
    wanted = "no port 'reset'; there are clk, rst"
    with tiny.model() as model, pytest.raises(AttributeError, match=wanted):
        _ = model.io.reset


def test_ports_can_be_listed(tiny):
    with tiny.model() as model:
        assert dir(model.io) == sorted(port.name for port in tiny.interface.ports)


def test_a_tick_is_one_cycle(tiny):
    with tiny.model() as model:
        before = model.cycle
        model.clock.tick(3)
        assert model.cycle == before + 3


def test_running_without_content_is_refused_not_endless(tiny):
    wanted = "no result after image 0: it hangs"
    with tiny.model(loaded=False) as model, pytest.raises(SpikeforgeError, match=wanted):
        list(model.run(tiny.levels))


def test_packed_events_are_in_ascending_address(tiny):
    levels = np.array([[0, 2, 4], [0, 0, 0], [1, 0, 0]], np.uint8)
    events, offsets = pack_events(tiny.interface, levels)
    fields = tiny.interface.fields["events__payload"]
    assert offsets.tolist() == [0, 2, 2, 3]
    assert [(fields["address"].take(int(e)), fields["level"].take(int(e))) for e in events] == [
        (1, 2), (2, 4), (0, 1),
    ]  # fmt: skip


def test_progress_counts_images_and_ends_with_the_batch(tiny):
    with tiny.model() as model:
        *steps, batch = model.run(tiny.levels)
    assert steps[-1] == len(tiny.levels)
    assert steps == sorted(steps)
    assert len(batch.classes) == len(tiny.levels)
