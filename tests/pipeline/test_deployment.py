"""A provider and its model, and the names by which they are written down."""

from typing import Any

import pytest

from ranvier import ConfigurationError, Deployment, UnknownProviderError
from ranvier.pipeline import Provider, registry
from ranvier.pipeline import deployment as module
from ranvier.pipeline.registry import provider_named, register
from ranvier.testing import ScriptedProvider


def test_a_deployment_is_written_as_provider_and_model() -> None:
    """The provider's default model where none is named."""
    provider = ScriptedProvider("one", model="small")
    assert str(Deployment(provider)) == Deployment(provider).target == "one/small"
    assert repr(Deployment(provider, "org/big:latest")) == "Deployment('one/org/big:latest')"


def test_deployments_are_the_same_if_they_ask_the_same() -> None:
    """One provider, one model; they can be keys of a dict."""
    one, other = ScriptedProvider("one"), ScriptedProvider("one")
    assert Deployment(one, "a") == Deployment(one, "a") != Deployment(one, "b")
    assert Deployment(one, "a") != Deployment(other, "a")
    assert Deployment(one, "a") != "one/a"
    assert len({Deployment(one, "a"), Deployment(one, "a"), Deployment(one, "b")}) == 2


def test_options_are_its_own() -> None:
    """What the caller changes afterwards changes nothing."""
    options = {"seed": 1}
    deployment = Deployment(ScriptedProvider("one"), options=options, context_window=9)
    options["seed"] = 2
    assert (deployment.options, deployment.context_window) == ({"seed": 1}, 9)


class Nameless:
    """What answers, and has no name."""

    async def complete(self, call: Any) -> Any:
        """It is not called."""


class Modelless(Nameless):
    """A provider without a model of its own."""

    name = "ours"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"provider": "openai"}, r"provider='openai': give a provider, such as OpenAI\(\)"),
        ({"provider": ScriptedProvider}, r"provider=<class .*not its name or class"),
        ({"provider": None}, r"provider=None"),
        ({"provider": Nameless()}, r"provider=<.*give a provider, such as"),
        ({"provider": ScriptedProvider(5)}, r"ScriptedProvider.name=5: give a str"),  # type: ignore[arg-type]
        ({"provider": Modelless()}, r"Modelless has no default_model: name a model"),
        ({"model": ""}, r"model=''.*printable"),
        ({"model": "a\nb"}, r"model='a\\nb'"),
        ({"model": 5}, r"model=5: give a str"),
        ({"context_window": 0}, r"context_window=0: give a whole number, 1 or more"),
        ({"context_window": 1.5}, r"context_window=1.5"),
    ],
)
def test_a_deployment_that_cannot_be_is_refused(arguments: dict[str, Any], says: str) -> None:
    """The message names the argument, its value and what to give."""
    with pytest.raises(ConfigurationError, match=says):
        Deployment(**{"provider": ScriptedProvider("one")} | arguments)


def test_a_registered_name_makes_a_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new one each time; an unknown name is refused with those that are known."""
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))
    register("registered-in-a-test", lambda: ScriptedProvider("registered-in-a-test"))
    first, second = provider_named("registered-in-a-test"), provider_named("registered-in-a-test")
    assert isinstance(first, Provider)
    assert first is not second
    with pytest.raises(UnknownProviderError, match=r"'opneai' .*mean 'openai'.*: .*openai.*stub"):
        provider_named("opneai")
    with pytest.raises(UnknownProviderError) as raised:
        provider_named("x" * 10_000)
    assert len(str(raised.value)) < 300


def test_refusals_to_stream_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound all are forgotten, which costs each one more refused request."""
    monkeypatch.setattr(module, "MAX_REFUSALS", 3)
    deployment = Deployment(ScriptedProvider("one"))
    for key in (1, 2, 3):
        deployment.ask_whole(key)
    assert [deployment.streams(key) for key in (1, 2, 3, 4, 0)] == [
        False,
        False,
        False,
        True,
        True,
    ]
    deployment.ask_whole(4)
    assert [deployment.streams(key) for key in (1, 4)] == [True, False]
    assert not Deployment(ScriptedProvider("one", streaming=False)).streams(0)


def test_a_provider_without_a_model_of_its_own_has_those_that_are_named() -> None:
    """Only its default would be missing."""
    provider: Any = Modelless()
    assert Deployment(provider, "small").target == "ours/small"
