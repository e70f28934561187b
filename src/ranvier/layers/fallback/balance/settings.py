"""The settings of a balance."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from types import NoneType
from typing import TYPE_CHECKING, Literal

from ranvier import layer_remedies, validation
from ranvier.caller import PLAIN_FAILURES
from ranvier.errors.configuration import ConfigurationError
from ranvier.layers.fallback.balance.hashing import number_of
from ranvier.layers.fallback.targets import Target
from ranvier.pipeline.asking.users_function import ask, plain

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

By = Literal["load", "least_busy", "latency"]

Conversation = str | int | bytes | None
"""The id of a conversation; `None` or an empty id for a call without one."""

WEIGHTS = (0.001, 1000.0)
"""The smallest and the largest weight."""


class Balance:
    """Spread calls over several targets of a `Fallback`: `Fallback(Balance("a/x", "b/y"), "c/z")`.

    Of two targets drawn at random, the less loaded one is asked. If it fails, the others follow, the least
    loaded first, and then the next target of the `Fallback`.

    Args:
        targets: At least two targets, as for `Fallback`.
        by: The measure of load: `"load"` is (calls in flight + 1) times the average time to the first
            content; `"least_busy"` is only the first factor, `"latency"` only the second.
        weights: The share of each target relative to the others, in the same order; equal by default.
        sticky: A function of a call that returns the id of its conversation: a str, an int or bytes. All
            calls of a conversation go to the same target, whose prompt cache stays warm; they go to another
            one only while that target rejects them. `None` is for a call without a conversation.

    A failure of the model or of the server counts as `first_token` seconds in the average. A target that has
    recovered from an outage gets its full share again within 20 seconds.
    """

    @layer_remedies.suggested
    def __init__(
        self,
        *targets: Target,
        by: By = "load",
        weights: Sequence[float] | None = None,
        sticky: Callable[[Call], Conversation] | None = None,
    ) -> None:
        if len(targets) < 2:
            raise ConfigurationError("Balance(): name at least two targets")
        for target in targets:
            if isinstance(target, Balance):
                raise ConfigurationError("Balance(): a Balance cannot contain another one")
        self.targets = targets
        self.by = validation.choice("Balance(by)", by, ("load", "least_busy", "latency"))
        self.weights = _checked_weights(weights, len(targets))
        self._sticky = plain("Balance(sticky)", sticky, "call")
        self.is_sticky = sticky is not None

    def conversation(self, call: Call) -> int | None:
        """A stable hash of the conversation of `call`; `None` if it belongs to none.

        Raises:
            ConfigurationError: `sticky` raised an error, or returned something else.
        """
        if self._sticky is None:
            return None
        try:
            name = ask("Balance(sticky)", self._sticky, call)
        except ConfigurationError:
            raise
        except PLAIN_FAILURES as error:
            raise ConfigurationError(f"Balance(sticky) raised {type(error).__name__}") from error
        if isinstance(name, bool) or not isinstance(name, (str, int, bytes, NoneType)):
            raise ConfigurationError(
                f"Balance(sticky) returned a {type(name).__name__}: return a str, an int, bytes or None"
            )
        if name is None or name in ("", b""):
            return None
        return number_of(name.hex() if isinstance(name, bytes) else str(name))

    def __repr__(self) -> str:
        return f"Balance({', '.join(map(repr, self.targets))}{self.options})"

    @property
    def options(self) -> str:
        """The options that differ from the defaults, for a repr."""
        weights = "" if len(set(self.weights)) == 1 else f", weights={list(self.weights)}"
        return f", by={self.by!r}{weights}{', sticky=...' if self.is_sticky else ''}"


def _checked_weights(weights: Sequence[float] | None, number: int) -> tuple[float, ...]:
    if weights is None:
        return (1.0,) * number
    iterable = isinstance(weights, Iterable) and not isinstance(weights, (str, dict))
    given = tuple(weights) if iterable else ()
    if len(given) != number:
        raise ConfigurationError(
            f"Balance(weights)={weights!r:.60}: give one for each of the {number} targets"
        )
    least, most = WEIGHTS
    for weight in given:
        if not validation.is_number(weight) or not least <= weight <= most:
            raise ConfigurationError(f"Balance(weights)={weight!r:.60}: give {least:g} to {most:g}")
    return tuple(map(float, given))
