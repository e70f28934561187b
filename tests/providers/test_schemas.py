"""Which schemas are strict, and what becomes of one that a wire cannot take as it is."""

import json
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from ranvier import Deployment, Pipeline
from ranvier.errors import UnsupportedRequestError
from ranvier.layers import Breaker, Fallback
from ranvier.messages import Message, Request, Schema
from ranvier.providers import Anthropic, Gemini, Ollama
from ranvier.providers._models.schemas import closed, has_maps, is_strict
from ranvier.testing import ScriptedProvider
from support.providers.openai_apis import Chat
from support.providers.repairs import refusal, server

NOTHING = httpx.Response(200, json={})


def of(schema: Any, **more: Any) -> dict[str, Any]:
    """A closed object with one property of that schema."""
    return {
        "type": "object",
        "properties": {"x": schema},
        "required": ["x"],
        "additionalProperties": False,
        **more,
    }


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string"},
        {"type": ["string", "null"], "description": "x", "title": "X"},
        {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1, "maxItems": 9},
        {"anyOf": [{"type": "null"}, of({"type": "boolean"})]},
        {"type": "string", "enum": ["a", "b"]},
        {"type": "string", "const": "a"},
        {"type": "string", "pattern": r"^(?:[a-z]+\d{2}|\(x\)|\.)$", "format": "date-time"},
        {"type": "string", "format": "uuid"},
        {"$ref": "#"},
        of({"type": "number", "multipleOf": 0.5}),
    ],
)
def test_what_openai_takes_is_strict(schema: Any) -> None:
    """A schema of its subset is held to by the server."""
    assert is_strict(of(schema))


@pytest.mark.parametrize(
    "schema",
    [
        {},
        True,
        {"description": "anything"},
        {"enum": ["a", 1]},
        {"type": "array"},
        {"type": "array", "items": {}},
        {"type": "array", "items": True},
        {"type": ["array", "null"]},
        {"type": "array", "prefixItems": [{"type": "string"}], "minItems": 1, "maxItems": 1},
        {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        {"type": "object"},
        {"type": "object", "additionalProperties": False},
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False},
        {"type": "object", "properties": {}, "required": []},
        {"type": "string", "pattern": "^(?!x)"},
        {"type": "string", "pattern": "(?=.*x)"},
        {"type": "string", "pattern": "(?<=x)y"},
        {"type": "string", "pattern": "(?<!x)y"},
        {"type": "string", "pattern": r"(a)\1"},
        {"type": "string", "pattern": r"(?P<name>a)"},
        {"type": "string", "pattern": r"\p{L}+"},
        {"type": "string", "format": "uri"},
        {"type": "string", "format": "binary"},
        {"type": "string", "minLength": 1},
        {"type": "string", "default": "x"},
        {"type": "string", "examples": ["x"]},
        {"$ref": "#/$defs/a", "description": "x"},
        {"$ref": "https://elsewhere.test/schema"},
        {"oneOf": [{"type": "string"}]},
        {"allOf": [{"type": "string"}]},
        {"not": {"type": "string"}},
        {"type": "string", "enum": [str(each) for each in range(1001)]},
    ],
)
def test_what_openai_refuses_is_not_strict(schema: Any) -> None:
    """With any of it a strict schema is a 400, or a 500 that would be taken for an outage."""
    assert not is_strict(of(schema))


def test_a_root_has_to_be_an_object() -> None:
    """And no choice."""
    assert is_strict(of({"type": "string"}))
    assert not is_strict(of({"type": "string"}, anyOf=[{"type": "object"}]))
    assert not is_strict({"type": "string"})


def test_what_is_too_deep_is_not_strict() -> None:
    """Ten objects within each other are taken."""
    schema: Any = {"type": "string"}
    for _ in range(10):
        schema = of(schema)
    assert is_strict(schema)
    assert not is_strict(of(schema))


class Loose(BaseModel):
    """Kinds that strict wires refuse."""

    pair: tuple[int, str]
    whatever: Any
    several: list
    scores: dict[str, int]


LOOSE = {"pair": [1, "a"], "whatever": 1, "several": [1, "a"], "scores": {"x": 1}}
LOOKAHEAD = of({"type": "string", "pattern": r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$"})


@pytest.mark.parametrize(("form", "answer"), [(Loose, LOOSE), (LOOKAHEAD, {"x": "12.34"})])
async def test_a_schema_that_would_break_the_server_is_not_strict(form: Any, answer: Any) -> None:
    """The answer is checked here all the same, and no circuit opens for a server that is well."""

    def openai(request: httpx.Request) -> httpx.Response:
        if json.loads(request.content).get("response_format", {}).get("json_schema", {}).get("strict"):
            return httpx.Response(500, json={"error": {"message": "The server had an error"}})
        message = {"content": json.dumps(answer)}
        return httpx.Response(200, json={"choices": [{"message": message, "finish_reason": "stop"}]})

    client = httpx.AsyncClient(transport=httpx.MockTransport(openai))
    target = Deployment(Chat("sk-1", http_client=client), "gpt-5.4-mini")
    breaker = Breaker(failure_threshold=1)
    async with client, Pipeline(Fallback(target), breaker) as pipeline:
        response = await pipeline.complete("Hi", schema=form)
        assert response.parsed == (answer if form is LOOKAHEAD else Loose(**answer))
        assert (await pipeline.complete("Hi")).text


# --- maps ----------------------------------------------------------------------------------------

MAPS = [
    {"type": "object", "additionalProperties": {"type": "integer"}},
    {"type": "object", "additionalProperties": True},
    {"type": "object", "additionalProperties": {}},
    {"type": "object"},
    {"type": ["object", "null"]},
    {"type": "object", "patternProperties": {"^x": {"type": "integer"}}, "additionalProperties": False},
    {"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": {"type": "integer"}},
]

NO_MAPS = [
    {"type": "object", "properties": {"a": {"type": "string"}}},
    {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": True},
    {"type": "object", "properties": {}, "additionalProperties": False},
    {"type": "object", "anyOf": [of({"type": "string"})]},
    {"type": "string"},
]


@pytest.mark.parametrize("schema", MAPS)
@pytest.mark.parametrize("inside", [False, True])
async def test_a_map_goes_to_whoever_can_hold_it(ask: Any, schema: Any, inside: bool) -> None:
    """Anthropic takes closed objects alone, so that an answer could silently hold no key: others can."""
    definition = of({"type": "array", "items": schema}) if inside else {**schema, "type": "object"}
    request = Request((Message.user("Hi"),), schema=Schema(definition))
    assert has_maps(definition)
    for kind, place in ((Chat, "response_format"), (Gemini, "generationConfig"), (Ollama, "format")):
        async with ask(kind, NOTHING) as asked:
            assert "object" in json.dumps((await asked.sent(request, model="m"))[place])
    async with ask(Anthropic, NOTHING) as asked:
        with pytest.raises(UnsupportedRequestError, match="map") as caught:
            await asked.complete(request, model="claude-sonnet-5")
        assert not asked.requests
        assert caught.value.fails_over
        second = ScriptedProvider("second", ['{"x": []}' if inside else '{"xa": 1}'])
        target = Deployment(asked.provider, "claude-sonnet-5")
        async with Pipeline(Fallback(target, second)) as pipeline:
            answer = await pipeline.complete("Hi", schema=definition)
            assert answer.provider == "second"


@pytest.mark.parametrize("schema", NO_MAPS)
def test_an_open_object_is_closed_for_anthropic(schema: Any) -> None:
    """What it names is all that is asked for, and nothing is lost."""
    assert not has_maps(of(schema))
    for each in (closed(of(schema)), closed(of(schema))["properties"]["x"]):
        assert each.get("additionalProperties", False) is False
        assert "additionalProperties" in each or each["type"] != "object"


def test_what_anthropic_does_not_know_stands_in_words() -> None:
    """Where it reads them; a tuple stays a list of what it holds."""
    pair = {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "maxItems": 2}
    schema = closed(of(pair, **{"$schema": "https://json-schema.org/draft/2020-12/schema"}))
    sent = schema["properties"]["x"]
    assert sent["items"] == {"anyOf": pair["prefixItems"]}
    assert "prefixItems" in sent["description"]
    assert "maxItems: 2" in sent["description"]
    assert sent.keys() == {"type", "items", "description"}
    assert "$schema" not in json.dumps(schema)
    odd = closed(of({"type": "string", "format": "binary", "pattern": "^a"}))["properties"]["x"]
    assert odd == {"type": "string", "description": '{format: "binary", pattern: "^a"}'}


# --- what servers refuse -------------------------------------------------------------------------


@dataclass
class Answer:
    """What is asked for."""

    city: str


@pytest.mark.parametrize("way", ["complete", "stream"])
async def test_a_strict_schema_that_is_refused_is_sent_without_the_promise(ask: Any, way: str) -> None:
    """Once, and from then on at once; another schema is still strict."""
    first, second = (Schema.of(Answer), Schema(of({"type": "string"})))

    def refuses(fields: Any) -> httpx.Response | None:
        form = fields["response_format"]["json_schema"]
        if form.get("strict") and "city" in json.dumps(form):
            return refusal("Invalid schema for response_format 'Answer': no.", param="response_format")
        return None

    async with ask(Chat, server("openai", refuses)) as asked:
        for schema in (first, first, second):
            await getattr(asked, way)(Request((Message.user("Hi"),), schema=schema), model="m")
    forms = [json.loads(each.content)["response_format"]["json_schema"] for each in asked.requests]
    assert [form.get("strict") for form in forms] == [True, None, None, True]


@pytest.mark.parametrize("way", ["complete", "stream"])
async def test_a_server_without_schemas_is_asked_in_words(ask: Any, way: str) -> None:
    """As DeepSeek at a gateway: one refusal, then JSON and the schema in the instructions."""

    def refuses(fields: Any) -> httpx.Response | None:
        if fields["response_format"]["type"] == "json_schema":
            return refusal("This response_format type is unavailable now")
        return None

    async with ask(Chat, server("openai", refuses), name="gateway", base_url="http://gateway.test") as asked:
        for _ in range(2):
            request = Request((Message.user("Hi"),), schema=Schema.of(Answer))
            await getattr(asked, way)(request, model="deepseek-chat")
    sent = [json.loads(each.content) for each in asked.requests]
    assert [each["response_format"]["type"] for each in sent] == ["json_schema", "json_object", "json_object"]
    assert sent[1] == sent[2]
    assert '"city"' in sent[1]["messages"][0]["content"]
