"""The dialect of chat completions: OpenAI's, and in it Kimi, GLM, OpenRouter and many servers.

    request    model, messages, tools, ... -> POST {base}/chat/completions
    answer     choices[0].message {content, refusal, reasoning, tool_calls}, finish_reason, usage
    stream     choices[0].delta by and by, a chunk with finish_reason, usage on any chunk, [DONE]

What comes back is read in `_openai_answer`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from ranvier.messages import Message, Request, Response, Text, Tool, ToolCall
from ranvier.providers._adapter import Adapter
from ranvier.providers._history import arguments_text, own, results, valid_id
from ranvier.providers._openai_answer import ChunkReader, read_completion
from ranvier.providers._reading import AnswerReader, Json

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

CALL_ID = re.compile(r"[!-~]{1,40}")
"""OpenAI refuses longer ids."""


class ChatCompletions(Adapter):
    """A provider that speaks the dialect of chat completions.

    Attributes:
        returned: The fields of an answer's message that this provider wants back in the history.
    """

    returned: ClassVar[tuple[str, ...]] = ()

    def path(self, model: str, streaming: bool) -> str:
        return "/chat/completions"

    def headers(self, key: str | None) -> dict[str, str]:
        return {} if key is None else {"authorization": f"Bearer {key}"}

    def body(self, call: Call, settings: Json, streaming: bool) -> Json:
        request = call.request
        choice = settings.pop("tool_choice", None)
        fields: Json = {"model": call.deployment.model, "messages": self.messages(request), **settings}
        if request.tools:
            fields["tools"] = [_tool(tool) for tool in request.tools]
            if choice is not None:
                fields["tool_choice"] = _tool_choice(choice)
        if request.schema is not None:
            fields["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": request.schema.name, "schema": request.schema.definition},
            }
        if streaming:
            fields["stream"] = True
            fields["stream_options"] = {"include_usage": True}
        return fields

    def messages(self, request: Request) -> list[Json]:
        """The conversation, one tool message for each result."""
        conversation = [message for turn in request.messages for message in self._turn(turn)]
        if request.system:
            conversation.insert(0, {"role": "system", "content": request.system})
        return conversation

    def _turn(self, message: Message) -> Iterator[Json]:
        for result in results(message):
            call = valid_id(result.call_id, CALL_ID)
            yield {"role": "tool", "tool_call_id": call, "content": result.content}
        if message.role == "assistant":
            yield self._answer(message)
        elif message.role != "tool":
            content = list(self._content(message))
            if content or not results(message):
                plain = all(part["type"] == "text" for part in content)
                yield {"role": message.role, "content": message.text if plain else content}

    def _answer(self, message: Message) -> Json:
        answer: Json = {"role": "assistant", "content": message.text or None}
        calls = [_tool_call(call) for call in message.tool_calls]
        if calls:
            answer["tool_calls"] = calls
        elif answer["content"] is None:
            answer["content"] = ""  # only a message that calls tools may go without
        for fields in own(message, self.family):
            answer.update({name: fields[name] for name in self.returned if name in fields})
        return answer

    def _content(self, message: Message) -> Iterator[Mapping[str, Any]]:
        natives = own(message, self.family)
        for part in message.parts:
            if isinstance(part, Text):
                yield {"type": "text", "text": part.text}
        yield from (data for data in natives if "type" in data)  # an image, say

    def response(self, body: Json) -> Response:
        return read_completion(body, self.family, self.returned)

    def reader(self, call: Call) -> AnswerReader:
        return ChunkReader(self.family, self.returned)


def _tool(tool: Tool) -> Json:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _tool_call(call: ToolCall) -> Json:
    return {
        "id": valid_id(call.id, CALL_ID),
        "type": "function",
        "function": {"name": call.name, "arguments": arguments_text(call)},
    }


def _tool_choice(choice: str) -> str | Json:
    if choice in ("auto", "none", "required"):
        return choice
    return {"type": "function", "function": {"name": choice}}
