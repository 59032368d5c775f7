from __future__ import annotations

import pytest
import torch
import torch.nn.functional as functional
from hypothesis import given
from hypothesis import strategies as st

from train.marks import Mark
from train.psp import RAMP, potential
from train.stdbp import StdbpConv
from train.stepped import NEVER
from train.stidi import psp_taps
from train.straight_steps import bent_steps, drawn, folded

TAPS = {"ramp": RAMP, "staying": psp_taps(5), "falling": psp_taps(2, 6)}


@st.composite
def windows(draw):
    steps = draw(st.integers(1, 24))
    return draw(st.integers(0, steps - 1)), steps


def random_marks(steps, shape, generator):
    """Two marks a neuron, at any of its steps, of whole numbers."""
    return [
        Mark(
            torch.randint(0, steps, shape, generator=generator),
            torch.randint(-9, 10, shape, generator=generator).double(),
        )
        for _ in range(2)
    ]


@given(windows(), st.integers(0, 99))
def test_v_of_the_bent_steps_says_all_of_v(window, seed):
    last, steps = window
    generator = torch.Generator().manual_seed(seed)
    times = torch.randint(0, last + 1, (1, 6), generator=generator)
    weights = torch.randint(-8, 9, (6,), generator=generator)
    v = potential(times, torch.arange(steps)[:, None], RAMP) @ weights
    assert drawn(v[: bent_steps(last, steps)], steps).tolist() == v.tolist()


@given(windows(), st.integers(0, 99))
def test_the_way_back_is_the_transposed_of_the_way_there(window, seed):
    last, steps = window
    count = bent_steps(last, steps)
    generator = torch.Generator().manual_seed(seed)
    bent = torch.randint(-9, 10, (count, 3), generator=generator)
    marks = random_marks(steps, (2, 3), generator)
    bent = bent.view(count, 1, 3).expand(count, 2, 3)
    there = sum(drawn(bent, steps).gather(0, each.at[None])[0] * each.value for each in marks).sum()
    assert there == (bent * folded(marks, count, steps)).sum()


def test_a_window_that_is_longer_than_the_inputs_is_mostly_straight():
    assert bent_steps(7, 20) == 8
    assert bent_steps(0, 4) == 2  # a line needs two points
    assert bent_steps(0, 1) == 1


@pytest.mark.parametrize("taps", sorted(TAPS))
@pytest.mark.parametrize("last", [5, 1, -1])
def test_a_convolution_that_runs_longer_equals_one_of_every_step(taps, last):
    torch.manual_seed(3)
    layer = StdbpConv((2, 6, 5), 3, 3, padding=1, steps=6, extra_steps=9, taps=TAPS[taps])
    layer = layer.double()
    times = torch.randint(0, 9, (4, 60)).double()
    times = torch.where(times <= last, times, NEVER)
    weight = torch.randint(-8, 8, layer.weight.shape).double().requires_grad_()
    bias = torch.tensor([1.0, -2.0, 0.0], dtype=torch.float64)
    now = torch.arange(15, dtype=torch.float64).view(-1, 1, 1)
    maps = potential(times, now, layer.taps).view(-1, 2, 6, 5)
    plain = functional.conv2d(maps, weight, None, 1, 1).view(15, 4, 3, -1).transpose(2, 3)
    plain = plain.flatten(1, 2) + (now + 1) * bias
    response = layer.response(times)
    torch.testing.assert_close(response.potentials(weight.detach(), bias), plain, rtol=0, atol=0)
    marks = random_marks(15, plain.shape[1:], torch.Generator().manual_seed(5))
    found = response.by_weight(marks)
    marked = sum((plain.gather(0, each.at[None])[0] * each.value).sum() for each in marks)
    wanted = torch.autograd.grad(marked, weight)[0]
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("too_late", [False, True])
def test_times_of_a_convolution_that_runs_longer_hear_of_every_later_step(too_late):
    torch.manual_seed(4)
    layer = StdbpConv((2, 6, 5), 3, 3, stride=2, steps=6, extra_steps=9)
    times = torch.randint(0, 9, (4, 60)).float()
    times = torch.where(times < 6, times, NEVER)
    if too_late:  # behind the layer's last step
        times[0, 3], times[1, 5] = 15.0, 17.0
    at, value = torch.randint(0, 15, (4 * 4, 3)), torch.randn(4 * 4, 3)
    by_step = torch.zeros(15, 4 * 4, 3).scatter_(0, at[None], value[None])
    weight = torch.randn(layer.weight.shape)
    wanted = torch.zeros(4, 60)
    for step in range(15):
        maps = by_step[step].view(4, 2, 2, 3).permute(0, 3, 1, 2)
        spread = functional.conv_transpose2d(maps, weight, None, 2, output_padding=(1, 0))
        wanted += spread.flatten(1) * (times <= step)
    found = layer.response(times).by_times(Mark(at, value), weight)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    assert found.abs().max() > 1
