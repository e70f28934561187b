"""A form that is declared as a type: the JSON schema that each SDK makes of it, and ours."""

from __future__ import annotations

import datetime
import enum
import re
from contextlib import suppress
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError

from ranvier.messages import Message, Request, Schema
from support.oracles.answers import our_reading
from support.oracles.asking_both import ADAPTERS
from support.oracles.comparing_letters import differences
from support.oracles.postbox import Postbox
from support.oracles.vendors import KEY, PROMPT, anthropic_at, openai_at
from support.providers.seven import body

pytestmark = pytest.mark.once


class Colour(enum.Enum):
    """A colour."""

    RED = "red"
    GREEN = "green"


class Point(BaseModel):
    """A place."""

    x: float
    y: float = 0.0


class Gap(BaseModel):
    """Everything that a form has."""

    name: str = Field(description="Its name")
    count: int = Field(ge=1, le=10)
    colour: Colour
    kind: Literal["node", "gap"]
    maybe: str | None = None
    where: Point
    places: list[Point] = Field(min_length=2)
    either: int | Point
    when: datetime.date


class Tree(BaseModel):
    """A form that refers to itself."""

    value: int
    children: list[Tree]


async def asked_by_openai(url: str, model: str, form: type[BaseModel]) -> None:
    """Ask for a form as the SDK's documentation does."""
    async with openai_at(url) as client:
        with suppress(ValidationError):  # the answer is another one, but the request was sent
            await client.chat.completions.parse(model=model, messages=PROMPT, response_format=form)


async def asked_by_anthropic(url: str, model: str, form: type[BaseModel]) -> None:
    """The same."""
    async with anthropic_at(url) as client:
        with suppress(ValidationError):
            await client.messages.parse(model=model, max_tokens=100, messages=PROMPT, output_format=form)


SDKS: dict[str, tuple[str, Any]] = {
    "openai": ("gpt-4.1", asked_by_openai),
    "anthropic": ("claude-opus-4-6", asked_by_anthropic),
}

OF_EVERY_FORM: dict[str, dict[str, str]] = {
    "openai": {
        r".*\.title": "a field's name is not said once more: a model pays for every word",
        r".*\.default": "strict forms have no defaults, says OpenAI; its SDK leaves out but null",
    },
    "anthropic": {
        r"header .*": "what differs in every request, whatever is asked",
        r".*\.title": "a field's name is not said once more",
        r".*\.(maybe|y)\.description": "the SDK puts defaults into words; ours are filled in when it comes",
        r".*\.required\[\d\]": "to us fields with a default are required, too",
        r".*\.(kind|Colour)\.type": "the SDK leaves out the type beside an enum, which tells it",
    },
}
"""Places in which our schema may differ from the SDK's, as patterns, and why."""

AT_THE_ROOT = r"output_config\.format\.schema\.(?!\$defs).*"
"""To Anthropic, the SDK sends a form that refers to itself as a mere reference, which other wires refuse:
ours is written out there. What it refers to is compared."""


@pytest.mark.parametrize("form", [Gap, Tree])
@pytest.mark.parametrize("provider", SDKS)
async def test_a_type_becomes_the_same_schema(postbox: Postbox, provider: str, form: type[BaseModel]) -> None:
    """Nested, optional, of several types, an enum, a reference: it is the schema that the SDK makes."""
    model, ask = SDKS[provider]
    postbox.answers(body(provider, "answer.json"), streamed=False)
    limit = 100 if provider == "anthropic" else None
    request = Request((Message.user("Hi"),), max_tokens=limit, schema=Schema.of(form))
    async with our_reading(ADAPTERS[provider], postbox.url) as adapter:
        await adapter(model=model, streamed=False, request=request, key=KEY)
    await ask(postbox.url, model, form)
    ours, theirs = postbox.letters
    allowed = [*OF_EVERY_FORM[provider], *([AT_THE_ROOT] if form is Tree else [])]
    different = differences(ours, theirs)
    assert [place for place in different if not re.fullmatch("|".join(allowed), place)] == []
    assert all(any(re.fullmatch(each, place) for place in different) for each in allowed if form is Gap)
