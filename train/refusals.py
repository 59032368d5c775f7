"""What a rule may not be asked for, said in one line before anything is trained."""

from __future__ import annotations

from spikeforge.errors import SpikeforgeError
from train.network_shape import NetworkShape, NeuronShape
from train.recipe import Recipe

__all__ = [
    "refuse_batch_norm",
    "refuse_dropout",
    "refuse_multi_spike",
    "refuse_neuron",
    "refuse_psp",
    "refuse_recurrence",
    "refuse_single_spike",
]


def refuse_neuron(recipe: Recipe, **allowed: object) -> None:
    """Refuse a neuron that a rule is not defined for.

    Args:
        recipe: The recipe.
        allowed: The only value of a field of ``network.neuron``, by the field's name.

    Raises:
        SpikeforgeError: Names the field, its value and the one that works.
    """
    for field, only in allowed.items():
        asked = getattr(recipe.network.neuron, field)
        if asked != only:
            raise SpikeforgeError(
                f"network.neuron.{field} must be {_toml(only)} for rule {recipe.rule}, not "
                f"{_toml(asked)}; leave it out, or take rule surrogate"
            )


def refuse_recurrence(recipe: Recipe) -> None:
    """Refuse recurrent layers.

    Raises:
        SpikeforgeError: If the recipe asks for them.
    """
    if recipe.network.recurrent:
        raise SpikeforgeError(
            f"network.recurrent must be false for rule {recipe.rule}, not true; leave it out, or "
            f"take rule st-rsbp"
        )


def refuse_dropout(recipe: Recipe) -> None:
    """Refuse dropout.

    Raises:
        SpikeforgeError: If the recipe asks for it.
    """
    if recipe.training.dropout:
        raise SpikeforgeError(
            f"training.dropout must be 0 for rule {recipe.rule}, not {recipe.training.dropout}; "
            f"leave it out"
        )


def refuse_single_spike(recipe: Recipe) -> None:
    """Refuse what only stepped neurons that fire once can do, such as run longer than the input.

    Raises:
        SpikeforgeError: If the recipe asks for them.
    """
    for name in ("extra_steps", "later_steps"):
        steps = getattr(recipe.network, name)
        if steps:
            raise SpikeforgeError(
                f"network.{name} must be 0 for rule {recipe.rule}, not {steps}; leave it out, or "
                f"take rule stdbp or stidi-bp"
            )
    if recipe.network.start_mean is not None:
        raise SpikeforgeError(
            f"network.start_mean must be left out for rule {recipe.rule}, not "
            f"{recipe.network.start_mean}; take rule stdbp or stidi-bp"
        )


def refuse_batch_norm(recipe: Recipe) -> None:
    """Refuse batch normalization.

    Raises:
        SpikeforgeError: If the recipe asks for it.
    """
    if recipe.network.batch_norm:
        raise SpikeforgeError(
            f"network.batch_norm must be false for rule {recipe.rule}, not true: it learns without "
            f"it; leave it out, or take rule stdbp, stidi-bp or a multi-spike rule"
        )


def refuse_psp(recipe: Recipe) -> None:
    """Refuse a shape of the postsynaptic potential.

    Raises:
        SpikeforgeError: If the recipe gives one.
    """
    if recipe.network.psp is not None:
        raise SpikeforgeError(
            f"network.psp must be left out for rule {recipe.rule}: its potentials have a shape of "
            f"their own; take rule stidi-bp"
        )


def refuse_multi_spike(recipe: Recipe) -> None:
    """Refuse what neurons that fire once cannot do.

    Raises:
        SpikeforgeError: Names the field, its value, and what would work.
    """
    shape, rule = recipe.network, recipe.rule
    for each in shape.conv:
        if each.residual is not None:
            raise SpikeforgeError(
                f"network.conv.residual must be left out for rule {rule}, not {each.residual!r}: "
                f"its neurons fire once; take a multi-spike rule, such as surrogate"
            )
    default = NetworkShape(hidden=(1,))
    for name in ("recurrent", "input_bits", "votes"):
        value = getattr(shape, name)
        if value != getattr(default, name):
            raise SpikeforgeError(
                f"network.{name} must be {str(getattr(default, name)).lower()} for rule {rule}, "
                f"not {str(value).lower()}: its neurons fire once; leave it out, or take a "
                f"multi-spike rule, such as surrogate"
            )
    if shape.readout != default.readout:
        raise SpikeforgeError(
            f"network.readout must be left out for rule {rule}, not {shape.readout}: its neurons "
            f"fire once"
        )
    for name in NeuronShape.model_fields:
        value = getattr(shape.neuron, name)
        if value != getattr(default.neuron, name):
            raise SpikeforgeError(
                f"network.neuron.{name} must be left out for rule {rule}, not {value}: its neurons "
                f"neither leak nor fire twice; take a multi-spike rule, such as surrogate"
            )


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value).replace("'", '"')
