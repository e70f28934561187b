"""What answers have beside their content, found out by leaving each field out in turn."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import httpx

from ranvier.errors import ProviderError
from ranvier.facts.rate_limits import RateLimits
from ranvier.messages import Message, Request, Response
from ranvier.providers._http.port import REQUEST_IDS
from ranvier.providers._reading.rate_limits import rate_limits
from ranvier.simulator.dialogue import Answer
from ranvier.simulator.wires import wire_of
from support.providers.asking import opened
from support.providers.beside import SENT
from support.providers.features_answered import read
from support.providers.features_sent import Table, quoted
from support.providers.seven import APIS, collected

ATTRIBUTES = ("citations", "logprobs", "refusal", "service_tier")
SAME = ("text", "usage", "raw_finish_reason")
"""What must not change without a field: else that field holds more than the attribute."""


async def details() -> Table:
    """Which field of an answer each attribute is read from."""
    table = [["provider", *(f"`{attribute}`" for attribute in ATTRIBUTES)]]
    for name in APIS:
        places = await places_of(name)
        shown = (quoted(path.replace(".*", "[]") for path in each) for each in places.values())
        table.append([name, *(each or "not sent" for each in shown)])
    return table


async def places_of(name: str) -> dict[str, list[str]]:
    """The fields without which an attribute changes, and nothing else."""
    answers = [SENT[name][0]]
    places: dict[str, list[str]] = {attribute: [] for attribute in ATTRIBUTES}
    async with opened(APIS[name], lambda request: httpx.Response(200, json=answers[-1])) as server:
        whole = await server.complete(model="m")
        for path in sorted(set(paths(answers[0])), key=lambda path: (path.count("."), path)):
            answers.append(left_out(answers[0], path.split(".")))
            try:
                without = await server.complete(model="m")
            except ProviderError:
                continue
            if all(getattr(without, same) == getattr(whole, same) for same in SAME):
                for attribute, found in places.items():
                    nested = any(path.startswith(f"{outer}.") for outer in found)
                    if getattr(without, attribute) != getattr(whole, attribute) and not nested:
                        found.append(path)
    return places


def paths(value: Any, path: str = "") -> Iterator[str]:
    """The path of each field; `*` stands for every index of a list."""
    if isinstance(value, list):
        for each in value:
            yield from paths(each, f"{path}.*")
    elif isinstance(value, dict):
        for key, each in value.items():
            here = f"{path}.{key}".removeprefix(".")
            yield here
            yield from paths(each, here)


def left_out(value: Any, path: list[str]) -> Any:
    """A copy of `value` without a field."""
    value = copy.copy(value)
    first, *rest = path
    if isinstance(value, list):
        return [left_out(each, rest) if isinstance(each, dict | list) else each for each in value]
    if first in value and rest:
        value[first] = left_out(value[first], rest)
    elif first in value:
        del value[first]
    return value


# --- replies -------------------------------------------------------------------------------------


async def replies() -> Table:
    """What of the HTTP reply an answer has; headers are those that the provider is known to send."""
    head = ["not streamed", "streamed", "streamed with `keep_raw=True`"]
    table = [["provider", *(f"`raw`, {each}" for each in head), "`request_id`", "`rate_limit`"]]
    for name in APIS:
        body, content, _ = SENT[name]
        whole = await read(name, body)
        assert isinstance(whole, Response)
        streamed = [await streamed_raw(name, content, keep_raw=keep_raw) for keep_raw in (False, True)]
        raws = (whole.raw, *streamed)
        table.append([name, *(kind_of(raw, body) for raw in raws), *headers_of(name)])
    return table


async def streamed_raw(name: str, content: bytes, *, keep_raw: bool) -> Any:
    """The `raw` of a streamed answer."""
    async with opened(APIS[name], httpx.Response(200, content=content)) as server:
        request = Request((Message.user("Hi"),), keep_raw=keep_raw)
        return collected(await server.stream(request, model="m"), name).raw


def kind_of(raw: Any, body: Any) -> str:
    """What a `raw` is."""
    if isinstance(raw, list):
        assert all(isinstance(each, dict) for each in raw)
        return "list of the events"
    return "the answer" if json.dumps(raw) == json.dumps(body) else f"`{raw}`"


def headers_of(name: str) -> tuple[str, str]:
    """The header with the id, and the limits that are reported, by the headers of the simulator."""
    wire = wire_of({"responses": "openai", "converse": "bedrock"}.get(name, name))
    headers = dict([*wire.headers("1"), *wire.limits(Answer(1, 1, "m", 1_790_000_000, 5))])
    found = rate_limits({**headers, "date": "Mon, 21 Sep 2026 14:13:20 GMT"})
    known = RateLimits.__dataclass_fields__
    kinds = [kind.replace("_", " ") for kind in known if found is not None and getattr(found, kind)]
    ids = quoted(header for header in REQUEST_IDS if header in headers)
    return ids or "`None`", ", ".join(kinds) or "`None`"
