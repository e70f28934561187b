"""What a worker of the fleet does: it asks a pipeline for its tenants, until its input ends."""

from __future__ import annotations

import asyncio
import logging
import random
import sys
from pathlib import Path

from fleet_faults.logged_store import LoggedStore
from fleet_faults.orders import Orders
from fleet_faults.worker_log import WorkerLog, now
from ranvier import Deployment, Pipeline, SpendLimitExceededError
from ranvier.events import Event, SharedCircuitChanged
from ranvier.layers import Breaker, Deadline, Fallback, Retry, SpendLimit, Throttle, Timeout
from ranvier.layers.breaker.shared.settings import SharedCircuits
from ranvier.pipeline.reporting.logging import LoggingListener
from ranvier.providers import Anthropic, OpenAI
from ranvier.store import ValkeyStore
from ranvier.store.valkey import names
from ranvier.store.valkey import store as store_module

PREFIX, SECRET = "fleet", "the fleet's own"

COOLDOWN, MAX_COOLDOWN = 1.0, 2.0
"""Seconds; as short as they are, an outage in the fleet takes seconds as well."""

SPENDER = "spender"
"""A tenant of all workers, who may spend `TOKENS` in a window that is longer than any run."""

TOKENS, WINDOW = 120_000, 10_000_000.0
ESSAY = "Read this. " * 400
"""A question of a thousand tokens or so."""

VOTES, MAX_PROBES = 5, 6
SILENCE = 4.0
"""Seconds to the first content, so that a probe of a silent target stays in flight for a while."""


async def work(orders: Orders) -> None:
    """Call until the input ends."""
    log = WorkerLog(Path(orders.log))
    logging.getLogger("ranvier").addHandler(_Said(log))
    limit = SpendLimit(lambda tenant: TOKENS if tenant == SPENDER else None, WINDOW, on_store_loss="reject")
    async with pipeline_of(orders, log, limit) as pipeline:
        names = [f"tenant-{orders.number}-{number}" for number in range(orders.tenants)]
        load = [asyncio.create_task(_ask_on(pipeline, name, orders.pause, log)) for name in names]
        load.append(asyncio.create_task(_spend_on(pipeline, limit, log)))
        log.note("working")
        await asyncio.to_thread(sys.stdin.read)
        for task in load:
            task.cancel()
        await asyncio.wait(load)
    log.note("ended")


def pipeline_of(orders: Orders, log: WorkerLog, limit: SpendLimit) -> Pipeline:
    """Two targets, the first of which fails; with the store, unless the worker is alone."""

    def note(event: Event) -> None:
        if isinstance(event, SharedCircuitChanged):
            log.note("circuit", target=event.target, before=event.before, after=event.after)

    return Pipeline(
        limit,
        Deadline(20),
        Fallback(
            Deployment(OpenAI("shared", base_url=orders.openai), "gpt-5.2"),
            Deployment(Anthropic("shared", base_url=orders.anthropic), "claude-sonnet-5"),
        ),
        Retry(max_retries=1, base_delay=0.05),
        Throttle(max_wait=1),
        Breaker(
            failure_threshold=5,
            cooldown=COOLDOWN,
            max_cooldown=MAX_COOLDOWN,
            shared=SharedCircuits(VOTES, 0.5, COOLDOWN, MAX_COOLDOWN, MAX_PROBES),
        ),
        Timeout(None, first_token=SILENCE, idle=5),
        listeners=[LoggingListener(), note],
        store=store_of(orders, log),
    )


def store_of(orders: Orders, log: WorkerLog) -> LoggedStore | None:
    """The store that all share, noting what is said to it."""
    if orders.store is None:
        return None
    if orders.protocol is not None:
        names.PROTOCOL = store_module.PROTOCOL = orders.protocol
    return LoggedStore(ValkeyStore(orders.store, prefix=PREFIX, secret=SECRET), log)


async def _ask_on(pipeline: Pipeline, tenant: str, pause: float, log: WorkerLog) -> None:
    """One tenant, who asks again and again."""
    while True:
        await asyncio.sleep(random.uniform(0.5, 1.5) * pause)
        began, by, how = now(), "", "answered"
        try:
            by = (await pipeline.complete("Hi", tenant=tenant)).provider
        except Exception as error:  # because: whatever it is, it is judged at the end
            how = f"{type(error).__name__}: {error}"
        log.note("call", tenant=tenant, took=now() - began, how=how, by=by)


async def _spend_on(pipeline: Pipeline, limit: SpendLimit, log: WorkerLog) -> None:
    """The tenant of all workers, whose limit they have together."""
    while True:
        await asyncio.sleep(random.uniform(0.5, 1.5))
        rejected = False
        try:
            await pipeline.complete(ESSAY, tenant=SPENDER, max_tokens=16)
        except SpendLimitExceededError:
            rejected = True
        except Exception:  # because: what else can fail is judged by the calls of the others
            pass
        account = limit.account(SPENDER)
        log.note("spent", tokens=account.settled + account.reserved, rejected=rejected)


class _Said(logging.Handler):
    """Notes what ranvier logs."""

    def __init__(self, log: WorkerLog) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Note one line."""
        self._log.note("said", name=record.name, line=record.getMessage())
