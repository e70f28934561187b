"""Ollama's own API, on your own server or in its cloud.

    request    model, messages, tools, options -> POST {base}/api/chat
    answer     message {content, thinking, tool_calls}, done_reason, counts
    stream     the same, line by line, until done is true

Its OpenAI-compatible API is not used: it has no `num_ctx`, and in some versions it ignores limits.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ranvier.messages.beside.details import Details
from ranvier.messages.characters import whole_characters
from ranvier.messages.message import Text, ToolCall
from ranvier.messages.native import CHAT_COMPLETIONS, Native
from ranvier.messages.response import Response, StreamEvent, ToolCallDelta
from ranvier.messages.tool import Tool
from ranvier.messages.usage import Usage
from ranvier.messages.wire import WireTool
from ranvier.providers._history.part_fields import PartFields
from ranvier.providers._reading.details import logprobs_in
from ranvier.providers._reading.finish_reasons import finish_reason, stop_word
from ranvier.providers._reading.reading import Json, NoAnswerError, entries, entry, label, text
from ranvier.providers._reading.sse import Decoder, LineDecoder
from ranvier.providers._reading.usage import Counts
from ranvier.providers._wire.adapter import Adapter
from ranvier.providers._wire.endings import AnswerReader
from ranvier.providers._wire.fields import offered
from ranvier.providers.chat_completions.fragments import read_arguments, read_call, tool_name
from ranvier.providers.ollama.messages import Conversation

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.providers._wire.issuer import Issuer

ONLY_LOADED = ("load", "unload")
"""The server has loaded the model, or removed it, and has not asked it."""

TOP_LEVEL = ("think",)
"""Settings that are top-level fields instead of `options`."""

DEFAULT_PORT = 11434


class Ollama(Adapter):
    """Models on an Ollama server, at `base_url` or else at `OLLAMA_HOST`."""

    family = "ollama"
    environment = ("OLLAMA_API_KEY",)
    default_model = "qwen3"
    default_base_url = f"http://localhost:{DEFAULT_PORT}"
    needs_credential = False

    def resolved_base_url(self, base_url: str | None) -> str:
        """`base_url`, else `OLLAMA_HOST`, which may be only a host or a port."""
        if base_url is not None and not isinstance(base_url, str):
            return base_url  # it is rejected as such
        given = base_url or os.environ.get("OLLAMA_HOST", "").strip()
        return parse_host(given) if given else self.default_base_url

    def path(self, model: str, streaming: bool) -> str:
        """The same for every model, streamed or not."""
        return "/api/chat"

    def headers(self, key: str | None) -> dict[str, str]:
        """The key, if there is one: the cloud requires it, your own server does not."""
        return {} if key is None else {"authorization": f"Bearer {key}"}

    def body(self, call: Call, settings: Json, streaming: bool) -> Json:
        """The fields of the request; nearly all settings are `options`."""
        request, choice = call.request, settings.pop("tool_choice", None)
        part_fields = PartFields(self, call)
        fields: Json = {
            "model": call.deployment.model,
            "messages": list(Conversation(self, call, part_fields).messages()),
            "stream": streaming,  # Ollama streams by default
        }
        fields.update({name: settings.pop(name) for name in TOP_LEVEL if name in settings})
        if settings:
            fields["options"] = settings
        if tools := offered(request, choice):
            fields["tools"] = [_tool(tool, part_fields) for tool in tools]
        if request.schema is not None:
            fields["format"] = request.schema.definition
        return fields

    def response(self, body: Json) -> Response:
        """Read a complete answer."""
        if not isinstance(body.get("message"), dict):
            raise NoAnswerError("the answer has no message")
        message = body["message"]
        words, thinking = text(message.get("content"), "content"), text(message.get("thinking"), "thinking")
        calls = tuple(_read_calls(message))
        if body.get("done") is False:
            raise NoAnswerError("the answer was cut off: it is not done")
        native = (Native(self.family, {"thinking": thinking}),) if thinking and calls else ()
        answered = bool(words or calls)
        raw = _done_reason(body, answered=answered)
        return Response(
            text=words,
            tool_calls=calls,
            reasoning=thinking,
            finish_reason=finish_reason(raw, answered=answered, calls_tools=bool(calls)),
            raw_finish_reason=raw or None,
            usage=_read_usage(body),
            model=label(body.get("model")) or "",
            parts=(*native, *([Text(words)] if words else []), *calls),
            details=Details(logprobs=logprobs_in(body.get("logprobs"))),
        )

    @property
    def wires(self) -> tuple[str, ...]:
        """Its own wire, and that of chat completions for reasoning that a caller gave."""
        return (self.family, CHAT_COMPLETIONS)

    def speaks(self, wire: str, model: str) -> bool:
        """False: its own API is that of no SDK."""
        return False

    def shared(self, native: Native, target: Issuer) -> Json | None:
        """Thinking is plain text, which may be sent to another model of the same server."""
        return dict(native.data) if native.endpoint in (None, target.endpoint) else None

    def reader(self, call: Call) -> AnswerReader:
        """The reader of a streamed answer."""
        return LineReader()

    def decoder(self) -> Decoder:
        """The decoder; each line is an event."""
        return LineDecoder()


class LineReader(AnswerReader):
    """Reads the lines of one streamed answer."""

    def __init__(self) -> None:
        super().__init__()
        self._introduced = False  # the model has been emitted
        self._calls = 0
        self._thinking: list[str] = []
        self._given: Json = {}  # the joined thinking, already emitted: it grows if the model continues

    def read(self, body: Json) -> None:
        """Read one line."""
        if not self._introduced:
            self._introduced = True
            self.events.append(StreamEvent(model=label(body.get("model"))))
        message = entry(body.get("message"), "message")
        if thinking := text(message.get("thinking"), "thinking"):
            self._thinking.append(thinking)
            self.events.append(StreamEvent(reasoning=thinking))
        self.add_text(text(message.get("content"), "content"))
        if "logprobs" in body:
            self.details.logprobs += logprobs_in(body["logprobs"])
        for call in _read_calls(message):
            self.answered = True
            arguments = read_arguments(dict(call.arguments)) if call.invalid is None else call.invalid
            delta = ToolCallDelta(self._calls, call.id, call.name, arguments)
            self.events.append(StreamEvent(tool_call=self.called(delta)))
            self._calls += 1
        if body.get("done") is True:
            self._finish(_done_reason(body, answered=self.answered), _read_usage(body))

    def _finish(self, raw: str, usage: Usage) -> None:
        self.stopped = self.reason(raw, calls_tools=self._calls > 0)
        event = self.finish(raw, usage)
        if not self.early:  # else at the end, joined only once
            event.parts = self._parts()
        self.events.append(event)

    def _parts(self) -> list[Native]:
        """The thinking before a call, for the history: new the first time; later that part grows in place."""
        if not (self._thinking and self._calls):
            return []
        begins = not self._given
        self._given["thinking"] = whole_characters("".join(self._thinking))
        return [self.native("ollama", self._given)] if begins else []

    def end(self) -> None:
        """See `AnswerReader.end`."""
        super().end()
        if self.early and (parts := self._parts()):
            self.events.append(StreamEvent(parts=parts))


# --- requests ------------------------------------------------------------------------------------


def parse_host(given: str) -> str:
    """The base URL for `OLLAMA_HOST`: `gpu`, `gpu:1234`, `:1234`, `http://gpu`, `https://gpu/path`."""
    scheme, found, rest = given.partition("://")
    if not found:
        scheme, rest = "http", given
    authority, slash, path = rest.partition("/")
    host, colon, port = authority.rpartition(":")
    if not colon or "]" in port:  # no port; the colons within brackets are part of an IPv6 address
        host, port = authority, "" if found else str(DEFAULT_PORT)
    return f"{scheme}://{host or 'localhost'}{':' if port else ''}{port}{slash}{path}"


def _tool(tool: Tool | WireTool, part_fields: PartFields) -> Json:
    if isinstance(tool, WireTool):
        return part_fields.of_wire(tool, Ollama.family)
    part_fields.accepted("tool", tool.extra)
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


# --- answers -------------------------------------------------------------------------------------


def _read_calls(message: Json) -> Iterator[ToolCall]:
    for call in entries(message.get("tool_calls"), "tool_calls"):
        function = entry(call.get("function"), "function")
        if (name := tool_name(text(function.get("name"), "name"))) is not None:
            yield read_call(call.get("id"), name, function.get("arguments"))  # old servers send no id


def _done_reason(body: Json, *, answered: bool) -> str:
    raw = stop_word(body.get("done_reason"), "done_reason")
    if raw in ("", *ONLY_LOADED) and not answered:
        raise NoAnswerError(f"the answer is empty: its done_reason is {raw or 'missing'}")
    return raw


def _read_usage(body: Json) -> Usage:
    counts = Counts(body)
    read = counts.stated("prompt_eval_count")  # missing if the whole prompt was cached
    written = counts.needed("eval_count")
    return Usage(input=read, output=written, total=read + written, complete=counts.complete)
