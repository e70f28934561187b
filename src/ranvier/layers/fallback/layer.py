"""Chooses the target of each attempt, and the next one when a target fails."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Self

from ranvier import layer_remedies, validation
from ranvier.errors.configuration import ConfigurationError
from ranvier.errors.provider import ContentFilterError, ContextLengthError, InvalidRequestError
from ranvier.errors.root import RanvierError
from ranvier.layers.fallback.balance.balancer import Balancer
from ranvier.layers.fallback.balance.chains import Chain, Chains, counted
from ranvier.layers.fallback.balance.sending import Counted
from ranvier.layers.fallback.balance.settings import Balance
from ranvier.layers.fallback.contestant import Contestant
from ranvier.layers.fallback.hedge_rule import HedgeAfter, HedgeBudget, HedgeRule
from ranvier.layers.fallback.keys import send
from ranvier.layers.fallback.pace import Pace, go_on
from ranvier.layers.fallback.race import Race
from ranvier.layers.fallback.resume import left_after_break, resume
from ranvier.layers.fallback.status import status_lines
from ranvier.layers.fallback.targets import Target, UnlistedTarget, checked_chains
from ranvier.layers.fallback.verdict import out_of_time
from ranvier.messages.message import ToolResult
from ranvier.pipeline.asking.capable import is_plain, may_lack
from ranvier.pipeline.call import Call
from ranvier.pipeline.deployment import Deployment
from ranvier.pipeline.estimate import limits_at
from ranvier.pipeline.layer import Handler, Layer, R
from ranvier.pipeline.place import Place
from ranvier.pipeline.running.loops import Loops
from ranvier.pipeline.timing.limits import UNLIMITED, Limits
from ranvier.pipeline.waiting.later import judges_of

if TYPE_CHECKING:
    from ranvier.pipeline.runtime import Runtime


class Fallback(Layer):
    """Send a call to the targets in order until one answers.

    Args:
        targets: The targets, best first. One is enough. A `Balance` spreads calls over several.
        chains: The chain to use for a single primary: `{"anthropic": ["openrouter", "ollama"]}`.
        on_invalid_request: Also fall back when the target reports an invalid request.
        on_content_filter: Also fall back when a content filter rejects the request.
        on_empty: Also fall back after a response that ended well but is empty (`Response.empty`), unless the
            last message is a tool result, after which an empty response can be right.
        hedge_after: Ask the next target as well after this time without content: in seconds, or as "p95" or
            "p99" of the target's recent times to the first content. `None` switches hedges off. While these
            times are not known (fewer than 20 calls), it is a third of `first_token`, 12 s at most.
        hedge_min: The shortest delay of a hedge after a learned "p95" or "p99", in seconds. A call that is a
            probe is hedged after this time too, or after 2 seconds if that is shorter.
        reserve: The most seconds reserved for each later target before the deadline. Until its first content,
            an attempt may use the remaining time minus, for each later target, the shortest of this time, its
            `first_token`, and an equal share of the remaining time. `None` reserves nothing.
        open: A call may also start at any other model of these providers: `to="openai/gpt-5.4-mini"`.

    The first content wins, and the other attempt is dropped. At most two attempts of a call are in flight. A
    provider receives at most ten hedges, plus one for every ten calls. With a single target, a hedge goes to
    the same target, one at a time, and only after a learned "p95" or "p99", or after the given seconds.

    If all targets answer with an empty response, the first one is returned; it is no error, and no circuit
    counts it. A stream can fall back until its first content, including thoughts.

    If one target was tried, its own error is raised; if several were, an `AllDeploymentsFailedError` with
    the error of each, or the first one if all reported an invalid request. An error that others would most
    likely return too (an invalid request) is raised at once.
    """

    place: ClassVar[Place] = Place.ROUTE

    @layer_remedies.suggested
    def __init__(
        self,
        *targets: Target | Balance,
        chains: Mapping[str, Sequence[Target | Balance]] | None = None,
        on_invalid_request: bool = False,
        on_content_filter: bool = False,
        on_empty: bool = True,
        hedge_after: HedgeAfter = None,
        hedge_min: float = 2.0,
        reserve: float | None = None,
        open: bool = False,
    ) -> None:
        if not targets:
            raise ConfigurationError("Fallback(): name at least one target, such as 'anthropic/claude-haiku'")
        self._on_invalid_request = validation.flag("Fallback(on_invalid_request)", on_invalid_request)
        self._on_content_filter = validation.flag("Fallback(on_content_filter)", on_content_filter)
        self._on_empty = validation.flag("Fallback(on_empty)", on_empty)
        share = 0.95 if hedge_after == "p95" else 0.99
        self._chains = Chains(targets, checked_chains(chains), share if open else None)
        self._default = self._chains.default
        self.targets = self._chains.targets
        self.balancers: Mapping[Deployment, Balancer] = self._chains.balancers
        self.balances = self._chains.balances
        self.send = Counted(self.balancers) if self.balancers else send
        self.hedge_rule = HedgeRule(hedge_after, hedge_min)
        self.hedges = hedge_after is not None
        self.reserve = validation.seconds("Fallback(reserve)", reserve, optional=True)
        self.detects_silence, self.watched = self.hedges, self.hedges or self.reserve is not None
        self.budget = HedgeBudget()
        self._paces = {deployment: Pace(share) for deployment in self.deployments()}
        self.takes_any_model = validation.flag("Fallback(open)", open)
        self._limits: dict[Deployment, Limits] = {}
        self._reserves: dict[Deployment, float] = {}
        self._loops = Loops("Fallback", several=True)
        self._judges = any(map(may_lack, self.deployments()))

    # --- for the pipeline ------------------------------------------------------------------------

    def join(self, pipeline: Runtime) -> None:
        """Learn the limits of attempts from the inner layers.

        Several pipelines may share this route: the needs of all of them are combined.
        """
        layers = [layer for layer in pipeline.layers if isinstance(layer, Layer)]
        shared = (layer.circuits is not None and layer.circuits.shared is not None for layer in layers)
        self.detects_silence = self.detects_silence or any(shared)
        self.watched = self.watched or self.detects_silence or any(each.watches for each in layers)
        pipeline.judges = judges_of(layers)
        for deployment in self._paces:
            limits = self._limits[deployment] = limits_at(pipeline.layers, deployment)
            if self.reserve is not None:
                least = min(self.reserve, self.reserve if limits.first_token is None else limits.first_token)
                self._reserves[deployment] = min(least, self._reserves.get(deployment, least))
            if deployment in self.balancers:
                self.balancers[deployment].limited(deployment, limits)

    def opened(self, pipeline: Runtime) -> None:
        """A pipeline opens: if the old event loop is closed, keep what was learned on the new one."""
        shift = self._loops.enter(pipeline)
        if shift is not None:
            for pace in self._paces.values():
                pace.shift(shift)
            self._chains.shift(shift)

    def take_over(self, before: Self) -> None:
        """Take over what was learned about targets with the same names, and the hedge budget."""
        self.budget = before.budget
        self._chains.take_over(before._chains)
        self._paces = go_on(self._paces, before._paces)

    def handle(self, call: Call, inner: Handler[R]) -> Awaitable[R]:
        """Send the call to one target after another, and to two at a time if one is silent."""
        chain = self._default if call.start is None else self._chains.of(call.start)
        judged = self._judges and not is_plain(call.request)
        if call.record.broken is not None:
            left = left_after_break(call, chain)
            return resume(Race(self, call, left, inner, judged), self.pace_of(call.record.broken.target))
        if not (self.watched or judged) and call.pipeline.allow is None:
            return _run_unwatched(self, call, chain, inner)
        return Race(self, call, chain, inner, judged).run()

    # --- what a call asks ------------------------------------------------------------------------

    def pace_of(self, target: Deployment) -> Pace:
        """The usual times to the first content at `target`."""
        return target.pace if isinstance(target, UnlistedTarget) else self._paces[target]

    def is_suspect(self, call: Call, pace: Pace) -> bool:
        """True if the attempt may have to outlive its call, and so needs its own task."""
        now = call.pipeline.clock()
        if now >= pace.troubled_until or call.hedge is False:
            return False
        return now < pace.suspect_until or any(layer.may_probe(call) for layer in call.pipeline.layers)

    def turn_ends(self, deadline: float, now: float, later: Sequence[Deployment]) -> float:
        """When a target must have content, so that each of `later` gets its turn before `deadline`.

        Of each balance, two targets count at most.
        """
        later = counted(later, self.balancers)
        share = (deadline - now) / (len(later) + 1)
        return deadline - sum(min(share, self._reserves.get(target, share)) for target in later)

    def accepts_empty(self, call: Call) -> bool:
        """True if an empty answer to `call` can be right, so that no other target is tried."""
        last = call.request.messages[-1]
        return not self._on_empty or any(isinstance(part, ToolResult) for part in last.parts)

    def fails_over(self, error: RanvierError) -> bool:
        """True if the next target may answer after `error`."""
        if error.fails_over or isinstance(error, ContextLengthError):
            return True  # another window may be larger
        if type(error) is InvalidRequestError:
            return self._on_invalid_request
        return isinstance(error, ContentFilterError) and self._on_content_filter

    # --- the targets -----------------------------------------------------------------------------

    def check_start(self, start: str) -> None:
        """Raise `UnknownProviderError` unless a call may start at `start`."""
        self._chains.of(start)

    def deployments(self) -> Iterable[Deployment]:
        """Every target, including those of the chains, and the unlisted ones that were used last."""
        listed = (deployment for chain in self.chains() for deployment in chain)
        return dict.fromkeys((*listed, *self._chains.unlisted()))

    def chains(self) -> Iterable[tuple[Deployment, ...]]:
        """For each target where a call may start: the targets that it is sent to in turn."""
        return self._chains.all()

    def asks(self, chain: tuple[Deployment, ...]) -> int:
        """2 if a hedge can only go to the same target, otherwise 1."""
        return 2 if self.hedges and len(chain) == 1 else 1

    # --- reading ---------------------------------------------------------------------------------

    def delay_at(self, target: Deployment, now: float) -> float | None:
        """Seconds of silence after which an ordinary call to `target` is hedged now; `None` means never."""
        single = len(self.targets) == 1
        return self.hedge_rule.usual(self.pace_of(target), self._limits.get(target, UNLIMITED), single, now)

    def status(self, now: float) -> Iterable[str]:
        """The times to first content and the hedge delays of targets, and the loads of balances."""
        return status_lines(self, now)

    def unsettled(self) -> Iterable[str]:
        """A sentence for each target of a balance with calls in flight, for `assert_settled`."""
        return [words for balancer in self.balances for words in balancer.unsettled()]

    def __repr__(self) -> str:
        hedge = f", hedge_after={self.hedge_rule.after!r}" if self.hedges else ""
        opened = ", open=True" if self.takes_any_model else ""
        return f"Fallback({' -> '.join(map(str, self._default))}{hedge}{opened})"


async def _run_unwatched(layer: Fallback, call: Call, chain: Chain, inner: Handler[R]) -> R:
    """Ask the first target without a race, because nothing watches the attempt; start one if it fails."""
    target, failure, answer = chain[0], None, None
    if isinstance(target, Balancer):
        chain = (*target.arranged(call), *chain[1:])
        target = chain[0]
        assert not isinstance(target, Balancer)
    if call.deadline is not None and call.deadline <= call.pipeline.clock():
        raise out_of_time(target, ())
    directed = call.to(target)
    try:
        try:
            answer = await layer.send(directed, inner)
            if len(chain) == 1 or not getattr(answer, "empty", False) or layer.accepts_empty(call):
                return answer
        except RanvierError as error:
            failure = error
        race = Race(layer, call, chain, inner, judged=False)
        contestant = Contestant(race, target, layer.pace_of(target))
        race.skip_first()
        if failure is None:
            race.answered(contestant, answer)  # type: ignore[arg-type]  # because: it has an answer
        else:
            race.failed(contestant, directed, failure)
        return await race.run()
    finally:
        del failure, answer  # an error refers to this frame: a local would complete a cycle
