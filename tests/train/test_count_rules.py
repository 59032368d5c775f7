"""HM2-BP, Lee et al. 2016 and ST-RSBP on small networks, from training to the RTL."""

from __future__ import annotations

import numpy as np
import pytest

from hw.config import MemoryMode, configure
from sim.equality import check
from sim.reference import run_reference
from spikeforge.coding import encode
from spikeforge.schema import Dense
from train.evaluation import evaluate
from train.recipe import Recipe
from train.trainer import train

LEAKS = {"current_shift": 1, "membrane_shift": 3, "refractory": 1}
NETWORKS = {
    "hm2-bp": {"neuron": LEAKS, "weight_bits": 4},
    "hm2-bp, conv": {
        "neuron": LEAKS, "conv": [{"channels": 12, "kernel": 5, "stride": 2, "pool": 2}],
        "hidden": [24], "weight_bits": 8,
    },
    "hm2-bp, counts": {"neuron": LEAKS, "readout": "spike_count", "votes": 2},
    "lee2016": {"neuron": {"after_spike": "subtract"}, "weight_bits": 1},
    "lee2016, counts": {
        "neuron": {"after_spike": "subtract", "membrane_shift": 4}, "readout": "spike_count",
        "threshold_per_neuron": True,
    },
    "st-rsbp": {"neuron": LEAKS, "recurrent": True, "hidden": [24, 16], "weight_bits": 3},
}  # fmt: skip

RATES = {"hm2-bp, conv": 0.003, "hm2-bp, counts": 0.003}  # a faster start silences a layer


def trained(kind, dataset):
    shape = {"hidden": [32], "steps": 6, "input_bits": 3, **NETWORKS[kind]}
    recipe = Recipe.model_validate(
        {"name": "r", "rule": kind.split(",")[0], "network": shape,
         "training": {"epochs": 6, "batch_size": 32, "average_decay": 0.9,
                      "learning_rate": RATES.get(kind, 0.01)}}
    )  # fmt: skip
    return train(recipe, dataset)


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_trained_network_names_its_classes_and_is_its_export(kind, blob_dataset):
    result = trained(kind, blob_dataset)
    assert result.accuracy_quantized > 0.8
    images = blob_dataset.test_images
    trace = run_reference(result.network, encode(images, result.network.input))
    seen = evaluate(result.model, images)
    assert np.array_equal(seen.classes, trace.classes)
    assert np.array_equal(seen.membranes, trace.outputs)
    assert (seen.classes == blob_dataset.test_labels).mean() == result.accuracy_quantized
    layers = [part for part in trace.layers if part.membranes is not None]
    for given, wanted in zip(seen.spikes, layers, strict=True):
        assert np.array_equal(given, wanted.spikes)
    assert all(0 < spikes.mean() < 1 for spikes in seen.spikes[:-1])


def test_a_recurrent_network_runs_on_the_rtl(blob_dataset):
    network = trained("st-rsbp", blob_dataset).network
    own = [layer.recurrent for layer in network.layers if isinstance(layer, Dense)]
    assert [part is not None for part in own] == [False, True, False]
    assert np.abs(network.tensors["hidden2.recurrent"]).sum() > 0
    found = check(
        network, configure(network, 16, MemoryMode.LOAD),
        encode(blob_dataset.test_images[:20], network.input), None,
    )  # fmt: skip
    assert found.differences == ()
    assert found.images == 20
