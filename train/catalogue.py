"""The image sets by name: their size, their classes, and where each is looked for.

A recipe says ``data = "fashion"``; everything that depends on the images (inputs and classes of the
network, names of the classes) comes from the entry here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spikeforge.class_names import CLASS_NAMES
from spikeforge.errors import SpikeforgeError, nearest

__all__ = ["SETS", "ImageSet", "image_set"]


@dataclass(frozen=True, kw_only=True)
class ImageSet:
    """One set of labelled images.

    Attributes:
        key: The word that recipes use.
        name: As printed in every report.
        shape: Channels, height and width of an image.
        variable: The environment variable that names the set's folder.
        folders: Where packages of the operating system put it.
        files: What the folder holds, for messages.
        source: Where to get it, for messages.
    """

    key: str
    name: str
    shape: tuple[int, int, int]
    variable: str
    folders: tuple[str, ...] = ()
    files: str
    source: str

    @property
    def class_names(self) -> tuple[str, ...]:
        """What the labels 0, 1, ... stand for."""
        return CLASS_NAMES[self.name]

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)


def _emnist(split: str) -> ImageSet:
    return ImageSet(
        key=f"emnist-{split}", name=f"EMNIST {split}", shape=(1, 28, 28),
        variable="SPIKEFORGE_EMNIST", files=f"the four IDX files emnist-{split}-*",
        source="unpack gzip.zip of NIST's EMNIST page",
    )  # fmt: skip


_ALL = (
    ImageSet(
        key="mnist", name="MNIST", shape=(1, 28, 28),
        variable="SPIKEFORGE_DATA", files="MNIST's four IDX files", source="go online once",
    ),
    ImageSet(
        key="fashion", name="Fashion-MNIST", shape=(1, 28, 28),
        variable="SPIKEFORGE_FASHION", folders=("/usr/share/datasets/fashion-mnist",),
        files="Fashion-MNIST's four IDX files",
        source="install Debian's dataset-fashion-mnist, or go online once",
    ),
    *map(_emnist, ("balanced", "bymerge", "byclass", "letters", "digits", "mnist")),
    ImageSet(
        key="cifar10", name="CIFAR-10", shape=(3, 32, 32),
        variable="SPIKEFORGE_CIFAR10", files="CIFAR-10's binary files data_batch_1.bin to "
        "data_batch_5.bin and test_batch.bin", source="unpack cifar-10-binary.tar.gz",
    ),
)  # fmt: skip

SETS: Mapping[str, ImageSet] = {each.key: each for each in _ALL}


def image_set(key: str) -> ImageSet:
    """The entry of a set.

    Raises:
        SpikeforgeError: If there is no set of this name.
    """
    if key not in SETS:
        raise SpikeforgeError(
            f"data must be one of {', '.join(SETS)}, not {key!r}{nearest(key, SETS)}"
        )
    return SETS[key]
