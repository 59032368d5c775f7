from __future__ import annotations

import numpy as np
import pytest

from spikeforge.errors import SpikeforgeError
from train.events import SaccadeCamera, to_steps


def digits(count=3):
    """Bright strokes on black."""
    images = np.zeros((count, 28, 28), np.uint8)
    for number, image in enumerate(images):
        image[6:22, 12 + number : 15 + number] = 255
        image[8:10, 6:20] = 180
    return images


def test_the_same_seed_gives_the_same_events_whatever_is_beside_them():
    together = SaccadeCamera(seed=4).events(digits())
    alone = SaccadeCamera(seed=4).events(digits()[1:2])[0]
    assert len(alone) > 500
    for name in ("x", "y", "polarity", "time_us"):
        assert np.array_equal(getattr(together[1], name), getattr(alone, name))
    other = SaccadeCamera(seed=5).events(digits()[1:2])[0]
    assert not np.array_equal(other.time_us, alone.time_us)


def test_events_are_in_order_on_the_sensor_and_within_three_saccades():
    for found in SaccadeCamera().events(digits()):
        assert (np.diff(found.time_us) >= 0).all()
        assert found.time_us[0] >= 0
        assert found.time_us[-1] < 300_000
        assert max(found.x.max(), found.y.max()) < 34
        assert found.shape == (34, 34)
        in_each = np.histogram(found.time_us, 3, (0, 300_000))[0]
        assert in_each.min() > 100


def test_a_uniform_image_as_large_as_the_view_gives_no_event():
    camera = SaccadeCamera(size=8, reach_pixels=2)
    wide = np.full((1, 8, 8), 200, np.uint8)
    inner = camera.events(wide)[0]
    assert ((inner.x < 2) | (inner.x > 5) | (inner.y < 2) | (inner.y > 5)).all()
    assert len(camera.events(np.zeros((1, 8, 8), np.uint8))[0]) == 0


def test_the_edge_that_moves_onto_black_turns_on_and_the_one_that_leaves_turns_off():
    bar = np.zeros((1, 28, 28), np.uint8)
    bar[0, 10:14] = 255  # sensor rows 13 to 16; the first saccade moves it down
    found = SaccadeCamera().events(bar)[0].between(0, 90_000)
    middle = (found.x > 12) & (found.x < 22)
    rows_on = found.y[middle & (found.polarity == 1)]
    rows_off = found.y[middle & (found.polarity == 0)]
    assert rows_on.mean() > rows_off.mean() + 2
    assert set(rows_off.tolist()) <= set(range(9, 19))


def test_on_and_off_nearly_balance_since_the_image_returns_to_its_place():
    found = SaccadeCamera(mismatch=0).events(digits(1))[0]
    net = np.zeros((34, 34), np.int64)
    np.add.at(net, (found.y, found.x), np.where(found.polarity == 1, 1, -1))
    assert np.abs(net).max() <= 1
    assert np.abs(net).mean() < 0.5


def test_events_come_at_the_times_of_the_thresholds():
    """One white pixel grows by a known amount: the logarithm crosses at computable shares."""
    camera = SaccadeCamera(mismatch=0, threshold=0.5, dark=0.1, moments=2, reach_pixels=0.1, size=4)
    image = np.zeros((1, 4, 4), np.uint8)
    image[0, 1:3, 1:3] = 255
    light = [camera._light(camera._padded(image), *place)[0] for place in camera._path()]
    found = camera.events(image)[0]
    pixel = int(found.y[0]) * 4 + int(found.x[0])
    start, end = light[0][pixel], light[1][pixel]
    share = (0.5 if found.polarity[0] else -0.5) / (end - start)
    assert 0 < share <= 1
    assert abs(int(found.time_us[0]) - share * 50_000) <= 2


def test_a_lower_threshold_and_more_contrast_give_more_events():
    def count(**settings):
        return len(SaccadeCamera(**settings).events(digits(1))[0])

    assert count(threshold=0.2) > 1.5 * count(threshold=0.4)
    assert count(dark=0.02) > count(dark=0.5)


def test_steps_are_the_events_in_steps():
    camera = SaccadeCamera()
    images = digits()
    found = camera.steps(images, 6, pool=2, counts=True)
    assert found.shape == (3, 6, 2 * 17 * 17)
    for row, events in zip(found, camera.events(images), strict=True):
        same = to_steps(events, 6, (2, 17, 17), pool=2, counts=True, start_us=0, window_us=300_000)
        assert np.array_equal(row, same)
    assert camera.steps(images[:0], 6).shape == (0, 6, 2 * 34 * 34)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"threshold": 0}, r"threshold must be in 0\.05\.\.5, not 0"),
        ({"threshold": float("nan")}, r"threshold must be in 0\.05\.\.5, not nan"),
        ({"mismatch": 0.5}, r"mismatch must be in 0\.\.0\.2, not 0\.5"),
        ({"moments": 1}, r"moments must be in 2\.\.1000, not 1"),
        ({"size": 1 << 20}, r"size must be in 4\.\.256"),
    ],
)
def test_a_camera_that_cannot_be_is_refused(settings, message):
    with pytest.raises(SpikeforgeError, match=message):
        SaccadeCamera(**settings)


@pytest.mark.parametrize(
    "images",
    [np.zeros((1, 28, 28)), np.zeros((28, 28), np.uint8), np.zeros((1, 40, 28), np.uint8)],
)
def test_images_of_another_form_are_refused(images):
    with pytest.raises(SpikeforgeError, match=r"must be uint8 of shape \(B, H, W\), at most 34 x"):
        SaccadeCamera().events(images)
