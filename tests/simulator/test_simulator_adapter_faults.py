"""All seven wires as the real adapters read them, over real sockets: each fault becomes its error."""

import pytest

from ranvier import errors
from ranvier.layers import Timeout
from ranvier.providers._reading.sse import LineDecoder, SseDecoder
from ranvier.simulator import (
    ContentType,
    Cut,
    Drop,
    EarlyFinish,
    Empty,
    ErrorIn200,
    Gzip,
    HalfCharacters,
    Malformed,
    OddUsage,
    OtherForm,
    Oversized,
    Page,
    Pings,
    Redirect,
    Reset,
    Say,
    SetCookie,
    Shredded,
    Silence,
    Slow,
    Stall,
    Status,
    Truncated,
    Unended,
)
from support.simulator.asking_adapters import ASKED, WAYS, asking

pytestmark = pytest.mark.usefixtures("one_tls_context")
every_wire = pytest.mark.parametrize("provider", ASKED)
MOMENT, STALLED = Timeout(seconds=0.06), Timeout(idle=0.06)
"""For those who would be silent for ever, from the beginning or after some words."""

STATUSES = {
    # status and reason, and what it becomes
    (400, None): errors.InvalidRequestError,
    (400, "context_length"): errors.ContextLengthError,
    (400, "unsupported_parameter"): errors.UnsupportedRequestError,
    (400, "content_filter"): errors.ContentFilterError,
    (400, "output_limit"): errors.UnsupportedRequestError,
    (400, "foreign_history"): errors.UnsupportedRequestError,
    (400, "no_pictures"): errors.UnsupportedRequestError,
    (400, "suspended"): errors.QuotaExceededError,
    (400, "not_loaded"): errors.ServerError,
    (429, "over_limit"): errors.ContextLengthError,
    (401, None): errors.AuthenticationError,
    (402, None): errors.QuotaExceededError,
    (403, None): errors.PermissionDeniedError,
    (404, None): errors.ModelNotFoundError,
    (408, None): errors.AttemptTimeoutError,
    (413, None): errors.ContextLengthError,
    (429, None): errors.RateLimitError,
    (429, "quota_exhausted"): errors.QuotaExceededError,
    (500, None): errors.ServerError,
    (502, None): errors.ServerError,
    (503, None): errors.OverloadedError,
    (504, None): errors.ServerError,
    (524, None): errors.AttemptTimeoutError,
    (529, None): errors.OverloadedError,
}
NO_WORDS = {
    ("ollama", "content_filter"): errors.InvalidRequestError,
    ("glm", "unsupported_parameter"): errors.InvalidRequestError,
}
"""What a provider has no words for, and so it is no more than its status says."""

REPAIRED = {("anthropic", "output_limit"), ("vertex-claude", "output_limit")}
"""Refusals of a setting that is always sent there: the adapter bounds it and asks again."""

IN_200 = {
    (429, None): errors.RateLimitError,
    (429, "quota_exhausted"): errors.QuotaExceededError,
    (400, "context_length"): errors.ContextLengthError,
    (500, None): errors.ServerError,
    (503, None): errors.OverloadedError,
}
BREAKS = [
    # fault, what it becomes of a whole answer, what broke a stream of which words had come
    (Cut(), errors.InvalidResponseError, "invalid_response"),
    (Truncated(), errors.InvalidResponseError, "invalid_response"),
    (Unended(), errors.InvalidResponseError, "invalid_response"),
    (Malformed(after=3, lossy=True), errors.InvalidResponseError, "invalid_response"),
    (Drop(), errors.ConnectionFailedError, "network"),
]

BEFORE = {
    Reset(): errors.ConnectionFailedError,
    Cut(after=0): errors.InvalidResponseError,
    Empty(): errors.InvalidResponseError,
    Page(): errors.InvalidResponseError,
    Redirect("https://elsewhere.test/"): errors.InvalidResponseError,
    Oversized(size=2 << 20): errors.InvalidResponseError,
}

HARMLESS = [
    Slow(headers=0.005, first_token=0.01, pace=0.0005, pings=0.002),
    Gzip(),
    SetCookie(),
    Shredded(size=29),
    EarlyFinish(),
    Malformed(after=2),
    ContentType("text/plain"),
    OtherForm(),
]


async def failure(ask, way):
    """The error that becomes of a question."""
    with pytest.raises(errors.RanvierError) as raised:
        await ask(way)
    return raised.value


async def failures(ask, way, count):
    """The errors that become of so many questions, one after the other."""
    return [await failure(ask, way) for _ in range(count)]


@every_wire
@pytest.mark.parametrize("way", WAYS)
async def test_each_status_is_understood(sim, provider, way):
    """Status and body, worded by each provider, are the same errors, whole and streamed."""
    told = [each for each in STATUSES if (provider, each[1]) not in REPAIRED]
    sim.play(provider, *(Status(*each) for each in told))
    expected = [NO_WORDS.get((provider, reason), STATUSES[status, reason]) for status, reason in told]
    async with asking(sim, provider) as ask:
        found = await failures(ask, way, len(told))
    assert dict(zip(told, map(type, found), strict=True)) == dict(zip(told, expected, strict=True))
    assert [error.status for error in found] == [status for status, _ in told]
    assert {error.provider for error in found} == {provider}
    assert "sk-simulated-9999" not in str(found)


@every_wire
async def test_who_refuses_to_stream_is_asked_whole(sim, provider):
    """The refusal is understood, whatever its words, and the answer comes in one piece."""
    sim.play(provider, Status(400, "stream_refused"))
    async with asking(sim, provider) as ask:
        answer = await ask("streamed")
    assert answer.text
    assert [exchange.streaming for exchange in sim.requests] == [True, False]


@every_wire
async def test_how_long_to_wait_is_understood(sim, provider):
    """Whether a header says it or the body, the adapter finds it."""
    refusals = [(429, None), (503, None), (429, "quota_exhausted")]
    forms = ("usual", "seconds", "ms")
    sim.play(provider, *(Status(*each, retry_after=7, form=form) for each in refusals for form in forms))  # type: ignore[arg-type]
    async with asking(sim, provider) as ask:
        assert {(await failure(ask, "whole")).retry_after for _ in range(9)} == {7}


@pytest.mark.parametrize("provider", ["gemini", "kimi"])
async def test_who_says_it_in_the_body_has_no_header_for_it(sim, talk, provider):
    """Gemini's details and Kimi's sentence are the only places where it stands."""
    sim.play(provider, Status(429, retry_after=7))
    reply = await talk(provider)
    assert "retry-after" not in reply.response.headers
    assert "7s" in reply.response.text or "7 seconds" in reply.response.text


@every_wire
@pytest.mark.parametrize("way", WAYS)
async def test_an_error_inside_a_200_is_understood(sim, provider, way):
    """As the body of a whole answer, and as the first event of a stream."""
    sim.play(provider, *(ErrorIn200(*each) for each in IN_200))
    expected = list(IN_200.values())
    async with asking(sim, provider) as ask:
        found = await failures(ask, way, len(IN_200))
    assert [type(error) for error in found] == expected
    assert {error.status for error in found} == {200}


@every_wire
async def test_an_error_inside_a_stream_keeps_what_had_come(sim, provider):
    """After three words it is a broken stream, which carries them and why it broke."""
    sim.play(provider, Say("One two three four five.") & ErrorIn200(503, after=3))
    async with asking(sim, provider) as ask:
        error = await failure(ask, "streamed")
    assert isinstance(error, errors.StreamInterruptedError)
    assert error.received.text == "One two three"
    assert error.reason == "overloaded"


@every_wire
async def test_an_answer_that_breaks_in_the_middle(sim, provider):
    """A whole one is an ordinary failure; a stream carries what had come, and the kind of what broke it."""
    async with asking(sim, provider) as ask:
        for fault, whole, streamed in BREAKS:
            sim.play(provider, *[Say("One two three four five.") & fault] * 2)
            assert type(await failure(ask, "whole")) is whole
            check_broken(await failure(ask, "streamed"), streamed)


@every_wire
@pytest.mark.parametrize("fault", [Stall(), Stall(pings=0.5), Gzip() & Stall()], ids=repr)
async def test_an_answer_that_stops_in_the_middle(sim, provider, fault):
    """The same where nothing more comes, and nobody says so."""
    sim.always(provider, Say("One two three four five.") & fault)
    async with asking(sim, provider, limits=MOMENT) as ask:
        assert type(await failure(ask, "whole")) is errors.AttemptTimeoutError
    async with asking(sim, provider, limits=STALLED) as ask:
        check_broken(await failure(ask, "streamed"), "timeout")


def check_broken(error, reason):
    """A broken stream, of which three words had come."""
    assert isinstance(error, errors.StreamInterruptedError)
    assert error.reason == reason
    assert error.received.text.startswith("One two three")


@every_wire
async def test_a_reset_in_the_middle(sim, provider):
    """It may overtake what was sent before it; either way it is the connection that failed."""
    sim.always(provider, Say("One two three four five.") & Reset(after=3))
    async with asking(sim, provider) as ask:
        assert type(await failure(ask, "whole")) is errors.ConnectionFailedError
        error = await failure(ask, "streamed")
    assert "network" in (error.kind, getattr(error, "reason", None))


@every_wire
async def test_what_breaks_before_the_first_word(sim, monkeypatch, provider):
    """Nothing had come: an ordinary failure, whole and streamed."""
    monkeypatch.setattr("ranvier.providers._http.port.MAX_BODY_BYTES", 1 << 20)
    for decoder in (SseDecoder, LineDecoder):
        monkeypatch.setattr(decoder.__init__, "__defaults__", (1 << 20,))
    async with asking(sim, provider) as ask:
        for fault, becomes in BEFORE.items():
            sim.play(provider, fault, fault)
            assert {fault: [type(await failure(ask, way)) for way in WAYS]} == {fault: [becomes, becomes]}


@every_wire
@pytest.mark.parametrize("fault", [Silence(), Pings(every=0.01)], ids=repr)
async def test_silence_is_given_up(sim, provider, fault):
    """Whether nothing comes at all, or nothing but signs of life."""
    sim.always(provider, fault)
    async with asking(sim, provider, limits=MOMENT) as ask:
        assert {type(await failure(ask, way)) for way in WAYS} == {errors.AttemptTimeoutError}


@every_wire
async def test_harmless_oddities_lose_nothing(sim, provider):
    """Slow, compressed, shredded, noisy or mislabelled: the answer is the same."""
    async with asking(sim, provider) as ask:
        plain = await ask("whole")
        for fault in HARMLESS:
            # A whole answer has no room for noise.
            for way in WAYS[isinstance(fault, Malformed) :]:
                sim.play(provider, fault)
                odd = await ask(way)
                assert (fault, odd.text, odd.usage) == (fault, plain.text, plain.usage)
    assert len(sim.requests) == 2 * len(HARMLESS)


@every_wire
async def test_halves_of_a_character_become_one(sim, provider):
    """Also where a finish reason comes between them, and in whatever pieces."""
    async with asking(sim, provider) as ask:
        plain = await ask("whole")
        for fault in (HalfCharacters(), HalfCharacters() & Shredded(size=29)):
            for way in WAYS:
                sim.play(provider, fault)
                assert (await ask(way)).text == plain.text + "\U0001f600"


@every_wire
@pytest.mark.parametrize("way", WAYS)
async def test_odd_usage_costs_no_answer(sim, provider, way):
    """Counts that are texts are not counted, and the words stay."""
    async with asking(sim, provider) as ask:
        plain = await ask(way)
        sim.play(provider, OddUsage())
        odd = await ask(way)
    assert odd.text == plain.text
    assert (odd.usage.complete, odd.usage.output) == (False, 0)


@every_wire
@pytest.mark.parametrize("way", WAYS)
async def test_an_answer_without_a_word_is_empty(sim, provider, way):
    """Nothing is said, and the reason is an ordinary stop."""
    sim.play(provider, Say(""))
    async with asking(sim, provider) as ask:
        answer = await ask(way)
    assert (answer.text, answer.finish_reason, answer.empty) == ("", "stop", True)
