"""Pipelines of every shape, and what can be expected of each."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from ranvier import ContentFilterError, Deployment, InvalidRequestError, Pipeline, Place, current_tenant
from ranvier.clock import current_deadline
from ranvier.events import CircuitChanged, Event
from ranvier.layers import (
    Balance,
    Breaker,
    Deadline,
    Fallback,
    Retry,
    SharedCircuits,
    Throttle,
    Timeout,
)
from ranvier.pipeline import Layer
from simulation.circuits import Circuits, Key, Rules
from simulation.layers import Again, BeforeBreaker, BehindBreaker, Bulkhead, Entry, Saboteur, Sleeper
from simulation.provider import SeededProvider
from simulation.settings import (
    MANY,
    Keys,
    draw_breaker_settings,
    draw_hedges,
    draw_pacing,
    draw_places,
    draw_retry,
    draw_shared,
    draw_timeout,
)
from simulation.spending import Spending
from simulation.story import STORY

if TYPE_CHECKING:
    from simulation.checker import Checker
    from simulation.exchange import Exchange


class Stack:
    """One pipeline, with the settings that the checker goes by.

    Attributes:
        breaker, throttle, bulkhead, pacing: Those layers, or `None`.
        places: Its `Bulkhead` and its `AdaptiveLimit`, if it has them.
        circuits: What the circuits of the breaker should do.
        heard: Changes of circuits that were told and not yet compared: tenant, before, after.
        closed_until: By target or provider and key: when a key that was refused may be used again.
        closing, cut_off: It refuses new calls; it has ended those that were in flight.
        needs_deadline: Nothing in it bounds a call, so that its callers have to.
        watched: Its route watches for the first content of whole answers too.
        balanced: How many of its targets, from the first on, are asked in any order.
        plain: It asks one target after the other, and its circuits are those of the tenants alone.
    """

    def __init__(
        self,
        providers: list[SeededProvider],
        rng: Random,
        checker: Checker,
        others: list[Callable[[Event], object]],
    ) -> None:
        self.providers = providers
        self.hedged: dict[str, tuple[float, float]] = {}
        self.retries: dict[str, list[float]] = {}
        self.firsts: dict[str, list[Exchange]] = {}
        self.blamed: dict[tuple[str, bool], dict[str, float]] = {}
        self.requests_sent = 0
        self.checker = checker
        self.rng = rng
        self.closed_until: dict[tuple[str, str | None], float] = {}
        self.heard: list[tuple[str, str, str]] = []
        self.sleeps_inside_throttle = False
        self.closing = self.cut_off = False
        targets = [Deployment(provider, model) for provider in providers for model in ("small", "large")]
        self.targets = rng.sample(targets, rng.randint(1, min(4, len(targets))))
        self.names = [target.target for target in self.targets]
        self.keys = Keys(rng)
        self.deadline = rng.choice([None, 2.0, 10.0, 20.0, 60.0])
        self.spending = Spending(Random(f"{self.names} {self.deadline}"))
        self.places = draw_places(rng)
        layers = [*self._call_layers(), *self._route_layers(), *self._retry_layers()]
        layers += [*self.places, *self._admit_layers()]
        self.pipeline = Pipeline(
            *layers,
            *self._attempt_layers(),
            credentials=self.keys.credentials,
            listeners=self._listeners(others),
        )
        if self.listening:
            self.pipeline.events.add(self._look_around, verbose=True)
            self.pipeline.events.add(self._look_around_later, verbose=True)
        self.needs_deadline = self.deadline is None and self.timeout is None
        self.plain = not self.hedges and self.reserve is None and self.shared is None
        watching = (self.throttle, self.pacing, *self.places)
        self.watched = not self.plain or any(layer is not None for layer in watching)
        self.asks_last_target = self.shared is not None
        self._limits: dict[tuple[str, bool], tuple[float | None, float | None, float | None]] = {}

    # --- layers ----------------------------------------------------------------------------------

    def _users(self, place: Place) -> list[Layer]:
        kinds = [Sleeper, Saboteur] if self.rng.random() < 0.3 else []
        return [kind(place, self.rng) for kind in kinds if self.rng.random() < 0.5]

    def _call_layers(self) -> list[Layer]:
        deadline = [] if self.deadline is None else [Deadline(self.deadline)]
        limit: list[Layer] = [] if self.spending.layer is None else [self.spending.layer]
        return [Entry(Place.CALL, self, self.checker), *deadline, *limit, *self._users(Place.CALL)]

    def _route_layers(self) -> list[Layer]:
        rng = self.rng
        self.goes_on_after = {
            InvalidRequestError: rng.random() < 0.2,
            ContentFilterError: rng.random() < 0.2,
        }
        self.chains = {name: self.names[place:] for place, name in enumerate(self.names)}
        chains = None
        if len(self.names) > 2 and rng.random() < 0.3:
            self.chains[self.names[0]] = [self.names[0], self.names[2], self.names[1]]
            chains = {self.names[0]: self.chains[self.names[0]][1:]}
        self.hedge_after, self.reserve = draw_hedges(rng)
        self.hedges = self.hedge_after is not None
        self.balanced = self._balanced() if chains is None else 0
        for name in self.names[: self.balanced]:
            self.chains[name] = [name, *(each for each in self.names if each != name)]
        self.route = Fallback(
            *self._balance(),
            *self.targets[self.balanced :],
            chains=chains,
            on_invalid_request=self.goes_on_after[InvalidRequestError],
            on_content_filter=self.goes_on_after[ContentFilterError],
            hedge_after=self.hedge_after,
            reserve=self.reserve,
        )
        return [self.route]

    def _balanced(self) -> int:
        """How many of the targets, from the first on, are balanced: none in most stacks."""
        rng = Random(" ".join(self.names))  # of its own: every other draw stays as it was
        return rng.randint(2, len(self.names)) if len(self.names) > 1 and rng.random() < 0.4 else 0

    def _balance(self) -> list[Balance]:
        if not self.balanced:
            return []
        rng = Random(" ".join(reversed(self.names)))
        sticky = (lambda call: call.tenant) if rng.random() < 0.5 else None
        by: Any = rng.choice(["load", "load", "least_busy", "latency"])
        weights = [rng.choice([0.5, 1.0, 3.0]) for _ in range(self.balanced)]
        return [Balance(*self.targets[: self.balanced], by=by, weights=weights, sticky=sticky)]

    def _retry_layers(self) -> list[Layer]:
        rng = self.rng
        self.again = rng.random() < 0.15
        self.retry: Retry | None = None
        if rng.random() < 0.9:
            override = {rng.choice(self.names): draw_retry(rng)} if rng.random() < 0.3 else None
            self.retry = draw_retry(rng, override)
        self.budget = None if self.retry is None else self.retry.budget
        again = [Again()] if self.again else []
        retry = [] if self.retry is None else [self.retry]
        return [*again, *retry, *self._users(Place.RETRY)]

    def _admit_layers(self) -> list[Layer]:
        rng = self.rng
        self.breaker: Breaker | None = None
        self.shared: SharedCircuits | None = None
        breaker: list[Layer] = []
        if rng.random() < 0.9:
            before, behind = (
                kind(Place.ADMIT, self, self.checker) for kind in (BeforeBreaker, BehindBreaker)
            )
            breaker = [before, self._breaker(), behind, *self._users(Place.ADMIT)]
        self.bulkhead = Bulkhead(rng.choice([3, 20, 200]), self.checker) if rng.random() < 0.25 else None
        bulkhead: list[Layer] = [] if self.bulkhead is None else [self.bulkhead]
        inner = [*bulkhead, *breaker] if rng.random() < 0.5 else [*breaker, *bulkhead]
        self.throttle = self._throttle() if rng.random() < 0.5 else None
        self.pacing = draw_pacing(Random(repr(self.names)))
        outer = [] if self.pacing is None else [self.pacing]
        if self.throttle is None:
            return [*outer, *inner]
        self.sleeps_inside_throttle = any(isinstance(layer, Sleeper) for layer in inner)
        return [*outer, self.throttle, *inner] if rng.random() < 0.85 else [*outer, *inner, self.throttle]

    def _breaker(self) -> Breaker:
        rng = self.rng
        self.chance = rng.choice([0.0, 0.5, rng.random()])
        self.most_circuits = rng.choice([1, 5, 40, MANY, MANY])
        own = rng.random()
        self.circuit_of_target = 0.3 < own < 0.5
        self.breaker_override = rng.choice(self.names) if own < 0.3 else None
        settings = draw_breaker_settings(rng)
        overrides = None
        self._rules_by_target: dict[str, tuple[Breaker, dict[str, Any]]] = {}
        if self.breaker_override is not None:
            other = draw_breaker_settings(rng)
            override = Breaker(**other)
            overrides = {self.breaker_override: override}
            self._rules_by_target[self.breaker_override] = override, other
        key = _circuit_of_target if self.circuit_of_target else None
        shared = draw_shared(rng)
        self.shared = None if shared is None or shared.mode == "off" else shared
        self.breaker = Breaker(
            **settings, max_circuits=self.most_circuits, key=key, overrides=overrides, shared=shared
        )
        self.breaker_settings = settings
        for breaker in (self.breaker, *(overrides or {}).values()):
            breaker.rules.rng = lambda: self.chance
        self.circuits = Circuits(self.most_circuits)
        return self.breaker

    def _throttle(self) -> Throttle:
        rng = self.rng
        self.most_gates = rng.choice([2, MANY, MANY])
        self.auth_cooldown, self.quota_cooldown = rng.choice([0.0, 5.0, 60.0]), rng.choice([0.0, 10.0])
        self.max_closed = rng.choice([1.0, 300.0])
        settings = {
            "auth_cooldown": self.auth_cooldown,
            "quota_cooldown": self.quota_cooldown,
            "max_closed": self.max_closed,
        }
        self.throttle_override = rng.choice(self.names) if rng.random() < 0.3 else None
        overrides = None if self.throttle_override is None else {self.throttle_override: Throttle(**settings)}  # type: ignore[arg-type]
        max_wait = rng.choice([0.0, 1.0, 10.0])
        return Throttle(max_wait, max_gates=self.most_gates, overrides=overrides, **settings)

    def _attempt_layers(self) -> list[Layer]:
        rng = self.rng
        self.timeout: Timeout | None = None
        if rng.random() < 0.9:
            override = {rng.choice(self.names): draw_timeout(rng)} if rng.random() < 0.3 else None
            self.timeout = draw_timeout(rng, override)
        timeout = [] if self.timeout is None else [self.timeout]
        users = [layer for layer in self._users(Place.ATTEMPT) if not isinstance(layer, Sleeper)]
        return [*timeout, *users]

    # --- listeners -------------------------------------------------------------------------------

    def _listeners(self, others: list[Callable[[Event], object]]) -> list[Callable[[Event], object]]:
        self.listening = self.rng.random() < 0.7
        return [*others, self._listen] if self.listening else []

    def _listen(self, event: Event) -> None:
        if type(event) is CircuitChanged:
            if self.plain:
                self.heard.append((event.tenant, str(event.before), str(event.after)))
        else:
            self.checker.hears(self, event)

    def _look_around(self, event: Event) -> None:
        """Whoever happens to tell of it, it is told in the context of the call that it is about."""
        story = STORY.get(None)  # nobody's where an operator has done something
        told = current_tenant(), event.tenant if story is None else story.tenant, current_deadline()
        if told != (event.tenant, event.tenant, None):
            self.checker.fail(12, f"{event} is told in the context of {told}", story)

    async def _look_around_later(self, event: Event) -> None:
        self._look_around(event)

    # --- what can be expected --------------------------------------------------------------------

    def limits_of(self, target: str, streamed: bool) -> tuple[float | None, float | None, float | None]:
        """The limits of one request: all of it, the first content, silence after that."""
        limits = self._limits.get((target, streamed))
        if limits is None:
            timeout = None if self.timeout is None else self.timeout.overrides.get(target, self.timeout)
            limits = (None, None, None)
            if timeout is not None:
                said = timeout.limits
                limits = (
                    (said.seconds, said.first_token, said.idle) if streamed else (said.seconds, None, None)
                )
            self._limits[target, streamed] = limits
        return limits

    def attempts_allowed(self, target: str) -> int:
        """The most requests that one call may cause at that target."""
        once = 1 if self.retry is None else 1 + self.retry.overrides.get(target, self.retry).max_retries
        return 2 * once if self.again else once

    def retries_timeouts(self, target: str) -> bool:
        """Whether a target that was too slow may be asked again."""
        return self.retry is not None and self.retry.overrides.get(target, self.retry).on_timeout

    def circuit_key(self, tenant: str, target: str) -> Key:
        """Whose circuit a call goes through."""
        if self.circuit_of_target:
            return tenant, target.partition("/")[0], target
        provider = target.partition("/")[0]
        several = sum(name.partition("/")[0] == provider for name in self.names) > 1
        return tenant, target if several or target == self.breaker_override else provider

    def rules_of(self, target: str) -> Rules:
        """By which rules a circuit of that target is made."""
        settings = dict(
            self._rules_by_target[target][1] if target in self._rules_by_target else self.breaker_settings
        )
        lease = settings.pop("probe_lease")
        if lease is None:
            seconds = self.limits_of(target, True)[0]
            lease = 121.0 if seconds is None else seconds + 1.0
        return Rules(**settings, lease=lease, chance=self.chance, slot=self._slot_wait(target))

    def _slot_wait(self, target: str) -> float:
        """How long a request may wait for a connection."""
        connect = None
        if self.timeout is not None:
            connect = self.timeout.overrides.get(target, self.timeout).limits.connect
        return 10.0 if connect is None else connect

    def gate_closes_for(self, kind: str, asked: float) -> float | None:
        """How long the gate is closed after an error of that kind; `None` where it closes none."""
        if kind in ("rate_limit", "overloaded"):
            return min(asked, self.max_closed)
        if kind == "auth":
            return max(self.auth_cooldown, min(asked, self.max_closed)) if self.auth_cooldown else 0.0
        if kind == "quota_exhausted":
            return max(self.quota_cooldown, min(asked, 3600.0)) if self.quota_cooldown else 0.0
        return None

    @property
    def longest_closed(self) -> float:
        """Seconds that a gate may be closed at most, whatever a provider says."""
        return max(
            self.auth_cooldown, self.quota_cooldown, self.max_closed, 3600.0 if self.quota_cooldown else 0.0
        )

    def gate_keys(self, target: str, key: str | None) -> tuple[tuple[str, str | None], ...]:
        """Which gates of the throttle a request passes: that of the whole key, and that of its model."""
        return (target.partition("/")[0], key), (target, key)


def _circuit_of_target(call: Any) -> tuple[str, str, str]:
    return call.tenant, call.deployment.provider.name, call.deployment.target
