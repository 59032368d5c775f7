"""What a data set is: labelled images with a fixed split into training, validation and test."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["Dataset", "Part"]


@dataclass(frozen=True)
class Part:
    """Some images with their labels.

    Attributes:
        images: Pixels 0..255, uint8, shape (N, H, W), or (N, C, H, W) with several channels.
        labels: Classes from 0, uint8, shape (N,).
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """One data set, with a fixed split.

    Attributes:
        name: Printed in every report.
        train_images: Pixels 0..255, uint8, shape (N, H, W), or (N, C, H, W) with several channels;
            they include the validation split.
        train_labels: Classes from 0, uint8, shape (N,).
        test_images: The images that nothing is ever chosen by, shape (M, H, W) or (M, C, H, W).
        test_labels: Their classes, shape (M,).
        split: What the test images are: ``test``, or ``validation-extract`` for an extract whose
            images are all among MNIST's first 6,000 training images (the validation split, which
            no shipped network was trained on).
        validation_at: Index of the first validation image among the training images.
        validation_size: Number of validation images; they are never trained on.
        class_names: What the labels 0, 1, ... stand for.
    """

    name: str
    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.uint8]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.uint8]
    split: str
    validation_at: int
    validation_size: int
    class_names: tuple[str, ...] = tuple("0123456789")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        channels, height, width = (1, *self.train_images.shape[1:])[-3:]
        return channels, height, width

    @property
    def classes(self) -> int:
        """Number of classes, whether or not each one has an image."""
        return len(self.class_names)

    @property
    def training(self) -> Part:
        """The training images without the validation split."""
        inside = np.arange(self.validation_at, self.validation_at + self.validation_size)
        keep = np.setdiff1d(np.arange(len(self.train_images)), inside, assume_unique=True)
        return Part(self.train_images[keep], self.train_labels[keep])

    @property
    def validation(self) -> Part:
        """The images that choose the epoch and every other setting."""
        part = slice(self.validation_at, self.validation_at + self.validation_size)
        return Part(self.train_images[part], self.train_labels[part])

    @property
    def test(self) -> Part:
        """The test images; read once, at the end."""
        return Part(self.test_images, self.test_labels)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of what training sees: images, labels and the split."""
        text = f"{self.validation_at},{self.validation_size},{self.train_images.shape}"
        result = hashlib.sha256(text.encode())
        for array in (self.train_images, self.train_labels):
            result.update(np.ascontiguousarray(array).data)
        return result.hexdigest()
