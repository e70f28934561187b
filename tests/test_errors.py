"""Errors: what they carry, and that they survive pickling, copying and being raised elsewhere."""

import copy
import inspect
import pickle
from typing import Any

import pytest

import ranvier
from ranvier import (
    AllDeploymentsFailedError,
    AttemptTimeoutError,
    CircuitOpenError,
    ConfigurationError,
    CredentialLookupError,
    CredentialMissingError,
    CredentialUnusableError,
    DeadlineExceededError,
    LocalCapacityError,
    ProviderError,
    RanvierError,
    RateLimitError,
    RejectedError,
    Response,
    Scope,
    ServerError,
    SpendLimitExceededError,
    StreamInterruptedError,
    TimedOutError,
    UnsupportedRequestError,
    errors,
)
from ranvier.pipeline import Attempt

FACTS = {
    "provider": "openai",
    "model": "gpt-5.2",
    "status": 503,
    "code": "overloaded",
    "request_id": "req_1",
    "retry_after": 2.5,
    "in_stream": True,
    "body_preview": '{"error": ...}',
    "param": "max_tokens",
    "resets_at": 1795348800.0,
    "scope": Scope.TARGET,
}


def example(kind: Any) -> RanvierError:
    """An error of that class with everything that it can carry."""
    if kind is AllDeploymentsFailedError:
        error: RanvierError = kind("none answered", [example(ServerError), example(CircuitOpenError)])
    elif kind is SpendLimitExceededError:
        error = kind(tenant="acme", limit=5.0, left=1.5, needed=2.0, retry_after=2.5)
    elif issubclass(kind, RejectedError) and "tenant" in inspect.signature(kind).parameters:
        error = kind(tenant="acme", provider="openai", retry_after=2.5)
    elif issubclass(kind, RejectedError):
        error = kind("no", retry_after=2.5)
    elif kind is DeadlineExceededError:
        error = kind("out of time", received=Response(text="so far"))
    elif kind is AttemptTimeoutError:
        error = kind("too slow", phase="connect", **FACTS)
    elif kind is StreamInterruptedError:
        error = kind("broke", received=Response(text="so far"), reason="network", **FACTS)
    elif issubclass(kind, ProviderError):
        error = kind("failed", **FACTS)
    else:
        error = kind("something")
    error.retryable = not kind.retryable  # a fact of this instance
    error.attempts = (Attempt("openai/gpt-5.2", 1, 0.0, None, "closed", 7.0),)
    error.add_note("a note")
    return error


def facts(error: BaseException) -> Any:
    """All that an error carries, comparable."""
    inner = [facts(each) for each in getattr(error, "exceptions", ())]
    return type(error), str(error), error.__dict__, inner


ALL = [getattr(errors, name) for name in errors.__all__]


def pickled(error: RanvierError) -> RanvierError:
    """The error as another process would get it."""
    return pickle.loads(pickle.dumps(error))


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("again", [pickled, copy.copy, copy.deepcopy])
def test_every_error_survives_pickling_and_copying(kind: type[RanvierError], again: Any) -> None:
    """With its class, its message, and every fact, those of the instance included."""
    error = example(kind)
    twin = again(error)
    assert twin is not error
    assert facts(twin)[:2] == facts(error)[:2]
    assert repr(facts(twin)) == repr(facts(error))
    assert twin.attempts == error.attempts
    assert twin.retryable is error.retryable
    with pytest.raises(kind):
        raise twin


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -1, 86_401, 1e300, "7", True, None, [3]])
def test_a_wait_that_cannot_be_waited_is_unsaid(odd: Any) -> None:
    """Whoever raises it: every layer may reckon with what is there."""
    error = RateLimitError("slow", provider="x", retry_after=odd)
    assert error.retry_after is None
    error.retry_after = 86_400
    assert error.retry_after == 86_400
    error.retry_after = odd
    assert error.retry_after is None


OF_PROVIDERS = [kind for kind in ALL if issubclass(kind, (ProviderError, AttemptTimeoutError))]


@pytest.mark.parametrize("kind", OF_PROVIDERS)
def test_what_a_provider_said_is_kept(kind: type[RanvierError]) -> None:
    """Every fact under its own name."""
    error = example(kind)
    assert {name: getattr(error, name) for name in FACTS} == FACTS


def test_the_tree_is_the_one_that_is_drawn() -> None:
    """Every error is exported, explained, and of the standard type of its kind."""
    assert set(errors.__all__) <= set(ranvier.__all__)
    assert issubclass(TimedOutError, TimeoutError)
    assert issubclass(ConfigurationError, ValueError)
    assert issubclass(AllDeploymentsFailedError, ExceptionGroup)
    for kind in (CircuitOpenError, CredentialLookupError, CredentialMissingError, LocalCapacityError):
        assert issubclass(kind, RejectedError)
    for kind in ALL:
        assert "__slots__" not in vars(kind)
        assert f"{kind.__name__}" in (errors.__doc__ or "")
        assert kind.__doc__


def test_a_refusal_says_when_to_come_again() -> None:
    """In its message, which is written only when it is read."""
    assert str(example(CircuitOpenError)) == (
        "the circuit of tenant 'acme' at openai is open: try again in 2.5 s"
    )
    assert "it is isolated" in str(CircuitOpenError(tenant="acme", provider="openai"))
    assert str(CircuitOpenError("closed for today", tenant="acme", provider="openai")) == "closed for today"


def failed(*errors: RanvierError) -> AllDeploymentsFailedError:
    return AllDeploymentsFailedError("none answered", list(errors))


REFUSED = CircuitOpenError(tenant="acme", provider="a", retry_after=9.0)
MISSING = CredentialMissingError("no key")
BUSY = RateLimitError("busy", provider="b", retry_after=4.0)
DOWN = ServerError("down", provider="c")
UNABLE = UnsupportedRequestError("takes no images; nothing was sent", provider="d")
UNSUPPORTED = UnsupportedRequestError("no such parameter", provider="d", status=400)


UNSET = CredentialUnusableError("no key for a: set A_API_KEY")


def test_a_tenant_without_any_key_is_counted_apart() -> None:
    """Nothing has failed; but if a single target failed, or a key of ours is not set, the call has."""
    assert failed(MISSING, MISSING).outcome == MISSING.outcome == "credential_missing"
    for others in ((MISSING, DOWN), (MISSING, REFUSED), (MISSING, UNSET), (UNSET, UNSET)):
        assert failed(*others).outcome == "all_failed"
    assert (UNSET.outcome, DOWN.outcome) == ("credential_unusable", "server_error")


@pytest.mark.parametrize(
    ("group", "primary", "retry_after", "nothing_sent"),
    [
        (failed(REFUSED, BUSY, DOWN), BUSY, 4.0, False),
        (failed(DOWN, REFUSED), DOWN, 9.0, False),
        (failed(MISSING, REFUSED), MISSING, 9.0, True),
        (failed(MISSING, DOWN), DOWN, None, False),
        (failed(UNABLE, DOWN), DOWN, None, False),
        (failed(UNABLE, REFUSED), REFUSED, 9.0, False),
        (failed(UNABLE, UNABLE), UNABLE, None, False),
        (failed(UNSUPPORTED, DOWN), UNSUPPORTED, None, False),
    ],
)
def test_a_group_tells_what_matters_of_its_errors(
    group: AllDeploymentsFailedError, primary: RanvierError, retry_after: float | None, nothing_sent: bool
) -> None:
    """The first that was sent, the least wait asked for, and whether any provider saw the prompt."""
    assert group.primary is primary
    assert (group.retry_after, group.nothing_sent) == (retry_after, nothing_sent)


def test_a_group_can_be_split() -> None:
    """By `except*`, as every group: what is left is a group of its own, with facts of its own."""
    caught: list[Any] = []
    try:
        raise failed(BUSY, DOWN)
    except* RateLimitError as busy:
        caught.append(busy)
    except* ServerError as down:
        caught.append(down)
    assert [type(group) for group in caught] == [AllDeploymentsFailedError] * 2
    assert [group.exceptions for group in caught] == [(BUSY,), (DOWN,)]
    assert [group.retry_after for group in caught] == [4.0, None]


def test_tracebacks_show_the_name_that_is_imported() -> None:
    """Whatever file an error is defined in."""
    assert {getattr(ranvier.errors, name).__module__ for name in ranvier.errors.__all__} == {"ranvier.errors"}
