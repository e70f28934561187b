"""Which servers are trusted: the TLS context of the clients that are ours."""

from __future__ import annotations

import ssl
from typing import Any

import httpx

from ranvier.errors.configuration import ConfigurationError


class _Untouched(ssl.SSLContext):
    """A context of the user's: an engine that sets an option of it sets one of this."""

    users: ssl.SSLContext

    def wrap_bio(self, *given: Any, **named: Any) -> ssl.SSLObject:
        """One connection, which all loops and engines of ours begin here, as the user's context has it."""
        return self.users.wrap_bio(*given, **named)


def context_of(users: ssl.SSLContext | None) -> ssl.SSLContext:
    """The context for one client of ours.

    Args:
        users: The user's, which is used and never changed; `None` is a new one that trusts whom httpx
            trusts, by the environment.
    """
    if users is None:
        return httpx.create_ssl_context()
    context = _Untouched(ssl.PROTOCOL_TLS_CLIENT)
    context.users = users
    return context


def check_context(context: object) -> None:
    """Refuse what connects to no server over TLS.

    Raises:
        ConfigurationError: it is no context, or that of a server.
    """
    if not isinstance(context, ssl.SSLContext):
        raise ConfigurationError(
            f"ssl_context={context!r:.80}: give an ssl.SSLContext, "
            'such as ssl.create_default_context(cafile="company.pem")'
        )
    if context.protocol is ssl.PROTOCOL_TLS_SERVER:
        raise ConfigurationError(
            "ssl_context is one for servers: give one for clients, such as ssl.create_default_context()"
        )
