from __future__ import annotations

import pytest
import torch
from torch import nn

from train.recipe import Training
from train.schedule import AVERAGE_EVERY, Cycle, epochs_for, running_average


def test_the_rate_rises_to_each_groups_peak_and_falls_to_zero():
    groups = [{"params": [nn.Parameter(torch.zeros(1))], "lr": lr} for lr in (0.1, 0.02)]
    optimizer = torch.optim.SGD(groups)
    cycle = Cycle(optimizer, warmup=0.2, updates=100)
    rates = []
    for update in range(100):
        cycle.set(update)
        rates.append([group["lr"] for group in optimizer.param_groups])
    first, second = zip(*rates, strict=True)
    assert first[0] == 0
    assert max(first) == pytest.approx(0.1)
    assert max(second) == pytest.approx(0.02)
    assert first.index(max(first)) == 20
    assert list(first[20:]) == sorted(first[20:], reverse=True)
    assert first[-1] < 1e-4


def test_without_warmup_the_cycle_starts_at_its_peak():
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    Cycle(optimizer, warmup=0.0, updates=10).set(0)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1)


def test_the_average_follows_closely_at_first_and_slowly_later():
    model = nn.Linear(1, 1, bias=False)
    average = running_average(model, decay=0.99)
    slow = 1 - 0.99**AVERAGE_EVERY
    with torch.no_grad():
        for value in [0.0] * 5 + [1.0] * 5:
            model.weight.fill_(value)
            average.update_parameters(model)
        early = average.module.weight.item()
        for value in [0.0] * 2000 + [1.0]:
            model.weight.fill_(value)
            average.update_parameters(model)
    assert early > 0.5
    assert average.module.weight.item() == pytest.approx(slow, abs=1e-4)


@pytest.mark.parametrize(("images", "expected"), [(54_000, 40), (3_200, 250), (100, 3_000)])
def test_small_data_sets_get_more_epochs(images, expected):
    training = Training(epochs=40, min_updates=3_000, batch_size=256)
    assert epochs_for(training, images) == expected
