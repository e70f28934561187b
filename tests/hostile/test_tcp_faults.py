"""What a network can do to a call: the kernel does it, nothing of it is written by us, and it has limits."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from ranvier import (
    AttemptTimeoutError,
    ConnectionFailedError,
    Deployment,
    Pipeline,
    RanvierError,
    StreamInterruptedError,
)
from ranvier.layers import Fallback, Retry, Timeout
from ranvier.providers import Anthropic, OpenAI
from ranvier.testing import settled
from support.hostile.network import (
    FIRST,
    PORT,
    RESET,
    SECOND,
    UNREACHABLE,
    Network,
    counted,
    cut_after,
    to_first,
)

CONNECT, FIRST_TOKEN, IDLE = 0.5, 0.9, 0.6
"""Seconds that each phase of an attempt may take here."""

LATE = 1.5
"""Seconds by which a busy machine may be late."""

MIDDLE = 3000
"""Bytes of an answer, and of what TCP adds, after which it is in the middle: all of it is four times that."""


@dataclass(frozen=True)
class Trouble:
    """Something that is wrong with the way to the first provider.

    Attributes:
        rules: It, as iptables has it.
        error: What an attempt there ends with, and `phase` of it where it is a timeout.
        within: Seconds after which it is known.
        begins: A stream begins all the same.
    """

    name: str
    rules: tuple[str, ...]
    error: type[RanvierError]
    phase: str | None = None
    within: float = 0.0
    begins: bool = False

    def fits(self, error: BaseException | None) -> bool:
        """It is what this trouble looks like."""
        return type(error) is self.error and getattr(error, "phase", None) == self.phase


SENT = counted(200, "original")
"""From the first byte of our request on: a handshake is shorter."""

TROUBLES = [
    Trouble("refused", (to_first("--syn", RESET),), ConnectionFailedError),
    Trouble("unreachable", (to_first("--syn", UNREACHABLE),), ConnectionFailedError),
    Trouble("black hole", (to_first("", "DROP"),), AttemptTimeoutError, "connect", CONNECT),
    Trouble("request lost", (to_first(SENT, "DROP"),), AttemptTimeoutError, "first_token", FIRST_TOKEN),
    Trouble("request reset", (to_first(SENT, RESET),), ConnectionFailedError),
    Trouble("silent", (cut_after(300, "DROP"),), AttemptTimeoutError, "first_token", FIRST_TOKEN),
    Trouble("stalled", (cut_after(MIDDLE, "DROP"),), AttemptTimeoutError, "idle", IDLE, begins=True),
    Trouble(
        "reset",
        (to_first(counted(MIDDLE, "reply"), RESET),),
        ConnectionFailedError,
        begins=True,
    ),
]


def stack(*hosts: str, retries: int = 0) -> Pipeline:
    """Providers at these hosts, with the limits from above."""
    providers = [
        Anthropic("key", base_url=f"http://{hosts[0]}:{PORT}/anthropic"),
        *(OpenAI("key", base_url=f"http://{host}:{PORT}/openai/v1") for host in hosts[1:]),
    ]
    return Pipeline(
        Fallback(*(Deployment(each, "a-model") for each in providers)),
        Retry(max_retries=retries, base_delay=0.01),
        Timeout(seconds=10, connect=CONNECT, first_token=FIRST_TOKEN, idle=IDLE),
    )


def sockets() -> int:
    """How many this process has open."""
    links = (f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd"))
    return sum(os.readlink(link).startswith("socket:") for link in links if os.path.lexists(link))


@contextmanager
def no_socket_left() -> Iterator[int]:
    """As many are open afterwards as before."""
    before = sockets()
    yield before
    assert sockets() == before


@pytest.fixture(params=TROUBLES, ids=lambda trouble: trouble.name.replace(" ", "-"))
def trouble(request: pytest.FixtureRequest) -> Trouble:
    """Each of them."""
    chosen: Trouble = request.param
    return chosen


async def read(pipeline: Pipeline) -> str:
    """A stream, to its end."""
    async with pipeline.stream("Why?") as answer:
        return "".join([event.text async for event in answer])


async def test_each_trouble_is_told_in_time_or_passed_by(wire: Network, trouble: Trouble) -> None:
    """Whole answers and streams, with a second provider and without one; no connection with it is kept."""
    with wire.inside(), wire.suffering(*trouble.rules), no_socket_left() as before:
        async with stack(FIRST) as alone, stack(FIRST, SECOND) as together:
            asked = [
                asked_alone(alone, trouble),
                read_alone(alone, trouble),
                asked_together(together, trouble),
            ]
            if not trouble.begins:
                asked.append(read_together(together))
            await asyncio.gather(*asked)
            await settled(alone)
            await settled(together)
            assert sockets() <= before + len(asked) - 2, "one that is not with the second provider is open"


async def asked_alone(pipeline: Pipeline, trouble: Trouble) -> None:
    """The error's type and phase say what has happened, in time."""
    began = time.monotonic()
    with pytest.raises(trouble.error) as caught:
        await pipeline.complete("Why?")
    seconds = time.monotonic() - began
    assert trouble.fits(caught.value)
    assert trouble.within <= seconds < trouble.within + LATE


async def read_alone(pipeline: Pipeline, trouble: Trouble) -> None:
    """The same before a stream has begun; later with all that had come, and the trouble as its cause."""
    with pytest.raises(RanvierError) as caught:
        await read(pipeline)
    error: BaseException | None = caught.value
    if trouble.begins:
        assert isinstance(error, StreamInterruptedError)
        assert error.received is not None
        assert error.received.text
        error = error.__cause__
    assert trouble.fits(error)


async def asked_together(pipeline: Pipeline, trouble: Trouble) -> None:
    """The second provider gives the whole answer, and the record says why."""
    answer = await pipeline.complete("Why?")
    assert answer.provider == "openai"
    assert [attempt.outcome for attempt in answer.attempts] == [trouble.error.kind, "succeeded"]


async def read_together(pipeline: Pipeline) -> None:
    """The second provider streams its answer."""
    assert await read(pipeline)


async def test_a_wire_pulled_in_the_middle_is_noticed_when_it_has_been_silent_for_long(wire: Network) -> None:
    """No packet says so: only the limit on silence does."""
    with wire.inside(), no_socket_left():
        async with stack(FIRST) as pipeline, pipeline.stream("Why?") as answer:
            await anext(answer)
            wire.unplug()
            try:
                with pytest.raises(StreamInterruptedError) as caught:
                    async for _ in answer:
                        pass
            finally:
                wire.plug_in()
            assert isinstance(caught.value.__cause__, AttemptTimeoutError)
            assert caught.value.reason == "timeout"


async def test_a_wire_that_comes_back_in_time_costs_nothing_but_time(wire: Network) -> None:
    """TCP sends again what was lost, and the answer is whole."""
    with wire.inside(), no_socket_left():
        async with stack(FIRST) as pipeline:
            whole = (await pipeline.complete("Why?")).text
            async with pipeline.stream("Why?") as answer:
                text = (await anext(answer)).text
                wire.unplug()
                await asyncio.sleep(IDLE / 4)
                wire.plug_in()
                text += "".join([event.text async for event in answer])
            assert text == whole


async def test_a_tenth_of_the_packets_may_be_lost(wire: Network) -> None:
    """On their way back to us; the answer is whole."""
    loss = f"OUTPUT -s {FIRST} -p tcp -m statistic --mode nth --every 10 --packet 9 -j DROP"
    with wire.inside(), wire.suffering(loss), no_socket_left():
        async with stack(FIRST) as pipeline:
            answer = await pipeline.complete("Why?")
            assert answer.text == await read(pipeline)


@pytest.mark.parametrize("target", [RESET, "DROP"], ids=["told", "not-told"])
async def test_a_kept_connection_that_something_on_the_way_has_forgotten(wire: Network, target: str) -> None:
    """Where we are told, the request goes out again on another; where not, the second provider answers it."""
    with wire.inside(), no_socket_left():
        async with stack(FIRST, SECOND, retries=1) as pipeline:
            first = await pipeline.complete("Why?")
            (port,) = wire.ports()
            with wire.suffering(to_first(f"--sport {port}", target)):
                again = await pipeline.complete("Why?")
            assert again.provider == ("anthropic" if target == RESET else "openai")
            assert [attempt.outcome for attempt in again.attempts] == [
                "network" if target == RESET else "timeout",
                "succeeded",
            ]
            assert first.text
