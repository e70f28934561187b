"""Checks that chat completions make of a history: known roles, and a result right after every call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ranvier.simulator.wires.reading import invalid


class Breach(NamedTuple):
    """The place in a history that has a call without a result, or a result without a call.

    Attributes:
        position: The index of the message where the check fails.
        ids: The ids of the calls without a result; empty for a result without a call.
    """

    position: int
    ids: tuple[str, ...] = ()


def unanswered(messages: Sequence[dict[str, Any]]) -> Breach | None:
    """The first place where calls and results do not match; `None` if all match."""
    waiting: list[str] = []
    for position, message in enumerate(messages):
        if message.get("role") == "tool":
            if message.get("tool_call_id") not in waiting:
                return Breach(position)
            waiting.remove(message["tool_call_id"])
            continue
        if waiting:
            return Breach(position, tuple(waiting))
        waiting = [call["id"] for call in message.get("tool_calls") or ()]
    return Breach(len(messages), tuple(waiting)) if waiting else None


def check_roles(messages: Sequence[dict[str, Any]], roles: Sequence[str]) -> None:
    """Raise `Unacceptable` with OpenAI's message unless every message has one of `roles`."""
    for position, message in enumerate(messages):
        if message.get("role") not in roles:
            known = ", ".join(f"'{role}'" for role in roles[:-1])
            raise invalid(
                f"Invalid value: '{message.get('role')}'. Supported values are: {known}, and '{roles[-1]}'.",
                **_where(f"messages[{position}].role", "invalid_value"),
            )


def check_results(messages: Sequence[dict[str, Any]], prefix: str = "") -> None:
    """Raise `Unacceptable` with OpenAI's message unless all calls and results match."""
    breach = unanswered(messages)
    if breach is None:
        return
    where = _where(f"messages.[{breach.position}].role", None)
    if breach.ids:
        raise invalid(
            f"{prefix}An assistant message with 'tool_calls' must be followed by tool messages responding to "
            "each 'tool_call_id'. The following tool_call_ids did not have response messages: "
            f"{', '.join(breach.ids)}",
            **where,
        )
    raise invalid(
        f"{prefix}messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
        **where,
    )


def _where(param: str, code: str | None) -> dict[str, Any]:
    return {"param": param, "code": code}
