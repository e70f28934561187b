"""One span for each call, with one for each attempt below it, ended once whatever becomes of the call."""

import asyncio
import gc
import json
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, Sampler, SamplingResult
from opentelemetry.trace import StatusCode

from ranvier import (
    Access,
    ConfigurationError,
    DeadlineExceededError,
    Deployment,
    Layer,
    Message,
    OverloadedError,
    Pipeline,
    Place,
    RanvierError,
    Request,
    Response,
    StreamInterruptedError,
    Tool,
    ToolCall,
    Usage,
)
from ranvier.facts.record import Record
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
from ranvier.messages import Audio, Document, Image
from ranvier.providers import GLM, Anthropic, FunctionProvider, Gemini, Kimi, Ollama, OpenAI, Stub
from ranvier.telemetry import OpenTelemetry
from ranvier.telemetry.opentelemetry import content, names
from ranvier.telemetry.opentelemetry.target import Target
from ranvier.tenancy import digest_of
from ranvier.testing import ScriptedProvider, after, broken, stall, stream
from support.telemetry import conventions
from support.telemetry.sdk import Sdk

pytestmark = pytest.mark.virtual_time

USAGE = Usage(10, 20, 30, cache_read=4, cache_write=3, reasoning=5)


def pipeline(sdk: Sdk, *script: Any, layers: tuple[Layer, ...] = (), **options: Any) -> Pipeline:
    """One provider with that script, behind the layer and a deadline of a minute."""
    return Pipeline(sdk.layer(**options), Deadline(60), Fallback(ScriptedProvider("one", script)), *layers)


def seconds(span: Any) -> float:
    """How long it took."""
    return (span.end_time - span.start_time) / 1e9


# --- the shape of it -----------------------------------------------------------------------------


async def test_an_attempt_at_an_endpoint_of_a_tenant_names_its_host() -> None:
    """And no port, nor the path, which may be anything."""
    sdk, provider = Sdk(), ScriptedProvider("one")
    provider.base_url = "https://one.example/v1"  # type: ignore[attr-defined]
    access = Access("k", base_url="https://llm.acme.example:8443/v1")
    await Pipeline(sdk.layer(), Fallback(provider), credentials=lambda *_: access).complete("Why?")
    (attempt,) = sdk.attempts
    assert attempt.attributes[names.ADDRESS] == "llm.acme.example"
    assert names.PORT not in attempt.attributes


async def test_a_call_with_troubles_is_one_span_with_its_attempts_and_waits() -> None:
    """Times, order and reasons are those of the call's record, to the nanosecond."""
    sdk = Sdk()
    busy = OverloadedError("busy", provider="one", status=503, retry_after=4, request_id="req_1")
    first = ScriptedProvider("one", [after(2, busy), after(1, busy)])
    second = ScriptedProvider("two", [after(3, Response("Fine.", usage=USAGE, id="r1", model="two-1"))])
    stack = [Fallback(first, second), Retry(max_retries=1, jitter="none"), Breaker()]
    await Pipeline(sdk.layer(), *stack).complete(
        "Why?", max_tokens=99, temperature=0.5, top_p=0.9, stop=["."], seed=7
    )
    (call,) = sdk.calls
    assert [(span.name, seconds(span)) for span in sdk.attempts] == [
        ("attempt one/scripted", 2.0),
        ("attempt one/scripted", 1.0),
        ("attempt two/scripted", 3.0),
    ]
    assert (call.name, seconds(call)) == ("chat scripted", 10.0)
    began = [(span.start_time - call.start_time) / 1e9 for span in sdk.attempts]
    assert began == [0.0, 6.0, 7.0]
    assert sdk.attempts[1].attributes == {
        "ranvier.target": "one/scripted",
        "ranvier.attempt.number": 2,
        "ranvier.outcome": "overloaded",
        "ranvier.attempt.reason": "overloaded",
        "ranvier.attempt.delay": 4.0,
        "ranvier.attempt.request_id": "req_1",
        "ranvier.circuit.state": "closed",
        "http.response.status_code": 503,
        "error.type": "overloaded",
    }
    assert sdk.attempts[1].status.status_code is StatusCode.ERROR
    (wait,) = call.events
    assert (wait.name, (wait.timestamp - call.start_time) / 1e9) == ("ranvier.wait", 2.0)
    assert wait.attributes == {
        "ranvier.wait.for": "backoff",
        "ranvier.wait.seconds": 4.0,
        "ranvier.kind": "overloaded",
        "ranvier.target": "one/scripted",
    }
    assert call.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "two",
        "gen_ai.request.model": "scripted",
        "gen_ai.request.max_tokens": 99,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.stop_sequences": (".",),
        "gen_ai.request.seed": 7,
        "gen_ai.response.id": "r1",
        "gen_ai.response.model": "two-1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.usage.cache_write.input_tokens": 3,
        "gen_ai.usage.reasoning.output_tokens": 5,
        "ranvier.tenant": digest_of("default"),
        "ranvier.outcome": "succeeded",
        "ranvier.attempts": 3,
        "ranvier.fallbacks": 1,
    }


async def test_the_callers_span_is_the_parent_and_stays_current() -> None:
    """No span of ours is current, neither before a stream's first event nor between two."""
    sdk = Sdk()
    tracer = sdk.tracers.get_tracer("the application")
    with tracer.start_as_current_span("request") as request:
        async with pipeline(sdk, stream("a", "b", "c")).stream("Why?") as answer:
            async for _ in answer:
                assert trace.get_current_span() is request
                with tracer.start_as_current_span("work of the reader") as work:
                    pass
                assert work.parent == request.get_span_context()
    (call,) = sdk.calls
    assert call.parent == request.get_span_context()
    assert all(span.parent == call.context for span in sdk.attempts)


async def test_a_stream_that_begins_in_one_task_and_ends_in_another_is_one_span() -> None:
    """Nothing hangs on the context of the task that ends it."""
    sdk = Sdk()
    answer = await pipeline(sdk, stream("a", after(1, "b"))).stream("Why?")
    await asyncio.create_task(answer.collect())
    (call,) = sdk.calls
    assert (seconds(call), call.attributes["ranvier.outcome"]) == (1.0, "succeeded")
    assert call.attributes["gen_ai.request.stream"] is True
    assert call.attributes["gen_ai.response.time_to_first_chunk"] == 0.0


class Remembering(Sampler):
    """Takes every span, and remembers what it was shown of each."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, dict[str, Any]]] = []

    def should_sample(self, parent_context: Any, trace_id: int, name: str, *facts: Any, **more: Any) -> Any:
        """Yes."""
        attributes = more.get("attributes") or facts[1]
        self.shown.append((name, dict(attributes)))
        return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes)

    def get_description(self) -> str:
        """What it is."""
        return "remembering"


async def test_a_sampler_sees_who_is_asked() -> None:
    """Operation, provider, model and server are there when the span is made: of the first target."""
    sampler = Remembering()
    sdk = Sdk(sampler)
    gemini = Deployment(Gemini("k", base_url="http://127.0.0.1:9/v1beta"), "gemini-3-pro")
    stack = Pipeline(sdk.layer(), Fallback(ScriptedProvider("one"), gemini), Timeout(connect=0.1))
    with pytest.raises(RanvierError):
        await stack.complete("Why?", to="gemini")
    name, attributes = sampler.shown[0]
    assert name == "generate_content gemini-3-pro"
    assert {key: attributes[key] for key in conventions.AT_CREATION} == {
        "gen_ai.operation.name": "generate_content",
        "gen_ai.provider.name": "gcp.gemini",
        "gen_ai.request.model": "gemini-3-pro",
        "server.address": "127.0.0.1",
        "server.port": 9,
    }
    await stack.complete("Why?")
    assert sdk.calls[-1].name == "chat scripted"


@pytest.mark.parametrize(
    ("provider", "name", "address", "port"),
    [
        (Anthropic("k"), "anthropic", "api.anthropic.com", 443),
        (OpenAI("k"), "openai", "api.openai.com", 443),
        (OpenAI("k", name="openai-eu", base_url="http://gw:8080/v1"), "openai", "gw", 8080),
        (Gemini("k"), "gcp.gemini", "generativelanguage.googleapis.com", 443),
        (Kimi("k"), "moonshot_ai", "api.moonshot.ai", 443),
        (GLM("k"), "glm", "open.bigmodel.cn", 443),
        (Ollama(base_url="http://localhost:11434"), "ollama", "localhost", 11434),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_providers_have_the_names_of_the_conventions(
    provider: Any, name: str, address: str, port: int
) -> None:
    """The registered ones where there are any, with address and port of where they are."""
    target = Target.of(Deployment(provider, "m"))
    assert target.provider == provider.name
    assert target.attributes["gen_ai.provider.name"] == name
    assert name in conventions.PROVIDERS or name in {"glm", "ollama"}
    assert target.server == {"server.address": address, "server.port": port}


async def test_a_function_has_no_address() -> None:
    """What is not known is left out."""
    sdk = Sdk()

    async def answer(call: Any) -> str:
        return "Fine."

    await Pipeline(sdk.layer(), Fallback(FunctionProvider("mine", complete=answer))).complete("Why?")
    assert sdk.calls[0].attributes["gen_ai.provider.name"] == "mine"
    assert "server.address" not in sdk.calls[0].attributes


class Route(Layer):
    """A route of the user's that says nothing of its targets."""

    place = Place.ROUTE

    async def handle(self, call: Any, inner: Any) -> Any:
        return await inner(call.to(Deployment(ScriptedProvider("theirs"), "m")))


async def test_a_route_that_names_no_targets_is_known_by_its_attempts() -> None:
    """The span begins without a model, and ends with it."""
    sdk = Sdk()
    await Pipeline(sdk.layer(), Route()).complete("Why?")
    (call,) = sdk.calls
    assert (call.name, call.attributes["gen_ai.provider.name"]) == ("chat m", "theirs")


# --- how it ends ---------------------------------------------------------------------------------


def ended(sdk: Sdk) -> tuple[str, str | None, str]:
    """The outcome, the error and the finish reason of the one call; its status agrees."""
    (call,) = sdk.calls
    error = call.attributes.get("error.type")
    assert (call.status.status_code is StatusCode.ERROR) == (error is not None)
    assert call.status.description == error
    (reason,) = call.attributes["gen_ai.response.finish_reasons"]
    assert sdk.total("ranvier.calls") == 1
    return call.attributes["ranvier.outcome"], error, reason


async def test_a_failed_call_says_by_what() -> None:
    """The kind of its error, and no finish reason but `error`."""
    sdk = Sdk()
    with pytest.raises(RanvierError):
        await pipeline(sdk, broken()).complete("Why?")
    assert ended(sdk) == ("network", "network", "error")


async def test_an_error_of_the_users_own_is_named_by_its_class() -> None:
    """It has no kind."""
    sdk = Sdk()
    with pytest.raises(ZeroDivisionError):
        await pipeline(sdk, ZeroDivisionError()).complete("Why?")
    assert ended(sdk) == ("unknown", "ZeroDivisionError", "error")


async def test_a_call_that_was_not_sent_is_a_span_without_attempts() -> None:
    """A circuit refused it."""
    sdk = Sdk()
    stack = pipeline(sdk, broken(), layers=(Breaker(failure_threshold=1),))
    for _ in range(2):
        with pytest.raises(RanvierError):
            await stack.complete("Why?")
    assert sdk.calls[1].attributes["error.type"] == "circuit_open"
    assert sdk.calls[1].attributes["ranvier.attempts"] == 0
    assert [event.attributes["ranvier.wait.for"] for event in sdk.calls[1].events] == ["skipped"]
    assert len(sdk.attempts) == 1


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_cancelled_call_ends_its_span_once(streaming: bool) -> None:
    """As abandoned, which is no error."""
    sdk = Sdk()
    stack = pipeline(sdk, after(9, "late"))

    async def ask() -> None:
        await (stack.stream("Why?") if streaming else stack.complete("Why?"))

    task = asyncio.create_task(ask())
    await asyncio.sleep(3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended(sdk) == ("abandoned", None, "error")
    assert [seconds(span) for span in sdk.spans] == [3.0, 3.0]


async def test_a_stream_that_is_left_ends_its_span_once() -> None:
    """By `break` and `aclose()`, however often; what had come of its tokens is told."""
    sdk = Sdk()
    async with pipeline(sdk, stream("a", after(1, "b"), stall())).stream("Why?") as answer:
        async for event in answer:
            if event.text == "b":
                break
    await answer.aclose()
    assert ended(sdk) == ("abandoned", None, "error")
    assert seconds(sdk.calls[0]) == 1.0


@pytest.mark.filterwarnings("ignore:a stream of:ResourceWarning")
async def test_a_stream_that_is_dropped_ends_its_span_when_it_is_gone() -> None:
    """In the next turn of its loop: the layer does not keep it alive, nor in a circle for the collector."""
    sdk = Sdk()
    answer = await pipeline(sdk, stream("a", stall())).stream("Why?")
    assert sdk.spans == []
    gc.disable()
    try:
        del answer
    finally:
        gc.enable()
    await asyncio.sleep(0)
    assert ended(sdk) == ("abandoned", None, "error")


async def test_a_stream_that_breaks_is_an_error_with_what_had_come() -> None:
    """As its reader is told: `stream_dropped`."""
    sdk = Sdk()
    with pytest.raises(StreamInterruptedError):
        await (await pipeline(sdk, stream("a", after(1, broken()))).stream("Why?")).collect()
    assert ended(sdk) == ("stream_dropped", "stream_dropped", "error")
    assert sdk.attempts[0].attributes["ranvier.outcome"] == "stream_dropped"
    assert sdk.counts("ranvier.streams.interrupted", "ranvier.kind") == {"network": 1}


async def test_a_stream_whose_deadline_passes_while_it_is_held_ends_then() -> None:
    """Not when its reader comes back."""
    sdk = Sdk()
    answer = await pipeline(sdk, stream("a", stall())).stream("Why?", deadline=5)
    await anext(answer)
    await asyncio.sleep(30)
    assert ended(sdk) == ("deadline_exceeded", "deadline_exceeded", "error")
    assert seconds(sdk.calls[0]) == 5.0
    with pytest.raises(DeadlineExceededError):
        await anext(answer)
    assert len(sdk.spans) == 2


async def test_a_closing_pipeline_ends_the_spans_of_what_it_cuts_off() -> None:
    """Calls and streams."""
    sdk = Sdk()
    stack = pipeline(sdk, stream("a", stall()), stall())
    async with stack:
        answer = await stack.stream("Why?")
        task = asyncio.create_task(stack.complete("Why?"))
        await asyncio.sleep(1)
    assert answer.ended
    with pytest.raises(ConfigurationError):
        await task
    assert [call.attributes["ranvier.outcome"] for call in sdk.calls] == ["abandoned", "abandoned"]


async def test_a_call_that_ends_is_forgotten() -> None:
    """The layer holds nothing of it."""
    sdk = Sdk()
    stack = Pipeline(sdk.layer(), Fallback(Stub("fine")))
    before = {id(each) for each in gc.get_objects() if isinstance(each, Record)}  # those of other tests
    for _ in range(3):
        await stack.complete("Why?")
        async with stack.stream("Why?") as answer:
            await answer.collect()
    del answer
    gc.collect()
    assert [each for each in gc.get_objects() if isinstance(each, Record) and id(each) not in before] == []


# --- what is told --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "told"),
    [({}, digest_of("acme")), ({"tenants": "plain"}, "acme"), ({"tenants": "omitted"}, None)],
)
async def test_tenants_are_hashed_unless_told_otherwise(options: dict[str, Any], told: str | None) -> None:
    """On spans; no metric tells them."""
    sdk = Sdk()
    stack = pipeline(sdk, broken(), "fine", layers=(Retry(base_delay=0),), **options)
    await stack.complete("Why?", tenant="acme")
    assert sdk.calls[0].attributes.get("ranvier.tenant") == told
    points = [point for name in sdk.metrics for point in sdk.points(name)]
    assert points
    assert not any("ranvier.tenant" in point.attributes for point in points)


SECRETS = (
    "a purple question",
    "purple instructions",
    "a purple answer",
    "a purple thought",
    "lookup",
    "https://pic.example/1.png",
)


async def ask_with_everything(**options: Any) -> Sdk:
    """A call whose question and answer have every part."""
    sdk = Sdk()
    pictures = Image("https://pic.example/1.png"), Image(data=b"\x89PNG\r\n\x1a\n123")
    history = [
        Message("user", ("a purple question", *pictures)),
        Message.assistant("", tool_calls=[ToolCall("c1", "lookup", {"a": 1})]),
        Message.tool("c1", "42"),
    ]
    reply = Response(
        "a purple answer", (ToolCall("c2", "lookup", {"b": 2}),), "a purple thought", usage=USAGE
    )
    await pipeline(sdk, reply, **options).complete(
        history, system="purple instructions", tools=[Tool("lookup", "secret")]
    )
    return sdk


async def test_no_content_is_told_unless_asked_for() -> None:
    """Neither in spans nor in metrics."""
    sdk = await ask_with_everything()
    told = "".join(span.to_json() for span in sdk.spans) + sdk.reader.get_metrics_data().to_json()
    assert [secret for secret in SECRETS if secret in told] == []


def test_the_result_of_a_tool_with_a_picture_is_told_by_its_parts() -> None:
    """Its words, and the kind and the size of the picture."""
    picture = Image(data=b"\x89PNG\r\n\x1a\n...")
    request = Request((Message.tool("c1", ("see", picture)),))
    (message,) = json.loads(str(content.request(request)["gen_ai.input.messages"]))
    assert message["parts"] == [
        {
            "type": "tool_call_response",
            "id": "c1",
            "response": [
                {"type": "text", "content": "see"},
                {"type": "image", "mime_type": "image/png", "size": 11},
            ],
        }
    ]


def test_documents_and_sound_are_told_like_pictures() -> None:
    """The text of a document is content like any other; bytes stay out."""
    parts = (
        Document.from_text("a purple note"),
        Document(data=b"%PDF-1.7", name="a.pdf"),
        Audio("https://pic.example/1.mp3"),
    )
    (message,) = json.loads(str(content.request(Request((Message("user", parts),)))["gen_ai.input.messages"]))
    assert message["parts"] == [
        {"type": "text", "content": "a purple note"},
        {"type": "document", "mime_type": "application/pdf", "size": 8},
        {"type": "uri", "modality": "audio", "uri": "https://pic.example/1.mp3"},
    ]


async def test_content_has_the_form_of_the_conventions() -> None:
    """Roles and parts as JSON; the bytes of pictures and the texts of tools stay out."""
    sdk = await ask_with_everything(content=True)
    told = {
        name: json.loads(sdk.calls[0].attributes[name])
        for name, (_, level) in conventions.SPAN_ATTRIBUTES.items()
        if level == conventions.OPT_IN
    }
    asked, called, result = told["gen_ai.input.messages"]
    assert asked == {
        "role": "user",
        "parts": [
            {"type": "text", "content": "a purple question"},
            {"type": "uri", "modality": "image", "uri": "https://pic.example/1.png"},
            {"type": "image", "mime_type": "image/png", "size": 11},
        ],
    }
    assert called["parts"] == [{"type": "tool_call", "id": "c1", "name": "lookup", "arguments": {"a": 1}}]
    assert result == {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "42"}]}
    assert told["gen_ai.system_instructions"] == [{"type": "text", "content": "purple instructions"}]
    assert told["gen_ai.tool.definitions"] == [{"type": "function", "name": "lookup"}]
    assert told["gen_ai.output.messages"] == [
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "a purple thought"},
                {"type": "text", "content": "a purple answer"},
                {"type": "tool_call", "id": "c2", "name": "lookup", "arguments": {"b": 2}},
            ],
            "finish_reason": "stop",
        }
    ]


async def test_of_a_broken_stream_the_content_is_what_had_come() -> None:
    """With the finish reason `error`."""
    sdk = Sdk()
    with pytest.raises(StreamInterruptedError):
        await (await pipeline(sdk, stream("half", broken()), content=True).stream("Why?")).collect()
    (message,) = json.loads(sdk.calls[0].attributes["gen_ai.output.messages"])
    assert (message["parts"], message["finish_reason"]) == ([{"type": "text", "content": "half"}], "error")


async def test_a_span_can_be_exported_whatever_was_asked() -> None:
    """A lone surrogate in one attribute would make an exporter drop its whole batch."""
    sdk = Sdk()
    await pipeline(sdk, "Fine.", content=True).complete("Why \ud83d?", stop=["\udcff"], system="\ud800")
    for span in sdk.spans:
        for value in (span.attributes or {}).values():
            "".join(value if isinstance(value, tuple) else [str(value)]).encode()
    assert "Why \ufffd?" in sdk.calls[0].attributes["gen_ai.input.messages"]


@pytest.mark.parametrize(("naming", "new", "old"), [("new", 3, None), ("old", None, 3), ("both", 3, 3)])
async def test_attributes_may_have_the_names_before(naming: Any, new: int | None, old: int | None) -> None:
    """The one that was renamed is `cache_write`."""
    sdk = Sdk()
    await pipeline(sdk, Response("Fine.", usage=USAGE), names=naming).complete("Why?")
    attributes = sdk.calls[0].attributes
    assert attributes.get("gen_ai.usage.cache_write.input_tokens") == new
    assert attributes.get("gen_ai.usage.cache_creation.input_tokens") == old
    assert attributes["gen_ai.usage.cache_read.input_tokens"] == 4


async def test_an_answer_in_a_form_says_so() -> None:
    """`gen_ai.output.type` is told where a schema was given."""
    sdk = Sdk()
    await pipeline(sdk, '{"a": 1}').complete("Why?", schema={"type": "object"})
    assert sdk.calls[0].attributes["gen_ai.output.type"] == "json"


async def test_a_call_that_is_sampled_out_is_measured_all_the_same() -> None:
    """No spans, all metrics."""
    sdk = Sdk(ALWAYS_OFF)
    await pipeline(sdk, broken(), "fine", layers=(Retry(base_delay=0),)).complete("Why?")
    assert sdk.spans == []
    assert sdk.total("ranvier.attempts") == 2


def test_settings_that_cannot_be_are_refused() -> None:
    """With the choices."""
    with pytest.raises(ConfigurationError, match="'new', 'old', 'both'"):
        OpenTelemetry(names="newest")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="'hashed', 'plain', 'omitted'"):
        OpenTelemetry(tenants="secret")  # type: ignore[arg-type]
    assert repr(OpenTelemetry()) == "OpenTelemetry()"
    assert repr(OpenTelemetry(names="both")) == "OpenTelemetry(names='both')"


# --- models that are not listed ------------------------------------------------------------------


async def test_a_model_that_is_not_listed_has_the_attributes_of_its_provider() -> None:
    """From the start, whether an attempt is made or not."""
    sdk = Sdk()
    route = Fallback(Deployment(ScriptedProvider("one", ["fine"]), "a"), open=True)
    async with Pipeline(sdk.layer(), route) as pipeline:
        await pipeline.complete("Hi", to="one/new")
    (span,) = sdk.calls
    assert span.attributes["gen_ai.request.model"] == "new"
    assert span.name == "chat new"


async def test_models_that_are_not_listed_have_few_series() -> None:
    """Further ones of a provider share one; the spans of attempts still name each."""
    sdk = Sdk()
    route = Fallback(Deployment(ScriptedProvider("one", ["fine"] * 130), "a"), open=True)
    async with Pipeline(sdk.layer(), route) as pipeline:
        for number in range(130):
            await pipeline.complete("Hi", to=f"one/m{number}")
    points = sdk.points(names.DURATION.name)
    assert len({point.attributes.get("gen_ai.request.model") for point in points}) == 101
    assert len({span.attributes["ranvier.target"] for span in sdk.attempts}) == 130
