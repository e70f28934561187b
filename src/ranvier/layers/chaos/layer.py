"""Injects faults into real traffic, by rate and predicate."""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, ClassVar, Self

from ranvier import layer_remedies, validation
from ranvier.errors.configuration import ConfigurationError
from ranvier.events import FaultInjected
from ranvier.layers.chaos.faults import NAMES, Fault
from ranvier.layers.chaos.provider import FaultyProvider
from ranvier.pipeline.asking.users_function import ask, plain
from ranvier.pipeline.call import Call
from ranvier.pipeline.layer import Handler, Layer, R
from ranvier.pipeline.place import Place

if TYPE_CHECKING:
    from ranvier.pipeline.runtime import Runtime

logger = logging.getLogger("ranvier.chaos")

SWITCH = "RANVIER_CHAOS"
"""The environment variable that switches the layer off."""

OFF = ("off", "0", "false", "no")

REMINDER_SECONDS = 60.0
"""Seconds between two log messages that faults are being injected, while there are calls."""


class Chaos(Layer):
    """Inject faults into a share of the real attempts, to test how the stack and its users cope.

    Args:
        faults: One or several of `auth`, `cut`, `invalid_response`, `network`, `overloaded`,
            `quota_exhausted`, `rate_limit`, `reset`, `server_error`, `silence`, `slow` and `stall`; each
            time, one of them is drawn at random.
        rate: The share of the attempts that get a fault, above 0 and up to 1.
        when: A plain function of the call: only attempts for which it returns true may get a fault. If it
            raises, that is logged once, and no fault is injected.
        seconds: The delay of a `slow` answer, and the `retry_after` of a `rate_limit`.
        after: The number of events with content before an answer is `cut`, `reset` or `silence`d.
        counted: Count injected faults in the tenants' circuits. Other shared state never counts them: no
            shared circuit, gate, adaptive limit, balance or limit of a key.
        seed: The seed of the random draws, to repeat them.

    It has to be the innermost layer; only other `Chaos` layers may be inside it. The environment variable
    `RANVIER_CHAOS=off` switches it off, and so does setting `on` to false.

    Attributes:
        on: True if faults are injected.
        injected: The number of injected faults.
    """

    place: ClassVar[Place] = Place.ATTEMPT
    innermost: ClassVar[bool] = True

    @layer_remedies.suggested
    def __init__(
        self,
        *faults: str,
        rate: float = 0.01,
        when: Callable[[Call], object] | None = None,
        seconds: float = 5.0,
        after: int = 3,
        counted: bool = False,
        seed: int | None = None,
    ) -> None:
        if not faults:
            raise ConfigurationError(f"Chaos(): name at least one fault of {', '.join(NAMES)}")
        names = [validation.choice("Chaos(fault)", fault, NAMES) for fault in faults]
        seconds = validation.seconds("Chaos(seconds)", seconds)
        after = validation.count("Chaos(after)", after, least=0)
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
            raise ConfigurationError(f"Chaos(seed)={seed!r:.60}: give a whole number, or None")
        self.faults = tuple(Fault(name, seconds, after) for name in names)
        self.rate = validation.share("Chaos(rate)", rate)
        self.when = plain("Chaos(when)", when, "call")
        self.counted = validation.flag("Chaos(counted)", counted)
        self.on = os.environ.get(SWITCH, "").strip().lower() not in OFF
        self.injected = 0
        self._attempts = 0
        self._random = random.Random(None if seed is None else validation.whole("Chaos(seed)", seed))
        self._reminds_at = float("-inf")

    def join(self, pipeline: Runtime) -> None:
        """Announce that faults may be injected, so that guards notify their permits."""
        pipeline.injects_faults = True

    def take_over(self, before: Self) -> None:
        """Take over the count, and `on` if it was set to false."""
        self.on = self.on and before.on
        self.injected, self._attempts = before.injected, before._attempts

    def opened(self, pipeline: Runtime) -> None:
        """Log that faults will be injected."""
        if self.on:
            logger.warning("%s; %s=off switches it off", self._words(), SWITCH)
            self._reminds_at = pipeline.clock() + REMINDER_SECONDS

    def handle(self, call: Call, inner: Handler[R]) -> Awaitable[R]:
        """Pass on the call, or the same call with a fault."""
        if not self.on or call.deployment.fault is not None:
            return inner(call)
        self._attempts += 1
        self._remind(call.pipeline.clock())
        if self._random.random() >= self.rate or not self._concerns(call):
            return inner(call)
        return inner(self._with_fault(call, self._random.choice(self.faults)))

    def _concerns(self, call: Call) -> bool:
        if self.when is None:
            return True
        try:
            return bool(ask("Chaos(when)", self.when, call))
        except Exception:
            call.pipeline.complaints.log(
                "chaos", repr(self.when), "Chaos(when) raised, so that no fault is injected", trace=True
            )
            return False

    def _with_fault(self, call: Call, fault: Fault) -> Call:
        self.injected += 1
        for permit in call.permits:
            permit.injected(counted=self.counted)
        if call.pipeline.events.hears(FaultInjected):
            call.pipeline.events.emit(FaultInjected(**call.where(), kind=fault.name), call.record)
        target = call.deployment
        faulty = FaultyProvider(target, fault)
        return call.at(target.with_fault(faulty, fault.name, is_asked=fault.asks))

    def _remind(self, now: float) -> None:
        if now >= self._reminds_at:
            self._reminds_at = now + REMINDER_SECONDS
            logger.warning("%s: %s", self._words(), self._so_far())

    def _words(self) -> str:
        names = ", ".join(fault.name for fault in self.faults)
        return f"Chaos is on: {names} in {self.rate:.3g} of the attempts"

    def _so_far(self) -> str:
        return f"{self.injected} faults injected into {self._attempts} attempts so far"

    def status(self, now: float) -> Iterable[str]:
        """Its state, and the number of injected faults."""
        yield f"ON: {self._so_far()}" if self.on else f"off: {self._so_far()}"

    def __repr__(self) -> str:
        first = self.faults[0]
        when = {} if self.when is None else {"when": getattr(self.when, "__name__", "...")}
        described = self._describe(
            rate=self.rate,
            **when,
            **({"seconds": first.seconds} if first.seconds != 5.0 else {}),
            **({"counted": True} if self.counted else {}),
        )
        names = ", ".join(repr(fault.name) for fault in self.faults)
        return described.replace("(", f"({names}, ", 1)
