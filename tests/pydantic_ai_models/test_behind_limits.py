"""What a model of pydantic-ai behind the layers is not sent, or leaves out: nothing of it in silence."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest
from pydantic_ai.concurrency import ConcurrencyLimiter
from pydantic_ai.exceptions import ConcurrencyLimitExceeded
from pydantic_ai.messages import ModelResponse, TextPart
from pydantic_ai.models.concurrency import ConcurrencyLimitedModel
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.function import FunctionModel
from pydantic_ai.models.wrapper import WrapperModel

from ranvier import SHARED, Access, ConfigurationError, Deployment, Pipeline, errors
from ranvier.events import RequestAdjusted
from ranvier.integrations import transport
from ranvier.layers import Fallback, Retry
from ranvier.providers import OpenAI, Stub, from_pydantic_ai
from ranvier.simulator import Slow, Status
from ranvier.testing import assert_settled
from support.pydantic_ai_models.models import Models


class Silent(FunctionModel):
    """A model whose class ignores a setting, and whose SDK may retry."""

    unsupported_settings = frozenset({"seed", "max_retries"})


class Kept:
    """Answers as a model of pydantic-ai, and keeps the settings that it was given."""

    def __init__(self) -> None:
        self.settings: list[dict[str, Any]] = []

    def __call__(self, messages: Any, info: Any) -> ModelResponse:
        self.settings.append(dict(info.model_settings or {}))
        return ModelResponse(parts=[TextPart("Because.")])

    def model(self, kind: type[FunctionModel] = FunctionModel, **arguments: Any) -> FunctionModel:
        return kind(self, model_name="played", **arguments)


# --- retries ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "around",
    [lambda model: model, WrapperModel, lambda model: FallbackModel(Kept().model(), model)],
    ids=["alone", "wrapped", "a fallback"],
)
def test_retries_that_no_setting_reaches_are_rejected(around: Any) -> None:
    """With the remedy; also below another model."""
    model = around(Kept().model(Silent))
    with pytest.raises(ConfigurationError, match=r"its class has no max_retries=0.*retries_off=True"):
        from_pydantic_ai(model)
    assert from_pydantic_ai(model, retries_off=True, name="behind").name == "behind"


# --- settings --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("around", [WrapperModel, FallbackModel], ids=["wrapped", "a fallback"])
async def test_a_setting_that_a_model_within_ignores_passes_it_over(around: Any, models: Models) -> None:
    kept = Kept()
    model = around(kept.model(Silent))
    pipeline = models.whole(from_pydantic_ai(model, name="behind", retries_off=True), Stub("The next."))
    assert (await pipeline.complete("Why?", seed=3)).text == "The next."
    assert not kept.settings


async def test_a_setting_that_the_profile_ignores_passes_the_model_over(models: Models) -> None:
    """As a model of OpenAI's that takes no temperature."""
    kept = Kept()
    profile: Any = {"openai_unsupported_model_settings": ("temperature",)}
    pipeline = models.whole(from_pydantic_ai(kept.model(profile=profile)), Stub("The next."))
    assert (await pipeline.complete("Why?", temperature=0.5)).text == "The next."
    assert not kept.settings


async def test_thoughts_and_caches_are_left_out_where_there_are_none(models: Models) -> None:
    """As by our own providers, and an event says so."""
    kept = Kept()
    seen: list[Any] = []
    pipeline = models.whole(from_pydantic_ai(kept.model()))
    pipeline.events.add(seen.append)
    await pipeline.complete("Why?", reasoning="low", cache=True)
    assert kept.settings == [{"max_retries": 0}]
    adjusted = [event for event in seen if isinstance(event, RequestAdjusted)]
    assert {(event.parameter, event.change) for event in adjusted} == {
        ("reasoning", "left out"),
        ("cache", "left out"),
    }


async def test_the_models_own_fields_stay(models: Models) -> None:
    """Beside those of the call, which count more."""
    kept = Kept()
    own: Any = {"extra_body": {"a": 1, "b": 1}, "temperature": 0.1}
    pipeline = models.whole(from_pydantic_ai(kept.model(settings=own), name="behind"))
    await pipeline.complete("Why?", extra={"behind": {"b": 2}}, temperature=0.5)
    assert kept.settings[0]["extra_body"] == {"a": 1, "b": 2}
    assert kept.settings[0]["temperature"] == 0.5


# --- keys and requests of others -------------------------------------------------------------------------


async def test_a_key_of_a_tenant_is_not_lost(models: Models) -> None:
    """The model has its own, with which nothing is sent in the name of a tenant."""
    kept = Kept()

    def keys(tenant: str, provider: str) -> Any:
        return {"acme": "sk-acme", "globex": Access(headers={"x-team": "blue"})}.get(tenant, SHARED)

    provider = from_pydantic_ai(kept.model(), name="behind")
    async with Pipeline(Fallback(provider), Retry(0), credentials=keys) as pipeline:
        for tenant in ("acme", "globex"):
            with pytest.raises(errors.CredentialUnusableError) as caught:
                await pipeline.complete("Why?", tenant=tenant)
            assert "sk-acme" not in str(caught.value)
        assert not kept.settings
        assert (await pipeline.complete("Why?", tenant="initech")).text == "Because."


async def test_a_request_of_an_sdk_is_not_answered_by_another_api(models: Models) -> None:
    """It is written for one API, and a model of pydantic-ai would be asked something else."""
    models.simulator.always("openai", Status(503))
    openai = OpenAI("sk-x", api="chat", base_url=models.simulator.url("openai"))
    kept = Kept()
    route = Fallback(Deployment(openai, "gpt-5.2"), from_pydantic_ai(kept.model(), name="behind"))
    chat = {"model": "gpt-5.2", "messages": [{"role": "user", "content": "Why?"}]}
    async with (
        Pipeline(route, Retry(0)) as pipeline,
        httpx2.AsyncClient(transport=transport(pipeline)) as http,
    ):
        answer = await http.post("https://api.openai.com/v1/chat/completions", json=chat)
    assert answer.status_code == 503
    assert not kept.settings


async def test_a_part_that_a_model_cannot_be_sent_passes_it_over(models: Models) -> None:
    """Some models raise a `NotImplementedError` for it."""

    def answer(messages: Any, info: Any) -> ModelResponse:
        raise NotImplementedError("VideoUrl is not supported")

    pipeline = models.whole(from_pydantic_ai(FunctionModel(answer, model_name="played")), Stub("The next."))
    assert (await pipeline.complete("Why?")).text == "The next."


async def test_a_limit_of_their_own_counts_against_nobody(models: Models) -> None:
    """`ConcurrencyLimitedModel` refuses for itself; the provider is well."""

    def answer(messages: Any, info: Any) -> ModelResponse:
        raise ConcurrencyLimitExceeded("too many")

    pipeline = models.pipeline(from_pydantic_ai(FunctionModel(answer, model_name="played")))
    for _ in range(6):
        with pytest.raises(errors.OverloadedError):
            await pipeline.complete("Why?")


# --- time and cancellation -------------------------------------------------------------------------------


@pytest.mark.parametrize("setting", ["request_timeout", "first_event_timeout"])
async def test_a_limit_of_the_model_is_a_timeout_of_the_attempt(setting: str, models: Models) -> None:
    models.simulator.play("openai", Slow(5))
    pipeline = models.pipeline(from_pydantic_ai(models.theirs(settings={setting: 0.2})), Stub("The next."))
    async with pipeline.stream("Why?") as stream:
        answer = await stream.collect()
    assert answer.text == "The next."
    assert answer.attempts[0].outcome == "timeout"


async def test_a_stream_may_be_read_and_closed_by_other_tasks(models: Models) -> None:
    """Their limits on time do not belong to the task that began it."""
    pipeline = models.behind(settings={"request_timeout": 5})
    opened = pipeline.stream("Why?")
    stream = await asyncio.create_task(opened.__aenter__())
    first = await asyncio.create_task(anext(stream))
    assert first.has_content
    await asyncio.create_task(stream.aclose())
    assert_settled(pipeline)


async def test_a_whole_answer_may_be_cancelled_within_their_limits(models: Models) -> None:
    models.simulator.always("openai", Slow(5))
    limited = ConcurrencyLimitedModel(models.theirs(settings={"request_timeout": 9}), ConcurrencyLimiter(1))
    pipeline = models.pipeline(from_pydantic_ai(limited))
    for _ in range(2):  # the second one gets the place of the first
        models.simulator.requests.clear()
        call = asyncio.create_task(pipeline.complete("Why?"))
        await models.asked()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert_settled(pipeline)
