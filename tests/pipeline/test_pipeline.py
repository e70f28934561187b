"""A pipeline: what it accepts, how it carries a call, and how it shows itself."""

import asyncio
import traceback
from typing import Any

import pytest

from ranvier import (
    AllDeploymentsFailedError,
    AuthenticationError,
    ConfigurationError,
    ConnectionFailedError,
    Deployment,
    InvalidRequestError,
    InvalidResponseError,
    Layer,
    Message,
    Pipeline,
    Request,
    Response,
    ServerError,
    StreamEvent,
    ToolCall,
    UnknownProviderError,
)
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
from ranvier.pipeline import Handler, ResponseStream
from ranvier.testing import ScriptedProvider, after, broken, cut, stall, stream

pytestmark = pytest.mark.virtual_time


class At(ScriptedProvider):
    """A provider with an address."""

    def __init__(self, name: str, base_url: str) -> None:
        super().__init__(name)
        self.base_url = base_url


def full_stack(*targets: Any, **timeout: Any) -> Pipeline:
    return Pipeline(
        Deadline(60),
        Fallback(*targets),
        Retry(max_retries=2, base_delay=1, jitter="none"),
        Breaker(failure_threshold=4),
        Timeout(**timeout),
    )


# --- what it accepts -----------------------------------------------------------------------------


def test_two_providers_of_one_name_and_different_addresses_are_refused() -> None:
    """The message names the name, and shows how to tell them apart."""
    with pytest.raises(ConfigurationError, match=r"two providers.*'openai'.*name='openai-eu'"):
        Pipeline(Fallback(At("openai", "https://one"), At("openai", "https://two")))


def test_two_providers_of_one_name_and_address_are_fine() -> None:
    """They send to the same place, so that one circuit is theirs."""
    Pipeline(Fallback(At("openai", "https://one"), At("openai", "https://one")))


@pytest.mark.parametrize("start", ["nobody", "one/other", ""])
async def test_a_call_cannot_start_at_a_target_that_there_is_not(start: str) -> None:
    """It is refused at the call, and the message names the targets."""
    with pytest.raises(UnknownProviderError, match=r"targets of this pipeline: one/scripted"):
        Pipeline(Fallback(ScriptedProvider("one"))).complete("Why?", to=start)


async def test_a_call_may_start_at_any_target() -> None:
    """By the provider's name or the whole target; the ones before it are not asked."""
    first, second = ScriptedProvider("one", ["a"]), ScriptedProvider("two", ["b"])
    pipeline = Pipeline(Fallback(first, Deployment(second, "m")))
    for start, text in ((None, "a"), ("one", "a"), ("two", "b"), ("two/m", "b")):
        assert (await pipeline.complete("Why?", to=start)).text == text


async def test_an_option_that_there_is_not_is_a_type_error() -> None:
    """As with any function."""
    with pytest.raises(TypeError, match="temprature"):
        Pipeline(Fallback(ScriptedProvider("one"))).complete("Why?", temprature=1)  # type: ignore[call-arg]


# --- how it carries ------------------------------------------------------------------------------


async def test_a_call_goes_from_the_outside_in_and_its_answer_comes_back() -> None:
    """Every layer sees the call before and the answer after those inside it."""
    log: list[str] = []

    class Named(Layer):
        def __init__(self, name: str) -> None:
            self.name = name

        async def handle(self, call: Any, inner: Handler[Any]) -> Any:
            log.append(f"into {self.name}")
            answer = await inner(call)
            log.append(f"out of {self.name}")
            return answer

    pipeline = Pipeline(Named("outer"), Named("inner"), Fallback(ScriptedProvider("one")))
    assert (await pipeline.complete("Why?")).text == "ok"
    assert log == ["into outer", "into inner", "out of inner", "out of outer"]


class Plain(Layer):
    """As most write it."""

    async def handle(self, call: Any, inner: Handler[Any]) -> Any:
        return await inner(call)


class Heir(Plain):
    """Its `handle` has a cell for `super()`."""

    async def handle(self, call: Any, inner: Handler[Any]) -> Any:
        return await super().handle(call, inner)


class ByAnyName(Layer):
    """As a decorator leaves it behind."""

    async def handle(self, *args: Any, **kwargs: Any) -> Any:
        call, inner = args
        return await inner(call)


class WithMore(Layer):
    """Its own defaults stay as they are."""

    async def handle(self, call: Any, inner: Handler[Any], more: str = "more", *, most: str = "most") -> Any:
        assert (more, most) == ("more", "most")
        return await inner(call)


class Assigned(Layer):
    """Not every `handle` is a method."""

    def __init__(self) -> None:
        self.handle = lambda call, inner: inner(call)  # type: ignore[method-assign]  # because: it is one


class Static(Layer):
    """Nor has every one a `self`."""

    @staticmethod
    async def handle(call: Any, inner: Handler[Any]) -> Any:
        return await inner(call)


@pytest.mark.parametrize("kind", [Layer, Plain, Heir, ByAnyName, WithMore, Assigned, Static])
async def test_a_layer_is_given_the_rest_of_its_own_stack(kind: type[Layer]) -> None:
    """However its `handle` is written; one instance may be part of several stacks, or twice of one."""
    layer = kind()
    one = Pipeline(layer, layer, Fallback(ScriptedProvider("one")))
    other = Pipeline(layer, Fallback(ScriptedProvider("other")))
    assert (await one.complete("Why?")).provider == "one"
    assert (await other.complete("Why?")).provider == "other"


async def test_a_traceback_shows_the_layers_as_they_stand_in_the_stack() -> None:
    """Only the route adds frames, and one stands around a custom layer: the one that checks its answer."""
    with pytest.raises(ConnectionFailedError) as raised:
        await Pipeline(
            Plain(), Fallback(ScriptedProvider("one", [broken()])), Retry(max_retries=0), Breaker()
        ).complete("Why?")
    names = [frame.f_code.co_qualname for frame, _ in traceback.walk_tb(raised.tb)]
    assert names[1:4] == ["Pipeline._carry", "_checked.<locals>.carry", "Plain.handle"]
    assert [name for name in names[4:] if not name.startswith(("Race.", "_run_unwatched", "_by_keys"))][
        :2
    ] == [
        "Retry.handle",
        "Guard.handle",
    ]


async def test_a_layer_may_answer_itself_or_ask_twice() -> None:
    """`inner` may be awaited as often as a layer likes; it need not be."""

    class Twice(Layer):
        async def handle(self, call: Any, inner: Handler[Any]) -> Any:
            if call.request.messages[0].text == "cached":
                return Response("from the cache")
            await inner(call)
            return await inner(call)

    provider = ScriptedProvider("one", ["a", "b"])
    pipeline = Pipeline(Twice(), Fallback(provider))
    assert (await pipeline.complete("cached")).text == "from the cache"
    assert provider.calls == []
    answer = await pipeline.complete("Why?")
    assert answer.text == "b"
    assert len(answer.attempts) == 2


async def test_an_answer_says_who_gave_it() -> None:
    """An adapter that leaves provider and model out has them filled in."""
    pipeline = Pipeline(Fallback(ScriptedProvider("one", [Response("a")], model="m")))
    answer = await pipeline.complete("Why?")
    assert (answer.provider, answer.model) == ("one", "m")
    assert answer.message == Message("assistant", "a")


async def test_what_is_asked_reaches_the_provider() -> None:
    """The request, the tenant and the deployment stand on its call."""
    provider = ScriptedProvider("one")
    pipeline = Pipeline(Fallback(Deployment(provider, "m")), Timeout(seconds=7, connect=3))
    request = Request((Message.user("Why?"),), temperature=0.5)
    await pipeline.complete(request, tenant="acme", max_tokens=9)
    (call,) = provider.calls
    assert call.request == Request((Message.user("Why?"),), temperature=0.5, max_tokens=9)
    assert (call.tenant, call.deployment.target, call.credential) == ("acme", "one/m", None)
    assert (call.limits.seconds, call.limits.connect, call.attempt) == (7, 3, 1)
    assert repr(call) == "<Call of tenant 'acme' at one/m, attempt 1>"


async def test_every_error_that_comes_out_tells_what_was_tried() -> None:
    """Also each error within a group."""
    first = ScriptedProvider("one", [broken()])
    second = ScriptedProvider("two", [AuthenticationError("no", provider="two", status=401)])
    with pytest.raises(AllDeploymentsFailedError) as raised:
        await full_stack(first, second).complete("Why?")
    outcomes = [(attempt.target, attempt.number, attempt.outcome) for attempt in raised.value.attempts]
    assert outcomes == [
        ("one/scripted", 1, "network"),
        ("one/scripted", 2, "network"),
        ("one/scripted", 3, "network"),
        ("two/scripted", 1, "auth"),
    ]
    assert all(error.attempts == raised.value.attempts for error in raised.value.exceptions)


async def test_an_unknown_error_passes_through_unchanged() -> None:
    """A bug is no failure of the provider: it is not retried and counts nothing."""
    provider = ScriptedProvider("one", [ValueError("a bug"), "fine"])
    pipeline = full_stack(provider)
    with pytest.raises(ValueError, match="a bug"):
        await pipeline.complete("Why?")
    ((_, circuit),) = pipeline.circuits
    assert (circuit.failures, circuit.in_flight) == (0, 0)
    assert len(provider.calls) == 1


# --- complete over a stream ----------------------------------------------------------------------


async def test_a_whole_answer_travels_over_a_stream_where_progress_is_watched() -> None:
    """With `first_token` or `idle`, unless `stream_complete=False`; the answer is the same."""
    script = [stream("one", StreamEvent(reasoning="hm"), "two")]
    for limits, streamed in (
        ({}, False),
        ({"first_token": 5}, True),
        ({"idle": 5}, True),
        ({"idle": 5, "stream_complete": False}, False),
    ):
        provider = ScriptedProvider("one", script)
        provider.complete = None if streamed else provider.complete  # type: ignore[method-assign]
        answer = await full_stack(provider, **limits).complete("Why?")
        assert (answer.text, answer.reasoning) == ("onetwo", "hm")
        assert (answer.attempts[0].first_token is not None) == streamed


async def test_a_reply_that_is_cut_under_complete_is_retried_whole() -> None:
    """The caller gets one whole answer, and never two halves."""
    provider = ScriptedProvider("one", [stream("hal", cut()), stream("one", broken()), stream("whole")])
    answer = await full_stack(provider, idle=5).complete("Why?")
    assert answer.text == "whole"
    assert [attempt.outcome for attempt in answer.attempts] == ["invalid_response", "network", "succeeded"]
    with pytest.raises(InvalidResponseError):
        await full_stack(ScriptedProvider("one", [stream("hal", cut())]), idle=5).complete("Why?")


async def test_a_reply_that_falls_silent_under_complete_goes_on_to_the_next_target() -> None:
    """Found after `idle` seconds; the same target is not asked again, for it would stay silent."""
    first, second = ScriptedProvider("one", [stream("one", stall())]), ScriptedProvider("two", ["whole"])
    answer = await full_stack(first, second, idle=5).complete("Why?")
    assert answer.text == "whole"
    assert asyncio.get_running_loop().time() == 5
    assert [attempt.outcome for attempt in answer.attempts] == ["timeout", "succeeded"]


def refusal() -> InvalidRequestError:
    error = InvalidRequestError("stream is not allowed", provider="one", status=400)
    error.refuses_streaming = True
    return error


class Whole(ScriptedProvider):
    """Refuses to stream."""

    streamed = 0

    async def stream(self, call: Any) -> Any:
        self.streamed += 1
        raise refusal()
        yield


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_deployment_that_refuses_to_stream_is_asked_whole_now_and_from_then_on(
    streaming: bool,
) -> None:
    """The refusal costs no retry, counts nothing, and is not met twice."""
    provider = Whole("one", [Response("whole")])
    pipeline = full_stack(provider, idle=5)
    for refusals in (1, 1):
        if streaming:
            answer = await (await pipeline.stream("Why?")).collect()
        else:
            answer = await pipeline.complete("Why?")
        assert answer.text == "whole"
        assert provider.streamed == refusals
    ((_, circuit),) = pipeline.circuits
    assert circuit.failures == 0


async def test_a_refusal_to_stream_is_remembered_for_its_credential_only() -> None:
    """One tenant's unverified organisation is not another's."""
    provider = Whole("one", [Response("whole")])
    provider.needs_credential = True
    pipeline = Pipeline(
        Fallback(provider), Timeout(idle=5), credentials=lambda tenant, provider: f"key of {tenant}"
    )
    for tenant in ("a", "b", "a", "b"):
        await pipeline.complete("Why?", tenant=tenant)
    assert provider.streamed == 2


async def test_another_invalid_request_is_no_refusal_to_stream() -> None:
    """It is raised as it is, and the deployment is asked to stream again."""
    error = InvalidRequestError("what?", provider="one", status=400)
    provider = ScriptedProvider("one", [error, "fine"])
    pipeline = full_stack(provider, idle=5)
    with pytest.raises(InvalidRequestError, match="what"):
        await pipeline.complete("Why?")
    assert (await pipeline.complete("Why?")).attempts[0].first_token is not None


async def test_a_provider_that_cannot_stream_is_asked_whole() -> None:
    """Its answer comes as a stream of few events: the text, the tools, the end."""
    calls = (ToolCall("c1", "look", {"at": "it"}), ToolCall("c2", "cut", invalid='{"at"'))
    provider = ScriptedProvider("one", [after(9, Response("words", tool_calls=calls))], streaming=False)
    pipeline = full_stack(provider, first_token=5, idle=5, seconds=20)
    assert (await pipeline.complete("Why?")).text == "words"
    answer = await pipeline.stream("Why?")
    assert isinstance(answer, ResponseStream)
    events = [event async for event in answer]
    assert [event.text for event in events if event.text] == ["words"]
    assert answer.response.tool_calls == calls


async def test_a_provider_that_cannot_stream_is_retried_and_timed_like_any_other() -> None:
    """Before its answer has come nothing has been handed out."""
    provider = ScriptedProvider("one", [broken(), after(9, "late"), "fine"], streaming=False)
    pipeline = Pipeline(Fallback(provider), Retry(base_delay=1, on_timeout=True), Timeout(seconds=5))
    answer = await (await pipeline.stream("Why?")).collect()
    assert [attempt.outcome for attempt in answer.attempts] == ["network", "timeout", "succeeded"]


# --- how it shows itself -------------------------------------------------------------------------


async def test_print_shows_the_stack_by_place_and_the_circuits_that_are_not_closed() -> None:
    """What an operator wants to see first."""
    first = ScriptedProvider("one", [ServerError("down", provider="one", status=500), "fine"])
    second = ScriptedProvider("two", ["fine"])
    pipeline = Pipeline(
        Deadline(60), Fallback(first, second), Retry(max_retries=0), Breaker(failure_threshold=1), Timeout()
    )
    assert str(pipeline).startswith("Pipeline (new, 0 calls and 0 streams in flight)\n")
    await pipeline.complete("Why?", tenant="acme")
    await pipeline.complete("Why?", tenant="globex")
    lines = str(pipeline).splitlines()
    assert lines[0] == "Pipeline (open, 0 calls and 0 streams in flight)"
    assert [line.split()[0] for line in lines[1:5]] == ["CALL", "ROUTE", "RETRY", "ADMIT"]
    assert "Deadline(seconds=60.0)" in lines[1]
    assert "Fallback(one/scripted -> two/scripted)" in lines[2]
    assert "3 circuits of at most 100000, 1 not closed" in lines[5]
    (troubled,) = [line for line in lines if "acme one: open" in line]
    assert "a probe may pass in 3" in troubled
    assert lines[-1].split()[0] == "ATTEMPT"


async def test_print_counts_calls_and_streams_in_flight() -> None:
    """A call counts until its answer, a stream until its end."""
    pipeline = Pipeline(Fallback(ScriptedProvider("one", [after(1, "late"), stream("a", stall())])))
    call = asyncio.create_task(pipeline.complete("Why?"))
    await asyncio.sleep(0)
    async with pipeline.stream("Why?"):
        assert "(open, 1 call and 1 stream in flight)" in str(pipeline)
    await call
    assert "(open, 0 calls and 0 streams in flight)" in str(pipeline)


def test_a_repr_shows_what_it_was_built_from() -> None:
    """A pipeline's repr is the call that builds one like it."""
    pipeline = full_stack(ScriptedProvider("one"))
    shown = repr(pipeline)
    assert shown.startswith("Pipeline(Deadline(seconds=60.0), Fallback(one/scripted), Retry(max_retries=2,")
    assert "Timeout(seconds=120.0, connect=10.0" in shown


def test_circuits_are_the_breakers_and_a_stack_without_one_says_so() -> None:
    """`pipeline.circuits` is `breaker.circuits`."""
    breaker = Breaker()
    assert Pipeline(Fallback(ScriptedProvider("one")), breaker).circuits is breaker.circuits
    with pytest.raises(ConfigurationError, match=r"no circuits: add a Breaker"):
        _ = Pipeline(Fallback(ScriptedProvider("one"))).circuits


def test_the_longest_attempt_is_the_tightest_limit_of_the_stack() -> None:
    """For a target, its override counts; without a Timeout there is none."""
    provider = ScriptedProvider("one")
    target = Deployment(provider)
    overrides = {"one": Timeout(seconds=300)}
    assert Pipeline(Fallback(target), Timeout(seconds=20)).attempt_seconds(target) == 20
    assert Pipeline(Fallback(target), Timeout(overrides=overrides)).attempt_seconds(target) == 300
    assert Pipeline(Fallback(target)).attempt_seconds(target) is None
