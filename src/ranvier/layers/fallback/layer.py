"""Chooses the target of each attempt, and the next one when a target fails."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from ranvier.errors.all_failed import AllDeploymentsFailedError
from ranvier.errors.configuration import ConfigurationError, UnknownProviderError
from ranvier.errors.partial import DeadlineExceededError
from ranvier.errors.provider import ContentFilterError, ContextLengthError, InvalidRequestError
from ranvier.errors.rejected import RejectedError
from ranvier.errors.root import RanvierError
from ranvier.events import FallbackTaken
from ranvier.facts.attempt import EMPTY, SUCCEEDED
from ranvier.layers.fallback.targets import Target, TargetNames, listed
from ranvier.messages.message import ToolResult
from ranvier.pipeline.asking.foreign import own_error
from ranvier.pipeline.call import Call
from ranvier.pipeline.deployment import Deployment
from ranvier.pipeline.layer import Handler, Layer, R
from ranvier.pipeline.place import Place
from ranvier.pipeline.reporting import recorder

Failures = tuple[tuple[Deployment, RanvierError], ...]
"""The failed targets with their errors."""


class Fallback(Layer):
    """Send a call to the targets in order until one answers.

    Args:
        targets: The targets, best first. One is enough.
        chains: The chain to use for a single primary: `{"anthropic": ["openrouter", "ollama"]}`.
        on_invalid_request: Also fall back when the target reports an invalid request.
        on_content_filter: Also fall back when a content filter rejects the request.
        on_empty: Also fall back after a response that ended well but is empty (`Response.empty`), unless the
            last message is a tool result, after which an empty response can be right.

    If all targets answer with an empty response, the first one is returned; it is no error, and no circuit
    counts it. A stream can fall back until its first content, thoughts included.

    If one target was tried, its own error is raised; if two or more were, an `AllDeploymentsFailedError`
    with one error each. If all of them reported an invalid request, the first one's error is raised by
    itself: the request has to be corrected, and the record has the other errors. An error that other
    targets would most likely return too (an invalid request) is raised at once.
    """

    place: ClassVar[Place] = Place.ROUTE

    def __init__(
        self,
        *targets: Target,
        chains: Mapping[str, Sequence[Target]] | None = None,
        on_invalid_request: bool = False,
        on_content_filter: bool = False,
        on_empty: bool = True,
    ) -> None:
        if not targets:
            raise ConfigurationError(
                "Fallback(): name at least one target, such as 'anthropic/claude-sonnet-5'"
            )
        self._on_invalid_request = on_invalid_request
        self._on_content_filter = on_content_filter
        self._on_empty = on_empty
        named = TargetNames([*targets, *(target for chain in (chains or {}).values() for target in chain)])
        self.targets = tuple([named.deployment(target) for target in targets])
        self._chains: dict[str, tuple[Deployment, ...]] = {}  # by the target or provider where a call starts
        for position, deployment in enumerate(self.targets):
            for name in (deployment.target, deployment.provider.name):
                self._chains.setdefault(name, self.targets[position:])
        for primary, chain in (chains or {}).items():
            first = self._chain(primary)[0]
            own = (
                first,
                *(named.deployment(target, among=self.targets) for target in listed(primary, chain)),
            )
            self._chains.update({primary: own, first.target: own})
        self._default = self._chains[self.targets[0].target]

    # --- handling a call -------------------------------------------------------------------------

    async def handle(self, call: Call, inner: Handler[R]) -> R:
        """Send the call to one target after another."""
        failures: Failures = ()
        chain = self._default if call.start is None else self._chain(call.start)
        credentials = call.pipeline.credentials
        answer: R | None = None
        empty: R | None = None  # the first empty response
        previous: tuple[Deployment, str] | None = None  # the target tried last, and why the call fell back
        try:
            for deployment in chain:
                if failures and _too_small(deployment, failures):
                    continue
                directed = call
                try:  # the key is never a local variable: a traceback report might show it
                    if call.deadline is not None and call.deadline <= call.pipeline.clock():
                        raise _too_late(deployment, failures)
                    directed = call.to(deployment, None, previous and _fall_back(call, deployment, *previous))
                    if credentials.resolver is None:
                        directed.credential = credentials.default(call, deployment)
                        answer = await inner(directed)
                    else:
                        answer = await _by_keys(directed, inner)
                    if len(chain) == 1 or not getattr(answer, "empty", False) or self._accepts_empty(call):
                        return answer
                    call.record.answered_nothing()
                    empty, previous = empty or answer, (deployment, EMPTY)
                except RanvierError as error:
                    _note(directed, error)
                    if not self._fails_over(error):
                        if empty is not None:
                            break
                        raise
                    failures += ((deployment, own_error(directed, error)),)
                    previous = deployment, error.kind
            if empty is None:
                raise _verdict(failures)
            call.record.outcome = SUCCEEDED
            return empty
        finally:
            # Each error references this frame: references from here would make a cycle, and a stream
            # that was dropped would not be freed.
            del failures, answer, empty

    def _accepts_empty(self, call: Call) -> bool:
        """True where an empty answer to `call` can be right, so that no other target is tried."""
        last = call.request.messages[-1]
        return not self._on_empty or any(isinstance(part, ToolResult) for part in last.parts)

    def _fails_over(self, error: RanvierError) -> bool:
        if error.fails_over or isinstance(error, ContextLengthError):
            return True  # another window may be larger
        if type(error) is InvalidRequestError:
            return self._on_invalid_request
        return isinstance(error, ContentFilterError) and self._on_content_filter

    # --- the targets -----------------------------------------------------------------------------

    def _chain(self, start: str) -> tuple[Deployment, ...]:
        chain = self._chains.get(start)
        if chain is None:
            known = ", ".join(deployment.target for deployment in self.targets)
            raise UnknownProviderError(
                f"target {start!r:.80} is not among the targets of this pipeline: {known}"
            )
        return chain

    def check_start(self, start: str) -> None:
        """Raise `UnknownProviderError` unless `start` is one of the targets."""
        self._chain(start)

    def deployments(self) -> Iterable[Deployment]:
        """Every target, including those of the chains."""
        return dict.fromkeys(deployment for chain in self._chains.values() for deployment in chain)

    def chains(self) -> Iterable[tuple[Deployment, ...]]:
        """The targets that a call is sent to in turn, for each target where it may start."""
        return dict.fromkeys(self._chains.values())

    def __repr__(self) -> str:
        return f"Fallback({' -> '.join(deployment.target for deployment in self._default)})"


def _too_small(deployment: Deployment, failures: Failures) -> bool:
    """True when the prompt was too long for a target whose window is known to be at least as large."""
    window = deployment.context_window
    return window is not None and any(
        isinstance(error, ContextLengthError)
        and not error.fails_over  # otherwise it was a limit of that key or server, not of the model
        and (failed.context_window or 0) >= window
        for failed, error in failures
    )


def _fall_back(call: Call, deployment: Deployment, before: Deployment, kind: str) -> str:
    """Emit that the call falls back from the target `before` to `deployment`, and return why."""
    if call.pipeline.events.listeners:
        call.pipeline.events.emit(
            FallbackTaken(
                tenant=call.tenant,
                provider=before.provider.name,
                model=before.model,
                to=deployment.target,
                kind=kind,
            ),
            call.record,
        )
    return kind


async def _by_keys(call: Call, inner: Handler[R]) -> R:
    """Send the call with the key that the resolver returns, and with another when that key fails."""
    credentials = call.pipeline.credentials
    call.credential = await credentials.resolve(call, call.deployment)
    while True:
        try:
            return await inner(call)
        except RanvierError as error:
            following = await credentials.following(call, error) if error.about_key else None
            if following is None:
                raise
            call = following


def _note(call: Call, error: RanvierError) -> None:
    """Record a target that was skipped because a layer rejected the call."""
    if isinstance(error, RejectedError):
        recorder.waited(call, "skipped", call.pipeline.clock(), error.kind)


def _too_late(deployment: Deployment, failures: Failures) -> DeadlineExceededError:
    if not failures:
        return DeadlineExceededError(f"the deadline passed before {deployment} was tried")
    failed, error = failures[-1]
    late = DeadlineExceededError(
        f"the deadline passed after {failed} failed ({error.kind}) and before {deployment} was tried"
    )
    late.__cause__ = error
    return late


def _verdict(failures: Failures) -> RanvierError:
    if len(failures) == 1 or all(isinstance(error, InvalidRequestError) for _, error in failures):
        return failures[0][1]
    summary = ", ".join(f"{deployment} ({error.kind})" for deployment, error in failures)
    return AllDeploymentsFailedError(
        f"none of {len(failures)} targets answered: {summary}", [error for _, error in failures]
    )
