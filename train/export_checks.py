"""What every export does alike: finite numbers, widths that the contract allows, stored weights."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from spikeforge.errors import SpikeforgeError
from train.windowed import IntegerLayer

__all__ = ["checked_integers", "checked_width", "stored_weight"]


class _Exportable(Protocol):
    """A layer of integers with one step for all of them."""

    @property
    def step(self) -> Tensor: ...

    def integers(self) -> IntegerLayer: ...


def checked_integers(title: str, layer: _Exportable) -> IntegerLayer:
    """The integers of a layer, unless its real numbers could not give any.

    Raises:
        SpikeforgeError: If a parameter is not finite, or the step is no finite number above 0.
    """
    assert isinstance(layer, nn.Module)
    for name, parameter in (*layer.named_parameters(), *layer.named_buffers()):
        if not bool(parameter.isfinite().all()):
            raise SpikeforgeError(
                f"{title}.{name} must hold finite numbers only; train again with a smaller "
                f"learning rate"
            )
    steps = layer.step.detach()
    wrong = steps[~(steps.isfinite() & (steps > 0))]
    if len(wrong):
        raise SpikeforgeError(
            f"{title}.step must be a finite number above 0, not {float(wrong[0])}; train again "
            f"with a smaller learning rate"
        )
    return layer.integers()


def checked_width(field: str, bits: int, most: int) -> int:
    """The width, unless the contract allows less.

    Raises:
        SpikeforgeError: If it is above ``most``.
    """
    if bits > most:
        raise SpikeforgeError(
            f"{field} must be at most {most}, not {bits}; train again with a smaller learning rate"
        )
    return bits


def stored_weight(weight: Tensor, bits: int) -> NDArray[np.int8]:
    """Weights as the contract holds them, two's complement: of 1 bit, 0 stands for +1.

    Args:
        weight: Whole numbers; of 1 bit -1 and +1.
        bits: Their width.
    """
    whole: NDArray[np.int8] = weight.numpy().astype(np.int8)
    return whole if bits > 1 else np.minimum(whole, 0)
