"""`headers=` and `params=`: what a user adds to each request, and what may go wrong with it."""

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from ranvier.errors import AuthenticationError, ConfigurationError, CredentialLookupError, ProviderError
from ranvier.pipeline.call import Call
from ranvier.providers import Anthropic, Gemini, Ollama, OpenAI
from ranvier.providers._http.port import HttpReply, HttpRequest
from ranvier.providers._wire.preparation import Preparation
from support.providers.secrets import KEY, SECRET_SCRIPTS, shown

ANSWER = {"choices": [{"message": {"content": "Hello."}, "finish_reason": "stop"}]}
EVENTS = b'data: {"choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


def answer(request: httpx.Request) -> httpx.Response:
    """A whole answer, or a streamed one."""
    if json.loads(request.content).get("stream"):
        return httpx.Response(200, content=EVENTS, headers={"content-type": "text/event-stream"})
    return httpx.Response(200, json=ANSWER)


async def of_the_call(call: Call) -> Mapping[str, str]:
    """Values that depend on the tenant, after a while."""
    await asyncio.sleep(0)
    return {"X-Team": call.tenant}


# --- what is sent --------------------------------------------------------------------------------


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("given", [{"X-Team": "acme"}, lambda call: {"X-Team": call.tenant}, of_the_call])
async def test_headers_and_parameters_are_added_to_each_request(ask: Any, given: Any, streamed: bool) -> None:
    """They are a dict, or what a plain or async function of the call returns."""
    async with ask(OpenAI, answer, api="chat", headers=given, params=given) as asked:
        for _ in range(2):
            await (asked.stream() if streamed else asked.complete())
    for request in asked.requests:
        assert request.headers["x-team"] == "acme"
        assert request.headers["authorization"] == "Bearer secret-key"
        assert request.url.path == "/v1/chat/completions"
        assert [value for _, value in request.url.params.multi_items()] == ["acme"]


async def test_a_function_may_add_nothing(ask: Any) -> None:
    """`None` and an empty dict leave the request as it is."""
    async with ask(OpenAI, answer, api="chat", headers=lambda call: None, params=lambda call: {}) as asked:
        assert (await asked.complete()).text == "Hello."
    assert str(asked.requests[0].url).endswith("/chat/completions")


async def test_a_header_replaces_ours_also_that_with_the_key(ask: Any) -> None:
    """In any case, and then no key is needed."""
    async with ask(OpenAI, answer, api="chat", headers={"Authorization": "Basic abc"}) as asked:
        assert not asked.provider.needs_credential
        await asked.complete(key=None)
        await asked.complete()
    assert [each.headers.get_list("authorization") for each in asked.requests] == [["Basic abc"]] * 2


async def test_the_parameters_of_the_request_stay(ask: Any) -> None:
    """Without `alt=sse` Gemini would not stream events."""
    async with ask(Gemini, httpx.Response(200), params={"alt": "json", "a b": "ü&1"}) as asked:
        with pytest.raises(ProviderError):
            await asked.stream()
    assert asked.requests[0].url.query == b"alt=sse&a%20b=%C3%BC%261"


async def test_a_fixed_request_has_them_once(ask: Any) -> None:
    """The function is asked again for the request that is sent instead of a rejected one."""
    asked_for: list[Call] = []

    def server(request: httpx.Request) -> httpx.Response:
        if "temperature" in json.loads(request.content):
            message = "Unsupported parameter: 'temperature' is not supported with this model."
            return httpx.Response(400, json={"error": {"message": message, "param": "temperature"}})
        return answer(request)

    def params(call: Call) -> Mapping[str, str]:
        asked_for.append(call)
        return {"turn": str(len(asked_for))}

    async with ask(OpenAI, server, base_url="http://gpu/v1", name="gpu", params=params) as asked:
        await asked.complete(options={"temperature": 0.5})
    assert [request.url.query for request in asked.requests] == [b"turn=1", b"turn=2"]


# --- what cannot be sent -------------------------------------------------------------------------

BAD: list[tuple[str, Any, str]] = [
    ("headers", {"Host": KEY}, "'Host' belongs to the connection or the body: leave it out"),
    ("headers", {"content-LENGTH": KEY}, "belongs to the connection"),
    ("headers", {"transfer-encoding": KEY}, "belongs to the connection"),
    ("headers", {"x y": KEY}, "'x y' is no name of a header"),
    ("headers", {"": KEY}, "'' is no name of a header"),
    (
        "headers",
        {"x": f"{KEY}\r\nhost: evil"},
        "the value of 'x' has invalid characters: look for line breaks",
    ),
    ("headers", {"x": f" {KEY}"}, "spaces around it"),
    ("headers", {"x": f"{KEY}é"}, "accents"),
    ("headers", {"x": KEY.encode()}, "the value of 'x' is a bytes: give a str"),
    ("headers", {"x": KEY * 1000}, "longer than 16384 characters"),
    ("headers", {1: KEY}, "a name is a int: give a dict of str to str"),
    ("headers", [("x", KEY)], "it is a list: give a dict of str to str"),
    ("headers", {"x": KEY, "X": KEY}, "a name twice"),
    ("params", {f"n{each}": KEY for each in range(101)}, "more than 100 names"),
    ("params", {"x": f"{KEY}\n"}, "the value of 'x' has invalid characters"),
    ("params", {"x\n": KEY}, r"'x\\n' is no name of a parameter"),
    ("params", KEY, "it is a str"),
]


@pytest.mark.parametrize(("where", "given", "words"), BAD)
def test_what_cannot_be_sent_is_refused_when_the_provider_is_made(where: str, given: Any, words: str) -> None:
    """With the name and the remedy, and without the value."""
    with pytest.raises(ConfigurationError, match=f"^{where}: .*{words}") as caught:
        OpenAI(**{where: given})
    assert KEY not in "\n".join(shown(caught.value))


@pytest.mark.parametrize(("where", "given", "words"), BAD)
async def test_a_function_that_returns_what_cannot_be_sent_is_named(
    ask: Any, where: str, given: Any, words: str
) -> None:
    """Nothing is sent, and the next target may answer."""
    async with ask(Ollama, answer, **{where: lambda call: given}) as asked:
        with pytest.raises(CredentialLookupError, match=f"{where}= of ollama returned.*{words}") as caught:
            await asked.complete()
    assert caught.value.fails_over
    assert not asked.requests
    assert KEY not in "\n".join(shown(caught.value))


class Odd(Mapping[str, str]):
    """A mapping that fails."""

    def __getitem__(self, name: str) -> str:
        raise KeyError(KEY)

    def __iter__(self) -> Any:
        raise KeyError(KEY)

    def __len__(self) -> int:
        return 1


async def test_a_mapping_that_fails_is_named(ask: Any) -> None:
    """Also one that a function returns."""
    with pytest.raises(ConfigurationError, match="it raises a KeyError"):
        OpenAI(headers=Odd())
    async with ask(Ollama, answer, headers=lambda call: Odd()) as asked:
        with pytest.raises(CredentialLookupError, match="it raises a KeyError"):
            await asked.complete()


def _raises(call: Call) -> Any:
    raise LookupError("no team")


def _cancels(call: Call) -> Any:
    raise asyncio.CancelledError


async def _raises_later(call: Call) -> Any:
    await asyncio.sleep(0)
    raise LookupError("no team")


async def _cancels_later(call: Call) -> Any:
    await asyncio.sleep(0)
    raise asyncio.CancelledError


@pytest.mark.parametrize("function", [_raises, _cancels, _raises_later, _cancels_later])
async def test_a_function_that_fails_is_named(ask: Any, function: Any) -> None:
    """Its error is the cause."""
    async with ask(Ollama, answer, headers=function) as asked:
        with pytest.raises(CredentialLookupError, match="the function headers= of ollama failed") as caught:
            await asked.complete()
    assert type(caught.value.__cause__) in (LookupError, asyncio.CancelledError)


async def test_a_program_that_ends_ends(ask: Any) -> None:
    """`SystemExit` is not an error of the function."""

    def function(call: Call) -> Any:
        raise SystemExit(3)

    async with ask(Ollama, answer, headers=function) as asked:
        with pytest.raises(SystemExit):
            await asked.complete()


@pytest.mark.virtual_time
async def test_a_function_that_hangs_ends_after_a_while(ask: Any) -> None:
    """Without any limit of the pipeline too."""
    async with ask(Ollama, answer, headers=lambda call: asyncio.Event().wait()) as asked:
        began = asyncio.get_running_loop().time()
        with pytest.raises(CredentialLookupError, match="failed: TimeoutError"):
            await asked.complete()
    assert asyncio.get_running_loop().time() - began == pytest.approx(30)


async def test_a_cancelled_call_stops_the_function_and_not_a_task_of_the_users(ask: Any) -> None:
    """Others may wait for the same task."""
    task = asyncio.ensure_future(asyncio.sleep(0.05, {"x-team": "acme"}))
    async with ask(Ollama, answer, headers=lambda call: task) as asked:
        call = asyncio.create_task(asked.complete())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await task == {"x-team": "acme"}
    assert not asked.requests


# --- secrets -------------------------------------------------------------------------------------


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("where", ["headers", "params", "a function"])
@pytest.mark.parametrize("name", SECRET_SCRIPTS)
async def test_no_error_shows_a_value(
    loopback: Any, over: Any, name: str, where: str, streamed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither an error nor its causes nor any local of their tracebacks, nor any log, at any level."""
    caplog.set_level(logging.DEBUG)
    given = {"x-custom": f"Token {KEY}"}
    parameter = "params" if where == "params" else "headers"
    arguments = {parameter: (lambda call: given) if where == "a function" else given}
    async with (
        loopback(SECRET_SCRIPTS[name]) as server,
        over(OpenAI, server, api_key="sk-of-another-kind", **arguments) as asked,
    ):
        with pytest.raises(ProviderError) as caught:
            await (asked.stream(key="key-7") if streamed else asked.complete(key="key-7"))
    assert KEY in str(server.visits[0].head)
    assert KEY not in "\n".join(shown(caught.value))
    assert KEY not in caplog.text
    assert KEY not in repr(asked.provider) + repr(asked.provider.preparations)


async def test_a_server_that_is_not_there_shows_no_parameter(over: Any, loopback: Any) -> None:
    """The URL of the error has no query."""
    async with loopback(lambda visit: visit.answer("{}")) as server:
        pass
    async with over(OpenAI, server, params={"token": KEY}) as asked:
        with pytest.raises(ProviderError) as caught:
            await asked.complete()
    assert KEY not in "\n".join(shown(caught.value))


async def test_short_and_public_values_are_no_secrets(ask: Any) -> None:
    """Errors may show a version, and a number that is everywhere."""
    reply = httpx.Response(400, json={"error": {"message": "version 2025-01-01-preview of 1 is old"}})
    given = {"api-version": "2025-01-01-preview", "shard": "1"}
    async with ask(Anthropic, reply, params=given) as asked:
        with pytest.raises(ProviderError, match="version 2025-01-01-preview of 1 is old"):
            await asked.complete()


# --- the steps before sending --------------------------------------------------------------------


class Token(Preparation):
    """Puts a token into the header, and gets another one after a 401."""

    def __init__(self) -> None:
        self.turn = 1

    async def prepared(self, call: Call, request: HttpRequest) -> HttpRequest:
        """The token."""
        return request.adding(headers={"authorization": f"Bearer token-{self.turn}"})

    async def renewed(self, call: Call, reply: HttpReply) -> bool:
        """Another token."""
        self.turn += 1
        return reply.status == 401


def _refusing(request: httpx.Request) -> httpx.Response:
    """Takes only the second token."""
    if request.headers["authorization"] == "Bearer token-2":
        return answer(request)
    return httpx.Response(401, json={"error": {"message": f"{request.headers['authorization']} has expired"}})


async def test_a_rejected_request_is_sent_once_more_if_a_step_has_something_newer(ask: Any) -> None:
    """Prepared again, within the same attempt."""
    async with ask(OpenAI, _refusing, api="chat") as asked:
        asked.provider.preparations = (Token(),)
        assert (await asked.complete()).text == "Hello."
    assert [each.headers["authorization"][-1] for each in asked.requests] == ["1", "2"]


async def test_a_step_is_asked_for_something_newer_only_once(ask: Any) -> None:
    """The second rejection is the error."""
    step = Token()
    step.turn = 2
    async with ask(OpenAI, _refusing, api="chat") as asked:
        asked.provider.preparations = (step,)
        step.turn = 5
        with pytest.raises(AuthenticationError) as caught:
            await asked.complete()
    assert len(asked.requests) == 2
    assert "token-6" not in str(caught.value)


async def test_a_step_that_fails_leaves_no_reply_open(loopback: Any, over: Any) -> None:
    """The connection of the rejected request is closed."""

    class Failing(Token):
        async def renewed(self, call: Call, reply: HttpReply) -> bool:
            raise LookupError("no token")

    async def script(visit: Any) -> None:
        await visit.answer("{}", status="401 No")
        await visit.gone()

    async with loopback(script) as server, over(OpenAI, server) as asked:
        asked.provider.preparations = (Failing(),)
        with pytest.raises(LookupError):
            await asked.complete()
        client = asked.provider._connections.client(asked.pipeline)
        assert not client.in_flight
