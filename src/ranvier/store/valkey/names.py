"""The names of keys on the server.

    ranvier:1:circuit:{ours/openai/gpt-5}          a shared circuit; its counts end in :now and :past
    ranvier:1:tenant:3f...e1:openai                a tenant's circuit, if it is open somewhere or isolated
    ranvier:1:gate:...                             the gate of a shared key, if it is closed
    ranvier:1:spent:money-60000:29000000:3f...e1   what workers hold of a tenant's spend limit, in a window
    ranvier:1:worker:..., ranvier:1:sums:...       a worker, and its counters
    ranvier:1:workers, :sums, :troubles, :epoch    live workers, all counters, changes, the epoch of the data
    ranvier:1:changes                              the channel of the pushes

All keys of one circuit have the same hash tag, in braces. The scripts build the keys from the root.
"""

from __future__ import annotations

from urllib.parse import quote, unquote

from ranvier.store.commands.circuits import CircuitKey
from ranvier.store.commands.tenants import TenantKey
from ranvier.store.commands.workers import Trouble

PROTOCOL = 1
"""The version of the keys' format; versions of ranvier with different protocols share nothing."""

SAFE = " !$&'()*+,-.:;=@_~"
"""Characters that are not escaped in the names of providers and models, beside letters and digits."""


def root_of(prefix: str) -> str:
    """The beginning of all keys, and of the channel's name."""
    return f"{prefix}:{PROTOCOL}"


def name_of_circuit(key: CircuitKey) -> str:
    """`ours/openai/gpt-5`, or without a model for the whole endpoint."""
    whose = "theirs" if key.tenants_keys else "ours"
    parts = (key.provider,) if key.model is None else (key.provider, key.model)
    return "/".join((whose, *(quote(each, SAFE, errors="surrogatepass") for each in parts)))


def circuit_of_name(name: str) -> CircuitKey:
    """The inverse of `name_of_circuit`.

    Raises:
        ValueError: `name` has another format.
    """
    whose, provider, *model = (unquote(each, errors="surrogatepass") for each in name.split("/"))
    if whose not in ("ours", "theirs") or len(model) > 1:
        raise ValueError(f"not the name of a circuit: {name!r:.100}")
    return CircuitKey(provider, model[0] if model else None, whose == "theirs")


def name_of_trouble(which: Trouble) -> str:
    """What it is called in the list of troubles: its kind, and its name."""
    if isinstance(which, CircuitKey):
        return f"c:{name_of_circuit(which)}"
    return f"t:{name_of_tenant(which)}" if isinstance(which, TenantKey) else f"g:{which}"


def name_of_tenant(key: TenantKey) -> str:
    """The digest of the tenant and the rest of its circuit's key."""
    return f"{key.tenant}:{key.circuit}"


def tenant_of_name(name: str) -> TenantKey:
    """The inverse of `name_of_tenant`."""
    tenant, _, circuit = name.partition(":")
    return TenantKey(tenant, circuit)
