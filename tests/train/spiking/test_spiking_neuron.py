from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from sim.stepped import run_stepped_layer
from spikeforge.schema import AfterSpike, Dense, Leak, LeakKind, NeuronSpec, Schedule
from train.network_shape import NeuronShape
from train.spiking.neuron import Neuron, decayed_sum, run_neurons

LEAKS = {
    "none": Leak(), "all": Leak(kind=LeakKind.ALL), "shift": Leak(kind=LeakKind.SHIFT, shift=2),
}  # fmt: skip
FIRES_AGAIN = (AfterSpike.ZERO, AfterSpike.SUBTRACT)


def reference(neuron, arriving, weight, bias, theta):
    """Spikes (steps, B, neurons) and membranes of the integer reference, as compared and final."""
    spec = NeuronSpec(
        schedule=Schedule.STEPPED, steps=arriving.shape[1], membrane_bits=32, current_bits=32,
        threshold_bits=16, threshold_per_neuron=True, bias_bits=8, fires=neuron.fires,
        current_leak=neuron.current_leak, membrane_leak=neuron.membrane_leak,
        after_spike=neuron.after_spike, refractory=neuron.refractory,
    )  # fmt: skip
    outputs, inputs = weight.shape
    layer = Dense(name="a", weight_bits=8, neuron=spec, inputs=inputs, outputs=outputs)
    tensors = {"a.weight": weight, "a.bias": bias, "a.threshold": theta}
    seen = []
    run = run_stepped_layer(layer, tensors, arriving, lambda at, v, fired: seen.append(v.copy()))
    return run.spikes.swapaxes(0, 1), np.stack(seen), run.membranes


@pytest.mark.parametrize("current", LEAKS)
@pytest.mark.parametrize("membrane", ["none", "shift"])
@pytest.mark.parametrize(
    ("after", "refractory", "fires"),
    [*product(FIRES_AGAIN, (0, 1, 3), (True,)), (AfterSpike.ZERO, 0, False)],
)
def test_neurons_do_what_the_integer_reference_does(current, membrane, after, refractory, fires):
    neuron = Neuron(
        current_leak=LEAKS[current], membrane_leak=LEAKS[membrane], after_spike=after,
        refractory=refractory, fires=fires,
    )  # fmt: skip
    random = np.random.default_rng(refractory)
    arriving = random.integers(0, 2, (6, 12, 9)).astype(np.uint8)
    weight, bias = random.integers(-9, 14, (8, 9)), random.integers(-6, 7, 8)
    theta = random.integers(1, 90, 8)
    spikes, seen, finals = reference(neuron, arriving, weight, bias, theta)
    drive = torch.from_numpy((arriving @ weight.T).swapaxes(0, 1).astype(np.float32))
    run = run_neurons(
        drive, torch.from_numpy(bias).float(), torch.from_numpy(theta).float(), neuron, True
    )
    assert np.array_equal(run.spikes.numpy(), spikes)
    assert np.array_equal(run.membranes.numpy(), seen)
    assert np.array_equal(run.finals.numpy(), finals)
    assert bool(0.05 < spikes.mean() < 0.9) is fires
    assert (run.held is not None) is (refractory > 0)


def test_a_leak_that_rounds_nothing_is_its_share():
    neuron = Neuron(current_leak=LEAKS["shift"], membrane_leak=LEAKS["shift"], fires=False)
    drive = torch.tensor([[[1.0]], [[0.0]]])
    run = run_neurons(drive, torch.zeros(1), torch.ones(1), neuron, rounding=False)
    assert run.membranes.flatten().tolist() == [1.0, 0.75 + 0.75]
    assert (neuron.current_keeps, neuron.membrane_keeps) == (0.75, 0.75)
    assert Neuron(fires=False).current_keeps == 0.0


def test_gradients_go_back_through_a_leaking_state_as_autograd_says():
    x = torch.randn(6, 4, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(6, 4, dtype=torch.float64)
    state, total = torch.zeros(4, dtype=torch.float64), 0.0
    for at in range(6):
        state = 0.75 * state + x[at]
        total = total + (weight[at] * state).sum()
    total.backward()
    torch.testing.assert_close(decayed_sum(weight, 0.75), x.grad)


def test_a_neuron_is_what_the_recipe_says():
    shape = NeuronShape(current_shift=1, membrane_shift=4, after_spike="subtract", refractory=2)
    neuron = Neuron.of(shape)
    assert (neuron.current_leak.shift, neuron.membrane_leak.shift) == (1, 4)
    assert (neuron.after_spike, neuron.refractory) == (AfterSpike.SUBTRACT, 2)
    silent = Neuron.of(shape, fires=False)
    assert (silent.fires, silent.refractory, silent.after_spike) == (False, 0, AfterSpike.ZERO)
    assert silent.current_leak == neuron.current_leak
