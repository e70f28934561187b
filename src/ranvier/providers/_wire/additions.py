"""The `headers=` and `params=` of a provider: what a user adds to each of its requests.

Their values may be secret: no message shows them, and no frame that raises holds them.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from ranvier.caller import PLAIN_FAILURES, Caller, shielded
from ranvier.errors.configuration import ConfigurationError
from ranvier.errors.rejected import CredentialLookupError
from ranvier.headers import HOLD_KEYS, Fault, Values, checked, fault_of_header, fault_of_param
from ranvier.providers._wire.preparation import Preparation

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.providers._http.port import HttpRequest

Given = Values | Callable[["Call"], Values | Awaitable[Values | None] | None]
"""The same for every request; or a plain or async function of the call, whose `None` adds nothing."""

MAX_SECONDS: Final = 30.0
"""The longest wait for a user's function."""


class Additions(Preparation):
    """Adds a user's headers and query parameters; a header replaces one of ours with the same name.

    Args:
        headers, params: As for `Adapter`.

    Attributes:
        any: True if there is anything to add.
        holds_key: True if each request gets a header in which providers take a key.

    Raises:
        ConfigurationError: one of them cannot be sent.
    """

    def __init__(self, headers: Given | None, params: Given | None) -> None:
        self._headers = Source("headers", headers, fault_of_header)
        self._params = Source("params", params, fault_of_param)
        del headers, params  # otherwise a traceback might show them
        for each in (self._headers, self._params):
            if each.mistake is not None:
                raise ConfigurationError(f"{each.name}: {each.mistake}")
        self.any = self._headers.any or self._params.any
        self.holds_key = not HOLD_KEYS.isdisjoint(self._headers.fixed)

    async def prepared(self, call: Call, request: HttpRequest) -> HttpRequest:
        """`request` with what the user adds, and then the tenant's own headers."""
        if self._headers.any:
            request = request.adding(headers=_for_tenant(await self._headers.values(call), call))
        if call.access is not None:
            request = request.adding(headers=call.access.headers)
        if self._params.any:
            request = request.adding(params=await self._params.values(call))
        return request


def _for_tenant(headers: Values, call: Call) -> Values:
    """`headers` without a key of ours, which would replace that of the tenant."""
    if not call.tenants_key:
        return headers
    return {name: value for name, value in headers.items() if name not in HOLD_KEYS}


class Source:
    """A mapping of the user's, or a function that returns one.

    Attributes:
        name: The parameter that it was passed as.
        fixed: The mapping; empty if there is a function.
        mistake: What is wrong with the mapping; `None` if nothing is.
    """

    def __init__(self, name: str, given: Given | None, fault: Fault) -> None:
        self.name = name
        self.fixed: Values = {}
        self.mistake: str | None = None
        self._fault = fault
        self._function = given if callable(given) else None
        if self._function is None:
            self.fixed, self.mistake = checked(given, fault)

    @property
    def any(self) -> bool:
        """True if it may have any value."""
        return self._function is not None or bool(self.fixed)

    async def values(self, call: Call) -> Values:
        """The values for `call`.

        Raises:
            CredentialLookupError: the function failed (its error is the cause), took too long, or returned
                what cannot be sent.
        """
        if self._function is None:
            return self.fixed
        values, mistake = checked(await self._asked(self._function, call), self._fault)
        if mistake is not None:
            raise CredentialLookupError(f"{self._of(call)} returned what cannot be sent: {mistake}")
        return values

    async def _asked(self, function: Callable[[Call], Any], call: Call) -> object:
        """What the function returns."""
        caller = Caller()
        try:
            async with asyncio.timeout(MAX_SECONDS):
                answer = function(call)
                if not inspect.isawaitable(answer):
                    return answer
                return await shielded(answer)
        except PLAIN_FAILURES as error:
            if isinstance(error, asyncio.CancelledError) and caller.has_cancelled:
                raise
            raise CredentialLookupError(f"{self._of(call)} failed: {type(error).__name__}") from error

    def _of(self, call: Call) -> str:
        return f"the function {self.name}= of {call.deployment.provider.name}"
