"""Chooses who is asked, and who is asked next."""

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
from ranvier.messages.request import ToolResult
from ranvier.pipeline.asking.foreign import own_error
from ranvier.pipeline.call import Call
from ranvier.pipeline.deployment import Deployment
from ranvier.pipeline.layer import Handler, Layer, R
from ranvier.pipeline.place import Place
from ranvier.pipeline.reporting import recorder

Failures = tuple[tuple[Deployment, RanvierError], ...]
"""Who has been asked in vain, and what came of it."""


class Fallback(Layer):
    """Ask the targets in their order until one answers.

    Args:
        targets: Who is asked, best first. One is enough.
        chains: For single primaries a chain of their own: `{"anthropic": ["openrouter", "ollama"]}`.
        on_invalid_request: Also go on after a request that the target calls invalid.
        on_content_filter: Also go on after a refusal on policy.
        on_empty: Also go on after an answer that ended well but holds nothing (`Response.empty`), unless the
            last message is a tool's result, after which a model may have nothing to say.

    If no target has more to say, the first empty answer is returned; it is no error, and no circuit counts
    it. A stream can be followed by another target until its first content, thoughts included.

    One failed target raises its own error; two or more an `AllDeploymentsFailedError` with one error
    each. Where all of them refused the request itself, the first one's refusal is raised bare: there is
    something to mend in the request, and the record has what the others said. What another target would
    most likely say too (an invalid request) is raised at once.
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
        self._chains: dict[str, tuple[Deployment, ...]] = {}  # by where a call starts: target or provider
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

    # --- the way of a call -----------------------------------------------------------------------

    async def handle(self, call: Call, inner: Handler[R]) -> R:
        """Ask one target after another."""
        failures: Failures = ()
        chain = self._default if call.start is None else self._chain(call.start)
        credentials = call.pipeline.credentials
        answer: R | None = None
        empty: R | None = None  # the first answer that holds nothing
        passed: tuple[Deployment, str] | None = None  # who was asked last, and why that was not enough
        try:
            for deployment in chain:
                if failures and _too_small(deployment, failures):
                    continue
                directed = call
                try:  # nowhere is the key a local variable, which a report of a traceback might show
                    _check_time(call, deployment, failures)
                    directed = call.to(deployment, None, _move_on(call, deployment, passed))
                    if credentials.resolver is None:
                        directed.credential = credentials.default(call, deployment)
                        answer = await inner(directed)
                    else:
                        answer = await _by_keys(directed, inner)
                    if len(chain) == 1 or not self._asks_on(call, answer):
                        return answer
                    call.record.answered_nothing()
                    empty, passed = empty or answer, (deployment, EMPTY)
                except RanvierError as error:
                    _note(directed, error)
                    if not self._goes_on(error):
                        if empty is not None:
                            break
                        raise
                    failures += ((deployment, own_error(directed, error)),)
                    passed = deployment, error.kind
            if empty is None:
                raise _verdict(failures)
            call.record.outcome = SUCCEEDED
            return empty
        finally:
            # Each error holds this frame: held here too they would be a cycle, and keep a dropped stream.
            del failures, answer, empty

    def _asks_on(self, call: Call, answer: object) -> bool:
        """True where `answer` holds nothing, and another target may have more to say."""
        if not (self._on_empty and getattr(answer, "empty", False)):
            return False
        return not any(isinstance(part, ToolResult) for part in call.request.messages[-1].parts)

    def _goes_on(self, error: RanvierError) -> bool:
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
        """Refuse a start that is none of our targets."""
        self._chain(start)

    def deployments(self) -> Iterable[Deployment]:
        """Every target, those of the chains included."""
        return dict.fromkeys(deployment for chain in self._chains.values() for deployment in chain)

    def chains(self) -> Iterable[tuple[Deployment, ...]]:
        """The targets that one call is sent to in turn, for each place where it may start."""
        return dict.fromkeys(self._chains.values())

    def __repr__(self) -> str:
        return f"Fallback({' -> '.join(deployment.target for deployment in self._default)})"


def _too_small(deployment: Deployment, failures: Failures) -> bool:
    """True when the prompt was too long for a target whose window is known to be at least as large."""
    window = deployment.context_window
    return window is not None and any(
        isinstance(error, ContextLengthError)
        and not error.fails_over  # else it was a limit of that key or server, and no window
        and (failed.context_window or 0) >= window
        for failed, error in failures
    )


def _check_time(call: Call, deployment: Deployment, failures: Failures) -> None:
    """Refuse to ask `deployment` once the call is out of time."""
    if call.deadline is not None and call.deadline <= call.pipeline.clock():
        raise _too_late(deployment, failures)


def _move_on(call: Call, deployment: Deployment, passed: tuple[Deployment, str] | None) -> str | None:
    """Tell that `deployment` is asked now, and why: what came of the one before it, if there was one."""
    if passed is None:
        return None
    before, kind = passed
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
    """Ask a target with the key that the resolver gives, and with others where that is at fault."""
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
    """Tell the record of a target that was passed over."""
    if isinstance(error, RejectedError):
        recorder.waited(call, "skipped", call.pipeline.clock(), error.kind)


def _too_late(deployment: Deployment, failures: Failures) -> DeadlineExceededError:
    if not failures:
        return DeadlineExceededError(f"the call ran out of time before {deployment} was asked")
    failed, error = failures[-1]
    late = DeadlineExceededError(
        f"out of time after {failed} failed ({error.kind}) and before {deployment} was asked"
    )
    late.__cause__ = error
    return late


def _verdict(failures: Failures) -> RanvierError:
    if len(failures) == 1 or all(isinstance(error, InvalidRequestError) for _, error in failures):
        return failures[0][1]
    told = ", ".join(f"{deployment} ({error.kind})" for deployment, error in failures)
    return AllDeploymentsFailedError(
        f"none of {len(failures)} targets answered: {told}", [error for _, error in failures]
    )
