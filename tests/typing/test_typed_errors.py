"""Handling errors: by class, by facts, and of all targets at once."""

from typing import assert_type

import pytest

import ranvier.errors
from ranvier import (
    AllDeploymentsFailedError,
    AuthenticationError,
    CircuitOpenError,
    ConfigurationError,
    DeadlineExceededError,
    Pipeline,
    RanvierError,
    RateLimitError,
    StreamInterruptedError,
    TimedOutError,
    errors,
    resilient,
)
from ranvier.testing import ScriptedProvider


async def ask(pipeline: Pipeline) -> str:
    try:
        return (await pipeline.complete("Hi", deadline=5)).text
    except RateLimitError as error:
        assert_type(error.retry_after, float | None)
        assert_type(error.status, int | None)
        return f"wait {error.retry_after}"
    except CircuitOpenError as error:
        return f"{error.provider} is down for {error.tenant}"
    except AllDeploymentsFailedError as error:
        assert_type(error.primary, RanvierError)
        return ", ".join(describe(each) for each in error.exceptions)
    except (DeadlineExceededError, StreamInterruptedError) as error:
        return "" if error.received is None else error.received.text
    except TimedOutError:
        return "too slow"
    except RanvierError as error:
        return describe(error)


def describe(error: errors.RanvierError | ExceptionGroup[RanvierError]) -> str:
    return error.kind if isinstance(error, RanvierError) else str(error)


async def test_errors_are_told_apart() -> None:
    """By what they are."""
    limited = RateLimitError("slow down", provider="anthropic", retry_after=42, status=429)
    refused = AuthenticationError("no such key", provider="openai")
    assert await ask(resilient(ScriptedProvider("anthropic", [limited]))) == "wait 42"
    both = resilient(ScriptedProvider("anthropic", [limited]), ScriptedProvider("openai", [refused]))
    assert await ask(both) == "rate_limit, auth"
    assert issubclass(ConfigurationError, ValueError)
    assert ranvier.errors.ThrottledError is ranvier.ThrottledError


def test_a_missing_prompt_is_an_error_to_type_checkers_too() -> None:
    """Of a whole answer and of a stream; at run time the error names the remedy."""
    pipeline = resilient(ScriptedProvider("anthropic"))
    with pytest.raises(ConfigurationError, match="give a str, a list of messages, or a Request"):
        pipeline.complete()  # type: ignore[call-arg, unused-coroutine]  # because: it is the mistake
    with pytest.raises(ConfigurationError, match="give a str, a list of messages, or a Request"):
        pipeline.stream()  # type: ignore[call-arg]  # because: it is the mistake
