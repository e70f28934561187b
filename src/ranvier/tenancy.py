"""The tenant on whose behalf a call is made.

The tenant is a context variable: it applies to the code inside `with tenant("acme")` and to tasks
started there, and nowhere else. A pipeline reads it once, when `complete()` or `stream()` is called.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from ranvier import validation
from ranvier.scoped import Scoped

DEFAULT_TENANT = "default"
"""The tenant of calls that name none."""

_current: Scoped[str] = Scoped("ranvier.tenant")


current_tenant: Callable[[], str | None] = _current.get
"""The tenant set by the innermost `with tenant(...)`, or `None`."""


@contextmanager
def acting_for(name: str | None) -> Iterator[None]:
    """Like `with tenant(name)`, for a name that was validated before; `None` sets no tenant.

    For servers. Applications use `tenant`, which rejects `None`, so that a tenant is not omitted by mistake.
    """
    block = object()
    _current.enter(block, name)
    try:
        yield
    finally:
        _current.leave(block)


def act_for(name: str | None) -> None:
    """Set the tenant of the running context to `name`, from here on; `None` sets no tenant."""
    _current.put(name)


class tenant:  # noqa: N801  # because: it is used as a word: `with tenant("acme"):`
    """Make every call of the enclosed block on behalf of `name`.

    The object may be a constant, entered by many tasks at once and nested in itself. In an async generator
    a block around a `yield` also applies to the code that reads the generator: pass `tenant=` to the calls
    there instead.

    Args:
        name: 1 to 256 printable characters. Untrusted input is safe: it is a key, never a path or a header.

    Raises:
        ConfigurationError: `name` is empty, too long, or holds control characters.
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = validation.identifier("tenant", name)

    def __enter__(self) -> str:
        _current.enter(self, self.name)
        return self.name

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _current.leave(self)

    def __repr__(self) -> str:
        return f"tenant({self.name!r})"


def digest_of(name: str) -> str:
    """Twelve characters that distinguish tenants, the same in every process."""
    return hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:12]
