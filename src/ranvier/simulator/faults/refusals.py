"""Error replies: an error status, or an error with status 200."""

# ruff: noqa: D102  # because: overriding methods are documented where they are declared

from __future__ import annotations

import dataclasses
import math
import time
from dataclasses import dataclass
from email.utils import formatdate
from typing import Literal

from ranvier import validation
from ranvier.errors.configuration import ConfigurationError
from ranvier.simulator.faults.fault import Fault, check_after
from ranvier.simulator.plan import Plan, refusing
from ranvier.simulator.wires.wire import REASONS, encode

_PAGE = """<!DOCTYPE html>
<html class="no-js" lang="en-US">
<head><title>{name} | {status}: {title}</title></head>
<body><div id="cf-wrapper"><h1>Error {status}</h1><p>{title}</p><p>cloudflare</p></div></body>
</html>
"""
_TITLES = {
    502: "Bad gateway",
    503: "Service unavailable",
    504: "Gateway time-out",
    522: "Connection timed out",
}


@dataclass(frozen=True, slots=True, repr=False)
class Status(Fault):
    """An error status, with the body and headers that the provider sends with it.

    Attributes:
        status: 400 to 599. A 502 and the 520s are an HTML page of the network in front of the provider.
        reason: The cause, if several share the status: one of `REASONS`, such as
            `"context_length"` or `"quota_exhausted"`; `None` is the most common one.
        retry_after: Seconds to wait, sent as a Retry-After header and in the body if the provider does that.
        form: The format of the wait: `usual` for this provider's own, which may be in the body only, or a
            header in `seconds`, in `ms` (`retry-after-ms`) or as a `date`, rounded up to a whole second.
    """

    status: int
    reason: str | None = None
    retry_after: float | None = None
    form: Literal["usual", "seconds", "ms", "date"] = "usual"

    def __post_init__(self) -> None:
        if not 400 <= self.status <= 599:
            raise ConfigurationError(f"status={self.status!r}: must be an error status from 400 to 599")
        if self.reason is not None:
            validation.choice("reason", self.reason, REASONS)
        validation.choice("form", self.form, ("usual", "seconds", "ms", "date"))
        validation.seconds("retry_after", self.retry_after, optional=True)

    def change(self, plan: Plan) -> Plan:
        if self.status in plan.wire.edge and self.reason is None:
            return Page(self.status).change(plan)
        refused = refusing(plan, self.status, self.reason, wait=self.retry_after)
        if self.retry_after is None or not self._in_header(plan):
            return refused
        name, value = _retry_after(self.retry_after, self.form)
        return refused.with_header(name, value)

    def _in_header(self, plan: Plan) -> bool:
        return self.form != "usual" or plan.wire.says_wait_in_header(self.status, self.reason)

    def limited(self, wait: float) -> Fault:
        return self if self.retry_after is not None else dataclasses.replace(self, retry_after=wait)


@dataclass(frozen=True, slots=True, repr=False)
class Page(Fault):
    """An HTML page instead of an answer, with `status`; 200 is the hardest to detect."""

    status: int = 200

    def change(self, plan: Plan) -> Plan:
        title = _TITLES.get(self.status, "Unknown error")
        page = _PAGE.format(name=plan.ask.provider, status=self.status, title=title)
        return plan.but(delay=0.0).instead(self.status, page.encode(), "text/html; charset=UTF-8")


@dataclass(frozen=True, slots=True, repr=False)
class Redirect(Fault):
    """A redirect to `location`, with `status`."""

    location: str = "/elsewhere"
    status: int = 307

    def change(self, plan: Plan) -> Plan:
        return plan.but(delay=0.0).instead(self.status, b"").with_header("location", self.location)


@dataclass(frozen=True, slots=True, repr=False)
class ErrorIn200(Fault):
    """An error with status 200: as the body, or as an event of the stream.

    Attributes:
        status, reason: The error, as in `Status`.
        after: The number of tokens before it in a stream.
    """

    status: int = 503
    reason: str | None = None
    after: int = 0

    def __post_init__(self) -> None:
        check_after(self.after)
        if self.reason is not None:
            validation.choice("reason", self.reason, REASONS)

    def change(self, plan: Plan) -> Plan:
        body = plan.wire.refusal(self.status, self.reason, plan.ask)
        if not plan.streams:
            return plan.instead(200, encode(body).encode())
        begun = plan.first(self.after)
        return begun.but(tokens=(*begun.tokens, plan.wire.error_event(body, dict(plan.headers))))


@dataclass(frozen=True, slots=True, repr=False)
class Empty(Fault):
    """Status 200 with an empty body."""

    def change(self, plan: Plan) -> Plan:
        kind = dict(plan.headers)["content-type"]
        return plan.instead(200, b"", kind)


def _retry_after(wait: float, form: str) -> tuple[str, str]:
    if form == "ms":
        return "retry-after-ms", f"{wait * 1000:g}"
    if form == "date":
        return "retry-after", formatdate(math.ceil(time.time() + wait), usegmt=True)
    return "retry-after", f"{wait:.3f}".rstrip("0").rstrip(".")
