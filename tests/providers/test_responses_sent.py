"""What is sent to OpenAI's Responses API, and which requests go to chat completions instead."""

import json
from typing import Any

import httpx
import pytest

from ranvier.errors import ConfigurationError, InvalidRequestError
from ranvier.events import ParameterDropped
from ranvier.messages import (
    Document,
    Image,
    Message,
    Native,
    Request,
    Schema,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    WirePart,
    WireTool,
)
from ranvier.providers import OpenAI
from support.messages.saving import PDF
from support.providers.openai_apis import Responses
from support.providers.repairs import adjusted, refusal, server
from support.providers.seven import CITY, PNG, WEATHER, body, collected

pytestmark = pytest.mark.virtual_time

NOTHING = httpx.Response(200, json={})
OURS = "https://api.openai.com/v1"
ENCRYPTED = "reasoning.encrypted_content"


def asked(*messages: Message, **settings: Any) -> Request:
    """A request."""
    return Request(messages or (Message.user("Hi"),), **settings)


async def sent(ask: Any, request: Request, model: str = "gpt-5.2", **given: Any) -> Any:
    """What the API is sent."""
    async with ask(Responses, NOTHING) as asked_server:
        return await asked_server.sent(request, model=model, **given)


# --- the request ---------------------------------------------------------------------------------


async def test_nothing_is_stored_and_reasoning_comes_encrypted(ask: Any) -> None:
    """From models that reason; others refuse to be asked for it, and of an unknown one nobody knows."""
    fields = await sent(ask, asked(system="Be terse."))
    assert fields == {
        "model": "gpt-5.2",
        "input": [{"role": "user", "content": "Hi"}],
        "instructions": "Be terse.",
        "include": [ENCRYPTED],
        "store": False,
        "stream": False,
    }
    for model, reasons in {
        "o3": True,
        "gpt-6-sol": True,
        "gpt-5-chat-latest": False,
        "gpt-4.1": False,
    }.items():
        assert ("include" in await sent(ask, asked(), model)) == reasons, model
    async with ask(Responses, NOTHING, base_url="https://me.openai.azure.com/openai/v1") as azure:
        assert "include" not in await azure.sent(model="gpt-5.2")


async def test_tools_and_their_choice_are_flat(ask: Any) -> None:
    """Strictness is always said, for it is the default."""
    strict = Tool("now", "The time.", {"type": "object", "properties": {}}, extra={"strict": True})
    fields = await sent(ask, asked(tools=(WEATHER, strict), tool_choice="get_weather"))
    weather, now = fields["tools"]
    assert weather == {
        "type": "function",
        "name": "get_weather",
        "description": "Weather by city",
        "parameters": CITY,
        "strict": False,
    }
    assert now["strict"] is True
    assert fields["tool_choice"] == {"type": "function", "name": "get_weather"}
    for choice in ("auto", "none", "required"):
        assert (await sent(ask, asked(tools=(WEATHER,), tool_choice=choice)))["tool_choice"] == choice


async def test_a_schema_that_cannot_be_strict_says_so(ask: Any) -> None:
    """The server would refuse it otherwise."""
    loose = {"type": "object", "properties": {"a": {"type": "string"}}}
    declared = (await sent(ask, asked(schema=Schema(loose, "loose"))))["text"]["format"]
    assert (declared["type"], declared["schema"], declared["strict"]) == ("json_schema", loose, False)


@pytest.mark.parametrize("model", ["gpt-5.5", "gpt-6-astra", "gpt-5.4-pro"])
async def test_tools_and_reasoning_go_together(ask: Any, model: str) -> None:
    """Chat completions take them together from none of these models."""
    request = asked(tools=(WEATHER,), extra={"reasoning_effort": "high"})
    fields = await sent(ask, request, model)
    assert fields["reasoning"] == {"effort": "high"}
    assert fields["tools"]
    assert "reasoning" not in await sent(ask, asked(tools=(WEATHER,)), model)


@pytest.mark.parametrize(
    ("model", "given", "effort"),
    [
        *(("gpt-5.6", "max", "max"), ("gpt-5.2", "max", "xhigh"), ("gpt-5.2", "minimal", "low")),
        *(("gpt-6-astra", "none", "low"), ("o3", "max", "high"), ("gpt-5.2-chat-latest", "low", "medium")),
    ],
)
async def test_an_effort_is_the_nearest_that_the_model_knows(
    ask: Any, model: str, given: str, effort: str
) -> None:
    """Here `max` is one for the newest."""
    assert (await sent(ask, asked(extra={"reasoning_effort": given}), model))["reasoning"] == {
        "effort": effort
    }


async def test_a_limit_below_16_is_raised_and_told(ask: Any) -> None:
    """The server refuses it."""
    async with ask(Responses, NOTHING) as asked_server:
        for limit, raised in ((5, 16), (16, 16), (100, 100)):
            fields = await asked_server.sent(asked(max_tokens=limit), model="gpt-5.2")
            assert fields["max_output_tokens"] == raised
        assert adjusted(asked_server) == [("max_tokens", "sent as 16")]


async def test_what_the_api_does_not_know_is_left_out_and_told(ask: Any) -> None:
    """Where the caller asked for this API."""
    settings = {"seed": 1, "n": 2, "presence_penalty": 1, "frequency_penalty": 1, "logit_bias": {"1": 1}}
    async with ask(Responses, NOTHING) as asked_server:
        fields = await asked_server.sent(asked(stop=("END",), extra=settings), model="gpt-4.1")
        dropped = {each.parameter for each in asked_server.heard if isinstance(each, ParameterDropped)}
    assert dropped == {"stop", *settings}
    assert not {"stop", *settings} & fields.keys()


# --- the conversation ----------------------------------------------------------------------------


async def test_the_result_of_a_tool_may_hold_pictures(ask: Any) -> None:
    """In its place; what stands beside the results follows the last of them."""
    picture = Image(data=PNG, detail="low")
    calls = (ToolCall("c1", "look", {"at": "it"}), ToolCall("c2", "look"))
    results = Message("tool", (ToolResult("c1", (Text("see"), picture)), Text("and"), ToolResult("c2", "no")))
    fields = await sent(
        ask, asked(Message.user("Look!"), Message.assistant("So.", tool_calls=calls), results)
    )
    image = {"type": "input_image", "image_url": picture.data_url, "detail": "low"}
    assert fields["input"] == [
        {"role": "user", "content": "Look!"},
        {"role": "assistant", "content": "So."},
        {"type": "function_call", "call_id": "c1", "name": "look", "arguments": '{"at":"it"}'},
        {"type": "function_call", "call_id": "c2", "name": "look", "arguments": "{}"},
        {
            "type": "function_call_output",
            "call_id": "c1",
            "output": [{"type": "input_text", "text": "see"}, image],
        },
        {"type": "function_call_output", "call_id": "c2", "output": "no"},
        {"role": "user", "content": [{"type": "input_text", "text": "and"}]},
    ]


def thought(number: int, **more: Any) -> Native:
    """Reasoning of the model."""
    item = {"type": "reasoning", "id": f"rs_{number}", "summary": [], "status": None}
    return Native("responses", {**item, "encrypted_content": f"gAAA{number}", **more})


async def test_reasoning_goes_back_before_what_it_led_to(ask: Any) -> None:
    """In the order of the answer, and without fields that the API does not accept."""
    turn = Message("assistant", (thought(1), Text("Well."), thought(2), ToolCall("c1", "look")))
    fields = await sent(ask, asked(Message.user("Hi"), turn, Message.tool("c1", "done")))
    _, first, words, second, call, _ = fields["input"]
    assert first == {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA1"}
    assert words == {"role": "assistant", "content": "Well."}
    assert second["encrypted_content"] == "gAAA2"
    assert call["type"] == "function_call"


async def test_reasoning_that_would_be_refused_stays_away(ask: Any) -> None:
    """At the end of a turn, or without its encrypted content, whose id no server knows."""
    for parts in (
        (thought(1),),
        (Text("Well."), thought(1), thought(2)),
        (thought(1, encrypted_content=None), Text("So.")),
    ):
        fields = await sent(
            ask, asked(Message.user("Hi"), Message("assistant", parts), Message.user("Go on"))
        )
        assert "rs_" not in json.dumps(fields)
        assert fields["input"][-1] == {"role": "user", "content": "Go on"}


@pytest.mark.parametrize("streamed_way", [False, True], ids=["whole", "streamed"])
async def test_a_message_keeps_its_phase(ask: Any, streamed: Any, streamed_way: bool) -> None:
    """Models answer worse without it; other targets are not sent it."""
    items = [
        {
            "type": "message",
            "role": "assistant",
            "phase": phase,
            "content": [{"type": "output_text", "text": words}],
        }
        for phase, words in (("commentary", "Let me see."), ("final_answer", "It is."))
    ]
    whole = {"object": "response", "id": "r", "status": "completed", "output": items}
    events = [
        {"type": f"response.output_item.{what}", "output_index": index, "item": item}
        for index, item in enumerate(items)
        for what in ("added", "done")
    ]
    text = "".join(
        f"data: {json.dumps(each)}\n\n"
        for each in (*events, {"type": "response.completed", "response": whole})
    )
    reply = streamed(text.encode()) if streamed_way else httpx.Response(200, json=whole)
    async with ask(Responses, reply) as asked_server:
        answer = collected(await asked_server.stream()) if streamed_way else await asked_server.complete()
    assert answer.text == "Let me see.It is."
    history = asked(Message.user("Hi"), answer.message, Message.user("Go on"))
    fields = await sent(ask, history)
    assert fields["input"][1:3] == [
        {"role": "assistant", "content": "Let me see.", "phase": "commentary"},
        {"role": "assistant", "content": "It is.", "phase": "final_answer"},
    ]
    async with ask(OpenAI, NOTHING, api="chat") as chat:
        assert "phase" not in json.dumps(await chat.sent(history))


async def test_items_of_other_types_go_back_unchanged(ask: Any) -> None:
    """Made by hand too; no text is added to them, and what hints at a cache has no place in an answer."""
    search = Native(
        "responses", {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": None}
    )
    by_hand = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "So."}]}
    hinted = Text("Well.", extra={"prompt_cache_breakpoint": {"mode": "explicit"}})
    turn = Message(
        "assistant", (search, Native("responses", by_hand), hinted, Native("elsewhere", {"type": "x"}))
    )
    async with ask(Responses, NOTHING) as asked_server:
        fields = await asked_server.sent(
            asked(Message.user("Hi"), turn, Message.user("Go on")), model="gpt-5.2"
        )
        dropped = [each.parameter for each in asked_server.heard if isinstance(each, ParameterDropped)]
    assert fields["input"][1:-1] == [
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        by_hand,
        {"role": "assistant", "content": "Well."},
    ]
    assert dropped == ["prompt_cache_breakpoint"]


async def test_ids_of_messages_and_calls_stay_away(ask: Any) -> None:
    """The server has stored none of them; results are matched by the id of the call."""
    async with ask(Responses, httpx.Response(200, content=body("responses", "tools.json"))) as asked_server:
        answer = await asked_server.complete(model="gpt-5.2")
        fields = await asked_server.sent(
            asked(Message.user("Hi"), answer.message, Message.tool("call_1", "Sunny")), model="gpt-5.2"
        )
    assert [item.get("id") for item in fields["input"]] == [None, "rs_02", None, None, None]
    assert "msg_" not in json.dumps(fields)
    assert "fc_" not in json.dumps(fields)


# --- fields of the caller's ----------------------------------------------------------------------

TRANSLATED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"reasoning_effort": "low"}, {"reasoning": {"effort": "low"}}),
    (
        {"reasoning_effort": "low", "reasoning": {"summary": "auto"}},
        {"reasoning": {"effort": "low", "summary": "auto"}},
    ),
    ({"verbosity": "low"}, {"text": {"verbosity": "low"}}),
    ({"max_completion_tokens": 99}, {"max_output_tokens": 99}),
    ({"max_tokens": 99}, {"max_output_tokens": 99}),
    ({"response_format": {"type": "json_object"}}, {"text": {"format": {"type": "json_object"}}}),
    (
        {
            "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": CITY}},
            "verbosity": "low",
        },
        {"text": {"format": {"type": "json_schema", "name": "a", "schema": CITY}, "verbosity": "low"}},
    ),
    (
        {"tools": [{"type": "function", "function": {"name": "f"}}, {"type": "web_search"}]},
        {"tools": [{"type": "function", "name": "f"}, {"type": "web_search"}]},
    ),
    (
        {"tool_choice": {"type": "function", "function": {"name": "f"}}},
        {"tool_choice": {"type": "function", "name": "f"}},
    ),
    ({"include": ["message.output_text.logprobs"]}, {"include": [ENCRYPTED, "message.output_text.logprobs"]}),
    ({"stream_options": {"include_usage": True}}, {}),
    (
        {"stream_options": {"include_usage": True, "include_obfuscation": False}},
        {"stream_options": {"include_obfuscation": False}},
    ),
    ({"truncation": "auto", "metadata": {"a": "b"}}, {"truncation": "auto", "metadata": {"a": "b"}}),
]


@pytest.mark.parametrize("as_options", [False, True], ids=["extra", "options"])
@pytest.mark.parametrize(("given", "written"), TRANSLATED, ids=[" ".join(given) for given, _ in TRANSLATED])
async def test_fields_of_chat_completions_have_their_name_here(
    ask: Any, given: dict[str, Any], written: dict[str, Any], as_options: bool
) -> None:
    """Those with an exact counterpart, of a call and of a deployment; the caller's dicts are not changed."""
    before = json.dumps(given)
    plain = await sent(ask, asked())
    if as_options:
        fields = await sent(ask, asked(), options=given)
    else:
        fields = await sent(ask, asked(extra={"openai": given}))
    assert fields == {**plain, **written}
    assert json.dumps(given) == before


# --- which API -----------------------------------------------------------------------------------

HOSTS = {
    OURS: True,
    "https://eu.api.openai.com/v1": True,
    "https://us.api.openai.com/v1": True,
    "https://api.openai.com.evil.test/v1": False,
    "https://my-api.openai.com/v1": False,
    "https://me.openai.azure.com/openai/v1": False,
    "http://127.0.0.1:8000/v1": False,
}


@pytest.mark.parametrize("name", ["openai", "gateway"])
@pytest.mark.parametrize("url", HOSTS)
async def test_the_host_decides_which_api_is_spoken(ask: Any, url: str, name: str) -> None:
    """And never the name."""
    for api, responses in (("auto", HOSTS[url]), ("responses", True), ("chat", False)):
        async with ask(OpenAI, NOTHING, base_url=url, name=name, api=api) as asked_server:
            await asked_server.sent(asked(), model="gpt-5.2")
        path = "/responses" if responses else "/chat/completions"
        assert str(asked_server.requests[0].url) == url + path


SOUND = WirePart(
    "chat_completions", {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
)
CUSTOM = WireTool("chat_completions", {"type": "custom", "custom": {"name": "f"}})
ONLY_CHAT: dict[str, tuple[Request, dict[str, Any]]] = {
    "stop": (asked(stop=("END",)), {}),
    "seed": (asked(seed=1), {}),
    "seed in extra": (asked(extra={"seed": 1}), {}),
    "n": (asked(extra={"openai": {"n": 1}}), {}),
    "a penalty": (asked(extra={"presence_penalty": 1.0}), {}),
    "logit_bias": (asked(extra={"logit_bias": {"1": 1}}), {}),
    "logprobs": (asked(extra={"logprobs": True}), {}),
    "modalities": (asked(extra={"modalities": ["text", "audio"]}), {}),
    "options": (asked(), {"prediction": {"type": "content", "content": "x"}}),
    "sound": (asked(Message("user", (SOUND,))), {}),
    "sound in a result": (
        asked(Message.assistant(tool_calls=[ToolCall("c", "f")]), Message.tool("c", [SOUND])),
        {},
    ),
    "a tool": (asked(tools=(CUSTOM,)), {}),
}
BOTH = {
    "nothing": (asked(extra={"stop": None}), {}),
    "a document": (asked(Message("user", (Document(data=PDF), Document("https://x.test/a.pdf")))), {}),
    "a part of its own": (
        asked(Message("user", (WirePart("responses", {"type": "input_file", "file_id": "f"}),))),
        {},
    ),
    "a tool of its own": (asked(tools=(WireTool("responses", {"type": "web_search"}),)), {}),
    "what others are told": (asked(extra={"anthropic": {"seed": 1}}), {}),
    "a key of the cache": (asked(cache=True, cache_key="acme"), {}),
    "thoughts": (asked(reasoning="high", reasoning_summary=True), {}),
}


@pytest.mark.parametrize("what", [*ONLY_CHAT, *BOTH])
async def test_what_only_chat_can_carry_goes_there(ask: Any, what: str) -> None:
    """The rest goes to the Responses API."""
    request, options = (ONLY_CHAT | BOTH)[what]
    async with ask(OpenAI, NOTHING) as asked_server:
        asked_server.pipeline.provider_names |= {"anthropic"}
        call = asked_server.call(request, model="gpt-4.1", options=options)
        assert asked_server.provider.lacks(call) is None
        await asked_server.sent(request, model="gpt-4.1", options=options)
    assert asked_server.requests[0].url.path.endswith("/chat/completions") == (what in ONLY_CHAT)


async def test_a_setting_that_the_model_takes_nowhere_is_no_reason_for_chat(ask: Any) -> None:
    """It is left out either way, and tools and reasoning go together only here."""
    for request in (asked(stop=("END",)), asked(extra={"presence_penalty": 1}, tools=(WEATHER,))):
        async with ask(OpenAI, NOTHING) as asked_server:
            await asked_server.sent(request, model="gpt-6-astra")
        assert asked_server.requests[0].url.path == "/v1/responses"
        assert [each.parameter for each in asked_server.heard if isinstance(each, ParameterDropped)]


@pytest.mark.parametrize("options", [{}, {"stop": ("END",)}, {"seed": 7}])
@pytest.mark.parametrize("model", ["gpt-5.2", "gpt-5.2-pro", "gpt-5.6", "gpt-6-sol", "gpt-6-astra"])
async def test_a_model_that_thinks_gets_its_tools_here(ask: Any, model: str, options: dict[str, Any]) -> None:
    """Chat completions refuse both together: what only they have is left out, and listeners hear of it."""
    request = asked(reasoning="high", tools=(WEATHER,), **options)
    async with ask(OpenAI, NOTHING) as asked_server:
        assert asked_server.provider.lacks(asked_server.call(request, model=model)) is None
        fields = await asked_server.sent(request, model=model)
        assert asked_server.requests[0].url.path == "/v1/responses"
    assert fields["reasoning"] == {"effort": "high"}
    assert [tool["name"] for tool in fields["tools"]] == [WEATHER.name]
    assert not fields.keys() & options.keys()
    assert [each.parameter for each in asked_server.heard if isinstance(each, ParameterDropped)] == [*options]


async def test_the_options_for_thinking_and_caching_have_their_places(ask: Any) -> None:
    """All of them in one request."""
    async with ask(OpenAI, NOTHING) as asked_server:
        fields = await asked_server.sent(
            asked(reasoning="max", reasoning_summary=True, cache="12h", cache_key="acme"), model="gpt-5.6"
        )
    assert fields["reasoning"] == {"effort": "max", "summary": "auto"}
    assert fields["prompt_cache_options"] == {"mode": "implicit", "ttl": "12h"}
    assert fields["prompt_cache_key"] == "acme"
    assert not fields.keys() & {"reasoning_effort", "reasoning_summary", "cache", "cache_key"}


def test_another_api_is_no_choice() -> None:
    """The error names those that there are, and no key."""
    with pytest.raises(
        ConfigurationError, match="api='completions': choose one of 'auto', 'responses', 'chat'"
    ):
        OpenAI("sk-1", api="completions")  # type: ignore[arg-type]


# --- what is refused -----------------------------------------------------------------------------


async def repaired(ask: Any, request: Request, refuses: Any, model: str = "gpt-5.2") -> tuple[Any, Any]:
    """The first request and the fixed one, which is remembered."""
    async with ask(OpenAI, server("responses", refuses)) as asked_server:
        await asked_server.complete(request, model=model)
        await asked_server.complete(request, model=model)
    first, second, third = (json.loads(each.content) for each in asked_server.requests)
    assert second == third
    return first, second


async def test_a_model_that_does_not_reason_is_not_asked_for_its_reasoning(ask: Any) -> None:
    """What the caller includes stays."""
    words = "Encrypted content is not supported with this model."
    request = asked(extra={"include": ["message.output_text.logprobs"]})
    _, fixed = await repaired(
        ask,
        request,
        lambda fields: refusal(words, param="include") if ENCRYPTED in fields["include"] else None,
    )
    assert fixed["include"] == ["message.output_text.logprobs"]


async def test_a_summary_that_is_refused_is_left_out(ask: Any) -> None:
    """The effort stays: another organization may see the summary."""
    words = "Your organization must be verified to generate reasoning summaries."
    request = asked(extra={"reasoning": {"summary": "auto", "effort": "high"}})
    _, fixed = await repaired(
        ask,
        request,
        lambda fields: (
            refusal(words, param="reasoning.summary", code="unsupported_value")
            if "summary" in fields["reasoning"]
            else None
        ),
    )
    assert fixed["reasoning"] == {"effort": "high"}


async def test_settings_are_fixed_in_their_places(ask: Any) -> None:
    """A level that the model does not know, a limit that is too small, and a verbosity it does not take."""
    chosen = "'reasoning.effort' does not support 'high'. Supported values are: 'low', 'medium'."
    _, fixed = await repaired(
        ask,
        asked(extra={"reasoning_effort": "high"}),
        lambda fields: (
            refusal(chosen, param="reasoning.effort") if fields["reasoning"]["effort"] == "high" else None
        ),
    )
    assert fixed["reasoning"] == {"effort": "medium"}
    least = (
        "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got 5 instead."
    )
    _, fixed = await repaired(
        ask,
        asked(extra={"openai": {"max_output_tokens": 5}}),
        lambda fields: (
            refusal(least, param="max_output_tokens") if fields["max_output_tokens"] < 16 else None
        ),
    )
    assert fixed["max_output_tokens"] == 16
    unknown = "Unsupported parameter: 'text.verbosity' is not supported with this model."
    _, fixed = await repaired(
        ask,
        asked(extra={"verbosity": "low"}),
        lambda fields: (
            refusal(unknown, param="text.verbosity") if "verbosity" in fields.get("text", ()) else None
        ),
    )
    assert fixed["text"] == {}


async def test_a_strict_schema_that_is_refused_is_not_strict(ask: Any) -> None:
    """As in chat completions."""
    words = "Invalid schema for response_format 'place': 'pattern' is not permitted."
    first, fixed = await repaired(
        ask,
        asked(schema=Schema(CITY, "place")),
        lambda fields: (
            refusal(words, param="text.format.schema") if fields["text"]["format"].get("strict") else None
        ),
    )
    assert fixed["text"]["format"] == {
        key: value for key, value in first["text"]["format"].items() if key != "strict"
    }


async def test_a_server_without_schemas_gets_it_in_the_instructions(ask: Any) -> None:
    """And is asked for no form."""
    _, fixed = await repaired(
        ask,
        asked(schema=Schema(CITY, "place"), system="Be terse."),
        lambda fields: refusal("json_schema is not supported") if "format" in fields["text"] else None,
    )
    assert fixed["text"] == {}
    assert fixed["instructions"].startswith("Be terse.\n\nAnswer with one JSON object")


async def test_reasoning_that_its_issuer_refuses_is_left_out(ask: Any) -> None:
    """A key was rotated, or a gateway has chosen another account; calls and results stay."""
    shown = thought(2, content=[{"type": "reasoning_text", "text": "Hm."}])
    turn = Message("assistant", (thought(1), shown, ToolCall("c1", "look")))
    history = asked(Message.user("Hi"), turn, Message.tool("c1", "done"))
    words = "The encrypted content gAAA could not be verified."
    first, fixed = await repaired(
        ask,
        history,
        lambda fields: (
            refusal(words, code="invalid_encrypted_content") if "gAAA" in json.dumps(fields) else None
        ),
    )
    assert [item.get("type") for item in first["input"]][1] == "reasoning"
    assert fixed["input"] == [item for item in first["input"] if item.get("type") != "reasoning"]


async def test_what_chat_needed_is_not_done_here(ask: Any) -> None:
    """One model may be asked over both, and each API has its own complaints."""

    def refuses(fields: Any) -> httpx.Response | None:
        known = "messages" not in fields or fields.get("reasoning_effort") == "none"
        words = "Function tools with reasoning_effort are not supported, use 'none'."
        return None if known else refusal(words, param="reasoning_effort")

    def answers(request: httpx.Request) -> httpx.Response:
        name = "responses" if b'"input"' in request.content else "openai"
        return server(name, refuses)(request)

    async with ask(OpenAI, answers) as asked_server:
        for extra in ({"seed": 1}, {}):
            await asked_server.complete(asked(tools=(WEATHER,), extra=extra), model="gpt-7")
    paths = [each.url.path.rpartition("/")[2] for each in asked_server.requests]
    assert paths == ["completions", "completions", "responses"]
    assert "reasoning_effort" not in json.loads(asked_server.requests[-1].content)


async def test_the_second_refusal_is_raised(ask: Any) -> None:
    """A fix that changes nothing is none."""
    for words in ("Encrypted content is not supported", "reasoning summaries: no"):
        async with ask(OpenAI, refusal(words)) as asked_server:
            with pytest.raises(InvalidRequestError):
                await asked_server.complete(model="gpt-4.1")
            assert len(asked_server.requests) == 1
