"""Records the events that a pipeline emits, for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, TypeVar

from ranvier.clock import now
from ranvier.events import Event

if TYPE_CHECKING:
    from ranvier.pipeline.pipeline import Pipeline

E = TypeVar("E", bound=Event)


class RecordedEvents:
    """A listener that records every event, in order; `print` shows one event per line, with its time.

    Events that every call emits, such as attempts and the call's end, are only in `all` and `of`.

    events = RecordedEvents()
    pipeline = Pipeline(..., listeners=[events])
    ...
    assert events.names == ["retry", "fallback"]
    """

    def __init__(self) -> None:
        self._kept: list[tuple[float, Event]] = []

    def __call__(self, event: Event) -> None:
        """Record `event`, with the time on the running loop."""
        self._kept.append((now(), event))

    def __iter__(self) -> Iterator[Event]:
        return (event for _, event in self._unusual())

    def __len__(self) -> int:
        return len(self._unusual())

    def __getitem__(self, position: int) -> Event:
        return self._unusual()[position][1]

    @property
    def names(self) -> list[str]:
        """The names of the events: `retry`, `fallback`, `circuit`, `rejected` and so on."""
        return [event.name for event in self]

    @property
    def times(self) -> list[float]:
        """When each of them happened, in seconds on the loop's clock."""
        return [when for when, _ in self._unusual()]

    def of(self, kind: type[E]) -> list[E]:
        """The events of one class, such as `RetryScheduled` or `CallEnded`."""
        return [event for _, event in self._kept if isinstance(event, kind)]

    def all(self) -> list[Event]:
        """Every event, including those that every call emits."""
        return [event for _, event in self._kept]

    def clear(self) -> None:
        """Forget all recorded events."""
        self._kept.clear()

    def __str__(self) -> str:
        return "\n".join(f"{when:10.3f}  {_line(event)}" for when, event in self._unusual())

    def __repr__(self) -> str:
        return f"<RecordedEvents {self.names}>"

    def _unusual(self) -> list[tuple[float, Event]]:
        return [(when, event) for when, event in self._kept if not event.verbose]


@contextmanager
def recorded_events(pipeline: Pipeline) -> Iterator[RecordedEvents]:
    """Record the events of `pipeline`, new or already in use, while the block runs.

        with recorded_events(pipeline) as events:
            await pipeline.complete("Why?")
        assert events.names == ["retry"]

    The recorded events are still available after the block.
    """
    recorded = RecordedEvents()
    pipeline.events.add(recorded, verbose=True)
    try:
        yield recorded
    finally:
        pipeline.events.remove(recorded)


def _line(event: Event) -> str:
    attributes = {field.name: getattr(event, field.name) for field in fields(event)}
    shown = " ".join(f"{name}={value}" for name, value in attributes.items() if value not in (None, {}))
    return f"{event.name:<12} {shown}"
