"""Virtual time under pytest, with and without plugins."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from ranvier.testing import VirtualTime

pytest_plugins = ["ranvier.testing.plugin"]

AUTO = ("--asyncio-mode=auto", "-o", "asyncio_default_fixture_loop_scope=function")
NOTHING = ("-p", "no:asyncio", "-p", "no:anyio")
each_way = pytest.mark.parametrize("options", [AUTO, NOTHING], ids=["pytest-asyncio", "nothing"])

CONFTEST = 'pytest_plugins = ["ranvier.testing.plugin"]\n'

SYNC = """
import asyncio
from ranvier.testing import VirtualTime

def test_an_hour(virtual_time):
    virtual_time(asyncio.sleep(3600))
    assert virtual_time.now == 3600
"""

DECORATED = """
import asyncio
import pytest
from ranvier.testing import virtual_time

@pytest.fixture
def hours():
    return 2

@virtual_time(start=100)
async def test_hours(hours):
    await asyncio.sleep(3600 * hours)
    assert asyncio.get_running_loop().time() == 7300

class TestMore:
    @pytest.mark.parametrize("seconds", [1, 2])
    @virtual_time()
    async def test_seconds(self, seconds):
        await asyncio.sleep(seconds)
        assert asyncio.get_running_loop().time() == seconds
"""

ASYNC = """
async def test_an_hour(virtual_time):
    pass
"""


def pytest_says(place: Path, test: str, *options: str, conftest: str = CONFTEST) -> str:
    """What a pytest of its own says of a test."""
    (place / "conftest.py").write_text(conftest)
    (place / "test_it.py").write_text(test)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", *options]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_the_fixture_runs_hours_in_no_time(virtual_time: VirtualTime) -> None:
    """Several coroutines, one after the other, on one loop."""
    virtual_time(asyncio.sleep(3600))
    virtual_time(asyncio.sleep(1800))
    assert virtual_time.now == 5400


@each_way
def test_the_fixture_needs_no_other_plugin_and_bears_them(tmp_path: Path, options: tuple[str, ...]) -> None:
    """A line in conftest.py is enough."""
    assert "1 passed" in pytest_says(tmp_path, SYNC, *options)


@each_way
def test_the_decorator_needs_no_plugin_at_all(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Fixtures, parameters and methods are taken as pytest gives them."""
    assert "3 passed" in pytest_says(tmp_path, DECORATED, *options, conftest="")


def test_an_async_test_is_told_that_its_time_is_real(tmp_path: Path) -> None:
    """It would wait for hours, and nobody would know why."""
    said = pytest_says(tmp_path, ASYNC, *AUTO)
    assert "decorate it with @virtual_time() from ranvier.testing" in said
    assert "1 error" in said


def test_the_kit_itself_does_not_import_pytest() -> None:
    """Nor anything else that heavy: only who loads the plugin does."""
    heavy = {"pytest", "_pytest", "unittest", "httpx", "pydantic"}
    code = f"import sys, ranvier.testing; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
