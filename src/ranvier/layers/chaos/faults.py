"""The faults that can be injected into an attempt; their names are those of `ranvier.testing.KINDS`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ranvier.errors.provider import (
    AuthenticationError,
    ConnectionFailedError,
    InvalidResponseError,
    OverloadedError,
    ProviderError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
)

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

ANSWERS: dict[str, tuple[type[ProviderError], int | None]] = {
    "auth": (AuthenticationError, 401),
    "invalid_response": (InvalidResponseError, None),
    "network": (ConnectionFailedError, None),
    "overloaded": (OverloadedError, 503),
    "quota_exhausted": (QuotaExceededError, 402),
    "rate_limit": (RateLimitError, 429),
    "server_error": (ServerError, 500),
}
"""Faults in place of an answer, with the error and its status: nothing is sent."""

BREAKS: dict[str, type[ProviderError] | None] = {
    "cut": InvalidResponseError,
    "reset": ConnectionFailedError,
    "silence": None,
}
"""Faults in the middle of the real answer, with the error; `None` is silence."""

DELAYS = ("slow", "stall")
"""Faults before the answer: it arrives late (`slow`), or nothing is sent and nothing arrives (`stall`)."""

NAMES = tuple(sorted((*ANSWERS, *BREAKS, *DELAYS)))

LONGEST_SILENCE = 600.0
"""Seconds after which a silence breaks the connection, if no limit of the stack ends it earlier."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault for one attempt.

    Attributes:
        name: One of `NAMES`.
        seconds: The delay of a `slow` answer, and the `retry_after` of a `rate_limit`.
        after: The number of events with content before an answer breaks.
    """

    name: str
    seconds: float
    after: int

    @property
    def breaks(self) -> bool:
        """True if the real answer begins, but does not complete."""
        return self.name in BREAKS

    @property
    def asks(self) -> bool:
        """True if the real provider is asked."""
        return self.breaks or self.name == "slow"

    async def before(self, call: Call) -> None:
        """Apply the part of the fault that comes before the real request.

        Raises:
            ProviderError: the fault replaces the answer.
        """
        if self.name in ANSWERS:
            kind, status = ANSWERS[self.name]
            wait = self.seconds if kind is RateLimitError else None
            raise _error(kind, call, status=status, retry_after=wait)
        if self.name == "slow":
            await asyncio.sleep(self.seconds)
        elif self.name == "stall":
            await _be_silent(call)

    async def break_off(self, call: Call) -> None:
        """Break the answer off.

        Raises:
            ProviderError: always; after a long silence if that is the fault.
        """
        kind = BREAKS[self.name]
        if kind is None:
            await _be_silent(call)
        else:
            raise _error(kind, call)


async def _be_silent(call: Call) -> None:
    await asyncio.sleep(LONGEST_SILENCE)
    raise _error(ConnectionFailedError, call)


def _error(
    kind: type[ProviderError], call: Call, *, status: int | None = None, retry_after: float | None = None
) -> ProviderError:
    target = call.deployment
    return kind(
        f"a fault at {target}, injected by Chaos",
        provider=target.provider.name,
        model=target.model,
        status=status,
        retry_after=retry_after,
    )
