"""Where a provider's tokens come from: one call of the user's function for all calls that need one."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from ranvier import clock
from ranvier.caller import PLAIN_FAILURES, Caller
from ranvier.errors.rejected import CredentialLookupError
from ranvier.events import CredentialLookupFailed
from ranvier.providers._tokens.token import Token, read_token
from ranvier.providers._tokens.users_function import NoTokenError, UsersFunction
from ranvier.providers._wire.preparation import Preparation

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.runtime import Runtime
    from ranvier.providers._http.port import HttpReply, HttpRequest

MAX_SECONDS: Final = 15.0
"""The most seconds that one call of the function may take."""

LEAD_SECONDS: Final = 300.0
"""Seconds before its expiry from which a token is renewed, in the background; at most half of its life."""

MARGIN_SECONDS: Final = 10.0
"""Seconds before its expiry from which a token is no longer used; at most a tenth of its life."""

UNSTATED_SECONDS: Final = 120.0
"""The life of a token whose expiry is not known."""

PAUSE_SECONDS: Final = 10.0
"""Seconds until a renewal in the background is tried again after it failed."""

MAX_FLIGHTS: Final = 3
"""The most flights that a call waits for: one ends without an answer when its pipeline closes."""


class _Flight:
    """One call of the function, shared by all calls that wait for its token.

    Attributes:
        ended: Set when it has ended: with a token, with a failure, or with neither if its pipeline closed.
        failed: Why there is no token.
        cause: The error of the function.
    """

    __slots__ = ("cause", "ended", "failed", "limit", "task", "token")

    limit: asyncio.TimerHandle
    task: asyncio.Task[None]

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.ended: asyncio.Future[None] = loop.create_future()
        self.token: Token | None = None
        self.failed = ""
        self.cause: BaseException | None = None


class TokenSource(Preparation):
    """Gets tokens from a user's function, and keeps each until it expires.

    The function takes no arguments. It returns the token as a `str`, `(token, expiry)`, or an object with
    `token` and `expires_on`, `expires_at` or `expiry`: in seconds since the epoch, or as a `datetime`, in UTC
    if it has no zone. It may be async; any other is called in a thread.

    All calls that need a token at one time share one call of the function, which goes on if they are
    cancelled. A valid token is renewed in the background, `LEAD_SECONDS` before it expires. After a 401 the
    request is sent once more with a newer token.

    Args:
        parameter: The name of the parameter that `function` was given as.
        function: The function.
        account: Whose tokens they are, the same in every process: reasoning is returned to this account only.

    Attributes:
        handle: Stands for the tokens as the key of a call, so that gates and limits survive their renewal. It
            is never sent.
        account: As given.

    Raises:
        ConfigurationError: `function` cannot be called without arguments.
    """

    def __init__(self, parameter: str, function: Callable[[], Any], *, account: str) -> None:
        self._function = UsersFunction(parameter, function)
        self.handle = f"token-{secrets.token_hex(16)}"
        self.account = account
        self._token: Token | None = None
        self._until = self._renew_at = 0.0  # until when it is used, and when it is renewed
        self._flight: _Flight | None = None
        self._opened: tuple[asyncio.AbstractEventLoop, clock.Clock] | None = None

    def __repr__(self) -> str:
        return f"<tokens of {self._function.name}>"

    def opened(self, pipeline: Runtime) -> None:
        """Called when a pipeline opens: what was in flight on an earlier loop is forgotten."""
        loop, earlier = pipeline.loop, self._opened
        self._opened = loop, pipeline.clock
        if earlier is None or earlier[0] is loop:
            return
        shift = pipeline.clock() - earlier[1]()
        self._flight = None
        self._until += shift
        self._renew_at += shift

    async def prepared(self, call: Call, request: HttpRequest) -> HttpRequest:
        """`request` with a valid token, unless the key of `call` is another, such as a tenant's own.

        Raises:
            CredentialLookupError: there is no token.
        """
        if call.credential != self.handle:
            return request
        token = await self.token(call)
        return request.adding(headers={"authorization": f"Bearer {token.value}"})

    async def renewed(self, call: Call, reply: HttpReply) -> bool:
        """True if `reply` rejects a token, and there is a newer one now."""
        if reply.status != 401 or call.credential != self.handle:
            return False
        if self._token is not None and _bears(reply.request, self._token):
            self._token = None
        try:
            return not _bears(reply.request, await self.token(call))
        except CredentialLookupError:
            return False  # the provider's error says more; the event names the function's

    async def token(self, call: Call) -> Token:
        """A valid token.

        Raises:
            CredentialLookupError: the function failed, took too long, or returned something else.
        """
        token, now = self._token, call.pipeline.clock()
        if token is None or self._until <= now:
            return await self._fetched(call)
        if self._renew_at <= now and self._flight is None:
            self._begin(call)
        return token

    async def _fetched(self, call: Call) -> Token:
        for _ in range(MAX_FLIGHTS):
            flight, caller = self._flight or self._begin(call), Caller()
            try:
                await asyncio.wait((flight.ended,))
            except asyncio.CancelledError:
                if caller.has_given_up:
                    raise
                raise self._failed(call, "it has not returned") from None  # the cause of the limit's error
            if flight.token is not None:
                return flight.token
            if flight.failed:
                raise self._failed(call, flight.failed) from flight.cause
        raise self._failed(call, "its pipeline closed")

    def _failed(self, call: Call, what: str) -> CredentialLookupError:
        return CredentialLookupError(
            f"{self._function.name} gave no token for {call.deployment.provider.name}: {what}"
        )

    # --- one call of the function ----------------------------------------------------------------

    def _begin(self, call: Call) -> _Flight:
        loop = call.pipeline.loop
        self._flight = flight = _Flight(loop)
        flight.limit = loop.call_later(MAX_SECONDS, self._expire, call, flight)
        flight.task = call.pipeline.in_background(self._fly(call, flight), name="token", cut_off=True)
        flight.task.add_done_callback(lambda task: self._end(flight))  # it may be cancelled before it begins
        return flight

    async def _fly(self, call: Call, flight: _Flight) -> None:
        caller = Caller()
        try:
            answer = read_token(await self._function.call(), clock.since_epoch(call.pipeline.loop))
        except PLAIN_FAILURES as error:
            if isinstance(error, asyncio.CancelledError) and caller.has_cancelled:
                raise
            ours = isinstance(error, NoTokenError)
            self._fail(call, flight, str(error) if ours else type(error).__name__, error)
        else:
            if isinstance(answer, str):
                self._fail(call, flight, answer)
            elif not flight.ended.done():  # else it took too long
                self._keep(answer, flight, call)
        self._end(flight)

    def _keep(self, token: Token, flight: _Flight, call: Call) -> None:
        now, life = call.pipeline.clock(), UNSTATED_SECONDS
        if token.expires is not None:
            life = max(token.expires - clock.since_epoch(call.pipeline.loop), 0.0)
        self._token = flight.token = token
        self._until = now + life - min(MARGIN_SECONDS, life / 10)
        self._renew_at = now + life - min(LEAD_SECONDS, life / 2)

    def _expire(self, call: Call, flight: _Flight) -> None:
        self._fail(call, flight, f"it took more than {MAX_SECONDS:g} s")
        self._end(flight)
        flight.task.cancel()

    def _fail(self, call: Call, flight: _Flight, what: str, cause: BaseException | None = None) -> None:
        """The flight has failed; the text of `cause` is not shown, since it might hold a token."""
        if flight.ended.done():
            return
        flight.failed, flight.cause = what, cause
        self._renew_at = call.pipeline.clock() + PAUSE_SECONDS
        events = call.pipeline.events
        if events.listeners:
            kind = CredentialLookupError if cause is None else type(cause)
            events.emit(CredentialLookupFailed(**call.where(), kind=kind.__name__), call.record)

    def _end(self, flight: _Flight) -> None:
        flight.limit.cancel()
        if self._flight is flight:
            self._flight = None
        if not flight.ended.done():
            flight.ended.set_result(None)


def _bears(request: HttpRequest, token: Token) -> bool:
    return request.headers.get("authorization") == f"Bearer {token.value}"
