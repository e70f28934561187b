"""What goes wrong in one run of a scenario: drawn from a seed, or as a schedule says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from ranvier.errors.configuration import ConfigurationError
from ranvier.errors.provider import (
    AuthenticationError,
    InvalidResponseError,
    OverloadedError,
    ProviderError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
)
from ranvier.messages.response import Response
from ranvier.testing.scripted import Reply, ScriptedProvider, after, broken, cut, stall, stream

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

Answer = str | Response
Made = Callable[[Answer, float], Reply]
"""From the answer that would have come, and the size of the fault, to the reply that comes."""


def _refused(error: type[ProviderError], **facts: Any) -> Made:
    return lambda answer, size: error("drawn from a seed", provider="", **facts)


def _limited(answer: Answer, size: float) -> Reply:
    return RateLimitError("drawn from a seed", provider="", status=429, retry_after=size)


def _half(answer: Answer) -> str:
    text = answer if isinstance(answer, str) else answer.text
    return text[: (len(text) + 1) // 2]


KINDS: dict[str, tuple[float, Made]] = {
    "rate_limit": (20.0, _limited),
    "overloaded": (0.0, _refused(OverloadedError, status=503)),
    "server_error": (0.0, _refused(ServerError, status=500)),
    "network": (0.0, lambda answer, size: broken()),
    "invalid_response": (0.0, _refused(InvalidResponseError)),
    "auth": (0.0, _refused(AuthenticationError, status=401)),
    "quota_exhausted": (0.0, _refused(QuotaExceededError, status=402)),
    "slow": (60.0, lambda answer, size: after(size, answer)),
    "stall": (0.0, lambda answer, size: stall()),
    "cut": (0.0, lambda answer, size: stream(_half(answer), cut())),
    "reset": (0.0, lambda answer, size: stream(_half(answer), broken())),
    "silence": (0.0, lambda answer, size: stream(_half(answer), stall())),
}
"""The faults of a provider by name: the most seconds that one may have, and the reply that it makes.

`cut`, `reset` and `silence` come in the middle of an answer.
"""

OWN = "after"
"""The kind of a scenario's own faults."""

RATES = (0.0, 0.1, 0.3, 0.3, 0.6, 1.0)
"""How often a provider fails, drawn once for each run: from never to always."""

_NAME = re.compile(r"[^\s=#:]+")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong: `anthropic#2=rate_limit:5` is the second request there, for 5 s."""

    place: str
    kind: str
    size: float

    def __str__(self) -> str:
        return f"{self.place}={self.kind}:{self.size:.12g}"

    @classmethod
    def parse(cls, written: str) -> Fault:
        """The inverse.

        Raises:
            ConfigurationError: it is not written so.
        """
        found = re.fullmatch(r"([^\s=#:]+#\d+)=(\w+):([\d.e+-]+)", written)
        if found is None or (found[2] not in KINDS and found[2] != OWN):
            raise ConfigurationError(f"fault {written!r:.80}: write it like 'anthropic#2=rate_limit:5'")
        return cls(found[1], found[2], float(found[3]))


class Faults:
    """Given to a scenario by `explore`: makes its providers fail, and says when else something goes wrong.

    Each place (the second request to "anthropic", the first `perhaps("cancel")`) has its own random numbers,
    so leaving one fault out changes no other.
    """

    def __init__(self, seed: int, schedule: Mapping[str, Fault] | None = None) -> None:
        self.seed = seed
        self.random = Random(f"{seed}")
        self.happened: list[Fault] = []
        self._schedule = schedule
        self._visits: Counter[str] = Counter()

    def provider(
        self,
        name: str,
        answer: Answer | Callable[[Call], Answer] | None = None,
        *,
        kinds: Iterable[str] = KINDS,
        rate: float | None = None,
        pace: float = 1.0,
        **settings: Any,
    ) -> ScriptedProvider:
        """A provider that answers, late or never, or fails.

        Args:
            name: Of the provider.
            answer: What it says when all goes well, or a function of the call.
            kinds: What may go wrong: names of `KINDS`; each run has some of them.
            rate: How often; `None` is drawn for each run, from never to always.
            pace: The most seconds that a good answer takes.
            settings: Further ones of `ScriptedProvider`.
        """
        known = list(kinds)
        if not set(known) <= set(KINDS):
            raise ConfigurationError(f"kinds={known!r:.200}: choose from {', '.join(KINDS)}")
        self._check_schedule(name)
        rng = self._rng(_checked(name))
        often = rng.choice(RATES) if rate is None else rate
        some = sorted(rng.sample(known, rng.randint(1, len(known)))) if known else []

        def reply(call: Call) -> Reply:
            good = answer(call) if callable(answer) else f"{name} answers" if answer is None else answer
            place = self._arrive(name)
            fault = self._drawn(place, some, often)
            if fault is None:
                return _late(good, pace, self._rng(place, "pace"))
            return KINDS[fault.kind][1](good, fault.size)

        return ScriptedProvider(name, reply, **settings)

    def perhaps(self, what: str, most: float = 0.0, rate: float = 0.2) -> float | None:
        """After how many seconds, `most` at most, a fault of your own happens; `None` where it does not.

            if (seconds := faults.perhaps("cancel", most=5)) is not None:
                loop.call_later(seconds, task.cancel)

        What it is called has to be told apart from the providers.
        """
        fault = self._drawn(self._arrive(_checked(what)), [OWN], rate, most)
        return None if fault is None else fault.size

    def _rng(self, *what: str) -> Random:
        return Random("/".join((str(self.seed), *what)))

    def _check_schedule(self, name: str) -> None:
        for fault in (self._schedule or {}).values():
            if fault.place.startswith(f"{name}#") and fault.kind not in KINDS:
                raise ConfigurationError(f"fault {fault}: {name} is a provider, and has no such fault")

    def _arrive(self, name: str) -> str:
        self._visits[name] += 1
        return f"{name}#{self._visits[name]}"

    def _drawn(self, place: str, kinds: list[str], rate: float, most: float = 0.0) -> Fault | None:
        if self._schedule is not None:
            fault = self._schedule.get(place)
        else:
            fault = self._draw(self._rng(place), place, kinds, rate, most)
        if fault is not None:
            self.happened.append(fault)
        return fault

    def _draw(self, rng: Random, place: str, kinds: list[str], rate: float, most: float) -> Fault | None:
        if not kinds or rng.random() >= rate:
            return None
        kind = rng.choice(kinds)
        return Fault(place, kind, round(rng.random() * (most if kind == OWN else KINDS[kind][0]), 2))


def _late(answer: Answer, pace: float, rng: Random) -> Reply:
    if isinstance(answer, Response):
        return after(rng.random() * pace, answer)
    half = _half(answer)
    first, rest = rng.random() * pace / 2, rng.random() * pace / 2
    return after(first, stream(half, after(rest, answer[len(half) :])))


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"{name!r:.80} cannot name a fault: leave out spaces and '=#:'")
    return name
