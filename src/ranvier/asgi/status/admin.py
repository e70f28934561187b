"""Commands by which operators with the token reset and isolate circuits."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from typing import Any

from ranvier import validation
from ranvier.asgi.exchange import Receive, Reply, Scope, header, read_body
from ranvier.asgi.status.report import Report
from ranvier.errors.configuration import ConfigurationError
from ranvier.pipeline.pipeline import Pipeline

MAX_BYTES = 4096
"""The longest body of a command, in bytes."""

MIN_TOKEN = 16
"""The shortest token, in characters, so that it cannot be guessed."""

MAX_NAME = 300
"""The longest name of a provider, or further part of a circuit's key, in characters."""

READ_ONLY = Reply.error(403, "read_only", "This page is read-only: status_app has no token.")
WRONG_TOKEN = Reply.error(
    401, "wrong_token", "Send the token: Authorization: Bearer ...", www_authenticate="Bearer"
)
TOO_LONG = Reply.error(413, "too_long", f"A command has at most {MAX_BYTES} bytes.")


@dataclass(frozen=True, slots=True)
class Command:
    """An action on one circuit; `process` restricts it to the process with that id."""

    action: str
    tenant: str
    provider: str
    more: tuple[str, ...]
    process: str | None


class Admin:
    """Serves commands.

    Attributes:
        allowed: Whether a token is configured.
    """

    def __init__(self, pipeline: Pipeline, report: Report, token: str | None) -> None:
        if token is not None and not (isinstance(token, str) and re.fullmatch(r"[!-~]{16,}", token)):
            raise ConfigurationError(
                f"token: use at least {MIN_TOKEN} printable ASCII characters without spaces, "
                "such as those of secrets.token_urlsafe()"
            )
        self.allowed = token is not None
        self._digest = None if token is None else _digest(token)
        self._pipeline = pipeline
        self._report = report

    async def serve(self, action: str, scope: Scope, receive: Receive) -> Reply:
        """Execute a command, or return an error."""
        if self._digest is None:
            return READ_ONLY
        scheme, _, token = (header(scope, "authorization") or "").partition(" ")
        if not hmac.compare_digest(_digest(token.strip()), self._digest) or scheme.lower() != "bearer":
            return WRONG_TOKEN
        body = await read_body(receive, max_bytes=MAX_BYTES)
        if body is None:
            return TOO_LONG
        try:
            command = _parsed(action, body)
        except ValueError as error:
            return Reply.error(400, "bad_command", str(error))
        return await self._execute(command)

    async def _execute(self, command: Command) -> Reply:
        viewer = self._report.viewer
        if viewer is None:
            return Reply.error(409, "no_circuits", "This pipeline has no breaker.")
        service = self._report.service
        if command.process not in (None, self._report.process) and not service.exists:
            return Reply.error(409, "another_process", "Another process has answered; try again.")
        if self._pipeline.lifecycle.state == "open" and self._pipeline.loop is not asyncio.get_running_loop():
            return Reply.error(409, "another_loop", "Serve this page on the event loop of its pipeline.")
        key = await viewer.find(command.tenant, command.provider, command.more)
        elsewhere = command.action == "isolate" or service.exists
        if key is None and not (elsewhere and self._may_exist(command)):
            return Reply.error(404, "no_such_circuit", "There is no circuit for this tenant and provider.")
        key = _key(command) if key is None else key
        try:
            await getattr(self._pipeline.circuits, command.action)(key)
        except ConfigurationError as error:  # isolated before its first call, and the registry is full
            return Reply.error(409, "registry_full", str(error))
        viewer.forget()
        service.forget()
        state = self._pipeline.circuits.state(key)
        return Reply.json({"state": state, "process": self._report.process})

    def _may_exist(self, command: Command) -> bool:
        """True if calls can use the circuit: isolating a misspelled provider must fail, not seem to work."""
        known = {
            name
            for layer in self._pipeline.layers
            for target in layer.deployments()
            for name in (target.provider.name, target.target)
        }
        return bool(command.tenant) and command.provider in known and not self._report.names.hashed


def _digest(token: str) -> bytes:
    """The SHA-256 of a token: all digests are equally long, so comparing them leaks no length."""
    return hashlib.sha256(token.encode(errors="replace")).digest()


def _key(command: Command) -> tuple[str, ...]:
    return command.tenant, command.provider, *command.more


def _tenant(fields: dict[str, Any]) -> str:
    """The tenant of a command; empty if it is `null`, for a circuit whose key has no tenant."""
    tenant = fields.get("tenant", "")
    return "" if tenant is None else validation.identifier("tenant", tenant)


def _parsed(action: str, body: bytes) -> Command:
    """The command in a body.

    Raises:
        ValueError: the body is invalid; the message says what to send.
    """
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError('Send JSON: {"tenant": "acme", "provider": "openai"}') from None
    if not isinstance(fields, dict):
        raise ValueError('Send an object: {"tenant": "acme", "provider": "openai"}')
    more, process = fields.get("more", []), fields.get("process")
    if not isinstance(more, list) or len(more) > 4:
        raise ValueError("more: send a list of at most 4 strings")
    return Command(
        action,
        _tenant(fields),
        validation.identifier("provider", fields.get("provider"), longest=MAX_NAME),
        tuple(validation.identifier("more", each, longest=MAX_NAME) for each in more),
        None if process is None else validation.identifier("process", process),
    )
