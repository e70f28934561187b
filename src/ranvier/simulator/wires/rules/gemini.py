"""The requests that Gemini rejects, with its own error messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ranvier.simulator.wires.opaque import is_thought_signature
from ranvier.simulator.wires.reading import invalid

Json = dict[str, Any]

_FIELDS = {
    "": """
        contents systemInstruction tools toolConfig safetySettings generationConfig cachedContent labels
        model serviceTier store""",
    "generation_config": """
        maxOutputTokens temperature topP topK stopSequences responseMimeType responseSchema
        responseJsonSchema thinkingConfig candidateCount seed presencePenalty frequencyPenalty
        responseLogprobs logprobs responseModalities mediaResolution speechConfig imageConfig
        enableEnhancedCivicAnswers routingConfig modelSelectionConfig audioTimestamp""",
}
FIELDS: Final = {where: frozenset(names.split()) for where, names in _FIELDS.items()}
"""The fields that a request may have, and those of its `generationConfig`."""

UNSIGNED: Final = ("gemini-1", "gemini-2", "gemma", "learnlm")
EITHER: Final = ("gemini-1", "gemini-2")
"""They cannot combine tools with JSON answers."""

LEVELLESS: Final = ("gemini-1", "gemini-2", "gemma", "learnlm")
THOUGHTLESS: Final = ("gemini-1", "gemini-2.0", "gemini-2.5-flash-image", "gemma", "learnlm")
CAN_STOP: Final = ("gemini-2.5-flash",)
BUDGETS: Final = (
    (("gemini-2.5-pro",), (128, 32_768)),
    (("gemini-2.5-flash-lite",), (512, 24_576)),
    (("gemini-2.5-flash",), (1, 24_576)),
)
"""The least and the largest number of tokens that a model may think, if it does."""

NOT_MINIMAL: Final = (
    "gemini-3-pro",
    "gemini-3.1-pro",
    "gemini-3.7-flash",
    "gemini-3.8-flash",
    "gemini-4-argon",
)


def uses_signatures(model: str) -> bool:
    """True for models that sign their tool calls, and require the signature in later requests."""
    return model.startswith("gemini-") and not model.startswith(UNSIGNED)


def check(body: Json, model: str) -> None:
    """Raise `Unacceptable` if Gemini would reject the request."""
    if not isinstance(body, dict):
        raise invalid("Invalid JSON payload received. Expected an object.")
    _check_fields(body, "")
    settings = body.get("generationConfig") or {}
    _check_fields(settings, "generation_config")
    contents = body.get("contents")
    if not contents:
        raise invalid("* GenerateContentRequest.contents: contents is not specified\n")
    for position, content in enumerate(contents):
        _check_content(position, content)
    _check_calls(contents)
    if uses_signatures(model):
        _check_signatures(contents)
    _check_settings(settings, model, tools=bool(body.get("tools")))


def _check_fields(given: Json, where: str) -> None:
    for name in given:
        if name not in FIELDS[where]:
            place = f' at "{where}"' if where else ""
            raise invalid(f'Invalid JSON payload received. Unknown name "{name}"{place}: Cannot find field.')


def _check_content(position: int, content: Json) -> None:
    if content.get("role", "user") not in ("user", "model"):
        raise invalid("Please use a valid role: user, model.")
    where = f"* GenerateContentRequest.contents[{position}].parts"
    if not content.get("parts"):
        raise invalid(f"{where}: contents.parts must not be empty.\n")
    for index, part in enumerate(content["parts"]):
        if not part.keys() - {"thought", "thoughtSignature", "videoMetadata"}:
            raise invalid(
                f"{where}[{index}].data: required oneof field 'data' must have one initialized field\n"
            )
        if "inlineData" in part and not part["inlineData"].get("mimeType"):
            raise invalid(f"{where}[{index}].inline_data.mime_type: mime_type must not be empty\n")
        if (signature := part.get("thoughtSignature")) and not is_thought_signature(signature):
            raise invalid("Corrupted thought signature.")


def _count(content: Json, kind: str) -> int:
    return sum(kind in part for part in content["parts"])


def _check_calls(contents: list[Json]) -> None:
    """Check that every turn with calls is followed by a turn with as many responses."""
    waiting = 0
    for position, content in enumerate(contents):
        called, answered = _count(content, "functionCall"), _count(content, "functionResponse")
        if answered != waiting:
            raise invalid(
                "Please ensure that the number of function response parts is equal to the number of function "
                "call parts of the function call turn."
            )
        if called and (position == 0 or contents[position - 1].get("role", "user") != "user"):
            raise invalid(
                "Please ensure that function call turn comes immediately after a user turn or after a "
                "function response turn."
            )
        waiting = called
    if waiting:
        raise invalid(
            "Please ensure that function response turn comes immediately after a function call turn."
        )


def _check_signatures(contents: list[Json]) -> None:
    for position, content in enumerate(contents):
        first = next(_calls(content), None)
        if first is not None and not first.get("thoughtSignature"):
            raise invalid(
                "Function call is missing a thought_signature in functionCall parts. This is required for "
                "tools to work correctly, and missing thought_signature may lead to degraded model "
                f"performance. Additional data, function call `default_api:{first['functionCall']['name']}` "
                f", position {position + 1}. Please refer to "
                "https://ai.google.dev/gemini-api/docs/thought-signatures for more details."
            )


def _calls(content: Json) -> Iterator[Json]:
    return (part for part in content["parts"] if "functionCall" in part)


def _check_settings(settings: Json, model: str, *, tools: bool) -> None:
    temperature = settings.get("temperature", 1)
    if not 0 <= temperature <= 2:
        where = "* GenerateContentRequest.generation_config.temperature"
        raise invalid(f"{where}: temperature must be in the range [0.0, 2.0].\n")
    if len(settings.get("stopSequences") or ()) > 5:
        raise invalid("* GenerateContentRequest.generation_config.stop_sequences: at most 5 are allowed.\n")
    if settings.get("responseSchema") and settings.get("responseJsonSchema"):
        raise invalid("response_schema and response_json_schema cannot both be set.")
    if settings.get("responseMimeType") == "application/json" and tools and model.startswith(EITHER):
        raise invalid("Function calling with a response mime type: 'application/json' is unsupported")
    _check_thinking(settings.get("thinkingConfig") or {}, model)


def _check_thinking(thinking: Json, model: str) -> None:
    level, budget = thinking.get("thinkingLevel"), thinking.get("thinkingBudget")
    if level is not None and budget is not None:
        raise invalid("You can only set only one of thinking budget and thinking level.")
    if thinking and model.startswith(THOUGHTLESS):
        raise invalid("Thinking is not enabled for this model.")
    least, most = next((bounds for models, bounds in BUDGETS if model.startswith(models)), (0, 65_536))
    if budget is not None and not (least <= budget <= most or (budget == 0 and model.startswith(CAN_STOP))):
        raise invalid(
            f"The thinking budget {budget} is invalid. Please choose a value between {least} and {most}."
        )
    if level is not None and model.startswith(LEVELLESS):
        raise invalid("Thinking level is not supported for this model.")
    if str(level).upper() == "MINIMAL" and model.startswith(NOT_MINIMAL):
        raise invalid("Thinking level MINIMAL is not supported for this model.")
