"""An answer that does not fit its schema is mended once, within its attempt, where the call asks for that."""

import asyncio
from typing import Any

import pytest
from pydantic import BaseModel, field_validator

from ranvier import (
    AllDeploymentsFailedError,
    AttemptTimeoutError,
    ContextLengthError,
    DeadlineExceededError,
    FinishReason,
    InvalidRequestError,
    InvalidResponseError,
    Message,
    Native,
    Pipeline,
    RateLimitError,
    Request,
    Response,
    Schema,
    ServerError,
    Text,
    ToolCall,
    Usage,
)
from ranvier.layers import Fallback
from ranvier.testing import ScriptedProvider, after, stall, stream
from support.pipeline.forms import OSLO, PARSED, UNFIT, WAYS, City, Scene, outcomes

pytestmark = pytest.mark.virtual_time

# --- a repair ------------------------------------------------------------------------------------


@pytest.mark.parametrize("limits", WAYS)
async def test_a_repair_shows_the_model_what_it_wrote_and_what_is_wrong(limits: Any) -> None:
    """The same conversation goes on, with the same settings, the same key, and no further repair."""
    native = Native("a", {"signature": "s"})
    unfit = Response('{"size": "many"}', parts=(native, Text('{"size": "many"}')), usage=Usage(1, 2, 3))
    scene = Scene([after(5, unfit), after(7, Response(OSLO, usage=Usage(4, 5, 9)))], limits=limits)
    history = [Message.user("Hi"), Message.assistant("Hello"), Message.user("Where?")]
    answer = await scene.pipeline.complete(history, schema=City, repair=1, system="Be terse.", max_tokens=99)
    assert answer.parsed == PARSED
    assert answer.usage == Usage(4, 5, 9)
    first, second = (call.request for call in scene.providers[0].calls)
    assert first.messages == tuple(history)
    assert second.messages[:3] == tuple(history)
    said, asked = second.messages[3:]
    assert said == Message("assistant", (native, Text('{"size": "many"}')))
    assert asked == Message.user(
        "Your answer did not fit the schema: at $.name: Field required; at $.size: Input should be a valid "
        "integer, unable to parse string as an integer. Answer again with the JSON alone."
    )
    assert (second.system, second.max_tokens) == ("Be terse.", 99)
    assert (first.schema.repairs, second.schema.repairs) == (1, 0)
    assert {call.credential for call in scene.providers[0].calls} == {"sk-secret"}
    assert outcomes(answer) == [
        ("a", 1, None, "invalid_response"),
        ("a", 2, "invalid_response", "succeeded"),
    ]
    assert [(each.started, each.seconds) for each in answer.attempts] == [(0, 5), (5, 7)]
    assert answer.attempts[0].usage == Usage(1, 2, 3)
    assert scene.circuits() == {"a": ("closed", 0, 0)}


async def test_the_model_is_told_what_may_quote_it_where_a_log_is_not() -> None:
    """Words of a validator of yours, and keys that the schema does not name."""

    class Known(BaseModel):
        name: str

        @field_validator("name")
        @classmethod
        def known(cls, name: str) -> str:
            raise ValueError(f"no city is called {name}")

    scene = Scene([UNFIT])
    with pytest.raises(InvalidResponseError) as caught:
        await scene.ask(Known, repair=1)
    assert "no city is called SECRET" in scene.providers[0].calls[1].request.messages[-1].text
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("nothing", ["", " \n"])
async def test_an_answer_without_a_word_is_not_shown_again(nothing: str) -> None:
    """Some wires refuse a message without any."""
    scene = Scene([Response(nothing), OSLO])
    assert (await scene.ask(repair=1)).parsed == PARSED
    assert [message.role for message in scene.providers[0].calls[1].request.messages] == ["user", "user"]


@pytest.mark.parametrize("limits", WAYS)
async def test_a_repair_that_does_not_fit_either_is_not_repaired_again(limits: Any) -> None:
    """Its mismatch is told, and the next target is asked, with a repair of its own."""
    scene = Scene([UNFIT, '{"size": 1}', OSLO], [UNFIT, OSLO], limits=limits)
    answer = await scene.ask(repair=1)
    assert outcomes(answer) == [
        ("a", 1, None, "invalid_response"),
        ("a", 2, "invalid_response", "invalid_response"),
        ("b", 1, "invalid_response", "invalid_response"),
        ("b", 2, "invalid_response", "succeeded"),
    ]
    assert scene.providers[1].calls[0].request.messages == (Message.user("Where? SECRET"),)
    with pytest.raises(InvalidResponseError, match=r"at \$.name: Field required"):
        await Scene([UNFIT, '{"size": 1}'], limits=limits).ask(repair=1)


async def test_a_repair_that_calls_tools_or_is_cut_off_is_what_such_answers_are() -> None:
    """The one is an answer without a form yet, the other is unfit."""
    calls = (ToolCall("c1", "look"),)
    assert (await Scene([UNFIT, Response("", calls)]).ask(repair=1)).tool_calls == calls
    cut_off = Response(OSLO[:9], finish_reason=FinishReason.LENGTH)
    with pytest.raises(InvalidResponseError, match="hit max_tokens"):
        await Scene([UNFIT, cut_off]).ask(repair=1)


async def test_a_repair_may_be_asked_for_in_the_schema_of_a_request() -> None:
    """And be taken back by the call."""
    request = Request((Message.user("Where?"),), schema=Schema.of(City))
    scene = Scene([UNFIT, OSLO, UNFIT])
    assert (await scene.pipeline.complete(request, repair=1)).parsed == PARSED
    with pytest.raises(InvalidResponseError):
        await scene.pipeline.complete(request, repair=0)
    assert len(scene.providers[0].calls) == 3


# --- a repair within the stack -------------------------------------------------------------------


@pytest.mark.parametrize("limits", WAYS)
async def test_a_repair_has_what_is_left_of_the_time_of_its_attempt(limits: Any) -> None:
    """A guard reckons with one attempt: the repair ends when that would, and nobody is to blame."""
    scene = Scene([after(60, UNFIT), after(60, OSLO)], [OSLO], limits=limits)
    answer = await scene.ask(repair=1)
    assert outcomes(answer) == [
        ("a", 1, None, "invalid_response"),
        ("a", 2, "invalid_response", "timeout"),
        ("b", 1, "invalid_response", "succeeded"),
    ]
    assert asyncio.get_running_loop().time() == 100
    assert scene.circuits()["a"] == ("closed", 0, 0)


async def test_without_a_limit_for_an_attempt_a_repair_has_none() -> None:
    """But the deadline's."""
    pipeline = Pipeline(Fallback(ScriptedProvider("a", [after(600, UNFIT), after(600, OSLO)])))
    assert (await pipeline.complete("Where?", schema=City, repair=1)).parsed
    with pytest.raises(DeadlineExceededError) as caught:
        await pipeline.complete("Where?", schema=City, repair=1, deadline=500)
    assert outcomes(caught.value) == [("a", 1, None, "deadline_exceeded")]


@pytest.mark.parametrize("limits", WAYS)
async def test_the_deadline_goes_through_a_repair(limits: Any) -> None:
    """The call is out of time there as anywhere."""
    scene = Scene([after(5, UNFIT), stall()], [OSLO], limits=limits)
    with pytest.raises(DeadlineExceededError) as caught:
        await scene.ask(repair=1, deadline=20)
    assert asyncio.get_running_loop().time() == 20
    assert outcomes(caught.value)[1] == ("a", 2, "invalid_response", "deadline_exceeded")
    assert scene.circuits() == {"a": ("closed", 0, 0)}


async def test_a_repair_for_which_there_is_no_time_is_not_begun() -> None:
    """Where reading the answer has used up the time of its attempt, the mismatch stands at once."""

    class Slow(BaseModel):
        name: str

        @field_validator("name")
        @classmethod
        def ponder(cls, name: str) -> str:
            asyncio.get_running_loop().jump(100)  # type: ignore[attr-defined]
            raise ValueError("no such city")

    scene = Scene([after(1, UNFIT)], [after(1, UNFIT)])
    with pytest.raises(AllDeploymentsFailedError):
        await scene.ask(Slow, repair=1)
    assert [len(provider.calls) for provider in scene.providers] == [1, 1]


async def test_a_silent_repair_is_found_as_silence_is_found() -> None:
    """The provider is to blame for it, as for any answer."""
    scene = Scene([stream(UNFIT), stream(OSLO[:5], stall())], [OSLO], limits={"idle": 10})
    answer = await scene.ask(repair=1)
    assert outcomes(answer)[1] == ("a", 2, "invalid_response", "timeout")
    assert scene.circuits()["a"][:2] == ("open", 1)


async def test_a_repair_that_fails_is_retried_as_the_whole_question() -> None:
    """The failure is the provider's own; the question is put again from its beginning."""
    scene = Scene([UNFIT, RateLimitError("slow down", provider="a", retry_after=8), OSLO])
    answer = await scene.ask(repair=1)
    assert answer.parsed == PARSED
    assert [len(call.request.messages) for call in scene.providers[0].calls] == [1, 3, 1]
    assert [each.outcome for each in answer.attempts] == ["invalid_response", "rate_limit", "succeeded"]
    assert answer.attempts[2].started >= 8
    assert scene.circuits() == {"a": ("closed", 0, 0)}


async def test_a_repair_that_fails_counts_once_in_the_circuit() -> None:
    """The mismatch before it does not."""
    scene = Scene([UNFIT, ServerError("down", provider="a")], [OSLO])
    answer = await scene.ask(repair=1)
    assert outcomes(answer) == [
        ("a", 1, None, "invalid_response"),
        ("a", 2, "invalid_response", "server_error"),
        ("b", 1, "server_error", "succeeded"),
    ]
    assert scene.circuits()["a"] == ("open", 1, 0)


@pytest.mark.parametrize("refusal", [InvalidRequestError, ContextLengthError])
async def test_a_repair_that_is_refused_leaves_the_misfit_as_it_was(
    refusal: type[InvalidRequestError],
) -> None:
    """The question was taken; what is refused is what we wrote, and the next target has not seen it."""
    scene = Scene([UNFIT, refusal("too long", provider="a")], [OSLO])
    answer = await scene.ask(repair=1)
    assert (answer.provider, answer.attempts[2].reason) == ("b", "invalid_response")
    with pytest.raises(InvalidResponseError, match="does not match"):
        await Scene([UNFIT, refusal("too long", provider="a")]).ask(repair=1)


async def test_a_timeout_that_the_provider_tells_is_the_providers() -> None:
    """A 408 is no limit of ours."""
    told = AttemptTimeoutError("too slow", phase="attempt", provider="a", status=408)
    scene = Scene([UNFIT, told])
    with pytest.raises(AttemptTimeoutError, match="too slow"):
        await scene.ask(repair=1)
    assert scene.circuits()["a"][:2] == ("open", 1)


async def test_a_repair_is_part_of_the_probe_and_mends_the_circuit() -> None:
    """The place is held until the repair has ended; with it the circuit closes."""
    scene = Scene([ServerError("down", provider="a"), UNFIT, after(5, OSLO)], max_retries=0)
    with pytest.raises(ServerError):
        await scene.ask()
    await asyncio.sleep(13)
    probe = asyncio.create_task(scene.ask(repair=1))
    await asyncio.sleep(2)
    assert scene.circuits()["a"] == ("half_open", 1, 1)
    assert (await probe).parsed == PARSED
    assert scene.circuits()["a"] == ("closed", 0, 0)


async def test_a_probe_whose_repair_does_not_fit_gives_its_place_back() -> None:
    """It proved nothing against the provider: the next call is the probe."""
    scene = Scene([ServerError("down", provider="a"), UNFIT, UNFIT, OSLO], max_retries=0)
    with pytest.raises(ServerError):
        await scene.ask()
    await asyncio.sleep(13)
    with pytest.raises(InvalidResponseError):
        await scene.ask(repair=1)
    assert scene.circuits()["a"] == ("half_open", 1, 0)
    assert (await scene.ask()).parsed == PARSED
    assert scene.circuits()["a"] == ("closed", 0, 0)


# --- a repair and the connections ----------------------------------------------------------------


@pytest.mark.parametrize("limits", WAYS)
async def test_a_repair_takes_a_slot_of_its_own_in_its_turn(limits: Any) -> None:
    """It waits behind those who came before, and its wait is in the record."""
    scene = Scene([after(2, UNFIT), after(3, OSLO), after(4, OSLO)], limits=limits)
    scene.providers[0].slots = slots = asyncio.Semaphore(1)
    mended, other = asyncio.create_task(scene.ask(repair=1)), asyncio.create_task(scene.ask())
    await asyncio.wait([mended, other])
    assert [(each.started, each.queued) for each in other.result().attempts] == [(2, 2)]
    assert [(each.started, each.queued) for each in mended.result().attempts] == [(0, 0), (5, 3)]
    assert slots._value == 1


@pytest.mark.parametrize("limits", WAYS)
async def test_without_a_slot_for_the_repair_the_misfit_stands(limits: Any) -> None:
    """Nobody is to blame, and the next target is asked."""
    scene = Scene([UNFIT], [OSLO], limits={"connect": 4, **limits})
    scene.providers[0].slots = slots = asyncio.Semaphore(1)

    def take(call: Any) -> Any:  # whoever comes while the first answer is in flight stands before the repair
        asyncio.get_running_loop().create_task(slots.acquire())
        return after(1, UNFIT)

    scene.providers[0]._next = take
    answer = await scene.ask(repair=1)
    assert outcomes(answer) == [
        ("a", 1, None, "invalid_response"),
        ("b", 1, "invalid_response", "succeeded"),
    ]
    assert answer.attempts[1].started == 5
    assert scene.circuits()["a"] == ("closed", 0, 0)
    assert slots._value == 0
    slots.release()
