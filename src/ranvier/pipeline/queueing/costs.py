"""Estimates the cost of a call, and computes its real cost, in tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.messages.size import estimated_characters_in

if TYPE_CHECKING:
    from ranvier.facts.attempt import Attempt
    from ranvier.messages.request import Request

MOST = 1e7
"""The maximum cost of a call: an absurd number from a provider must not block a tenant forever."""


class Costs:
    """Learns the usual number of tokens of an answer."""

    __slots__ = ("_output",)

    def __init__(self) -> None:
        self._output = 256.0

    def expected(self, request: Request) -> float:
        """The expected tokens: a quarter of the request's characters, plus a usual answer."""
        output = self._output
        if request.max_tokens is not None and request.max_tokens < output:
            output = request.max_tokens
        return 1.0 + estimated_characters_in(request) / 4 + output

    def spent(self, attempts: tuple[Attempt, ...], target: str) -> float | None:
        """The cost of these attempts at `target`; `None` if they did not report it, 0 if none was sent."""
        cost: float | None = 0.0
        for attempt in attempts:
            if attempt.target != target:
                continue
            usage = attempt.usage
            total = 0.0 if usage is None else _tokens(usage.total)
            if usage is None or total == 0.0:
                cost = cost or None
                continue
            self._output += (_tokens(usage.output) - self._output) / 16
            cost = min((cost or 0.0) + total, MOST)
        return cost


def _tokens(number: object) -> float:
    """A number that a custom provider reported, from 0 to `MOST`; 0 if it is not a number."""
    if isinstance(number, (int, float)) and number > 0:  # false for NaN
        return float(min(number, MOST))
    return 0.0
