"""The root of the error hierarchy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from ranvier.facts.attempt import Attempt
    from ranvier.facts.price import Prices
    from ranvier.facts.record import Record
    from ranvier.facts.story import Story


class RanvierError(Exception):
    """The root of every error that ranvier raises.

    Attributes:
        attempts: The attempts of the call before this was raised, oldest first.
        record: The record of the call, from which `story` is built; `None` for an error outside a call.
        retry_after: Seconds to wait, if the provider or a circuit gave a time.
        retryable: Another attempt at the same target may succeed.
        counts_against_provider: A circuit breaker should count it.
        fails_over: The next target may succeed.
        retry_useless: The target would reject another attempt now, so that a retry is pointless.
        about_key: The credential is at fault: another key may succeed at the same target.
    """

    kind: ClassVar[str] = "unknown"
    retryable: bool = False
    counts_against_provider: bool = False
    fails_over: bool = False
    retry_useless: bool = False
    about_key: bool = False
    retry_after: float | None = None
    attempts: tuple[Attempt, ...] = ()
    record: Record | None = None

    @property
    def story(self) -> Story | None:
        """Where the seconds of the call went; `None` for an error outside a call."""
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
