"""The dialect of chat completions: OpenAI's, and in it Kimi, GLM, OpenRouter and many servers.

    request    model, messages, tools, ... -> POST {base}/chat/completions
    answer     choices[0].message {content, refusal, reasoning, tool_calls}, finish_reason, usage
    stream     choices[0].delta by and by, a chunk with finish_reason, usage on any chunk, [DONE]

What comes back is read in `_openai_answer`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.messages.image import Image
from ranvier.messages.native import CHAT_COMPLETIONS, Native
from ranvier.messages.request import Message
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
from ranvier.providers.chat_completions.answer import read_completion
from ranvier.providers.chat_completions.chunks import ChunkReader
from ranvier.providers.chat_completions.messages import Conversation
from ranvier.providers.chat_completions.reasoning import NO_THOUGHT, REASONING

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.providers._wire.issuer import Issuer


class ChatCompletions(Adapter):
    """A provider that speaks the dialect of chat completions.

    Attributes:
        returned: The fields of an answer's message that this provider wants back in the history.
    """

    call_ids = OPENAI_IDS
    returned: tuple[str, ...] = ()

    @property
    def wires(self) -> tuple[str, ...]:
        """The words of the vendor, and those of the whole dialect."""
        return (self.family, CHAT_COMPLETIONS)

    def shared(self, native: Native, target: Issuer) -> Json | None:
        """Reasoning in plain words, which another model or account of the same server may see."""
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
        further = PartFields(self, call)
        fields: Json = {"model": call.deployment.model, "messages": self._messages(call, further), **settings}
        if tools := offered(request, choice):
            fields["tools"] = [self._tool(tool, further) for tool in tools]
            if choice is not None:
                fields["tool_choice"] = _tool_choice(choice)
        if request.schema is not None:
            fields["response_format"] = self.form(call, request.schema)
        fields["stream"] = streaming  # some gateways stream unless they are told not to
        if streaming:
            fields["stream_options"] = {"include_usage": True}
        return fields

    def form(self, call: Call, schema: Schema) -> Json:
        """The form that the answer must have, as far as the server can be held to it."""
        if not takes_forms(self.facts(call).provider):
            return {"type": "json_object"}
        form: Json = {"name": schema.name, "schema": schema.definition}
        if is_strict(schema.definition):
            form["strict"] = True
        return {"type": "json_schema", "json_schema": form}

    def _messages(self, call: Call, further: PartFields) -> list[Json]:
        request = call.request
        if request.messages[-1].role == "assistant" and refuses_prefill(*self.facts(call)):
            raise self.unsupported(call, "does not continue a message of the assistant")
        messages = Conversation(self, call, further).messages()
        system = request.system
        if request.schema is not None and not takes_forms(self.facts(call).provider):
            system = "\n\n".join(filter(None, (system, instruction(request.schema.definition))))
        if system:
            messages.insert(0, {"role": "system", "content": system})
        return messages

    def put_back(self, call: Call, message: Message, answer: Json, *, in_tool_round: bool) -> None:
        """Add to a turn of the model what the server wants to see again of it."""
        kept = {name: data[name] for data in natives(message) for name in self.returned if name in data}
        if not self.wants_reasoning(call, in_tool_round=in_tool_round):
            kept.pop(REASONING, None)
        if not kept.get(REASONING) and self.demands_reasoning(call, answer, in_tool_round=in_tool_round):
            kept[REASONING] = NO_THOUGHT
        answer.update(kept)

    def wants_reasoning(self, call: Call, *, in_tool_round: bool) -> bool:
        """True if a turn goes back with its reasoning, where that is among the fields `returned`."""
        return True

    def demands_reasoning(self, call: Call, answer: Json, *, in_tool_round: bool) -> bool:
        """True if the server refuses that turn without reasoning, whoever wrote it."""
        return False

    def image(self, call: Call, image: Image) -> Json:
        """A picture: its address, or its bytes as one."""
        place = {"url": image.data_url}
        if image.detail is not None:
            place["detail"] = image.detail
        return {"type": "image_url", "image_url": place}

    def _tool(self, tool: Tool | WireTool, further: PartFields) -> Json:
        if isinstance(tool, WireTool):
            return further.of_wire(tool, *self.wires)
        function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
        more = further.sent("tool", tool.extra)
        if "strict" in more:
            function["strict"] = more.pop("strict")
        return {"type": "function", "function": function, **more}

    def response(self, body: Json) -> Response:
        """The answer of a whole chat completion."""
        return read_completion(body, self.family, self.returned)

    def reader(self, call: Call) -> AnswerReader:
        """The reader of its chunks."""
        return ChunkReader(self.family, self.returned)


def _tool_choice(choice: str) -> str | Json:
    if choice in ("auto", "none", "required"):
        return choice
    return {"type": "function", "function": {"name": choice}}
