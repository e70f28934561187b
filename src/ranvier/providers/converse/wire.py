"""Converse, Bedrock's API for the models of every maker.

    request    messages of blocks, system, inferenceConfig, toolConfig -> POST /model/{id}/converse
    answer     output.message of blocks {text | toolUse | reasoningContent | ...}, stopReason, usage
    stream     POST /model/{id}/converse-stream: binary frames, the last one with the usage; errors in a 200

Fields that only one family of models knows go into `additionalModelRequestFields`. Answers are read in
`answer`, streams in `events` and `frames`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from ranvier.errors.configuration import ConfigurationError
from ranvier.messages.native import CONVERSE
from ranvier.messages.response import Response
from ranvier.messages.schema.schema import Schema
from ranvier.providers._history.call_ids import CONVERSE_IDS
from ranvier.providers._history.part_fields import PartFields
from ranvier.providers._models.models import Facts
from ranvier.providers._models.schemas import closed, has_maps
from ranvier.providers._reading.reading import Json
from ranvier.providers._reading.sse import Decoder
from ranvier.providers._repairs.places import FURTHER
from ranvier.providers._wire.endings import AnswerReader
from ranvier.providers._wire.media import PDFS
from ranvier.providers._wire.wire import Wire
from ranvier.providers.converse.answer import read_response
from ranvier.providers.converse.caching import mark_for_cache
from ranvier.providers.converse.events import EventReader
from ranvier.providers.converse.frames import FrameDecoder, check_botocore
from ranvier.providers.converse.messages import Conversation
from ranvier.providers.converse.tools import tool_fields

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

INFERENCE: Final = ("maxTokens", "temperature", "topP", "stopSequences")
"""The settings of `inferenceConfig`."""


class Converse(Wire):
    """The wire of Converse; a subclass knows its address, its headers and the makers of its models."""

    call_ids = CONVERSE_IDS
    media = frozenset((PDFS,))

    @property
    def wires(self) -> tuple[str, ...]:
        """Its own wire."""
        return (CONVERSE,)

    def rules(self, call: Call) -> Facts:
        """The rows of this API."""
        return Facts(CONVERSE, self.facts(call).model)

    def path(self, model: str, streaming: bool) -> str:
        """The model and the method; ids hold colons, and those of inference profiles slashes."""
        if model in (".", ".."):
            raise ConfigurationError(f"model={model!r}: give the id of a model, or the ARN of a profile")
        return f"/model/{quote(model, safe='')}/{'converse-stream' if streaming else 'converse'}"

    def body(self, call: Call, settings: Json, streaming: bool) -> Json:
        """The fields of the request; the path has its model and selects streaming."""
        if streaming:
            check_botocore()
        choice, mark = settings.pop("tool_choice", None), settings.pop("cachePoint", None)
        part_fields = PartFields(self, call)
        conversation = Conversation(self, call, part_fields)
        fields: Json = {"messages": conversation.messages()}
        if system := conversation.system():
            fields["system"] = system
        if inference := {name: settings.pop(name) for name in INFERENCE if name in settings}:
            fields["inferenceConfig"] = inference
        tools = tool_fields(self, call, choice, fields["messages"], part_fields)
        if further := {**settings.pop(FURTHER, {}), **_further(settings), **tools.pop(FURTHER, {})}:
            fields[FURTHER] = further
        fields |= tools
        if (schema := call.request.schema) is not None:
            if has_maps(schema.definition):
                raise self.unsupported(call, "takes no schema with a map (an object with arbitrary keys)")
            fields["outputConfig"] = {"textFormat": _format(schema)}
        if mark is not None:
            mark_for_cache(call, fields, mark)
        return fields | settings

    def response(self, body: Json) -> Response:
        """Read a complete answer."""
        return read_response(body)

    def reader(self, call: Call) -> AnswerReader:
        """The reader of a streamed answer."""
        return EventReader()

    def decoder(self) -> Decoder:
        """The decoder of binary frames."""
        return FrameDecoder()


def _further(settings: Json) -> Json:
    """The settings that only models of some families know, taken out of `settings`."""
    further: Json = {name: settings.pop(name) for name in ("thinking", "top_k") if name in settings}
    if "topK" in settings:
        further["inferenceConfig"] = {"topK": settings.pop("topK")}
    if "effort" in settings:
        further["output_config"] = {"effort": settings.pop("effort")}
    return further


def _format(schema: Schema) -> Json:
    """The form of the answer, in which the schema is a text."""
    written = json.dumps(closed(schema.definition), ensure_ascii=False, separators=(",", ":"), default=dict)
    return {"type": "json_schema", "structure": {"jsonSchema": {"name": schema.name, "schema": written}}}
