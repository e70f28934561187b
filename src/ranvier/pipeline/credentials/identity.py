"""The account, server and target of a call: the keys of circuits, gates and limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call


def account(call: Call) -> int:
    """The hash of the key of `call`, or of its tenant's access with that.

    Python's hash of a string is keyed by a secret of the process, cached in the string and 64 bits long:
    it distinguishes keys, costs nothing, and cannot be reversed.
    """
    return hash(call.access or call.credential)


def server(call: Call) -> str:
    """The provider's name; for a tenant's own endpoint with its name: `openai@llm.acme.example-1f2e3d4c`."""
    name, access = call.deployment.provider.name, call.access
    return name if access is None or access.endpoint is None else f"{name}@{access.endpoint}"


def target(call: Call) -> str:
    """The target; at a tenant's own endpoint with its name: `openai@llm.acme.example-1f2e3d4c/gpt-5.2`."""
    access = call.access
    if access is None or access.endpoint is None:
        return call.deployment.target
    return f"{server(call)}/{call.deployment.model}"


def provider_in(name: str) -> str:
    """The provider's name in that of a server or a target: metrics must not have a label per endpoint."""
    return name.partition("/")[0].partition("@")[0]
