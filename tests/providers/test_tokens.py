"""Tokens from a user's function: one call of it for all that wait, renewed in time, and never shown."""

import asyncio
import datetime
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import Mock

import pytest

from ranvier import ConfigurationError, CredentialLookupError, DeadlineExceededError, Pipeline, Response
from ranvier.errors import AllDeploymentsFailedError, AuthenticationError, RanvierError
from ranvier.events import CredentialLookupFailed, Event
from ranvier.layers import Breaker, Deadline, Fallback, Timeout
from ranvier.pipeline import Call
from ranvier.providers._http.port import HttpReply, HttpRequest
from ranvier.providers._tokens import source as source_module
from ranvier.providers._tokens.source import MAX_SECONDS, TokenSource
from ranvier.providers._tokens.users_function import MAX_RUNNING, UsersFunction
from ranvier.testing import ScriptedProvider
from support.security.showing import held, said

TOKEN = "ya29.sentinel-4f1d9a7c"

virtual = pytest.mark.virtual_time


class Reply(HttpReply):
    """A reply without a body."""

    closed = False

    async def chunk(self) -> bytes:
        return b""

    async def aclose(self) -> None:
        self.closed = True


class Bearing:
    """A provider that sends tokens, to a server that accepts those in `valid`, or all."""

    name = default_model = "one"
    needs_credential = True

    def __init__(self, token: Any, valid: set[str] | None = None) -> None:
        self.source = TokenSource("token", token, account="acme")
        self.valid = valid
        self.sent: list[str] = []

    def credential(self) -> str:
        return self.source.handle

    def open(self, pipeline: Any) -> None:
        self.source.opened(pipeline)

    async def complete(self, call: Call) -> Response:
        """The answer; or the error of a server that rejects the token twice."""
        request = HttpRequest("https://one.test", {}, b"", provider="one")
        reply = await self._reply(await self.source.prepared(call, request))
        if reply.status == 401 and await self.source.renewed(call, reply):
            reply = await self._reply(await self.source.prepared(call, request))
        if reply.status == 401:
            raise AuthenticationError("rejected", provider="one", status=401)
        return Response("fine")

    async def _reply(self, request: HttpRequest) -> Reply:
        self.sent.append(request.headers["authorization"].removeprefix("Bearer "))
        valid = self.valid is None or self.sent[-1] in self.valid
        return Reply(request, 200 if valid else 401, {})


class Numbered:
    """An async function that returns one token after the other, each valid for `life` seconds."""

    def __init__(self, life: float | None = 3600.0, takes: float = 1.0) -> None:
        self.life = life
        self.takes = takes
        self.calls = 0

    async def __call__(self) -> Any:
        self.calls += 1
        number = self.calls
        await asyncio.sleep(self.takes)
        now = asyncio.get_running_loop().time()
        return f"t{number}" if self.life is None else (f"t{number}", now + self.life)


def pipeline_of(provider: Any, *others: Any, deadline: float = 60.0) -> Pipeline:
    return Pipeline(Deadline(deadline), Fallback(provider, *others), Breaker(), Timeout(120))


async def failure(provider: Any, **given: Any) -> RanvierError:
    async with pipeline_of(provider, **given) as pipeline:
        with pytest.raises(RanvierError) as raised:
            await pipeline.complete("Why?")
    return raised.value


# --- one flight for all --------------------------------------------------------------------------


@virtual
async def test_calls_that_need_a_token_at_one_time_share_one_call_of_the_function() -> None:
    """And later ones use the same token, while it is valid."""
    function = Numbered()
    provider = Bearing(function)
    async with pipeline_of(provider) as pipeline:
        await asyncio.gather(*(pipeline.complete("Why?") for _ in range(20)))
        await pipeline.complete("Why?")
    assert function.calls == 1
    assert provider.sent == ["t1"] * 21


@virtual
async def test_a_cancelled_call_does_not_end_the_call_of_the_function_for_others() -> None:
    """Not even the call that began it."""
    function = Numbered(takes=5)
    provider = Bearing(function)
    async with pipeline_of(provider) as pipeline:
        first = asyncio.create_task(pipeline.complete("Why?"))
        await asyncio.sleep(1)
        second = asyncio.create_task(pipeline.complete("Why?"))
        await asyncio.sleep(1)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        await second
    assert function.calls == 1
    assert provider.sent == ["t1"]


@virtual
async def test_nothing_is_left_behind_when_the_pipeline_closes() -> None:
    """The function is cancelled, and the next pipeline calls it again."""
    ended: list[str] = []

    async def slow() -> str:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        return "t"

    provider = Bearing(slow)
    async with pipeline_of(provider) as pipeline:
        call = asyncio.create_task(pipeline.complete("Why?"))
        await asyncio.sleep(1)
        call.cancel()
        await asyncio.wait([call])
        assert len(asyncio.all_tasks()) == 2  # this test, and the function
        await pipeline.aclose(drain=0)
        assert len(asyncio.all_tasks()) == 1
    assert ended == ["cancelled"]
    async with pipeline_of(provider) as pipeline:
        await pipeline.complete("Why?")
    assert provider.sent == ["t"]


@virtual
async def test_a_call_in_another_pipeline_asks_again_when_the_first_pipeline_closes() -> None:
    """It shared the function's call with one that is gone."""
    function = Numbered(takes=5)
    provider = Bearing(function)
    first, second = pipeline_of(provider), pipeline_of(provider)
    async with second:
        async with first:
            begun = asyncio.create_task(first.complete("Why?"))
            await asyncio.sleep(1)
            waiting = asyncio.create_task(second.complete("Why?"))
            await asyncio.sleep(1)
            begun.cancel()
            await asyncio.wait([begun])
            await first.aclose(drain=0)
        await waiting
    assert provider.sent == ["t2"]


def test_a_token_is_kept_from_one_event_loop_to_the_next() -> None:
    """As in a program that runs one loop for each request."""
    calls: list[str] = []

    def function() -> tuple[str, float]:
        calls.append("called")
        return "t1", time.time() + 3600

    provider = Bearing(function)

    async def ask() -> None:
        async with pipeline_of(provider) as pipeline:
            await pipeline.complete("Why?")

    asyncio.run(ask())
    asyncio.run(ask())
    assert calls == ["called"]


# --- when it is renewed --------------------------------------------------------------------------


@virtual
async def test_a_token_is_renewed_in_the_background_before_it_expires() -> None:
    """Calls go on with the old one meanwhile, and nobody waits."""
    function = Numbered(life=3600, takes=2)
    provider = Bearing(function)
    async with pipeline_of(provider) as pipeline:
        await pipeline.complete("Why?")
        await asyncio.sleep(3600 - 290)
        began = asyncio.get_running_loop().time()
        await pipeline.complete("Why?")
        assert asyncio.get_running_loop().time() == began
        await asyncio.sleep(3)
        await pipeline.complete("Why?")
    assert provider.sent == ["t1", "t1", "t2"]


@virtual
async def test_a_token_that_has_expired_is_not_sent() -> None:
    """After an idle night the call waits for a new one."""
    function = Numbered(life=3600)
    provider = Bearing(function)
    async with pipeline_of(provider) as pipeline:
        await pipeline.complete("Why?")
        await asyncio.sleep(3600 - 5)
        await pipeline.complete("Why?")
    assert provider.sent == ["t1", "t2"]


@virtual
async def test_a_token_of_unknown_expiry_is_used_for_two_minutes() -> None:
    """The function is asked once a minute at most, however many calls there are."""
    function = Numbered(life=None, takes=0)
    provider = Bearing(function)
    async with pipeline_of(provider) as pipeline:
        for _ in range(100):
            await pipeline.complete("Why?")
            await asyncio.sleep(1)
        await asyncio.sleep(150)
        await pipeline.complete("Why?")
    assert provider.sent[:60] == ["t1"] * 60
    assert provider.sent[70:100] == ["t2"] * 30
    assert provider.sent[-1] == "t3"


@virtual
async def test_a_renewal_that_fails_is_repeated_after_a_pause_while_the_token_lasts() -> None:
    """And the calls never notice: an outage of the token server shorter than the lead is harmless."""
    calls: list[float] = []

    async def function() -> tuple[str, float]:
        now = asyncio.get_running_loop().time()
        calls.append(now)
        if 3000 < now < 3400:
            raise OSError("the token server is down")
        return f"t{len(calls)}", now + 3600

    heard: list[Event] = []
    provider = Bearing(function)
    async with Pipeline(Fallback(provider), listeners=[heard.append]) as pipeline:
        for _ in range(3500):
            await pipeline.complete("Why?")
            await asyncio.sleep(1)
    assert set(provider.sent[:3400]) == {"t1"}
    assert len(provider.sent) == 3500
    assert len(set(provider.sent)) == 2
    failed = [each for each in heard if isinstance(each, CredentialLookupFailed)]
    assert [each.kind for each in failed] == ["OSError"] * len(failed)
    assert 5 <= len(failed) <= 12


# --- after a 401 ---------------------------------------------------------------------------------


@virtual
async def test_a_rejected_token_is_renewed_once_and_the_request_sent_again() -> None:
    """For all calls that were sent with it, with one call of the function."""
    function = Numbered()
    provider = Bearing(function, valid={"t2"})
    async with pipeline_of(provider) as pipeline:
        await asyncio.gather(*(pipeline.complete("Why?") for _ in range(5)))
    assert function.calls == 2
    assert sorted(provider.sent) == ["t1"] * 5 + ["t2"] * 5


@virtual
async def test_a_second_rejection_is_the_providers_error() -> None:
    """No third token is fetched for one call."""
    function = Numbered()
    provider = Bearing(function, valid=set())
    assert isinstance(await failure(provider), AuthenticationError)
    assert provider.sent == ["t1", "t2"]


@virtual
async def test_a_function_that_returns_the_rejected_token_again_is_not_believed() -> None:
    """The same request would be rejected again: it is not sent."""
    provider = Bearing(lambda: "same", valid=set())
    assert isinstance(await failure(provider), AuthenticationError)
    assert provider.sent == ["same"]


@virtual
async def test_the_providers_error_stays_if_there_is_no_newer_token() -> None:
    """The event names what the function raised."""
    answers = ["t1"]
    provider = Bearing(lambda: answers.pop(), valid=set())
    assert isinstance(await failure(provider), AuthenticationError)
    assert provider.sent == ["t1"]


@virtual
async def test_a_key_of_a_tenants_own_is_left_alone() -> None:
    """Only the provider's own credential is exchanged for a token."""

    class Own(Bearing):
        async def complete(self, call: Call) -> Response:
            request = HttpRequest("https://one.test", {"x-key": "own"}, b"", provider="one")
            assert await self.source.prepared(call, request) is request
            assert not await self.source.renewed(call, Reply(request, 401, {}))
            return Response("fine")

    function = Numbered()
    async with Pipeline(Fallback(Own(function)), credentials=lambda tenant, name: "own") as pipeline:
        await pipeline.complete("Why?")
    assert function.calls == 0


# --- what the function may be --------------------------------------------------------------------


class AccessToken(NamedTuple):
    """As in `azure.core.credentials`."""

    token: str
    expires_on: int


ANSWERS: dict[str, Callable[[float], Any]] = {
    "a pair": lambda expiry: (TOKEN, expiry),
    "a named tuple": lambda expiry: AccessToken(TOKEN, int(expiry)),
    "an object of azure-core": lambda expiry: SimpleNamespace(token=TOKEN, expires_on=expiry),
    "an object with expires_at": lambda expiry: SimpleNamespace(token=TOKEN, expires_at=expiry),
    "an object of google-auth": lambda expiry: SimpleNamespace(
        token=TOKEN, expiry=datetime.datetime.fromtimestamp(expiry, datetime.UTC).replace(tzinfo=None)
    ),
    "a pair with a datetime": lambda expiry: (TOKEN, datetime.datetime.fromtimestamp(expiry, datetime.UTC)),
}


@virtual
@pytest.mark.parametrize("what", ANSWERS)
async def test_an_expiry_is_read_from_what_libraries_return(what: str) -> None:
    """In an hour: one call of the function until then, and a second one afterwards."""
    calls: list[float] = []

    def function() -> Any:
        calls.append(loop.time())
        return ANSWERS[what](loop.time() + 3600)

    loop = asyncio.get_running_loop()
    provider = Bearing(function)
    async with pipeline_of(provider) as pipeline:
        for _ in range(8):
            await pipeline.complete("Why?")
            await asyncio.sleep(550)
    assert provider.sent == [TOKEN] * 8
    assert calls == [0.0, 3300.0]


async def test_a_function_that_blocks_does_not_block_the_event_loop() -> None:
    """It runs in a thread of its own, a daemon; an awaitable that it returns is awaited on the loop."""
    release, began = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    threads: list[threading.Thread] = []

    async def later() -> str:
        return TOKEN

    def blocks() -> Any:
        threads.append(threading.current_thread())
        loop.call_soon_threadsafe(began.set)
        assert release.wait(5)
        return later()

    provider = Bearing(blocks)
    async with pipeline_of(provider) as pipeline:
        call = asyncio.create_task(pipeline.complete("Why?"))
        await began.wait()
        release.set()
        await call
    assert provider.sent == [TOKEN]
    assert threads[0] is not threading.main_thread()
    assert threads[0].daemon


NONSENSE: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "nothing": lambda: "",
    "a line break": lambda: f"{TOKEN}\n",
    "a scheme": lambda: f"Bearer {TOKEN}",
    "an accent": lambda: f"{TOKEN}é",
    "bytes": lambda: TOKEN.encode(),
    "a triple": lambda: (TOKEN, 1e12, "more"),
    "a pair without a str": lambda: (None, 1e12),
    "a duration that is no moment": lambda: (TOKEN, -1e9),
    "an expiry that is no number": lambda: (TOKEN, "soon"),
    "an expiry that is not finite": lambda: (TOKEN, float("nan")),
    "an object that cannot be read": lambda: Unreadable(),
    "a mapping": lambda: {"token": TOKEN},
}


class Unreadable:
    """Raises when its token is read."""

    @property
    def token(self) -> str:
        raise LookupError(TOKEN)


@virtual
@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("what", NONSENSE)
async def test_nonsense_is_an_error_that_names_the_function_and_shows_no_token(
    what: str, asynchronous: bool
) -> None:
    """No message, no traceback, no local variable of ours; and the next target answers."""

    async def fetch_later() -> Any:
        return NONSENSE[what]()

    def fetch() -> Any:
        return NONSENSE[what]()

    error = await failure(Bearing(fetch_later if asynchronous else fetch))
    assert isinstance(error, CredentialLookupError)
    assert "token=test_nonsense" in str(error)
    assert "gave no token for one" in str(error)
    assert TOKEN not in said(error)
    assert not [place for place, value in held(error).items() if TOKEN in value]


@virtual
@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("raised", [OSError(TOKEN), StopIteration(), asyncio.CancelledError()], ids=repr)
async def test_a_function_that_raises_is_named_and_the_next_target_answers(
    raised: BaseException, asynchronous: bool
) -> None:
    """Its error is the cause, and our words do not repeat its text, which might hold a token."""

    async def fetch_later() -> Any:
        raise raised

    def fetch() -> Any:
        raise raised

    provider, other = Bearing(fetch_later if asynchronous else fetch), ScriptedProvider("two", ["fine"])
    async with pipeline_of(provider, other) as pipeline:
        answer = await pipeline.complete("Why?")
    assert answer.text == "fine"
    error = await failure(provider)
    assert isinstance(error, CredentialLookupError)
    assert "fetch" in str(error)
    assert TOKEN not in str(error)
    assert error.__cause__ is not None
    assert not error.counts_against_provider


@virtual
async def test_an_error_is_told_to_every_call_that_waited() -> None:
    """Each has an error of its own."""

    async def fails() -> str:
        await asyncio.sleep(1)
        raise OSError("down")

    async with pipeline_of(Bearing(fails)) as pipeline:
        errors = await asyncio.gather(*(pipeline.complete("Why?") for _ in range(5)), return_exceptions=True)
    assert all(isinstance(each, CredentialLookupError) for each in errors)
    assert len(set(map(id, errors))) == 5


@virtual
async def test_a_function_that_hangs_is_named_after_its_limit() -> None:
    """Its call is cancelled then, and no circuit opens for it."""
    cancelled: list[float] = []
    loop = asyncio.get_running_loop()

    async def hangs() -> str:
        try:
            await asyncio.sleep(1e6)
        finally:
            cancelled.append(loop.time())
        return "t"

    async with pipeline_of(Bearing(hangs)) as pipeline:
        with pytest.raises(
            CredentialLookupError, match="hangs gave no token for one: it took more than 15 s"
        ):
            await pipeline.complete("Why?")
        await asyncio.sleep(1)
        assert cancelled == [MAX_SECONDS]


@virtual
async def test_the_error_of_a_deadline_says_which_function_had_not_returned() -> None:
    """As its cause."""

    async def hangs() -> str:
        await asyncio.sleep(1e6)
        return "t"

    error = await failure(Bearing(hangs), deadline=3)
    assert isinstance(error, DeadlineExceededError)
    assert "hangs gave no token for one: it has not returned" in str(error.__cause__)


@virtual
async def test_a_function_that_swallows_its_cancellation_is_called_a_few_times_only() -> None:
    """Those calls cannot be ended, so there is a limit on how many there are."""
    release = asyncio.Event()
    calls: list[int] = []

    async def hangs() -> str:
        calls.append(1)
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return "t"

    async with pipeline_of(Bearing(hangs)) as pipeline:
        for _ in range(MAX_RUNNING + 2):
            with pytest.raises(CredentialLookupError) as raised:
                await pipeline.complete("Why?")
        assert "have not returned" in str(raised.value)
        release.set()
    assert len(calls) == MAX_RUNNING


async def test_a_thread_that_hangs_does_not_keep_its_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot be ended: the call fails at the limit, and the thread ends with the program."""
    monkeypatch.setattr(source_module, "MAX_SECONDS", 0.05)
    release = threading.Event()

    def hangs() -> str:
        release.wait(30)
        return "t"

    error = await failure(Bearing(hangs))
    release.set()
    assert isinstance(error, CredentialLookupError)
    assert "took more than 0.05 s" in str(error)


async def test_threads_that_cannot_be_started_do_not_count_as_running(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once the process has threads to spare again, the function is called again."""
    function = UsersFunction("token", lambda: "t")
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", Mock(side_effect=RuntimeError("can't start new thread")))
        for _ in range(MAX_RUNNING + 1):
            with pytest.raises(RuntimeError, match="new thread"):
                await function.call()
    assert await function.call() == "t"


WRONG: list[Any] = ["sk-a-key", None, 7, lambda tenant: "t", lambda *, scope: "t"]


@pytest.mark.parametrize("wrong", WRONG, ids=["a key", "None", "a number", "an argument", "a keyword"])
def test_what_cannot_be_called_without_arguments_is_rejected_at_once(wrong: Any) -> None:
    """Without showing it: it may be a key."""
    with pytest.raises(ConfigurationError, match=r"token=.*without arguments") as raised:
        TokenSource("token", wrong, account="acme")
    assert "sk-a-key" not in said(raised.value)


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_an_error_that_ends_the_program_is_not_caught(asynchronous: bool) -> None:
    """Neither on the loop nor in a thread."""

    def fetch() -> str:
        raise SystemExit(3)

    async def fetch_later() -> str:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        await UsersFunction("token", fetch_later if asynchronous else fetch).call()


@virtual
async def test_several_targets_without_a_token_fail_together() -> None:
    """As with any other failure of a target."""

    async def fails() -> str:
        raise OSError("down")

    class Second(Bearing):
        name = "two"

    async with pipeline_of(Bearing(fails), Second(fails)) as pipeline:
        with pytest.raises(AllDeploymentsFailedError) as raised:
            await pipeline.complete("Why?")
    assert raised.value.nothing_sent
