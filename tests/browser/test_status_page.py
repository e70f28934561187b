"""The status page in a real browser: trouble is seen, found and mended, by everybody and in any light."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from ranvier import Pipeline
from ranvier.asgi import status_app
from ranvier.errors import OverloadedError, RanvierError
from ranvier.layers import Breaker, Fallback, Retry, SharedCircuits
from ranvier.testing import ScriptedProvider
from support.asgi.told import call
from support.browser.chromium import Page
from support.browser.serving_pages import serving

pytestmark = pytest.mark.once

TOKEN = "a-token-that-nobody-guesses"
NASTY = "<img src=x onerror=alert(1)><script>alert(2)</script>"
ROWS = "[...document.querySelectorAll('#circuits tbody tr')].map(row => row.innerText)"
LEVEL = "document.getElementById('head').dataset.level"


class Scene:
    """A pipeline of two providers, of which the first is down when it is told to be, and its page.

    Attributes:
        down: Whether the first provider refuses everybody.
        url: Of the page.
    """

    def __init__(self) -> None:
        self.down = False
        self.url = ""
        first = ScriptedProvider("anthropic", lambda call: self._answer())
        self.pipeline = Pipeline(
            Fallback(first, ScriptedProvider("openai")),
            Retry(max_retries=0),
            Breaker(failure_threshold=2, cooldown=300, shared=SharedCircuits(votes=3, cooldown=300)),
        )
        self.app = status_app(self.pipeline, token=TOKEN)

    def _answer(self) -> str | RanvierError:
        return OverloadedError("not now", provider="anthropic") if self.down else "ok"

    async def ask(self, *tenants: str, times: int = 2) -> None:
        """Let each tenant ask a few times."""
        for tenant in tenants:
            for _ in range(times):
                await self.pipeline.complete("Why?", tenant=tenant)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """Served where a real application has it: mounted, and asked for without a slash at its end."""
    made = Scene()
    outer = Starlette(routes=[Mount("/ops/ranvier", made.app)])
    async with made.pipeline, serving(outer) as address:
        made.url = f"{address}/ops/ranvier"
        yield made


async def test_a_circuit_that_opens_is_seen_within_seconds(page: Page, scene: Scene) -> None:
    """In the headline, the title, the provider's row and its own, by words and marks, not by colour alone."""
    await scene.ask("acme", "beta")
    await page.open(scene.url)
    await page.until(f"{LEVEL} === 'well'")
    assert await page.text("h1") == "All is well"
    assert (await page.run(ROWS))[0].split()[:3] == ["closed", "acme", "anthropic"]
    scene.down = True
    await scene.ask("beta")
    await page.until(f"{LEVEL} === 'trouble'", seconds=6)
    assert "1 circuit open at anthropic" in await page.text("h1")
    assert "1 circuit open at anthropic" in await page.run("document.title")
    assert (await page.run(ROWS))[0].split()[:3] == ["open", "beta", "anthropic"]
    assert "trouble" in await page.text("#providers tbody tr")
    assert await page.run("document.querySelector('#icon').getAttribute('href')") == "#trouble"
    assert "beta: circuit closed \u2192 open" in await page.text("#changes")
    assert page.complaints == []


async def test_nothing_is_asked_for_but_its_own_address(page: Page, scene: Scene) -> None:
    """Neither fonts nor scripts, from nobody."""
    await page.open(scene.url)
    await page.until("document.querySelectorAll('#providers tbody tr').length === 2")
    asked = [url for url in page.requested if not url.startswith("data:")]
    assert asked
    assert all(url.startswith(scene.url) for url in asked), asked
    assert page.complaints == []


async def test_what_a_tenant_is_called_is_only_shown(page: Page, scene: Scene) -> None:
    """A name that is a script, or a picture that is none, does nothing but stand there."""
    scene.down = True
    await scene.ask(NASTY)
    await page.open(scene.url)
    await page.until(f"{LEVEL} === 'trouble'")
    assert NASTY in (await page.run(ROWS))[0]
    assert NASTY in await page.text("#changes")
    assert await page.run("document.querySelectorAll('main img, main script').length") == 0
    assert page.complaints == []


async def test_circuits_are_found_by_typing(page: Page, scene: Scene) -> None:
    """By the server, which tells how many there are; what was found stays found at the next look."""
    await scene.ask(*(f"tenant-{number}" for number in range(60)), times=1)
    await page.open(scene.url)
    await page.until(f"{ROWS}.length === 50")
    assert "60, 0 not closed, 50 shown" in await page.text("#circuits-count")
    await page.click("#more")
    await page.until(f"{ROWS}.length === 60")
    await page.click("#search")
    await page.type("TENANT-42")
    await page.until(f"{ROWS}.length === 1")
    assert "1 found among 60" in await page.text("#circuits-count")
    await scene.ask("tenant-421", times=1)
    await page.until(f"{ROWS}.length === 2", seconds=6)
    assert await page.run("document.activeElement.id") == "search"
    assert page.complaints == []


async def test_failing_tenants_come_first(page: Page, scene: Scene) -> None:
    """With what happened to each, and whatever they are called."""
    await scene.ask("beta", times=5)
    scene.pipeline.events.emit(call(outcome="overloaded", tenant="<b>acme</b>"))
    scene.pipeline.events.emit(call(outcome="credential_missing", tenant="keyless"))
    await page.open(scene.url)
    rows = "[...document.querySelectorAll('#tenants tbody tr')]"
    rows += ".map(each => each.innerText.split(/\\s+/).join(' '))"
    await page.until(f"{rows}.length === 3")
    none = "\u2013"
    assert await page.run(rows) == [
        f"<b>acme</b> 1 1 {none} {none} {none}",
        f"beta 5 {none} {none} {none} {none}",
        f"keyless 1 {none} {none} {none} 1",
    ]
    assert "1 with failed calls" in await page.run("document.getElementById('tenants-count').innerText")
    assert "1 without a key" in await page.run("document.getElementById('tiles').innerText")


async def test_an_outage_is_told_by_its_shared_circuit(page: Page, scene: Scene) -> None:
    """How many tenants vote against the target, and that the circuit concerns all of them."""
    rows = "[...document.querySelectorAll('#shared tbody tr')].map(row => row.innerText)"
    await page.open(scene.url)
    await page.until("document.querySelectorAll('#providers tbody tr').length === 2")
    assert await page.run("document.getElementById('shared').hidden")
    await scene.ask("acme", "beta", "gamma", times=1)
    await page.until(f"{rows}.length === 2", seconds=6)
    assert "2, 0 not closed" in await page.text("#shared-count")
    scene.down = True
    await scene.ask("acme", "beta", "gamma", times=3)
    await page.until(f"{rows}[0].startsWith('open')", seconds=6)
    assert "anthropic/scripted" in (await page.run(rows))[0]
    assert "3 of 3" in (await page.run(rows))[0]
    assert "all tenants: shared circuit of anthropic/scripted closed \u2192 open" in await page.text(
        "#changes"
    )
    assert page.complaints == []


async def test_with_the_token_a_circuit_is_reset_and_isolated(page: Page, scene: Scene) -> None:
    """By the keyboard alone to where the token is asked for; to isolate takes two presses."""
    scene.down = True
    await scene.ask("acme")
    await page.open(scene.url)
    await page.until(f"{LEVEL} === 'trouble'")
    await page.press("Tab")
    await page.press("Tab")
    assert await page.run("document.activeElement.id") == "unlock"
    assert not await page.run("document.querySelector('.acts button').checkVisibility()")
    await page.press("Enter")
    await page.type(TOKEN)
    await page.press("Enter")
    await page.until("document.querySelector('.acts button').checkVisibility()")
    await page.click(".acts button[aria-label^=Reset]")
    await page.until("document.getElementById('notice').innerText.includes('the circuit is closed')")
    assert scene.pipeline.circuits.state("acme", "anthropic") == "closed"
    await page.click("[aria-label='Isolate acme at anthropic']")
    assert scene.pipeline.circuits.state("acme", "anthropic") == "closed"
    await page.click("[aria-label='Isolate acme at anthropic']")
    await page.until("document.getElementById('notice').innerText.includes('the circuit is isolated')")
    assert scene.pipeline.circuits.state("acme", "anthropic") == "isolated"
    assert not any(TOKEN in url for url in page.requested)
    assert await page.run("localStorage.length + sessionStorage.length") == 0
    assert TOKEN not in await page.run("document.documentElement.outerHTML")
    assert page.complaints == []


async def test_a_wrong_token_is_told_and_forgotten(page: Page, scene: Scene) -> None:
    """The page is locked again, and nothing was done."""
    scene.down = True
    await scene.ask("acme")
    await page.open(scene.url)
    await page.until(f"{LEVEL} === 'trouble'")
    await page.click("#unlock")
    await page.type("this is not the token")
    await page.press("Enter")
    await page.click(".acts button[aria-label^=Reset]")
    await page.until("document.getElementById('notice').innerText.includes('Send the token')")
    assert not await page.run("document.querySelector('.acts button').checkVisibility()")
    assert scene.pipeline.circuits.state("acme", "anthropic") == "open"


async def test_a_server_that_goes_is_missed_and_found_again(page: Page) -> None:
    """What was known stays, and is told to be old."""
    scene = Scene()
    async with scene.pipeline:
        async with serving(scene.app) as address:
            await scene.ask("acme")
            await page.open(address)
            await page.until(f"{LEVEL} === 'well'")
        await page.until(f"{LEVEL} === 'unknown'")
        assert await page.text("h1") == "The server does not answer"
        assert "acme" in (await page.run(ROWS))[0]
        async with serving(scene.app, int(address.rpartition(":")[2])):
            await page.until(f"{LEVEL} === 'well'")
            assert "answers again" in await page.text("#notice")


async def test_it_can_be_paused(page: Page, scene: Scene) -> None:
    """Then nothing is asked for until it goes on."""
    await page.open(scene.url)
    await page.until(f"{LEVEL} !== 'unknown'")
    await page.click("#pause")
    assert await page.run("document.getElementById('pause').getAttribute('aria-pressed')") == "true"
    scene.down = True
    await scene.ask("acme")
    asked = len(page.requested)
    await page.run("new Promise((then) => setTimeout(then, 2500))")
    assert len(page.requested) == asked
    await page.click("#pause")
    await page.until(f"{LEVEL} === 'trouble'", seconds=2)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1360, 900), (390, 844)], ids=["wide", "narrow"])
@pytest.mark.parametrize("down", [False, True], ids=["well", "trouble"])
async def test_it_is_legible(
    page: Page, scene: Scene, down: bool, width: int, height: int, dark: bool
) -> None:
    """In light and dark, on a desk and on a phone; everything that can be used has a name."""
    await page.like(width=width, height=height, dark=dark)
    await scene.ask("acme", "beta", "gamma")
    scene.down = down
    await scene.ask("acme", "gamma", times=3)
    await scene.pipeline.circuits.isolate("delta", "openai")
    if not down:
        await scene.pipeline.circuits.reset("delta", "openai")
    await page.open(scene.url)
    await page.until(f"{LEVEL} === '{'trouble' if down else 'well'}'")
    name = f"status-{'trouble' if down else 'well'}-{width}-{'dark' if dark else 'light'}"
    await page.show(name, whole=width < 600)
    assert await page.illegible() == []
    assert await page.unnamed() == []
    assert await page.run("document.documentElement.scrollWidth") <= width
    assert page.complaints == []
