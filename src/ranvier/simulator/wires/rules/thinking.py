"""The settings of thinking, and marks for the cache, that Anthropic rejects, with its own error messages."""

from __future__ import annotations

from typing import Any, Final

from ranvier.simulator.wires.reading import invalid

Json = dict[str, Any]

ALWAYS: Final = ("claude-fable-5", "claude-mythos", "claude-opus-5-5")
"""Their thinking cannot be switched off."""

BETWEEN_TOOLS: Final = ("claude-sonnet-5-5",)
"""Their thinking is switched off by this type, which others do not know."""

NO_BUDGET: Final = (
    *("claude-fable-5", "claude-mythos-5", "claude-opus-4-7", "claude-opus-4-8", "claude-opus-5"),
    *("claude-sonnet-5", "claude-haiku-5-5"),
)
ADAPTIVE: Final = (*NO_BUDGET, "claude-mythos-preview", "claude-opus-4-6", "claude-sonnet-4-6")
THOUGHTLESS: Final = ("claude-2", "claude-instant", "claude-3-5", "claude-3-haiku", "claude-3-opus")
EFFORTS: Final = (
    (NO_BUDGET, ("low", "medium", "high", "xhigh", "max")),
    (("claude-opus-4-6", "claude-sonnet-4-6"), ("low", "medium", "high", "max")),
    (("claude-opus-4-5",), ("low", "medium", "high")),
)
LEAST_BUDGET: Final = 1_024
MARKS: Final = 4


def check(body: Json, model: str) -> None:
    """Raise `Unacceptable` if Anthropic would reject how the request sets thinking or the cache."""
    thinking = body.get("thinking") or {}
    _check_kind(thinking.get("type"), model)
    if thinking.get("type") == "enabled":
        _check_budget(thinking.get("budget_tokens"), body)
        _check_turn(body["messages"])
    if thinking.get("type") in ("enabled", "adaptive"):
        for name in ("temperature", "top_k"):
            if body.get(name, 1) != 1:
                raise invalid(f"`{name}` may only be set to 1 when thinking is enabled.")
    effort = (body.get("output_config") or {}).get("effort")
    known = next((efforts for models, efforts in EFFORTS if model.startswith(models)), ())
    if effort is not None and effort not in known:
        raise invalid(f"output_config.effort: '{effort}' is not supported for this model")
    if _marks(body) > MARKS:
        raise invalid(f"A maximum of {MARKS} blocks with cache_control may be provided.")


def _check_kind(kind: str | None, model: str) -> None:
    kinds = ["enabled", "adaptive", "disabled"] if model.startswith(ADAPTIVE) else ["enabled", "disabled"]
    if model.startswith(NO_BUDGET):
        kinds.remove("enabled")
    if model.startswith(ALWAYS + BETWEEN_TOOLS):
        kinds.remove("disabled")
    if model.startswith(BETWEEN_TOOLS):
        kinds.append("between_tools")
    if model.startswith(THOUGHTLESS):
        kinds = ["disabled"]
    if kind is not None and kind not in kinds:
        raise invalid(f'"thinking.type.{kind}" is not supported for this model. Use one of {kinds}.')


def _check_budget(budget: Any, body: Json) -> None:
    if not isinstance(budget, int) or budget < LEAST_BUDGET:
        raise invalid(
            f"thinking.enabled.budget_tokens: Input should be greater than or equal to {LEAST_BUDGET}"
        )
    if budget >= body["max_tokens"]:
        raise invalid("`max_tokens` must be greater than `thinking.budget_tokens`.")
    if (body.get("tool_choice") or {}).get("type") in ("any", "tool"):
        raise invalid("Thinking may not be enabled when tool_choice forces tool use.")


def _check_turn(messages: list[Json]) -> None:
    """Check that a turn that goes on, after calls of tools or as a prefill, was begun with thinking."""
    contents = [message["content"] for message in messages if message["role"] == "assistant"]
    last = messages[-1]
    results = isinstance(last["content"], list) and last["content"][0]["type"] == "tool_result"
    if last["role"] == "user" and not results:
        return
    kind = "text" if not contents or isinstance(contents[-1], str) else contents[-1][0]["type"]
    if kind not in ("thinking", "redacted_thinking"):
        raise invalid(
            f"messages.{len(messages) - 2}.content.0.type: Expected `thinking` or `redacted_thinking`, but "
            f"found `{kind}`. When `thinking` is enabled, a final `assistant` message must start with a "
            "thinking block (preceeding the lastmost set of `tool_use` and `tool_result` blocks)."
        )


def _marks(value: Any) -> int:
    """How many marks for the cache there are, in the request and in its blocks."""
    if isinstance(value, list):
        return sum(map(_marks, value))
    if not isinstance(value, dict):
        return 0
    within = (value.get(name) for name in ("system", "tools", "messages", "content"))
    return ("cache_control" in value) + sum(map(_marks, within))
