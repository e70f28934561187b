"""The workers of a service, as their store reports them: which are live, and what is open or isolated."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

from ranvier import clock
from ranvier.asgi.status.recent.numbers import Recents
from ranvier.asgi.status.recent.of_service import of_service
from ranvier.facts.circuit import CLOSED, ISOLATED
from ranvier.pipeline.running.joining import Joining
from ranvier.store.commands.circuits import CircuitView
from ranvier.store.commands.gates import GateView
from ranvier.store.commands.tenants import TenantView
from ranvier.store.commands.workers import Fleet, LookReply, WorkerView
from ranvier.wording import target_name

FRESH = 0.5
"""The minimum time to cache an answer of the store, in seconds: many readers of the page cost it little."""

SHARE = 10
"""Adding up takes at most one part in `SHARE` of the process's time."""

MAX_WORKERS = 100
"""Workers that are listed."""

MAX_TROUBLES = 100
"""Maximum number of open or isolated circuits, gates and tenants that are listed."""

ANSWER_SECONDS = 2.0
"""Seconds to wait for the pipeline's event loop, if the page is served on another one."""

ID = 8
"""Characters of a worker's id that are shown."""

Answer: TypeAlias = tuple[Fleet, LookReply]


class FleetReport(NamedTuple):
    """The answer of the store, and the sums over all workers.

    Attributes:
        fleet: The live workers.
        troubles: The circuits, gates and tenants that are open or isolated.
        recents: The recent counts of all workers together.
        summed: The number of workers whose counts are included.
    """

    fleet: Fleet
    troubles: LookReply
    recents: Recents
    summed: int


class Service:
    """Reports on the workers that share the store of a pipeline."""

    def __init__(self, joining: Joining) -> None:
        self._joining = joining
        self._reading = asyncio.Lock()  # one round trip at a time
        self._begun = self._ended = 0  # round trips; the number of the latest that has ended
        self._answer: Answer | None = None
        self._adding = asyncio.Lock()
        self._cached: FleetReport | None = None
        self._good_until = 0.0

    @property
    def exists(self) -> bool:
        """True if the pipeline has a store."""
        return self._joining.store is not None

    async def read(self) -> Answer | None:
        """The store's current answer; `None` if it cannot be reached.

        It is not cached, so that no counter falls when scrapes go to different workers. Readers that wait
        share the next round trip: a thousand of them must not delay the probes of this worker.
        """
        begun = self._begun
        async with self._reading:
            if self._ended <= begun:
                self._begun = number = self._begun + 1
                self._answer = await self._ask()
                self._ended = number
            return self._answer

    async def _ask(self) -> Answer | None:
        member = self._joining.member
        if member is None or not member.live:
            return None
        reading: Coroutine[Any, Any, Answer | None] = member.read()
        if member.loop is asyncio.get_running_loop():
            return await reading
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(reading, member.loop))
        except TimeoutError:
            return None

    async def _fleet_report(self) -> FleetReport | None:
        """The answer with its sums, cached for `FRESH` seconds, or longer with hundreds of workers."""
        async with self._adding:
            if clock.now() >= self._good_until:
                answer, began = await self.read(), clock.now()
                self._cached = answer and FleetReport(*answer, *await of_service(answer[0].workers))
                self._good_until = clock.now() + max(FRESH, SHARE * (clock.now() - began))
            return self._cached

    def forget(self) -> None:
        """Expire the cached answer, because a command has changed a circuit."""
        self._good_until = 0.0

    async def recents(self) -> Recents | None:
        """The recent counts of all workers; `None` without a store, or while it cannot be reached."""
        report = await self._fleet_report() if self.exists else None
        return report and report.recents

    async def facts(self, circuits: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
        """The part of `status.json` about the service; `None` without a store.

        The store holds only digests of tenants; the isolated ones among `circuits` are shown by name.
        """
        if not self.exists:
            return None
        member, report = self._joining.member, await self._fleet_report()
        facts: dict[str, Any] = {
            "reachable": report is not None,
            "worker": "" if member is None else member.worker.id[:ID],
            "live": 1,
            "summed": 0,
            "workers": [],
            "troubles": [],
        }
        if report is not None:
            workers = {each.worker: _worker(each) for each in report.fleet.workers}
            facts["live"], facts["summed"] = report.fleet.live, report.summed
            facts["workers"] = list(islice(workers.values(), MAX_WORKERS))
            found = islice(_troubles(report.troubles, _names(member, circuits)), MAX_TROUBLES)
            facts["troubles"] = [{**fact, **_worker_fields(by, workers)} for fact, by in found]
        return facts


def _names(member: Any, circuits: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The names of tenants by their digests in the store."""
    isolated = (each["tenant"] for each in circuits if each["state"] == ISOLATED)
    return {} if member is None else {member.digest(tenant): tenant for tenant in isolated}


def _troubles(troubles: LookReply, names: Mapping[str, str]) -> Iterator[tuple[dict[str, Any], str]]:
    """What is open or isolated, each with the id of the worker that opened or isolated it."""
    for view in troubles.changes:
        if isinstance(view, CircuitView) and view.state is not CLOSED:
            yield _of_circuit(view), view.by
        elif isinstance(view, GateView) and view.closed_for:
            yield _fact("gate", view.gate, view.reason, view.closed_for), view.by
        elif isinstance(view, TenantView) and view.state is not CLOSED:
            tenant = names.get(view.tenant.tenant, view.tenant.tenant)
            subject = f"{tenant} at {' '.join(view.tenant.circuit.splitlines())}"
            yield _fact("tenant", subject, str(view.state), view.retry_after), view.by


def _of_circuit(view: CircuitView) -> dict[str, Any]:
    provider, model, tenants_keys = view.circuit
    subject = target_name(provider, model) + (" with tenants' keys" if tenants_keys else "")
    return _fact("circuit", subject, str(view.state), view.retry_after)


def _fact(kind: str, subject: str, state: str, milliseconds: int | None) -> dict[str, Any]:
    seconds = None if milliseconds is None else milliseconds / 1000
    return {"kind": kind, "what": subject, "state": state, "retry_after": seconds}


def _worker(view: WorkerView) -> dict[str, Any]:
    about = {name: view.about.get(name, "") for name in ("host", "pid", "version")}
    return {"worker": view.worker[:ID], **about, "silent_for": view.silent_for / 1000}


def _worker_fields(by: str, workers: dict[str, dict[str, Any]]) -> dict[str, str]:
    """The fields that name a worker; its host and process are empty once it has ended."""
    known = workers.get(by, {})
    return {"by": by[:ID], "host": known.get("host", ""), "pid": known.get("pid", "")}
