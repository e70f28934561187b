"""Bad input is a typed error at the earliest moment, by the name of the parameter, its value and the remedy.

One line for each kind; prompts, options and tenants have more of them in `tests/pipeline`.
"""

# mypy: disable-error-code="arg-type, dict-item, list-item"
# because all of it is wrong on purpose

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest

from ranvier import (
    ConfigurationError,
    CredentialMissingError,
    Deployment,
    LayerOrderError,
    Message,
    Pipeline,
    UnknownProviderError,
    tenant,
)
from ranvier.layers import Balance, Breaker, Chaos, Deadline, Fallback, Retry, SpendLimit, Timeout
from ranvier.providers import OpenAI
from ranvier.testing import ScriptedProvider

A, B = ScriptedProvider("a"), ScriptedProvider("b")


def ask(prompt: Any = "Why?", **options: Any) -> None:
    """A call that is refused before it is awaited."""
    Pipeline(Fallback(A, B)).complete(prompt, **options)


BUILDING: list[tuple[Callable[[], object], str, str]] = [
    (lambda: Pipeline(), "no target", "add one ROUTE layer, such as Fallback("),
    (lambda: Fallback(), "Fallback()", "name at least one target, such as 'anthropic/"),
    (lambda: Pipeline(Fallback(A), Fallback(B)), "2 ROUTE layers", "all targets in one Fallback("),
    (lambda: Pipeline(Fallback(A), Retry), "Pipeline(<class", "give layers, such as"),
    (lambda: Pipeline(Fallback(A), "retry"), "Pipeline('retry')", "give layers, such as"),
    (lambda: Fallback(7), "provider=7", "give a provider, such as OpenAI()"),
    (lambda: Fallback(OpenAI), "provider=<class", "give a provider, such as OpenAI()"),
    (lambda: Deployment("openai", "gpt-5.2"), "provider='openai'", "give a provider, such as OpenAI()"),
    (lambda: Deployment(A, ""), "model='' (0 characters)", "give 1 to 256 printable characters"),
    (lambda: Deployment(A, "gpt\x1b[2J"), "model='gpt\\x1b[2J'", "printable characters"),
    (lambda: Deployment(A, "m" * 10_000), "(10000 characters)", "1 to 256 printable"),
    (lambda: Deployment(A, context_window=0), "context_window=0", "1 or more"),
    (lambda: Fallback("openai/\n"), "target 'openai/\\n'", "without commas and spaces around it"),
    (lambda: Fallback("openai/\0"), "model='\\x00'", "printable characters"),
    (lambda: Fallback(A, chains={"a": "b"}), "chains={'a': 'b'}", "pass a list of targets"),
    (lambda: Retry(max_retries=-1), "Retry(max_retries)=-1", "give a whole number, 0 or more"),
    (lambda: Retry(max_retries=1.5), "Retry(max_retries)=1.5", "give a whole number, 0 or more"),
    (lambda: Retry(jitter="some"), "Retry(jitter)='some'", "choose one of 'full', 'equal', 'none'"),
    (lambda: Retry(multiplier=0.5), "Retry(multiplier)=0.5", "give a finite number, 1 or more"),
    (lambda: Breaker(failure_threshold=0), "Breaker(failure_threshold)=0", "1 or more"),
    (lambda: Breaker(success_threshold=True), "Breaker(success_threshold)=True", "1 or more"),
    (lambda: Breaker(max_probes=0), "Breaker(max_probes)=0", "1 or more"),
    (lambda: Breaker(max_circuits=0), "Breaker(max_circuits)=0", "1 or more"),
    (lambda: Timeout(idle=-5), "Timeout(idle)=-5", "a number of seconds, 0 or more, or None"),
    (lambda: Timeout(overrides={"a": Retry()}), "overrides={'a': Retry(", "give a Timeout by 'provider'"),
    (lambda: Timeout(overrides=["a"]), "Timeout(overrides) is a list", "give a Timeout by 'provider'"),
    (
        lambda: Timeout(overrides={"a": Timeout(overrides={"a/b": Timeout()})}),
        "its own overrides have no effect",
        "to the outer Timeout",
    ),
    (lambda: Deadline(10**400), "Deadline(seconds)=1000", "a number of seconds"),
    (lambda: Breaker(shared=True), "Breaker(shared)=True", "give SharedCircuits(...)"),
    (lambda: Breaker(overrides={"a": Breaker(key=str)}), "Breaker(overrides)", "to the outer Breaker"),
    (lambda: Fallback(A, chains=["a"]), "Fallback(chains) is a list", "a dict of lists of targets"),
    (lambda: Fallback(A, chains={"a": 1}), "chains={'a': 1}", "pass a list of targets"),
    (lambda: Balance(A, B, weights=1), "Balance(weights)=1", "give one for each of the 2 targets"),
    (lambda: SpendLimit(10**400, 60), "SpendLimit(per_tenant)=1000", "a finite number"),
    (lambda: SpendLimit(1, 60, image_tokens=["a"]), "SpendLimit(image_tokens) is a list", "a dict"),
    (lambda: SpendLimit(1, 60, image_tokens={"a": -5}), "SpendLimit(image_tokens)=-5", "1 or more"),
    (lambda: Chaos("slow", seed=[1]), "Chaos(seed)=[1]", "give a whole number, or None"),
    (lambda: Pipeline(Fallback(A), credentials="key"), "credentials=str", "give a function"),
    (lambda: Pipeline(Fallback(A), listeners=["log"]), "listeners holds 'log'", "give functions"),
    (lambda: ask(7), "prompt is a int", "give a str, a list of messages, or a Request"),
    (lambda: ask([]), "prompt=[]", "give at least one message"),
    (lambda: ask([Message.tool("c1", "42")]), "messages[0]", "append response.message before"),
    (lambda: ask(max_tokens=-1), "max_tokens=-1", "give a whole number, 1 or more"),
    (lambda: ask(tenant="x" * 10_000), "(10000 characters)", "give 1 to 256 printable"),
    (lambda: tenant("a\x00b"), "tenant='a\\x00b'", "printable characters"),
]


@pytest.mark.parametrize(("make", "named", "remedy"), BUILDING, ids=[named for _, named, _ in BUILDING])
def test_what_cannot_work_is_refused_when_it_is_written(
    make: Callable[[], object], named: str, remedy: str
) -> None:
    """Not when it is awaited, not at the first failure."""
    with pytest.raises(ConfigurationError, match=re.escape(named)) as failure:
        make()
    assert remedy in str(failure.value)
    assert len(str(failure.value)) < 300


KNOWN = "anthropic, azure, bedrock, gemini, glm, kimi, ollama, openai, openrouter, stub, vertex"


@pytest.mark.parametrize(
    ("make", "named", "known"),
    [
        (lambda: Fallback("nobody/gpt-5.2"), "'nobody'", KNOWN),
        (lambda: Fallback(""), "''", KNOWN),
        (lambda: Fallback(A, chains={"a": ["nobody"]}), "'nobody'", KNOWN),
        (lambda: Fallback(A, chains={"nobody": ["a"]}), "'nobody'", "a/scripted"),
        (lambda: ask(to="openai"), "'openai'", "a/scripted, b/scripted"),
        (lambda: ask(to="a/other"), "'a/other'", "a/scripted, b/scripted"),
    ],
)
def test_an_unknown_target_is_told_those_that_are_known(
    make: Callable[[], object], named: str, known: str
) -> None:
    """By provider, by model, as a chain, and as the start of a call."""
    with pytest.raises(UnknownProviderError, match=re.escape(named)) as failure:
        make()
    assert known in str(failure.value)


@pytest.mark.parametrize(
    "layers",
    [
        (Fallback(A), Deadline()),
        (Retry(), Fallback(A)),
        (Fallback(A), Breaker(), Retry()),
        (Fallback(A), Timeout(), Breaker()),
    ],
)
def test_a_wrong_order_is_refused_with_the_corrected_stack(layers: Any) -> None:
    """The message says why, and prints the stack as it should be; `check_order=False` means it."""
    with pytest.raises(LayerOrderError) as failure:
        Pipeline(*layers)
    reason, _, stack = str(failure.value).partition("check_order=False if you mean it:\n")
    assert f"{type(layers[-1]).__name__} (" in reason
    names = re.findall(r"^    (\w+)\(", stack, re.MULTILINE)
    assert names == [type(layer).__name__ for layer in sorted(layers, key=lambda each: each.place)]
    Pipeline(*layers, check_order=False)


async def test_a_closed_pipeline_refuses_calls_before_they_are_awaited() -> None:
    """And says how to go on."""
    pipeline = Pipeline(Fallback(A))
    await pipeline.aclose()
    for way in (pipeline.complete, pipeline.stream):
        with pytest.raises(ConfigurationError, match="is closed: build another, or reopen it"):
            way("Why?")


async def test_a_second_event_loop_is_refused_before_anything_is_sent() -> None:
    """Not by a deadlock or an error deep inside a connection."""
    provider = ScriptedProvider("only")
    pipeline = Pipeline(Fallback(provider))
    await pipeline.complete("Why?")

    def elsewhere() -> None:
        with asyncio.Runner() as runner:
            runner.run(pipeline.complete("Why?"))

    with pytest.raises(ConfigurationError, match=r"belongs to another event loop: close it there"):
        await asyncio.to_thread(elsewhere)
    assert len(provider.calls) == 1
    await pipeline.aclose()


async def test_a_missing_key_is_told_by_the_variable_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the call, before anything is sent."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    async with Pipeline(Fallback("openai/gpt-5.2")) as pipeline:
        with pytest.raises(CredentialMissingError, match=r"no key for openai: set OPENAI_API_KEY, or give"):
            await pipeline.complete("Why?")
        with pytest.raises(CredentialMissingError):
            await pipeline.stream("Why?")
