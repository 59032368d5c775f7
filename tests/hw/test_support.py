from __future__ import annotations

import numpy as np
import pytest

from hw.config import HardwareConfig
from hw.geometry import geometry
from hw.support import check_supported
from spikeforge.errors import SpikeforgeError
from spikeforge.network import Conv2d, Dense, Flatten, InputSpec, Network, Readout
from spikeforge.schema import NeuronSpec, Recurrent


def _spec(*, fires, **other):
    usual = {"schedule": "windowed", "steps": 4, "membrane_bits": 12,
             "threshold_bits": 4 if fires else 0, "fires": fires,
             "threshold_shape": "falling" if fires else "constant"}  # fmt: skip
    return NeuronSpec(**{**usual, **other})


def _stepped(*, fires):
    return _spec(fires=fires, schedule="stepped", current_bits=12, threshold_shape="constant")


def _network(hidden=None, last=None, tensors=None, **other):
    """4 inputs, 3 hidden neurons, 2 classes, with some fields as given."""
    hidden = {"name": "hidden", "inputs": 4, "outputs": 3, "weight_bits": 4,
              "neuron": _spec(fires=True), **(hidden or {})}  # fmt: skip
    last = {"name": "last", "inputs": 3, "outputs": 2, "weight_bits": 4,
            "neuron": _spec(fires=False), **(last or {})}  # fmt: skip
    found = {"hidden.weight": np.ones((3, 4), np.int8), "last.weight": np.ones((2, 3), np.int8),
             "hidden.threshold": np.array([3]), **(tensors or {})}  # fmt: skip
    usual = {
        "name": "test",
        "input": InputSpec(coding="ttfs_levels", shape=(1, 2, 2), steps=4),
        "layers": (Dense(**hidden), Dense(**last)),
        "readout": Readout(kind="max_membrane", classes=2),
        "tensors": {key: value for key, value in found.items() if value is not None},
    }
    return Network(**{**usual, **other})


def _image(coding, **other):
    return InputSpec(coding=coding, shape=(1, 2, 2), steps=4, **other)


def _convolution():
    layers = (
        Conv2d(name="conv", weight_bits=4, channels_in=1, height=2, width=2, channels_out=2,
               kernel=(2, 2), neuron=_spec(fires=False)),
    )  # fmt: skip
    tensors = {"conv.weight": np.ones((2, 1, 2, 2), np.int8)}
    return _network(layers=layers, tensors={**dict.fromkeys(_TENSORS), **tensors})


_TENSORS = ("hidden.weight", "last.weight", "hidden.threshold")


def _flattened():
    net = _network()
    return _network(layers=(Flatten(name="flat", size=4), *net.layers))


CASES = [
    (lambda: _network(input=_image("spikes")),
     "input.coding = spikes has no hardware yet; the generator builds ttfs_levels"),
    (lambda: _network(input=_image("graded", bits=4)),
     "input.coding = graded has no hardware yet; the generator builds ttfs_levels"),
    (lambda: _network(readout=Readout(kind="first_spike", classes=2)),
     "readout.kind = first_spike has no hardware yet; the generator builds max_membrane"),
    (lambda: _network(readout=Readout(kind="spike_count", classes=2)),
     "readout.kind = spike_count has no hardware yet; the generator builds max_membrane"),
    (lambda: _network(last={"outputs": 4}, tensors={"last.weight": np.ones((4, 3), np.int8)},
                      readout=Readout(kind="max_membrane", classes=2, votes=2)),
     "readout.votes = 2 has no hardware yet; the generator builds 1"),
    (_convolution, "conv.kind = conv2d has no hardware yet; the generator builds dense"),
    (_flattened, "flat.kind = flatten has no hardware yet; the generator builds dense"),
    (lambda: _network(last={"source": "input", "inputs": 4},
                      tensors={"last.weight": np.ones((2, 4), np.int8)}),
     "last.source = input has no hardware yet; the generator builds the layer before"),
    (lambda: _network(hidden={"neuron": _stepped(fires=True),
                              "recurrent": Recurrent(weight_bits=4)},
                      tensors={"hidden.recurrent": np.ones((3, 3), np.int8)}),
     "hidden.recurrent = a recurrent connection has no hardware yet; the generator builds none"),
    (lambda: _network(hidden={"delay": 1}),
     "hidden.delay = 1 has no hardware yet; the generator builds 0"),
    (lambda: _network(hidden={"neuron": _stepped(fires=True)}),
     "hidden.neuron.schedule = stepped has no hardware yet; the generator builds windowed"),
    (lambda: _network(hidden={"neuron": _spec(fires=False)}, tensors={"hidden.threshold": None}),
     "hidden.neuron.fires = False has no hardware yet; the generator builds false in the last"),
    (lambda: _network(last={"neuron": _spec(fires=True)},
                      tensors={"last.threshold": np.array([3])}),
     "last.neuron.fires = True has no hardware yet; the generator builds false in the last layer"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "wanted"), CASES, ids=[wanted.split(" has")[0] for _, wanted in CASES]
)
def test_each_feature_without_hardware_gets_its_line(make, wanted):
    network = make()  # valid in itself
    with pytest.raises(SpikeforgeError) as caught:
        check_supported(network)
    assert str(caught.value).startswith(wanted)
    assert "the network file itself is valid" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_geometry_refuses_before_anything_is_computed():
    with pytest.raises(SpikeforgeError, match=r"hidden\.delay = 1 has no hardware yet"):
        geometry(_network(hidden={"delay": 1}), HardwareConfig(lanes=1))


def test_plain_windowed_network_is_supported():
    check_supported(_network())


def test_a_source_that_names_the_layer_before_is_supported():
    check_supported(_network(last={"source": "hidden"}))
