"""OpenAI's Responses API at the simulator, as a client sees it that knows nothing of ours."""

import json
from typing import Any

import pytest

from ranvier.simulator import CallTool, Say
from ranvier.simulator.wires.opaque import account_of

USER = {"role": "user", "content": "Hi"}
CALL = {"type": "function_call", "call_id": "call_1", "name": "now", "arguments": "{}"}
NOON = {"type": "function_call_output", "call_id": "call_1", "output": "noon"}
KEY = "sk-good"
ISSUED = f"gAAA1s2-{account_of('openai', KEY)}"
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": ISSUED}


def form(schema: Any, **more: Any) -> dict[str, Any]:
    """A form."""
    return {
        "text": {
            "format": {"type": "json_schema", "name": "answer", "schema": schema, "strict": True, **more}
        }
    }


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"input": []}, "Invalid"),
    ({"stop": ["x"]}, "Unknown parameter: 'stop'."),
    ({"messages": [USER]}, "Unknown parameter: 'messages'."),
    (
        {"input": [{"role": "tool", "content": "x"}]},
        "Supported values are: 'assistant', 'system', 'developer'",
    ),
    ({"input": [{"role": "user"}]}, "Missing required parameter: 'input[0].content'."),
    ({"input": [USER, CALL]}, "No tool output found for function call call_1."),
    ({"input": [USER, NOON]}, "No tool call found for function call output with call_id call_1."),
    ({"input": [USER, {**CALL, "arguments": {}}, NOON]}, "Missing required parameter: 'input[1].arguments'."),
    ({"input": [USER, {**CALL, "id": "call_1"}, NOON]}, "Expected an ID that begins with 'fc'."),
    ({"input": [USER, {**CALL, "id": "fc_1"}, NOON], "store": False}, "Item with id 'fc_1' not found."),
    ({"input": [USER, {**CALL, "call_id": "x" * 65}, NOON]}, "string too long"),
    (
        {"input": [USER, {**THOUGHT, "encrypted_content": None}, CALL, NOON], "store": False},
        "'rs_1' not found.",
    ),
    ({"input": [USER, {**THOUGHT, "encrypted_content": "EoQD"}, CALL, NOON]}, "could not be verified"),
    (
        {
            "input": [
                *(USER, {**THOUGHT, "encrypted_content": f"gAAA1s2-{account_of('openai', 'sk-other')}"}),
                *(CALL, NOON),
            ]
        },
        "The encrypted content gAAA1s2-... could not be verified",
    ),
    ({"input": [USER, THOUGHT, USER]}, "without its required following item"),
    ({"input": [USER, CALL, THOUGHT, NOON]}, "without its required following item"),
    ({"input": [USER, THOUGHT]}, "without its required following item"),
    ({"max_output_tokens": 15}, "Expected a value >= 16, but got 15"),
    (
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        "Missing required parameter: 'tools[0].name'.",
    ),
    ({"tools": [{"type": "function", "name": "a b"}]}, "does not match pattern"),
    (form({"type": "object", "properties": {}}), "'additionalProperties' is required"),
    (form({}, name=""), "Missing required parameter: 'text.format.name'."),
    ({"model": "gpt-4.1", "include": ["reasoning.encrypted_content"]}, "Encrypted content is not supported"),
    ({"model": "gpt-4.1", "reasoning": {"effort": "low"}}, "'reasoning.effort' is not supported"),
    ({"model": "gpt-5.2", "reasoning": {"effort": "huge"}}, "'reasoning.effort' does not support 'huge'"),
    ({"model": "gpt-5.2", "reasoning": {"effort": "max"}}, "'reasoning.effort' does not support 'max'"),
    ({"model": "gpt-5", "reasoning": {"effort": "none"}}, "'reasoning.effort' does not support 'none'"),
    (
        {"model": "gpt-5.2", "reasoning": {"summary": "long"}},
        "Supported values are: auto, concise, detailed.",
    ),
    ({"model": "gpt-4.1", "reasoning": {"summary": "auto"}}, "'reasoning.summary' is not supported"),
    ({"model": "gpt-5.2", "prompt_cache_options": {"ttl": "30m"}}, "'prompt_cache_options' is not supported"),
    ({"model": "gpt-5.6", "prompt_cache_options": {"ttl": "1h"}}, "Supported values are: 30m, 12h."),
    ({"prompt_cache_key": "x" * 65}, "Invalid 'prompt_cache_key': string too long"),
    ({"model": "gpt-5", "temperature": 0.2}, "'temperature' is not supported with this model"),
]


async def ask(sim: Any, client: Any, **fields: Any) -> Any:
    """The reply to such a request."""
    body = {"model": "gpt-5.2", "input": "Hi", **fields}
    url = f"{sim.url('openai')}/responses"
    return await client.post(url, json=body, headers={"authorization": f"Bearer {KEY}"})


@pytest.mark.parametrize(("fields", "words"), REFUSED, ids=[words for _, words in REFUSED])
async def test_what_the_api_refuses_is_refused(sim: Any, client: Any, fields: Any, words: str) -> None:
    """In its own words, and the simulator goes on."""
    reply = await ask(sim, client, **fields)
    assert reply.status_code == 400
    assert words in reply.json()["error"]["message"]
    assert (await ask(sim, client)).status_code == 200


async def test_what_the_api_takes_is_taken(sim: Any, client: Any) -> None:
    """Reasoning before a call, results at any place after it, and efforts that chat completions refuse."""
    for fields in (
        {"input": [USER, THOUGHT, CALL, USER, NOON], "store": False},
        {
            "model": "gpt-6-astra",
            "tools": [{"type": "function", "name": "now"}],
            "reasoning": {"effort": "max"},
        },
        {
            "model": "gpt-5.6",
            "reasoning": {"summary": "auto"},
            "prompt_cache_key": "x" * 64,
            "prompt_cache_options": {"mode": "implicit", "ttl": "12h"},
        },
        {"tools": [{"type": "web_search"}], "tool_choice": "none"},
        {"input": [{"role": "developer", "content": [{"type": "input_text", "text": "Hi"}]}]},
    ):
        assert (await ask(sim, client, **fields)).status_code == 200


async def test_a_stream_says_what_the_whole_answer_says(sim: Any, client: Any) -> None:
    """Pieces add up to their items, and the last event holds the whole response."""
    told = Say("Voilà.", reasoning="Hm, ja.") & CallTool("now", {"zone": "UTC"}, "Voilà.")
    sim.play("openai", told, told)
    whole = (await ask(sim, client)).json()
    reply = await ask(sim, client, stream=True)
    blocks = [block.splitlines() for block in reply.text.split("\n\n") if block]
    events = [json.loads(data.removeprefix("data: ")) for _, data in blocks]
    assert [name.removeprefix("event: ") for name, _ in blocks] == [event["type"] for event in events]
    assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]
    last = events[-1]["response"]
    assert [item["type"] for item in last["output"]] == ["reasoning", "message", "function_call"]
    assert [item["type"] for item in whole["output"]] == [item["type"] for item in last["output"]]
    assert [event["item"] for event in events if event["type"] == "response.output_item.done"] == last[
        "output"
    ]
    for index, text in enumerate(("Hm, ja.", "Voilà.", '{"zone":"UTC"}')):
        pieces = [event["delta"] for event in events if "delta" in event and event["output_index"] == index]
        assert "".join(pieces) == text
    assert last["usage"] == whole["usage"]


async def test_a_stream_has_all_events_that_an_sdk_builds_its_answer_from(sim: Any, client: Any) -> None:
    """Numbered, each part begun and done, and each item."""
    told = Say("Well. Yes.", reasoning="Hm.") & CallTool("now", {"zone": "UTC"}, "Well. Yes.")
    sim.play("openai", told)
    reply = await ask(sim, client, stream=True, reasoning={"summary": "auto"})
    events = [json.loads(line[6:]) for line in reply.text.splitlines() if line.startswith("data: ")]
    assert [event["sequence_number"] for event in events] == [*range(len(events))]
    kinds = [event["type"].removeprefix("response.") for event in events]
    assert list(dict.fromkeys(kinds)) == [
        *("created", "in_progress", "output_item.added"),
        *("reasoning_summary_part.added", "reasoning_summary_text.delta"),
        *("reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done"),
        *("content_part.added", "output_text.delta", "output_text.done", "content_part.done"),
        *("function_call_arguments.delta", "function_call_arguments.done", "completed"),
    ]
    assert kinds.count("output_item.added") == kinds.count("output_item.done") == 3
    whole = {event["type"]: event for event in events}
    assert whole["response.output_text.done"]["text"] == "Well. Yes."
    assert whole["response.content_part.added"]["part"]["text"] == ""
    assert json.loads(whole["response.function_call_arguments.done"]["arguments"]) == {"zone": "UTC"}


async def test_chat_completions_are_served_beside_it(sim: Any, client: Any, talk: Any) -> None:
    """On the same base URL, with the same key and log."""
    assert (await talk("openai")).status == 200
    assert (await ask(sim, client)).status_code == 200
    assert len(sim.requests_to("openai")) == 2
    reply = await client.post(f"{sim.url('openai')}/responses", json={"model": "m", "input": "Hi"})
    assert reply.status_code == 401
    assert (await client.post(f"{sim.url('openai')}/responses/x", json={})).status_code == 404
