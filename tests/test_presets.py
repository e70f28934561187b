"""The stack that we recommend."""

from typing import Any

import pytest

from ranvier import SHARED, ConfigurationError, Deployment, UnknownProviderError, resilient
from ranvier.layers import Breaker, Bulkhead, Deadline, Fallback, Retry, Throttle, Timeout
from ranvier.providers import Azure, Bedrock, Ollama, Vertex
from ranvier.telemetry import OpenTelemetry
from ranvier.testing import ScriptedProvider, broken, stall, stream

pytestmark = pytest.mark.virtual_time


def layer(pipeline: Any, kind: type) -> Any:
    (found,) = [each for each in pipeline.layers if type(each) is kind]
    return found


def test_it_is_the_stack_of_the_design() -> None:
    """180 s for a call, two retries, a breaker 5/2 of 10 s doubling to 20, 15 s of silence at most."""
    pipeline = resilient("openai/gpt-5.2")
    assert [type(each) for each in pipeline.layers] == [Deadline, Fallback, Retry, Throttle, Breaker, Timeout]
    assert layer(pipeline, Deadline).seconds == 180
    assert layer(pipeline, Retry).max_retries == 2
    rules = layer(pipeline, Breaker).rules
    assert (rules.failure_threshold, rules.success_threshold) == (5, 2)
    assert (rules.cooldown, rules.max_cooldown, rules.max_probes) == (10, 20, 1)
    assert layer(pipeline, Timeout).limits.idle == 15


def test_layers_go_around_it() -> None:
    """Those of the user's come first."""
    watching = OpenTelemetry()
    assert resilient("openai/gpt-5.2", layers=[watching]).layers[0] is watching


def test_each_further_layer_is_put_at_its_place() -> None:
    """Outside the others of that place."""
    bulkhead = Bulkhead(20)
    kinds = [type(each) for each in resilient("openai/gpt-5.2", layers=[bulkhead]).layers]
    assert kinds == [Deadline, Fallback, Retry, Bulkhead, Throttle, Breaker, Timeout]


@pytest.mark.parametrize(
    ("targets", "allowances"),
    [
        (["openai/gpt-4.1"], [20]),
        (["anthropic/claude-sonnet-5"], [120]),
        (["ollama/llama3"], [120]),
        (["openai/gpt-4.1", "anthropic/claude-sonnet-5"], [20, 120]),
        (["ollama/llama3", "openai/gpt-4.1", "anthropic/claude-haiku-4-5"], [120, 20, 20]),
    ],
)
def test_each_target_has_the_time_that_its_model_needs(targets: list[str], allowances: list[float]) -> None:
    """20 s to the first content; 120 where it thinks silently, and for Ollama, which may have to load it."""
    pipeline = resilient(*targets)
    limits = [
        layer(pipeline, Timeout).settings_for(each).limits for each in layer(pipeline, Fallback).targets
    ]
    assert [each.first_token for each in limits] == allowances
    assert {(each.idle, each.seconds, each.connect) for each in limits} == {(15, None, 10)}


def test_a_provider_of_another_name_has_the_time_of_its_kind() -> None:
    """An Ollama on the next machine is an Ollama."""
    pipeline = resilient(Deployment(Ollama(name="gpu-2"), "llama3"))
    assert layer(pipeline, Timeout).limits.first_token == 120


def test_a_model_in_a_cloud_has_the_time_of_its_public_name() -> None:
    """Whatever its id looks like there; an id that tells nothing has the usual time."""
    azure = Azure("https://acme.openai.azure.com", deployments={"chat": "gpt-5.2", "small": "gpt-4.1"})
    bedrock = Bedrock("us-east-1", api_key="k")
    vertex = Vertex("acme", token=lambda: "t")
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1"
    targets = [
        (Deployment(azure, "chat"), 120),
        (Deployment(azure, "small"), 20),
        (Deployment(azure, "other"), 20),
        (Deployment(azure, "other", facts_of="gpt-5.2"), 120),
        (Deployment(bedrock, "us.anthropic.claude-sonnet-5"), 120),
        (Deployment(bedrock, "anthropic.claude-haiku-4-5-20251001-v1:0"), 20),
        (Deployment(bedrock, arn), 20),
        (Deployment(bedrock, arn, facts_of="anthropic.claude-sonnet-5"), 120),
        (Deployment(vertex, "claude-sonnet-5@20260101"), 120),
        (Deployment(vertex, "endpoints/1234", facts_of="gemini-2.5-flash"), 120),
    ]
    for target, seconds in targets:
        assert layer(resilient(target), Timeout).limits.first_token == seconds


async def test_a_silent_target_is_left_after_a_third_of_its_time() -> None:
    """And a call that has fallen silent in its middle, after fifteen seconds; the next target answers."""
    silent = ScriptedProvider("one", [stall(), stream("a", stall())])
    pipeline = resilient(silent, ScriptedProvider("two", ["fine"]))
    for seconds in (20 / 3, 15):
        answer = await pipeline.complete("Why?")
        assert (answer.text, answer.story.seconds) == ("fine", pytest.approx(seconds, abs=0.01))


async def test_what_it_is_given_reaches_the_pipeline() -> None:
    """Credentials, listeners, and whether a tenant is required."""
    seen: list[Any] = []
    provider = ScriptedProvider("one", [broken(), "fine"])
    pipeline = resilient(
        Deployment(provider, "m"),
        credentials=lambda tenant, name: SHARED if tenant == "acme" else "theirs",
        listeners=(seen.append,),
        require_tenant=True,
    )
    with pytest.raises(ConfigurationError, match="requires"):
        pipeline.complete("Why?")
    await pipeline.complete("Why?", tenant="globex")
    assert [call.credential for call in provider.calls] == ["theirs", "theirs"]
    assert [event.name for event in seen] == ["retry"]


def test_it_needs_targets_that_there_are() -> None:
    """None, or an unknown name, is refused at once, with what is known."""
    with pytest.raises(ConfigurationError, match="at least one target"):
        resilient()
    with pytest.raises(UnknownProviderError, match=r"'nobody' is unknown.*openai"):
        resilient("nobody/model")
