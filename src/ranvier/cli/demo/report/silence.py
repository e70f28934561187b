"""The section of the second act: the effect of the silent provider on callers, and the shared circuit."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from ranvier.cli.demo.act import PROVIDERS
from ranvier.cli.demo.report.calls import calls
from ranvier.cli.demo.report.drawing import AXIS, LEFT, Time, box, picture, tag, text
from ranvier.cli.demo.report.figures import MARKS, detail, figure, tiles
from ranvier.cli.demo.report.film import Film
from ranvier.cli.demo.report.strips import health
from ranvier.cli.demo.silent_provider import FASTER, Impact, SilentProvider, in_seconds
from ranvier.cli.demo.tally import Verdict

STRIP, GAP = 26.0, 14.0
"""Heights: of a strip in the picture of the shared circuit, and of the gap below it."""


def section(film: Film, act: SilentProvider, verdict: Verdict, impact: Impact) -> str:
    """The whole section."""
    time = Time(max(act.seconds, film.seconds, 0.1))
    figures = (
        figure(
            "The providers",
            "Requests: answered ones point up; silent, dropped and failed ones point down.",
            health(film, act, time),
        ),
        figure(
            f"The shared circuit of {PROVIDERS[0]}, and the hedges",
            "One circuit for all tenants; it opens when enough of them get no answer.",
            _shared(film, act, time),
            (("closed", "closed"), ("open", "open"), ("half_open", "half-open"), ("hedge", "a hedge")),
        ),
        figure("The calls", "How long each caller waited, by the time it ended.", calls(film, time), MARKS),
        detail(film),
    )
    head = tag("h1", f"{act.tenants} tenants and a silent provider", class_="second")
    return tag(
        "section", head + _summary(act, verdict, impact) + _tiles(verdict, impact) + "\n".join(figures)
    )


def _summary(act: SilentProvider, verdict: Verdict, impact: Impact) -> str:
    started_at, ended = act.outage
    served = "All calls were answered" if not verdict.failed else f"{verdict.failed} calls failed"
    counts = (
        f"callers saw {impact.attempts} attempts, the pipeline counted {impact.counted}, "
        f"and the providers received {impact.received} requests"
    )
    agree = "" if not verdict.differences else f", and they do not agree: {verdict.differences[0]}"
    what = (
        f"From second {started_at:g} to second {ended:g} {PROVIDERS[0]} accepted requests and sent nothing. "
        f"The layers are those of resilient(), with all time limits divided by {FASTER}."
    )
    result = tag("strong", escape(f"{served}; {counts}{agree}."))
    return tag("p", f"{result} {escape(what)}", class_="verdict" if verdict.good else "verdict bad")


def _tiles(verdict: Verdict, impact: Impact) -> str:
    return tiles(
        ("calls", verdict.calls, "in all"),
        ("rescued", verdict.rescued, "answered although the first request was not"),
        ("p50", in_seconds(impact.p50), "callers waited"),
        ("p95", in_seconds(impact.p95), "callers waited"),
        ("p99", in_seconds(impact.p99), "callers waited"),
        ("longest", in_seconds(impact.longest), "callers waited"),
        ("sent there", impact.sent, "requests that the silent provider received"),
        ("hedges", impact.hedges, "another target asked as well"),
        ("opened", in_seconds(impact.opened_after), "the shared circuit, after the start of the silence"),
        ("closed", in_seconds(impact.closed_after), "the shared circuit, after the end of the silence"),
        ("recovered", in_seconds(impact.recovered_after), f"{PROVIDERS[0]} answered, after the silence"),
    )


def _shared(film: Film, act: SilentProvider, time: Time) -> str:
    """When the provider was silent, the state of the shared circuit, and a mark for each hedge."""
    bottom = 8 + 3 * (STRIP + GAP) - GAP
    names = ("silence", "shared circuit", "hedges")
    labels = [text(name, 0, _top(row) + STRIP / 2 + 4, "ink") for row, name in enumerate(names)]
    silence = box(time.x(act.outage[0]), _top(0), _width(time, *act.outage), STRIP, "outage")
    closed = box(LEFT, _top(1), time.x(time.seconds) - LEFT, STRIP, "closed")
    marks = [box(time.x(at) - 1, _top(2), 2, STRIP, "hedge") for at in film.hedges]
    description = f"the shared circuit of {PROVIDERS[0]} and the hedges, over time"
    drawn = (time.grid(8, bottom), labels, [silence, closed], _spans(film, time), marks)
    return picture(bottom + AXIS, description, *drawn)


def _spans(film: Film, time: Time) -> Iterator[str]:
    for span in film.shared_spans(PROVIDERS[0]):
        width = max(_width(time, span.started_at, span.ended), 2.0)
        yield box(time.x(span.started_at), _top(1), width, STRIP, span.state)


def _top(row: int) -> float:
    return 8 + row * (STRIP + GAP)


def _width(time: Time, started_at: float, ended: float) -> float:
    return time.x(ended) - time.x(started_at)
