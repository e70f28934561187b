"""What servers say of a setting, in whatever words, and what becomes of it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier.providers._repairs.complaints import Complaint
from ranvier.providers._repairs.known_fixes import fix_for

HI = [{"role": "user", "content": "Hi"}]
TOOLS = [{"type": "function", "function": {"name": "f"}}]


def said(message: str, **more: Any) -> bytes:
    """The body of a refusal."""
    return json.dumps({"error": {"message": message, **more}}).encode()


def fixed(body: bytes, **fields: Any) -> Any:
    """The fields after the fix for that refusal, and whether it is remembered; `None` without one."""
    fix = fix_for(Complaint.of(body), fields)
    if fix is None or not fix.apply(fields):
        return None
    return fields, fix.lasting


@pytest.mark.parametrize(
    ("message", "most"),
    [
        ("max_tokens is too large: 64000. This model supports at most 16384 completion tokens, whereas you "
         "provided 64000.", 16384),
        ("Invalid 'max_output_tokens': integer above maximum value. Expected a value <= 32768, but got 64000 "
         "instead.", 32768),
        ("max_tokens: 64000 > 8192, which is the maximum allowed number of output tokens for "
         "claude-3-5-haiku-20241022", 8192),
        ("The maximum tokens you requested exceeds the model limit of 8192.", 8192),
        ("`max_tokens` must be less than or equal to `8192`, the maximum value for `max_tokens` is less than "
         "the `context_window` for this model", 8192),
        ("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]", 8192),
        ("<400> InternalError.Algo.InvalidParameter: Range of max_tokens should be [1, 8192]", 8192),
        ("Unable to submit request because it has a maxOutputTokens value of 64000 but the supported range "
         "is "
         "from 1 (inclusive) to 8193 (exclusive). Update the value and try again.", 8192),
        ("max_tokens must be less than 8193", 8192),
        ("max_completion_tokens is limited to 8,192 for gpt-4o-2024-08-06", 8192),
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", ["max_tokens", "max_completion_tokens", "generationConfig", "options"])
def test_a_limit_above_the_ceiling_becomes_the_ceiling(message: str, most: int, place: str) -> None:
    """However it is said, and wherever the limit stands; it is remembered as a bound."""
    inner = {"generationConfig": "maxOutputTokens", "options": "num_predict"}.get(place)
    fields = {place: 64000 if inner is None else {inner: 64000}}
    assert fixed(said(message), **fields) == ({place: most if inner is None else {inner: most}}, True)


@pytest.mark.parametrize(
    ("message", "asked", "sent"),
    [
        ("This model's maximum context length is 8192 tokens. However, you requested 64010 tokens (10 in the "
         "messages, 64000 in the completion). Please reduce the length of the messages or "
         "completion.", 64000, 8182),
        ("'max_tokens' or 'max_completion_tokens' is too large: 64000. This model's maximum context length "
         "is 8192 "
         "tokens and your request has 10 input tokens (64000 > 8192 - 10).", 64000, 8182),
        ("This model's maximum context length is 2048 tokens. However, your request has 8 input tokens plus "
         "2045 "
         "'max_tokens'. Please reduce one or the other.", 2045, 2040),
        ("`inputs` tokens + `max_new_tokens` must be <= 8193. Given: 20 `inputs` tokens and 64000 "
         "`max_new_tokens`", 64000, 8173),
    ],
)  # fmt: skip
def test_a_limit_that_fills_the_window_leaves_room_for_the_prompt(
    message: str, asked: int, sent: int
) -> None:
    """It depends on the prompt, so that it is not remembered."""
    body = said(message + " max_tokens")
    assert fixed(body, max_tokens=asked) == ({"max_tokens": sent}, False)


@pytest.mark.parametrize(
    "message",
    [
        "prompt is too long: 210000 tokens > 200000 maximum",
        "input length and `max_tokens` exceed context limit: 190000 + 64000 > 200000, decrease input length "
        "or "
        "`max_tokens` and try again",
        "Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 64010. The input or "
        "output "
        "tokens must be reduced in order to run successfully.",
        "This request requires more credits, or fewer max_tokens. You requested up to 64000 tokens, but can "
        "only "
        "afford 4321.",
        "`max_tokens` must be greater than `thinking.budget_tokens`.",
        "Could not finish the message because max_tokens or model output limit was reached.",
    ],
)
def test_what_is_not_the_limits_fault_is_left_as_it_is(message: str) -> None:
    """A prompt that does not fit, a rate, a balance: no smaller answer mends them."""
    assert fixed(said(message), max_tokens=64000, messages=HI) is None


def test_a_limit_below_the_floor_becomes_the_floor() -> None:
    """Some servers have a least limit."""
    words = (
        "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got 5 instead."
    )
    assert fixed(said(words), max_tokens=5) == ({"max_tokens": 16}, True)


@pytest.mark.parametrize(
    ("body", "old", "new"),
    [
        (said("Unsupported parameter: 'max_tokens' is not supported with this model. Use "
              "'max_completion_tokens' instead.", param="max_tokens", code="unsupported_parameter"),
         "max_tokens", "max_completion_tokens"),
        (said("Unrecognized request argument supplied: "
         "max_completion_tokens"), "max_completion_tokens", "max_tokens"),
        (json.dumps({"detail": [{"type": "extra_forbidden", "loc": ["body", "max_completion_tokens"],
                                 "msg": "Extra inputs are not permitted", "input": 5}]}).encode(),
         "max_completion_tokens", "max_tokens"),
        (json.dumps({"object": "error", "message": {"detail": [
            {"type": "extra_forbidden", "loc": ["body", "max_completion_tokens"], "msg": "Extra inputs are "
             "not "
             "permitted"}]}}).encode(), "max_completion_tokens", "max_tokens"),
    ],
)  # fmt: skip
def test_a_limit_goes_by_the_name_that_the_server_knows(body: bytes, old: str, new: str) -> None:
    """Either way round: OpenAI's models that reason know the new name, Mistral's the old one."""
    assert fixed(body, **{old: 5}) == ({new: 5}, True)


@pytest.mark.parametrize(
    ("message", "fields", "left"),
    [
        ("Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value "
         "is "
         "supported.", {"temperature": 0.2, "top_p": 0.5, "seed": 1}, {"seed": 1}),
        ("`temperature` is deprecated for this model.", {"temperature": 0.2}, {}),
        ("invalid temperature: only 1 is allowed for this model", {"temperature": 0.2}, {}),
        ("top_p is not supported", {"temperature": 0.2, "top_p": 0.5}, {"temperature": 0.2}),
        ("Invalid JSON payload received. Unknown name \"presencePenalty\" at 'generation_config': Cannot "
         "find field.",
         {"generationConfig": {"presencePenalty": 1, "topK": 3}}, {"generationConfig": {"topK": 3}}),
        ("Penalty is not enabled for models/gemini-2.5-flash",
         {"generationConfig": {"presencePenalty": 1, "frequencyPenalty": 1}}, {"generationConfig": {}}),
        ("Thinking level is not supported for this model.",
         {"generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW"}}},
         {"generationConfig": {"thinkingConfig": {}}}),
        ("\"llama3\" does not support thinking", {"think": True, "stream": False}, {"stream": False}),
        ("think value \"high\" is not supported for this model", {"think": "high"}, {}),
        ("output_config.effort: This model does not support effort", {"output_config": {"effort": "low"}},
         {"output_config": {}}),
        ("parallel_tool_calls: Extra inputs are not permitted", {"parallel_tool_calls": True}, {}),
        ("Unknown parameter: 'stream_options'.", {"stream_options": {"include_usage": True}, "stream": True},
         {"stream": True}),
        ("Unsupported parameter: 'stop' is not supported with this model.", {"stop": ["x"]}, {}),
        ("stop_sequences are not supported by this model", {"stop_sequences": ["x"]}, {}),
        ("tool_choice 'required' is not supported", {"tool_choice": "required"}, {}),
        ("Argument not supported on this model: presence_penalty", {"presence_penalty": 1}, {}),
        ("Unsupported parameters: top_k, seed. Supported parameters: temperature", {"top_k": 1, "seed": 2,
         "temperature": 1}, {"temperature": 1}),
    ],
)  # fmt: skip
def test_a_setting_that_is_not_taken_is_left_out(message: str, fields: Any, left: Any) -> None:
    """Whatever only tunes; a model that takes no temperature reasons, and takes none of its like."""
    assert fixed(said(message), **fields) == (left, True)


@pytest.mark.parametrize(
    ("message", "fields", "sent"),
    [
        ("Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 3 instead.",
         {"temperature": 3.0}, {"temperature": 2.0}),
        ("temperature: Input should be less than or equal to 1", {"temperature": 1.5}, {"temperature": 1.0}),
        ("top_k must be between 1 and "
         "40", {"generationConfig": {"topK": 64}}, {"generationConfig": {"topK": 40}}),
        ("Unsupported value: 'reasoning_effort' does not support 'minimal' with this model. Supported "
         "values are: "
         "'low', 'medium', and 'high'.", {"reasoning_effort": "minimal"}, {"reasoning_effort": "low"}),
        ("Unsupported value: 'reasoning_effort' does not support 'max'. Supported values are: 'none', 'low', "
         "'medium', 'high'.", {"reasoning_effort": "max"}, {"reasoning_effort": "high"}),
    ],
)  # fmt: skip
def test_a_value_that_is_not_taken_becomes_the_nearest(message: str, fields: Any, sent: Any) -> None:
    """A number the nearest bound, an effort the nearest one that is listed."""
    assert fixed(said(message), **fields) == (sent, True)


@pytest.mark.parametrize(
    ("message", "fields", "sent"),
    [
        ("`temperature` may only be set to 1 when thinking is enabled.", {"temperature": 0.2}, {}),
        (
            "parallel_tool_calls is not allowed when tools are not specified",
            {"parallel_tool_calls": True},
            {},
        ),
    ],
)
def test_what_depends_on_the_request_is_not_remembered(message: str, fields: Any, sent: Any) -> None:
    """Another request of the same model may well have it."""
    assert fixed(said(message), **fields) == (sent, False)


def test_one_of_two_settings_is_left_out_only_beside_the_other() -> None:
    """Claude takes a temperature or a `top_p`: alone each of them stays."""
    body = said("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")
    fix = fix_for(Complaint.of(body), {"temperature": 1, "top_p": 1})
    assert fix is not None
    assert fix.lasting
    for fields, sent in (
        ({"temperature": 1, "top_p": 1}, {"temperature": 1}),
        ({"top_p": 1}, {"top_p": 1}),
    ):
        fix.apply(fields)
        assert fields == sent


BESIDE_TOOLS = (
    "Function tools with reasoning_effort are not supported for gpt-5.6 in /v1/chat/completions. To use "
    "function "
    "tools, use /v1/responses or set reasoning_effort to 'none'."
)


def test_tools_beside_an_effort() -> None:
    """Without one `none` is sent; one that was asked for is not taken away."""
    body = said(BESIDE_TOOLS, param="reasoning_effort")
    sent = fixed(body, messages=HI, tools=TOOLS)
    assert sent == ({"messages": HI, "tools": TOOLS, "reasoning_effort": "none"}, True)
    assert fixed(body, messages=HI, tools=TOOLS, reasoning_effort="high") is None


def form(**more: Any) -> Any:
    """The form of an answer in chat completions."""
    return {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}, **more}}


def test_a_schema_that_is_not_strict_enough_is_sent_without_the_promise() -> None:
    """And remembered for that schema alone."""
    body = said(
        "Invalid schema for response_format 'a': In context=('properties', 'x'), 'default' is not permitted."
    )
    assert fixed(body, messages=HI, response_format=form(strict=True)) == (
        {"messages": HI, "response_format": form()},
        True,
    )
    fix = fix_for(Complaint.of(body), {"messages": HI, "response_format": form(strict=True)})
    assert fix is not None
    other: Any = form(strict=True, schema={"type": "object", "title": "other"})
    assert not fix.apply({"messages": HI, "response_format": other})
    assert fixed(body, messages=HI, response_format=form()) is None


@pytest.mark.parametrize(
    "message",
    [
        "This response_format type is unavailable now",
        "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",
        "this model does not support response format json_schema",
    ],
)
@pytest.mark.parametrize("system", [[], [{"role": "system", "content": "Be terse."}]])
def test_a_server_without_schemas_is_told_it_in_words(message: str, system: Any) -> None:
    """Beside the instructions, if there are any."""
    sent, lasting = fixed(said(message), messages=[*system, *HI], response_format=form(strict=True))
    assert lasting
    assert sent["response_format"] == {"type": "json_object"}
    first, *rest = sent["messages"]
    assert first["role"] == "system"
    assert '{"type":"object"}' in first["content"]
    assert first["content"].startswith("Be terse." if system else "Answer with one JSON object")
    assert rest == HI


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (said("tools are not supported with this model"), {"tools": TOOLS}),
        (said("Unsupported parameter: 'tools'", param="tools"), {"tools": TOOLS, "temperature": 1}),
        (said("tool_choice 'none' is not supported"), {"tool_choice": "none", "tools": TOOLS}),
        (
            said("Invalid value: temperature is not supported", param="messages[1].content"),
            {"temperature": 1},
        ),
        (
            said("messages.1.content.0.thinking: Extra inputs are not permitted"),
            {"thinking": {"type": "enabled"}},
        ),
        (said("Too many stop sequences: at most 4"), {"stop": list("abcde")}),
        (said("store is not supported"), {"store": False}),
        (said("temperature is not supported"), {}),
        (said("Something is wrong"), {"temperature": 1}),
        (b"", {"temperature": 1}),
        (b"<html>temperature is not supported</html>", {"temperature": 1}),
    ],
)
def test_what_carries_meaning_has_no_fix(body: bytes, fields: Any) -> None:
    """Tools, the conversation, what was said of privacy: the next target is asked instead."""
    assert fixed(body, **fields) is None


FIELDS: dict[str, Any] = {
    "messages": HI,
    "tools": TOOLS,
    "max_tokens": 64000,
    "temperature": 0.5,
    "stop": ["x"],
    "reasoning_effort": "high",
    "response_format": form(strict=True),
    "options": {"num_predict": -1, "top_k": True},
}


NOISE = """max_tokens temperature 'high' <= 999999999999999999999 1e400 -1 0 8,192,, not supported
    when tools none context length is 5 response_format strict json_schema range (exclusive) less than 3"""


@given(
    st.binary(max_size=60)
    | st.lists(
        st.sampled_from(NOISE.split()),
        max_size=25,
    ).map(lambda words: said(" ".join(words)))
)
def test_no_refusal_breaks_anything(body: bytes) -> None:
    """Whatever a server says, there is a fix or none; meaning is never given up."""
    fields = json.loads(json.dumps(FIELDS))
    fix = fix_for(Complaint.of(body), fields)
    if fix is not None:
        fix.apply(fields)
    assert fields["tools"] == TOOLS
    assert fields["messages"][-1:] == HI
    assert "response_format" in fields
    json.dumps(fields, allow_nan=False)
