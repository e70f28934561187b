"""Who answers: a provider, one of its models, and how it is written down."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

from ranvier import checks
from ranvier.errors import ConfigurationError, UnknownProviderError

if TYPE_CHECKING:
    from ranvier.messages import Response, StreamEvent
    from ranvier.pipeline.call import Call


@runtime_checkable
class Provider(Protocol):
    """Who answers. It translates and never decides: no retries, no timers, no policy.

    Beside these it may have

    - `stream(call)`, as `StreamingProvider` has it; without it, or with `stream = None`, it is asked whole;
    - `open(pipeline)` and `async aclose()`, called when a pipeline opens and closes;
    - `slots`, an `asyncio.Semaphore` of connections: an attempt takes one before it is timed;
    - `credential() -> str | None`, our own key, and `needs_credential`, whether it works without;
    - `base_url`, which tells two providers of one name apart (and refuses them);
    - `knows_model(model) -> bool`, whether it has a table of what models take, with a row for that one.

    Every failure is raised as an error of `ranvier.errors`.
    """

    @property
    def name(self) -> str:
        """How targets, circuits and events call it; a plain attribute will do."""
        ...

    @property
    def default_model(self) -> str:
        """The model of a target that names none; a plain attribute will do."""
        ...

    async def complete(self, call: Call) -> Response:
        """The whole answer to `call.request`."""
        ...


class StreamingProvider(Provider, Protocol):
    """A provider that can stream."""

    def stream(self, call: Call) -> AsyncIterator[StreamEvent]:
        """The answer in steps. It returns normally only after the wire's own terminal event."""
        ...


MAX_REFUSALS = 10_000
"""Credentials for which a deployment remembers that it does not stream."""


class Deployment:
    """A provider, a model and its options: `Deployment(OpenAI(), "gpt-5.2")`, written `"openai/gpt-5.2"`.

    Args:
        provider: Who answers.
        model: The model's id in the provider's words; `None` is the provider's default.
        context_window: Tokens that fit the model, if known: a prompt that was too long for one
            target only goes on to one whose window is larger or unknown.
        options: Wire fields for every request to this deployment; a call's `extra` goes over them.
        facts_of: The public id of the model (`"gpt-5.2"`) where `model` is only a name for it, such as a
            deployment at Azure or an alias of a gateway: what that model takes is what is sent. `None`
            goes by `model`, and by what the server refuses.

    Raises:
        ConfigurationError: `provider` has no `complete`, an argument cannot be, or nothing is known of the
            model in `facts_of`.
    """

    __slots__ = ("_asked_whole", "context_window", "facts_of", "model", "options", "provider", "target")

    def __init__(
        self,
        provider: Provider,
        model: str | None = None,
        *,
        context_window: int | None = None,
        options: Mapping[str, Any] | None = None,
        facts_of: str | None = None,
    ) -> None:
        if isinstance(provider, (str, type)) or not hasattr(provider, "complete"):
            raise ConfigurationError(
                f"provider={provider!r:.160}: give a provider, such as OpenAI(), not its name or class"
            )
        self.provider = provider
        self.model = checks.identifier("model", provider.default_model if model is None else model)
        if context_window is not None:
            checks.count("context_window", context_window, least=1)
        self.context_window = context_window
        self.options = dict(options or {})
        if facts_of is not None:
            _check_facts(provider, facts_of)
        self.facts_of = facts_of
        checks.one_answer("options", self.options)
        self.target = f"{provider.name}/{self.model}"
        self._asked_whole: set[int] = set()  # hashes of the credentials with which it refused to stream

    def streams(self, credential: str | None) -> bool:
        """False where the provider cannot stream, or has refused to for this credential."""
        return getattr(self.provider, "stream", None) is not None and (
            not self._asked_whole or hash(credential) not in self._asked_whole
        )

    def stream(self, call: Call) -> AsyncIterator[StreamEvent]:
        """The answer in steps, of a provider that streams."""
        return cast(StreamingProvider, self.provider).stream(call)

    def ask_whole(self, credential: str | None) -> None:
        """The provider refused to stream for this credential: never ask it to again."""
        if len(self._asked_whole) >= MAX_REFUSALS:
            self._asked_whole.clear()  # each then costs one more refused request
        self._asked_whole.add(hash(credential))

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


def _check_facts(provider: Provider, facts_of: object) -> None:
    model = checks.identifier("facts_of", facts_of)
    knows_model = getattr(provider, "knows_model", None)
    if knows_model is None or not knows_model(model):
        raise ConfigurationError(
            f"facts_of={model!r}: {provider.name} knows nothing of such a model: give its public id, such as "
            f"{provider.default_model!r}, or leave facts_of out and let the server's refusals decide"
        )


_factories: dict[str, Callable[[], Provider]] = {}


def register(name: str, factory: Callable[[], Provider]) -> None:
    """Let `"name/model"` mean a model of the provider that `factory` makes."""
    _factories[name] = factory


def provider_named(name: str) -> Provider:
    """A new provider of a registered name.

    Raises:
        UnknownProviderError: nobody registered that name.
    """
    factory = _factories.get(name)
    if factory is None:
        from difflib import get_close_matches  # because only a mistake needs it

        close = get_close_matches(name, _factories, 1)
        meant = f" (did you mean {close[0]!r}?)" if close else ""
        known = ", ".join(sorted(_factories)) or "none"
        raise UnknownProviderError(
            f"provider {name!r:.80} is unknown{meant}: write a target as 'provider/model', "
            f"with one of these providers: {known}"
        )
    return factory()


def distinct_providers(deployments: Iterable[Deployment]) -> list[Provider]:
    """The providers behind the targets, each once.

    Raises:
        ConfigurationError: two that differ in where they send to have the same name.
    """
    providers: dict[int, Provider] = {id(each.provider): each.provider for each in deployments}
    places: dict[str, object] = {}
    for provider in providers.values():
        place = getattr(provider, "base_url", None)
        if places.setdefault(provider.name, place) != place:
            raise ConfigurationError(
                f"two providers with different base URLs are named {provider.name!r}: "
                f"give one a name of its own, as in {type(provider).__name__}(name='{provider.name}-eu', ...)"
            )
    return list(providers.values())
