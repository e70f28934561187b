"""Every block of the page about testing is a test file, and passes under pytest as it stands there."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

PAGE = (Path(__file__).parents[2] / "docs" / "testing.md").read_text(encoding="utf-8")
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = [code for language, code in FENCED.findall(PAGE) if language == "python"]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[ET.Element]]:
    """What a pytest of its own says of the tests of each block; no plugin helps it."""
    place = tmp_path_factory.mktemp("page")
    for number, code in enumerate(BLOCKS):
        (place / f"test_block_{number}.py").write_text(code, encoding="utf-8")
    options = ["-q", "-W", "error", "-p", "no:asyncio", "-p", "no:anyio", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *options, "--junitxml=told.xml", "-o", "junit_logging=all"]
    subprocess.run(command, cwd=place, capture_output=True, check=False)
    told: dict[str, list[ET.Element]] = {}
    for case in ET.parse(place / "told.xml").iter("testcase"):
        told.setdefault(case.attrib["classname"].split(".")[0], []).append(case)
    return told


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_each_block_passes_under_pytest(outcomes: dict[str, list[ET.Element]], number: int) -> None:
    """It has tests, and they pass, without any plugin."""
    cases = outcomes[f"test_block_{number}"]
    failures = [failure.text for case in cases for failure in (*case.iter("failure"), *case.iter("error"))]
    assert not failures, "\n".join(map(str, failures))
    assert cases


def test_the_first_block_is_as_short_as_it_says() -> None:
    """A whole test of the README's pipeline in less than 30 lines."""
    assert len(BLOCKS[0].splitlines()) < 30


def test_the_failure_that_is_shown_is_the_one_that_is_found(outcomes: dict[str, list[ET.Element]]) -> None:
    """Word by word: the same seed is the same run on every machine."""
    shown = next(code for _, code in FENCED.findall(PAGE) if code.startswith("seed "))
    printed = [
        each.text or "" for cases in outcomes.values() for case in cases for each in case.iter("system-out")
    ]
    assert any(shown in text for text in printed), printed
