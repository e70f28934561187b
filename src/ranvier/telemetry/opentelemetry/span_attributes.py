"""The span attributes of requests, results and attempts. They never contain prompts or answers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeGuard

from ranvier.facts.attempt import EMPTY, HEDGE_LOST, SUCCEEDED, deciding
from ranvier.messages.characters import whole_characters
from ranvier.telemetry.opentelemetry import names

if TYPE_CHECKING:
    from ranvier.facts.attempt import Attempt
    from ranvier.facts.story import Wait
    from ranvier.messages.response import Response
    from ranvier.messages.usage import Usage
    from ranvier.pipeline.call import Call
    from ranvier.telemetry.opentelemetry.instruments import Naming
    from ranvier.telemetry.opentelemetry.target import Attributes, Target

ABANDONED = "abandoned"
"""Beside `succeeded`, `empty` and `hedge_lost`, the outcome that is no error."""

HEDGE = "hedge"
"""The reason of an attempt at a target that was asked as well as another one."""

CUT = "error"
"""The finish reason of a response that did not finish."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call ended.

    Attributes:
        seconds: How long it took.
        first_chunk: Seconds to the first content of its stream; `None` if there was none.
        outcome: `succeeded`, `abandoned`, or the kind of its error.
        error_type: That kind, or the class of an error from outside ranvier; `None` without an error.
        attempts: All attempts.
        target: The target of the last attempt; without attempts, the target that would have been first.
        response: The response, or as much of it as was received.
    """

    seconds: float
    first_chunk: float | None
    outcome: str
    error_type: str | None
    attempts: tuple[Attempt, ...]
    target: Target
    response: Response | None

    @property
    def usage(self) -> Usage | None:
        """The tokens of the last attempt, but for lost hedges, if known."""
        last = deciding(self.attempts)
        return None if last is None else last.usage

    @property
    def finish_reason(self) -> str:
        """Why the model stopped; `error` if the response did not finish."""
        response = self.response
        if self.outcome != SUCCEEDED or response is None or response.finish_reason is None:
            return CUT
        return response.finish_reason.value


def request(call: Call) -> Attributes:
    """The settings of the request; unset ones are omitted."""
    settings = call.request
    return _known(
        {
            names.MAX_TOKENS: settings.max_tokens,
            names.TEMPERATURE: settings.temperature,
            names.TOP_P: settings.top_p,
            names.STOP: tuple(map(whole_characters, settings.stop)) or None,
            names.SEED: settings.seed,
            names.STREAM: call.streaming or None,
            names.OUTPUT_TYPE: None if settings.schema is None else "json",
            **{names.METADATA + name: label for name, label in settings.metadata.items()},
        }
    )


def ending(end: Ending, naming: Naming) -> Attributes:
    """How the call ended, and the tokens of its last attempt."""
    facts: dict[str, Any] = {
        names.OUTCOME: end.outcome,
        names.ERROR: end.error_type,
        names.ATTEMPTS: len(end.attempts),
        names.FALLBACKS: sum(
            one.target != other.target and other.reason != HEDGE for one, other in pairwise(end.attempts)
        ),
        names.FINISH_REASONS: (end.finish_reason,),
        names.FIRST_CHUNK: end.first_chunk,
        **end.target.attributes,
    }
    if end.response is not None:
        facts |= {names.RESPONSE_ID: end.response.id, names.RESPONSE_MODEL: end.response.model or None}
    if is_known(end.usage):
        facts |= _tokens(end.usage, naming)
    return _known(facts)


def attempt(attempt: Attempt) -> Attributes:
    """One attempt. Its tokens have `ranvier.` names: with the conventions' names they would count twice."""
    facts: dict[str, Any] = {
        names.TARGET: attempt.target,
        names.ATTEMPT_NUMBER: attempt.number,
        names.OUTCOME: attempt.outcome,
        names.ERROR: None
        if attempt.outcome in (SUCCEEDED, EMPTY, ABANDONED, HEDGE_LOST)
        else attempt.outcome,
        names.ATTEMPT_REASON: attempt.reason,
        names.ATTEMPT_DELAY: attempt.delay or None,
        names.ATTEMPT_QUEUED: attempt.queued or None,
        names.ATTEMPT_FIRST_TOKEN: attempt.first_token,
        names.ATTEMPT_REQUEST: attempt.request_id,
        names.ATTEMPT_SKIPPED: attempt.skipped or None,
        names.STATUS: attempt.status,
        names.CIRCUIT: None if attempt.circuit is None else str(attempt.circuit),
    }
    if is_known(attempt.usage):
        facts |= {names.ATTEMPT_INPUT: attempt.usage.input, names.ATTEMPT_OUTPUT: attempt.usage.output}
    return _known(facts)


def wait(wait: Wait) -> Attributes:
    """A wait outside the attempts, or a target or retry that was skipped."""
    return _known(
        {
            names.WAIT_FOR: wait.kind,
            names.WAIT_SECONDS: wait.seconds,
            names.KIND: wait.reason,
            names.TARGET: wait.target,
        }
    )


def is_known(usage: Usage | None) -> TypeGuard[Usage]:
    """True if a provider has reported any tokens."""
    return usage is not None and (usage.complete or usage.total > 0)


def _tokens(usage: Usage, naming: Naming) -> Attributes:
    facts: dict[str, Any] = {
        names.INPUT_TOKENS: usage.input,
        names.OUTPUT_TOKENS: usage.output,
        names.CACHE_READ: usage.cache_read or None,
        names.CACHE_WRITE: usage.cache_write or None,
        names.REASONING: usage.reasoning or None,
    }
    for name, before in names.OLD_ATTRIBUTES.items() if naming != "new" else ():
        facts[before] = facts[name] if naming == "both" else facts.pop(name)
    return _known(facts)


def _known(facts: dict[str, Any]) -> Attributes:
    return {name: value for name, value in facts.items() if value is not None}
