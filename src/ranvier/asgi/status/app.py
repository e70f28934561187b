"""The status page as an ASGI application: its routes and responses."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Literal
from urllib.parse import parse_qs

from ranvier import validation
from ranvier.asgi.exchange import App, Receive, Reply, Scope, Send, path_within
from ranvier.asgi.status.admin import Admin
from ranvier.asgi.status.circuits import MAX_ROWS, TooBusyError
from ranvier.asgi.status.metrics import families, of_fleet, of_worker
from ranvier.asgi.status.metrics.heartbeat import HeartbeatCounters
from ranvier.asgi.status.names import Names
from ranvier.asgi.status.page import PAGE, POLICY
from ranvier.asgi.status.report import Report
from ranvier.asgi.status.stats import Stats
from ranvier.errors.configuration import ConfigurationError
from ranvier.pipeline.pipeline import Pipeline

MAX_QUERY = 2048
"""The longest query string, in bytes."""

MAX_SEARCH = 256
"""The longest search, in characters."""

ROWS = 100
"""Circuits that are listed by default."""

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""Headers of every response: no caching, embedding, content sniffing or loading from other origins."""

NOT_FOUND = Reply.error(404, "not_found", "Not found. Paths: /, /status.json and /metrics.")
BUSY = Reply.error(503, "busy", "Too many searches at once.", retry_after="1")


def status_app(
    pipeline: Pipeline,
    *,
    token: str | None = None,
    tenants: Literal["shown", "hashed"] = "shown",
    tenant_metrics: bool = False,
    slow: float = 10.0,
) -> App:
    """The state of a pipeline: a page for people, JSON for programs, and metrics for Prometheus.

        app.mount("/ranvier", status_app(pipeline))

    It is a plain ASGI application; serve it on the pipeline's event loop. It counts the pipeline's events
    from now on. It shows tenants, providers, models and numbers, but no prompt, answer or key. It has no
    login, so control who can reach it.

    Args:
        pipeline: The pipeline to show, with or without `listeners` of its own.
        token: Allows anyone with the token to reset and isolate circuits. `None` makes the page read-only.
        tenants: Whether tenants are shown by their names or by digests of their names. The hosts of their own
            endpoints are shown in either case.
        tenant_metrics: Also export one sample per circuit that is not closed, with its tenant; 500 at most.
        slow: Seconds from which on a call counts as slow: its story is kept longer.

    Raises:
        ConfigurationError: the token is too easy to guess, or another argument is invalid.
    """
    if not isinstance(pipeline, Pipeline):
        raise ConfigurationError(f"pipeline is a {type(pipeline).__name__}: give a Pipeline")
    validation.flag("tenant_metrics", tenant_metrics)
    names = Names(hashed=validation.choice("tenants", tenants, ("shown", "hashed")) == "hashed")
    stats = Stats(validation.seconds("slow", slow))
    report = Report(pipeline, stats, names)
    app = StatusApp(report, Admin(pipeline, report, token), tenant_metrics=tenant_metrics)
    pipeline.events.add(stats, verbose=True)
    pipeline.lifecycle.joining.counters = HeartbeatCounters(report)
    return app


Answer = Callable[[Scope, Receive], Awaitable[Reply]]


class StatusApp:
    """Serves the status of one pipeline."""

    def __init__(self, report: Report, admin: Admin, *, tenant_metrics: bool) -> None:
        self._report = report
        self._admin = admin
        self._tenant_metrics = tenant_metrics
        self._pages: dict[str, Answer] = {
            "/": self._page,
            "/status.json": self._json,
            "/metrics": self._metrics,
        }
        self._commands = {"/circuits/reset": "reset", "/circuits/isolate": "isolate"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; lifespan is acknowledged, and a websocket rejected."""
        if scope["type"] == "http":
            reply = await self._answer(scope, receive)
            await reply.send(send, headers=HEADERS, head=scope["method"] == "HEAD")
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "websockets are not supported"})
        else:
            while (message := await receive())["type"] != "lifespan.shutdown":
                await send({"type": f"{message['type']}.complete"})
            await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Scope, receive: Receive) -> Reply:
        path, method = path_within(scope), scope["method"]
        if path in self._commands:
            if method != "POST":
                return _not_allowed("POST")
            return await self._admin.serve(self._commands[path], scope, receive)
        if path not in self._pages:
            return NOT_FOUND
        if method not in ("GET", "HEAD"):
            return _not_allowed("GET, HEAD")
        try:
            return await self._pages[path](scope, receive)
        except TooBusyError:
            return BUSY

    async def _page(self, scope: Scope, receive: Receive) -> Reply:
        return Reply(200, PAGE, "text/html; charset=utf-8")

    async def _json(self, scope: Scope, receive: Receive) -> Reply:
        try:
            search, rows = _query(scope.get("query_string", b""))
        except ValueError as error:
            return Reply.error(400, "bad_query", str(error))
        facts = await self._report.facts(search, rows)
        return Reply.json({**facts, "operable": self._admin.allowed})

    async def _metrics(self, scope: Scope, receive: Receive) -> Reply:
        overview = await self._report.overview()
        metrics = of_worker.families(self._report, overview)
        if self._report.service.exists:
            fleet_answer = await self._report.service.read()
            metrics = of_fleet.of_fleet(metrics, fleet_answer and fleet_answer[0])
        if self._tenant_metrics:
            metrics.append(of_worker.troubled(overview))
        return Reply(200, families.exposition(metrics), families.CONTENT_TYPE)


def _query(query: bytes) -> tuple[str, int]:
    """The search text and the number of rows in a query string.

    Raises:
        ValueError: one of them is invalid; the message names it.
    """
    if len(query) > MAX_QUERY:
        raise ValueError(f"A query string has at most {MAX_QUERY} bytes.")
    fields = parse_qs(query.decode("latin-1"), max_num_fields=10, errors="replace")
    search, rows = fields.get("search", [""])[0], fields.get("rows", [str(ROWS)])[0]
    if len(search) > MAX_SEARCH:
        raise ValueError(f"search: pass at most {MAX_SEARCH} characters")
    if not re.fullmatch("[0-9]{1,3}", rows) or not 1 <= int(rows) <= MAX_ROWS:
        raise ValueError(f"rows: pass a number from 1 to {MAX_ROWS}")
    return search, int(rows)


def _not_allowed(methods: str) -> Reply:
    return Reply.error(405, "method_not_allowed", f"Allowed methods: {methods}.", allow=methods)
