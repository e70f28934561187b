"""`Pipeline(allow=...)`: your own rule for which call may be sent to which target."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable

from ranvier import validation
from ranvier.caller import PLAIN_FAILURES
from ranvier.errors.configuration import ConfigurationError
from ranvier.errors.rejected import AllowFailedError, NotAllowedError
from ranvier.pipeline.asking.users_function import kind_of
from ranvier.pipeline.call import Call
from ranvier.pipeline.credentials.known import with_known_keys
from ranvier.pipeline.deployment import Deployment
from ranvier.pipeline.layer import Handler, Layer, R
from ranvier.pipeline.place import Place
from ranvier.pipeline.reporting.announce import announce_rejected

Allow = Callable[[Call, Deployment], bool | str]
"""Returns true if the call may be sent to the target; otherwise false, or the reason as a text."""

LONGEST_REASON = 200


class AllowRule(Layer):
    """Rejects calls that the `allow` function does not allow.

    The pipeline puts this layer directly inside the route, so that it checks everything that a route sends,
    including hedges, probes and attempts with another key.
    """

    place = Place.ROUTE

    def __init__(self, function: Allow) -> None:
        check_allow(function)
        self.function = function

    def handle(self, call: Call, inner: Handler[R]) -> Awaitable[R]:
        """Pass the call on if it may be sent to its target with its key.

        Raises:
            NotAllowedError: the function does not allow it.
        """
        error = self.refusal(call)
        if error is None:
            return inner(call)
        announce_rejected(call, error)
        try:
            raise error
        finally:
            del error  # it refers to this frame: a local would complete a reference cycle

    def refusal(self, call: Call) -> NotAllowedError | None:
        """Why `call` may not be sent to its target with its key; `None` if it may."""
        answer = self._answer(call)
        if answer is True:
            return None
        target = call.deployment.target
        if isinstance(answer, str) and answer:
            return NotAllowedError(reasons={target: _shown(answer)})
        if answer is False:
            return NotAllowedError(reasons={target: ""})
        if isinstance(answer, BaseException):
            failed = AllowFailedError(reasons={target: f"allow= raised {type(answer).__name__}"})
            failed.__cause__ = answer
            return failed
        return AllowFailedError(
            reasons={target: f"allow= returned {kind_of(answer)}, not True, False or a reason"}
        )

    def refusal_at(self, call: Call, deployment: Deployment) -> NotAllowedError | None:
        """Why `call` may not be sent to `deployment` with any known key; `None` if it may, or if unknown."""
        refused = None
        try:
            for asked in with_known_keys(call, deployment):
                refused = self.refusal(asked)
                if refused is None:
                    return None
        except PLAIN_FAILURES:  # raised by a provider or a resolver: raised again when the call is sent there
            return None
        return refused

    def _answer(self, call: Call) -> object:
        """The return value of the function, or the error that it raises."""
        try:
            return self.function(call, call.deployment)
        except PLAIN_FAILURES as error:
            name, kind = repr(self), type(error).__name__
            call.pipeline.complaints.log(kind, name, "%s failed: it rejects each call then", name, trace=True)
            return error.with_traceback(None)  # its frames would refer to the race, which refers to the error

    def __repr__(self) -> str:
        name = getattr(self.function, "__qualname__", type(self.function).__qualname__)
        return f"allow={name}"


def refusals(call: Call, chain: tuple[Deployment, ...]) -> dict[Deployment, NotAllowedError]:
    """The targets of `chain` that `call` may not be sent to, with the reasons."""
    rule = call.pipeline.allow
    if rule is None:
        return {}
    refused = ((target, rule.refusal_at(call, target)) for target in chain)
    return {target: error for target, error in refused if error is not None}


def after_route(layers: tuple[Layer, ...], rule: AllowRule | None) -> tuple[Layer, ...]:
    """`layers` with `rule` directly inside the route."""
    if rule is None:
        return layers
    place = next(number for number, layer in enumerate(layers) if layer.place == Place.ROUTE)
    return (*layers[: place + 1], rule, *layers[place + 1 :])


def check_allow(function: object) -> None:
    """Check that `function` is a plain function of a call and a deployment.

    Raises:
        ConfigurationError: it is not.
    """
    if not callable(function):
        raise ConfigurationError(
            f"allow={type(function).__name__}: give a function of a call and a deployment"
        )
    name = getattr(function, "__name__", type(function).__name__)
    if inspect.iscoroutinefunction(function):
        raise ConfigurationError(
            f"allow={name}: it is `async def`, but has to answer at once: make it a plain function"
        )
    validation.check_takes("allow", function, "call", "deployment")


def _shown(reason: str) -> str:
    """The reason on one line, shortened if it is too long."""
    return " ".join("".join(reason[: 2 * LONGEST_REASON]).split())[:LONGEST_REASON]
