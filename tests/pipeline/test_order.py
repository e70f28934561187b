"""The order of a stack is checked when it is built, and the message shows the right one."""

import itertools
from typing import Any

import pytest

from ranvier import ConfigurationError, Layer, LayerOrderError, Pipeline, Place
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
from ranvier.testing import ScriptedProvider

pytestmark = pytest.mark.virtual_time


def stack() -> list[Layer]:
    return [Deadline(), Fallback(ScriptedProvider("one")), Retry(), Breaker(), Timeout()]


def test_every_order_but_the_right_one_is_refused() -> None:
    """Of the hundred and twenty orders of five layers, one is accepted."""
    accepted = []
    for layers in itertools.permutations(stack()):
        try:
            Pipeline(*layers)
        except LayerOrderError:
            continue
        accepted.append([type(layer).__name__ for layer in layers])
    assert accepted == [["Deadline", "Fallback", "Retry", "Breaker", "Timeout"]]


def test_the_message_says_what_is_wrong_why_and_how_it_would_be_right() -> None:
    """The corrected stack can be copied from it."""
    deadline, fallback, retry, breaker, timeout = stack()
    with pytest.raises(LayerOrderError) as raised:
        Pipeline(deadline, fallback, breaker, retry, timeout)
    message = str(raised.value)
    assert "Retry (RETRY) is inside Breaker (ADMIT)" in message
    assert "each retry has to be admitted and timed on its own" in message
    assert "check_order=False" in message
    corrected = message[message.index("Pipeline(\n") :]
    positions = [
        corrected.index(name) for name in ("Deadline(", "Fallback(", "Retry(", "Breaker(", "Timeout(")
    ]
    assert positions == sorted(positions)


def test_a_place_that_is_none_is_named() -> None:
    """Before places are compared."""

    class Misplaced(Layer):
        place = "CALL"  # type: ignore[assignment]

    with pytest.raises(ConfigurationError, match=r"Misplaced.place='CALL': give one of Place.CALL"):
        Pipeline(Misplaced(), Fallback(ScriptedProvider("one")))


@pytest.mark.parametrize("place", [place for place in Place if place not in (Place.ATTEMPT, Place.ROUTE)])
def test_every_place_has_its_reason(place: Place) -> None:
    """A layer that stands too far inside is told why it should not."""

    class Misplaced(Layer):
        pass

    Misplaced.place = place
    with pytest.raises(
        LayerOrderError, match=rf"Misplaced \({place.name}\) is inside Timeout .*, but (it|each)"
    ):
        Pipeline(Fallback(ScriptedProvider("one")), Timeout(), Misplaced())


async def test_whoever_means_it_may_have_any_order() -> None:
    """`check_order=False`; exactly one ROUTE layer is needed all the same."""
    pipeline = Pipeline(Fallback(ScriptedProvider("one")), Timeout(), Deadline(), check_order=False)
    assert (await pipeline.complete("Why?")).text == "ok"
    with pytest.raises(ConfigurationError, match="no target"):
        Pipeline(Timeout(), check_order=False)


def test_layers_of_one_place_may_stand_in_any_order() -> None:
    """Also several of one kind, but for ROUTE."""

    class Mine(Layer):
        pass

    for layers in itertools.permutations([Deadline(), Mine(), Mine()]):
        Pipeline(*layers, Fallback(ScriptedProvider("one")))


def test_a_stack_without_a_target_or_with_two_routes_is_refused() -> None:
    """The message names the remedy."""
    with pytest.raises(ConfigurationError, match=r"no target: add one ROUTE layer, such as Fallback"):
        Pipeline()
    with pytest.raises(ConfigurationError, match=r"no target"):
        Pipeline(Deadline(), Retry())
    route = Fallback(ScriptedProvider("one"))
    with pytest.raises(ConfigurationError, match=r"2 ROUTE layers: name all targets in one Fallback"):
        Pipeline(route, route)


@pytest.mark.parametrize("layer", ["openai/gpt-5.2", None, Retry, ScriptedProvider("one")])
def test_what_is_no_layer_is_refused(layer: Any) -> None:
    """A string, a class, a provider: the message shows it, and what to give."""
    with pytest.raises(ConfigurationError, match=r"Pipeline\(.*\): give layers, such as Fallback"):
        Pipeline(layer, Fallback(ScriptedProvider("one")))


def test_a_users_layer_stands_at_call_unless_it_says_otherwise() -> None:
    """The safest place: once per call."""
    assert Layer.place is Place.CALL
    assert sorted(Place) == [Place.CALL, Place.ROUTE, Place.RETRY, Place.ADMIT, Place.ATTEMPT]


async def test_a_layer_that_overrides_nothing_passes_everything_on() -> None:
    """The base class is a layer that does nothing."""
    pipeline = Pipeline(Layer(), Fallback(ScriptedProvider("one")))
    assert (await pipeline.complete("Why?")).text == "ok"
    assert repr(Layer()) == "Layer()"
