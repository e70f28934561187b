"""What a `ValkeyStore` is made of, and what it makes of names."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier.errors.configuration import ConfigurationError
from ranvier.store import ValkeyStore
from ranvier.store.commands.circuits import CircuitKey
from ranvier.store.commands.tenants import TenantKey
from ranvier.store.engine import limits
from ranvier.store.valkey import scripts
from ranvier.store.valkey.commands import HOW
from ranvier.store.valkey.names import circuit_of_name, name_of_circuit, name_of_tenant, tenant_of_name

pytest.importorskip("valkey")

URL = "valkey://me:pass-word@localhost:6379/0?client_name=pass-word"


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("localhost:6379", "give a URL such as 'valkey://localhost:6379/0'"),
        ("http://:pass-word@localhost", "give a URL such as"),
        (None, "give a URL such as"),
        ("valkey+sentinel://:pass-word@localhost:26379/mymaster", "name a single server"),
        ("rediss+cluster://localhost", "name a single server"),
        ("valkey://:pass-word@one:6379,two:6379/0", "name a single server"),
        ("valkey://:pass-word@localhost:port/0", "Port"),
        ("valkey://localhost/0?socket_timeout=soon", "socket_timeout"),
        ("valkey://localhost/0?ssl_ca_certs=pass-word.pem", "ssl_ca_certs is no option"),
        ("valkeys://localhost/0?ssl_ca_cert=pass-word.pem", "ssl_ca_cert is no option"),
        ("valkeys://localhost/0?ssl_ca_certs=/nowhere/ca.pem", "an option of it is wrong"),
        ("valkeys://localhost/0?ssl_cert_reqs=some", "an option of it is wrong"),
        ("valkey://localhost/0?retry=7", "an option of it is wrong"),
        ("me:pass-word@localhost:6379", "give a URL such as"),
        ("valkey://me:1/pass-word@localhost", "write / as %2F"),
        ("valkey://me:pass-word/x@localhost", "write / as %2F"),
        ("valkey://me:pass-word?x@localhost", "write / as %2F"),
        ("valkey://me:pass-word#x@localhost", "write / as %2F"),
        ("valkey://me:pass-word\u2100@localhost", "write / as %2F"),
        ("valkey://me:x@y?pass-word@localhost:nowhere", "write / as %2F"),
        ("valkey://me:pass-\nword@localhost", "remove the line breaks"),
        ("valkey://me:pass-word@localhost:6379\n", "remove the line breaks"),
        ("unix://me:pass-\nword@/tmp/x", "remove the line breaks"),
    ],
)
def test_a_url_that_is_none_of_a_server_is_rejected(url: Any, remedy: str) -> None:
    """When the store is made, without the password in the error."""
    with pytest.raises(ConfigurationError, match=remedy) as caught:
        ValkeyStore(url)
    assert "pass-" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("scheme", ["valkey", "valkeys", "redis", "rediss"])
def test_the_schemes_of_both_servers_are_known(scheme: str) -> None:
    """`s` for TLS; the password is not shown."""
    store = ValkeyStore(URL.replace("valkey:", f"{scheme}:"), prefix="mine")
    assert repr(store) == f"ValkeyStore('{scheme}://localhost:6379/0', prefix='mine')"


@pytest.mark.parametrize("prefix", ["", "a{b}", "a b", "a*", 7, "x" * 65])
def test_a_prefix_that_spoils_keys_is_rejected(prefix: Any) -> None:
    """Braces would be another hash tag, and an asterisk a pattern of ACLs."""
    with pytest.raises(ConfigurationError, match=r"ValkeyStore\(prefix"):
        ValkeyStore(URL, prefix=prefix)


@pytest.mark.parametrize("secret", ["", b"", 7])
def test_a_secret_that_is_none_is_rejected(secret: Any) -> None:
    """An empty one is a mistake in the environment."""
    with pytest.raises(ConfigurationError, match=r"ValkeyStore\(secret\)"):
        ValkeyStore(URL, secret=secret)


def test_valkey_py_is_asked_for_when_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""
    monkeypatch.setitem(sys.modules, "valkey.asyncio.connection", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'ranvier\[valkey\]'"):
        ValkeyStore(URL)


def test_digests_depend_on_the_secret_alone() -> None:
    """In all workers the same; of any name, and any secret."""
    secrets = None, "a", "b" * 100, b"a", os.fsdecode(b"\xff")
    digests = {ValkeyStore(URL, secret=secret).digest("tenant") for secret in secrets}
    assert len(digests) == 4
    for digest in digests:
        assert len(digest) == 32
        int(digest, 16)
    assert ValkeyStore(URL).digest("\ud800") == ValkeyStore("unix:///tmp/x").digest("\ud800")


@given(st.text(st.characters()), st.none() | st.text(st.characters()), st.booleans())
def test_a_circuit_is_found_by_its_name(provider: str, model: str | None, tenants_keys: bool) -> None:
    """Whatever characters there are, lone surrogates included; none is a brace or a slash too many."""
    key = CircuitKey(provider, model, tenants_keys)
    name = name_of_circuit(key)
    assert circuit_of_name(name) == key
    assert not set("{}\n") & set(name)


@given(st.text("0123456789abcdef"), st.text(st.characters()))
def test_a_tenants_circuit_is_found_by_its_name(tenant: str, circuit: str) -> None:
    """Its key may be any text."""
    assert tenant_of_name(name_of_tenant(TenantKey(tenant, circuit))) == TenantKey(tenant, circuit)


def test_every_command_has_its_script_and_no_script_is_left_over() -> None:
    """Each names the parts that it needs, and no file is long."""
    used = {script for script, _ in HOW.values()} | {"hello"}
    assert set(scripts.names()) == used
    for name in used:
        text = scripts.load(name).text.decode()
        assert f"local HALF = {limits.HALF}" in text
    folder = Path(scripts.__file__).parent
    assert max(len(file.read_text().splitlines()) for file in folder.glob("*.lua")) <= 80
