"""How the potential between two spike trains grows with the receiver's number of spikes.

The S-PSP e_{j|i} depends on the trains themselves; ST-RSBP (Zhang and Li, "Spike-Train Level
Backpropagation for Training Deep Recurrent Spiking Neural Networks", 2019) needs its derivative
by the count o_j alone, p(o_i, o_j) = de_{j|i} / do_j. As there, it is read off a polynomial of
degree 4 in o_j, one for each o_i, through the means over random pairs of trains.
"""

from __future__ import annotations

import torch
from torch import Tensor

from train.spiking.neuron import Neuron

__all__ = ["CountEffect", "mean_psp"]

_PAIRS = 200
_DEGREE = 4


class CountEffect:
    """p(o_i, o_j) for neurons of one kind over a window.

    Args:
        steps: T.
        neuron: What they do.
    """

    def __init__(self, steps: int, neuron: Neuron) -> None:
        e = mean_psp(steps, neuron)
        self._most = e.shape[1] - 1
        counts = torch.arange(1, self._most + 1, dtype=torch.float64) / self._most
        degree = min(_DEGREE, self._most - 1)
        powers = torch.stack([counts**m for m in range(degree + 1)], 1)
        fit = torch.linalg.lstsq(powers, e[:, 1:].T).solution  # (degree + 1, pre counts)
        by = torch.arange(1, degree + 1, dtype=torch.float64)[:, None]
        self._slopes = fit[1:] * by / self._most  # of o_j / most to the power 0, 1, ...

    def gathered(self, x: Tensor, weight: Tensor) -> Tensor:
        """sum_i w_ji p(o_i, .) as a polynomial's coefficients, shape (terms, B, neurons).

        Args:
            x: What the neurons read, shape (steps, B, inputs); values other than 0 and 1 count as
                larger weights.
            weight: Shape (neurons, inputs).
        """
        count = (x != 0).sum(0)
        gain = x.sum(0) / count.clamp(min=1)
        slopes = self._slopes.to(x)[:, count]  # (terms, B, inputs)
        result: Tensor = (slopes * gain) @ weight.T
        return result

    def slope(self, pre: int, post: int) -> float:
        """The value of p at two counts."""
        z = min(post, self._most) / self._most
        return float(sum(c * z**m for m, c in enumerate(self._slopes[:, pre].tolist())))

    def at(self, gathered: Tensor, count: Tensor) -> Tensor:
        """The polynomials at counts o_j: sum_i w_ji p(o_i, o_j), shape (B, neurons)."""
        z = count.clamp(max=self._most) / self._most
        total = torch.zeros_like(z)
        for coefficients in gathered.flip(0):
            total = total * z + coefficients
        return total


def mean_psp(steps: int, neuron: Neuron) -> Tensor:
    """Mean of e over random trains, float64, shape (T + 1 counts of i, counts that j can reach).

    Args:
        steps: T.
        neuron: Of j; i may fire in every step.
    """
    source = torch.Generator().manual_seed(1)
    pre = _trains(steps, 0, source).unsqueeze(1)
    post = _trains(steps, neuron.refractory, source)
    current = torch.zeros(len(pre), len(post), _PAIRS, dtype=torch.float64)
    v, total, wait = (torch.zeros_like(current) for _ in range(3))
    for at in range(steps):
        current = neuron.current_keeps * current + pre[..., at]
        v = (neuron.membrane_keeps * v + current) * (wait <= 0)
        total += v * post[..., at]
        v = v * (1 - post[..., at])
        wait = torch.where(post[..., at] > 0, float(neuron.refractory), wait - 1)
    return total.mean(2)


def _trains(steps: int, refractory: int, source: torch.Generator) -> Tensor:
    """Random trains with 0, 1, ... spikes, shape (counts, pairs, steps)."""
    most = -(-steps // (refractory + 1))
    result = torch.zeros(most + 1, _PAIRS, steps, dtype=torch.float64)
    for count in range(1, most + 1):
        places = steps - refractory * (count - 1)  # gaps taken out, put back below
        chosen = torch.rand(_PAIRS, places, generator=source).argsort(1)[:, :count].sort(1).values
        chosen += refractory * torch.arange(count)
        result[count].scatter_(1, chosen, 1.0)
    return result
