"""The `headers=` and `params=` of a provider: what a user adds to each of its requests.

Their values may be secret: no message shows them, and no frame that raises holds them.
"""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from ranvier.caller import PLAIN_FAILURES, Caller
from ranvier.errors.configuration import ConfigurationError
from ranvier.errors.rejected import CredentialLookupError
from ranvier.providers._wire.preparation import Preparation

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.providers._http.port import HttpRequest

Values = Mapping[str, str]
"""Headers or query parameters, by name."""

Given = Values | Callable[["Call"], Values | Awaitable[Values | None] | None]
"""The same for every request; or a plain or async function of the call, whose `None` adds nothing."""

Fault = Callable[[str, str], str | None]
"""Tells what is wrong with a name and its value, without the value; `None` if nothing is."""

MAX_SECONDS: Final = 30.0
"""The longest wait for a user's function."""

MAX_VALUES: Final = 100
MAX_NAME: Final = 200
MAX_LENGTH: Final = 16_384
"""The most headers or parameters that are added, and the longest name and value."""

FRAMING: Final = frozenset(
    (
        *("host", "content-length", "transfer-encoding", "content-type", "content-encoding"),
        *("accept-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect"),
        *("proxy-authorization", "proxy-connection"),
    )
)
"""The headers that follow from the request and its connection."""

HOLD_KEYS: Final = frozenset(("authorization", "x-api-key", "api-key", "x-goog-api-key"))
"""The headers in which providers take a key."""

_HEADER_NAME: Final = re.compile(rf"[!#$%&'*+.^_`|~0-9A-Za-z-]{{1,{MAX_NAME}}}")


class Additions(Preparation):
    """Adds a user's headers and query parameters; a header replaces one of ours with the same name.

    Args:
        headers, params: As for `Adapter`.

    Attributes:
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
        self.holds_key = not HOLD_KEYS.isdisjoint(self._headers.fixed)

    @property
    def any(self) -> bool:
        """True if there is anything to add."""
        return self._headers.any or self._params.any

    async def prepared(self, call: Call, request: HttpRequest) -> HttpRequest:
        """`request` with what the user adds."""
        if self._headers.any:
            request = request.adding(headers=await self._headers.values(call))
        if self._params.any:
            request = request.adding(params=await self._params.values(call))
        return request


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
            self.fixed, self.mistake = _checked(given, fault)

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
        values, mistake = _checked(await self._asked(self._function, call), self._fault)
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
                return await (asyncio.shield(answer) if asyncio.isfuture(answer) else answer)
        except PLAIN_FAILURES as error:
            if isinstance(error, asyncio.CancelledError) and caller.has_cancelled:
                raise
            raise CredentialLookupError(f"{self._of(call)} failed: {type(error).__name__}") from error

    def _of(self, call: Call) -> str:
        return f"the function {self.name}= of {call.deployment.provider.name}"


def fault_of_header(name: str, value: str) -> str | None:
    """Why a header cannot be sent."""
    if name.lower() in FRAMING:
        return f"{name!r} belongs to the connection or the body: leave it out"
    if not _HEADER_NAME.fullmatch(name):
        return f"{name!r:.60} is no name of a header: give letters, digits and hyphens"
    if value.isascii() and value.isprintable() and value == value.strip():
        return None
    return f"the value of {name!r} has invalid characters: look for line breaks, spaces around it and accents"


def fault_of_param(name: str, value: str) -> str | None:
    """Why a query parameter cannot be sent."""
    if not name or len(name) > MAX_NAME or not name.isprintable():
        return f"{name!r:.60} is no name of a parameter: give 1 to {MAX_NAME} printable characters"
    return None if value.isprintable() else f"the value of {name!r} has invalid characters, as line breaks"


def _checked(given: object, fault: Fault) -> tuple[Values, str | None]:
    """The values by name, those of headers in lower case; or else what is wrong with them.

    It must not raise: a traceback would show the values.
    """
    if given is None:
        return {}, None
    if not isinstance(given, Mapping):
        return {}, f"it is a {type(given).__name__}: give a dict of str to str"
    try:
        entries = list(islice(given.items(), MAX_VALUES + 1))
        mistake = next(filter(None, (_fault_of(name, value, fault) for name, value in entries)), None)
    except Exception as error:  # a mapping of the user's own
        return {}, f"it raises a {type(error).__name__}: give a dict of str to str"
    if mistake is not None:
        return {}, mistake
    lower = fault is fault_of_header
    values: dict[str, str] = {name.lower() if lower else name: value for name, value in entries}
    if len(values) < len(entries) or len(values) > MAX_VALUES:
        return {}, f"it has a name twice, or more than {MAX_VALUES} names"
    return values, None


def _fault_of(name: object, value: object, fault: Fault) -> str | None:
    if not isinstance(name, str):
        return f"a name is a {type(name).__name__}: give a dict of str to str"
    if not isinstance(value, str):
        return f"the value of {name!r:.60} is a {type(value).__name__}: give a str"
    if len(value) > MAX_LENGTH:
        return f"the value of {name!r:.60} is longer than {MAX_LENGTH} characters"
    return fault(name, value)
