from __future__ import annotations

import numpy as np
import pytest

from hw.config import configure
from hw.content import architecture_hash, rows, sections
from hw.geometry import WindowedGeometry, geometry
from hw.graph.ahead import marks_ahead
from hw.graph.geometry import JoinGeometry, PoolMapGeometry
from hw.graph.links import Link, links
from hw.memories import layer_memories
from hw.scatter.geometry import ScatterGeometry
from spikeforge.network import (
    AvgPool,
    Conv2d,
    Dense,
    FirstSpikePool,
    Flatten,
    InputSpec,
    Network,
    Readout,
    Residual,
)
from spikeforge.schema import NeuronSpec, ResidualKind


def _neuron(schedule, steps, fires=True):
    stepped = schedule == "stepped"
    return NeuronSpec(
        schedule=schedule, steps=steps, membrane_bits=24, current_bits=20 if stepped else 0,
        fires=fires, threshold_bits=4 if fires else 0,
        threshold_shape="constant" if stepped or not fires else "falling",
        overflow="clip" if stepped else "refuse",
    )  # fmt: skip


def _network(layers, *, schedule="windowed", steps=3, shape=(2, 5, 4), classes=3):
    rng = np.random.default_rng(1)
    tensors = {}
    for layer in layers:
        if isinstance(layer, Dense):
            size = (layer.outputs, layer.inputs)
        elif isinstance(layer, Conv2d):
            size = (layer.channels_out, layer.channels_in // layer.groups, *layer.kernel)
        else:
            continue
        tensors[f"{layer.name}.weight"] = rng.integers(-8, 8, size)
        if layer.neuron.fires:
            tensors[f"{layer.name}.threshold"] = np.array([5])
    return Network(
        name="graph", input=InputSpec(coding="ttfs_levels", shape=shape, steps=steps),
        layers=tuple(layers), readout=Readout(kind="max_membrane", classes=classes),
        tensors=tensors,
    )  # fmt: skip


def _dense(name, inputs, outputs, neuron, **given):
    return Dense(name=name, inputs=inputs, outputs=outputs, weight_bits=4, neuron=neuron, **given)


def _conv(name, shape, out, neuron, **given):
    return Conv2d(name=name, channels_in=shape[0], height=shape[1], width=shape[2],
                  channels_out=out, kernel=(3, 3), padding=(1, 1), weight_bits=4, neuron=neuron,
                  **given)  # fmt: skip


@pytest.fixture(scope="module", params=["windowed", "stepped"])
def everything(request):
    """conv, then a residual over another conv, both pools, and a dense read-out."""
    schedule = request.param
    shape = (2, 5, 4)
    neuron = _neuron(schedule, 3)
    layers = (
        _conv("first", shape, 4, neuron), _conv("second", (4, 5, 4), 4, neuron),
        Residual(name="sum", sources=("first", "second"), function="add", size=80),
        AvgPool(name="mean", channels=4, height=5, width=4, kernel=2, stride=2),
        FirstSpikePool(name="max", source="second", channels=4, height=5, width=4, kernel=2,
                       stride=2),
        Residual(name="both", sources=("mean", "max"), function="add", size=16),
        Flatten(name="flat", size=16),
        _dense("read", 16, 3, _neuron(schedule, 3, fires=False)),
    )  # fmt: skip
    network = _network(layers, schedule=schedule)
    return schedule, geometry(network, configure(network, 2))


def test_every_layer_but_flatten_is_a_node_that_knows_its_sources(everything):
    _, nodes = everything
    assert {node.name: node.sources for node in nodes} == {
        "first": ("input",), "second": ("first",), "sum": ("first", "second"), "mean": ("sum",),
        "max": ("second",), "both": ("mean", "max"), "read": ("both",),
    }  # fmt: skip
    assert links(nodes)[1:4] == (
        Link("first", "second", 0), Link("first", "sum", 0), Link("second", "sum", 1),
    )  # fmt: skip


def test_events_that_share_an_address_are_counted_along_the_graph(everything):
    schedule, nodes = everything
    by_name = {node.name: node for node in nodes}
    assert by_name["first"].multiplicity_out == 1
    assert by_name["first"].most_events == by_name["first"].width
    assert by_name["sum"].multiplicity_out == 2
    assert by_name["mean"].multiplicity_out == 8  # four neurons in a window
    assert by_name["both"].multiplicities == (8, 1)
    assert by_name["read"].multiplicity == 9
    assert by_name["both"].fifo_depth(0) == 16 * 8 + 1
    steps = 3 if schedule == "stepped" else 1
    assert by_name["both"].most_items == steps * (16 * 9 + 1)


def test_a_windowed_dense_layer_is_replayed_by_groups_all_others_scatter(everything):
    schedule, nodes = everything
    kinds = {node.name: type(node) for node in nodes}
    assert kinds["first"] is kinds["second"] is kinds["max"] is ScatterGeometry
    assert kinds["sum"] is JoinGeometry
    assert kinds["mean"] is PoolMapGeometry
    assert kinds["read"] is (WindowedGeometry if schedule == "windowed" else ScatterGeometry)


def test_replay_holds_an_image_with_all_that_shares_an_address(everything):
    schedule, nodes = everything
    if schedule == "windowed":
        assert nodes[-1].buffer_depth == 256  # 16 addresses, nine events each


def test_weights_behind_a_map_follow_its_addresses():
    """Neuron (c, h, w) has the address ``(h * W + w) * C + c``."""
    shape = (2, 3, 2)
    layer = _dense("read", 12, 3, _neuron("windowed", 1, fires=False))
    network = _network((layer,), shape=shape)
    nodes = geometry(network, configure(network, 3))
    packed = rows(network, nodes[0], sections(nodes)[0])
    weight = network.weight("read").reshape(3, *shape)
    for address, row in enumerate(packed):
        place, channel = divmod(address, 2)
        number = int.from_bytes(row.tobytes(), "little")
        got = [(number >> 4 * lane & 15) for lane in range(3)]
        assert got == [int(n) & 15 for n in weight[:, channel, place // 2, place % 2]]


def test_lanes_of_single_layers():
    neuron = _neuron("windowed", 2)
    layers = (_dense("one", 40, 8, neuron), _dense("two", 8, 3, _neuron("windowed", 2, False)))
    network = _network(layers)
    config = configure(network, {"one": 3})
    assert [node.lanes for node in geometry(network, config)] == [3, 3]
    assert configure(network, {"one": 3}).identity() != configure(network).identity()


def test_zero_rows_are_counted_and_belong_to_the_architecture():
    layers = (_dense("one", 4, 5, _neuron("windowed", 2)),
              _dense("two", 5, 3, _neuron("windowed", 2, False)))  # fmt: skip
    network = _network(layers, shape=(4, 1, 1))
    weight = np.array(network.weight("one"))
    weight[:] = 1
    weight[:2, 0] = 0  # first block of input 0
    weight[:, 3] = 0  # all of input 3
    tensors = {**network.tensors, "one.weight": weight}
    sparse = Network(name="sparse", input=network.input, layers=network.layers,
                     readout=network.readout, tensors=tensors)  # fmt: skip
    config = configure(sparse, 2, skip_zero_rows=True)
    node = geometry(sparse, config)[0]
    assert node.row_counts == (2, 3, 3, 0)
    assert node.skip_rows == node.weight_rows == 8
    assert architecture_hash(sparse, config) != architecture_hash(network, config)
    plain = configure(sparse, 2)
    assert architecture_hash(sparse, plain) == architecture_hash(network, plain)


def test_marks_ahead_are_the_steps_that_one_path_adds():
    steps = {"input": 4, "a": 4, "b": 6, "c": 6, "join": 6}
    straight = {"a": ("input",), "b": ("a",), "join": ("b", "b")}
    assert marks_ahead("join", straight, steps) == 1  # forked behind b, both paths alike
    forked = {"a": ("input",), "b": ("a",), "c": ("a",), "join": ("b", "c")}
    assert marks_ahead("join", forked, steps) == 3  # b adds two steps before c has a's last mark
    at_input = {"a": ("input",), "b": ("input",), "join": ("a", "b")}
    assert marks_ahead("join", at_input, {**steps, "a": 4, "b": 4}) == 1


def test_of_several_forks_the_one_furthest_behind_counts():
    steps = {"input": 4, "a": 4, "b": 6, "c": 6, "d": 6, "join": 6}
    twice = {"a": ("input",), "b": ("a",), "c": ("b",), "d": ("b", "a"), "join": ("c", "d")}
    assert marks_ahead("join", twice, steps) == 3


def test_memories_of_a_join_hold_whole_steps(everything):
    _, nodes = everything
    join = next(node for node in nodes if node.name == "both")
    found = {memory.name: memory for memory in layer_memories(join)}
    assert found["both_fifo_0"].depth == 129
    assert found["both_fifo_1"].depth == 17
    assert all(memory.ports == 2 for memory in found.values())


@pytest.mark.parametrize(("function", "repeats"), [("add", 5), ("and", 1), ("iand", 1)])
def test_only_an_added_address_leaves_a_join_more_than_once(function, repeats):
    join = JoinGeometry(
        name="x", sources=("a", "b"), function=ResidualKind(function), out_shape=(2, 3, 3),
        levels=1, multiplicities=(2, 3), marks=4,
    )  # fmt: skip
    assert join.multiplicity_out == repeats
