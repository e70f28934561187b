"""Logs events through the standard library's logging, with their attributes as fields."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

from ranvier import clock, validation
from ranvier.errors.configuration import ConfigurationError
from ranvier.errors.rejected import CredentialMissingError, NotAllowedError
from ranvier.events import AttemptEnded, CallEnded, Event, FallbackTaken
from ranvier.pipeline.reporting.repeats import Repeats

RULED_OUT = (CredentialMissingError.kind, NotAllowedError.kind)
"""Why a target was not asked although nothing has failed."""

MORE = " (and %(repeats)d similar messages before)"


class LoggingListener:
    """Logs events; the default listener of a pipeline. To add others: `listeners=[LoggingListener(), count]`.

    Every log record has `event`, `tenant`, `provider`, `model` and the event's own attributes (`attempt`,
    `delay`, `kind`, `before`, `after`, `to`) as fields, for structured handlers. The message itself is
    only formatted if a handler needs it.

    A healthy call logs nothing above DEBUG. Identical messages are limited to `burst` per `every` seconds
    across tenants, and further ones are logged at DEBUG: an outage takes a few lines, not one per call. The
    field `repeats` is the number of messages that were logged at DEBUG in the previous period.

    The class of an event determines its level. A fallback from a target for which the tenant has no key, or
    which `allow=` rejects, is logged at INFO, because nothing has failed.

    Args:
        logger: The logger to use; `ranvier` by default.
        burst: The maximum number of identical messages (same event, target and kind) in `every` seconds.
        every: The period in seconds; 0 switches the limit off.

    Raises:
        ConfigurationError: a `burst` below 1, or a negative `every`.
    """

    def __init__(self, logger: logging.Logger | None = None, *, burst: int = 5, every: float = 60.0) -> None:
        if logger is not None and not hasattr(logger, "isEnabledFor"):
            raise ConfigurationError(f"LoggingListener(logger)={logger!r:.80}: give logging.getLogger('...')")
        self._logger = logging.getLogger("ranvier") if logger is None else logger
        validation.count("LoggingListener(burst)", burst, least=1)
        self._repeats = Repeats(burst, validation.seconds("LoggingListener(every)", every))

    def __call__(self, event: Event) -> None:
        """Log `event`."""
        level, message = _level(event), event.message
        suppressed: int | None = 0
        if level > logging.DEBUG and self._logger.isEnabledFor(level):
            suppressed = self._repeats.admit(_similarity_key(event), clock.now())
            if suppressed is None:
                level = logging.DEBUG
        if self._logger.isEnabledFor(level):
            facts = _facts(event) | {"repeats": suppressed or 0}
            self._logger.log(level, message + MORE if suppressed else message, facts, extra=facts)

    def logs(self, kind: type[Event]) -> bool:
        """Whether events of `kind` reach the log at its current level."""
        return self._logger.isEnabledFor(kind.level)

    def __repr__(self) -> str:
        return f"LoggingListener({self._logger.name!r})"


def _level(event: Event) -> int:
    if isinstance(event, FallbackTaken) and event.kind in RULED_OUT:
        return logging.INFO
    return event.level


def _similarity_key(event: Event) -> tuple[object, ...]:
    """A key that is equal for events whose messages differ only in the tenant."""
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
