"""Structured output: the type of `parsed` is the one that was asked for."""

from dataclasses import dataclass
from typing import Any, TypeVar, assert_type

from pydantic import BaseModel
from typing_extensions import TypedDict

from ranvier import Pipeline, Request, Response, Schema, resilient
from ranvier.pipeline import ResponseStream
from ranvier.testing import ScriptedProvider

T = TypeVar("T")


class Invoice(BaseModel):
    number: int


@dataclass
class Point:
    x: int


class Movie(TypedDict):
    title: str


def answering(text: str) -> Pipeline:
    return resilient(ScriptedProvider("anthropic", [text]))


async def test_parsed_has_the_type_that_was_asked_for() -> None:
    """Of a pydantic model, a dataclass, a TypedDict, a generic and a plain type."""
    model = await answering('{"number": 7}').complete("Which?", schema=Invoice, repair=1)
    assert_type(model, Response[Invoice])
    assert_type(model.parsed, Invoice)
    assert model.parsed == Invoice(number=7)
    point = await answering('{"x": 7}').complete("Where?", schema=Point)
    assert_type(point.parsed, Point)
    assert point.parsed == Point(7)
    movie = await answering('{"title": "Alien"}').complete("Which?", schema=Movie)
    assert_type(movie.parsed, Movie)
    assert movie.parsed["title"] == "Alien"
    numbers = await answering('{"answer": [1, 2]}').complete("Which?", schema=list[int])
    assert_type(numbers.parsed, list[int])
    assert sum(numbers.parsed) == 3
    invoices = await answering('{"answer": [{"number": 1}]}').complete("Which?", schema=list[Invoice])
    assert_type(invoices.parsed, list[Invoice])
    truth = await answering('{"answer": true}').complete("Is it?", schema=bool)
    assert_type(truth.parsed, bool)


async def test_parsed_of_a_json_schema_or_of_none_is_not_known_to_the_type_checker() -> None:
    """It may be anything: a dict, or `None` where nothing was asked for."""
    written = {"type": "object", "properties": {"x": {"type": "integer"}}}
    assert_type((await answering('{"x": 1}').complete("Which?", schema=written)).parsed, Any)
    assert_type((await answering('{"x": 1}').complete("Which?", schema=Schema.of(written))).parsed, Any)
    plain = await answering("hello").complete("Hi")
    assert_type(plain.parsed, Any)
    assert plain.parsed is None
    request = Request(messages=(), schema=Schema.of(Invoice))
    assert request.schema is not None


async def test_streams_know_the_type_as_well() -> None:
    """In their response, and in what is collected."""
    async with answering('{"number": 7}').stream("Which?", schema=Invoice) as stream:
        assert_type(stream, ResponseStream[Invoice])
        collected = await stream.collect()
        assert_type(collected, Response[Invoice])
        assert_type(stream.response, Response[Invoice] | None)
    assert collected.parsed.number == 7
    waiting = await answering('{"x": 7}').stream("Where?", schema=Point)
    assert_type((await waiting.collect()).parsed, Point)


async def ask(pipeline: Pipeline, question: str, kind: type[T]) -> T:
    """A function that is generic itself."""
    return (await pipeline.complete(question, schema=kind)).parsed


async def ask_maybe(pipeline: Pipeline, question: str, kind: type[T] | None = None) -> Response[T]:
    return await pipeline.complete(question, schema=kind)


def show(answer: Response) -> str:
    """`Response` without a parameter takes any."""
    return answer.text


def number(answer: Response[BaseModel]) -> str:
    return answer.parsed.model_dump_json()


async def test_functions_around_a_call_are_generic_too() -> None:
    """What they return is what was asked for."""
    pipeline = answering('{"number": 7}')
    assert_type(await ask(pipeline, "Which?", Invoice), Invoice)
    answer = await ask_maybe(pipeline, "Which?", Invoice)
    assert_type(answer.parsed, Invoice)
    answers: list[Response] = [answer, await pipeline.complete("Hi")]
    assert [show(each) for each in answers] == ['{"number": 7}'] * 2
    assert number(answer) == '{"number":7}'
