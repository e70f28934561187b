"""What each provider refuses in a request, and that it says so in its own words."""

from typing import Any

import pytest

from ranvier.simulator.dialogue import Answer
from ranvier.simulator.wires.opaque import signature_of
from support.simulator.talking import WIRES

pytestmark = pytest.mark.once

PNG = "https://x.test/a.png"
CALL = {"id": "call_1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
TOOL = {"type": "function", "function": {"name": "now", "parameters": {"type": "object"}}}
NOON = {"role": "tool", "tool_call_id": "call_1", "content": "noon"}
USER = {"role": "user", "content": "Hi"}
BLOCK = {"type": "tool_use", "id": "toolu_1", "name": "now", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "noon"}
HI = {"role": "user", "parts": [{"text": "Hi"}]}
CALL_PART = {"functionCall": {"name": "now", "args": {}}}
CALLED = {"role": "model", "parts": [CALL_PART]}
ANSWERED = {"role": "user", "parts": [{"functionResponse": {"name": "now", "response": {}}}]}
SIGNED = signature_of(Answer(2, 1, "claude-sonnet-5", 0, 0, reasoning=("Hm",)))
"""Claude's signature of its thought `Hm`."""


def called(**more):
    """The model calls a tool."""
    return {"role": "assistant", "content": None, "tool_calls": [CALL], **more}


def thought(words, signature):
    """A thought of Claude's."""
    return {"type": "thinking", "thinking": words, "signature": signature}


def signed(signature):
    """Gemini calls a tool, and signs the call."""
    return {"role": "model", "parts": [{**CALL_PART, "thoughtSignature": signature}]}


def assistant(*blocks):
    """A message of Claude's."""
    return {"role": "assistant", "content": list(blocks)}


def user(*blocks):
    """A message to Claude, or to whoever takes a list of parts."""
    return {"role": "user", "content": list(blocks)}


def form(schema, **more):
    """A form in the words of OpenAI."""
    return {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema, "strict": True, **more},
    }


def claude_form(schema):
    """A form in the words of Anthropic."""
    return {"format": {"type": "json_schema", "schema": schema}}


def thinking(**how):
    """A wish for Gemini."""
    return {"generationConfig": {"thinkingConfig": how}}


def budget(tokens):
    """Thinking on a budget, in the words of Anthropic."""
    return {"type": "enabled", "budget_tokens": tokens}


MARK = {"cache_control": {"type": "ephemeral"}}
ANTHROPIC = [
    ({"max_tokens": None}, "max_tokens: Field required"),
    ({"max_tokens": 0}, "greater than or equal to 1"),
    ({"model": "claude-sonnet-5", "max_tokens": 200_000}, "200000 > 128000, which is the maximum"),
    ({"seed": 1}, "seed: Extra inputs are not permitted"),
    ({"model": "claude-sonnet-5", "temperature": 0.5}, "`temperature` is deprecated for this model."),
    ({"temperature": 1.5}, "temperature: range: 0..1"),
    ({"messages": [{"role": "system", "content": "Hi"}]}, "top-level `system` parameter"),
    ({"messages": [{"role": "tool", "content": "Hi"}]}, "messages.0.role"),
    ({"messages": [assistant({"type": "text", "text": "Hi"})]}, "first message must use"),
    ({"messages": [{"role": "user", "content": ""}]}, "must have non-empty content"),
    ({"messages": [user({"type": "text", "text": ""})]}, "text content blocks must be non-empty"),
    ({"messages": [USER, assistant(BLOCK)]}, "messages.1: `tool_use` ids were found without `tool_result`"),
    ({"messages": [USER, assistant(BLOCK), USER]}, "immediately after: toolu_1"),
    ({"messages": [USER, user(RESULT)]}, "messages.1.content.0: unexpected `tool_use_id`"),
    ({"messages": [USER, assistant({**BLOCK, "id": "a b"}), USER]}, "messages.1.content.0.tool_use.id"),
    ({"messages": [USER, assistant({**BLOCK, "input": "{}"}), user(RESULT)]}, "valid dictionary"),
    ({"messages": [USER, assistant({"type": "thinking", "thinking": "Hm"}), USER]}, "thinking.signature"),
    (
        {"messages": [USER, assistant(thought("Hm", "EoQD")), USER]},
        "messages.1.content.0: Invalid `signature`",
    ),
    (
        {"messages": [USER, assistant(thought("Hmm", SIGNED)), USER]},
        "Invalid `signature` in `thinking` block",
    ),
    ({"model": "claude-opus-5", "messages": [USER, {"role": "assistant", "content": "Well"}]}, "prefill"),
    ({"tool_choice": {"type": "any"}}, "may only be specified while providing tools"),
    ({"tools": [{"name": "a b", "input_schema": {"type": "object"}}]}, "tools.0.custom.name"),
    ({"tools": [{"name": "now", "input_schema": {}}]}, "input_schema.type: Input should be 'object'"),
    ({"output_config": claude_form({"type": "object", "properties": {}})}, "'additionalProperties' must be"),
    (
        {"output_config": claude_form({"type": "integer", "minimum": 1})},
        "property 'minimum' is not supported",
    ),
    ({"model": "claude-fable-5", "thinking": {"type": "disabled"}}, "thinking.type.disabled"),
    ({"model": "claude-sonnet-5-5", "thinking": {"type": "disabled"}}, "'between_tools'"),
    ({"model": "claude-sonnet-5", "thinking": {"type": "between_tools"}}, "thinking.type.between_tools"),
    ({"model": "claude-opus-4-7", "thinking": {"type": "enabled"}}, "thinking.type.enabled"),
    ({"model": "claude-3-5-haiku", "thinking": {"type": "adaptive"}}, "thinking.type.adaptive"),
    ({"thinking": budget(1_023), "max_tokens": 5_000}, "greater than or equal to 1024"),
    ({"thinking": budget(2_000), "max_tokens": 2_000}, "must be greater than `thinking.budget_tokens`"),
    ({"thinking": budget(2_000), "max_tokens": 5_000, "temperature": 0.5}, "may only be set to 1"),
    (
        {
            "thinking": budget(2_000),
            "max_tokens": 5_000,
            "tools": [{"name": "now", "input_schema": {"type": "object"}}],
            "tool_choice": {"type": "any"},
        },
        "when tool_choice forces tool use",
    ),
    (
        {
            "thinking": budget(2_000),
            "max_tokens": 5_000,
            "messages": [USER, assistant(BLOCK), user(RESULT)],
        },
        "Expected `thinking` or `redacted_thinking`, but found `tool_use`",
    ),
    ({"model": "claude-opus-4-6", "output_config": {"effort": "xhigh"}}, "'xhigh' is not supported"),
    ({"model": "claude-sonnet-4-5", "output_config": {"effort": "low"}}, "'low' is not supported"),
    ({**MARK, "messages": [user(*[{"type": "text", "text": "Hi", **MARK}] * 4)]}, "maximum of 4 blocks"),
]
CHAT = [
    ({"messages": [{"role": "robot", "content": "Hi"}]}, "robot"),
    ({"messages": [USER, called()]}, "did not have response messages: call_1"),
    ({"messages": [USER, called(), USER]}, "did not have response messages: call_1"),
    ({"messages": [USER, NOON]}, "'tool_calls'"),
]
SOME_TOOL = {"type": "function", "function": {"name": "now"}}
OPENAI = [
    *CHAT,
    ({"top_k": 5}, "Unrecognized request argument supplied: top_k"),
    ({"messages": [{"role": "user", "content": None}]}, "expected a string, got null"),
    (
        {
            "messages": [
                USER,
                called(tool_calls=[{**CALL, "id": "x" * 41}]),
                {"role": "tool", "tool_call_id": "x" * 41, "content": "noon"},
            ]
        },
        "Invalid 'messages[1].tool_calls[0].id': string too long",
    ),
    (
        {
            "messages": [
                USER,
                called(tool_calls=[{**CALL, "function": {"name": "now", "arguments": {}}}]),
                NOON,
            ]
        },
        "expected a string, but got an object",
    ),
    ({"tool_choice": "auto"}, "only allowed when 'tools' are specified"),
    ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "does not match pattern"),
    ({"response_format": {"type": "json_object"}}, "must contain the word 'json'"),
    ({"response_format": form({"type": "object", "properties": {}})}, "'additionalProperties' is required"),
    (
        {"response_format": form({"properties": {"a": {}}, "additionalProperties": False})},
        "every key in properties. Missing 'a'",
    ),
    ({"response_format": form({}, name="")}, "response_format.json_schema.name"),
    ({"stream_options": {"include_usage": True}}, "only allowed when 'stream' is enabled"),
    ({"model": "gpt-5.2", "max_tokens": 5}, "Use 'max_completion_tokens' instead"),
    (
        {
            "model": "gpt-5.4",
            "tools": [SOME_TOOL],
            "reasoning_effort": "low",
        },
        "Function tools with reasoning_effort are not supported",
    ),
    (
        {"model": "gpt-5.6", "tools": [SOME_TOOL]},
        "set reasoning_effort to 'none'",
    ),
    ({"model": "gpt-5", "temperature": 0.2}, "'temperature' does not support 0.2"),
    ({"model": "gpt-5", "top_p": 0.2}, "'top_p' is not supported with this model"),
    ({"model": "gpt-5.2", "stop": ["x"]}, "'stop' is not supported with this model"),
    ({"model": "gpt-5.2", "presence_penalty": 1}, "'presence_penalty' is not supported"),
    ({"model": "gpt-4.1", "stop": list("abcde")}, "maximum length 4"),
    ({"model": "gpt-4.1", "reasoning_effort": "low"}, "reasoning_effort"),
    ({"model": "gpt-5.2", "reasoning_effort": "max"}, "'reasoning_effort' does not support 'max'"),
    ({"model": "gpt-5", "reasoning_effort": "none"}, "'reasoning_effort' does not support 'none'"),
    ({"model": "o3", "reasoning_effort": "xhigh"}, "'reasoning_effort' does not support 'xhigh'"),
    ({"model": "gpt-5.2", "prompt_cache_options": {"ttl": "12h"}}, "'prompt_cache_options' is not supported"),
    ({"model": "gpt-5.6", "prompt_cache_options": {"ttl": "12h"}}, "does not support '12h'"),
    ({"prompt_cache_key": "x" * 65}, "maximum length 64, but got a string with length 65"),
]
GEMINI = [
    ({"contents": []}, "contents is not specified"),
    ({"messages": []}, 'Unknown name "messages": Cannot find field'),
    ({"generationConfig": {"max_tokens": 5}}, 'Unknown name "maxTokens" at "generation_config"'),
    ({"contents": [{**HI, "role": "assistant"}]}, "Please use a valid role: user, model."),
    ({"contents": [{"role": "user", "parts": []}]}, "contents[0].parts: contents.parts must not be empty"),
    ({"contents": [{"role": "user", "parts": [{}]}]}, "required oneof field 'data'"),
    ({"contents": [{"role": "user", "parts": [{"inlineData": {"data": "aaaa"}}]}]}, "mime_type"),
    ({"contents": [HI, CALLED]}, "immediately after a function call turn"),
    ({"contents": [HI, CALLED, HI]}, "number of function response parts is equal"),
    ({"contents": [HI, ANSWERED]}, "number of function response parts is equal"),
    ({"contents": [CALLED, ANSWERED]}, "immediately after a user turn"),
    ({"model": "gemini-3.6-flash", "contents": [HI, CALLED, ANSWERED]}, "missing a thought_signature"),
    ({"contents": [HI, signed("EoQD"), ANSWERED]}, "Corrupted thought signature."),
    ({"contents": [HI, signed("sig-1s2"), ANSWERED]}, "Corrupted thought signature."),
    ({"generationConfig": {"temperature": 3}}, "range [0.0, 2.0]"),
    ({"generationConfig": {"stopSequences": list("abcdef")}}, "stop_sequences"),
    (
        {"generationConfig": {"responseSchema": {"a": 1}, "responseJsonSchema": {"a": 1}}},
        "cannot both be set",
    ),
    (
        {
            "model": "gemini-2.5-pro",
            "generationConfig": {"responseMimeType": "application/json"},
            "tools": [{"functionDeclarations": [{"name": "now"}]}],
        },
        "response mime type",
    ),
    ({"model": "gemini-2.5-pro", **thinking(thinkingLevel="LOW")}, "Thinking level is not supported"),
    ({"model": "gemini-3.8-flash", **thinking(thinkingLevel="MINIMAL")}, "MINIMAL is not supported"),
    (thinking(thinkingLevel="LOW", thinkingBudget=1), "only set only one of"),
    ({"model": "gemini-2.5-pro", **thinking(thinkingBudget=0)}, "a value between 128 and 32768"),
    ({"model": "gemini-2.5-flash", **thinking(thinkingBudget=30_000)}, "a value between 1 and 24576"),
    ({"model": "gemini-2.0-flash", **thinking(includeThoughts=True)}, "Thinking is not enabled"),
]
KIMI = [
    *CHAT,
    ({"model": "kimi-k2.6", "temperature": 0.3}, "invalid temperature: only 1 is allowed"),
    ({"model": "kimi-k2.6", "thinking": {"type": "disabled"}, "temperature": 1}, "only 0.6 is allowed"),
    ({"model": "kimi-k3", "top_p": 0.5}, "invalid top_p"),
    ({"model": "kimi-k3", "thinking": {"type": "disabled"}}, "invalid thinking"),
    ({"model": "kimi-k3", "tools": [TOOL], "tool_choice": "required"}, "incompatible with thinking"),
    ({"messages": [USER, {"role": "assistant", "content": ""}, USER]}, "must not be empty"),
    (
        {
            "model": "kimi-k3",
            "messages": [USER, called(), NOON],
        },
        "reasoning_content is missing in assistant tool call message at index 1",
    ),
    ({"messages": [user({"type": "image_url", "image_url": {"url": PNG}})]}, "unsupported image url"),
]
GLM = [
    ({"messages": [{"role": "robot", "content": "Hi"}]}, "Incorrect role information"),
    ({"messages": [{"role": "user", "content": ""}]}, "1213"),
    ({"messages": [USER, called()]}, "1214"),
    ({"messages": [{"role": "system", "content": "Hi"}]}, "1214"),
    ({"model": "glm-5.3", "thinking": {"type": "disabled"}}, "1210"),
]
OPENROUTER = [
    *CHAT,
    (
        {
            "model": "anthropic/claude-sonnet-5",
            "messages": [USER, {"role": "assistant", "content": "Well"}],
        },
        "does not support assistant message prefill",
    ),
    (
        {
            "model": "anthropic/claude-sonnet-5",
            "messages": [USER, called(reasoning_details=[{"text": "Hmm", "signature": SIGNED}]), NOON],
        },
        "Invalid `signature` in `thinking` block",
    ),
    ({"reasoning": {"effort": "low", "max_tokens": 5}}, 'Only one of "reasoning.effort"'),
    ({"model": "z-ai/glm-5.3", "reasoning": {"effort": "none"}}, "Reasoning is mandatory"),
]
OLLAMA = [
    ({"format": {"$ref": "#/$defs/nowhere"}}, "invalid request"),
    ({"messages": [{"role": "robot", "content": "Hi"}]}, 'invalid role: "robot"'),
    ({"messages": [USER, called(content="")]}, "cannot unmarshal string"),
    ({"messages": [{**USER, "images": ["data:image/png;base64,aaaa"]}]}, "illegal base64 data"),
    ({"model": "gemma3", "think": True}, '"gemma3" does not support thinking'),
]
CASES = dict(zip(WIRES, (ANTHROPIC, OPENAI, GEMINI, KIMI, GLM, OPENROUTER, OLLAMA), strict=True))

LENIENT: dict[str, dict[str, Any]] = {
    "kimi": {"seed": 1, "user": "x", "nonsense": True},
    "glm": {"do_sample": True, "nonsense": True},
    "openrouter": {"provider": {"order": ["x"]}, "nonsense": True},
    "ollama": {"keep_alive": "5m", "nonsense": True, "options": {"nonsense": 1}},
    "openai-eu": {"model": "gpt-5.2", "max_tokens": 5, "temperature": 0.1, "nonsense": True},
    "gemini": {
        "system_instruction": {"parts": [{"text": "x"}]},
        "generation_config": {"max_output_tokens": 5},
    },
    "anthropic": {
        "messages": [USER, USER, assistant(thought("Hm", SIGNED), {"type": "text", "text": "Hi"}), USER],
        "metadata": {"user_id": "x"},
    },
}


@pytest.mark.parametrize(
    ("provider", "fields", "says"),
    [
        pytest.param(name, *case, id=f"{name}-{case[1][:40]}")
        for name, cases in CASES.items()
        for case in cases
    ],
)
async def test_what_the_provider_refuses(talk, provider, fields, says):
    """A 400 that says what is wrong, and in the log too; nothing is played."""
    talk.sim.down(provider)
    reply = await talk(provider, **fields)
    assert reply.status == 400
    assert says in reply.response.text.replace("\\", "")
    [error] = reply.errors
    assert isinstance(error, str) == (provider == "ollama")
    [exchange] = talk.sim.requests
    assert exchange.refused.startswith("400 ")
    assert exchange.fault is None


@pytest.mark.parametrize("provider", LENIENT)
async def test_what_the_provider_takes_all_the_same(talk, provider):
    """Unknown fields where they are ignored, another spelling, two messages of one side in a row."""
    assert (await talk(provider, **LENIENT[provider])).status == 200
