"""Prometheus metrics, and their text exposition format 0.0.4."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

COUNTER, HISTOGRAM, GAUGE = "counter", "histogram", "gauge"


class Sample(NamedTuple):
    """The value of one time series.

    Attributes:
        series: The metric name with its labels, as Prometheus writes it.
        value: The number.
    """

    series: str
    value: float


@dataclass(slots=True)
class Family:
    """A metric with all its samples.

    Attributes:
        name: Its name.
        kind: `counter`, `histogram` or `gauge`.
        meaning: The help text.
        samples: Its samples; those of a histogram have the suffixes `_bucket`, `_sum` and `_count`.
    """

    name: str
    kind: str
    meaning: str
    samples: list[Sample] = field(default_factory=list)

    def add(self, labels: Mapping[str, str], value: float, suffix: str = "") -> None:
        """Add a sample."""
        self.samples.append(Sample(f"{self.name}{suffix}{labelled(labels)}", value))


def labelled(labels: Mapping[str, str]) -> str:
    """Labels as Prometheus writes them."""
    return f"{{{','.join(_pairs(labels.items()))}}}"


def exposition(families: Iterable[Family]) -> bytes:
    """The metrics as text."""
    return "".join(f"{line}\n" for family in families for line in _lines(family)).encode()


def _lines(family: Family) -> Iterator[str]:
    yield f"# HELP {family.name} {family.meaning}"
    yield f"# TYPE {family.name} {family.kind}"
    for series, value in family.samples:
        yield f"{series} {value}"


def _pairs(labels: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, value in labels:
        escaped = value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
        yield f'{name}="{escaped}"'
