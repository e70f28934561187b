"""The browser that judges our pages sees what is wrong with one."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.browser.chromium import Page

pytestmark = pytest.mark.once

HEAD = '<!doctype html><html lang="en"><meta charset="utf-8"><title>A page</title>'


async def opened(page: Page, folder: Path, body: str) -> Page:
    """`page`, showing this body."""
    file = folder / "page.html"
    file.write_text(f"{HEAD}{body}", encoding="utf-8")
    await page.open(file.as_uri())
    return page


async def test_a_good_page_has_nothing_to_complain_about(page: Page, tmp_path: Path) -> None:
    """It is legible, everything has a name, and nothing else was fetched."""
    await opened(
        page, tmp_path, '<p>Words</p><button>Press</button><label>Find <input type="search"></label>'
    )
    assert await page.text("p") == "Words"
    assert await page.illegible() == []
    assert await page.unnamed() == []
    assert page.complaints == []
    assert page.requested == [(tmp_path / "page.html").as_uri()]


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("missing.call()", "missing is not defined"),
        ("console.error('so it goes')", "so it goes"),
        ("Promise.reject(new Error('unheard'))", "unheard"),
    ],
)
async def test_errors_of_scripts_are_heard(page: Page, tmp_path: Path, script: str, complaint: str) -> None:
    """Thrown, written to the console, or in a promise that nobody awaits."""
    await opened(page, tmp_path, f"<script>{script}</script>")
    await page.run("new Promise((then) => setTimeout(then, 50))")  # nobody awaits it: that takes a moment
    assert any(complaint in each for each in page.complaints), page.complaints


async def test_what_the_policy_refuses_is_heard(page: Page, tmp_path: Path) -> None:
    """A script that was not allowed did not run, and is told of."""
    policy = '<meta http-equiv="content-security-policy" content="script-src \'none\'">'
    await opened(page, tmp_path, f"{policy}<script>document.title = 'Taken'</script>")
    assert await page.run("document.title") == "A page"
    assert any("Content Security Policy" in each for each in page.complaints), page.complaints


@pytest.mark.parametrize("dark", [False, True])
async def test_faint_texts_are_found(page: Page, tmp_path: Path, dark: bool) -> None:
    """Also in drawings, through layers, and in the dark."""
    await page.like(dark=dark)
    ground = "black" if dark else "white"
    rules = f":root {{ color-scheme: light dark }} body {{ background: {ground}; color: {ground} }}"
    drawing = '<svg><text x="9" y="9" fill="gray">drawn</text></svg>'
    layered = '<p style="color: gray; background: #808080c0">layered</p><p style="color: #777">good</p>'
    await opened(page, tmp_path, f"<style>{rules}</style><p>unseen</p>{layered}{drawing}<p hidden>hidden</p>")
    found = [words.split(":")[0] for words in await page.illegible()]
    assert found[:2] == ["unseen", "layered"]
    assert "hidden" not in found


async def test_keys_and_the_mouse_reach_the_page(page: Page, tmp_path: Path) -> None:
    """What is typed, pressed and clicked."""
    await opened(page, tmp_path, "<input><button onclick=\"document.title += '!'\">Press</button>")
    await page.press("Tab")
    await page.type("acme")
    assert await page.run("document.querySelector('input').value") == "acme"
    await page.press("Tab")
    await page.press("Enter")
    await page.click("button")
    assert await page.run("document.title") == "A page!!"


async def test_what_has_no_name_is_found(page: Page, tmp_path: Path) -> None:
    """A screen reader could say nothing of these."""
    await opened(page, tmp_path, "<button></button><input><button>Press</button>")
    assert await page.unnamed() == ["button", "textbox"]
