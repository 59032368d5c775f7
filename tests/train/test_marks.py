from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from train.marks import Mark, by_bias_current, delayed, placed
from train.psp import RAMP, potential, tapped
from train.stidi import psp_taps


def some_marks(seed: int, steps: int) -> list[Mark]:
    generator = torch.Generator().manual_seed(seed)
    return [
        Mark(
            torch.randint(0, steps, (4, 3), generator=generator),
            torch.randint(-9, 10, (4, 3), generator=generator).double(),
        )
        for _ in range(2)
    ]


def test_marks_at_one_step_add_up():
    at = torch.tensor([[2, 0]])
    marks = Mark(at, torch.tensor([[1.0, 2.0]])), Mark(at, torch.tensor([[0.5, -4.0]]))
    assert placed(marks, 3).tolist() == [[[0.0, -2.0]], [[0.0, 0.0]], [[1.5, 0.0]]]


@given(st.integers(0, 99), st.integers(1, 12), st.sampled_from([RAMP, psp_taps(4), psp_taps(2, 6)]))
def test_delayed_marks_are_the_way_back_through_the_taps(seed, steps, taps):
    marks = some_marks(seed, steps)
    by_ramps = placed(delayed(marks, taps), steps)
    assert torch.equal(by_ramps, tapped(placed(marks, steps), taps, backwards=True))


@given(st.integers(0, 99), st.integers(1, 12))
def test_a_bias_is_a_current_from_the_first_step_on(seed, steps):
    marks = some_marks(seed, steps)
    bias = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    v = bias * potential(torch.zeros(1), torch.arange(steps), RAMP).view(-1, 1, 1)
    (v.expand(steps, 4, 3) * placed(marks, steps)).sum().backward()
    assert torch.equal(by_bias_current(marks), bias.grad)
