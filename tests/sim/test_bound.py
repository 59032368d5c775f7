from __future__ import annotations

import numpy as np
import pytest

from hw.config import configure
from hw.geometry import geometry
from sim.cycles import bound_cycles, bound_cycles_of_layers
from sim.fuzz import random_case
from sim.reference import run_reference
from sim.streams import Streams
from spikeforge.network import Conv2d, Dense
from spikeforge.shapes import map_shapes, output_shape, source_names


def _fan_out(layer, shape, address):
    """Neurons that an event of a wire address reaches, by trying every position."""
    if isinstance(layer, Dense):
        return layer.outputs
    place, _ = divmod(address, shape[0])
    row, column = divmod(place, shape[2])
    _, height, width = output_shape(layer, shape)
    reached = sum(
        0 <= row + layer.padding[0] - y * layer.stride[0] < layer.kernel[0]
        and 0 <= column + layer.padding[1] - x * layer.stride[1] < layer.kernel[1]
        for y in range(height) for x in range(width)
    )  # fmt: skip
    return reached * layer.channels_out // layer.groups


@pytest.mark.parametrize("seed", range(12))
def test_bound_is_that_of_every_event_on_the_streams(seed):
    case = random_case(seed, images=3)
    network = case.network
    config = configure(network, max(1, seed % 4), skip_zero_rows=False)
    trace = run_reference(network, case.inputs)
    found = bound_cycles_of_layers(geometry(network, config), trace)
    streams, shapes = Streams(network, {}), map_shapes(network)
    for image in range(3):
        sent = streams.of(trace, image)
        for layer in network.layers:
            if not isinstance(layer, Dense | Conv2d):
                continue
            source = source_names(network)[layer.name][0]
            _, height, width = output_shape(layer, shapes[source])
            outputs = layer.outputs if isinstance(layer, Dense) else (
                layer.channels_out * height * width)  # fmt: skip
            lanes = min(config.lanes, outputs)
            delays = [tap.delay for tap in layer.neuron.taps] or [0]
            last = layer.neuron.steps - min(delays) - layer.delay
            windowed = layer.neuron.schedule == "windowed"
            wanted = sum(
                -(-_fan_out(layer, shapes[source], address) // lanes)
                for step, address in zip(sent[source].step, sent[source].address, strict=True)
                if windowed or step < last
            )
            if getattr(layer, "recurrent", None) is not None:
                spikes = next(part for part in trace.layers if part.name == layer.name).spikes
                wanted += int(spikes[image, :-1].sum()) * -(-layer.outputs // lanes)
            assert found[layer.name][image] == wanted, (layer.name, image)


def test_bound_of_an_image_is_that_of_its_busiest_layer():
    case = random_case(3, images=5)
    layers = geometry(case.network, configure(case.network))
    trace = run_reference(case.network, case.inputs)
    every = np.stack(list(bound_cycles_of_layers(layers, trace).values()))
    assert bound_cycles(layers, trace).tolist() == every.max(axis=0).tolist()
    assert len(every) == sum(isinstance(layer, Dense | Conv2d) for layer in case.network.layers)


def test_where_zero_rows_are_skipped_only_stored_ones_count(networks):
    network = networks.network_of(
        networks.Numbers(weight=[[1, 0, 0], [2, 0, 0], [3, 0, 1], [4, 0, 1]]), input_steps=2
    )
    layers = geometry(network, configure(network, 2, skip_zero_rows=True))
    trace = run_reference(network, np.array([[1, 1, 1], [0, 2, 0], [0, 0, 2]], np.uint8))
    assert bound_cycles(layers, trace).tolist() == [2 + 0 + 1, 0, 1]
