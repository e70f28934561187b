"""Events written to the standard library's logging, with their facts as fields."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

from ranvier.pipeline.call_events import AttemptEnded, CallEnded
from ranvier.pipeline.events import CircuitChanged, CredentialRefused, Event, FallbackTaken, RetryScheduled

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
    CredentialRefused: (
        logging.WARNING,
        "%(tenant)s: %(provider)s refused the key %(key)s (%(kind)s), next tried in %(seconds).0f s",
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


class LoggingListener:
    """Give it to a pipeline: `Pipeline(..., listeners=[LoggingListener()])`.

    Every record has `event`, `tenant`, `provider`, `model` and the event's own facts (`attempt`,
    `delay`, `kind`, `before`, `after`, `to`) as fields, so that a structured handler can write them
    out. The message itself is only put together where a handler wants it.

    Args:
        logger: Where to write; `ranvier` by default.
    """

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self._logger = logger or logging.getLogger("ranvier")

    def __call__(self, event: Event) -> None:
        """Write `event` down."""
        level, sentence = SENTENCES.get(type(event), (logging.DEBUG, "%(event)s: %(tenant)s at %(provider)s"))
        if self._logger.isEnabledFor(level):
            facts = _facts(event)
            self._logger.log(level, sentence, facts, extra=facts)

    def __repr__(self) -> str:
        return f"LoggingListener({self._logger.name!r})"


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
