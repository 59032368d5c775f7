from __future__ import annotations

import numpy as np
import pytest

from hw.content import load_bytes
from hw.interface import Field
from sim.build import build_model, prepare_rtl
from sim.items import pack_items
from sim.model import Model
from sim.reference import event_order, run_reference
from sim.shim import shim_source
from spikeforge.errors import SpikeforgeError
from spikeforge.schema import InputSpec


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


def test_results_without_a_place_are_counted_not_written(tiny, monkeypatch):
    # One of two output neurons is unknown to the shim.
    source = shim_source(tiny.interface).replace("int OUTPUTS = 2;", "int OUTPUTS = 1;")
    monkeypatch.setattr("sim.build.shim_source", lambda interface: source)
    rtl = prepare_rtl(tiny.network, tiny.config)
    library = build_model(rtl, tiny.network, tiny.config, brief=True)
    wanted = "the RTL sends 3 results that belong to no image or no output neuron"
    with Model(library, tiny.interface) as model:
        model.load(load_bytes(tiny.network, tiny.config))
        first = model.run(tiny.levels[[1, 1, 1]])
        with pytest.raises(SpikeforgeError, match=wanted):
            list(first)


def test_packed_events_are_in_ascending_address(tiny):
    levels = np.array([[0, 2, 4], [0, 0, 0], [1, 0, 0]], np.uint8)
    fields = tiny.interface.fields["events__payload"]
    items, offsets = pack_items(tiny.network.input, fields, levels, 1)
    assert offsets.tolist() == [0, 3, 4, 6]
    assert _seen(items, fields) == [(1, 2), (2, 4), "mark", "mark", (0, 1), "mark"]


def _seen(items, fields):
    """Address and level of events, and marks."""
    values = [int(item) for item in items]
    return [
        "mark" if fields["last"].take(value)
        else (fields["address"].take(value), fields["level"].take(value))
        for value in values
    ]  # fmt: skip


@pytest.mark.parametrize("channels", [1, 3])
def test_steps_are_closed_by_marks_and_maps_go_channels_last(channels):
    """Four pixels a channel; level k spikes at step T - k, the wire address is hw * C + c."""
    spec = InputSpec(coding="ttfs_levels", shape=(channels, 2, 2), steps=3)
    fields = {"last": Field(0, 1), "address": Field(1, 4), "level": Field(5, 1)}
    image = np.zeros((1, channels * 4), np.uint8)
    image[0, 1] = 3  # channel 0, second pixel: first step
    image[0, -1] = 1  # last channel, last pixel: last step
    items, offsets = pack_items(spec, fields, image, 3)
    assert offsets.tolist() == [0, 5]
    assert _seen(items, fields) == [
        (channels, 1), "mark", "mark", (4 * channels - 1, 1), "mark",
    ]  # fmt: skip


def test_graded_values_come_in_every_step_and_spikes_where_they_are():
    fields = {"last": Field(0, 1), "address": Field(1, 2), "level": Field(3, 8)}
    graded = InputSpec(coding="graded", shape=(1, 1, 3), steps=2, bits=8)
    items, _ = pack_items(graded, fields, np.array([[0, 200, 7]], np.uint8), 2)
    assert _seen(items, fields) == [(1, 200), (2, 7), "mark", (1, 200), (2, 7), "mark"]
    spikes = InputSpec(coding="spikes", shape=(1, 1, 3), steps=2)
    given = np.array([[[1, 0, 1], [0, 0, 0]]], np.uint8)
    items, _ = pack_items(spikes, fields, given, 2)
    assert _seen(items, fields) == [(0, 1), (2, 1), "mark", "mark"]


def test_progress_counts_images_and_ends_with_the_batch(tiny):
    with tiny.model() as model:
        *steps, batch = model.run(tiny.levels)
    assert steps[-1] == len(tiny.levels)
    assert steps == sorted(steps)
    assert len(batch.classes) == len(tiny.levels)
