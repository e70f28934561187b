"""The status page of a service in a real browser: two workers with one store, of which either may answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from ranvier import Pipeline
from ranvier.asgi import status_app
from ranvier.errors import OverloadedError, RanvierError
from ranvier.layers import Breaker, Fallback, Retry, SharedCircuits
from ranvier.testing import ScriptedProvider
from support.browser.chromium import Page
from support.browser.serving_pages import serving
from support.fleet.stores import TroubledStore, hangs

pytestmark = pytest.mark.once

LEVEL = "document.getElementById('head').dataset.level"
WORKERS = "[...document.querySelectorAll('#workers tbody tr')].map(row => row.innerText)"
TROUBLES = "[...document.querySelectorAll('#troubles tbody tr')].map(row => row.innerText)"
WHOSE = "[...document.querySelectorAll('.whose')].map(each => each.textContent)"
SUCCESS = "(document.querySelector('#tiles > div:nth-child(2)')?.innerText ?? '')"
LABELS = "[...document.querySelectorAll('.own')].filter(each => each.checkVisibility()).length"


class Scene:
    """Two workers behind one address, which answer in turn.

    Attributes:
        store: What they share.
        pipelines: Theirs.
        down: Whether the provider refuses everybody.
        url: Of the page.
    """

    def __init__(self) -> None:
        self.store = TroubledStore()
        self.down = False
        self.url = ""
        self.pipelines = [self._pipeline() for _ in range(2)]
        self._apps = [status_app(each) for each in self.pipelines]
        self._asked = 0

    def _pipeline(self) -> Pipeline:
        return Pipeline(
            Fallback(ScriptedProvider("anthropic", lambda call: self._answer()), ScriptedProvider("openai")),
            Retry(max_retries=0),
            Breaker(failure_threshold=2, cooldown=300, shared=SharedCircuits(votes=3, cooldown=300)),
            store=self.store,
        )

    def _answer(self) -> str | RanvierError:
        return OverloadedError("not now", provider="anthropic") if self.down else "ok"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """As a load balancer does, send each request to the next worker."""
        self._asked += scope["path"].endswith("status.json")
        await self._apps[self._asked % 2](scope, receive, send)

    async def ask(self, worker: int, *tenants: str) -> None:
        """Let each tenant ask a worker twice."""
        for tenant in tenants * 2:
            await self.pipelines[worker].complete("Why?", tenant=tenant)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """Both workers live, and are served."""
    async with AsyncExitStack() as stack:
        made = Scene()
        for pipeline in made.pipelines:
            await stack.enter_async_context(pipeline)
        made.url = await stack.enter_async_context(serving(made))
        yield made


async def test_the_numbers_are_those_of_both_workers_whoever_answers(page: Page, scene: Scene) -> None:
    """They do not jump from one look to the next, and the page says whose they are."""
    await scene.ask(0, "acme")
    await scene.ask(1, "beta", "gamma")
    await page.open(scene.url)
    await page.until(f"{SUCCESS}.includes('6 calls')", seconds=8)
    assert await page.run(WHOSE) == [", of 2 workers"] * 2
    assert await page.run(LABELS) >= 4
    asked = len(page.requested)
    for _ in range(9):  # the page asks every two seconds, and another worker answers
        await page.run("new Promise((then) => setTimeout(then, 500))")
        assert "6 calls" in await page.run(SUCCESS)
    assert len(page.requested) > asked + 1
    assert page.complaints == []


async def test_the_workers_are_listed_with_what_is_not_well_and_by_whom(page: Page, scene: Scene) -> None:
    """Where each runs, and which of them opened a circuit; whichever answers, it is trouble."""
    await page.open(scene.url)
    await page.until(f"{WORKERS}.length === 2", seconds=8)
    assert "2 live; this is " in await page.text("#service-count")
    assert await page.run(TROUBLES) == []
    assert all("ago" in row for row in await page.run(WORKERS))
    scene.down = True
    await scene.ask(0, "acme", "beta")
    await scene.ask(1, "gamma", "delta")
    await page.until(f"{TROUBLES}.some(row => row.startsWith('open'))", seconds=12)
    (shared,) = [row for row in await page.run(TROUBLES) if "circuit anthropic/scripted" in row]
    assert "process" in shared
    ids = [row.split()[0] for row in await page.run(WORKERS)]
    assert any(each in shared for each in ids)
    await page.until(f"{LEVEL} === 'trouble'", seconds=8)
    assert page.complaints == []


async def test_without_the_store_a_worker_shows_its_own_numbers_and_says_so(page: Page, scene: Scene) -> None:
    """As the two answer in turn, the page shows now the one, now the other."""
    await scene.ask(0, "acme")
    await page.open(scene.url)
    await page.until(f"{WORKERS}.length === 2", seconds=8)
    scene.store.trouble = hangs
    await page.until(f"{WHOSE}[0] === ', of this worker: the store cannot be reached'", seconds=12)
    assert "the store cannot be reached: this worker decides alone" in await page.text("#service-count")
    assert page.complaints == []


async def test_without_a_store_nothing_is_labelled(page: Page) -> None:
    """A pipeline alone has no workers."""
    pipeline = Pipeline(Fallback(ScriptedProvider("openai")), Breaker())
    async with pipeline, serving(status_app(pipeline)) as url:
        await page.open(url)
        await page.until(f"{LEVEL} === 'well'")
        assert await page.run("document.getElementById('service').hidden")
        assert await page.run(WHOSE) == ["", ""]
        assert await page.run(LABELS) == 0


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1360, 900), (390, 844)], ids=["wide", "narrow"])
async def test_it_is_legible(page: Page, scene: Scene, width: int, height: int, dark: bool) -> None:
    """In light and dark, on a desk and on a phone."""
    await page.like(width=width, height=height, dark=dark)
    await scene.pipelines[0].circuits.isolate("acme", "anthropic")
    await page.open(scene.url)
    await page.until(f"{TROUBLES}.length === 1 && {WORKERS}.length === 2", seconds=8)
    await page.show(f"service-{width}-{'dark' if dark else 'light'}", whole=width < 600)
    assert await page.illegible() == []
    assert await page.unnamed() == []
    assert await page.run("document.documentElement.scrollWidth") <= width
    assert page.complaints == []
