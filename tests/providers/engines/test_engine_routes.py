"""The proxies of the environment, and whom every engine believes over TLS."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ranvier.errors import ConnectionFailedError
from ranvier.providers._http import proxies
from ranvier.providers._http.port import HttpClient
from support.engines.engine_servers import Authority, bare
from support.engines.five import FIVE, KEY, OURS, answered, opened, request
from support.providers.asking import Loopback, Visit, listening

PASSWORD = "p/w:word"
KNOWN = base64.b64encode(f"us@er:{PASSWORD}".encode()).decode()


class Proxy:
    """Forwards nothing that it was not asked for in the words of proxies.

    Attributes:
        url: Where it is, with the user and the password that it wants.
        heads: The first lines and headers of all requests.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://us%40er:p%2Fw%3Aword@127.0.0.1:{port}"
        self.heads: list[str] = []


async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Bytes, to their end."""
    try:
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


@asynccontextmanager
async def proxying(refuses: bool = False) -> AsyncIterator[Proxy]:
    """A proxy for HTTP by absolute addresses, and for everything by tunnels."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        proxy.heads.append(head)
        verb, target, _ = head.split(" ", 2)
        if refuses:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
            return
        host, port = target.removeprefix("http://").split("/")[0].split(":")
        there, onward = await asyncio.open_connection(host, int(port))
        if verb == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            onward.write(head.encode())
        await asyncio.gather(forward(reader, onward), forward(there, writer))

    async with bare(handler) as port:
        proxy = Proxy(port)
        yield proxy


async def hello(visit: Visit) -> None:
    """A whole answer."""
    await visit.answer("{}")


def over_tls(authority: Authority, name: str = "127.0.0.1") -> AbstractAsyncContextManager[Loopback]:
    """A server that proves to be `name`."""
    return listening(Loopback(hello), authority.proves(name))


@pytest.fixture(scope="module")
def authority() -> Authority:
    """The test's own."""
    return Authority()


@asynccontextmanager
async def trusting(
    kind: str, authority: Authority, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> AsyncIterator[HttpClient]:
    """An engine that believes the authority: ours by the environment, the user's by what the user gave."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.written_to(folder / "authority.pem")))
    async with opened(kind, None if kind in OURS else authority.trusted()) as client:
        yield client


# --- proxies -------------------------------------------------------------------------------------


@pytest.mark.once
@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
async def test_a_proxy_is_asked_for_the_whole_address(
    loopback: Any, kind: str, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """By whoever names it, with its own password, on a connection that is used again."""
    async with loopback(hello) as server, proxying() as proxy:
        monkeypatch.setenv(variable, proxy.url)
        async with opened(kind) as client:
            for _ in range(2):
                assert await answered(client, request(f"{server.url}/a/b?c=d")) == (200, b"{}")
        assert server.accepted == 1
    (head,) = proxy.heads
    assert head.startswith(f"POST {server.url}/a/b?c=d HTTP/1.1\r\n")
    assert f"proxy-authorization: basic {KNOWN}".lower() in head.lower()


@pytest.mark.once
@pytest.mark.parametrize(
    ("spared", "direct"),
    [
        ("127.0.0.1", True),
        ("*", True),
        ("example.com, 127.0.0.1", True),
        ("http://127.0.0.1", True),
        ("example.com", False),
        ("https://127.0.0.1", False),
        ("7.0.0.1", False),
    ],
)
async def test_whoever_is_spared_is_asked_directly(
    loopback: Any, kind: str, monkeypatch: pytest.MonkeyPatch, spared: str, direct: bool
) -> None:
    """`NO_PROXY` means the same to every engine; a session of aiohttp is asked by our rules too."""
    async with loopback(hello) as server, proxying() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", spared)
        async with opened(kind) as client:
            assert await answered(client, request(server.url)) == (200, b"{}")
    assert bool(proxy.heads) is not direct
    assert ("proxy-authorization" in server.visits[0].headers) is not direct


@pytest.mark.parametrize("spared", ["::1", "[::1]", "::1/128", "localhost, [::1]"])
def test_an_address_of_ipv6_may_be_in_brackets(monkeypatch: pytest.MonkeyPatch, spared: str) -> None:
    """Other programs read both from the same variable."""
    monkeypatch.setenv("https_proxy", "http://proxy.test")
    monkeypatch.setenv("no_proxy", spared)
    assert proxies.public_proxy_for("https://[::1]:8443/v1") is None
    assert proxies.public_proxy_for("https://[::2]:8443/v1") == "http://proxy.test"


@pytest.mark.parametrize("odd", ["a:b", "[::1", "\u00fc.\u00fc", "http://[", "x:99999999"])
def test_what_is_no_host_spares_nobody(monkeypatch: pytest.MonkeyPatch, odd: str) -> None:
    """And the rest of the list still counts."""
    monkeypatch.setenv("https_proxy", "http://proxy.test")
    monkeypatch.setenv("no_proxy", f"{odd}, spared.test")
    assert proxies.public_proxy_for("https://asked.test/v1") == "http://proxy.test"
    assert proxies.public_proxy_for("https://spared.test/v1") is None


async def test_what_goes_through_a_tunnel_is_not_for_the_proxy(
    kind: str, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The proxy gets its own password and no key, the server the key and no password of the proxy's."""
    async with over_tls(authority) as server, proxying() as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        async with trusting(kind, authority, monkeypatch, tmp_path) as client:
            for _ in range(2):
                assert await answered(client, request(server.url)) == (200, b"{}")
        assert server.accepted == 1
    (head,) = proxy.heads
    assert head.startswith(f"CONNECT {server.url.removeprefix('https://')} HTTP/1.1\r\n")
    assert f"proxy-authorization: basic {KNOWN}".lower() in head.lower()
    assert KEY not in head
    assert all("proxy-authorization" not in visit.headers for visit in server.visits)


async def test_a_proxy_that_refuses_is_a_failed_connection(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tunnel that it does not dig is none; for plain HTTP its refusal is the answer."""
    async with proxying(refuses=True) as proxy:
        monkeypatch.setenv("all_proxy", proxy.url)
        async with opened(kind) as client:
            with pytest.raises(ConnectionFailedError) as caught:
                await answered(client, request("https://127.0.0.1:9"))
            assert await answered(client, request("http://127.0.0.1:9")) == (407, b"")
    for secret in (KEY, PASSWORD, "p%2Fw", KNOWN):
        assert secret not in f"{caught.value!r} {caught.value.__cause__!r}"


async def test_a_proxy_that_is_gone_is_a_failed_connection(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told without its password."""
    async with proxying() as proxy:
        pass
    monkeypatch.setenv("all_proxy", proxy.url)
    async with opened(kind) as client:
        for address in ("http://127.0.0.1:9", "https://127.0.0.1:9"):
            with pytest.raises(ConnectionFailedError) as caught:
                await answered(client, request(address))
            for secret in (KEY, PASSWORD, "p%2Fw", KNOWN):
                assert secret not in f"{caught.value!r} {caught.value.__cause__!r}"


# --- TLS -----------------------------------------------------------------------------------------


async def test_who_is_proven_by_a_trusted_authority_is_asked(
    kind: str, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Ours find it in the environment."""
    async with over_tls(authority) as server, trusting(kind, authority, monkeypatch, tmp_path) as client:
        for _ in range(2):
            assert await answered(client, request(server.url)) == (200, b"{}")
        assert server.accepted == 1


async def test_who_is_proven_by_nobody_that_we_trust_is_sent_nothing(
    authority: Authority, client: HttpClient
) -> None:
    """Verification is on."""
    async with over_tls(authority) as server:
        with pytest.raises(ConnectionFailedError, match="certificate verify failed"):
            await answered(client, request(server.url))
        assert not server.visits


async def test_who_proves_to_be_somebody_else_is_sent_nothing(
    kind: str, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """So is the name."""
    async with (
        over_tls(authority, "api.example.com") as server,
        trusting(kind, authority, monkeypatch, tmp_path) as client,
    ):
        with pytest.raises(ConnectionFailedError, match=r"(?i)certificate.verify.failed"):
            await answered(client, request(server.url))
        assert not server.visits


@pytest.mark.parametrize("kind", FIVE)
async def test_a_server_that_closes_over_tls_is_not_asked_again(
    kind: str, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A connection that the server closes while it is idle is replaced, over TLS too."""
    async with over_tls(authority) as server, trusting(kind, authority, monkeypatch, tmp_path) as client:
        for _ in range(3):
            assert await answered(client, request(server.url)) == (200, b"{}")
            server.close()
            await server.settled()
            await asyncio.sleep(0.02)
        assert server.accepted == 3
