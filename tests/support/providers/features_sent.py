"""What the adapters send, found out by asking them: features carry marks, which are looked for.

A cell of a table says where on the wire the mark was found, `left out` if it was nowhere, and `refused` if
nothing was sent at all.
"""

import base64
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import httpx

from ranvier.errors import RanvierError, UnsupportedRequestError
from ranvier.messages import Audio, Document, Image, Message, Request, Schema, Tool, ToolCall
from ranvier.messages.build import build_request
from support.messages.saving import PDF, WAV
from support.providers.asking import opened
from support.providers.azure_apis import AZURE, TOKEN
from support.providers.seven import APIS, PNG
from support.providers.vertex_apis import AT_VERTEX

SEEING = {"glm": "glm-4.6v"}
HEARING = {**SEEING, "openai": "gpt-audio"}
"""Models that see or hear, where the default one does not."""

LEFT_OUT, REFUSED = "dropped", "unsupported"

EVERYONES = (
    *("host", "accept", "accept-encoding", "connection", "user-agent", "content-type", "content-length"),
)
"""Headers that all requests have."""

TOOL = Tool("look_up", "Look it up.", {"type": "object", "properties": {"term": {"type": "string"}}})
FORM = {
    "type": "object",
    "properties": {"mark_of_form": {"type": "string"}},
    "required": ["mark_of_form"],
    "additionalProperties": False,
}
TAKES_FORMS = {"converse": "anthropic.claude-sonnet-5"}
"""A model that takes a schema, where the default one does not."""

CALLED = (
    Message.user("Hi"),
    Message.assistant(tool_calls=(ToolCall("call_1", "look_up", {"term": "mark of call"}),)),
    Message.tool("call_1", "mark of result"),
)


@dataclass
class Sent:
    """One request as it went out."""

    url: str
    headers: httpx.Headers
    fields: dict[str, Any]


async def sent(
    name: str, request: Request, *, model: str | None = None, streamed: bool = False
) -> Sent | None:
    """What that provider is sent; `None` if it cannot be asked."""
    async with opened(APIS[name], httpx.Response(200, json={})) as server:
        try:
            await (server.stream if streamed else server.complete)(request, model=model)
        except UnsupportedRequestError:
            return None
        except RanvierError:  # because: nothing is no answer
            pass
    (request,) = server.requests
    return Sent(str(request.url), request.headers, json.loads(request.content))  # type: ignore[attr-defined]


def asked(*parts: Any, **settings: Any) -> Request:
    """A request with these parts in its one message."""
    return Request((Message("user", parts or ("Hi",)),), **settings)


# --- where something stands ----------------------------------------------------------------------


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a JSON object and the way to it; the places in a list are all the same."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value:
        for inner in value:
            yield from leaves(inner, f"{path}[]")
    else:
        yield path, value


def places(fields: Any, mark: object) -> str:
    """Where the mark stands: as a value, in a text, or as the name of a property."""
    found: list[str] = []
    for path, value in leaves(fields):
        if isinstance(mark, str) and mark in path.split("."):
            found.append(path[: path.index(f".properties.{mark}")])
        elif (isinstance(mark, str) and isinstance(value, str) and mark in value) or value == mark:
            found.append(path)
    return quoted(path for path in found if not any(path.startswith(f"{other}.") for other in found))


def quoted(words: Iterable[str]) -> str:
    """As code, each word once."""
    return ", ".join(f"`{word}`" for word in dict.fromkeys(words))


def differences(before: Any, after: Any) -> str:
    """The leaves that came, and those that have another value."""
    known = dict(leaves(before))
    new = [(path, value) for path, value in leaves(after) if known.get(path, path) != value]
    return quoted(f"{path}: {json.dumps(value)}" for path, value in new)


async def place(name: str, request: Request, mark: object, *, model: str | None = None) -> str:
    """Where that provider is sent the mark."""
    what = await sent(name, request, model=model)
    return REFUSED if what is None else places(what.fields, mark) or LEFT_OUT


# --- tables --------------------------------------------------------------------------------------

Table = list[list[str]]
"""Rows of cells, the first with the names of the columns."""


async def addresses() -> Table:
    """Where a request goes, with which key, and where that is taken from."""
    table = [["provider", "address", "headers", "key variables", "default model"]]
    for name, kind in (APIS | AZURE | AT_VERTEX).items():
        urls, headers = [], []
        for variable in kind.environment or ("",):
            key = TOKEN if "TOKEN" in variable else "<key>"
            with patch.dict(os.environ, {variable: key} if variable else {}):
                async with opened(kind, httpx.Response(200, json={})) as server:
                    await server.sent(key=server.provider.credential())
            (request,) = server.requests
            urls.append(str(request.url))
            shown = {key: value.replace(TOKEN, "<token>") for key, value in request.headers.items()}
            headers += [f"{key}: {value}" for key, value in shown.items() if key not in EVERYONES]
        ways = [f"`{url}`" for url in dict.fromkeys(urls)]
        if len(ways) > 1:
            ways = [f"`{key}`: `{url}`" for key, url in zip(kind.environment, urls, strict=True)]
        table.append(
            [
                *(name, "<br>".join(ways), quoted(headers)),
                *(quoted(kind.environment) or "none: `token=`", f"`{kind.default_model}`"),
            ]
        )
    return table


async def conversation() -> Table:
    """Where instructions, words, calls and results stand."""
    table = [["provider", "`system`", "user message", "answer", "tool call", "tool result"]]
    spoken = Request(
        (Message.user("Hi"), Message.assistant("mark of answer"), Message.user("mark of question"))
    )
    probes = (
        (asked(system="mark of system"), "mark of system"),
        (spoken, "mark of question"),
        (spoken, "mark of answer"),
        (Request(CALLED), "mark of call"),
        (Request(CALLED), "mark of result"),
    )
    table += [[name, *[await place(name, *probe) for probe in probes]] for name in APIS]
    return table


async def tools() -> Table:
    """Where tools stand, and what becomes of a choice among them."""
    choices = ("auto", "none", "required", "look_up")
    table = [["provider", "`tools`", *(f"`{choice}`" for choice in choices[:-1]), "a named tool"]]
    for name in APIS:
        offered = await sent(name, asked(tools=(TOOL,)))
        assert offered is not None
        row = [name, places(offered.fields, "Look it up.").replace(".description", "")]
        for choice in choices:
            chosen = await sent(name, asked(tools=(TOOL,), tool_choice=choice))
            assert chosen is not None
            without = LEFT_OUT if places(chosen.fields, "Look it up.") else "the tools are omitted"
            row.append(differences(offered.fields, chosen.fields) or without)
        table.append(row)
    return table


async def pictures() -> Table:
    """Where pictures stand."""
    address = "https://x.test/a.png"
    encoded = base64.b64encode(PNG).decode()
    drawn = Request((Message.user("Draw"), Message("assistant", (Image(data=PNG),)), Message.user("Again")))
    table = [["provider", "bytes", "URL", "in a tool result", "from the assistant"]]
    shown = Request((*CALLED[:-1], Message.tool("call_1", ("See.", Image(data=PNG)))))
    for name in APIS:
        probes = (
            (asked(Image(data=PNG)), encoded),
            (asked(Image(address)), address),
            (shown, encoded),
            (drawn, encoded),
        )
        table.append([name, *[await place(name, request, mark) for request, mark in probes]])
    return table


async def documents() -> Table:
    """Where documents stand, and texts."""
    address, encoded = "https://x.test/plan.pdf", base64.b64encode(PDF).decode()
    pdf, text = Document(data=PDF, name="mark of name.pdf"), Document.from_text("mark of text")
    called = Request((*CALLED[:-1], Message.tool("call_1", ("See.", pdf))))
    probes = (
        (asked("See.", pdf), encoded),
        (asked("See.", Document(address)), address),
        (asked("See.", pdf), "mark of name"),
        (called, encoded),
        (asked(text), "mark of text"),
    )
    table = [["provider", "PDF, bytes", "PDF, URL", "name", "PDF in a tool result", "text"]]
    table += [
        [name, *[await place(name, *probe, model=SEEING.get(name)) for probe in probes]] for name in APIS
    ]
    return table


async def sound() -> Table:
    """Where sound stands."""
    address = "https://x.test/song.mp3"
    recording, other = Audio(data=WAV), Audio(data=b"OggS and so on")
    called = Request((*CALLED[:-1], Message.tool("call_1", ("Hear.", recording))))
    probes = (
        (asked(recording), recording.base64),
        (asked(other), other.base64),
        (asked(Audio(address)), address),
        (called, recording.base64),
    )
    table = [["provider", "WAV or MP3, bytes", "other formats, bytes", "URL", "in a tool result"]]
    table += [
        [name, *[await place(name, *probe, model=HEARING.get(name)) for probe in probes]] for name in APIS
    ]
    return table


async def further_fields() -> Table:
    """Where the keys of dicts stand that not every wire has."""
    mark = {"cache_control": {"type": "mark"}}
    thought = {"role": "assistant", "content": "So.", "reasoning_content": "mark"}
    begun = {"role": "assistant", "content": "So.", "partial": "mark"}
    source = {"type": "text", "media_type": "text/plain", "data": "Hi"}
    url = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    parts = {
        "`cache_control` of a part": {"type": "text", "text": "Hi", **mark},
        "`detail` of an image": {"type": "image_url", "image_url": {"url": url, "detail": "mark"}},
        "`context` of a `document`": {"type": "document", "source": source, "context": "mark"},
        "`citations` of a `document`": {"type": "document", "source": source, "citations": {"of": "mark"}},
        "a `file` by its id": {"type": "file", "file": {"file_id": "mark"}},
        "an `input_file` by its id": {"type": "input_file", "file_id": "mark"},
    }
    tools = {
        "`cache_control` of a tool": {"name": "look_up", "input_schema": {"type": "object"}, **mark},
        "`strict` of a tool": {"function": {"name": "look_up", "strict": "mark"}},
        "`web_search_20250305`": {"type": "web_search_20250305", "name": "mark"},
        "`google_search`": {"google_search": {"of": "mark"}},
    }
    probes: dict[str, Request] = {
        "`name` of a message": build_request([{"role": "user", "content": "Hi", "name": "mark"}], {}),
        "`reasoning_content`": build_request([thought, {"role": "user", "content": "Hi"}], {}),
        "`partial` of a message": build_request([begun, {"role": "user", "content": "Hi"}], {}),
    }
    for field, part in parts.items():
        probes[field] = build_request([{"role": "user", "content": ["Hi", part]}], {})
    for field, tool in tools.items():
        probes[field] = build_request("Hi", {"tools": [tool]})  # type: ignore[list-item]
    table = [["field", *APIS]]
    table += [
        [field, *[await place(name, probe, "mark") for name in APIS]] for field, probe in probes.items()
    ]
    return table


async def forms() -> Table:
    """Where the form of an answer stands, and what comes with it."""
    table = [["provider", "schema", "other fields"]]
    for name in APIS:
        plain, formed = (
            await sent(name, asked(), model=TAKES_FORMS.get(name)),
            await sent(name, asked(schema=Schema(FORM, "mark_of_name")), model=TAKES_FORMS.get(name)),
        )
        assert plain is not None
        assert formed is not None
        where = places(formed.fields, "mark_of_form")
        beside = [path for path, _ in leaves(formed.fields) if path not in dict(leaves(plain.fields))]
        beside = [path for path in beside if not path.startswith(where.strip("`"))]
        table.append([name, where, quoted(beside)])
    return table
