"""Each wire, as a client sees it: good answers, and what the real provider would refuse."""

import json
from typing import Any

import pytest

from ranvier.errors import ConfigurationError
from ranvier.simulator import CallTool, Say, Simulator
from support.simulator.talking import BY_GEMINI, CHATS, WIRES, parts

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def offered(provider):
    """The tool `get_weather`, in the words of the provider's wire."""
    if provider == "anthropic":
        return [{"name": "get_weather", "input_schema": SCHEMA}]
    if provider in BY_GEMINI:
        return [{"functionDeclarations": [{"name": "get_weather", "parametersJsonSchema": SCHEMA}]}]
    return [{"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}]


def after_a_call(provider):
    """A history that ends in the result of a tool, as fields of a request."""
    if provider == "anthropic":
        call = {"type": "tool_use", "id": "1", "name": "get_weather", "input": {}}
        result = {"type": "tool_result", "tool_use_id": "1", "content": "Sunny"}
        return {"messages": history({"content": [call]}, {"role": "user", "content": [result]})}
    if provider in BY_GEMINI:
        call = {"functionCall": {"name": "get_weather", "args": {}}}
        result = {"functionResponse": {"name": "get_weather", "response": {"result": "Sunny"}}}  # type: ignore[dict-item]
        turns = [("user", {"text": "use get_weather"}), ("model", call), ("user", result)]
        return {"contents": [{"role": role, "parts": [part]} for role, part in turns]}
    arguments = {} if provider == "ollama" else "{}"
    call = {"id": "1", "type": "function", "function": {"name": "get_weather", "arguments": arguments}}
    result = {"role": "tool", "content": "Sunny", "tool_call_id": "1", "tool_name": "get_weather"}
    return {"messages": history({"content": "", "tool_calls": [call]}, result)}


def history(answer, result):
    """A question, an answer that calls, and the result."""
    return [{"role": "user", "content": "use get_weather"}, {"role": "assistant", **answer}, result]


def calls(reply):
    """The calls of tools in a reply, as (name, arguments)."""
    found = {}
    for event in reply.events:
        for part in parts(event):
            if "functionCall" in part:
                found[len(found)] = [part["functionCall"]["name"], part["functionCall"]["args"]]
        choice = (event.get("choices") or [{}])[0]
        message = event.get("message") or choice.get("delta") or choice.get("message") or {}
        blocks = [event["content_block"]] if "content_block" in event else event.get("content", [])
        for position, block in enumerate(blocks):
            if block["type"] == "tool_use":
                found[event.get("index", position)] = [block["name"], block["input"] or ""]
        if (event.get("delta") or {}).get("type") == "input_json_delta":
            found[event["index"]][1] += event["delta"]["partial_json"]
        for position, call in enumerate(message.get("tool_calls", [])):
            index = call.get("index", call["function"].get("index", position))
            entry = found.setdefault(index, ["", ""])
            entry[0] += call["function"].get("name", "")
            arguments = call["function"]["arguments"]
            entry[1] = arguments if isinstance(arguments, dict) else entry[1] + arguments
    # On Anthropic's wire no JSON at all means no arguments.
    return [
        (name, json.loads(said or "{}") if isinstance(said, str) else said) for name, said in found.values()
    ]


@pytest.mark.parametrize("provider", WIRES)
async def test_a_stream_says_what_the_whole_answer_says(talk, provider):
    """Streamed or whole, the same question gets the same words, usage and finish reason."""
    whole, streamed = await talk(provider), await talk(provider, stream=True)
    assert whole.text == streamed.text != ""
    assert whole.usage == streamed.usage
    assert whole.finish == streamed.finish
    assert whole.usage[1] == len(whole.text.split())
    assert len(streamed.events) > 20


@pytest.mark.parametrize("provider", WIRES)
async def test_the_answer_is_made_of_the_seed(talk, provider):
    """A simulator with the same seed answers word for word the same; another seed, other words."""
    texts = []
    for seed in (1, 1, 2):
        async with Simulator(seed=seed) as talk.sim:
            texts.append([(await talk(provider, prompt)).text for prompt in "abcde"])
    assert texts[0] == texts[1] != texts[2]


@pytest.mark.parametrize("provider", WIRES)
async def test_every_reply_has_an_id_of_its_own(talk, provider):
    """No two replies share a request id; Gemini has it in the body."""
    header = {"anthropic": "request-id", "glm": "x-log-id", "openrouter": "x-generation-id"}
    replies = [await talk(provider) for _ in range(3)]
    if provider in BY_GEMINI:
        ids = {reply.events[0]["responseId"] for reply in replies}
    else:
        ids = {reply.response.headers[header.get(provider, "x-request-id")] for reply in replies}
    assert len(ids) == 3


@pytest.mark.parametrize("provider", WIRES)
async def test_a_limit_is_kept(talk, provider):
    """An answer that would be longer than the limit ends there, and says so."""
    limit: dict[str, Any] = {  # type: ignore[assignment]
        "anthropic": {"max_tokens": 4},
        **{wire: {"generationConfig": {"maxOutputTokens": 4}} for wire in BY_GEMINI},
        **{chat: {"max_tokens": 4} for chat in CHATS},
        **{name: {"max_completion_tokens": 4} for name in ("openai", "azure")},
        "ollama": {"options": {"num_predict": 4}},
    }[provider]
    reply = await talk(provider, **limit)
    assert len(reply.text.split()) == 4
    assert reply.finish in ("max_tokens", "length", "MAX_TOKENS")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("provider", WIRES)
async def test_a_prompt_can_ask_for_a_tool(talk, provider, stream):
    """A tool is called where the prompt names it, with arguments that fit its schema."""
    reply = await talk(provider, "please use get_weather", tools=offered(provider), stream=stream)
    assert calls(reply) == [("get_weather", {"city": "Zürich"})]
    assert reply.finish in ("tool_use", "tool_calls", "stop", "STOP")
    plain = await talk(provider, "no such thing", tools=offered(provider), stream=stream)
    assert calls(plain) == []


@pytest.mark.parametrize(
    ("provider", "choice"),
    [
        ("anthropic", {"tool_choice": {"type": "any"}}),
        ("gemini", {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}),
        *((provider, {"tool_choice": "required"}) for provider in CHATS),
    ],
)
async def test_a_duty_to_call_a_tool_is_kept(talk, provider, choice):
    """Where the request demands a call there is one, whatever the prompt says."""
    reply = await talk(provider, "Hi", tools=offered(provider), **choice)
    assert calls(reply) == [("get_weather", {"city": "Zürich"})]


@pytest.mark.parametrize("provider", WIRES)
async def test_a_tools_result_gets_words(talk, provider):
    """After the tool's result the model speaks, rather than call again."""
    reply = await talk(provider, tools=offered(provider), **after_a_call(provider))
    assert reply.text
    assert calls(reply) == []


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("provider", WIRES)
async def test_tools_can_be_scripted(sim, talk, provider, stream):
    """A script may call several tools, without arguments and with, after some words."""
    sim.play(provider, CallTool("now", text="Let me see.") & CallTool("get_weather", {"city": "Łódź"}))
    reply = await talk(provider, stream=stream)
    assert calls(reply) == [("now", {}), ("get_weather", {"city": "Łódź"})]
    assert reply.text == "Let me see."


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("provider", "finish"),
    [
        ("anthropic", "refusal"),
        ("openai", "content_filter"),
        ("gemini", "SAFETY"),
        ("kimi", "content_filter"),
        ("glm", "sensitive"),
        ("openrouter", "content_filter"),
    ],
)
async def test_words_reasoning_and_finish_can_be_scripted(sim, talk, provider, finish, stream):
    """A script may say what is said, thought, and why it ends."""
    sim.play(provider, Say("Nein,  danke.\n", finish="content_filter", reasoning="Grübel grübel."))
    reply = await talk(provider, stream=stream)
    assert reply.text == "Nein,  danke.\n"
    assert reply.finish == finish
    assert "Grübel" in reply.response.text


async def test_ollama_thinks_aloud(sim, talk):
    """Ollama's reasoning comes as `thinking`, whole and streamed."""
    sim.always("ollama", Say("Yes.", reasoning="Hm, yes."))
    for stream in (False, True):
        reply = await talk("ollama", stream=stream)
        assert "".join(event["message"].get("thinking", "") for event in reply.events) == "Hm, yes."


async def test_chat_completions_report_usage_only_when_asked(talk):
    """Without `stream_options.include_usage` a stream of chat completions has no usage."""
    reply = await talk("openai", stream=True, stream_options=None)
    assert reply.usage is None
    assert reply.unread[-2:] == ["data: [DONE]", ""]


@pytest.mark.parametrize("provider", [wire for wire in WIRES if wire != "ollama"])
async def test_a_missing_key_is_refused(talk, client, provider):
    """Without a key nobody but Ollama answers, and says so in the provider's words."""
    request = talk.request(provider)
    request["headers"] = {"anthropic-version": "2023-06-01"}
    response = await client.post(**request)
    assert response.status_code == (403 if provider == "gemini" else 401)
    assert response.json()["error"]["message"]


@pytest.mark.parametrize("provider", WIRES)
@pytest.mark.parametrize("bad", ["none", "words", "model", "name", "seven"])
async def test_what_is_no_request_is_refused(talk, provider, bad):
    """A body that the provider could not read is a 400, and the simulator goes on."""
    messages = "contents" if provider in BY_GEMINI else "messages"
    fields: Any = {
        "none": {messages: []},
        "words": {messages: "Hi"},
        "model": {messages: None} if provider in BY_GEMINI else {"model": ""},
        "name": {"tools": [{"functionDeclarations": [{}]} if provider in BY_GEMINI else {"no": "name"}]},  # type: ignore[dict-item]
        "seven": {"tools": 7},
    }[bad]
    assert (await talk(provider, **fields)).status == 400
    assert (await talk(provider)).status == 200
    assert [bool(exchange.refused) for exchange in talk.sim.requests] == [True, False]


async def test_anthropic_demands_a_limit_and_a_version(talk, client):
    """Without `max_tokens` or the version's header there is a 400."""
    assert (await talk("anthropic", max_tokens=None)).status == 400
    request = talk.request("anthropic")
    del request["headers"]["anthropic-version"]
    assert (await client.post(**request)).status_code == 400


@pytest.mark.parametrize("provider", WIRES)
async def test_broken_json_and_unknown_paths_are_refused(talk, client, provider):
    """No JSON is a 400, a path that the provider does not serve a 404."""
    request = talk.request(provider)
    url, headers = request["url"], request["headers"]
    assert (await client.post(url, content=b"{", headers=headers)).status_code == 400
    assert (await client.post(url, content=b"[" * 100_000, headers=headers)).status_code == 400
    assert (await client.post(url + "/x", json={}, headers=headers)).status_code == 404


async def test_a_path_without_a_provider_is_refused(sim, client):
    """Nobody answers at the root."""
    response = await client.get(f"http://{sim.host}:{sim.port}/")
    assert response.status_code == 404


async def test_a_second_provider_on_one_wire(sim, talk):
    """A name with a dash is a provider of its own on the wire of the first part."""
    sim.down("openai")
    assert (await talk("openai")).status == 503
    assert (await talk("openai-eu")).status == 200
    assert [len(sim.requests_to(name)) for name in ("openai", "openai-eu")] == [1, 1]
    with pytest.raises(ConfigurationError, match="nobody"):
        sim.url("nobody")
