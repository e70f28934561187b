"""The faults of one run of a scenario: drawn from a seed, or taken from a schedule."""

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
MakeReply = Callable[[Answer, float], Reply]
"""Turns the good answer and the size of the fault into the faulty reply."""


def _failing(error: type[ProviderError], **facts: Any) -> MakeReply:
    return lambda answer, size: error("drawn from a seed", provider="", **facts)


def _limited(answer: Answer, size: float) -> Reply:
    return RateLimitError("drawn from a seed", provider="", status=429, retry_after=size)


def _half(answer: Answer) -> str:
    text = answer if isinstance(answer, str) else answer.text
    return text[: (len(text) + 1) // 2]


KINDS: dict[str, tuple[float, MakeReply]] = {
    "rate_limit": (20.0, _limited),
    "overloaded": (0.0, _failing(OverloadedError, status=503)),
    "server_error": (0.0, _failing(ServerError, status=500)),
    "network": (0.0, lambda answer, size: broken()),
    "invalid_response": (0.0, _failing(InvalidResponseError)),
    "auth": (0.0, _failing(AuthenticationError, status=401)),
    "quota_exhausted": (0.0, _failing(QuotaExceededError, status=402)),
    "slow": (60.0, lambda answer, size: after(size, answer)),
    "stall": (0.0, lambda answer, size: stall()),
    "cut": (0.0, lambda answer, size: stream(_half(answer), cut())),
    "reset": (0.0, lambda answer, size: stream(_half(answer), broken())),
    "silence": (0.0, lambda answer, size: stream(_half(answer), stall())),
}
"""Provider faults by name: their maximum size in seconds, and the reply they produce.

`cut`, `reset` and `silence` happen in the middle of an answer.
"""

OWN = "after"
"""The kind of the faults that a scenario defines itself."""

RATES = (0.0, 0.1, 0.3, 0.3, 0.6, 1.0)
"""The failure rates of a provider, from never to always; one is drawn per run."""

_NAME = re.compile(r"[^\s=#:]+")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: `anthropic#2=rate_limit:5` rate limits the second request to anthropic for 5 s."""

    place: str
    kind: str
    size: float

    def __str__(self) -> str:
        return f"{self.place}={self.kind}:{self.size:.12g}"

    @classmethod
    def parse(cls, written: str) -> Fault:
        """Parse the form that `str()` gives.

        Raises:
            ConfigurationError: `written` does not have that form.
        """
        found = re.fullmatch(r"([^\s=#:]+#\d+)=(\w+):(\d+(?:\.\d+)?(?:e[+-]\d+)?)", written)
        if found is None or (found[2] not in KINDS and found[2] != OWN):
            raise ConfigurationError(f"fault {written!r:.80}: write it like 'anthropic#2=rate_limit:5'")
        return cls(found[1], found[2], float(found[3]))


class Faults:
    """Passed to a scenario by `explore`: its providers fail, and `perhaps` adds the scenario's own faults.

    Each place (the second request to "anthropic", the first `perhaps("cancel")`) has its own random numbers,
    so omitting one fault changes no other.
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
            name: The provider's name.
            answer: The good answer, or a function of the call that returns it.
            kinds: The faults that may happen, names of `KINDS`; each run uses some of them.
            rate: The failure rate from 0 to 1; `None` draws one for each run.
            pace: The maximum duration of a good answer, in seconds.
            settings: Further arguments of `ScriptedProvider`.
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
        """Draw a fault of your own: the seconds until it happens, at most `most`, or `None` for no fault.

            if (seconds := faults.perhaps("cancel", most=5)) is not None:
                loop.call_later(seconds, task.cancel)

        `what` must differ from the names of the providers.
        """
        fault = self._drawn(self._arrive(_checked(what)), [OWN], rate, most)
        return None if fault is None else fault.size

    def _rng(self, *what: str) -> Random:
        return Random("/".join((str(self.seed), *what)))

    def _check_schedule(self, name: str) -> None:
        for fault in (self._schedule or {}).values():
            if fault.place.startswith(f"{name}#") and fault.kind not in KINDS:
                raise ConfigurationError(f"fault {fault}: unknown kind of fault for the provider {name}")

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
        raise ConfigurationError(f"{name!r:.80} cannot name a fault: remove spaces and '=#:'")
    return name
