"""The HTTP reply that an answer came in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ranvier.facts.rate_limits import RateLimits


class Reply:
    """The HTTP reply of an answer, without secrets.

    It may be large and hold personal data, so that it stays in its process: a copy, a pickle or a saved
    response has `None` in its place, and no repr shows its content.

    Attributes:
        headers: By their names in lower case; without cookies and the like, and with the key masked.
        raw: See `Response.raw`.
    """

    __slots__ = ("_limits_of", "headers", "raw")

    def __init__(
        self,
        headers: Mapping[str, str],
        raw: Any = None,
        limits_of: Callable[[Mapping[str, str]], RateLimits | None] | None = None,
    ) -> None:
        self.headers = headers
        self.raw = raw
        self._limits_of = limits_of

    @property
    def rate_limit(self) -> RateLimits | None:
        """The limits that the headers tell, read now; `None` if they tell none."""
        return None if self._limits_of is None else self._limits_of(self.headers)

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return _nothing, ()

    def __repr__(self) -> str:
        return f"<Reply with {len(self.headers)} headers>"


def _nothing() -> None:
    """What a copy of an answer has in place of its reply."""
