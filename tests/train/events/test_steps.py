from __future__ import annotations

import numpy as np
import pytest

from spikeforge.errors import SpikeforgeError
from train.events.base import Events
from train.events.steps import to_steps


def events(rows, shape=(4, 6)):
    """From rows of x, y, polarity, time."""
    x, y, polarity, time_us = np.array(rows, np.int64).reshape(-1, 4).T
    return Events(
        x.astype(np.uint16), y.astype(np.uint16), polarity.astype(np.uint8), time_us, shape
    )


ROWS = [(0, 0, 1, 100), (0, 0, 1, 101), (5, 3, 0, 149), (5, 3, 1, 150), (2, 1, 1, 199)]


def test_cells_are_step_polarity_row_column():
    found = to_steps(events(ROWS), 2, (2, 4, 6)).reshape(2, 2, 4, 6)
    assert found.dtype == np.uint8
    assert np.argwhere(found).tolist() == [[0, 0, 3, 5], [0, 1, 0, 0], [1, 1, 1, 2], [1, 1, 3, 5]]


def test_counts_and_added_polarities():
    found = to_steps(events(ROWS), 1, (1, 4, 6), counts=True).reshape(4, 6)
    assert (found[0, 0], found[3, 5], found[1, 2], found.sum()) == (2, 2, 1, 5)
    many = events([(0, 0, 1, 7)] * 300)
    assert to_steps(many, 1, (2, 4, 6), counts=True).max() == 255
    assert to_steps(many, 1, (2, 4, 6)).max() == 1


def test_pooling_adds_up_squares_and_keeps_the_rest_of_an_odd_sensor():
    found = to_steps(events(ROWS), 1, (1, 2, 2), pool=3, counts=True).reshape(2, 2)
    assert found.tolist() == [[3, 0], [0, 2]]


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 50])
def test_by_default_every_event_falls_into_a_step(steps):
    found = to_steps(events(ROWS), steps, (2, 4, 6), counts=True)
    assert found.shape == (steps, 48)
    assert found.sum() == len(ROWS)


def test_a_window_leaves_out_what_is_before_and_after():
    found = to_steps(
        events(ROWS), 5, (2, 4, 6), start_us=101, window_us=50, counts=True
    ).reshape(5, -1).sum(1)  # fmt: skip
    assert found.tolist() == [1, 0, 0, 0, 2]


def test_steps_of_a_window_have_equal_length():
    rows = [(0, 0, 1, t) for t in range(1000)]
    found = to_steps(events(rows), 8, (1, 4, 6), window_us=1000, start_us=0, counts=True)
    assert found.sum(1).tolist() == [125] * 8


def test_a_recording_without_events_gives_silence():
    assert not to_steps(events([]), 3, (2, 4, 6)).any()


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((0, (2, 4, 6)), {}, r"steps must be in 1\.\.4096, not 0"),
        ((5, (3, 4, 6)), {}, r"channels must be 1 .* or 2 .*, not 3"),
        ((5, (2, 4, 6)), {"pool": 0}, r"pool must be at least 1, not 0"),
        ((5, (2, 4, 6)), {"pool": 2}, r"4 x 6 pixels pooled by 2 has 2 x 3, not 4 x 6"),
        ((5, (2, 4, 6)), {"window_us": 0}, r"window_us must be at least 1, not 0"),
    ],
)
def test_settings_out_of_range_are_refused(arguments, options, message):
    with pytest.raises(SpikeforgeError, match=message):
        to_steps(events(ROWS), *arguments, **options)


def test_more_cells_than_memory_are_refused():
    with pytest.raises(SpikeforgeError, match=r"more than 268435456 cells"):
        to_steps(events(ROWS, (1000, 1000)), 4_096, (2, 1000, 1000))
