"""All workers of a service, as far as their store tells: who lives, what is not well, and by whom."""

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
from ranvier.store.commands.workers import Fleet, Looked, WorkerView
from ranvier.wording import target_name

FRESH = 0.5
"""Seconds for which an answer of the store is used again, so that many readers cost it little."""

SHARE = 10
"""Adding up may take at most one part in `SHARE` of the time."""

MAX_WORKERS = 100
"""Workers that are listed."""

MAX_TROUBLES = 100
"""Circuits, gates and tenants that are listed because they are not well."""

ANSWER_SECONDS = 2.0
"""If the page is served on another event loop than the pipeline's, it waits so long for that one."""

ID = 8
"""Characters of a worker's id that are shown."""

Answer: TypeAlias = tuple[Fleet, Looked]


class Seen(NamedTuple):
    """What the store answered: about the workers, and about what is not well.

    Attributes:
        recents: What they have counted lately, together.
        summed: How many of them have sent that.
    """

    fleet: Fleet
    looked: Looked
    recents: Recents
    summed: int


class Service:
    """The workers that share the store of a pipeline, and the place of that pipeline among them."""

    def __init__(self, joining: Joining) -> None:
        self._joining = joining
        self._reading = asyncio.Lock()
        self._seen: Seen | None = None
        self._good_until = 0.0

    @property
    def exists(self) -> bool:
        """Whether the pipeline has a store."""
        return self._joining.store is not None

    async def read(self) -> Answer | None:
        """What the store tells now, so that no counter falls from one worker's answer to another's.

        It is `None` if the store cannot be reached.
        """
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

    async def _recent(self) -> Seen | None:
        """The same with its sums, half a second old, or older where there are hundreds of workers."""
        async with self._reading:
            if clock.now() >= self._good_until:
                answer, began = await self.read(), clock.now()
                self._seen = answer and Seen(*answer, *await of_service(answer[0].workers))
                self._good_until = clock.now() + max(FRESH, SHARE * (clock.now() - began))
            return self._seen

    def forget(self) -> None:
        """Ask the store again the next time, after a command."""
        self._good_until = 0.0

    async def recents(self) -> Recents | None:
        """What all workers have counted lately; `None` without a store, or while it tells nothing of that."""
        seen = await self._recent() if self.exists else None
        return seen and seen.recents

    async def facts(self, circuits: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
        """The part of `status.json` about the service; `None` without a store.

        The store knows tenants by digests; those of the isolated ones among `circuits` are shown by name.
        """
        if not self.exists:
            return None
        member, seen = self._joining.member, await self._recent()
        facts: dict[str, Any] = {
            "reachable": seen is not None,
            "worker": "" if member is None else member.worker.id[:ID],
            "live": 1,
            "summed": 0,
            "workers": [],
            "troubles": [],
        }
        if seen is not None:
            workers = {each.worker: _worker(each) for each in seen.fleet.workers}
            facts["live"], facts["summed"] = seen.fleet.live, seen.summed
            facts["workers"] = list(islice(workers.values(), MAX_WORKERS))
            found = islice(_troubles(seen.looked, _names(member, circuits)), MAX_TROUBLES)
            facts["troubles"] = [{**fact, **_who(by, workers)} for fact, by in found]
        return facts


def _names(member: Any, circuits: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The names of tenants by their digests in the store."""
    isolated = (each["tenant"] for each in circuits if each["state"] == ISOLATED)
    return {} if member is None else {member.digest(tenant): tenant for tenant in isolated}


def _troubles(looked: Looked, names: Mapping[str, str]) -> Iterator[tuple[dict[str, Any], str]]:
    """What is not as it should be, and the id of the worker that made it so."""
    for each in looked.changes:
        if isinstance(each, CircuitView) and each.state is not CLOSED:
            yield _of_circuit(each), each.by
        elif isinstance(each, GateView) and each.closed_for:
            yield _fact("gate", each.gate, each.reason, each.closed_for), each.by
        elif isinstance(each, TenantView) and each.state is not CLOSED:
            tenant = names.get(each.tenant.tenant, each.tenant.tenant)
            what = f"{tenant} at {' '.join(each.tenant.circuit.splitlines())}"
            yield _fact("tenant", what, str(each.state), each.retry_after), each.by


def _of_circuit(seen: CircuitView) -> dict[str, Any]:
    provider, model, tenants_keys = seen.circuit
    what = target_name(provider, model) + (" with tenants' keys" if tenants_keys else "")
    return _fact("circuit", what, str(seen.state), seen.retry_after)


def _fact(kind: str, what: str, state: str, milliseconds: int | None) -> dict[str, Any]:
    seconds = None if milliseconds is None else milliseconds / 1000
    return {"kind": kind, "what": what, "state": state, "retry_after": seconds}


def _worker(seen: WorkerView) -> dict[str, Any]:
    about = {name: seen.about.get(name, "") for name in ("host", "pid", "version")}
    return {"worker": seen.worker[:ID], **about, "silent_for": seen.silent_for / 1000}


def _who(by: str, workers: dict[str, dict[str, Any]]) -> dict[str, str]:
    """The worker that made it so; one that is gone has no host any more."""
    known = workers.get(by, {})
    return {"by": by[:ID], "host": known.get("host", ""), "pid": known.get("pid", "")}
