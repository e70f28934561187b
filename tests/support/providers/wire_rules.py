"""What each provider's API demands of a conversation, as checks that know nothing of our adapters.

Each check gives the complaints that the server would answer with a 400, or with worse; none where the request
is good. Sources: the vendors' references and SDK types, recorded requests, and the words of recorded or
reported refusals, which stand beside the rule.
"""

import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

Complaints = Iterator[str]
Body = dict[str, Any]

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def complaints(provider: str, body: Body) -> list[str]:
    """What that provider has against the request; `body` is the JSON of it."""
    return list(RULES[provider](body))


def fields(what: str, value: Body, needed: str, optional: str = "") -> Complaints:
    """An object has these fields and no others: what one server understands, another refuses."""
    if missing := set(needed.split()) - value.keys():
        yield f"{what} lacks {sorted(missing)}"
    if unknown := value.keys() - set(needed.split()) - set(optional.split()):
        yield f"{what} has unknown {sorted(unknown)}"


def alternate(roles: list[str], first: str) -> Complaints:
    """Two sides speak in turn, and the first of them begins."""
    if not roles or roles[0] != first:
        yield f"the conversation does not begin with {first}"
    yield from (f"{one} speaks twice in a row" for one, next_ in itertools.pairwise(roles) if one == next_)


def answered(calls: list[Any], results: list[Any]) -> Complaints:
    """Each call of a turn is answered once, directly after it, and nothing else is."""
    if sorted(calls) != sorted(results):
        yield f"calls {calls} are followed by results for {results}"


# --- Anthropic -----------------------------------------------------------------------------------


def anthropic(body: Body) -> Complaints:
    """`messages` of two roles in turn, of blocks that are not empty; results directly after their calls."""
    yield from fields("the request", body, "model max_tokens messages", "system tools tool_choice stream")
    messages = body["messages"]
    yield from alternate([message["role"] for message in messages], "user")
    if messages[-1]["role"] != "user":
        yield "the conversation must end with a user message"
    blocks = [_blocks(message) for message in messages]
    for message, content in zip(messages, blocks, strict=True):
        yield from fields("a message", message, "role content")
        if not content:
            yield "all messages must have non-empty content"
        elif content[-1]["type"] == "thinking":
            yield "The final block in an assistant message cannot be `thinking`."
        for block in content:
            yield from _block(message["role"], block)
    used = [block["id"] for content in blocks for block in content if block["type"] == "tool_use"]
    if len(set(used)) < len(used):
        yield "tool_use ids must be unique"
    for content, following in zip(blocks, [*blocks[1:], []], strict=True):
        calls = [block["id"] for block in content if block["type"] == "tool_use"]
        results = [block["tool_use_id"] for block in following if block["type"] == "tool_result"]
        yield from answered(calls, results)
        if any(block["type"] != "tool_result" for block in following[: len(results)]):
            yield "something stands before the results of a turn"


def _blocks(message: Body) -> list[Body]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _block(role: str, block: Body) -> Complaints:
    kind = block["type"]
    shapes = {
        "text": ("user assistant", "text", ""),
        "thinking": ("assistant", "thinking signature", ""),
        "tool_use": ("assistant", "id name input", ""),
        "tool_result": ("user", "tool_use_id content", "is_error"),
        "image": ("user", "source", ""),
    }
    if kind not in shapes or role not in shapes[kind][0]:
        yield f"a block of {kind} in a message of the {role}"
        return
    yield from fields(f"a block of {kind}", block, f"type {shapes[kind][1]}", shapes[kind][2])
    if kind == "text" and not block["text"].strip():
        yield "text content blocks must contain non-whitespace text"
    if kind == "thinking" and not block["signature"]:
        yield "a thinking block without its signature"
    if kind == "tool_use" and not isinstance(block["input"], dict):
        yield "the input of a tool is no object"
    for used in (block[name] for name in ("id", "tool_use_id") if name in block):
        if not re.fullmatch(r"[a-zA-Z0-9_-]+", used):
            yield f"the id {used!r} should match '^[a-zA-Z0-9_-]+$'"


# --- chat completions ----------------------------------------------------------------------------


def chat(*, kept: str = "", empty: bool = True, needs_thought: bool = False) -> Callable[[Body], Complaints]:
    """The rules of a server of this dialect.

    Args:
        kept: The field of its own that an answer may have in the history.
        empty: It takes an answer without words and without calls.
        needs_thought: It refuses an answer that calls tools without its `reasoning_content`.
    """

    def rules(body: Body) -> Complaints:
        yield from fields("the request", body, "model messages", "tools tool_choice stream stream_options")
        waiting: list[str] = []
        for message in body["messages"]:
            if message["role"] == "tool":
                yield from fields("a result", message, "role tool_call_id content")
                yield from _result(message, waiting)
                continue
            if waiting:
                yield f"'tool_calls' must be followed by tool messages responding to each of {waiting}"
            waiting = [call["id"] for call in message.get("tool_calls") or ()]
            yield from _chat_message(message, kept)
            if message["role"] == "assistant" and not (empty or message["content"] or waiting):
                yield "the message with role 'assistant' must not be empty"
            if needs_thought and waiting and not message.get("reasoning_content"):
                yield "reasoning_content is missing in assistant tool call message"
        if waiting:
            yield f"nothing answers {waiting}"
        if body["messages"][-1]["role"] == "assistant":
            yield "the conversation ends with the assistant"

    return rules


def _result(message: Body, waiting: list[str]) -> Complaints:
    if not isinstance(message["content"], str):
        yield "the content of a result is no text"
    if message["tool_call_id"] not in waiting:
        yield f"the result for {message['tool_call_id']!r} answers no call before it"
    else:
        waiting.remove(message["tool_call_id"])


def _chat_message(message: Body, kept: str) -> Complaints:
    role = message["role"]
    if role not in ("system", "user", "assistant"):
        yield f"the role {role!r}"
    yield from fields(
        f"a message of the {role}", message, "role content", f"tool_calls {kept}" * (role == "assistant")
    )
    calls = message.get("tool_calls")
    if message["content"] is None and not calls:
        yield "Invalid value for 'content': expected a string, got null."
    if calls is not None and not calls:
        yield "[] is too short - 'tool_calls'"
    for call in calls or ():
        yield from fields("a call", call, "id type function")
        yield from fields("a function", call["function"], "name arguments")
        if not NAME.fullmatch(call["function"]["name"]) or not re.fullmatch(r".{1,40}", call["id"]):
            yield f"the call {call} has no valid id or name"
        if not isinstance(json.loads(call["function"]["arguments"]), dict):
            yield "the arguments are no object"


# --- Responses -----------------------------------------------------------------------------------


def responses(body: Body) -> Complaints:
    """Each call has one result after it, ids stay away, and reasoning stands before what it led to."""
    yield from fields(
        "the request", body, "model input store", "instructions tools tool_choice stream include"
    )
    if body["store"] is not False:
        yield "the server would keep the conversation"
    items = body["input"]
    yield from answered(
        [item["call_id"] for item in items if item.get("type") == "function_call"],
        [item["call_id"] for item in items if item.get("type") == "function_call_output"],
    )
    waiting: set[str] = set()
    for item, next_ in itertools.zip_longest(items, items[1:], fillvalue={}):
        kind = item.get("type", "message")
        yield from _item(kind, item)
        if kind == "function_call":
            waiting.add(item["call_id"])
        elif kind == "function_call_output" and item["call_id"] not in waiting:
            yield "No tool call found for function call output with call_id"
        elif kind == "message" and waiting:
            yield f"No tool output found for function call {waiting}."
        if kind == "function_call_output":
            waiting.discard(item["call_id"])
        led_to = next_.get("type") in ("reasoning", "function_call") or next_.get("role") == "assistant"
        if kind == "reasoning" and not led_to:  # several in a row have been recorded
            yield "Item of type 'reasoning' was provided without its required following item."
    if items[-1].get("role") != "user" and kind != "function_call_output":
        yield "the conversation ends with the assistant"


def _item(kind: str, item: Body) -> Complaints:
    shapes = {
        "message": ("role content", "phase"),
        "function_call": ("type call_id name arguments", ""),
        "function_call_output": ("type call_id output", ""),
        "reasoning": ("type id summary encrypted_content", ""),
    }
    yield from fields(f"an item of {kind}", item, *shapes[kind])
    if not re.fullmatch(r".{1,64}", item.get("call_id", "call")):
        yield f"the call_id {item['call_id']!r} has no valid length"
    if kind == "message" and (item["role"] not in ("system", "user", "assistant") or item["content"] is None):
        yield f"no role and content: {item}"
    if kind == "function_call" and not isinstance(json.loads(item["arguments"]), dict):
        yield "the arguments are no object"
    if kind == "function_call" and not NAME.fullmatch(item["name"]):
        yield f"the call {item} has no valid name"
    if kind == "reasoning" and not item["encrypted_content"]:
        yield f"Item with id '{item['id']}' not found."


# --- Gemini --------------------------------------------------------------------------------------


def gemini(body: Body) -> Complaints:
    """`contents` of two roles in turn; as many responses as calls, right after them; signed calls."""
    yield from fields("the request", body, "contents", "systemInstruction tools toolConfig generationConfig")
    contents = body["contents"]
    yield from alternate([content["role"] for content in contents], "user")
    for content, following in zip(contents, [*contents[1:], {"parts": []}], strict=True):
        yield from fields("a content", content, "role parts")
        if not content["parts"]:
            yield "it must include at least one parts field"
        for part in content["parts"]:
            yield from _part(content["role"], part)
        calls = [part["functionCall"] for part in content["parts"] if "functionCall" in part]
        results = [part["functionResponse"] for part in following["parts"] if "functionResponse" in part]
        yield from answered([_told(call) for call in calls], [_told(result) for result in results])
        signed = [part.get("thoughtSignature") for part in content["parts"] if "functionCall" in part]
        if signed and not signed[0]:
            yield "Function call is missing a thought_signature"


def _told(call: Body) -> str:
    return f"{call.get('id')} {call['name']}"


def _part(role: str, part: Body) -> Complaints:
    kinds = {
        "text": "user model",
        "functionCall": "model",
        "functionResponse": "user",
        "inlineData": "user model",
    }
    data = part.keys() & kinds.keys()
    if len(data) != 1:
        yield f"required oneof field 'data' must have one initialized field: {sorted(part)}"
        return
    (kind,) = data
    yield from fields("a part", part, kind, "thought thoughtSignature")
    if role not in kinds[kind].split():
        yield f"a {kind} of the {role}"
    if kind == "text" and not part["text"] and not part.get("thoughtSignature"):
        yield "it has an empty text parameter"
    objects = {"functionCall": "args", "functionResponse": "response"}
    if kind in objects and not isinstance(part[kind].get(objects[kind], {}), dict):
        yield f"{objects[kind]} is no object"


# --- Ollama --------------------------------------------------------------------------------------


def ollama(body: Body) -> Complaints:
    """Arguments are objects, results name their tool, and every content is a text."""
    yield from fields("the request", body, "model messages stream", "tools options format think")
    waiting: list[str] = []
    for message in body["messages"]:
        role = message["role"]
        more = {"user": "images", "assistant": "thinking tool_calls", "tool": "tool_name tool_call_id images"}
        yield from fields(f"a message of the {role}", message, "role content", more.get(role, ""))
        if not isinstance(message["content"], str):
            yield "a content that is no text"
        calls = [call["function"] for call in message.get("tool_calls") or ()]
        if any(not isinstance(call["arguments"], dict) for call in calls):
            yield "arguments that are no object"
        if role == "tool" and message.get("tool_name") in waiting:
            waiting.remove(message["tool_name"])
            continue
        if role == "tool" or waiting:
            yield f"{waiting} wait for their results"
        waiting = [call["name"] for call in calls]


# --- Converse ------------------------------------------------------------------------------------


def converse(body: Body) -> Complaints:
    """`messages` of two roles in turn, of blocks that are not blank; tools beside calls and results."""
    more = "system inferenceConfig toolConfig additionalModelRequestFields"
    yield from fields("the request", body, "messages", more)
    messages = body["messages"]
    yield from alternate([message["role"] for message in messages], "user")
    if messages[-1]["role"] != "user":
        yield "This model does not support assistant message prefill."
    for message, following in zip(messages, [*messages[1:], {"content": []}], strict=True):
        yield from fields("a message", message, "role content")
        if not message["content"]:
            yield "The content field in the Message object is empty."
        for block in message["content"]:
            yield from _converse_block(message["role"], block)
        if "reasoningContent" in message["content"][-1]:
            yield "The final block in an assistant message cannot be `thinking`."
        calls = [block["toolUse"]["toolUseId"] for block in message["content"] if "toolUse" in block]
        results = [block["toolResult"] for block in following["content"] if "toolResult" in block]
        yield from answered(calls, [result["toolUseId"] for result in results])
        if any("toolResult" not in block for block in following["content"][: len(results)]):
            yield "something stands before the results of a turn"
        if calls and not body.get("toolConfig"):
            yield "The toolConfig field must be defined when using toolUse and toolResult content blocks."


def _converse_block(role: str, block: Body) -> Complaints:
    shapes = {
        "text": ("user assistant", "", ""),
        "reasoningContent": ("assistant", "reasoningText", ""),
        "toolUse": ("assistant", "toolUseId name input", ""),
        "toolResult": ("user", "toolUseId content", "status"),
        "image": ("user", "format source", ""),
    }
    if len(block) != 1 or role not in shapes.get(kind := next(iter(block)), ("",))[0].split():
        yield f"a block {block} of the {role}"
        return
    if kind == "text":
        if not block["text"].strip():
            yield "The text field in the ContentBlock object is blank."
        return
    yield from fields(f"a block of {kind}", block[kind], *shapes[kind][1:])
    if kind == "reasoningContent" and not block[kind]["reasoningText"].get("signature"):
        yield "thinking.signature: Field required"
    if kind == "toolUse" and not isinstance(block[kind]["input"], dict):
        yield "The format of the value at toolUse.input is invalid. Provide a json object."
    if kind == "toolUse" and not NAME.fullmatch(block[kind]["name"]):
        yield f"the call {block} has no valid name"
    if not re.fullmatch(r"[a-zA-Z0-9_.:-]{1,64}", block[kind].get("toolUseId", "id")):
        yield f"the id in {block} is not valid"


RULES: dict[str, Callable[[Body], Iterable[str]]] = {
    "anthropic": anthropic,
    "openai": chat(),
    "responses": responses,
    "converse": converse,
    "kimi": chat(kept="reasoning_content", empty=False, needs_thought=True),
    "glm": chat(kept="reasoning_content", empty=False),
    "openrouter": chat(kept="reasoning_details"),
    "gemini": gemini,
    "ollama": ollama,
}
