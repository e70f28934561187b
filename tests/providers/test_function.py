"""Functions as providers, and the stub: what they return, and what their errors become."""

import asyncio
import errno
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

import ranvier
from ranvier import Deployment, Pipeline
from ranvier.errors import (
    AttemptTimeoutError,
    ConfigurationError,
    ConnectionFailedError,
    InvalidResponseError,
    RanvierError,
    RateLimitError,
)
from ranvier.layers import Fallback
from ranvier.messages import FinishReason, Response, StreamEvent, Text, ToolCallDelta, Usage
from ranvier.pipeline.registry import provider_named
from ranvier.providers import FunctionProvider, Stub
from support.providers.asking import Asked, FakePipeline


def asked(provider: Any) -> Asked:
    """Ask a provider without layers."""
    return Asked(provider, FakePipeline(), [])


async def hello(call: Any) -> str:
    """Answer with the name of the tenant."""
    return f"Hello, {call.tenant}."


async def words(call: Any) -> AsyncIterator[StreamEvent | str]:
    """Answer in steps."""
    yield "Hel"
    yield StreamEvent(text="lo.")


def failing(error: BaseException) -> Any:
    """A function that raises."""

    async def fail(call: Any) -> str:
        raise error

    return fail


async def test_a_text_is_an_answer() -> None:
    """A function may answer with a text."""
    answer = await asked(FunctionProvider("mine", hello)).complete()
    assert (answer.text, answer.provider, answer.model) == ("Hello, acme.", "mine", "mine")
    assert answer.parts == (Text("Hello, acme."),)
    assert answer.finish_reason is FinishReason.STOP
    assert not answer.usage.complete


async def test_a_response_is_an_answer_and_stays_the_functions_own() -> None:
    """A function may answer with a whole response; the one it keeps is not written to."""
    kept = Response(text="Hi", model="m-2", usage=Usage(input=1))

    async def respond(call: Any) -> Response:
        return kept

    answer = await asked(FunctionProvider("mine", respond)).complete()
    assert (answer.text, answer.model, answer.provider, answer.usage.input) == ("Hi", "m-2", "mine", 1)
    answer.text = "changed"
    assert (kept.text, kept.provider) == ("Hi", "")


async def test_anything_else_is_no_answer() -> None:
    """What is neither a text nor a response is refused."""

    async def respond(call: Any) -> Any:
        return 7

    with pytest.raises(InvalidResponseError, match="returned a int"):
        await asked(FunctionProvider("mine", respond)).complete()


async def test_a_generator_is_a_stream_that_ends_when_it_returns() -> None:
    """Texts and events are steps; a provider without a generator cannot stream."""
    events = await asked(FunctionProvider("mine", stream=words)).stream()
    assert [event.text for event in events] == ["Hel", "lo."]
    assert FunctionProvider("mine", hello).stream is None
    async with Pipeline(Fallback(FunctionProvider("mine", stream=words))) as pipeline:
        async with pipeline.stream("Hi") as stream:
            assert [event.text async for event in stream] == ["Hel", "lo."]
        assert stream.response is not None
        assert stream.response.finish_reason is FinishReason.STOP


async def test_without_a_function_the_stream_is_collected() -> None:
    """A provider that only streams can be asked whole."""

    async def calling(call: Any) -> AsyncIterator[StreamEvent]:
        yield StreamEvent(tool_call=ToolCallDelta(0, "call_1", "f", "{}"))

    answer = await asked(FunctionProvider("mine", stream=words)).complete()
    assert (answer.text, answer.finish_reason, answer.provider) == ("Hello.", FinishReason.STOP, "mine")
    answer = await asked(FunctionProvider("mine", stream=calling)).complete()
    assert answer.finish_reason is FinishReason.TOOL_CALLS


async def test_a_stream_that_is_left_closes_its_generator() -> None:
    """The function's own clean-up runs when the reader leaves."""
    closed = asyncio.Event()

    async def endless(call: Any) -> AsyncIterator[str]:
        try:
            while True:
                yield "more"
        finally:
            closed.set()

    server = asked(FunctionProvider("mine", stream=endless))
    stream = server.provider.stream(server.call())
    await anext(stream)
    await stream.aclose()
    assert closed.is_set()


ERRORS = [
    (ConnectionResetError("reset"), ConnectionFailedError, "reset"),
    (OSError(), ConnectionFailedError, "OSError"),
    (TimeoutError(errno.ETIMEDOUT, "connection timed out"), ConnectionFailedError, "timed out"),
    (TimeoutError(), AttemptTimeoutError, "timed out"),
]


@pytest.mark.parametrize(("error", "expected", "words"), ERRORS)
@pytest.mark.parametrize("streamed", [False, True])
async def test_an_error_of_the_system_is_ours(
    error: Exception, expected: type[RanvierError], words: str, streamed: bool
) -> None:
    """A connection that broke is a failed connection; a timeout of asyncio's is a slow attempt."""

    async def steps(call: Any) -> AsyncIterator[str]:
        yield "Hel"
        raise error

    server = asked(FunctionProvider("mine", failing(error), steps))
    with pytest.raises(expected, match=words) as caught:
        await (server.stream() if streamed else server.complete())
    assert caught.value.__cause__ is error
    assert (caught.value.provider, caught.value.model) == ("mine", "mine")  # type: ignore[attr-defined]
    assert getattr(caught.value, "phase", "attempt") == "attempt"


async def test_our_own_errors_pass_as_they_are() -> None:
    """An error of ours is not asked about, and not wrapped."""
    error = RateLimitError("slow down", provider="mine", retry_after=3)
    provider = FunctionProvider("mine", failing(error), classify=lambda error: 1 / 0)  # type: ignore[arg-type, return-value]
    with pytest.raises(RateLimitError) as caught:
        await asked(provider).complete()
    assert caught.value is error


async def test_the_users_own_words_for_an_error_come_first() -> None:
    """What is not ours is put to `classify`, an error of the system too."""

    def classify(error: Exception) -> RanvierError | None:
        return RateLimitError("busy", provider="mine") if isinstance(error, (KeyError, OSError)) else None

    for error in (KeyError("busy"), OSError()):
        with pytest.raises(RateLimitError) as caught:
            await asked(FunctionProvider("mine", failing(error), classify=classify)).complete()
        assert caught.value.__cause__ is error


async def test_what_nobody_knows_passes_unchanged() -> None:
    """An unknown error is the function's own, whole or in a stream."""
    error = ValueError("own")

    async def steps(call: Any) -> AsyncIterator[str]:
        yield "Hel"
        raise error

    server = asked(FunctionProvider("mine", failing(error), steps, classify=lambda error: None))
    for ask in (server.complete, server.stream):
        with pytest.raises(ValueError, match="own") as caught:
            await ask()
        assert caught.value is error


async def test_a_classify_that_fails_hides_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The error it was asked about is kept, and its own is logged."""
    provider = FunctionProvider("mine", failing(ValueError("own")), classify=lambda error: 1 / 0)  # type: ignore[arg-type, return-value]
    with pytest.raises(ValueError, match="own"):
        await asked(provider).complete()
    assert "classify" in caplog.text


@pytest.mark.parametrize("kind", [asyncio.CancelledError, KeyboardInterrupt, GeneratorExit])
async def test_a_cancellation_is_put_to_nobody(kind: type[BaseException]) -> None:
    """What is no `Exception` never reaches `classify`."""
    seen: list[Exception] = []
    provider = FunctionProvider("mine", failing(kind()), classify=seen.append)
    with pytest.raises(kind):
        await asked(provider).complete()
    assert not seen


def test_a_provider_that_can_do_nothing_is_refused() -> None:
    """At least one function is needed, and a function it must be."""
    with pytest.raises(ConfigurationError, match="complete"):
        FunctionProvider("mine")
    with pytest.raises(ConfigurationError, match="complete='x'"):
        FunctionProvider("mine", "x")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="name"):
        FunctionProvider("", hello)
    assert repr(FunctionProvider("mine", hello)) == "FunctionProvider('mine')"


# --- the stub ------------------------------------------------------------------------------------


@pytest.mark.parametrize("reply", ["", "Hi", " We will \n be back soon. "])
async def test_a_stub_gives_its_reply_whole_and_word_by_word(reply: str) -> None:
    """Whole or streamed, the reply is the same, white space included."""
    server = asked(Stub(reply))
    answer = await server.complete()
    assert (answer.text, answer.provider, answer.usage) == (reply, "stub", Usage())
    events = await server.stream()
    assert "".join(event.text for event in events) == reply
    assert events[-1].finish_reason is FinishReason.STOP


async def test_a_stub_may_compute_its_reply() -> None:
    """A function of the call gives the reply."""
    stub = Stub(lambda call: f"Sorry, {call.tenant}.", name="sorry")
    assert (await asked(stub).complete()).text == "Sorry, acme."
    assert str(Deployment(stub)) == "sorry/stub"
    with pytest.raises(ConfigurationError, match="reply"):
        Stub(7)  # type: ignore[arg-type]


@pytest.mark.parametrize("reply", [None, 7, ["Hi"]], ids=repr)
async def test_a_stub_that_computes_no_text_is_told(reply: Any) -> None:
    """Whole and streamed; a function that has to be awaited is told when the stub is made."""
    server = asked(Stub(lambda call: reply))
    for way in (server.complete, server.stream):
        with pytest.raises(InvalidResponseError, match=r"stub: reply returned a \w+: return a str"):
            await way()
    with pytest.raises(ConfigurationError, match="async def"):
        Stub(hello)  # type: ignore[arg-type]


async def test_half_a_character_of_a_stub_is_replaced() -> None:
    """Given or computed."""
    for reply in ("cut \ud83d", lambda call: "cut \ud83d"):
        assert (await asked(Stub(reply)).complete()).text == "cut \ufffd"


async def test_a_stub_is_a_last_resort() -> None:
    """Where everyone else fails, the stub answers."""
    broken = FunctionProvider("broken", failing(ConnectionResetError()))
    async with Pipeline(Fallback(broken, Stub("Back soon."))) as pipeline:
        assert (await pipeline.complete("Hi")).text == "Back soon."


# --- all of them ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["anthropic", "openai", "ollama", "stub"])
def test_a_provider_is_known_by_its_name(name: str) -> None:
    """Importing ranvier is enough to name a target in a text."""
    assert ranvier.__version__
    assert provider_named(name).name == name


def test_an_adapter_is_imported_when_it_is_first_used() -> None:
    """`import ranvier` takes at most 60 ms more than `import httpx`, since it leaves httpx out."""
    code = "import sys, ranvier; assert 'httpx' not in sys.modules; ranvier.providers.OpenAI; import httpx"
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'Nobody'"):
        ranvier.providers.Nobody  # type: ignore[attr-defined]  # noqa: B018  # because: to look is to ask for it


def test_every_public_name_is_there() -> None:
    """What is listed can be imported, and the name of a vendor is that of its adapter."""
    classes = [name for name in ranvier.providers.__all__ if not name.startswith("from_")]
    assert {getattr(ranvier.providers, name).__name__ for name in classes} == {
        *ranvier.providers.ADAPTERS.values(),
        "FunctionProvider",
        "Stub",
    }
    for vendor, name in ranvier.providers.ADAPTERS.items():
        assert vendor in (getattr(ranvier.providers, name).family, name.lower())


async def test_an_error_without_words_of_its_own_is_named() -> None:
    """Its `__str__` fails; the next target answers all the same."""

    class WordlessError(OSError):
        def __str__(self) -> str:
            raise ValueError("no words")

    async def failing(call: Any) -> str:
        raise WordlessError

    pipeline = Pipeline(Fallback(FunctionProvider("mine", failing), Stub("here")))
    assert (await pipeline.complete("Why?")).text == "here"
    with pytest.raises(ConnectionFailedError, match="Wordless"):
        await Pipeline(Fallback(FunctionProvider("mine", failing))).complete("Why?")
