"""Opaque parts of an answer go back to their issuer only: the same wire, endpoint, account and model."""

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from ranvier.messages import CHAT_COMPLETIONS, Message, Native, Request, Text, ToolCall
from ranvier.messages.native import account_of
from ranvier.providers import OpenAI
from support.providers.asking import Chunks
from support.providers.conversations import MODELS
from support.providers.seven import APIS, body, collected

pytestmark = pytest.mark.virtual_time

NOTHING = httpx.Response(200, json={})
KEY = "sk-0123456789-0123456789-0123456789-abc"

OPAQUE = {
    "anthropic": "EoQD-signed",
    "gemini": "CusBc2lnbmVk",
    "openrouter": "EoQD-or",
    "responses": "gAAA-signed",
}
"""What of their answers nobody else can use."""

PLAIN = {
    "kimi": "I need the weather.",
    "glm": "I need the weather.",
    "ollama": "I need the weather.",
}
"""Reasoning in plain words, which another model or account of the same server may see."""

each_way = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
each_opaque = pytest.mark.parametrize("name", sorted(OPAQUE))
each_plain = pytest.mark.parametrize("name", sorted(PLAIN))


async def history(ask: Any, name: str, *, streamed: bool) -> tuple[Message, ...]:
    """A question, a call of a tool with a thought before it, and the result."""
    content = body(name, f"tools.{'stream' if streamed else 'json'}")
    async with ask(
        APIS[name], httpx.Response(200, stream=Chunks(content)), base_url="https://one.test"
    ) as server:
        if streamed:
            answer = collected(await server.stream(model=MODELS[name], key=KEY))
        else:
            answer = await server.complete(model=MODELS[name], key=KEY)
    (call,) = answer.tool_calls
    return (Message.user("Weather?"), answer.message, Message.tool(call.id, "Sunny", name="get_weather"))


async def sent(ask: Any, name: str, messages: tuple[Message, ...], **other: str) -> str:
    """What a target that differs from the issuer as given is sent."""
    url, model, key = (
        other.get(fact, own)
        for fact, own in (("endpoint", "https://one.test"), ("model", MODELS[name]), ("account", KEY))
    )
    async with ask(APIS[name], NOTHING, base_url=url) as server:
        return json.dumps(await server.sent(Request(messages), model=model, key=key), ensure_ascii=False)


OTHERS = [
    pytest.param({"endpoint": "https://two.test"}, id="endpoint"),
    pytest.param({"account": f"{KEY}-of-another"}, id="account"),
    pytest.param({"model": "another-model"}, id="model"),
]


@each_way
@each_opaque
async def test_the_issuer_gets_its_opaque_parts_back(ask: Any, name: str, streamed: bool) -> None:
    """The same wire, endpoint, account and model."""
    messages = await history(ask, name, streamed=streamed)
    assert OPAQUE[name] in await sent(ask, name, messages)


@pytest.mark.parametrize("other", OTHERS)
@each_way
@each_opaque
async def test_whoever_differs_in_one_fact_gets_none(
    ask: Any, name: str, streamed: bool, other: dict[str, str]
) -> None:
    """Another endpoint, account or model would refuse them; words, calls and results stay."""
    messages = await history(ask, name, streamed=streamed)
    request = await sent(ask, name, messages, **other)
    assert OPAQUE[name] not in request
    assert "Sunny" in request
    assert "get_weather" in request


@each_way
@each_plain
async def test_plain_reasoning_stays_with_its_endpoint(ask: Any, name: str, streamed: bool) -> None:
    """Another model or account of the same server sees it, and no other server does."""
    messages = await history(ask, name, streamed=streamed)
    assert PLAIN[name] in await sent(ask, name, messages)
    assert PLAIN[name] in await sent(ask, name, messages, model=f"{MODELS[name]}-turbo", account="other-key")
    assert PLAIN[name] not in await sent(ask, name, messages, endpoint="https://two.test")


@each_way
@pytest.mark.parametrize("name", sorted(OPAQUE | PLAIN))
async def test_a_part_says_who_issued_it_and_never_the_key(ask: Any, name: str, streamed: bool) -> None:
    """It carries the wire, the endpoint, a digest of the key, and the model."""
    messages = await history(ask, name, streamed=streamed)
    native = next(part for part in messages[1].parts if isinstance(part, Native))
    issuer = (native.provider, native.endpoint, native.account, native.model)
    assert issuer == (name, "https://one.test", account_of(KEY), MODELS[name])
    assert KEY not in repr(messages)
    assert KEY[3:] not in repr(messages)


@each_opaque
async def test_a_part_made_by_hand_goes_to_every_target_of_its_wire(ask: Any, name: str) -> None:
    """A fact that is unset matches anything."""
    messages = await history(ask, name, streamed=False)
    parts = tuple(
        Native(part.provider, part.data) if isinstance(part, Native) else part for part in messages[1].parts
    )
    by_hand = (messages[0], Message("assistant", parts), messages[2])
    for other in ({}, {"endpoint": "https://two.test"}, {"account": "another-key"}):
        assert OPAQUE[name] in await sent(ask, name, by_hand, **other)


def test_an_account_is_a_digest_that_stays_the_same() -> None:
    """Saved histories hold it: it tells keys apart, is the same in every process, and is short."""
    assert account_of("sk-a") == account_of("sk-a") == "55460c83e9c84f595e14dd97"
    assert account_of("sk-a") != account_of("sk-b")
    assert account_of(None) == ""
    assert account_of("sk-\udc80")


def test_who_issued_a_part_does_not_count_for_equality() -> None:
    """Two parts that say the same on the same wire are equal."""
    assert Native("openai", {"a": 1}, "https://one.test", "account", "model") == Native("openai", {"a": 1})


@each_way
async def test_what_belongs_to_one_call_goes_back_with_it(ask: Any, streamed: bool) -> None:
    """Google's compatible endpoint signs calls in `extra_content`, LiteLLM in `provider_specific_fields`."""
    calls = [
        {
            "index": index,
            "id": f"call_{index}",
            "type": "function",
            "function": {"name": "f", "arguments": "{}"},
            field: {"google": {"thought_signature": "SIG"}},
        }
        for index, field in enumerate(("extra_content", "provider_specific_fields"))
    ]
    choice = {"index": 0, "finish_reason": "tool_calls", "delta": {"tool_calls": calls}}
    whole = {"index": 0, "finish_reason": "tool_calls", "message": {"tool_calls": calls}}
    events = f"data: {json.dumps({'choices': [choice]})}\n\ndata: [DONE]\n\n"
    content = events if streamed else json.dumps({"choices": [whole]})
    reply = httpx.Response(200, stream=Chunks(content.encode()))
    async with ask(OpenAI, reply, name="google", base_url="https://one.test") as server:
        answer = collected(await server.stream()) if streamed else await server.complete()
        results = [Message.tool(call.id, "x") for call in answer.tool_calls]
        messages = (Message.user("q"), answer.message, *results)
        back = (await server.sent(Request(messages)))["messages"][1]["tool_calls"]
        elsewhere = json.dumps(await server.sent(Request(messages), model="another"))
    assert [call.keys() - {"id", "type", "function"} for call in back] == [
        {"extra_content"},
        {"provider_specific_fields"},
    ]
    assert "SIG" not in elsewhere


async def test_a_thought_without_its_signature_is_never_sent_as_a_thought(ask: Any) -> None:
    """A stream that broke left it: Anthropic refuses it, and the words beside it stay."""
    for signature in ({}, {"signature": ""}, {"signature": None}):
        thought = {"type": "thinking", "thinking": "Hm.", **signature}
        said = Message("assistant", (Native("anthropic", thought), Text("Sunny.")))
        request = await sent(ask, "anthropic", (Message.user("q"), said, Message.user("Go on.")))
        assert "Hm." not in request
        assert "Sunny." in request


async def test_a_picture_beside_a_foreign_signature_stays(ask: Any) -> None:
    """What Gemini made goes to another model of it, without the signature."""
    picture = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}, "thoughtSignature": "SIG"}
    native = Native("gemini", picture, "https://one.test", account_of(KEY), "gemini-3-image")
    messages = (Message.user("Draw."), Message("assistant", (native,)), Message.user("Go on."))
    request = await sent(ask, "gemini", messages)
    assert "AAAA" in request
    assert "SIG" not in request


@pytest.mark.parametrize("name", sorted(APIS))
async def test_reasoning_of_nobody_in_particular_goes_to_those_who_want_it(ask: Any, name: str) -> None:
    """Reasoning that a user gives is for every server of the dialect that takes it, and for nobody else."""
    native = Native(CHAT_COMPLETIONS, {"reasoning_content": "I need the weather."})
    turn = Message("assistant", (native, ToolCall("call_1", "get_weather", {})))
    request = await sent(ask, name, (Message.user("q"), turn, Message.tool("call_1", "Sunny")))
    takes = (
        "kimi",
        "glm",
        "openrouter",
        "ollama",
        "openai",
    )  # openai: at another address
    assert ("I need the weather." in request) is (name in takes)


def test_a_call_keeps_what_its_issuer_said_of_it_when_it_is_changed() -> None:
    """`native` is no part of what a call says, so that it counts neither for equality nor in a repr."""
    call = ToolCall("a", "f", {}, native=Native(CHAT_COMPLETIONS, {"extra_content": {"secret": 1}}))
    assert call == ToolCall("a", "f", {})
    assert "secret" not in repr(call)
    assert replace(call, name="g").native is call.native
