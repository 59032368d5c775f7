"""What the classes of each data set stand for, so that an answer reads "Sneaker" and not "7"."""

from __future__ import annotations

from collections.abc import Mapping
from string import ascii_lowercase, ascii_uppercase, digits

__all__ = ["CLASS_NAMES", "class_names"]

_MERGED = (*digits, *ascii_uppercase, *"abdefghnqrt")  # EMNIST's look-alikes of both cases are one

CLASS_NAMES: Mapping[str, tuple[str, ...]] = {
    "MNIST": tuple(digits),
    "Fashion-MNIST": (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
        "Ankle boot",
    ),
    "EMNIST balanced": _MERGED,
    "EMNIST bymerge": _MERGED,
    "EMNIST byclass": (*digits, *ascii_uppercase, *ascii_lowercase),
    "EMNIST letters": tuple(ascii_uppercase),
    "EMNIST digits": tuple(digits),
    "EMNIST mnist": tuple(digits),
    "CIFAR-10": (
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
    ),
}  # fmt: skip


def class_names(dataset: str, classes: int) -> tuple[str, ...]:
    """One name a class.

    Args:
        dataset: Name of the data set, as a network's metadata and reports have it.
        classes: Number of the network's classes.

    Returns:
        The names; the bare numbers for a data set that is not listed, or has other classes.
    """
    names = CLASS_NAMES.get(dataset, ())
    return names if len(names) == classes else tuple(str(number) for number in range(classes))
