"""Whatever a caller, a tool or a model gives: it is taken, or refused by an error of ours that says why."""

import copy
import dataclasses
import json
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from ranvier.errors import ConfigurationError, InvalidResponseError, RanvierError, UnsupportedRequestError
from ranvier.messages import Audio, Document, Image, Request, Schema, Tool, ToolCall
from ranvier.messages.build import build_request
from ranvier.providers._failures.waits import retry_after
from ranvier.providers._wire.adapter import Adapter
from ranvier.providers._wire.fields import encoded
from support.fuzz.corpus import ADAPTERS, call_to
from support.fuzz.fuzzing import grows_at_most_linearly, tried
from support.fuzz.mutating import BYTES, WRONG, damaged, mutated
from support.providers.shapes import anything

SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "City",
    "properties": {
        "name": {"type": "string", "minLength": 1, "description": "x"},
        "people": {"type": ["integer", "null"], "minimum": 0},
        "near": {"type": "array", "items": {"$ref": "#/$defs/place"}, "maxItems": 3},
        "kind": {"enum": ["town", "village"]},
        "either": {"oneOf": [{"type": "object", "properties": {"x": {"type": "number"}}}, {"type": "null"}]},
    },
    "$defs": {"place": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}},
    "required": ["name"],
    "additionalProperties": False,
}
ANSWER = {"name": "Bern", "people": 7, "near": [{"name": "Thun"}], "kind": "town", "either": {"x": 1.5}}

PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
PDF = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0x"}}
NOTES = {
    "type": "document",
    "source": {"type": "text", "media_type": "text/plain", "data": "A."},
    "title": "b",
}
SOUND = {"type": "input_audio", "input_audio": {"data": "SUQz", "format": "mp3"}}
PLAN = {"type": "input_file", "file_url": "https://x.test/a.pdf", "detail": "low"}
CALL = {"id": "a b", "type": "function", "function": {"name": "f", "arguments": '{"x": [1, {"y": null}]}'}}
CONVERSATION: list[Any] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "Where?"}, PICTURE]},
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "a b", "content": "42", "name": "f"},
    {"role": "user", "content": "And now?"},
]
MEDIA: list[Any] = [
    {"role": "user", "content": ["What is this?", part]} for part in (PDF, NOTES, SOUND, PLAN)
]
OPTIONS: dict[str, Any] = {
    "system": "You are terse.",
    "max_tokens": 100,
    "temperature": 0.5,
    "top_p": 0.9,
    "stop": ["END"],
    "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}}],
    "tool_choice": "auto",
    "schema": SCHEMA,
    "repair": 1,
    "reasoning": "high",
    "reasoning_summary": True,
    "seed": 7,
    "cache": "1h",
    "cache_key": "acme",
    "extra": {"seed": 7, "openai": {"user": "u"}, "metadata": {"a": {"b": 1}}, "reasoning_effort": "low"},
}


class Place(BaseModel):
    """A model that an answer is read into."""

    name: str
    people: int | None = None
    near: list["Place"] = []
    kind: str | bool | list[float] = "town"


@dataclasses.dataclass
class Town:
    """The same as a dataclass."""

    name: str
    people: int = 0


def sent(request: Request) -> None:
    """What every adapter writes of it is JSON; at worst it says that it cannot be asked for this."""
    for name, adapter in ADAPTERS.items():
        call = call_to(name)
        call.request = request
        for streaming in (False, True):
            with suppress(UnsupportedRequestError, ConfigurationError):
                json.loads(encoded(Adapter._fields(adapter, call, adapter.wire_for(call), streaming)))


@tried(60)
@given(mutated(CONVERSATION), mutated(OPTIONS))
def test_a_call_is_taken_or_refused(conversation: Any, options: Any) -> None:
    """With whatever wrong in its messages and options; what is taken can be sent to everybody."""
    given = {name: value for name, value in options.items() if name in OPTIONS}
    before = copy.deepcopy(given)
    for prompt, said in ((conversation, {}), (conversation, given), (CONVERSATION, given)):
        with suppress(ConfigurationError):
            sent(build_request(prompt, said))  # type: ignore[arg-type]
    assert repr(given) == repr(before)


@tried(100)
@given(st.sampled_from(MEDIA).flatmap(mutated))
def test_a_document_or_sound_is_taken_or_refused(message: Any) -> None:
    """As a dict of any API; what is taken can be sent to everybody, or is known to be taken by nobody."""
    with suppress(ConfigurationError):
        sent(build_request([message], {}))


@tried(60)
@given(st.sampled_from(WRONG) | anything | st.lists(anything, max_size=3))
def test_a_prompt_of_any_kind_is_taken_or_refused(prompt: Any) -> None:
    """Not only those that are almost right."""
    with suppress(ConfigurationError):
        sent(build_request(prompt, {}))


@tried(60)
@given(mutated(SCHEMA), mutated(ANSWER))
def test_a_schema_is_taken_or_refused_and_an_answer_fits_or_not(definition: Any, answer: Any) -> None:
    """A schema with something wrong in it, held against an answer with something wrong in it."""
    with suppress(ConfigurationError):
        schema = Schema.of(definition)
        for data in (answer, ANSWER):
            assert_fits_or_says_where(schema, json.dumps(data))


@tried(100)
@given(mutated(ANSWER), st.sampled_from([SCHEMA, Place, Town]), st.data())
def test_an_answer_fits_its_schema_or_the_place_is_told(answer: Any, form: Any, data: st.DataObject) -> None:
    """Whatever a model writes, with bytes missing, doubled or strange."""
    content = data.draw(damaged(json.dumps(answer).encode()))
    assert_fits_or_says_where(Schema.of(form), content.decode("utf-8", "surrogateescape"))


def assert_fits_or_says_where(schema: Schema, text: str) -> None:
    """One of the two, in words that are bounded."""
    parsed, mismatches = schema.fit(text)
    assert not mismatches or parsed is None
    for mismatch in mismatches:
        assert len(str(mismatch)) < 1000
        assert len(mismatch.words) <= 300


@tried(100)
@given(st.data())
def test_arguments_of_tools_are_read_or_refused(data: st.DataObject) -> None:
    """What a model gives a tool is a dict that fits, or an error that may go back to the model."""
    text = data.draw(damaged(json.dumps(ANSWER).encode())).decode("utf-8", "replace")
    call = ToolCall.parse("a", "f", text)
    assert isinstance(call.arguments, dict)
    assert call.invalid in (None, text)
    for tool in (Tool("f", "d", SCHEMA), Tool.of(Place, name="f")):
        with suppress(InvalidResponseError):
            tool.arguments(call)


@tried(100)
@given(st.text(max_size=60) | st.sampled_from(WRONG), st.binary(max_size=30) | st.sampled_from(BYTES))
def test_media_are_taken_or_refused(url: Any, data: bytes) -> None:
    """By any address and by any bytes."""
    for arguments in ({"url": url}, {"url": f"data:image/png;base64,{url}"}, {"data": data}):
        for kind in (Image, Document, Audio):
            if isinstance(url, str):
                with suppress(ConfigurationError):
                    assert kind(**arguments).data_url
    for more in ({"media_type": url}, {"name": url}):
        for start in (b"", b"%PDF-", b"RIFF....WAVE"):
            with suppress(ConfigurationError):
                assert Document(data=start + data, **more).data_url


NUMBERS = st.from_regex(r"[-+]?[0-9]{0,3}[.e]?[0-9]{0,14} ?(ms|s|m|h|d|seconds|)?", fullmatch=True)
DATES = st.from_regex(r"(Wed, )?[0-9]{1,2} (Nov|Feb|Xxx) [0-9]{1,5} [0-9]{2}:[0-9]{2}:[0-9]{2} (GMT|-9999)?")
WAITS = NUMBERS | DATES | st.text(max_size=20)
DETAILS = {"metadata": {"headers": {"Retry-After": "7"}}, "details": [{"retryDelay": "3.5s"}]}
REFUSAL = {"error": {"retry_after": 5, "message": "retry in 5s", **DETAILS}}


@tried(200)
@given(WAITS, WAITS, mutated(REFUSAL))
def test_a_wait_is_a_sane_number_or_none(first: str, second: str, body: Any) -> None:
    """Whatever headers and bodies say, nobody waits a negative time, for ever, or not a number."""
    for headers in ({"retry-after": first, "date": second}, {"retry-after-ms": first, "retry-after": second}):
        for said in (body, f"please retry in {first}", f"wait {second}"):
            wait = retry_after(headers, said)
            assert wait is None or 0 <= wait < 1e16


def test_a_large_answer_is_held_against_its_schema_in_proportion() -> None:
    """Ten times as many items take ten times as long, written out or declared."""
    for form in (SCHEMA, Place):
        schema = Schema.of(form)

        def work(size: int, schema: Schema = schema) -> None:
            schema.fit(json.dumps({"name": "x", "near": [{"name": "y"}] * size}))

        assert grows_at_most_linearly(work, 100)


@tried(40)
@given(anything)
def test_an_extra_is_taken_or_refused(extra: Any) -> None:
    """Fields of the wire may be anything that is JSON."""
    with suppress(RanvierError):
        sent(build_request("Hi", {"extra": extra}))
