"""A network holds together, or is refused with one line naming field, value and range."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from spikeforge.errors import SpikeforgeError
from spikeforge.network import Metadata, Network
from spikeforge.schema import (
    Conv2d,
    Dense,
    FirstSpikePool,
    Flatten,
    InputSpec,
    Readout,
    Residual,
)


def change_layer(parts, at, **changes):
    layers = list(parts["layers"])
    layers[at] = layers[at].model_copy(update=changes)
    parts["layers"] = tuple(layers)


def change_neuron(parts, at, **changes):
    change_layer(parts, at, neuron=parts["layers"][at].neuron.model_copy(update=changes))


def refused(parts, message):
    with pytest.raises(SpikeforgeError, match=message) as caught:
        Network(**parts)
    assert "\n" not in str(caught.value)


def test_a_valid_network_gives_its_numbers(parts):
    network = Network(**parts)
    assert np.array_equal(network.weight("hidden0"), parts["tensors"]["hidden0.weight"])
    assert network.threshold("hidden0").shape == (1,)
    assert network.threshold("readout") is None
    assert network.bias("readout").shape == (3,)
    assert network.weight_bits_total == 4 * (4 * 6 + 3 * 4)


def test_no_number_can_be_changed_afterwards(parts):
    network = Network(**parts)
    before = network.content_hash
    with pytest.raises(ValueError, match="read-only"):
        network.weight("hidden0")[0, 0] = 1
    with pytest.raises(TypeError):
        network.tensors["hidden0.weight"] = parts["tensors"]["readout.weight"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        network.name = "other"
    parts["tensors"]["hidden0.weight"][:] = 0  # the caller's array is his own
    assert network.content_hash == before


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("hidden0.weight", 8, r"hidden0.weight must lie in -8\.\.7 for its bit width, not 8"),
        ("hidden0.weight", -9, r"hidden0.weight must lie in -8\.\.7 for its bit width, not -9"),
        ("hidden0.bias", 32, r"hidden0.bias must lie in -32\.\.31 for its bit width, not 32"),
        ("hidden0.threshold", 0, r"hidden0.threshold must lie in 1\.\.255 .* not 0"),
        ("hidden0.threshold", 256, r"hidden0.threshold must lie in 1\.\.255 .* not 256"),
    ],
)
def test_a_number_outside_its_bit_width_is_refused(parts, key, value, message):
    parts["tensors"][key].flat[-1] = value
    refused(parts, message)


@pytest.mark.parametrize("value", [1, -2])
def test_one_bit_weights_are_minus_one_or_zero(make_parts, value):
    parts = make_parts(weight_bits=1)
    assert Network(**parts).weight_bits_total == 4 * 6 + 3 * 4
    parts["tensors"]["readout.weight"][0, 0] = value
    refused(parts, rf"readout.weight must lie in -1\.\.0 for its bit width, not {value}")


def test_numbers_beyond_64_bits_are_refused(parts):
    parts["tensors"]["hidden0.threshold"] = np.array([1 << 63], np.uint64)
    refused(parts, "hidden0.threshold must lie in .* not 9223372036854775808")


@pytest.mark.parametrize("kind", [np.float32, np.bool_, object])
def test_tensors_hold_integers_only(parts, kind):
    parts["tensors"]["readout.weight"] = parts["tensors"]["readout.weight"].astype(kind)
    refused(parts, "readout.weight must hold integers, not (float32|bool|object)")


def test_a_nan_among_weights_is_refused(parts):
    parts["tensors"]["readout.weight"] = np.full((3, 4), np.nan)
    refused(parts, "readout.weight must hold integers, not float64")


@pytest.mark.parametrize("scale", [float("nan"), float("inf"), -0.5, 0.0])
def test_scales_are_finite_and_above_zero(parts, scale):
    parts["metadata"] = parts["metadata"].model_copy(update={"scales": {"readout": scale}})
    refused(parts, rf"metadata.scales.readout must be a finite number above 0, not {scale}")


def test_scales_belong_to_layers(parts):
    parts["metadata"] = Metadata(scales={"hidden9": 0.5})
    refused(parts, r"metadata.scales must name layers \(hidden0, readout\), not 'hidden9'")


def test_shapes_must_chain(parts):
    change_layer(parts, 1, inputs=5)
    refused(parts, "readout takes 5 inputs, but hidden0 gives 4: the shapes must chain")


def test_a_tensor_of_another_shape_is_refused(parts):
    parts["tensors"]["hidden0.weight"] = np.zeros((4, 7), np.int8)
    refused(parts, r"hidden0.weight must have the shape \(4, 6\), not \(4, 7\)")


def test_a_missing_and_a_stray_tensor_are_refused(parts):
    bias = parts["tensors"].pop("hidden0.bias")
    refused(dict(parts), "hidden0.bias is missing from the network's tensors")
    parts["tensors"].update({"hidden0.bias": bias, "hidden7.bias": bias})
    refused(parts, "tensor 'hidden7.bias' belongs to no layer")


@pytest.mark.parametrize("at", [0, 1])
def test_a_membrane_width_that_does_not_hold_is_refused(parts, at):
    wide = parts["layers"][at].neuron.membrane_bits
    change_neuron(parts, at, membrane_bits=wide - 1)
    refused(parts, rf"membrane_bits must be at least {wide}, for membranes from -?\d+ to \d+ in "
                   rf"the worst case, not {wide - 1}")  # fmt: skip


def test_the_width_is_proven_for_the_window_of_the_layer_before(make_parts):
    parts = make_parts(steps=3)
    change_neuron(parts, 0, steps=200)
    refused(parts, "readout.neuron.membrane_bits must be at least")


def test_the_readout_needs_its_neurons(parts):
    parts["readout"] = Readout(kind="max_membrane", classes=2, votes=2)
    refused(parts, r"readout needs classes \* votes = 4 output neurons, but the last layer has 3")


def test_names_are_unique_and_sources_earlier(parts):
    change_layer(parts, 1, source="later")
    refused(dict(parts), r"readout.source must be an earlier layer \(input, hidden0\), not 'later'")
    change_layer(parts, 1, source=None, name="hidden0")
    refused(dict(parts), "layers.name must be unique and not 'input', not 'hidden0'")
    change_layer(parts, 1, name="input")
    refused(parts, "not 'input'")


@pytest.mark.parametrize("name", ["", "x" * 65, "two\nlines", "\x1b[2J"])
def test_a_name_can_be_printed(parts, name):
    refused({**parts, "name": name}, "name must be 1 to 64 printable characters")


@pytest.mark.parametrize("count", [0, 257])
def test_there_is_a_bounded_number_of_layers(parts, count):
    refused({**parts, "layers": parts["layers"][:1] * count}, f"layers must hold 1 to 256 layers, "
                                                              f"not {count}")  # fmt: skip


def test_graded_input_needs_bits(parts):
    parts["input"] = InputSpec(coding="graded", shape=(1, 2, 3), steps=15)
    refused(parts, r"input.bits must be in 1\.\.8 for graded input, not 0")


def conv_parts(parts, **changes):
    """The valid network with a convolution of 1 x 6 x 6 maps, pooling and flattening before it."""
    neuron = parts["layers"][0].neuron.model_copy(
        update={"membrane_bits": 16, "bias_bits": 0, "threshold_per_neuron": False}
    )
    layers = (
        Conv2d(name="maps", weight_bits=4, channels_in=1, height=6, width=6,
               **{"channels_out": 2, "kernel": (3, 3), **changes}, neuron=neuron),
        FirstSpikePool(name="pool", channels=2, height=4, width=4, kernel=2, stride=2),
        Flatten(name="flat", size=8),
        Dense(name="readout", inputs=8, outputs=3, weight_bits=4,
              neuron=parts["layers"][1].neuron.model_copy(update={"membrane_bits": 16})),
    )  # fmt: skip
    channels = changes.get("channels_out", 2)
    return {
        **parts,
        "input": parts["input"].model_copy(update={"shape": (1, 6, 6)}),
        "layers": layers,
        "metadata": Metadata(),
        "tensors": {
            "maps.weight": np.ones((channels, 1, *layers[0].kernel), np.int8),
            "maps.threshold": np.array([5]),
            "readout.weight": np.ones((3, 8), np.int8),
            "readout.bias": np.zeros(3, np.int64),
        },
    }


def test_a_convolutional_network_is_valid_too(parts):
    assert Network(**conv_parts(parts)).weight_bits_total == 4 * (2 * 9 + 3 * 8)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kernel": (7, 3)}, r"maps.kernel must fit into the padded 6 x 6 map, not \(7, 3\)"),
        ({"stride": (2, 2)}, "pool takes 32 inputs, but maps gives 8"),
        ({"groups": 2}, "maps.groups must divide 1 and 2 channels, not 2"),
    ],
)
def test_convolutions_must_fit(parts, changes, message):
    refused(conv_parts(parts, **changes), message)


def test_both_paths_of_a_residual_must_have_its_size(parts):
    joined = Residual(name="joined", sources=("hidden0", "input"), function="add", size=4)
    parts["layers"] = (*parts["layers"][:1], joined, parts["layers"][1])
    refused(parts, "joined takes 4 inputs, but input gives 6")


def test_architecture_follows_structure_and_lanes_but_no_number(make_parts):
    network = Network(**make_parts())
    ones = {key: np.ones_like(value) for key, value in network.tensors.items()}
    other = Network(**{**make_parts(), "tensors": ones})
    assert other.content_hash != network.content_hash
    assert other.architecture_hash() == network.architecture_hash()
    hashes = {network.architecture_hash(), network.architecture_hash(lanes=2),
              network.architecture_hash(lanes=4)}  # fmt: skip
    for options in ({"widths": (5, 3)}, {"shape": (1, 3, 2)}, {"weight_bits": 5}, {"steps": 14},
                    {"per_neuron": True}, {"bias_bits": 7}):  # fmt: skip
        hashes.add(Network(**make_parts(**options)).architecture_hash())
    assert len(hashes) == 9


@pytest.mark.parametrize("key", ["hidden0.weight", "hidden0.threshold", "readout.bias"])
def test_content_follows_every_number_but_no_structure(parts, key):
    network = Network(**parts)
    change_neuron(parts, 0, membrane_bits=30)
    wider = Network(**parts)
    assert wider.content_hash == network.content_hash
    assert wider.architecture_hash() != network.architecture_hash()
    number = parts["tensors"][key].flat[0]
    parts["tensors"][key].flat[0] = number - 1 if number > 1 else number + 1
    changed = Network(**parts)
    assert changed.content_hash != network.content_hash
    assert changed.architecture_hash() == wider.architecture_hash()


def test_origin_and_name_are_in_neither_hash(parts):
    one = Network(**parts)
    two = Network(**{**parts, "name": "other", "metadata": Metadata(seed=9)})
    assert one.content_hash == two.content_hash
    assert one.architecture_hash() == two.architecture_hash()
