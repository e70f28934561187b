"""Asks for a lake by instructor: whole and streamed, with and without `await`."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import openai
from pydantic import BaseModel

import instructor
from instructor import Mode
from ranvier import Deployment, Pipeline
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Throttle, Timeout
from ranvier.providers import OpenAI
from ranvier.simulator import CallTool, Fault, Fine, Say, Simulator

KEY = "sk-simulated"
FORMS = ("whole", "partial", "iterable")
MODES = (Mode.TOOLS, Mode.JSON_SCHEMA)
LAKES = {"tasks": [{"name": "Zürich", "depth": 136}, {"name": "Genf", "depth": 310}]}


class Lake(BaseModel):
    """A lake."""

    name: str
    depth: int


def stack(simulator: Simulator) -> Pipeline:
    """Two endpoints of OpenAI: the second is asked where the first stays silent."""
    url = simulator.url("openai")
    first, second = (OpenAI(KEY, api="chat", base_url=url, name=name) for name in ("openai", "backup"))
    return Pipeline(
        Deadline(10),
        Fallback(Deployment(first, "gpt-5.2"), Deployment(second, "gpt-5.2")),
        Retry(base_delay=0.01),
        Throttle(),
        Breaker(),
        Timeout(seconds=2, first_token=2),
        listeners=(),
    )


def answer_to(form: str, mode: Mode) -> Fault:
    """The good answer; instructor requires nothing of a list, so that the simulator would leave it empty."""
    if form != "iterable":
        return Fine()
    return calling("IterableLake", LAKES) if mode is Mode.TOOLS else Say(json.dumps(LAKES))


def calling(name: str, arguments: dict[str, Any]) -> Fault:
    """An answer with one call, in place of that which the simulator would make up."""
    return Say("") & CallTool(name, arguments)


def _asked(max_retries: int) -> dict[str, Any]:
    messages = [{"role": "user", "content": "Name a lake."}]
    return {"model": "gpt-5.2", "messages": messages, "response_model": Lake, "max_retries": max_retries}


async def lakes(url: str, transport: Any, form: str, mode: Mode, max_retries: int = 0) -> list[Any]:
    """The lakes that instructor reads, by the SDK's asynchronous client."""
    http = httpx2.AsyncClient(transport=transport, timeout=3)
    async with openai.AsyncOpenAI(api_key=KEY, base_url=url, http_client=http, max_retries=0) as sdk:
        client, asked = instructor.from_openai(sdk, mode=mode), _asked(max_retries)
        if form == "whole":
            return [await client.create(**asked)]
        if form == "partial":
            return [lake async for lake in client.create_partial(**asked)][-1:]
        return [lake async for lake in client.create_iterable(**asked)]


async def first_lake(url: str, transport: Any) -> Any:
    """The first lake of a streamed list, of which no more is read."""
    http = httpx2.AsyncClient(transport=transport)
    async with openai.AsyncOpenAI(api_key=KEY, base_url=url, http_client=http, max_retries=0) as sdk:
        return await anext(aiter(instructor.from_openai(sdk).create_iterable(**_asked(0))))


def lakes_without_await(url: str, transport: Any, form: str, mode: Mode) -> list[Any]:
    """The same by the other client."""
    http = httpx2.Client(transport=transport, timeout=3)
    with openai.OpenAI(api_key=KEY, base_url=url, http_client=http, max_retries=0) as sdk:
        client, asked = instructor.from_openai(sdk, mode=mode), _asked(0)
        if form == "whole":
            return [client.create(**asked)]
        if form == "partial":
            return list(client.create_partial(**asked))[-1:]
        return list(client.create_iterable(**asked))


def are_lakes(found: list[Any], form: str) -> bool:
    """True if these are whole lakes, as many as were asked for."""
    count = 2 if form == "iterable" else 1
    return len(found) == count and all(lake.name and isinstance(lake.depth, int) for lake in found)
