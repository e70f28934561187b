"""Checks the order of a stack when a pipeline is built, and explains it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ranvier.errors.configuration import ConfigurationError, LayerOrderError
from ranvier.pipeline.layer import Layer
from ranvier.pipeline.place import Place

REASONS = {
    Place.CALL: "it has to cover the whole call, every target and every retry",
    Place.ROUTE: "it chooses the target that the layers inside it act on",
    Place.RETRY: "each retry has to be admitted and timed on its own",
    Place.ADMIT: "it has to see every single attempt, and to reject it before it is timed",
    Place.ATTEMPT: "it sets the limits of one attempt and nothing else",
}


OUTERMOST = "a call must not wait in it while it holds the place of a probe"
"""Why some layers have to be outside the others of their place."""


def check_stack(layers: Sequence[Layer], *, order: bool) -> None:
    """Check that a stack can work.

    Raises:
        ConfigurationError: an object is not a layer, or there is not exactly one ROUTE layer.
        LayerOrderError: a layer that has to be the innermost is not; or, with `order`, the layers are not
            ordered from CALL inwards to ATTEMPT.
    """
    for layer in layers:
        if not isinstance(layer, Layer):
            raise ConfigurationError(f"Pipeline({layer!r:.160}): {_instead_of(layer)}")
        if not isinstance(layer.place, Place):
            places = ", ".join(f"Place.{each.name}" for each in Place)
            raise ConfigurationError(
                f"{type(layer).__name__}.place={layer.place!r:.60}: give one of {places}"
            )
    routes = [layer for layer in layers if layer.place == Place.ROUTE]
    if not routes:
        raise ConfigurationError(
            "the pipeline has no target: add one ROUTE layer, such as Fallback('anthropic/claude-sonnet-5')"
        )
    if len(routes) > 1:
        raise ConfigurationError(
            f"the pipeline has {len(routes)} ROUTE layers: name all targets in one Fallback(...)"
        )
    for outer, inner in pairwise(layers):
        if outer.innermost and not inner.innermost:
            why = (
                f"{type(outer).__name__} has to be the innermost layer, and is outside {type(inner).__name__}"
            )
            raise LayerOrderError(f"{why}. Put them in this order:\n{_corrected(layers)}")
    if order:
        _check_order(layers)


def _instead_of(thing: object) -> str:
    if isinstance(thing, (list, tuple)):
        return "pass the layers one by one, or unpack them: Pipeline(*layers)"
    if hasattr(thing, "targets"):  # a balance
        return "give it to a layer that chooses among targets: Fallback(Balance(...))"
    if hasattr(thing, "complete") or (isinstance(thing, str) and "/" in thing):
        return "give layers, such as Fallback(...) around targets, or take resilient(...), which builds them"
    return "give layers, such as Fallback(...) or Retry(...)"


def position(layer: Layer) -> tuple[int, int]:
    """The position of `layer` as a sort key: smaller values are further out."""
    return layer.place, layer.innermost - layer.outermost


def _check_order(layers: Sequence[Layer]) -> None:
    for outer, inner in pairwise(layers):
        if position(outer) > position(inner):
            names = type(outer).__name__, type(inner).__name__
            why = REASONS[inner.place] if outer.place > inner.place else OUTERMOST
            raise LayerOrderError(
                f"{names[1]} ({inner.place.name}) is inside {names[0]} ({outer.place.name}), but "
                f"{why}. Put them in this order, or pass check_order=False if you mean it:\n"
                f"{_corrected(layers)}"
            )


def _corrected(layers: Sequence[Layer]) -> str:
    corrected = sorted(layers, key=position)
    return f"Pipeline(\n{''.join(f'    {layer!r},{chr(10)}' for layer in corrected)})"
