"""Keys of tenants: from plain and async resolvers, with settings, several at once, ours, or none."""

from collections.abc import Sequence

import pytest

from ranvier import SHARED, CredentialMissingError, Credentials, Pipeline, resilient
from ranvier.layers import Fallback
from ranvier.providers import OpenAI
from ranvier.testing import ScriptedProvider

VAULT = {("acme", "anthropic"): "sk-acme"}


async def from_vault(tenant: str, provider: str) -> str | None:
    return VAULT.get((tenant, provider))


def plainly(tenant: str, provider: str) -> str | None:
    return VAULT.get((tenant, provider))


def several(tenant: str, provider: str) -> Sequence[str]:
    return ["sk-first", "sk-second"]


async def ours_on_trial(tenant: str, provider: str):  # type: ignore[no-untyped-def]  # because: many leave it so
    return SHARED if tenant == "trial" else await from_vault(tenant, provider)


class Vault:
    """An object that can be called, with methods that are resolvers too."""

    def __init__(self, keys: dict[str, str]) -> None:
        self.keys = keys

    async def __call__(self, tenant: str, provider: str) -> str | None:
        return self.keys.get(tenant)

    async def find(self, tenant: str, provider: str) -> str | None:
        return self.keys.get(tenant)


async def test_each_tenant_is_asked_with_its_key() -> None:
    """Whatever kind of function knows it."""
    vault = Vault({"acme": "sk-acme"})
    for resolver in (from_vault, plainly, vault, vault.find, lambda tenant, provider: "sk-acme"):
        provider = ScriptedProvider("anthropic")
        pipeline = Pipeline(Fallback(provider), credentials=resolver)
        await pipeline.complete("Hi", tenant="acme")
        assert provider.calls[0].credential == "sk-acme"


async def test_a_tenant_without_a_key_is_skipped() -> None:
    """With settings of its own, several keys, and ours."""
    keys = Credentials(from_vault, ttl=30)
    with pytest.raises(CredentialMissingError):
        await resilient(OpenAI(), credentials=keys).complete("Hi", tenant="nobody")
    keys.forget("acme", "anthropic")
    for resolver in (several, ours_on_trial):
        pipeline = resilient(ScriptedProvider("anthropic"), credentials=resolver)
        await pipeline.complete("Hi", tenant="trial")
