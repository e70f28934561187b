"""A hook of the site: links that leave docs/, the repository's address, and labels for tables on phones.

A link to the README becomes one to the home page. Any other file of the repository is named without a link;
the hook warns if it does not exist. The repository's address stands in pyproject.toml and nowhere else.
"""

import logging
import re
import tomllib
from html import escape, unescape
from itertools import cycle
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"\[([^\]]+)\]\(((?:\.\./)+)([^)#\s]+)(#[^)\s]*)?\)")
TABLE = re.compile(r"<table>.*?</table>", re.DOTALL)
HEAD_CELL, CELL = re.compile(r"<th[^>]*>(.*?)</th>", re.DOTALL), re.compile(r"<td")
TAG = re.compile(r"<[^>]+>")
REPOSITORY = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Repository"]
log = logging.getLogger("properdocs.ranvier")


def on_config(config: Any, **_: Any) -> Any:
    """Called once: link the repository in the footer of every page."""
    config.extra["social"] = [
        {"icon": "fontawesome/brands/git-alt", "link": REPOSITORY, "name": "Repository"}
    ]
    return config


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Called for every page before it is rendered."""
    here = (ROOT / "docs" / page.file.src_uri).parent

    def replaced(link: re.Match[str]) -> str:
        text, up, rest, _anchor = link.groups()
        place = (here / up / rest).resolve()
        if place.is_relative_to(ROOT / "docs"):
            return link[0]
        if place == ROOT / "README.md":
            return f"[{text}]({'../' * page.file.src_uri.count('/')}index.md)"
        if not place.exists():
            log.warning("%s links to %s, which is not there", page.file.src_uri, up + rest)
        return text

    return LINK.sub(replaced, markdown).replace("](REPOSITORY)", f"]({REPOSITORY})")


def on_page_content(html: str, **_: Any) -> str:
    """Called for every rendered page: give each cell of a table the name of its column."""
    return TABLE.sub(lambda table: _labelled(table[0]), html)


def _labelled(table: str) -> str:
    names = [escape(unescape(TAG.sub("", name)), quote=True) for name in HEAD_CELL.findall(table)]
    if not names:
        return table
    labels = cycle(names)
    return CELL.sub(lambda cell: f'{cell[0]} data-label="{next(labels)}"', table)
