"""The status app: what it answers, to whom, and what it never says."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import math
import re
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.routing import Mount

from ranvier import Pipeline
from ranvier.asgi import status_app
from ranvier.asgi.status.circuits import CircuitViewer, TooBusyError
from ranvier.asgi.status.health import of_calls, of_provider
from ranvier.asgi.status.names import Names
from ranvier.asgi.status.recent.portions import PORTION
from ranvier.errors import ConfigurationError, OverloadedError, RanvierError, RateLimitError
from ranvier.layers import AdaptiveLimit, Balance, Breaker, Bulkhead, Fallback
from ranvier.pipeline import Layer, Place
from ranvier.tenancy import digest_of
from ranvier.testing import ScriptedProvider
from support.asgi.status_page import TOKEN, Answer, ask, stack
from support.asgi.told import attempt, call, ended

SILENT = {"succeeded": [0] * 120, "failed": [0] * 120}
NASTY = '<script>alert("1")</script>\\'
ACME = {"tenant": "acme", "provider": "first"}


def failing(name: str) -> ScriptedProvider:
    """It answers nothing."""
    return ScriptedProvider(name, [OverloadedError("no", provider=name)] * 1000)


async def trip(pipeline: Pipeline, tenant: str = "acme") -> None:
    """Open the circuit of a tenant at the first provider."""
    for _ in range(2):
        with pytest.raises(RanvierError):
            await pipeline.complete("a secret prompt", tenant=tenant, to="first")


# --- what there is -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/status.json", "application/json"),
        ("/metrics", "text/plain; version=0.0.4; charset=utf-8"),
    ],
)
async def test_what_is_shown_is_also_there_for_head(path: str, kind: str) -> None:
    """With its kind, its length, and headers that keep it from being stored or embedded."""
    _, app = stack()
    got, head = await ask(app, path), await ask(app, path, method="HEAD")
    assert (got.status, head.status, head.body) == (200, 200, b"")
    assert got.headers["content-type"] == head.headers["content-type"] == kind
    assert int(got.headers["content-length"]) == len(got.body)
    for answer in (got, head):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/status.json/", 404, "not_found"),
        ("POST", "/", 405, "method_not_allowed"),
        ("DELETE", "/status.json", 405, "method_not_allowed"),
        ("GET", "/circuits/reset", 405, "method_not_allowed"),
        ("OPTIONS", "/circuits/isolate", 405, "method_not_allowed"),
    ],
)
async def test_what_is_not_there_is_refused_in_json(method: str, path: str, status: int, error: str) -> None:
    """With a word for programs; and a method that is not allowed with those that are."""
    _, app = stack(token=TOKEN)
    answer = await ask(app, path, method=method, token=TOKEN)
    assert (answer.status, answer.json["error"]) == (status, error)
    assert ("allow" in answer.headers) == (status == 405)


@pytest.mark.parametrize(
    "query", ["rows=0", "rows=501", "rows=-1", "rows=many", "search=" + "x" * 257, "a" * 2049]
)
async def test_a_bad_query_is_refused(query: str) -> None:
    """And says what would be good."""
    _, app = stack()
    answer = await ask(app, "/status.json", query=query)
    assert (answer.status, answer.json["error"]) == (400, "bad_query")


@pytest.mark.parametrize(
    ("path", "root"), [("/ops/status.json", "/ops"), ("/status.json", "/ops"), ("/status.json", "")]
)
async def test_it_is_found_wherever_it_is_mounted(path: str, root: str) -> None:
    """By frameworks that leave the mount point in the path, and by those that take it out."""
    _, app = stack()
    assert (await ask(app, path, root=root)).json["version"] == 1


async def test_it_works_in_starlette() -> None:
    """Mounted, below two mounts, with and without a slash."""
    _, app = stack()
    outer = Starlette(routes=[Mount("/inner", Starlette(routes=[Mount("/ops", app)]))])
    assert (await ask(outer, "/inner/ops/metrics")).status == 200
    assert (await ask(outer, "/inner/ops/")).headers["content-type"].startswith("text/html")


async def test_lifespan_is_acknowledged_and_websockets_are_refused() -> None:
    """So that it can be served alone."""
    _, app = stack()
    for messages, kind, answers in (
        (
            ["lifespan.startup", "lifespan.shutdown"],
            "lifespan",
            ["lifespan.startup.complete", "lifespan.shutdown.complete"],
        ),
        (["websocket.connect"], "websocket", ["websocket.close"]),
    ):
        waiting, sent = [{"type": each} for each in messages], []

        async def receive(waiting: list[Any] = waiting) -> Any:
            return waiting.pop(0)

        async def send(message: Any, sent: list[Any] = sent) -> None:
            sent.append(message["type"])

        await app({"type": kind, "path": "/", "headers": []}, receive, send)
        assert sent == answers


@pytest.mark.parametrize(
    "settings",
    [
        {"token": "short"},
        {"token": "sixteen letters!"},
        {"tenants": "some"},
        {"slow": -1},
        {"token": b"bytes-of-a-token"},
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any]) -> None:
    """Without quoting the token."""
    with pytest.raises(ConfigurationError) as refused:
        stack(**settings)
    assert str(settings.get("token", "nothing of it")) not in str(refused.value)


async def test_a_pipeline_without_it_hears_nothing() -> None:
    """It costs where it was made, and nowhere else."""
    pipeline = Pipeline(Fallback(ScriptedProvider("first")))
    assert not pipeline.events.in_context  # but for the log, nobody
    status_app(pipeline)
    assert pipeline.events.in_context
    assert len(pipeline.events.verbose) == 1


# --- the page ------------------------------------------------------------------------------------


async def test_the_page_needs_nothing_and_may_nothing() -> None:
    """Its policy allows its own script and style, by what they say, and asking its own server."""
    _, app = stack()
    answer = await ask(app, "/")
    page = answer.body.decode()
    policy = answer.headers["content-security-policy"]
    for tag in ("script", "style"):
        (code,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}';" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert set(re.findall(r"https?://[^\s\"'`]*", page)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|\seval\(|\sstyle=|\son\w+=", page)


# --- what is told --------------------------------------------------------------------------------


async def test_troubled_circuits_come_first_and_all_are_counted() -> None:
    """However few are asked for."""
    pipeline, app = stack(failing("first"))
    async with pipeline:
        for number in range(5):
            await pipeline.circuits.isolate(f"tenant {number}", "first")
            await pipeline.circuits.reset(f"tenant {number}", "first")
        await pipeline.circuits.isolate("isolated", "first")
        await trip(pipeline, "zebra")
        told = (await ask(app, "/status.json", query="rows=3")).json
    circuits = told["circuits"]
    assert [(row["tenant"], row["state"]) for row in circuits["rows"][:2]] == [
        ("zebra", "open"),
        ("isolated", "isolated"),
    ]
    assert (circuits["total"], circuits["troubled"], len(circuits["rows"])) == (7, 2, 3)
    assert circuits["states"] == {"closed": 5, "open": 1, "isolated": 1}
    assert told["level"] == "trouble"
    assert told["findings"][0] == {"level": "trouble", "text": "1 circuit open at first"}
    assert told["providers"][0]["circuits"] == circuits["states"]
    assert told["changes"][0]["text"] == "circuit closed \u2192 open"


async def test_searching_looks_at_tenants_and_providers() -> None:
    """In any case of letters; what is not found is counted all the same."""
    pipeline, app = stack()
    for tenant in ("Acme", "acme-2", "beta"):
        await pipeline.circuits.isolate(tenant, "first")
    found = (await ask(app, "/status.json", query="search=ACME")).json["circuits"]
    assert ([row["tenant"] for row in found["rows"]], found["matching"], found["total"]) == (
        ["Acme", "acme-2"],
        2,
        3,
    )
    assert (await ask(app, "/status.json", query="search=FIRST")).json["circuits"]["matching"] == 3
    assert (await ask(app, "/status.json", query="search=nobody")).json["circuits"]["rows"] == []


async def test_calls_and_attempts_are_told() -> None:
    """By provider, with what failed and by which kind; a rescued call is told as one."""
    pipeline, app = stack()
    bad, good = attempt("first", "overloaded", 0.1), attempt("second", seconds=0.4, began=0.2)
    for event in (*[ended(bad)] * 6, ended(good), call(bad, good, seconds=0.6), call(outcome="circuit_open")):
        pipeline.events.emit(event)
    told = (await ask(app, "/status.json")).json
    first, second = told["providers"]
    assert (first["failures"], first["succeeded"], first["level"]) == ({"overloaded": 6}, 0, "trouble")
    assert (second["succeeded"], second["level"]) == (1, "well")
    assert second["seconds"]["p50"] == pytest.approx(0.4, rel=0.2)
    calls = told["calls"]
    assert (calls["succeeded"], calls["failures"], calls["rescued"]) == (1, {"circuit_open": 1}, 1)
    assert [story["sort"] for story in told["stories"]] == ["failed", "rescued"]
    assert [each["began"] for each in told["stories"][1]["attempts"]] == [0.0, 0.2]
    assert told["stories"][1]["text"].startswith("succeeded after 0.600 s, 2 attempts\n")


async def test_no_prompt_no_answer_and_no_key_is_ever_said() -> None:
    """Whatever the provider says of them."""
    provider = ScriptedProvider(
        "first", ["the secret answer", *[OverloadedError("sk-secret", provider="first")] * 2]
    )
    pipeline, app = stack(provider, token=TOKEN)
    async with pipeline:
        await pipeline.complete("the secret prompt", tenant="acme", to="first")
        await trip(pipeline)
        for path in ("/", "/status.json", "/metrics"):
            body = (await ask(app, path)).body
            assert b"secret" not in body
            assert TOKEN.encode() not in body


async def test_tenants_may_be_hidden() -> None:
    """Then nothing of their names is left, and they are found and reset by what is shown."""
    pipeline, app = stack(failing("first"), tenants="hashed", token=TOKEN, tenant_metrics=True)
    async with pipeline:
        await trip(pipeline, "confidential")
        pipeline.events.emit(call(attempt("first"), tenant="confidential"))
        for path in ("/status.json", "/metrics"):
            answer = await ask(app, path)
            assert b"confidential" not in answer.body
            assert digest_of("confidential").encode() in answer.body
        found = (await ask(app, "/status.json", query="search=confidential")).json["circuits"]
        assert [row["tenant"] for row in found["rows"]] == [digest_of("confidential")]
        row = {"tenant": found["rows"][0]["tenant"], "provider": "first"}
        assert (await ask(app, "/circuits/reset", method="POST", token=TOKEN, body=row)).json[
            "state"
        ] == "closed"
        assert pipeline.circuits.state("confidential", "first") == "closed"
        unknown = {"tenant": digest_of("nobody"), "provider": "first"}
        answer = await ask(app, "/circuits/isolate", method="POST", token=TOKEN, body=unknown)
        assert answer.status == 404


async def test_a_hundred_thousand_circuits_are_looked_at_in_portions() -> None:
    """Between which others run; what was seen serves all who ask in the next moment."""
    pipeline = Pipeline(Fallback(ScriptedProvider("first")), Breaker())
    for number in range(3 * PORTION):
        await pipeline.circuits.isolate(f"tenant {number}", "first")
    viewer = CircuitViewer(pipeline.circuits, Names(hashed=False), ["first"])
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(others())
    look = await viewer.overview()
    other.cancel()
    assert (look.total, len(look.rows)) == (3 * PORTION, 500)
    assert turns >= 3
    assert await viewer.overview() is look


async def test_searches_beyond_what_can_be_served_are_refused() -> None:
    """So that nobody makes the pipeline slow by searching."""
    pipeline, app = stack()
    for number in range(PORTION):
        await pipeline.circuits.isolate(f"tenant {number}", "first")
    answers = await asyncio.gather(
        *(ask(app, "/status.json", query=f"search={number}") for number in range(20))
    )
    assert {answer.status for answer in answers} == {200, 503}
    assert (await ask(app, "/status.json")).status == 200
    viewer = CircuitViewer(pipeline.circuits, Names(hashed=False), ["first"])
    viewer._waiting.update(map(str, range(8)))
    with pytest.raises(TooBusyError):
        await viewer.overview("one more")


async def test_a_circuit_that_never_probes_is_shown() -> None:
    """A cooldown may be infinite, which JSON is not."""
    pipeline = Pipeline(Fallback(failing("first")), Breaker(failure_threshold=1, cooldown=math.inf))
    app = status_app(pipeline)
    with pytest.raises(RanvierError):
        await pipeline.complete("Why?", tenant="acme")
    [row] = (await ask(app, "/status.json")).json["circuits"]["rows"]
    assert (row["state"], row["retry_after"]) == ("open", None)
    assert (await ask(app, "/metrics")).status == 200


class OwnLayer(Layer):
    """A user's, with names that layers of ours have for other things."""

    place = Place.ADMIT
    gates, places, spending, balances, allowances, on = 1, 2, 3, 4, 5, True

    async def handle(self, call: Any, inner: Any) -> Any:
        return await inner(call)


class OwnBulkhead(Bulkhead):
    """Derived from ours."""


async def test_layers_of_a_user_may_have_any_attributes() -> None:
    """Only those of ours have a meaning."""
    pipeline = Pipeline(Fallback(ScriptedProvider("first")), OwnBulkhead(3), OwnLayer(), Breaker())
    app = status_app(pipeline)
    await pipeline.complete("Why?")
    assert (await ask(app, "/metrics")).status == 200
    facts = (await ask(app, "/status.json")).json
    assert [each["limit"] for each in facts["places"]] == [3]
    assert facts["findings"] == []


async def test_readers_of_the_same_overview_are_never_refused() -> None:
    """However many come while it is read, and whatever others search for."""
    pipeline, app = stack()
    for number in range(PORTION):
        await pipeline.circuits.isolate(f"tenant {number}", "first")
    searches = [ask(app, "/status.json", query=f"search={number}") for number in range(8)]
    readers = [ask(app, path) for path in ("/metrics", "/status.json", "/metrics") * 10]
    answers = await asyncio.gather(*searches, *readers)
    assert {answer.status for answer in answers} == {200}


# --- health --------------------------------------------------------------------------------------


def test_a_request_that_fails_everywhere_is_no_trouble_of_a_provider() -> None:
    """Nor are four attempts enough to say that a part of them fails."""
    quiet = {"name": "first", "circuits": {}, "refused": 0, "throttled": 0, "succeeded": 1}
    quiet |= {"probes_due": 0, "failed": 0, "series": SILENT}
    assert of_provider({**quiet, "failures": {"context_length": 50}}) == []
    assert of_provider({**quiet, "failures": {"overloaded": 3}}) == []
    assert of_provider({**quiet, "failures": {"overloaded": 4}})[0][0] == "trouble"
    assert of_provider({**quiet, "failures": {"overloaded": 4}, "succeeded": 20})[0][0] == "strained"


def test_failed_calls_are_told_before_there_are_many() -> None:
    """One is worth a word, a twentieth of them are trouble."""
    silent = {"series": SILENT}
    assert of_calls({"failed": 0, "succeeded": 9, **silent}) == []
    assert of_calls({"failed": 1, "succeeded": 9, **silent})[0] == ("strained", "1 call failed, 10.0% of all")
    assert of_calls({"failed": 5, "succeeded": 95, **silent})[0][0] == "trouble"


@pytest.mark.virtual_time
async def test_an_outage_that_is_over_is_no_trouble() -> None:
    """Once calls have succeeded for ten seconds; nobody can say so where nothing was asked."""
    pipeline, app = stack(ScriptedProvider("first", lambda call: down if outage else "hello"))
    down, outage = OverloadedError("no", provider="first"), True

    async def asking(seconds: int) -> dict[str, Any]:
        for _ in range(seconds):
            await asyncio.sleep(1)
            with contextlib.suppress(RanvierError):
                await pipeline.complete("Hi", tenant="acme")
        told: dict[str, Any] = (await ask(app, "/status.json")).json
        return told

    async with pipeline:
        assert (await asking(20))["level"] == "trouble"
        outage = False
        await asyncio.sleep(20)
        assert (await asking(0))["level"] == "trouble"
        told = await asking(12)
        assert told["level"] == "strained"
        assert all("none in the last 10 s" in each["text"] for each in told["findings"])
        outage = True
        told = await asking(1)  # the second in which it failed is not over
        assert not any("none in the last" in each["text"] for each in told["findings"])
        assert (await asking(3))["level"] == "trouble"
        outage = False
        await asyncio.sleep(90)
        assert (await asking(60))["level"] == "well"


@pytest.mark.virtual_time
async def test_a_circuit_that_the_next_call_may_probe_is_no_trouble() -> None:
    """Its tenant may never call again."""
    pipeline, app = stack(failing("first"))
    async with pipeline:
        await trip(pipeline)
        assert (await ask(app, "/status.json")).json["level"] == "trouble"
        await asyncio.sleep(100)
        told = (await ask(app, "/status.json")).json
    assert (told["level"], told["providers"][0]["probes_due"]) == ("strained", 1)
    assert told["findings"][0]["text"] == "1 circuit at first ready for a probe"


# --- Prometheus ----------------------------------------------------------------------------------


async def test_prometheus_can_read_it() -> None:
    """Every sample, by Prometheus' own parser; and no tenant is a label."""
    pipeline, app = stack(failing("first"))
    async with pipeline:
        await trip(pipeline, NASTY)
        for each in (attempt("first", "overloaded", 0.1), attempt("second", seconds=0.4)):
            pipeline.events.emit(ended(each, tenant=NASTY))
        pipeline.events.emit(call(attempt("second"), seconds=0.4, tenant=NASTY))
        text = (await ask(app, "/metrics")).body.decode()
    assert "script" not in text
    found = {family.name: family for family in text_string_to_metric_families(text)}
    attempts = {
        (s.labels["provider"], s.labels["outcome"]): s.value for s in found["ranvier_attempts"].samples
    }
    assert attempts == {
        ("first", "overloaded"): 3,
        ("second", "succeeded"): 1,
    }  # two have tripped the circuit
    states = {(s.labels["provider"], s.labels["state"]): s.value for s in found["ranvier_circuits"].samples}
    assert states["first", "open"] == 1
    (slow,) = [
        s
        for s in found["ranvier_call_duration_seconds"].samples
        if s.name.endswith("_bucket") and s.labels == {"outcome": "succeeded", "le": "0.5"}
    ]
    assert slow.value == 1
    assert all("tenant" not in s.labels for family in found.values() for s in family.samples)


@pytest.mark.parametrize(
    ("layer", "name", "limit"), [(Bulkhead, "first", 20), (AdaptiveLimit, "first/m key ", 15)]
)
async def test_places_are_gauges(layer: type[Bulkhead | AdaptiveLimit], name: str, limit: int) -> None:
    """How many there are, are taken, and are waited for; a key is not shown."""
    provider = ScriptedProvider("first", [RateLimitError("no", provider="first"), "fine"])
    provider.default_model = "m"
    pipeline = Pipeline(Fallback(provider), layer(20), credentials=lambda *who: "sk-secret")
    async with pipeline:
        app = status_app(pipeline, token=TOKEN)
        with pytest.raises(RateLimitError):
            await pipeline.complete("Why?")
        text = (await ask(app, "/metrics")).body.decode()
    found = {family.name: family for family in text_string_to_metric_families(text)}
    gauges = {}
    for what in ("limit", "in_flight", "waiting"):
        (sample,) = found[f"ranvier_bulkhead_{what}"].samples
        assert sample.labels["places"].startswith(name)
        gauges[what] = sample.value
    assert gauges == {"limit": limit, "in_flight": 0, "waiting": 0}
    assert "sk-secret" not in text


async def test_tenants_are_labels_where_that_was_asked_for() -> None:
    """Escaped, whatever they are called, and only of circuits that are not closed."""
    pipeline, app = stack(failing("first"), tenant_metrics=True)
    async with pipeline:
        await trip(pipeline, NASTY)
        await pipeline.circuits.isolate("closed", "first")
        await pipeline.circuits.reset("closed", "first")
        text = (await ask(app, "/metrics")).body.decode()
    found = {family.name: family for family in text_string_to_metric_families(text)}
    (sample,) = found["ranvier_circuit_not_closed"].samples
    assert sample.labels == {"tenant": NASTY, "provider": "first", "state": "open"}


async def test_the_targets_of_a_balance_are_gauges() -> None:
    """Calls in flight, how soon they answer, and their share."""
    pipeline = Pipeline(Fallback(Balance(ScriptedProvider("first"), ScriptedProvider("second"))))
    app = status_app(pipeline)
    async with pipeline, pipeline.stream("Why?", to="first") as answer:
        text = (await ask(app, "/metrics")).body.decode()
        facts = (await ask(app, "/status.json")).json["balances"]
        await answer.collect()
    found = {family.name: family for family in text_string_to_metric_families(text)}
    in_flight = {s.labels["target"]: s.value for s in found["ranvier_balance_in_flight"].samples}
    assert in_flight == {"first/scripted": 1, "second/scripted": 0}
    assert len(found["ranvier_balance_first_token_seconds"].samples) == 2
    assert [s.value for s in found["ranvier_balance_share"].samples] == [1, 1]
    assert [(each["target"], each["in_flight"]) for each in facts] == [*in_flight.items()]


# --- operating -----------------------------------------------------------------------------------


async def operate(app: Any, action: str, body: Any = ACME, token: str | None = TOKEN) -> Answer:
    return await ask(app, f"/circuits/{action}", method="POST", body=body, token=token)


async def test_with_the_token_circuits_are_reset_and_isolated() -> None:
    """And the next look shows it."""
    pipeline, app = stack(failing("first"), token=TOKEN)
    async with pipeline:
        await trip(pipeline)
        assert (await ask(app, "/status.json")).json["circuits"]["rows"][0]["state"] == "open"
        answer = await operate(app, "reset")
        assert (answer.status, answer.json["state"]) == (200, "closed")
        assert (await ask(app, "/status.json")).json["circuits"]["rows"][0]["state"] == "closed"
        assert (await operate(app, "isolate")).json["state"] == "isolated"
        assert pipeline.circuits.state("acme", "first") == "isolated"
        assert (await operate(app, "isolate", {"tenant": "new", "provider": "first"})).json[
            "state"
        ] == "isolated"


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "\u00e9" * 20])
async def test_without_the_token_nothing_is_done(token: str | None) -> None:
    """Nor is a body read, and where a pipeline has no token there is none that works."""
    pipeline, app = stack(failing("first"), token=TOKEN)
    async with pipeline:
        await trip(pipeline)
        wrong = None if token is None else token.encode().decode("latin-1")
        answer = await operate(app, "reset", token=wrong)
        assert (answer.status, answer.json["error"]) == (401, "wrong_token")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert pipeline.circuits.state("acme", "first") == "open"


async def test_a_page_without_a_token_only_shows() -> None:
    """And says so, to programs as well."""
    _, app = stack()
    assert (await operate(app, "reset")).json["error"] == "read_only"
    assert (await ask(app, "/status.json")).json["operable"] is False


async def test_the_token_in_the_address_is_none() -> None:
    """It would be in the logs of every proxy."""
    _, app = stack(token=TOKEN)
    answer = await ask(app, "/circuits/reset", method="POST", body=ACME, query=f"token={TOKEN}")
    assert answer.status == 401


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no",
        b"[]",
        b"[" * 4000,
        b"{}",
        {"tenant": "acme"},
        {**ACME, "tenant": 1},
        {**ACME, "tenant": ""},
        {**ACME, "tenant": "x" * 257},
        {**ACME, "more": "eu"},
        {**ACME, "more": [1]},
        {**ACME, "process": 1},
        b"\xff\xfe",
        {**ACME, "tenant": "a\nb"},
    ],
)
async def test_a_bad_command_is_refused(body: Any) -> None:
    """With what is wrong with it."""
    _, app = stack(token=TOKEN)
    answer = await operate(app, "reset", body)
    assert (answer.status, answer.json["error"]) == (400, "bad_command")


@pytest.mark.parametrize(
    ("action", "body", "status", "error"),
    [
        ("reset", ACME, 404, "no_such_circuit"),
        ("isolate", {"tenant": "acme", "provider": "typo"}, 404, "no_such_circuit"),
        ("isolate", {**ACME, "process": "another"}, 409, "another_process"),
        ("isolate", b"x" * 5000, 413, "too_long"),
    ],
)
async def test_a_command_that_hits_nothing_is_refused(
    action: str, body: Any, status: int, error: str
) -> None:
    """A circuit that is not there, a wrong name, another process, and a body without end."""
    pipeline, app = stack(token=TOKEN)
    answer = await operate(app, action, body)
    assert (answer.status, answer.json["error"]) == (status, error)
    assert len(pipeline.circuits) == 0


async def test_where_there_is_no_room_or_no_breaker_it_says_so() -> None:
    """Instead of failing."""
    pipeline = Pipeline(Fallback(ScriptedProvider("first")), Breaker(max_circuits=1))
    app = status_app(pipeline, token=TOKEN)
    assert (await operate(app, "isolate")).status == 200
    assert (await operate(app, "isolate", {"tenant": "other", "provider": "first"})).json[
        "error"
    ] == "registry_full"
    bare = status_app(Pipeline(Fallback(ScriptedProvider("first"))), token=TOKEN)
    assert (await operate(bare, "isolate")).json["error"] == "no_circuits"
    assert (await ask(bare, "/status.json")).json["circuits"] is None


async def test_what_is_told_is_json_for_everybody() -> None:
    """No NaN, no infinity, and a tenant's name as text."""
    pipeline, app = stack(failing("first"))
    async with pipeline:
        await trip(pipeline, NASTY)
        answer = await ask(app, "/status.json")
    told = json.loads(answer.body, parse_constant=lambda word: pytest.fail(word))
    assert told["circuits"]["rows"][0]["tenant"] == NASTY
