"""Functions of users that layers call: those that cannot answer at once, and answers of odd objects."""

from typing import Any

import pytest

from ranvier import ConfigurationError, Pipeline, SpendLimitExceededError
from ranvier.layers import AdaptiveLimit, Balance, Breaker, Bulkhead, Chaos, Fallback, SpendLimit
from ranvier.providers import Stub
from ranvier.testing import ScriptedProvider, after, assert_settled

pytestmark = pytest.mark.virtual_time


async def later(about: object) -> Any:
    """A function that has to be awaited."""
    return 1


class AsyncCall:
    """An object with an async `__call__`."""

    async def __call__(self, about: object) -> Any:
        return 1


class Odd:
    """An object whose own methods fail."""

    def __eq__(self, other: object) -> bool:
        raise OSError("no comparison")

    def __hash__(self) -> int:
        return 1

    def __repr__(self) -> str:
        raise OSError("no words")

    def __bool__(self) -> bool:
        raise OSError("neither")


class Unhashed(Odd):
    """And one that has no hash."""

    def __hash__(self) -> int:
        raise OSError("no hash")


LAYERS: dict[str, Any] = {
    "Breaker(key)": lambda function: Breaker(key=function),
    "Bulkhead(key)": lambda function: Bulkhead(1, key=function),
    "Bulkhead(weight)": lambda function: Bulkhead(1, weight=function),
    "Bulkhead(priority)": lambda function: Bulkhead(1, priority=function),
    "AdaptiveLimit(weight)": lambda function: AdaptiveLimit(weight=function),
    "AdaptiveLimit(priority)": lambda function: AdaptiveLimit(priority=function),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("function", [later, AsyncCall(), "no function"])
def test_a_function_that_cannot_answer_at_once_is_rejected(name: str, function: Any) -> None:
    """When the layer is built: each call would have a key of its own, or none at all."""
    with pytest.raises(ConfigurationError) as raised:
        LAYERS[name](function)
    assert str(raised.value).startswith(name)


def two_calls_at_once(layer: Any) -> Pipeline:
    """Both need the layer's place, so that all of its functions are called."""
    return Pipeline(Fallback(ScriptedProvider("one", [after(1, "ok"), "ok"])), layer)


@pytest.mark.parametrize("name", [each for each in LAYERS if "AdaptiveLimit" not in each])
@pytest.mark.parametrize("answer", [later, lambda about: Odd(), lambda about: Unhashed()])
async def test_an_answer_of_no_use_is_an_error_that_names_the_function(name: str, answer: Any) -> None:
    """Nothing is held, and no coroutine is left that was never awaited."""
    pipeline = two_calls_at_once(LAYERS[name](lambda about: answer(about)))
    run = await pipeline.map(["a", "b"], concurrency=2).collect()
    errors = [result.error for result in run if result.error is not None]
    assert errors
    for error in errors:
        assert isinstance(error, ConfigurationError)
        assert name in str(error)
    assert_settled(pipeline)


@pytest.mark.parametrize("key", [float("nan"), Odd()])
async def test_a_key_that_is_not_equal_to_itself_is_none(key: Any) -> None:
    """Each call would have a circuit of its own, which never opens."""
    with pytest.raises(ConfigurationError, match=r"Breaker\(key\) returned a"):
        await Pipeline(Fallback(Stub("here")), Breaker(key=lambda call: key)).complete("Why?")


@pytest.mark.parametrize("name", [Odd(), Unhashed()])
async def test_a_conversation_of_an_odd_type_is_an_error(name: Any) -> None:
    """It is asked for nothing but its type."""
    route = Fallback(Balance(Stub("a", name="a"), Stub("b", name="b"), sticky=lambda call: name))
    with pytest.raises(ConfigurationError, match=r"Balance\(sticky\) returned a"):
        await Pipeline(route).complete("Why?")


async def test_a_fault_is_injected_only_if_a_function_says_so_at_once() -> None:
    """A coroutine is true for Python; nobody would await it."""
    chaos = Chaos("overloaded", rate=1, when=lambda call: later(call))
    assert (await Pipeline(Fallback(Stub("here")), chaos).complete("Why?")).text == "here"
    assert chaos.injected == 0


async def test_a_limit_that_is_not_known_at_once_rejects() -> None:
    """And leaves no coroutine behind."""
    unknown: Any = lambda tenant: later(tenant)  # noqa: E731
    with pytest.raises(SpendLimitExceededError):
        await Pipeline(SpendLimit(unknown, 60), Fallback(Stub("here"))).complete("Why?")
