"""Each guarantee of the page on security is held by a test that is there."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
LINK = re.compile(r"\[`(\w+)`\]\(\.\./(tests/[\w/]+\.py)\)")


def test_every_test_that_is_named_is_there() -> None:
    """Under that name, in that file."""
    named = LINK.findall(PAGE)
    assert len(named) > 30
    for name, path in named:
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        functions = {getattr(each, "name", "") for each in tree.body}
        assert name in functions, f"{path} has no {name}"


def test_no_guarantee_goes_without_a_test() -> None:
    """Each point of that part of the page names one."""
    part = PAGE.partition("## What is guaranteed")[2].partition("## What is not guaranteed")[0]
    points = re.split(r"^- ", part, flags=re.MULTILINE)[1:]
    assert len(points) > 20
    assert all(LINK.search(point) for point in points)
