"""Rejects calls of a tenant to a provider that has failed this tenant repeatedly."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Hashable, Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Self

from ranvier import layer_remedies, validation
from ranvier.errors.configuration import ConfigurationError
from ranvier.facts.circuit import CLOSED, ISOLATED
from ranvier.layers.breaker.adoption import adopt, adopt_shared
from ranvier.layers.breaker.circuit import Circuit
from ranvier.layers.breaker.models import names_of, providers_of, several_models
from ranvier.layers.breaker.registry import Circuits
from ranvier.layers.breaker.settings import ENFORCED, MODES, OBSERVED, CircuitSettings
from ranvier.layers.breaker.shared.permit import VotingPermit
from ranvier.layers.breaker.shared.registry import SharedCircuitRegistry
from ranvier.layers.breaker.shared.settings import SharedCircuits, checked
from ranvier.layers.breaker.windows import WindowedCircuit, Windows
from ranvier.pipeline.asking.users_function import ask_key, plain
from ranvier.pipeline.call import Call
from ranvier.pipeline.credentials import identity
from ranvier.pipeline.estimate import limits_at, takes_slot
from ranvier.pipeline.guard import Guard, Permit
from ranvier.pipeline.timing.limits import slot_wait

if TYPE_CHECKING:
    from ranvier.pipeline.runtime import Runtime

LEASE_MARGIN = 1.0
"""Seconds by which the lease of a probe exceeds the longest attempt."""

LEASE_WITHOUT_TIMEOUT = 121.0
"""The lease of a probe, in seconds, if no timeout limits an attempt."""

MAX_SHOWN = 12
"""Circuits that `print(pipeline)` lists."""


class Breaker(Guard):
    """Keep one circuit per tenant and provider: one tenant's failures never open another tenant's circuit.

    Args:
        failure_threshold: Consecutive failures that open a circuit; `None` if only the rates below do. A
            rejected key, a rate limit, an invalid request or a cancelled call is not a failure.
        success_threshold: Successful probes that close it again.
        cooldown: Seconds that it stays open, plus up to a fifth at random, before it admits a probe.
        max_cooldown: Each failed probe doubles the cooldown up to this; `None` keeps the cooldown constant.
        max_probes: Probes in flight at a time.
        probe_lease: Seconds after sending its request within which a probe must end; after that it counts
            as failed. `None` is one second more than the longest attempt that the stack allows. If the
            stack does not limit the whole attempt: for a stream, one second more than `first_token`; for
            `complete()` with `first_token` and `idle`, until it ends; else 121 seconds plus these two.
        max_circuits: The maximum number of circuits to keep.
        key: A function of a call that returns the key of its circuit, anything hashable; `None` is
            `(tenant, provider)`. It may add a model or a region; without the tenant, tenants share circuits.
        failure_rate: The share of failed calls within `window` that also opens a circuit; `None` is off.
        minimum: The minimum number of calls in a window before a rate counts.
        window: Seconds for which a call counts in a rate.
        slow_first_token: Seconds to the first content after which a call is slow, for streams and for
            `complete()` over a stream; `None` is off. A slow probe counts as failed.
        slow_rate: The share of slow calls within `window` that opens a circuit.
        overrides: The settings for single targets. One for `"provider/model"` gives that model
            circuits of its own, whose keys have `"provider/model"` instead of the provider.
        shared: `SharedCircuits(...)` adds circuits that all tenants share; `None` means none.
        mode: The mode of the tenants' own circuits: `enforced`; `observed` opens, closes and reports them,
            but rejects no call unless an operator isolates one; `off` keeps none.

    If the stack has several models of one provider, each model has separate circuits, with keys
    `(tenant, "provider/model")`.

    A rejected call raises `CircuitOpenError`, and falls back to the next target at once.

    Attributes:
        circuits: The registry: states, `reset`, `isolate`; `circuits.shared` are the shared circuits.
    """

    circuits: Circuits

    @layer_remedies.suggested
    def __init__(
        self,
        failure_threshold: int | None = 5,
        success_threshold: int = 2,
        cooldown: float = 30.0,
        max_cooldown: float | None = None,
        max_probes: int = 1,
        probe_lease: float | None = None,
        max_circuits: int = 100_000,
        key: Callable[[Call], Hashable] | None = None,
        *,
        failure_rate: float | None = None,
        minimum: int = 20,
        window: float = 30.0,
        slow_first_token: float | None = None,
        slow_rate: float = 0.5,
        overrides: Mapping[str, Self] | None = None,
        shared: SharedCircuits | None = None,
        mode: str = ENFORCED,
    ) -> None:
        windows = Windows(failure_rate, minimum, window, slow_first_token, slow_rate)
        if failure_threshold is not None:
            validation.count("Breaker(failure_threshold)", failure_threshold, least=1)
        elif not windows.used:
            raise ConfigurationError("Breaker(failure_threshold)=None: give failure_rate=... instead")
        self.rules = CircuitSettings(
            failure_threshold=failure_threshold,
            success_threshold=validation.count("Breaker(success_threshold)", success_threshold, least=1),
            cooldown=validation.seconds("Breaker(cooldown)", cooldown),
            max_cooldown=validation.seconds("Breaker(max_cooldown)", max_cooldown, optional=True),
            max_probes=validation.count("Breaker(max_probes)", max_probes, least=1),
            rng=random.random,
            windows=windows if windows.used else None,
            mode=validation.choice("Breaker(mode)", mode, MODES),
        )
        self.probe_lease = validation.seconds("Breaker(probe_lease)", probe_lease, optional=True)
        self.override_with(overrides)
        every = (self, *self.overrides.values())
        self.circuits = Circuits(
            self.rules,
            validation.count("Breaker(max_circuits)", max_circuits, least=1),
            lambda deployment: self.settings_for(deployment).rules,
            WindowedCircuit if any(each.rules.windows for each in every) else Circuit,
        )
        self._key = plain("Breaker(key)", key, "call")
        self._shared = SharedCircuitRegistry(shared) if shared is not None and checked(shared).used else None
        self.circuits.shared = self._shared
        self.names: dict[str, str] = {}  # the names of circuits by target; empty with a custom key
        self._plain = key is None and not overrides  # every key is (tenant, provider)
        if any(each._shared is not None or each._key is not None for each in self.overrides.values()):
            raise ConfigurationError("Breaker(overrides): give shared=... and key=... to the outer Breaker")

    def join(self, pipeline: Runtime) -> None:
        """Send events to the pipeline's listeners when operators change circuits; learn its targets."""
        self.circuits.listen(pipeline.events)
        if self._shared is not None:
            self._shared.join(pipeline)
        if self._key is None:
            self.circuits.models.update(several_models(pipeline))
            self.circuits.providers.update(providers_of(pipeline))
            self._plain = self._plain and not self.circuits.models
            self.names.update(names_of(pipeline, self.overrides, self.circuits.models))

    def take_over(self, before: Self) -> None:
        """Take over the circuits, and the calls that they have admitted."""
        if self._shared is not None and before._shared is not None:
            self._shared = adopt_shared(self._shared, before._shared)
        adopt(self, before)
        self.circuits.shared = self._shared

    def opened(self, pipeline: Runtime) -> None:
        """Move the circuits to the pipeline's event loop, if that is a new one."""
        self.circuits.opened(pipeline)
        if self._shared is not None:
            self._shared.start_on(pipeline)

    def admit(self, call: Call) -> Permit:
        """Return a permit for `call`, or raise `CircuitOpenError`."""
        if self._plain and call.access is None:
            key: Hashable = (call.tenant, call.deployment.provider.name)
            settings = self
        else:
            key, settings = self._key_of(call), self.settings_for(call.deployment)
        shared = self._shared
        if shared is None:
            return self.circuits.admit(call, key, settings)
        targets = shared.theirs if call.tenants_key else shared.ours
        target = targets.get(call.deployment.target) if call.access is None else shared.at(call)
        target = target or shared.at(call)
        if target is None:
            return self.circuits.admit(call, key, settings)
        if target.model.state is CLOSED and target.endpoint.state is CLOSED:
            return VotingPermit(self.circuits.admit(call, key, settings), shared, target, call)
        if self.circuits.rejects(call, key):
            return self.circuits.admit(call, key, settings)  # raises the error
        verdicts = shared.check(target, call, call.pipeline.clock())
        lease = settings.reservation(call)  # first: it asks layers and providers, which may raise
        own = self.circuits.admit(call, key, settings)
        return shared.admit(own, target, verdicts, call, lease)

    def may_probe(self, call: Call) -> bool:
        """True if the tenant's circuit, or a shared one, might admit `call` as a probe."""
        if self.circuits.probes_next(call, self._key_of(call)):
            return True
        return self._shared is not None and self._shared.probes_next(call)

    def admits_now(self, call: Call) -> bool:
        """True if the circuit of `call` is closed, or rejects nothing."""
        state = self.circuits.state(self._key_of(call))
        observed = self.settings_for(call.deployment).rules.mode == OBSERVED
        return state in (CLOSED, None) or (observed and state is not ISOLATED)

    def accepts(self, call: Call) -> bool:
        """True unless the tenant's circuit, or a shared one, rejects `call`; a probe counts as accepted."""
        if self.circuits.rejects(call, self._key_of(call)):
            return bool(self.settings_for(call.deployment).rules.mode == OBSERVED)
        shared = self._shared
        target = None if shared is None else shared.at(call)
        return shared is None or target is None or not shared.rejects(target, call)

    def _key_of(self, call: Call) -> Hashable:
        if self._key is not None:
            return ask_key("Breaker(key)", self._key, call)
        target, provider = call.deployment.target, call.deployment.provider.name
        own = target in self.overrides or provider in self.circuits.models
        return call.tenant, identity.target(call) if own else identity.server(call)

    def lease(self, call: Call) -> float:
        """The lease in seconds of `call` as a probe that is sent now; infinity means until it ends."""
        if self.probe_lease is not None:
            return self.probe_lease
        limits = call.limits
        longest = limits.seconds
        if longest is None:
            longest = call.pipeline.attempt_seconds(call.deployment)
        if longest is not None:
            return longest + LEASE_MARGIN
        first_token, idle = limits.first_token, limits.idle
        if call.streaming and first_token is not None:  # its first content makes the probe a success
            return first_token + LEASE_MARGIN
        if limits.over_stream and first_token is not None and idle is not None:
            return math.inf  # silence ends it; while content arrives, it may take any time
        return LEASE_WITHOUT_TIMEOUT + (first_token or 0.0) + (idle or 0.0)

    def reservation(self, call: Call) -> float:
        """The lease in seconds of `call` as a probe until it is sent, including a wait for a connection."""
        if self.probe_lease is not None and not takes_slot(call.deployment):
            return self.probe_lease
        limits = limits_at(call.pipeline.layers, call.deployment)
        return self.lease(call.within(limits)) + (slot_wait(limits) if takes_slot(call.deployment) else 0.0)

    def status(self, now: float) -> Iterable[str]:
        """The number of circuits, and the first `MAX_SHOWN` that are not closed."""
        yield repr(self.circuits)[1:-1]
        troubled = ((key, seen) for key, seen in self.circuits if seen.state is not CLOSED)
        for key, seen in islice(troubled, MAX_SHOWN):
            name = " ".join(map(str, key)) if isinstance(key, tuple) else str(key)
            wait = "" if seen.retry_after is None else f", a probe may pass in {seen.retry_after:.1f} s"
            yield f"  {name}: {seen.state}{wait}"
        if self._shared is not None:
            yield from self._shared.status(MAX_SHOWN)

    def __repr__(self) -> str:
        rules = self.rules
        return self._describe(
            failure_threshold=None if rules.failure_threshold == math.inf else rules.failure_threshold,
            success_threshold=rules.success_threshold,
            cooldown=rules.cooldown,
            **({} if rules.max_cooldown is None else {"max_cooldown": rules.max_cooldown}),
            **({} if self._shared is None else {"shared": self._shared.rules}),
            **({} if rules.windows is None else rules.windows.settings()),
        )
