"""The TLS context of our own clients, which decides the servers to trust."""

from __future__ import annotations

import ssl
from typing import Any

import httpx

from ranvier.errors.configuration import ConfigurationError


class _Untouched(ssl.SSLContext):
    """A wrapper of the user's context: an engine sets its options here instead of there."""

    users: ssl.SSLContext

    def wrap_bio(self, *given: Any, **named: Any) -> ssl.SSLObject:
        """Begin a TLS connection with the user's context; every loop and engine begins them here."""
        return self.users.wrap_bio(*given, **named)


def context_of(users: ssl.SSLContext | None) -> ssl.SSLContext:
    """The context for a client of our own.

    Args:
        users: The user's context, which is used and never modified; `None` makes one that trusts what httpx
            trusts, by the environment.
    """
    if users is None:
        return httpx.create_ssl_context()
    context = _Untouched(ssl.PROTOCOL_TLS_CLIENT)
    context.users = users
    return context


def check_context(context: object) -> None:
    """Check that `context` can be used to connect to a server over TLS.

    Raises:
        ConfigurationError: it is not an `ssl.SSLContext`, or it is one for servers.
    """
    if not isinstance(context, ssl.SSLContext):
        raise ConfigurationError(
            f"ssl_context={context!r:.80}: give an ssl.SSLContext, "
            'such as ssl.create_default_context(cafile="company.pem")'
        )
    if context.protocol is ssl.PROTOCOL_TLS_SERVER:
        raise ConfigurationError(
            "ssl_context is for servers: give one for clients, such as ssl.create_default_context()"
        )
