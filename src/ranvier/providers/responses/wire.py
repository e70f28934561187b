"""OpenAI's Responses API, without state on the server.

    request    model, instructions, input items, tools, store: false -> POST {base}/responses
    answer     output items {message, reasoning, function_call, ...}, status, usage
    stream     items by index, begun, in pieces and whole, then exactly one of response.completed,
               response.incomplete and response.failed; errors in a 200

Answers are read in `answer`, streams in `events`; `items` writes the conversation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ranvier.messages.native import RESPONSES
from ranvier.messages.response import Response
from ranvier.messages.schema.schema import Schema
from ranvier.messages.tool import Tool
from ranvier.messages.wire import WireTool
from ranvier.providers._history.call_ids import RESPONSES_IDS
from ranvier.providers._history.part_fields import PartFields
from ranvier.providers._models.models import Facts, reasons
from ranvier.providers._models.schemas import is_strict
from ranvier.providers._reading.reading import Json
from ranvier.providers._repairs.complaints import Complaint
from ranvier.providers._repairs.fixes import Fix
from ranvier.providers._wire.endings import AnswerReader
from ranvier.providers._wire.fields import offered
from ranvier.providers._wire.media import PDFS, PDFS_BY_URL, TEXTS_BY_URL
from ranvier.providers._wire.wire import Wire
from ranvier.providers.responses.answer import read_response
from ranvier.providers.responses.events import EventReader
from ranvier.providers.responses.fields import in_our_words
from ranvier.providers.responses.fixes import ENCRYPTED, response_fix
from ranvier.providers.responses.items import Items

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.providers._repairs.repairs import Repairs


class Responses(Wire):
    """The Responses API of a server that speaks another wire too, for one call.

    Args:
        server: The adapter of that server, which knows the host and its models.
        repairs: The fixes that models have needed on this wire.
    """

    family = "openai"
    call_ids = RESPONSES_IDS
    media = frozenset((PDFS, PDFS_BY_URL, TEXTS_BY_URL))

    def __init__(self, server: Wire, repairs: Repairs) -> None:
        self.name = server.name
        self.base_url = server.base_url
        self.repairs = repairs
        self._server = server

    @property
    def wires(self) -> tuple[str, ...]:
        """Its own wire: what chat completions issue has another format."""
        return (RESPONSES,)

    def facts(self, call: Call) -> Facts:
        """The target's entry in the table of models."""
        return self._server.facts(call)

    def rules(self, call: Call) -> Facts:
        """The rows of this API; those for one model only where the server serves OpenAI's."""
        facts = self.facts(call)
        return Facts(RESPONSES, facts.model if facts.provider == self.family else "")

    def path(self, model: str, streaming: bool) -> str:
        """The same for every model, streamed or not."""
        return "/responses"

    def headers(self, key: str | None) -> dict[str, str]:
        """Those of the server."""
        return self._server.headers(key)

    def account_for(self, key: str | None) -> str:
        """That of the server."""
        return self._server.account_for(key)

    def body(self, call: Call, settings: Json, streaming: bool) -> Json:
        """The fields of a response."""
        request = call.request
        choice = settings.pop("tool_choice", None)
        reasoning = {name: settings.pop(f"reasoning_{name}", None) for name in ("effort", "summary")}
        part_fields = PartFields(self, call)
        fields: Json = {"model": call.deployment.model, "input": Items(self, call, part_fields).written()}
        if request.system:
            fields["instructions"] = request.system
        fields |= settings
        if reasoning := {name: value for name, value in reasoning.items() if value is not None}:
            fields["reasoning"] = reasoning
        if tools := offered(request, choice):
            fields["tools"] = [_tool(tool, part_fields) for tool in tools]
            if choice is not None:
                fields["tool_choice"] = _tool_choice(choice)
        if request.schema is not None:
            fields["text"] = {"format": _format(request.schema)}
        if reasons(self.rules(call).model):
            fields["include"] = [ENCRYPTED]
        return {**fields, "store": False, "stream": streaming}

    def own_fields(self, more: Mapping[str, Any], fields: Json) -> Mapping[str, Any]:
        """The fields of chat completions that have another name here."""
        return in_our_words(more, fields)

    def response(self, body: Json) -> Response:
        """Read a complete response."""
        return read_response(body)

    def reader(self, call: Call) -> AnswerReader:
        """The reader of a streamed response."""
        return EventReader()

    def fix(self, call: Call, complaint: Complaint, fields: Json) -> Fix | None:
        """The fix for this API, else the usual one."""
        return response_fix(complaint, fields) or super().fix(call, complaint, fields)


def _tool(tool: Tool | WireTool, part_fields: PartFields) -> Json:
    if isinstance(tool, WireTool):
        return part_fields.of_wire(tool, RESPONSES)
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", **function, "strict": False, **part_fields.accepted("tool", tool.extra)}


def _tool_choice(choice: str) -> str | Json:
    return choice if choice in ("auto", "none", "required") else {"type": "function", "name": choice}


def _format(schema: Schema) -> Json:
    strict = is_strict(schema.definition)
    return {"type": "json_schema", "name": schema.name, "schema": schema.definition, "strict": strict}
