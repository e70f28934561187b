"""The chat completions API: OpenAI's own, and that of Kimi, GLM, OpenRouter and many servers.

    request    model, messages, tools, ... -> POST {base}/chat/completions
    answer     choices[0].message {content, refusal, reasoning, tool_calls}, finish_reason, usage
    stream     choices[0].delta in each chunk, a chunk with finish_reason, usage on any chunk, [DONE]

Answers are read in `answer`, streams in `chunks`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.messages.media.image import Image
from ranvier.messages.message import Message
from ranvier.messages.native import CHAT_COMPLETIONS, Native
from ranvier.messages.response import Response
from ranvier.messages.schema.schema import Schema
from ranvier.messages.tool import Tool
from ranvier.messages.wire import WireTool
from ranvier.providers._history.call_ids import OPENAI_IDS
from ranvier.providers._history.history import natives
from ranvier.providers._history.part_fields import PartFields
from ranvier.providers._models.models import refuses_prefill, takes_forms
from ranvier.providers._models.schemas import instruction, is_strict
from ranvier.providers._reading.reading import Json
from ranvier.providers._wire.adapter import Adapter
from ranvier.providers._wire.endings import AnswerReader
from ranvier.providers._wire.fields import offered
from ranvier.providers._wire.media import PDFS, WAV_OR_MP3
from ranvier.providers.chat_completions.answer import read_completion
from ranvier.providers.chat_completions.chunks import ChunkReader
from ranvier.providers.chat_completions.messages import Conversation
from ranvier.providers.chat_completions.reasoning import NO_THOUGHT, REASONING

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.providers._wire.issuer import Issuer


class ChatCompletions(Adapter):
    """A provider with the chat completions API.

    Attributes:
        returned: The fields of an answer's message that must be sent back to this provider in the history.
    """

    call_ids = OPENAI_IDS
    media = frozenset((PDFS, *WAV_OR_MP3))
    returned: tuple[str, ...] = ()

    @property
    def wires(self) -> tuple[str, ...]:
        """The vendor's own wire, and the generic one."""
        return (self.family, CHAT_COMPLETIONS)

    def shared(self, native: Native, target: Issuer) -> Json | None:
        """Reasoning in plain text, which may be sent to another model or account of the same server."""
        if native.endpoint not in (None, target.endpoint) or REASONING not in native.data:
            return None
        return {REASONING: native.data[REASONING]}

    def path(self, model: str, streaming: bool) -> str:
        """The same for every model, streamed or not."""
        return "/chat/completions"

    def headers(self, key: str | None) -> dict[str, str]:
        """A bearer token."""
        return {} if key is None else {"authorization": f"Bearer {key}"}

    def body(self, call: Call, settings: Json, streaming: bool) -> Json:
        """The fields of a chat completion."""
        request = call.request
        choice = settings.pop("tool_choice", None)
        part_fields = PartFields(self, call)
        fields: Json = {
            "model": call.deployment.model,
            "messages": self._messages(call, part_fields),
            **settings,
        }
        if tools := offered(request, choice):
            fields["tools"] = [self._tool(tool, part_fields) for tool in tools]
            if choice is not None:
                fields["tool_choice"] = _tool_choice(choice)
        if request.schema is not None:
            fields["response_format"] = self.response_format(call, request.schema)
        fields["stream"] = streaming  # some gateways stream by default
        if streaming:
            fields["stream_options"] = {"include_usage": True}
        return fields

    def response_format(self, call: Call, schema: Schema) -> Json:
        """The strictest `response_format` for `schema` that the server supports."""
        if not takes_forms(self.facts(call).provider):
            return {"type": "json_object"}
        json_schema: Json = {"name": schema.name, "schema": schema.definition}
        if is_strict(schema.definition):
            json_schema["strict"] = True
        return {"type": "json_schema", "json_schema": json_schema}

    def _messages(self, call: Call, part_fields: PartFields) -> list[Json]:
        request = call.request
        if request.messages[-1].role == "assistant" and refuses_prefill(*self.facts(call)):
            raise self.unsupported(call, "does not continue an assistant message")
        messages = Conversation(self, call, part_fields).messages()
        system = request.system
        if request.schema is not None and not takes_forms(self.facts(call).provider):
            system = "\n\n".join(filter(None, (system, instruction(request.schema.definition))))
        if system:
            messages.insert(0, {"role": "system", "content": system})
        return messages

    def put_back(self, call: Call, message: Message, answer: Json, *, in_tool_round: bool) -> None:
        """Add to an assistant message the fields that the server wants back."""
        kept = {name: data[name] for data in natives(message) for name in self.returned if name in data}
        if not self.wants_reasoning(call, in_tool_round=in_tool_round):
            kept.pop(REASONING, None)
        if not kept.get(REASONING) and self.demands_reasoning(call, answer, in_tool_round=in_tool_round):
            kept[REASONING] = NO_THOUGHT
        answer.update(kept)

    def wants_reasoning(self, call: Call, *, in_tool_round: bool) -> bool:
        """True if an assistant message is sent back with its reasoning; only if `returned` includes it."""
        return True

    def demands_reasoning(self, call: Call, answer: Json, *, in_tool_round: bool) -> bool:
        """True if the server rejects an assistant message without reasoning, whichever model wrote it."""
        return False

    def image(self, call: Call, image: Image) -> Json:
        """An image, as its URL or as a data URL."""
        image_url = {"url": image.data_url}
        if image.detail is not None:
            image_url["detail"] = image.detail
        return {"type": "image_url", "image_url": image_url}

    def _tool(self, tool: Tool | WireTool, part_fields: PartFields) -> Json:
        if isinstance(tool, WireTool):
            return part_fields.of_wire(tool, *self.wires)
        function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
        more = part_fields.accepted("tool", tool.extra)
        if "strict" in more:
            function["strict"] = more.pop("strict")
        return {"type": "function", "function": function, **more}

    def response(self, body: Json) -> Response:
        """Read a chat completion."""
        return read_completion(body, self.family, self.returned)

    def reader(self, call: Call) -> AnswerReader:
        """The reader of a streamed chat completion."""
        return ChunkReader(self.family, self.returned)


def _tool_choice(choice: str) -> str | Json:
    if choice in ("auto", "none", "required"):
        return choice
    return {"type": "function", "function": {"name": choice}}
