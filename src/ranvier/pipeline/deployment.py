"""Providers, and deployments: a provider with one of its models."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

from ranvier import validation
from ranvier.errors.configuration import ConfigurationError
from ranvier.pipeline.asking.optional_members import knows_model, stream_of, traits_of
from ranvier.remedies import OF_A_DEPLOYMENT, suggests

if TYPE_CHECKING:
    from ranvier.messages.response import Response, StreamEvent
    from ranvier.pipeline.call import Call


@runtime_checkable
class Provider(Protocol):
    """Translates requests and answers. A provider makes no decisions: no retries, timers or policy.

    Optional members:

    - `stream(call)`, as in `StreamingProvider`; without it, or with `stream = None`, `complete` is called;
    - `open(pipeline)` and `async aclose()`, called when a pipeline opens and closes;
    - `slots`, an `asyncio.Semaphore` of connections: an attempt acquires one before it is timed;
    - `credential() -> str | None`, its own key, and `needs_credential`, true if it requires a key;
    - `takes_access`, true if it uses `call.access`, a tenant's own endpoint and headers;
    - `environment`, a tuple of the variables that may hold its key: errors name them;
    - `base_url`, by which two different providers with the same name are detected and rejected;
    - `family`, the vendor whose API and models it has, if its name is another;
    - `lacks(call) -> InvalidRequestError | None`, why it cannot serve `call.request`: it is skipped then;
    - `knows_model(model) -> bool`, true if its table of model capabilities has a row for that model.

    `needs_credential`, `takes_access`, `environment`, `base_url` and `family` are read once, when a
    `Deployment` is built; the others on each use. `None` counts as absent. A member of a wrong type raises a
    `ConfigurationError`.

    It raises every failure as an error of `ranvier.errors`. Anything but a `Response` or `StreamEvent`s fails
    the attempt with an `InvalidResponseError`. It may return one `Response` again: each call gets a copy.
    """

    @property
    def name(self) -> str:
        """Its name in targets, circuits and events; a plain attribute works too."""
        ...

    @property
    def default_model(self) -> str:
        """The model of a target that names none; a plain attribute works too."""
        ...

    async def complete(self, call: Call) -> Response:
        """The whole answer to `call.request`."""
        ...


class StreamingProvider(Provider, Protocol):
    """A provider that can stream."""

    def stream(self, call: Call) -> AsyncIterator[StreamEvent]:
        """The answer as events. The iterator ends normally only after the wire's own terminal event."""
        ...


MAX_REFUSALS = 10_000
"""Maximum number of accounts per deployment that are known to reject streaming."""


class Deployment:
    """A provider, a model and its options: `Deployment(OpenAI(), "gpt-5.2")`, written `"openai/gpt-5.2"`.

    Args:
        provider: The provider.
        model: The provider's id of the model; `None` means the provider's default.
        context_window: The context window in tokens, if known: a prompt that was too long for one
            target only falls back to targets whose window is larger or unknown.
        options: Wire fields for every request to this deployment; a call's `extra` overrides them.
        facts_of: The public id of the model (`"gpt-5.2"`) if `model` is an alias of it, such as a deployment
            name at Azure or at a gateway: requests are limited to what that model supports. `None` relies on
            `model`, and on the errors of the server.

    Raises:
        ConfigurationError: `provider` has no `complete` or an unusable optional member, an argument is
            invalid, or the model in `facts_of` is unknown.
    """

    __slots__ = (
        "_not_streaming",
        "_real",
        "context_window",
        "facts_of",
        "fault",
        "is_asked",
        "model",
        "options",
        "provider",
        "target",
        "traits",
    )

    @suggests(**OF_A_DEPLOYMENT)
    def __init__(
        self,
        provider: Provider,
        model: str | None = None,
        *,
        context_window: int | None = None,
        options: Mapping[str, Any] | None = None,
        facts_of: str | None = None,
    ) -> None:
        usable = hasattr(provider, "complete") and hasattr(provider, "name")
        if isinstance(provider, (str, type)) or not usable:
            raise ConfigurationError(f"provider={provider!r:.160}: {_instead_of(provider)}")
        self.provider = provider
        validation.identifier(f"{type(provider).__name__}.name", provider.name)
        self.traits = traits_of(provider)
        self.model = validation.identifier("model", _default_of(provider) if model is None else model)
        if context_window is not None:
            validation.count("context_window", context_window, least=1)
        self.context_window = context_window
        self.options = validation.mapping("options", options, "wire fields")
        if facts_of is not None:
            _check_facts(provider, facts_of)
        self.facts_of = facts_of
        validation.one_answer("options", self.options)
        self.target = f"{provider.name}/{self.model}"
        self.fault: str | None = None  # the fault that is injected into attempts, on purpose
        self.is_asked = True  # false if that fault replaces the provider's answer
        self._real: Deployment | None = None  # the deployment without the fault
        self._not_streaming: set[int] = set()  # the accounts that reject streaming

    def streams(self, account: int) -> bool:
        """False if the provider cannot stream, or has rejected streaming for this account."""
        return stream_of(self.provider) is not None and (
            not self._not_streaming or account not in self._not_streaming
        )

    def stream(self, call: Call) -> AsyncIterator[StreamEvent]:
        """The answer as events, from a provider that streams."""
        return cast(StreamingProvider, self.provider).stream(call)

    def ask_whole(self, account: int) -> None:
        """The provider rejected streaming for this account: do not try it again."""
        if len(self._not_streaming) >= MAX_REFUSALS:
            self._not_streaming.clear()  # each account then costs one more rejected request
        self._not_streaming.add(account)

    def take_over(self, before: Deployment) -> None:
        """Take over what the deployment for the same target had learned before a reload."""
        if before.provider is self.provider:
            self._not_streaming = before._not_streaming

    def with_fault(self, provider: Provider, fault: str, *, is_asked: bool) -> Deployment:
        """The same target for one attempt, where `provider` injects `fault` and may ask the real one."""
        faulty = copy.copy(self)
        faulty._real = self
        faulty.provider, faulty.fault, faulty.is_asked = provider, fault, is_asked
        return faulty

    @property
    def real(self) -> Deployment:
        """The target without a fault."""
        return self._real or self

    def __str__(self) -> str:
        return self.target

    def __repr__(self) -> str:
        return f"Deployment({self.target!r})"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Deployment) and self.target == other.target and self.provider is other.provider
        )

    def __hash__(self) -> int:
        return hash(self.target)


def _default_of(provider: Provider) -> str:
    if not hasattr(provider, "default_model"):
        kind = type(provider).__name__
        raise ConfigurationError(
            f"{kind} has no default_model: name a model, Deployment({kind}(...), 'model'), or give it one"
        )
    return provider.default_model


def _instead_of(thing: object) -> str:
    if hasattr(thing, "layers"):  # a pipeline
        return "give FunctionProvider('inner', ask), whose ask(call) awaits pipeline.complete(call.request)"
    return "give a provider, such as OpenAI(), not its name or class"


def _check_facts(provider: Provider, facts_of: object) -> None:
    model = validation.identifier("facts_of", facts_of)
    if not knows_model(provider, model):
        raise ConfigurationError(
            f"facts_of={model!r}: {provider.name} does not know this model: give its public id, such as "
            f"{provider.default_model!r}, or omit facts_of and rely on the errors of the server"
        )


def distinct_providers(deployments: Iterable[Deployment]) -> list[Provider]:
    """The providers of the targets, each once.

    Raises:
        ConfigurationError: two with different base URLs have the same name.
    """
    distinct = {id(each.provider): each for each in deployments}.values()
    urls: dict[str, str | None] = {}
    for each in distinct:
        provider, url = each.provider, each.traits.base_url
        if urls.setdefault(provider.name, url) != url:
            raise ConfigurationError(
                f"two providers with different base URLs are named {provider.name!r}: "
                f"give one a name of its own, as in {type(provider).__name__}(name='{provider.name}-eu', ...)"
            )
    return [each.provider for each in distinct]
