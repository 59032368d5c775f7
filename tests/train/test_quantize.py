from __future__ import annotations

import pytest
import torch

from train.quantize import (
    bias_grid,
    fitted_step,
    step_gradient,
    threshold_grid,
    weight_grid,
    window_gradient,
)


def test_weights_are_rounded_and_clipped_to_their_bits():
    weight = torch.tensor([-9.0, -0.26, 0.24, 0.26, 3.4, 3.6, 99.0])
    grid = weight_grid(weight, torch.tensor([0.5]), 4, True)
    assert grid.tolist() == [-8, -1, 0, 1, 7, 7, 7]
    assert weight_grid(weight, torch.tensor([0.5]), 3, True).tolist() == [-4, -1, 0, 1, 3, 3, 3]


def test_without_rounding_only_the_clip_is_left():
    weight = torch.tensor([-9.0, 0.3, 9.0])
    grid = weight_grid(weight, torch.tensor([0.5]), 4, False)
    torch.testing.assert_close(grid, torch.tensor([-8.0, 0.6, 7.0]))


def test_thresholds_are_integers_of_at_least_one():
    step = torch.tensor([0.5])
    assert threshold_grid(torch.tensor([0.1, 10.2]), step, True).tolist() == [1, 20]
    assert bias_grid(torch.tensor([-0.6, 10.3]), step, True).tolist() == [-1, 21]


def test_the_parameters_themselves_are_never_changed():
    weight, step = torch.tensor([0.3, 5.0]), torch.tensor([0.5])
    weight_grid(weight, step, 4, True)
    bias_grid(weight, step, True)
    threshold_grid(weight, step, True)
    assert weight.tolist() == torch.tensor([0.3, 5.0]).tolist()


def test_gradients_pass_where_rounded_and_stop_where_clipped():
    weight, step = torch.tensor([-4.5, 0.3, 3.6, 4.1]), torch.tensor([0.5])
    grid = weight_grid(weight, step, 4, True)
    by_weight, _ = step_gradient(weight, grid, step, 4, torch.ones(4))
    assert by_weight.tolist() == [0, 1, 1, 0]


def test_the_step_feels_rounding_errors_and_clipped_integers():
    weight, step = torch.tensor([0.3, -9.0]), torch.tensor([0.5])
    grid = weight_grid(weight, step, 4, True)
    _, by_log_step = step_gradient(weight, grid, step, 4, torch.tensor([2.0, 3.0]))
    expected = (2.0 * (1 - 0.6) + 3.0 * -8) * 0.5
    torch.testing.assert_close(by_log_step, torch.tensor([expected]))


def test_the_window_gradient_is_open_inside_only():
    value = torch.tensor([-0.1, 0.0, 0.1, 15.9, 16.0])
    assert window_gradient(torch.ones(5), value, 0.0, 16.0).tolist() == [0, 0, 1, 1, 0]


@pytest.mark.parametrize("bits", range(2, 9))
def test_no_other_step_loses_much_less_of_normal_weights_than_the_fitted_one(bits):
    torch.manual_seed(bits)
    weights = 0.7 * torch.randn(1, 40_000)

    def lost(step):
        return float((weight_grid(weights, step, bits, True) * step - weights).square().sum())

    fitted = fitted_step(weights, bits)
    assert lost(fitted) < 1.02 * min(lost(fitted * part) for part in torch.arange(0.5, 2, 0.02))


def test_one_bit_is_as_large_as_its_weights_and_no_step_is_zero():
    rows = torch.tensor([[3.0, -4.0, 0.0, 0.0], [1.0, 1.0, 1.0, -1.0]])
    assert fitted_step(rows, 1).tolist() == [2.5, 1.0]
    assert fitted_step(torch.zeros(1, 3), 4).item() > 0


def test_each_row_may_have_a_step_of_its_own():
    weight, step = torch.tensor([[0.6, 9.0], [-3.0, 4.4]]), torch.tensor([0.5, 2.0])
    grid = weight_grid(weight, step, 4, True)
    assert grid.tolist() == [[1, 7], [-2, 2]]
    by_weight, by_log_step = step_gradient(weight, grid, step, 4, torch.ones(2, 2))
    assert by_weight.tolist() == [[1, 0], [1, 1]]
    alone = [
        step_gradient(weight[i], grid[i], step[i : i + 1], 4, torch.ones(2))[1] for i in (0, 1)
    ]
    torch.testing.assert_close(by_log_step, torch.cat(alone))
