"""On whose behalf a call is made."""

import asyncio
import contextvars
from collections.abc import Generator
from typing import Any

import pytest

from ranvier import ConfigurationError, ConnectionFailedError, Pipeline, current_tenant, tenant
from ranvier.layers import Breaker, Fallback
from ranvier.testing import ScriptedProvider, broken

pytestmark = pytest.mark.virtual_time


def pipeline_of(**settings: Any) -> tuple[Pipeline, ScriptedProvider]:
    provider = ScriptedProvider("one")
    return Pipeline(Fallback(provider), Breaker(), **settings), provider


async def test_the_tenant_is_read_when_the_call_is_made() -> None:
    """Not when it is awaited, nor where."""
    pipeline, provider = pipeline_of()
    with tenant("acme"):
        whole, streamed = pipeline.complete("Why?"), pipeline.stream("Why?")
    with tenant("globex"):
        await whole
        await (await asyncio.create_task(asyncio.wait_for(streamed, None))).collect()
    assert [call.tenant for call in provider.calls] == ["acme", "acme"]


async def test_a_tenant_of_the_call_goes_over_that_of_the_block() -> None:
    """And without either it is "default"."""
    pipeline, provider = pipeline_of()
    with tenant("acme"):
        await pipeline.complete("Why?", tenant="globex")
    await pipeline.complete("Why?")
    assert [call.tenant for call in provider.calls] == ["globex", "default"]


async def test_tenants_do_not_leak_between_tasks() -> None:
    """A task has the tenant of the code that started it; changing it elsewhere changes nothing."""
    pipeline, provider = pipeline_of()

    async def ask(name: str) -> None:
        with tenant(name):
            await asyncio.sleep(1)
            await pipeline.complete("Why?")

    with tenant("outer"):
        child = asyncio.create_task(pipeline.complete("Why?"))
        await asyncio.gather(*(ask(f"tenant {n}") for n in range(9)))
        assert current_tenant() == "outer"
    await child
    assert sorted(call.tenant for call in provider.calls) == ["outer", *(f"tenant {n}" for n in range(9))]
    assert current_tenant() is None


def test_blocks_nest() -> None:
    """The innermost counts, and leaving it brings the outer one back, also by an error."""
    with tenant("outer") as name:
        assert name == current_tenant() == "outer"
        with pytest.raises(ValueError, match="x"), tenant("inner"):
            raise ValueError("x")
        assert current_tenant() == "outer"
    assert current_tenant() is None
    assert repr(tenant("acme")) == "tenant('acme')"


@pytest.mark.parametrize("ask", ["complete", "stream"])
async def test_a_pipeline_may_require_a_tenant(ask: str) -> None:
    """A call without one is refused at once, and the message says how to give it."""
    pipeline, provider = pipeline_of(require_tenant=True)
    with pytest.raises(ConfigurationError, match=r"tenant=None.*with tenant"):
        getattr(pipeline, ask)("Why?")
    await pipeline.complete("Why?", tenant="acme")
    with tenant("acme"):
        await pipeline.complete("Why?")
    assert len(provider.calls) == 2


@pytest.mark.parametrize(
    "name", ["", "a\nb", "a\x00b", "\u202eb", "x" * 257, "x" * 10_000, 7, None, b"acme", ["acme"]]
)
def test_a_tenant_that_cannot_be_a_key_is_refused(name: Any) -> None:
    """Empty, huge, with control characters, or no text; the message is short and names the rule."""
    with pytest.raises(ConfigurationError, match=r"tenant=.*give") as raised:
        tenant(name)
    assert len(str(raised.value)) < 200
    if name is not None:
        pipeline, _ = pipeline_of()
        with pytest.raises(ConfigurationError, match=r"tenant=.*give"):
            pipeline.complete("Why?", tenant=name)


@pytest.mark.parametrize("name", ["acme", "Zoë & Söhne", "../../etc", "租户", "a:b|c", "x" * 256])
async def test_any_printable_name_is_a_tenant(name: str) -> None:
    """It is a key and nothing else, so that no character of it means anything."""
    pipeline, _ = pipeline_of()
    with tenant(name):
        await pipeline.complete("Why?")
    assert pipeline.circuits.state(name, "one") == "closed"


async def test_tenants_fail_apart() -> None:
    """One tenant's open circuit is not another's."""
    provider = ScriptedProvider("one", lambda call: broken() if call.tenant == "acme" else "fine")
    pipeline = Pipeline(Fallback(provider), Breaker(failure_threshold=1))
    with pytest.raises(ConnectionFailedError):
        await pipeline.complete("Why?", tenant="acme")
    assert (await pipeline.complete("Why?", tenant="globex")).text == "fine"
    assert pipeline.circuits.state("acme", "one") == "open"
    assert pipeline.circuits.state("globex", "one") == "closed"


ACME = tenant("acme")


async def test_one_block_object_serves_many_tasks_at_once() -> None:
    """It may be a constant of a module; nothing of a task is kept on it."""

    async def ask() -> str | None:
        with ACME:
            await asyncio.sleep(1)
            return current_tenant()

    assert await asyncio.gather(*(asyncio.create_task(ask()) for _ in range(3))) == ["acme"] * 3
    assert current_tenant() is None


def test_one_block_object_nests_within_itself() -> None:
    """Each leaving undoes one entering."""
    with ACME:
        with tenant("globex"), ACME:
            assert current_tenant() == "acme"
        assert current_tenant() == "acme"
    assert current_tenant() is None


def test_blocks_left_in_another_order_undo_only_themselves() -> None:
    """A generator's block that ends after another was entered takes nothing from that one."""

    def generator() -> Generator[str | None]:
        with tenant("first"):
            yield current_tenant()
            yield current_tenant()

    steps = generator()
    assert next(steps) == "first"
    with tenant("second"), tenant("third"):
        assert next(steps) == "third"
        steps.close()
        assert current_tenant() == "third"
    assert current_tenant() is None


def test_a_block_left_in_another_context_leaves_that_context_alone() -> None:
    """As where a generator is closed by another task than the one that began it."""

    def generator() -> Generator[None]:
        with tenant("first"):
            yield

    steps = generator()
    contextvars.copy_context().run(next, steps)
    with tenant("second"):
        steps.close()
        assert current_tenant() == "second"
    assert current_tenant() is None
