"""Statistics of a normalized network, measured again on the network that is to be evaluated.

While weights move, the running statistics of :class:`train.slope_norm.SlopeNorm` are those of
weights that were, and those of an average of weights are nobody's. Single-spike networks mind:
one whose batches were classified ever better, 82, 83, 86, 85 %, was right on 77, 78, 84, 68 % by
its running statistics. So an epoch's averaged network looks at some training images once more
(as Izmailov et al., arXiv 1803.05407, do for averaged weights).
"""

from __future__ import annotations

import torch
from torch import Tensor

from train.model import SpikingNet
from train.slope_norm import SlopeNorm

__all__ = ["recalibrate"]

_BATCH = 250


@torch.no_grad()
def recalibrate(model: SpikingNet, k: Tensor) -> None:
    """Replace running statistics of slopes by those of these images.

    The steps of normalized layers are fitted to the model's weights on the way; nothing else
    changes.

    Args:
        model: Any network; one without normalized slopes is left alone.
        k: Coded images, shape (B, inputs), of which at most 5,000 count alike.
    """
    norms = [part for part in model.modules() if isinstance(part, SlopeNorm)]
    if not norms:
        return
    for norm in norms:
        norm.moments.batches.zero_()
    training = model.training
    model.train()
    for part in k.split(_BATCH):
        model.scores(part)
    model.train(training)
