"""Each fault, as a client sees it on every wire."""

import asyncio
import email.utils
import json
import zlib

import httpx
import pytest

from ranvier.errors import ConfigurationError
from ranvier.simulator import (
    ContentType,
    Cut,
    Drop,
    Empty,
    End,
    ErrorIn200,
    Fine,
    Gzip,
    Malformed,
    Oversized,
    Page,
    Pings,
    Redirect,
    Reset,
    SetCookie,
    Shredded,
    Silence,
    Slow,
    Stall,
    Status,
    Truncated,
    Unended,
)
from support.simulator.talking import WIRES

every_wire = pytest.mark.parametrize("provider", WIRES)
each_shape = pytest.mark.parametrize("provider", ["anthropic", "openai", "gemini", "openrouter", "ollama"])
either_way = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
FIELDS = {
    "anthropic": {"type", "message"},
    "openai": {"message", "type", "param", "code"},
    "gemini": {"code", "message", "status"},
    "vertex": {"code", "message", "status"},
    "kimi": {"message", "type"},
    "glm": {"code", "message"},
    "openrouter": {"code", "message"},
    "azure": {"message", "code"},
}
"""What an error of each provider has at least."""

PINGS = {"anthropic": b"event: ping", "openrouter": b": OPENROUTER PROCESSING", "ollama": b"\n"}
MOMENT = 0.04  # seconds after which a client in these tests gives up


def words(reply):
    """Type, code and message of an error, in one string."""
    return json.dumps(reply.errors[0])


async def read_for(client, request, seconds):
    """What of a response arrives, still compressed, and what ended it."""
    received = bytearray()
    try:
        async with asyncio.timeout(seconds), client.stream("POST", **request) as response:
            async for piece in response.aiter_raw():
                received += piece
    except (TimeoutError, httpx.TransportError) as end:
        return bytes(received), type(end)
    return bytes(received), None


async def read_until(client, request, enough):
    """What of a response arrives, still compressed, until a moment after `enough(received)`."""
    received = bytearray()

    async def read():
        async with client.stream("POST", **request) as response:
            async for piece in response.aiter_raw():
                received.extend(piece)

    reading = asyncio.create_task(read())
    async with asyncio.timeout(30):
        while not enough(received):  # noqa: ASYNC110  # because: the simulator tells nobody
            await asyncio.sleep(0.001)
    await asyncio.sleep(MOMENT)
    reading.cancel()
    await asyncio.wait([reading])
    return bytes(received)


# --- statuses ------------------------------------------------------------------------------------


@every_wire
@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 408, 413, 418, 429, 500, 503, 504, 529])
async def test_every_status_comes_with_an_error_of_the_provider(sim, talk, provider, status):
    """Whatever the status, the body has the shape of that provider's errors."""
    sim.play(provider, Status(status))
    reply = await talk(provider, stream=True)
    assert reply.status == status
    assert reply.response.headers["content-type"] == "application/json"
    [error] = reply.errors
    if provider == "ollama":
        assert isinstance(error, str)
    else:
        assert FIELDS[provider] <= error.keys()
    assert ("request_id" in reply.events[0]) == (provider == "anthropic")


@pytest.mark.parametrize(
    ("provider", "status", "reason", "says"),
    [
        ("anthropic", 400, "context_length", "prompt is too long"),
        ("anthropic", 400, "quota_exhausted", "credit balance is too low"),
        ("anthropic", 400, "unsupported_parameter", "`temperature`"),
        ("anthropic", 400, "content_filter", "content filtering policy"),
        ("anthropic", 404, None, "model: m"),
        ("anthropic", 429, None, "rate_limit_error"),
        ("anthropic", 429, "quota_exhausted", "enforced_spend_limit_reached"),
        ("anthropic", 529, None, "overloaded_error"),
        ("openai", 400, "context_length", "context_length_exceeded"),
        ("openai", 400, "unsupported_parameter", "max_completion_tokens"),
        ("openai", 400, "stream_refused", "must be verified to stream"),
        ("openai", 401, None, "Incorrect API key provided: sk-a********9999"),
        ("openai", 404, None, "model_not_found"),
        ("openai", 400, "model_not_found", "model_not_found"),
        ("openai", 429, None, "rate_limit_exceeded"),
        ("openai", 429, "quota_exhausted", "insufficient_quota"),
        ("openai", 503, None, "overloaded"),
        ("ollama", 400, "context_length", "prompt too long"),
        ("ollama", 404, None, "model 'm' not found"),
        ("ollama", 502, None, "upstream error"),
        ("ollama", 503, None, "maximum pending requests"),
    ],
)
async def test_each_reason_has_its_own_words(sim, talk, provider, status, reason, says):
    """What shares a status is told apart by the body, as with the real provider."""
    sim.play(provider, Status(status, reason))
    reply = await talk(provider, key="sk-a-secret-9999")
    assert reply.status == status
    assert says in words(reply)


@pytest.mark.parametrize(
    ("form", "header", "value"), [("seconds", "retry-after", "1.5"), ("ms", "retry-after-ms", "1500")]
)
async def test_retry_after_in_seconds_or_milliseconds(sim, talk, form, header, value):
    """The wait is said in the header, and in OpenAI's message and limits, too."""
    sim.play("openai", Status(429, retry_after=1.5, form=form))
    reply = await talk("openai")
    assert reply.response.headers[header] == value
    assert reply.response.headers["x-ratelimit-reset-requests"] == "1.5s"
    assert "try again in 1.5s" in words(reply)


async def test_retry_after_as_a_date(sim, talk):
    """As a date it is the response's own Date and the wait, never less."""
    sim.play("anthropic", Status(429, retry_after=2.5, form="date"))
    headers = (await talk("anthropic")).response.headers
    dates = [email.utils.parsedate_to_datetime(headers[name]) for name in ("date", "retry-after")]
    assert 2 < (dates[1] - dates[0]).total_seconds() <= 4
    assert headers["x-should-retry"] == "true"


@pytest.mark.parametrize("status", [502, 522])
async def test_a_gateway_answers_with_a_page(sim, talk, status):
    """A 502 of a hosted provider is HTML from the network in front of it."""
    sim.play("anthropic", Status(status))
    reply = await talk("anthropic")
    assert reply.status == status
    assert reply.response.headers["content-type"].startswith("text/html")
    assert "cloudflare" in reply.response.text


@each_shape
@either_way
async def test_a_page_with_status_200(sim, talk, provider, stream):
    """HTML can come as a success."""
    sim.play(provider, Page())
    reply = await talk(provider, stream=stream)
    assert reply.status == 200
    assert reply.response.text.startswith("<!DOCTYPE html>")


@each_shape
@either_way
async def test_an_empty_body(sim, talk, provider, stream):
    """A success may have no body at all."""
    sim.play(provider, Empty())
    reply = await talk(provider, stream=stream)
    assert (reply.status, reply.response.content) == (200, b"")


async def test_a_redirect(sim, talk):
    """A redirect names another place, which is asked only by a client that follows."""
    sim.play("openai", Redirect(sim.url("anthropic")))
    reply = await talk("openai")
    assert reply.status == 307
    assert reply.response.headers["location"] == sim.url("anthropic")
    assert sim.total == 1


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Status(200),
        lambda: Status(429, "bad luck"),
        lambda: Status(429, retry_after=-1),
        lambda: Status(429, form="weeks"),  # type: ignore[arg-type]
        lambda: Pings(every=0),
        lambda: Stall(after=-1),
        lambda: Stall(pings=0),
        lambda: Cut(after=-1),
        lambda: Truncated(after=-1),
        lambda: Drop(after=-1),
        lambda: Reset(after=-1),
        lambda: Malformed(after=-1),
        lambda: ErrorIn200(after=-1),
        lambda: ErrorIn200(reason="nonsense"),
        lambda: Slow(pace=-1),
        lambda: Slow(pings=0),
        lambda: Oversized(size=0),
        lambda: Shredded(size=0),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(wrong):
    """Bad numbers and words are refused where they are written."""
    with pytest.raises(ConfigurationError):
        wrong()


def test_a_fault_reads_as_it_is_written():
    """A fault's repr is the call that made it, without defaults."""
    assert repr(Status(429, retry_after=2)) == "Status(429, retry_after=2)"
    assert repr(Gzip() & Cut(after=1)) == "Gzip() & Cut(after=1)"


# --- errors inside a success ---------------------------------------------------------------------


@each_shape
async def test_an_error_as_the_body_of_a_200(sim, talk, provider):
    """The status says success, and the body is the error's."""
    sim.play(provider, ErrorIn200(429))
    reply = await talk(provider)
    assert reply.status == 200
    assert len(reply.errors) == 1
    assert reply.text == ""


@each_shape
@pytest.mark.parametrize("after", [0, 3])
async def test_an_error_inside_a_stream(sim, talk, provider, after):
    """The error comes as an event, before the first token or later, and nothing follows it."""
    sim.play(provider, ErrorIn200(after=after))
    reply = await talk(provider, stream=True)
    assert len(reply.text.split()) == after
    assert reply.events[-1]["error"]
    assert reply.finish == ("error" if provider == "openrouter" else None)
    assert not sim.requests[0].answered


# --- time ----------------------------------------------------------------------------------------


@each_shape
@either_way
async def test_silence(sim, client, talk, provider, stream):
    """The request is taken, and not even headers come back; that the client leaves is noticed."""
    sim.play(provider, Silence())
    with pytest.raises(httpx.ReadTimeout):
        await client.post(**talk.request(provider, stream=stream), timeout=httpx.Timeout(30, read=MOMENT))
    await sim.idle()
    [exchange] = sim.requests
    assert (exchange.status, exchange.sent, exchange.end) == (None, 0, End.CLIENT_LEFT)


@each_shape
async def test_nothing_but_pings(sim, client, talk, provider):
    """Signs of life come again and again, and never a word."""
    sim.play(provider, Pings(every=0.002))
    ping = PINGS.get(provider, b": keep-alive")
    received = await read_until(
        client, talk.request(provider, stream=True), lambda received: received.count(ping) >= 3
    )
    assert b"delta" not in received
    await sim.idle()
    assert (sim.requests[0].tokens, sim.requests[0].end) == (0, End.CLIENT_LEFT)


@each_shape
@pytest.mark.parametrize("pings", [None, 0.002])
async def test_a_stall_in_mid_stream(sim, client, talk, provider, pings):
    """After three tokens nothing comes, or nothing but pings."""
    sim.play(provider, Stall(after=3, pings=pings))

    def pinged(received):
        return received.endswith((b"keep-alive\n\n", b'"ping"}\n\n', b"PROCESSING\n\n", b"\n\n\n"))

    def stalled(received):
        return bool(sim.requests) and sim.requests[0].tokens == 3 and (pings is None or pinged(received))

    received = await read_until(client, talk.request(provider, stream=True), stalled)
    await sim.idle()
    assert sim.requests[0].tokens == 3
    assert sim.requests[0].client_left
    assert pinged(received) == (pings is not None)


async def test_a_whole_answer_stalls_in_the_middle(sim, client, talk):
    """Half of the promised body comes, and then nothing."""
    sim.play("openai", Stall())
    received = await read_until(client, talk.request("openai"), bool)
    assert received.startswith(b'{"id"')
    assert not received.endswith(b"}}")


@each_shape
async def test_a_slow_stream(sim, talk, provider):
    """The first token and each that follows can be late, with pings meanwhile, and nothing is lost."""
    sim.play(provider, Slow(first_token=0.02, pace=0.0002, pings=0.005) & Fine(), Fine())
    slow, fast = await talk(provider, stream=True), await talk(provider, stream=True)
    assert slow.text == fast.text
    first, second = sim.requests
    assert first.first_token - first.started >= 0.02
    assert first.tokens == second.tokens
    assert first.answered
    assert first.sent > second.sent  # the pings


async def test_a_slow_whole_answer(sim, talk):
    """A whole answer waits for all of it before the headers."""
    sim.play("openai", Slow(headers=0.01, first_token=0.01))
    await talk("openai")
    assert sim.requests[0].ended - sim.requests[0].started >= 0.02


# --- the connection breaks -----------------------------------------------------------------------


@each_shape
@pytest.mark.parametrize("after", [0, 3])
async def test_a_cut_stream_ends_well_for_http(sim, talk, provider, after):
    """The tokens come, the response ends, and the terminal event is missing."""
    sim.play(provider, Cut(after=after))
    reply = await talk(provider, stream=True)
    assert len(reply.text.split()) == after
    assert reply.finish is None
    assert not any("message_stop" in line or "DONE" in line for line in reply.response.text.splitlines())
    assert (sim.requests[0].end, sim.requests[0].answered) == (End.SENT, False)


@each_shape
async def test_all_the_words_and_no_end(sim, talk, provider):
    """Every token comes, and the terminal event does not."""
    sim.play(provider, Unended(), Fine())
    unended, fine = await talk(provider, stream=True), await talk(provider, stream=True)
    assert unended.text == fine.text
    assert unended.finish is None
    assert unended.usage == (fine.usage if provider == "gemini" else None)  # which counts all the way


@each_shape
@pytest.mark.parametrize("fault", [Cut(), Truncated(), Unended(), Malformed()])
async def test_a_whole_answer_cut_in_its_json(sim, talk, provider, fault):
    """The response ends well for HTTP, in the middle of its JSON."""
    sim.play(provider, fault)
    reply = await talk(provider)
    assert reply.status == 200
    assert len(reply.response.content) > 50
    with pytest.raises(json.JSONDecodeError):
        reply.response.json()


@each_shape
async def test_a_chunk_cut_in_its_json(sim, talk, provider):
    """The third token's event breaks off, and with it the response."""
    sim.play(provider, Truncated(after=2))
    reply = await talk(provider, stream=True)
    assert len(reply.text.split()) == 2
    assert len(reply.unread[-1]) > 10
    assert not reply.response.text.endswith("\n")


@each_shape
@either_way
@pytest.mark.parametrize("fault", [Drop(after=3), Reset(after=3)])
async def test_the_connection_breaks_in_the_middle(sim, client, talk, provider, stream, fault):
    """What was sent arrives, and then the connection is closed or reset."""
    sim.play(provider, fault)
    received, end = await read_for(client, talk.request(provider, stream=stream), 1)
    if isinstance(fault, Reset):  # which may overtake what was sent before it
        assert end is httpx.ReadError
    else:
        assert len(received) > 100
        assert end is httpx.RemoteProtocolError
    await sim.idle()
    assert (sim.requests[0].end, sim.requests[0].tokens) == (End.BROKEN, 3 if stream else 1)


@each_shape
async def test_a_reset_before_the_headers(sim, client, talk, provider):
    """The connection is reset before anything was said."""
    sim.play(provider, Reset())
    with pytest.raises(httpx.ReadError):
        await client.post(**talk.request(provider))
    await sim.idle()
    assert (sim.requests[0].status, sim.requests[0].end) == (None, End.BROKEN)


# --- what comes is odd ---------------------------------------------------------------------------


@each_shape
async def test_noise_that_loses_nothing(sim, talk, provider):
    """A chunk that does not parse stands between the tokens, and all of them are there."""
    sim.play(provider, Malformed(after=2), Fine())
    noisy, fine = await talk(provider, stream=True), await talk(provider, stream=True)
    assert noisy.text == fine.text
    assert any("<keep-alive>" in line for line in noisy.unread)


@each_shape
async def test_a_chunk_that_does_not_parse_and_is_lost(sim, talk, provider):
    """The third token's JSON is broken, the stream goes on and ends well, and a word is missing."""
    sim.play(provider, Malformed(after=2, lossy=True), Fine())
    lossy, fine = await talk(provider, stream=True), await talk(provider, stream=True)
    kept = fine.text.split()
    del kept[2]
    assert lossy.text.split() == kept
    assert lossy.finish


@each_shape
@either_way
async def test_a_body_without_measure(sim, client, talk, provider, stream):
    """Megabytes come where a sentence was asked for; a client that leaves stops them."""
    sim.play(provider, Oversized(size=1 << 30))
    async with client.stream("POST", **talk.request(provider, stream=stream)) as response:
        size = 0
        async for piece in response.aiter_raw():
            size += len(piece)
            if size > 1 << 20:
                break
    await sim.idle()
    assert sim.requests[0].client_left
    assert sim.requests[0].sent < 1 << 25


@each_shape
@either_way
async def test_harmless_oddities(sim, talk, provider, stream):
    """Compression, cookies, odd pieces and a wrong content type leave the words as they are."""
    sim.play(provider, Fine(), Gzip(), SetCookie("a=b"), Shredded(size=7), ContentType("text/plain"))
    plain, zipped, baked, shredded, typed = [await talk(provider, stream=stream) for _ in range(5)]
    assert {reply.text for reply in (zipped, baked, shredded, typed)} == {plain.text}
    assert zipped.response.headers["content-encoding"] == "gzip"
    assert baked.response.headers["set-cookie"] == "a=b"
    assert shredded.finish == plain.finish
    assert typed.response.headers["content-type"] == "text/plain"


async def test_each_token_of_a_compressed_stream_can_be_read_at_once(sim, client, talk):
    """A compressed stream that stalls has delivered the tokens before the stall, readable."""
    sim.play("openai", Gzip() & Stall(after=3))

    def tokens(received):
        return zlib.decompressobj(wbits=31).decompress(received).count(b"data: ")

    received = await read_until(
        client, talk.request("openai", stream=True), lambda received: tokens(received) >= 4
    )
    assert tokens(received) == 4


async def test_faults_combine(sim, talk):
    """Two faults in one reply both show."""
    sim.play("openai", SetCookie("a=b") & Status(429, retry_after=2))
    reply = await talk("openai")
    assert reply.status == 429
    assert reply.response.headers["set-cookie"] == "a=b"
    assert (Gzip() & SetCookie()).harmless
    assert not (Gzip() & Cut()).harmless
