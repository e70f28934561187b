"""The optional members of a user's own provider: checked when a deployment is built, typed after that."""

import asyncio
import traceback
from typing import Any

import pytest

from ranvier import ConfigurationError, Deployment, Pipeline, Response
from ranvier.layers import Fallback
from ranvier.pipeline.asking.optional_members import ProviderTraits

KEY = "sk-never-shown"


class Mine:
    """A provider with the required members only."""

    name, default_model = "mine", "m"

    async def complete(self, call: Any) -> Response:
        return Response("fine")


async def coroutine_function(*arguments: Any) -> None:
    """What a function that is called synchronously must not be."""


def provider_with(**members: Any) -> Any:
    provider: Any = Mine()
    vars(provider).update(members)
    return provider


@pytest.mark.parametrize(
    ("member", "value", "says"),
    [
        ("base_url", 8080, "is a int: make it a str"),
        ("family", object(), "is a object: make it a str"),
        ("environment", "MY_KEY", "is a str: make it a tuple of variable names"),
        ("environment", ("MY_KEY", None), "is a tuple: make it a tuple of variable names"),
        ("needs_credential", lambda: True, "is a function: make it True or False"),
        ("needs_credential", "no", "is a str: make it True or False"),
        ("takes_access", "no", "is a str: make it True or False"),
        ("credential", KEY, "is a str: make it a plain function"),
        ("credential", coroutine_function, "is a coroutine function: make it a plain function"),
        ("open", True, "is a bool: make it a plain function"),
        ("open", coroutine_function, "is a coroutine function: make it a plain function"),
        ("aclose", "later", "is a str: make it a function"),
        ("knows_model", ("m",), "is a tuple: make it a function"),
        ("stream", True, "is a bool: make it an async generator"),
        ("stream", coroutine_function, "is a coroutine function: make it an async generator"),
        ("slots", 5, "is a int: make it an asyncio.Semaphore"),
        ("slots", object(), "is a object: make it an asyncio.Semaphore"),
    ],
)
def test_a_member_of_a_wrong_type_is_rejected(member: str, value: Any, says: str) -> None:
    """When the deployment is built; neither the error nor its traceback shows the value."""
    with pytest.raises(ConfigurationError, match=rf"^Mine\.{member} {says}") as raised:
        Deployment(provider_with(**{member: value}))
    assert KEY not in str(raised.value)
    for frame, _ in traceback.walk_tb(raised.tb.tb_next):  # without the frame of this test
        assert KEY not in frame.f_locals.values()


def test_members_that_are_none_count_as_absent() -> None:
    """As `stream = None` says of a provider that it cannot stream."""
    names = "base_url family environment needs_credential takes_access credential open aclose knows_model"
    for provider in (Mine(), provider_with(**dict.fromkeys((*names.split(), "stream", "slots")))):
        deployment = Deployment(provider)
        assert deployment.traits == ProviderTraits(
            "mine", None, (), needs_credential=False, takes_access=False, is_ours=False
        )
        assert not deployment.streams(0)
        assert asyncio.run(opened_and_closed(deployment)) == "fine"
        with pytest.raises(ConfigurationError, match="mine does not know this model"):
            Deployment(provider, facts_of="m")


async def opened_and_closed(deployment: Deployment) -> str:
    async with Pipeline(Fallback(deployment)) as pipeline:
        return (await pipeline.complete("Why?")).text


def test_the_traits_are_those_of_the_provider() -> None:
    """A list of variables is as good as a tuple."""
    members = {"base_url": "http://mine.example", "family": "openai", "environment": ["A", "B"]}
    deployment = Deployment(provider_with(**members, needs_credential=True, takes_access=True))
    assert deployment.traits == ProviderTraits(
        "openai", "http://mine.example", ("A", "B"), True, True, is_ours=False
    )


# --- slots ---------------------------------------------------------------------------------------


class OnItsLoop(Mine):
    """Its property needs a running event loop."""

    def __init__(self, slots: Any) -> None:
        self._slots = slots

    @property
    def slots(self) -> Any:
        asyncio.get_running_loop()
        return self._slots


class CreatedByOpen(Mine):
    """It has no slots before it is open."""

    slots: asyncio.Semaphore
    most = in_flight = 0

    def open(self, pipeline: Any) -> None:
        self.slots = asyncio.Semaphore(2)

    async def complete(self, call: Any) -> Response:
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        await asyncio.sleep(0)
        self.in_flight -= 1
        return Response("fine")


def test_slots_of_a_property_are_checked_at_the_opening() -> None:
    """And not before, since it may need the event loop."""
    assert asyncio.run(opened_and_closed(Deployment(OnItsLoop(asyncio.Semaphore(1))))) == "fine"
    deployment = Deployment(OnItsLoop(5))
    with pytest.raises(ConfigurationError, match=r"^OnItsLoop\.slots is a int: make it an asyncio.Semaphore"):
        asyncio.run(opened_and_closed(deployment))


async def test_slots_that_open_creates_are_used() -> None:
    """Two of ten calls are in flight at once."""
    provider = CreatedByOpen()
    async with Pipeline(Fallback(provider)) as pipeline:
        await asyncio.gather(*(pipeline.complete("Why?") for _ in range(10)))
    assert provider.most == 2
