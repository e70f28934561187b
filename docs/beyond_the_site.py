"""A hook of the site: links to files beside docs/, which are there on a checkout and not on the site.

A link to the README is one to the first page. A test or another file of the repository is named without a
link; that it exists is checked here, since nobody else would.
"""

import logging
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"\[([^\]]+)\]\(((?:\.\./)+)([^)#\s]+)(#[^)\s]*)?\)")
log = logging.getLogger("properdocs.ranvier")


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

    return LINK.sub(replaced, markdown)
