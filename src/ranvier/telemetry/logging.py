"""Events written to the standard library's logging, with their facts as fields."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

from ranvier import clock, validation
from ranvier.events import (
    AttemptEnded,
    CallEnded,
    CircuitChanged,
    CredentialRejected,
    Event,
    FallbackTaken,
    RegistryFull,
    RequestAdjusted,
    RetryScheduled,
    StreamInterrupted,
    Throttled,
)
from ranvier.telemetry.repeats import Repeats

SENTENCES: dict[type[Event], tuple[int, str]] = {
    RetryScheduled: (
        logging.INFO,
        "%(tenant)s: attempt %(attempt)d at %(provider)s/%(model)s failed (%(kind)s), next in %(delay).3f s",
    ),
    FallbackTaken: (
        logging.WARNING,
        "%(tenant)s: %(provider)s/%(model)s failed (%(kind)s), going on to %(to)s",
    ),
    CircuitChanged: (
        logging.WARNING,
        "%(tenant)s: the circuit at %(provider)s went from %(before)s to %(after)s",
    ),
    CredentialRejected: (
        logging.WARNING,
        "%(tenant)s: %(provider)s refused the key %(key)s (%(kind)s), next tried in %(seconds).0f s",
    ),
    Throttled: (
        logging.INFO,
        "%(tenant)s: %(provider)s slows the key %(key)s down (%(kind)s): nothing is sent for %(seconds).3f s",
    ),
    StreamInterrupted: (
        logging.WARNING,
        "%(tenant)s: a stream of %(provider)s/%(model)s broke while it was read (%(kind)s)",
    ),
    RegistryFull: (
        logging.WARNING,
        "%(tenant)s: all %(max_circuits)d circuits are in use, a call at %(provider)s passed without one",
    ),
    RequestAdjusted: (
        logging.DEBUG,
        "%(tenant)s: %(provider)s/%(model)s is not sent %(parameter)s as asked: %(change)s",
    ),
    AttemptEnded: (
        logging.DEBUG,
        "%(tenant)s: attempt %(attempt)d at %(provider)s/%(model)s: %(outcome)s after %(seconds).3f s",
    ),
    CallEnded: (
        logging.DEBUG,
        "%(tenant)s: the call ended (%(outcome)s) after %(seconds).3f s and %(attempts)d attempts",
    ),
}
"""How loud each event is, and how it reads; all others are DEBUG and named only."""

MORE = " (and %(repeats)d more like it before)"


class LoggingListener:
    """Give it to a pipeline: `Pipeline(..., listeners=[LoggingListener()])`.

    Every record has `event`, `tenant`, `provider`, `model` and the event's own facts (`attempt`,
    `delay`, `kind`, `before`, `after`, `to`) as fields, so that a structured handler can write them
    out. The message itself is only put together where a handler wants it.

    A healthy call writes nothing above DEBUG. What repeats itself, for whatever tenants, is written a few
    times and then at DEBUG, until a while is over: an outage is told in a few lines, not in one for each
    call. `repeats` is how often it happened unsaid in the while before.

    Args:
        logger: Where to write; `ranvier` by default.
        burst: How often the same is told within `every` seconds: the same event, at the same target, of
            the same kind.
        every: Seconds; 0 tells everything.

    Raises:
        ConfigurationError: a `burst` below 1, or a negative `every`.
    """

    def __init__(self, logger: logging.Logger | None = None, *, burst: int = 5, every: float = 60.0) -> None:
        self._logger = logger or logging.getLogger("ranvier")
        validation.count("LoggingListener(burst)", burst, least=1)
        self._repeats = Repeats(burst, validation.seconds("LoggingListener(every)", every))

    def __call__(self, event: Event) -> None:
        """Write `event` down."""
        level, sentence = SENTENCES.get(type(event), (logging.DEBUG, "%(event)s: %(tenant)s at %(provider)s"))
        unsaid: int | None = 0
        if level > logging.DEBUG and self._logger.isEnabledFor(level):
            unsaid = self._repeats.admit(_sameness(event), clock.now())
            if unsaid is None:
                level = logging.DEBUG
        if self._logger.isEnabledFor(level):
            facts = _facts(event) | {"repeats": unsaid or 0}
            self._logger.log(level, sentence + MORE if unsaid else sentence, facts, extra=facts)

    def __repr__(self) -> str:
        return f"LoggingListener({self._logger.name!r})"


def _sameness(event: Event) -> tuple[object, ...]:
    """What two events have in common of which one says what the other does: never the tenant."""
    what = getattr(event, "kind", None) or getattr(event, "after", None)
    return type(event), event.provider, event.model, what


def _facts(event: Event) -> dict[str, Any]:
    facts = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
    if isinstance(event, AttemptEnded):
        tried = event.attempt
        facts |= {
            "attempt": tried.number,
            "outcome": tried.outcome,
            "seconds": tried.seconds,
            "status": tried.status,
        }
    elif isinstance(event, CallEnded):
        del facts["story"]
        facts["attempts"] = len(event.story.attempts)
    return facts | {"event": event.name}
