"""The base class of all errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from ranvier.facts.attempt import Attempt
    from ranvier.facts.price import Prices
    from ranvier.facts.record import Record
    from ranvier.facts.story import Story


class RanvierError(Exception):
    """The base class of every error that ranvier raises.

    Attributes:
        kind: The category in one word: `rate_limit`, `timeout`, `overloaded`.
        attempts: The attempts of the call before the error was raised, oldest first.
        record: What happened in the call, for `story` and `explain`; `None` for an error outside a call.
        retry_after: Seconds to wait, if a provider, a circuit or a gate gave a time; else `None`.
        retryable: Another attempt at the same target may succeed.
        counts_against_provider: The provider is at fault, and a circuit breaker should count it.
        fails_over: The next target may succeed, so the call should fall back.
        retry_useless: Not retried even if `retryable`: a guard, such as the breaker, would reject the retry.
        about_key: The credential is at fault: another key may succeed at the same target.
        billable: The attempt may have cost something; false if nothing was sent, or the provider rejected it.
        injected: The attempt failed with a fault of `Chaos`: no provider is at fault.
    """

    kind: ClassVar[str] = "unknown"
    retryable: bool = False
    counts_against_provider: bool = False
    fails_over: bool = False
    retry_useless: bool = False
    about_key: bool = False
    injected: bool = False
    billable: bool = True
    retry_after: float | None = None
    attempts: tuple[Attempt, ...] = ()
    record: Record | None = None

    @property
    def outcome(self) -> str:
        """What a call that ends with this error is counted as: its kind."""
        return self.kind

    @property
    def story(self) -> Story | None:
        """How long each attempt and wait of the call took; `None` for an error outside a call."""
        return None if self.record is None else self.record.story()

    def explain(self, prices: Prices | None = None) -> str:
        """`story` as a few lines of text, without prompts or messages; `prices` as in `Story.explain`."""
        story = self.story
        return f"{self.kind}: no call was made" if story is None else story.explain(prices)

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions pickle by calling their class with `args`, which fails for keyword-only parameters.
        return _restore, (type(self), self.args), self.__dict__.copy()


def _restore(kind: type[RanvierError], args: tuple[Any, ...]) -> RanvierError:
    error = kind.__new__(kind, *args)
    error.args = args
    return error
