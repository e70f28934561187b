"""Every error: its place in the tree, what it carries, and that it travels between processes."""

import copy
import inspect
import pickle
import re
from collections.abc import Iterator
from typing import Any

import pytest

import ranvier
from ranvier import Response, errors
from ranvier.errors import (
    AllDeploymentsFailedError,
    AttemptTimeoutError,
    AuthenticationError,
    CircuitOpenError,
    CredentialMissingError,
    DeadlineExceededError,
    InvalidRequestError,
    LocalCapacityError,
    ProviderError,
    RanvierError,
    RateLimitError,
    RejectedError,
    ServerError,
    StreamInterruptedError,
    TimedOutError,
)

FACTS = {
    "provider": "one",
    "model": "m",
    "status": 503,
    "code": "busy",
    "request_id": "r1",
    "retry_after": 1.5,
    "in_stream": True,
    "body_preview": "{",
}
ALL = [getattr(errors, name) for name in errors.__all__]


def one_of(kind: type[RanvierError]) -> RanvierError:
    """An error of that class with every field set."""
    if issubclass(kind, AllDeploymentsFailedError):
        return kind(
            "none of 2", [RateLimitError("slow", **FACTS), CircuitOpenError(tenant="a", provider="two")]
        )
    if issubclass(kind, CircuitOpenError):
        return kind(tenant="acme", provider="one", retry_after=2.5)
    if issubclass(kind, AttemptTimeoutError):
        return kind("slow", phase="idle", **FACTS)
    if issubclass(kind, StreamInterruptedError):
        return kind("cut", received=Response("so far"), reason="network", **FACTS)
    if issubclass(kind, ProviderError):
        return kind("no", **FACTS)
    if issubclass(kind, DeadlineExceededError):
        return kind("late", received=Response("so far"))
    if issubclass(kind, RejectedError):
        return kind("no", retry_after=2.5)
    return kind("no")


def fields(error: RanvierError) -> dict[str, Any]:
    return {name: repr(value) for name, value in vars(error).items()}


# --- the tree ------------------------------------------------------------------------------------


def drawn() -> Iterator[tuple[str, str | None]]:
    """Each class of the tree in the module's docstring, with its parent."""
    path: list[tuple[int, str]] = []  # columns and names of the branches that the line hangs on
    for line in inspect.getdoc(errors).splitlines():
        first, *others = re.findall(r"\w+Error\b", re.sub(r"\(.*?\)", "", line)) or [None]
        if first is None or not re.match(r"[| ]*[|`]- | *RanvierError  ", line):
            continue
        path = [branch for branch in path if branch[0] < line.index(first)]
        parent = path[-1][1] if path else None
        yield first, parent
        for name in others:  # "A -> B, C" are A and its children, "A, B" are siblings
            yield name, first if "->" in line else parent
        path.append((line.index(first), first))


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """Every error is drawn, under the class that it derives from."""
    tree = dict(drawn())
    assert sorted(tree) == sorted(errors.__all__)
    for name, parent in tree.items():
        public = [
            base.__name__ for base in getattr(errors, name).__mro__[1:] if base.__name__ in errors.__all__
        ]
        assert next(iter(public), None) == parent, name


def test_all_names_every_error_and_nothing_else() -> None:
    """And `ranvier` exports the same."""
    assert all(issubclass(kind, RanvierError) for kind in ALL)
    public = {name for name, value in vars(errors).items() if inspect.isclass(value) and name[0] != "_"}
    assert set(errors.__all__) == {name for name in public if issubclass(getattr(errors, name), RanvierError)}
    for kind in ALL:
        assert getattr(ranvier, kind.__name__) is kind
        assert kind.__name__ in ranvier.__all__
        assert kind.__doc__


def test_errors_are_also_what_python_calls_them() -> None:
    """Code that knows nothing of us catches a timeout, a bad value or a group."""
    assert issubclass(TimedOutError, TimeoutError)
    assert issubclass(errors.ConfigurationError, ValueError)
    assert issubclass(AllDeploymentsFailedError, ExceptionGroup)
    with pytest.raises(TimeoutError):
        raise one_of(AttemptTimeoutError)


@pytest.mark.parametrize("kind", ALL)
def test_every_kind_is_one_word(kind: type[RanvierError]) -> None:
    """Safe as the label of a metric."""
    assert re.fullmatch(r"[a-z][a-z_]*", kind.kind)


# --- travelling ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_every_error_pickles_and_keeps_its_fields(kind: type[RanvierError], protocol: int) -> None:
    """To a process pool and back, with its class, its words, its facts and its attempts."""
    error = one_of(kind)
    error.attempts = ("an attempt",)
    error.falls_over = not error.falls_over
    again = pickle.loads(pickle.dumps(error, protocol))
    assert type(again) is kind
    assert str(again) == str(error)
    assert fields(again) == fields(error)
    assert again.attempts == ("an attempt",)
    assert again.falls_over is error.falls_over


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("copying", [copy.copy, copy.deepcopy])
def test_every_error_copies(kind: type[RanvierError], copying: Any) -> None:
    """A copy has the fields and none of the traceback."""
    with pytest.raises(kind) as raised:
        raise one_of(kind)
    again = copying(raised.value)
    assert (type(again), str(again), fields(again)) == (kind, str(raised.value), fields(raised.value))
    assert again.__traceback__ is None


def test_a_group_travels_with_what_it_holds() -> None:
    """Members keep their facts; a part split off is a group of ours too."""
    group = one_of(AllDeploymentsFailedError)
    again = pickle.loads(pickle.dumps(group))
    assert [fields(member) for member in again.exceptions] == [fields(member) for member in group.exceptions]
    matched, rest = again.split(RateLimitError)
    assert type(matched) is type(rest) is AllDeploymentsFailedError
    assert isinstance(rest.exceptions[0], CircuitOpenError)


# --- what they say -------------------------------------------------------------------------------


def test_a_provider_error_carries_the_facts() -> None:
    """All of them are there, also those that nobody gave."""
    error = ProviderError("no", provider="one")
    assert (error.provider, error.model, error.status, error.in_stream) == ("one", None, None, False)
    assert {name: getattr(one_of(ServerError), name) for name in FACTS} == FACTS
    with pytest.raises(TypeError):
        ProviderError("no")


@pytest.mark.parametrize(
    ("kind", "retryable", "counts", "falls_over"),
    [
        ("ConnectionFailedError", True, True, True),
        ("ServerError", True, True, True),
        ("OverloadedError", True, True, True),
        ("InvalidResponseError", True, True, True),
        ("RateLimitError", True, False, True),
        ("QuotaExceededError", False, False, True),
        ("AuthenticationError", False, False, True),
        ("PermissionDeniedError", False, False, True),
        ("ModelNotFoundError", False, False, True),
        ("UnsupportedRequestError", False, False, True),
        ("CredentialMissingError", False, False, True),
        ("CircuitOpenError", False, False, True),
        ("LocalCapacityError", False, False, True),
        ("InvalidRequestError", False, False, False),
        ("ContentFilterError", False, False, False),
        ("StreamInterruptedError", False, False, False),
        ("DeadlineExceededError", False, False, False),
        ("ConfigurationError", False, False, False),
    ],
)
def test_what_an_error_means_for_a_call(kind: str, retryable: bool, counts: bool, falls_over: bool) -> None:
    """The table of the design: the same target again, the circuit, the next target."""
    error = one_of(getattr(errors, kind))
    assert (error.retryable, error.counts_against_provider, error.falls_over) == (
        retryable,
        counts,
        falls_over,
    )


@pytest.mark.parametrize("phase", ["connect", "first_token", "idle", "attempt"])
def test_only_a_slow_connect_is_worth_another_try(phase: str) -> None:
    """A silent provider stays silent; both count against it, and the next target may answer."""
    error = AttemptTimeoutError("slow", phase=phase, provider="one")
    assert (error.phase, error.retryable) == (phase, phase == "connect")
    assert error.counts_against_provider
    assert error.falls_over
    assert AttemptTimeoutError("slow", provider="one").phase == "attempt"


def test_the_facts_of_an_instance_are_its_own() -> None:
    """An error may know better than its class, and changes no other."""
    error = InvalidRequestError("no", provider="one")
    error.refuses_streaming = error.retryable = True
    assert not InvalidRequestError("no", provider="one").refuses_streaming
    assert not InvalidRequestError.retryable


def test_an_open_circuit_says_whose_it_is_and_when_to_come_back() -> None:
    """Or that an operator has isolated it."""
    assert str(one_of(CircuitOpenError)) == "the circuit of tenant 'acme' at one is open: try again in 2.5 s"
    assert "it is isolated" in str(CircuitOpenError(tenant="acme", provider="one"))


def test_a_group_says_who_failed_first_and_when_to_come_back() -> None:
    """`primary` is the first that was sent anything, `retry_after` the least that is known."""
    rejected = CircuitOpenError(tenant="a", provider="one", retry_after=9)
    slow, denied = (
        RateLimitError("slow", provider="two", retry_after=4),
        AuthenticationError("no", provider="three"),
    )
    group = AllDeploymentsFailedError("none of 3", [rejected, slow, denied])
    assert group.primary is slow
    assert group.retry_after == 4
    assert not group.nothing_sent
    refused = AllDeploymentsFailedError(
        "none of 2", [CredentialMissingError("no key"), LocalCapacityError("full")]
    )
    assert refused.primary is refused.exceptions[0]
    assert refused.retry_after is None
    assert refused.nothing_sent
