"""The breaker as a layer: whose circuit a call goes through, and what operators see and do."""

import asyncio
from typing import Any

import pytest

from ranvier import (
    AuthenticationError,
    CircuitOpenError,
    ConfigurationError,
    ConnectionFailedError,
    Deployment,
    InvalidRequestError,
    Pipeline,
)
from ranvier.layers import Breaker, CircuitState, Fallback, Retry, Timeout
from ranvier.pipeline import Call, Guard, Permit
from ranvier.testing import ScriptedProvider, after, broken, stall, stream
from support.scenes import BreakerScene, time

pytestmark = pytest.mark.virtual_time


# --- opening and closing -------------------------------------------------------------------------


async def test_failures_in_a_row_open_it() -> None:
    """A success in between starts the count anew; what does not count leaves it as it was."""
    wrong = AuthenticationError("no", provider="only")
    scene = BreakerScene([broken(), broken(), "ok", broken(), wrong, broken(), broken()], failure_threshold=3)
    states = []
    for _ in range(7):
        await asyncio.gather(scene.ask(), return_exceptions=True)
        states.append((scene.state(), scene.circuit().failures))
    assert states == [
        ("closed", 1),
        ("closed", 2),
        ("closed", 0),
        ("closed", 1),
        ("closed", 1),
        ("closed", 2),
        ("open", 3),
    ]


async def test_every_attempt_counts_and_not_every_call() -> None:
    """Retries go through the breaker one by one."""
    scene = BreakerScene([broken()], outer=[Retry(max_retries=4, base_delay=0)], failure_threshold=3)
    await scene.fail()
    assert (scene.state(), len(scene.provider.calls)) == ("open", 3)


async def test_successful_probes_in_turn_close_it() -> None:
    """As many as `success_threshold`, one at a time."""
    scene = BreakerScene([broken(), "ok"], success_threshold=3)
    await scene.open_and_cool_down()
    states = [(await scene.ask(), scene.state())[1] for _ in range(3)]
    assert states == ["half_open", "half_open", "closed"]
    assert scene.circuit().failures == 0


async def test_a_refused_call_says_when_to_come_again() -> None:
    """The rest of the cooldown; of the probe's lease while there is one; it asks nobody and takes no time."""
    scene = BreakerScene([broken(), stall()], probe_lease=7)
    await scene.fail()
    await asyncio.sleep(4)
    with pytest.raises(CircuitOpenError) as refusal:
        await scene.ask()
    error = refusal.value
    assert 6 <= error.retry_after <= 8
    assert (error.tenant, error.provider, error.attempts) == ("acme", "only", ())
    await asyncio.sleep(error.retry_after)
    probe = scene.start()
    await asyncio.sleep(3)
    with pytest.raises(CircuitOpenError) as refusal:
        await scene.ask()
    assert refusal.value.retry_after == pytest.approx(4)
    assert scene.circuit().retry_after == pytest.approx(4)
    assert len(scene.provider.calls) == 2
    probe.cancel()


async def test_a_call_that_a_probe_without_a_time_limit_keeps_out_is_not_called_isolated() -> None:
    """Nobody knows when that probe ends, so there is no time to wait; but no operator has isolated it."""
    scene = BreakerScene(
        [broken(), stall()], probe_lease=None, inner=(Timeout(None, first_token=20, idle=15),)
    )
    await scene.fail()
    await asyncio.sleep(12)
    probe = scene.start()
    await asyncio.sleep(3)
    with pytest.raises(CircuitOpenError, match="or a probe is in flight") as refusal:
        await scene.ask()
    assert refusal.value.retry_after is None
    probe.cancel()


@pytest.mark.parametrize(
    ("longest", "cooldowns"),
    [(None, [10, 10, 10, 10]), (35, [10, 20, 35, 35]), (5, [10, 10, 10, 10]), (80, [10, 20, 40, 80])],
)
async def test_failed_probes_double_the_cooldown_up_to_the_longest(
    longest: float | None, cooldowns: list[float]
) -> None:
    """Where one is set; each with its own jitter of at most a fifth, never less."""
    scene = BreakerScene([broken()], max_cooldown=longest)
    for number, cooldown in enumerate(cooldowns, start=1):
        await scene.fail()
        wait = scene.circuit().retry_after
        assert cooldown <= wait <= 1.2 * cooldown
        assert scene.circuit().total_opens == number
        await asyncio.sleep(wait)


async def test_a_circuit_that_has_closed_begins_again_with_the_first_cooldown() -> None:
    """An old outage does not make a new one longer."""
    scene = BreakerScene([broken(), broken(), "ok", broken()], max_cooldown=80)
    for _ in range(2):
        await scene.fail()
        await asyncio.sleep(24)
    await scene.ask()
    await scene.fail()
    assert 10 <= scene.circuit().retry_after <= 12
    assert scene.circuit().total_opens == 3


@pytest.mark.parametrize(
    ("settings", "inner", "lease"),
    [
        ({"probe_lease": 5}, [Timeout(seconds=20)], 5),
        ({}, [Timeout(seconds=20)], 21),
        ({}, [Timeout(seconds=20, overrides={"only": Timeout(seconds=30)})], 31),
        ({}, [Timeout(seconds=None)], 121),
        ({}, [Timeout(seconds=None, first_token=300)], 421),
        ({}, [Timeout(seconds=None, idle=30)], 151),
        ({}, [Timeout(seconds=20, first_token=10, idle=5)], 21),
        ({}, [Timeout(seconds=None, first_token=300, idle=30, stream_complete=False)], 451),
        ({}, [], 121),
    ],
)
async def test_a_probe_may_hold_its_place_a_little_longer_than_an_attempt_may_take(
    settings: dict[str, float], inner: list[Any], lease: float
) -> None:
    """One second; 121 more than what is limited where nothing limits all of an attempt."""
    scene = BreakerScene([broken(), stall()], inner=inner, **settings)
    await scene.open_and_cool_down()
    probe = scene.start()
    await asyncio.sleep(0)
    assert scene.circuit().retry_after == pytest.approx(lease)
    probe.cancel()


async def test_the_state_that_admitted_an_attempt_is_in_its_record() -> None:
    """Closed, or half-open for a probe; none without a breaker."""
    scene = BreakerScene([broken(), "ok"])
    await scene.open_and_cool_down()
    probe, usual = await scene.ask(), await scene.ask()
    assert [each.attempts[0].circuit for each in (probe, usual)] == ["half_open", "closed"]
    bare = Pipeline(Fallback(ScriptedProvider("only")))
    assert (await bare.complete("Why?")).attempts[0].circuit is None


# --- whose circuit -------------------------------------------------------------------------------


async def test_a_circuit_is_a_tenants_at_a_provider() -> None:
    """Neither another tenant nor another provider is touched."""
    a, b = ScriptedProvider("a", [broken()]), ScriptedProvider("b")
    pipeline = Pipeline(Fallback(a, b), Breaker(failure_threshold=1))
    await pipeline.complete("Why?", tenant="x")
    states = {key: seen.state for key, seen in pipeline.circuits}
    assert states == {("x", "a"): "open", ("x", "b"): "closed"}
    assert pipeline.circuits.state("y", "a") is None


async def test_the_key_function_may_add_what_it_likes() -> None:
    """Here the model; or leave out the tenant, so that tenants share their circuits."""
    a = ScriptedProvider("a", [broken()])
    by_model = Breaker(
        failure_threshold=1,
        key=lambda call: (call.tenant, *call.deployment.target.split("/")),
    )
    pipeline = Pipeline(Fallback(Deployment(a, "m"), Deployment(a, "n")), by_model)
    await asyncio.gather(pipeline.complete("Why?", to="a/n", tenant="x"), return_exceptions=True)
    assert by_model.circuits.state("x", "a", "n") == "open"
    assert by_model.circuits.state("x", "a", "m") is None
    await by_model.circuits.reset("x", "a", "n")
    assert by_model.circuits.state("x", "a", "n") == "closed"

    shared = Breaker(failure_threshold=1, key=lambda call: call.deployment.provider.name)
    pipeline = Pipeline(Fallback(a), shared)
    await asyncio.gather(pipeline.complete("Why?", tenant="x"), return_exceptions=True)
    with pytest.raises(CircuitOpenError):
        await pipeline.complete("Why?", tenant="y")


async def test_a_target_may_have_rules_of_its_own() -> None:
    """For a provider they count in its circuit; for one model they give that model a circuit of its own."""
    a = ScriptedProvider("a", [broken()])
    b = ScriptedProvider("b", [broken()])
    overrides = {"a/m": Breaker(failure_threshold=1), "b": Breaker(failure_threshold=2)}
    breaker = Breaker(failure_threshold=3, overrides=overrides)
    pipeline = Pipeline(Fallback(Deployment(a, "m"), Deployment(a, "n"), b), breaker)
    opened = []
    for number in (1, 2, 3):
        await asyncio.gather(pipeline.complete("Why?"), return_exceptions=True)
        opened += [(number, key[1]) for key, seen in breaker.circuits if seen.state == "open"]  # type: ignore[index]
    assert sorted(opened) == [(1, "a/m"), (2, "a/m"), (2, "b"), (3, "a/m"), (3, "a/n"), (3, "b")]


# --- operators -----------------------------------------------------------------------------------


async def test_an_operator_isolates_and_resets() -> None:
    """Isolated, nobody passes; reset, it is closed with nothing held against the provider."""
    scene = BreakerScene([broken(), "ok"], failure_threshold=2)
    await scene.fail()
    await scene.breaker.circuits.isolate("acme", "only")
    with pytest.raises(CircuitOpenError, match="it is isolated"):
        await scene.ask()
    assert scene.state() is CircuitState.ISOLATED
    await scene.breaker.circuits.reset("acme", "only")
    assert (scene.state(), scene.circuit().failures) == ("closed", 0)
    await scene.ask()
    assert len(scene.provider.calls) == 2


async def test_a_reset_ends_an_outage_at_once() -> None:
    """Open or half-open: the next call passes, and a probe still in flight decides nothing more."""
    scene = BreakerScene([broken(), after(5, broken()), "ok"])
    await scene.open_and_cool_down()
    probe = scene.start()
    await asyncio.sleep(1)
    await scene.breaker.circuits.reset("acme", "only")
    await scene.ask()
    await asyncio.wait([probe])
    assert probe.exception() is not None
    assert (scene.state(), scene.circuit().failures, scene.circuit().total_opens) == ("closed", 0, 1)


async def test_it_is_seen_in_print_pipeline() -> None:
    """How many circuits there are, and those in trouble with the time until a probe."""
    scene = BreakerScene(lambda call: "ok" if call.tenant == "fine" else broken(), max_cooldown=60)
    await scene.ask("fine")
    await scene.fail(tenant="acme")
    await scene.breaker.circuits.isolate("banned", "only")
    shown = str(scene.pipeline)
    assert "3 circuits of at most 100000, 2 not closed" in shown
    assert "acme only: open, a probe may pass in 1" in shown
    assert "banned only: isolated\n" in shown + "\n"
    assert "fine" not in shown
    assert "Breaker(failure_threshold=1, success_threshold=1, cooldown=10.0, max_cooldown=60.0)" in shown


async def test_a_pipeline_hands_out_the_circuits_of_its_breaker() -> None:
    """Or says that it has none, and how to get some."""
    scene = BreakerScene(["ok"])
    assert scene.pipeline.circuits is scene.breaker.circuits
    with pytest.raises(ConfigurationError, match=r"add a Breaker\(\)"):
        _ = Pipeline(Fallback(ScriptedProvider("only"))).circuits


async def test_the_next_target_is_asked_at_once_when_a_circuit_is_open() -> None:
    """No sleep, no retry."""
    first, second = ScriptedProvider("first", [broken()]), ScriptedProvider("second")
    pipeline = Pipeline(Fallback(first, second), Retry(base_delay=5), Breaker(failure_threshold=1))
    for _ in range(3):
        assert (await pipeline.complete("Why?")).provider == "second"
    assert (len(first.calls), time()) == (1, 0)


async def test_a_guard_inside_the_breaker_does_not_hide_the_circuit_from_the_record() -> None:
    """It knows no circuits, and so has nothing to say of them."""

    class Doorman(Guard):
        def admit(self, call: Call) -> Permit:
            return Permit()

    pipeline = Pipeline(Fallback(ScriptedProvider("one")), Breaker(), Doorman())
    assert [each.circuit for each in (await pipeline.complete("Why?")).attempts] == ["closed"]


# --- leases --------------------------------------------------------------------------------------


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
async def test_a_lease_begins_when_the_request_is_sent(streaming: bool) -> None:
    """A probe that waits for a connection first, and is answered within its limits, closes the circuit."""
    scene = BreakerScene([broken(), after(15, "ok")], inner=[Timeout(seconds=20, connect=10)])
    slots = scene.provider.slots = asyncio.Semaphore(1)
    await scene.open_and_cool_down()
    await slots.acquire()
    asyncio.get_running_loop().call_later(9, slots.release)

    async def probe() -> None:
        await ((await scene.pipeline.stream("Why?", tenant="acme")).collect() if streaming else scene.ask())

    probing = asyncio.create_task(probe())
    await asyncio.sleep(8)
    with pytest.raises(CircuitOpenError):
        await scene.ask()
    await asyncio.sleep(2)  # it is sent one second ago
    assert scene.circuit().retry_after == pytest.approx(20)
    await asyncio.sleep(13)
    with pytest.raises(CircuitOpenError):
        await scene.ask()
    await probing
    assert (scene.state(), scene.circuit().total_opens) == ("closed", 1)


async def test_a_probe_that_is_asked_again_without_streaming_has_its_lease_anew() -> None:
    """Only streaming was refused; the second request is as good as a first."""
    no = InvalidRequestError("streaming is not for you", provider="only")
    no.refuses_streaming = True
    scene = BreakerScene([broken(), after(15, no), after(15, "ok")], inner=[Timeout(20, idle=18)])
    await scene.open_and_cool_down()
    assert (await scene.ask()).text == "ok"
    assert (scene.state(), scene.circuit().total_opens) == ("closed", 1)


async def test_a_probe_that_goes_on_within_its_limits_is_never_given_up() -> None:
    """Where silence ends an attempt and nothing else does, its place is its own to the end."""
    words = [after(25, "word ") for _ in range(20)]
    scene = BreakerScene([broken(), stream(*words)], inner=[Timeout(seconds=None, first_token=30, idle=30)])
    await scene.open_and_cool_down()
    probe = scene.start()
    await asyncio.sleep(450)
    with pytest.raises(CircuitOpenError) as refusal:
        await scene.ask()
    assert refusal.value.retry_after is None
    await probe
    assert (scene.state(), scene.circuit().total_opens) == ("closed", 1)


@pytest.mark.parametrize("sends", [0, 1])
async def test_a_probe_that_never_gets_its_connection_gives_its_place_back(sends: int) -> None:
    """In the time that the wait for a slot is limited to; nothing is counted."""
    scene = BreakerScene([broken(), "ok"], inner=[Timeout(seconds=20, connect=3)])
    slots = scene.provider.slots = asyncio.Semaphore(1)
    await scene.open_and_cool_down()
    await slots.acquire()
    await scene.fail()
    assert time() > 3
    assert (scene.state(), scene.circuit().in_flight, scene.circuit().total_opens) == ("half_open", 0, 1)
    slots.release()
    if sends:
        assert (await scene.ask()).text == "ok"
        assert scene.state() == "closed"


# --- circuits by any key -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key", ["shared", 7, None, ("one",), ("one", 2), frozenset({"a"}), ("t", "p", "m", "eu")], ids=repr
)
async def test_operators_reach_a_circuit_by_whatever_key_it_has(key: Any) -> None:
    """As the key function returns it, and as iteration shows it; what is not there is told."""
    heard: list[Any] = []
    breaker = Breaker(failure_threshold=1, key=lambda call: key)
    pipeline = Pipeline(Fallback(ScriptedProvider("a", [broken()])), breaker, listeners=[heard.append])
    await asyncio.gather(pipeline.complete("Why?"), return_exceptions=True)
    assert breaker.circuits.state(key) == "open"
    assert await breaker.circuits.reset(key)
    assert breaker.circuits.state(key) == "closed"
    await breaker.circuits.isolate(key)
    assert [(shown, seen.state) for shown, seen in breaker.circuits] == [(key, "isolated")]
    assert not await breaker.circuits.reset("nobody", "nowhere")
    assert [event.after for event in heard] == ["open", "closed", "isolated"]
    if isinstance(key, tuple):
        assert breaker.circuits.state(*key) == "isolated"
    assert "isolated" in str(pipeline)


async def test_a_key_that_cannot_be_one_is_refused_by_name() -> None:
    """A list cannot be hashed; the error names the argument and what to return."""
    pipeline = Pipeline(Fallback(ScriptedProvider("a")), Breaker(key=lambda call: [call.tenant]))  # type: ignore[arg-type, return-value]
    with pytest.raises(ConfigurationError, match=r"Breaker\(key\) returned a list"):
        await pipeline.complete("Why?")


@pytest.mark.parametrize("own_key", [False, True], ids=["by default", "by a key of its own"])
@pytest.mark.parametrize("reset_first", [False, True])
async def test_a_circuit_that_an_operator_made_keeps_the_rules_of_its_target(
    own_key: bool, reset_first: bool
) -> None:
    """Isolated before its first call and reset, it opens by the override, as it would have."""
    overrides = {"a/m": Breaker(failure_threshold=1, cooldown=600)}
    key = (lambda call: call.deployment.model) if own_key else None
    breaker = Breaker(failure_threshold=5, key=key, overrides=overrides)
    pipeline = Pipeline(Fallback(Deployment(ScriptedProvider("a", [broken()]), "m")), breaker)
    where = ("m",) if own_key else ("default", "a/m")
    await breaker.circuits.isolate(*where)
    if not reset_first:
        with pytest.raises(CircuitOpenError):
            await pipeline.complete("Why?")
    await breaker.circuits.reset(*where)
    assert breaker.circuits.state(*where) == "closed"
    await asyncio.gather(pipeline.complete("Why?"), return_exceptions=True)
    ((_, circuit),) = breaker.circuits
    assert (circuit.state, circuit.retry_after >= 600) == ("open", True)


# --- modes ---------------------------------------------------------------------------------------


async def test_an_observed_circuit_opens_and_closes_but_rejects_nothing() -> None:
    """It shows what it would do; an operator may isolate it all the same."""
    scene = BreakerScene([broken(), broken(), *["ok"] * 9], mode="observed")
    for _ in range(2):
        with pytest.raises(ConnectionFailedError):
            await scene.ask()
    assert [seen.state for _, seen in scene.breaker.circuits] == ["open"]
    assert (await scene.ask()).text == "ok"
    await asyncio.sleep(60)
    for _ in range(2):
        await scene.ask()
    ((key, seen),) = scene.breaker.circuits
    assert seen.state == "closed"
    await scene.breaker.circuits.isolate(*key)  # type: ignore[misc]
    with pytest.raises(CircuitOpenError):
        await scene.ask()


async def test_circuits_that_are_off_do_not_exist() -> None:
    """Nothing is counted."""
    scene = BreakerScene([broken(), broken(), broken(), "ok"], mode="off")
    for _ in range(3):
        with pytest.raises(ConnectionFailedError):
            await scene.ask()
    assert (await scene.ask()).text == "ok"
    assert len(scene.breaker.circuits) == 0
    with pytest.raises(ConfigurationError, match="mode"):
        Breaker(mode="on")


@pytest.mark.parametrize("key", [("acme", "onyl"), ("acme",), ("acme", "one", "small"), (5, 7)])
async def test_a_circuit_that_no_call_can_have_is_not_isolated(key: Any) -> None:
    """A misspelt provider is an error: the operator would believe that nothing is sent."""
    pipeline = Pipeline(Fallback(ScriptedProvider("one")), Breaker())
    with pytest.raises(ConfigurationError, match=r"name a tenant and one of these providers: one"):
        await pipeline.circuits.isolate(*key)
    assert len(pipeline.circuits) == 0
    for known in ("one", "one/scripted", "one@llm.acme.example-69bd13db"):
        await pipeline.circuits.isolate("acme", known)
