from __future__ import annotations

import numpy as np
import pytest
import torch

from spikeforge.errors import SpikeforgeError
from spikeforge.schema import Leak, LeakKind
from train.network_shape import NetworkShape, NeuronShape
from train.recipe import Recipe, Training
from train.rules import build_network
from train.spiking.fire import Record
from train.spiking.neuron import Neuron, run_neurons
from train.tssl_bp import TsslBp, slow_slope


def record(steps=7, neurons=30, images=20, seed=1, membrane=2, current=1):
    torch.manual_seed(seed)
    neuron = Neuron(
        membrane_leak=Leak(kind=LeakKind.SHIFT, shift=membrane),
        current_leak=Leak(kind=LeakKind.SHIFT, shift=current),
    )
    drive = torch.randn(steps, images, neurons, dtype=torch.float64) * 0.6 + 0.1
    one = torch.ones(1, dtype=torch.float64)
    run = run_neurons(drive, 0 * one, one, neuron, rounding=False)
    return Record(run.membranes, run.spikes, drive, neuron)


def transcription(u, s, by_trace, tau_m, tau_s):
    """One neuron, the paper's recursion on the gradient by its trace, step by step."""
    steps = len(u)
    k = [(1 / tau_s) * (1 - 1 / tau_s) ** m for m in range(steps)]
    kd = [-value / tau_s for value in k]
    a, after, increment = [], 0.0, []
    trace = 0.0
    for t in range(steps):
        increment.append(u[t] - after)
        after = u[t] * (1 - s[t])
        trace = trace + (s[t] - trace) / tau_s
        a.append(trace)
    g, theta = [0.0] * steps, 0.0
    for t in reversed(range(steps)):
        steepest = -1 / increment[t] if increment[t] > 1 / 8 else -8
        dt_du = min(0.0, max(-8.0, steepest)) * s[t]
        inter = tau_s * sum(dt_du * kd[m - t] * by_trace[m] for m in range(t, steps))
        intra = theta * (-u[t] / tau_m * dt_du) + theta * (1 - 1 / tau_m) * (1 - s[t])
        g1 = inter + intra
        theta = g1 * s[t] + theta * (1 - s[t]) * (1 - 1 / tau_m)
        by_spike = sum(k[m - t] * by_trace[m] for m in range(t, steps))
        z = np.exp(np.clip((1 - u[t]) / 0.2, -8, 8))
        smooth = z / (0.2 * (1 + z) ** 2)
        g[t] = by_spike * smooth if a[t] < 1 / (4 * tau_s) else g1
    return g


@pytest.mark.parametrize(("membrane", "current"), [(1, 1), (2, 1), (3, 2)])
def test_the_backward_pass_is_the_papers_recursion(membrane, current):
    rec = record(neurons=6, images=8, membrane=membrane, current=current)
    assert 0.05 < rec.spikes.mean() < 0.6
    by_trace = torch.randn_like(rec.u)
    tau_s, steps = 2.0**current, len(rec.u)
    k = [(1 / tau_s) * (1 - 1 / tau_s) ** m for m in range(steps)]
    by_spikes = torch.stack(
        [sum(k[m - t] * by_trace[m] for m in range(t, steps)) for t in range(steps)]
    )
    found = TsslBp().by_membrane(rec, by_spikes)
    u, s, g = (x.numpy() for x in (rec.u, rec.spikes, by_trace))
    for image in range(u.shape[1]):
        for neuron in range(u.shape[2]):
            at = (slice(None), image, neuron)
            wanted = transcription(u[at], s[at], g[at], 2.0**membrane, tau_s)
            np.testing.assert_allclose(found[at].numpy(), wanted, rtol=1e-5, atol=1e-9)


def test_the_smooth_slope_is_the_derivative_of_a_step():
    u = torch.linspace(-0.4, 2.4, 29, dtype=torch.float64)
    step = lambda x: 1 / (1 + torch.exp((1 - x) / 0.2))  # noqa: E731
    numeric = (step(u + 1e-6) - step(u - 1e-6)) / 2e-6
    torch.testing.assert_close(slow_slope(u), numeric, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("neuron", "recurrent", "message"),
    [
        ({"after_spike": "subtract"}, False,
         'network.neuron.after_spike must be "zero" for rule tssl-bp, not "subtract"; leave it '
         "out, or take rule surrogate"),
        ({"reset_gradient": True}, False,
         "network.neuron.reset_gradient must be false for rule tssl-bp, not true; leave it out, "
         "or take rule surrogate"),
        ({}, True,
         "network.recurrent must be false for rule tssl-bp, not true; leave it out, or take rule "
         "st-rsbp"),
    ],
)  # fmt: skip
def test_what_the_rule_cannot_do_is_refused(neuron, recurrent, message):
    shape = NetworkShape(hidden=(5,), recurrent=recurrent, neuron=NeuronShape(**neuron))
    recipe = Recipe(name="x", rule="tssl-bp", network=shape, training=Training(epochs=1))
    with pytest.raises(SpikeforgeError) as error:
        build_network(recipe)
    assert str(error.value) == message
