"""The dialect of chat completions: OpenAI's, and in it Kimi, GLM, OpenRouter and many servers.

    request    model, messages, tools, ... -> POST {base}/chat/completions
    answer     choices[0].message {content, refusal, reasoning, tool_calls}, finish_reason, usage
    stream     choices[0].delta by and by, a chunk with finish_reason, usage on any chunk, [DONE]

What comes back is read in `_openai_answer`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from ranvier.messages import (
    CHAT_COMPLETIONS,
    Image,
    Message,
    Native,
    Part,
    Response,
    Schema,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    WirePart,
    WireTool,
)
from ranvier.providers._adapter import Adapter
from ranvier.providers._fields import offered
from ranvier.providers._history import arguments_text, introduction, own, results, with_valid_ids
from ranvier.providers._models import refuses_prefill, takes_forms
from ranvier.providers._openai_answer import ChunkReader, read_completion
from ranvier.providers._part_fields import PartFields
from ranvier.providers._reading import AnswerReader, Json
from ranvier.providers._schemas import instruction, is_strict

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
        further = PartFields(self, call)
        fields: Json = {"model": call.deployment.model, "messages": self.messages(call, further), **settings}
        if tools := offered(request, choice):
            fields["tools"] = [_tool(tool, further) for tool in tools]
            if choice is not None:
                fields["tool_choice"] = _tool_choice(choice)
        if request.schema is not None:
            fields["response_format"] = self.form(request.schema)
        if streaming:
            fields["stream"] = True
            fields["stream_options"] = {"include_usage": True}
        return fields

    def form(self, schema: Schema) -> Json:
        """The form that the answer must have, as far as the server can be held to it."""
        if not takes_forms(self.dialect):
            return {"type": "json_object"}
        form: Json = {"name": schema.name, "schema": schema.definition}
        if is_strict(schema.definition):
            form["strict"] = True
        return {"type": "json_schema", "json_schema": form}

    def messages(self, call: Call, further: PartFields) -> list[Json]:
        """The conversation, one tool message for each result."""
        request = call.request
        if request.messages[-1].role == "assistant" and refuses_prefill(self.dialect, call.deployment.model):
            raise self.unsupported(call, "does not continue a message of the assistant")
        turns = with_valid_ids(request.messages, CALL_ID)
        conversation: list[Json] = []
        shown: list[Json] = []  # what tools gave back beside words: it follows the last result of a turn
        for turn in turns:
            if turn.role in ("user", "system") and isinstance(turn.content, str) and not turn.extra:
                written: Iterable[Json] = ({"role": turn.role, "content": turn.content},)  # as nearly all are
            else:
                written = self._turn(call, turn, further, shown)
            for message in written:
                if shown and message["role"] != "tool":
                    conversation.append({"role": "user", "content": [*shown]})
                    shown.clear()
                conversation.append(message)
        if shown:
            conversation.append({"role": "user", "content": shown})
        system = request.system
        if request.schema is not None and not takes_forms(self.dialect):
            system = "\n\n".join(filter(None, (system, instruction(request.schema.definition))))
        if system:
            conversation.insert(0, {"role": "system", "content": system})
        return conversation

    def _turn(self, call: Call, message: Message, further: PartFields, shown: list[Json]) -> Iterator[Json]:
        for result in results(message):
            yield self._result(call, result, further, shown)
        more = further.sent("message", message.extra)
        if message.role == "assistant":
            answer = {**self.answer(call, message, further), **more}
            if answer["content"] or "tool_calls" in answer:  # Kimi and GLM refuse one that says nothing
                yield answer
        elif message.role == "tool":
            shown += self._content(call, message.parts, further)
        else:
            content = list(self._content(call, message.parts, further))
            if content or not results(message):
                yield {"role": message.role, "content": _plain(content), **more}

    def _result(self, call: Call, result: ToolResult, further: PartFields, shown: list[Json]) -> Json:
        """A result in words; its pictures, for which a message of the tool has no place, go to `shown`."""
        content: Any = result.content
        more = further.sent("result", result.extra)
        if more or not isinstance(content, str):
            words = [part for part in result.parts if isinstance(part, Text)]
            others = [part for part in result.parts if not isinstance(part, Text)]
            if others:
                shown += [{"type": "text", "text": introduction(result)}]
                shown += self._content(call, others, further)
                words = words or [Text(FOLLOWS)]
            written = list(self._content(call, words, further)) or [{"type": "text", "text": ""}]
            written[-1].update(more)
            content = _plain(written)
        return {"role": "tool", "tool_call_id": result.call_id, "content": content}

    def answer(self, call: Call, message: Message, further: PartFields) -> Json:
        """A turn of the model, with what it wants to see again of it."""
        if any(isinstance(part, Image) for part in message.parts):
            raise self.unsupported(call, "takes no pictures from the assistant")
        content: Any = message.content
        if not isinstance(content, str):
            said = [part for part in content if isinstance(part, (Text, WirePart))]
            content = _plain(list(self._content(call, said, further)))
        answer: Json = {"role": "assistant", "content": content or None}
        calls = [_tool_call(call, further) for call in message.tool_calls]
        if calls:
            answer["tool_calls"] = calls
        for fields in own(message, self.family):
            answer.update({name: fields[name] for name in self.returned if name in fields})
        return answer

    def image(self, call: Call, image: Image) -> Json:
        """A picture: its address, or its bytes as one."""
        place = {"url": image.data_url}
        if image.detail is not None:
            place["detail"] = image.detail
        return {"type": "image_url", "image_url": place}

    def _content(self, call: Call, parts: Iterable[Part], further: PartFields) -> Iterator[Json]:
        for part in parts:
            if isinstance(part, Text):
                yield {"type": "text", "text": part.text, **further.sent("text", part.extra)}
            elif isinstance(part, Image):
                yield {**self.image(call, part), **further.sent("image", part.extra)}
            elif isinstance(part, WirePart):
                yield further.of_wire(part, CHAT_COMPLETIONS)
            elif isinstance(part, Native) and part.provider == self.family and "type" in part.data:
                yield dict(part.data)  # a file, say

    def response(self, body: Json) -> Response:
        return read_completion(body, self.family, self.returned)

    def reader(self, call: Call) -> AnswerReader:
        return ChunkReader(self.family, self.returned)


FOLLOWS = "The result follows in the next message."
"""The words of a result that has none: a message of the tool has to say something."""


def _plain(content: list[Json]) -> str | list[Json]:
    """The parts as one text, where they are nothing but words."""
    if all(part["type"] == "text" and len(part) == 2 for part in content):
        return "".join(part["text"] for part in content)
    return content


def _tool(tool: Tool | WireTool, further: PartFields) -> Json:
    if isinstance(tool, WireTool):
        return further.of_wire(tool, CHAT_COMPLETIONS)
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    more = further.sent("tool", tool.extra)
    if "strict" in more:
        function["strict"] = more.pop("strict")
    return {"type": "function", "function": function, **more}


def _tool_call(call: ToolCall, further: PartFields) -> Json:
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": arguments_text(call)},
        **further.sent("call", call.extra),
    }


def _tool_choice(choice: str) -> str | Json:
    if choice in ("auto", "none", "required"):
        return choice
    return {"type": "function", "function": {"name": choice}}
