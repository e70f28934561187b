"""The requests that Bedrock's Converse rejects, with its own error messages."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any, Final

from ranvier.simulator.wires.opaque import signs
from ranvier.simulator.wires.reading import Unacceptable, invalid

Json = dict[str, Any]

_PARAMETERS = """
    messages system inferenceConfig toolConfig guardrailConfig additionalModelRequestFields promptVariables
    additionalModelResponseFieldPaths requestMetadata performanceConfig serviceTier outputConfig
    projectIdentifier"""
PARAMETERS: Final = frozenset(_PARAMETERS.split())

INFERENCE: Final = {"maxTokens": (1, 10**6), "temperature": (0, 1), "topP": (0, 1)}
"""The least and the largest value of each number in `inferenceConfig`."""

ID: Final = r"[a-zA-Z0-9_.:-]{1,64}"
NAME: Final = r"[a-zA-Z0-9_-]{1,64}"
DOCUMENT_NAME: Final = r"[a-zA-Z0-9()\[\]-]+(?:\s[a-zA-Z0-9()\[\]-]+)*"
FORCED: Final = ("claude", "nova", "glm", "kimi", "grok")
"""The starts of models that can be forced to call a tool."""

LEADING: Final = ("claude", "qwen")
"""The starts of models whose conversation may begin with the assistant."""

MARKS: Final = 4
LEAST_BUDGET: Final = 1_024


def check(body: Json, model: str) -> None:
    """Raise `Unacceptable` if Bedrock would reject the request; `model` is its name without maker."""
    for name in body:
        if name not in PARAMETERS:
            raise invalid(
                f"The model returned the following errors: extraneous key [{name}] is not permitted"
            )
    _check_roles(body["messages"], model)
    for position, message in enumerate(body["messages"]):
        for index, block in enumerate(message["content"]):
            _check_block(f"messages.{position}.content.{index}", block, model)
    _check_documents(body["messages"])
    _check_calls(body)
    _check_inference(body.get("inferenceConfig") or {})
    _check_tools(body.get("toolConfig"), model)
    _check_thinking(body)
    _check_form(body)
    if _marks(body) > MARKS:
        raise invalid(f"You have exceeded the maximum number of {MARKS} cache points")


def _check_roles(messages: list[Json], model: str) -> None:
    roles = [message.get("role") for message in messages]
    if roles[0] != "user" and not model.startswith(LEADING):
        raise invalid(
            "A conversation must start with a user message. Try again with a conversation that does."
        )
    if not set(roles) <= {"user", "assistant"}:
        raise invalid("Value at 'messages.1.member.role' failed to satisfy constraint: [user, assistant]")
    if any(one == other for one, other in itertools.pairwise(roles)):
        raise invalid("A conversation must alternate between user and assistant roles.")
    if not all(message.get("content") for message in messages):
        raise invalid("The content field in the Message object is empty. Add a ContentBlock object.")


def _check_block(where: str, block: Json, model: str) -> None:
    if len(block) != 1:
        raise invalid(f"ContentBlock at {where} must set exactly one of its members")
    ((kind, value),) = block.items()
    if kind == "text" and not value.strip():
        raise invalid(f"The text field in the ContentBlock object at {where} is blank. Add text to it.")
    if kind == "toolUse" and not isinstance(value.get("input"), dict):
        raise invalid(f"The format of the value at {where}.toolUse.input is invalid. Provide a json object.")
    if kind in ("toolUse", "toolResult") and not re.fullmatch(ID, value["toolUseId"]):
        raise invalid(f"Value at '{where}.{kind}.toolUseId' failed to satisfy constraint: {ID}")
    if kind == "toolUse" and not re.fullmatch(NAME, value["name"]):
        raise invalid(f"Value at '{where}.toolUse.name' failed to satisfy constraint: {NAME}")
    if kind == "reasoningContent":
        _check_reasoning(where, value, model)
    if kind == "image" and "bytes" not in value["source"]:
        raise invalid(f"This model doesn't support the image source at {where}.")
    for index, inner in enumerate(value["content"] if kind == "toolResult" else ()):
        _check_block(f"{where}.toolResult.content.{index}", inner, model)


def _check_reasoning(where: str, reasoning: Json, model: str) -> None:
    thought = reasoning.get("reasoningText") or {}
    signature = thought.get("signature") or reasoning.get("redactedContent")
    if not model.startswith("claude"):
        if signature is None:
            raise invalid(
                "User messages cannot contain reasoning content. Please remove the reasoning content"
            )
        return
    if not signature:
        raise invalid(f"The model returned the following errors: {where}.thinking.signature: Field required")
    if not signs(signature, thought.get("text", "")):
        words = f"{where}: Invalid `signature` in `thinking` block"
        raise invalid(f"The model returned the following errors: {words}")


def _check_documents(messages: list[Json]) -> None:
    for position, message in enumerate(messages):
        kinds = {kind for block in message["content"] for kind in block}
        if "document" in kinds and "text" not in kinds:
            raise invalid(f"A text block is required beside the documents at messages.{position}.content.")
    names = [name for message in messages for name in _document_names(message["content"])]
    if len(set(names)) < len(names):
        raise invalid(
            "Messages can't contain duplicate document names. Rename the document and retry your request."
        )
    for name in names:
        if not re.fullmatch(DOCUMENT_NAME, name) or len(name) > 200:
            raise invalid(
                "The document file name can only contain alphanumeric characters, whitespace characters, "
                "hyphens, parentheses, and square brackets. The name can't contain more than one consecutive "
                "whitespace character."
            )


def _document_names(blocks: list[Json]) -> Iterator[str]:
    for block in blocks:
        if "document" in block:
            yield block["document"]["name"]
        if "toolResult" in block:
            yield from _document_names(block["toolResult"]["content"])


def _check_calls(body: Json) -> None:
    """Check that the message after a turn with calls has the results of all of them, and no others."""
    waiting: list[str] = []
    used = False
    for position, message in enumerate([*body["messages"], {"content": []}]):
        results = [block["toolResult"]["toolUseId"] for block in message["content"] if "toolResult" in block]
        if missing := [each for each in waiting if each not in results]:
            raise invalid(
                f"Expected toolResult blocks at messages.{position}.content for the following Ids: "
                f"{', '.join(missing)}"
            )
        if len(results) > len(waiting):
            raise invalid(
                f"The number of toolResult blocks at messages.{position}.content exceeds the number of "
                "toolUse blocks of previous turn."
            )
        waiting = [block["toolUse"]["toolUseId"] for block in message["content"] if "toolUse" in block]
        if len(set(waiting)) < len(waiting):
            raise invalid(f"The toolUse blocks at messages.{position}.content contain duplicate Ids")
        used = used or bool(waiting or results)
    if used and not body.get("toolConfig"):
        raise invalid(
            "The toolConfig field must be defined when using toolUse and toolResult content blocks."
        )


def _check_inference(config: Json) -> None:
    for name, value in config.items():
        if name == "stopSequences":
            continue
        if name not in INFERENCE:
            raise invalid(f"extraneous key [{name}] is not permitted")
        least, most = INFERENCE[name]
        if not least <= value <= most:
            raise invalid(f"Value at 'inferenceConfig.{name}' must be between {least} and {most}")


def _check_tools(config: Json | None, model: str) -> None:
    if config is None:
        return
    if not config.get("tools"):
        raise invalid("Value at 'toolConfig.tools' failed to satisfy constraint: at least one tool")
    choice = config.get("toolChoice")
    if choice is not None and (len(choice) != 1 or not choice.keys() <= {"auto", "any", "tool"}):
        raise invalid("toolConfig.toolChoice must set exactly one of auto, any, tool")
    if choice and "auto" not in choice and not model.startswith(FORCED):
        field = f"toolConfig.toolChoice.{next(iter(choice))}"
        words = f"This model doesn't support the {field} field. Remove {field} and try again."
        raise Unacceptable(400, "unsupported_parameter", message=words)
    for position, tool in enumerate(each["toolSpec"] for each in config["tools"] if "toolSpec" in each):
        where = f"toolConfig.tools.{position}.member.toolSpec"
        if not re.fullmatch(NAME, tool["name"]):
            raise invalid(f"Value at '{where}.name' failed to satisfy constraint: {NAME}")
        if not tool.get("description", "x"):
            raise invalid(f"Value at '{where}.description' failed to satisfy constraint: length at least 1")
        if (tool["inputSchema"].get("json") or {}).get("type") != "object":
            raise invalid(f"The value at {where}.inputSchema.json.type must be one of the following: object.")


def _check_thinking(body: Json) -> None:
    further = body.get("additionalModelRequestFields") or {}
    thinking = further.get("thinking") or {}
    choice = (body.get("toolConfig") or {}).get("toolChoice") or {}
    if "tool_choice" in further and choice:
        raise invalid("The additional field tool_choice conflicts with toolConfig.toolChoice")
    if thinking.get("type") != "enabled":
        return
    if thinking.get("budget_tokens", 0) < LEAST_BUDGET:
        raise invalid(
            f"thinking.enabled.budget_tokens: Input should be greater than or equal to {LEAST_BUDGET}"
        )
    if thinking["budget_tokens"] >= (body.get("inferenceConfig") or {}).get("maxTokens", 4_096):
        raise invalid("`max_tokens` must be greater than `thinking.budget_tokens`.")
    if not choice.keys() <= {"auto"}:
        raise invalid("Thinking may not be enabled when tool_choice forces tool use.")


def _check_form(body: Json) -> None:
    form = (body.get("outputConfig") or {}).get("textFormat")
    if form is None:
        return
    schema = form["structure"]["jsonSchema"]["schema"]
    if form.get("type") != "json_schema" or not isinstance(schema, str):
        raise invalid("outputConfig.textFormat.structure.jsonSchema.schema must be a string")
    if json.loads(schema).get("additionalProperties") is not False:
        raise invalid("For 'object' type, 'additionalProperties' must be explicitly set to false")


def _marks(body: Json) -> int:
    """How many marks for the cache there are."""
    blocks = [*body.get("system", ()), *(body.get("toolConfig") or {}).get("tools", ())]
    blocks += (block for message in body["messages"] for block in message["content"])
    return sum("cachePoint" in block for block in blocks)
