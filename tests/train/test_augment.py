from __future__ import annotations

import numpy as np
import pytest
import torch

from spikeforge.coding import encode
from spikeforge.schema import InputCoding, InputSpec
from train.augment import Augmenter, code
from train.recipe import Augmentation


def source(seed=1):
    return torch.Generator().manual_seed(seed)


def cross():
    image = torch.zeros(1, 28, 28, dtype=torch.uint8)
    image[0, 13:15, 6:22] = 200
    image[0, 6:22, 13:15] = 200
    return image


@pytest.mark.parametrize("steps", [1, 7, 15, 16, 255])
@pytest.mark.parametrize("threshold", [0, 1, 100])
def test_coding_equals_the_contracts_for_every_pixel_value(steps, threshold):
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 1, 256)
    spec = InputSpec(
        coding=InputCoding.TTFS_LEVELS, shape=(1, 1, 256), steps=steps, threshold=threshold
    )
    ours = code(torch.from_numpy(pixels.reshape(1, 256)).float(), steps, threshold)
    np.testing.assert_array_equal(ours.numpy(), encode(pixels, spec))


def test_no_settings_give_the_images_as_they_are():
    image = cross()
    torch.testing.assert_close(
        Augmenter(Augmentation())(image, source()), image.view(1, -1).float(), rtol=0, atol=0
    )


def test_tiny_settings_give_nearly_the_image():
    settings = Augmentation(rotation_degrees=1e-4)
    drawn = Augmenter(settings)(cross(), source())
    torch.testing.assert_close(drawn, cross().view(1, -1).float(), rtol=0, atol=0.1)


def test_a_shift_moves_by_at_most_its_pixels_and_fills_with_black():
    augmenter = Augmenter(Augmentation(shift_pixels=2.0))
    dot = torch.zeros(500, 28, 28, dtype=torch.uint8)
    dot[:, 14, 14] = 255
    drawn = augmenter(dot, source()).view(500, 28, 28)
    touched = drawn.amax(0).nonzero()
    assert touched.min() == 12
    assert touched.max() == 16
    edge = torch.full((50, 28, 28), 255, dtype=torch.uint8)
    assert augmenter(edge, source()).view(50, 28, 28)[:, 0, 0].min() == 0


def test_a_half_turn_turns_the_image():
    image = torch.zeros(200, 28, 28, dtype=torch.uint8)
    image[:, :5, 10:18] = 255  # a bar at the top
    drawn = Augmenter(Augmentation(rotation_degrees=180.0))(image, source()).view(200, 28, 28)
    assert bool((drawn[:, 23:, 10:18].mean((1, 2)) > 200).any())


@pytest.mark.parametrize(
    "name", ["rotation_degrees", "scale", "shear", "shift_pixels", "elastic_pixels"]
)
def test_every_setting_has_an_effect_and_keeps_the_range(name):
    settings = Augmentation.model_validate({name: 0.5 if name in ("scale", "shear") else 5.0})
    images = cross().expand(20, 28, 28)
    drawn = Augmenter(settings)(images, source())
    assert float((drawn - images.reshape(20, -1).float()).abs().max()) > 20
    assert float(drawn.min()) >= 0
    assert float(drawn.max()) <= 200.01
    assert len({row.numpy().tobytes() for row in drawn}) == 20


def test_the_elastic_field_has_the_stated_standard_deviation():
    ramp = torch.arange(28, dtype=torch.uint8).mul(9).expand(400, 28, 28)  # 9 grey levels a pixel
    drawn = Augmenter(Augmentation(elastic_pixels=0.5))(ramp, source()).view(400, 28, 28)
    shift = (drawn - ramp.float())[:, 8:20, 8:20] / 9
    assert float(shift.std()) == pytest.approx(0.5, rel=0.1)
    assert float(shift.mean()) == pytest.approx(0, abs=0.05)


def test_the_same_source_gives_the_same_images_whatever_was_drawn_before():
    settings = Augmentation(rotation_degrees=10.0, elastic_pixels=1.0)
    used = Augmenter(settings)
    used(cross().expand(9, 28, 28), source(7))
    images = cross().expand(4, 28, 28)
    first, again = used(images, source()), Augmenter(settings)(images, source())
    torch.testing.assert_close(first, again, rtol=0, atol=0)


def test_results_stay_when_the_next_chunk_is_drawn():
    augmenter = Augmenter(Augmentation(rotation_degrees=10.0))
    first = augmenter(cross(), source(1))
    kept = first.clone()
    augmenter(cross(), source(2))
    torch.testing.assert_close(first, kept, rtol=0, atol=0)


def test_mirroring_exchanges_left_and_right_in_about_half_of_the_images():
    images = torch.randint(0, 256, (400, 28, 28), dtype=torch.uint8, generator=source(2))
    drawn = Augmenter(Augmentation(mirror=True))(images, source(3)).view(400, 28, 28)
    same = (drawn - images).abs().amax((1, 2)) < 0.5
    turned = (drawn - images.flip(2)).abs().amax((1, 2)) < 0.5
    assert (same ^ turned).all()
    assert 150 < int(turned.sum()) < 250


def test_all_channels_of_an_image_are_distorted_alike():
    grey = cross().expand(12, 28, 28)
    settings = Augmentation(rotation_degrees=30, elastic_pixels=1, mirror=True)
    alone = Augmenter(settings)(grey, source(4))
    drawn = Augmenter(settings, (3, 28, 28))(grey[:, None].expand(12, 3, 28, 28), source(4))
    assert torch.equal(drawn.view(12, 3, 784), alone[:, None].expand(12, 3, 784))
