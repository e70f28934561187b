"""Which tenants vote where there are too many: the same ones at all workers, and chosen cheaply."""

import os
import subprocess
import sys

import pytest

from ranvier.layers.breaker.shared.votes import MAX_VOTERS
from ranvier.store import MemoryStore
from support.fleet.service import Service

CHOOSE = """
from types import SimpleNamespace
from ranvier.fleet.circuit_link import StoreLink
from ranvier.store.digest import digest

member = SimpleNamespace(digest=lambda name: digest(name, b"the secret of all workers"), server_name=str)
link = StoreLink(member, SimpleNamespace(key=("openai", "gpt-5.2", False)), None)
print([number for number in range(1000) if not link.bits(f"tenant {number}") & 7])
"""


def chosen(seed: str) -> str:
    """The tenants that vote at a worker, one in eight, where Python's own hashes have this seed."""
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    return subprocess.run(
        [sys.executable, "-c", CHOOSE], env=environment, check=True, capture_output=True, text=True
    ).stdout


def test_workers_choose_the_same_sample() -> None:
    """Though each process hashes texts in its own way."""
    first = chosen("1")
    assert first == chosen("2")
    assert 80 < first.count(",") < 170


class Counting(MemoryStore):
    """A store that counts how many digests were asked for."""

    digests = 0

    def digest(self, name: str) -> str:
        self.digests += 1
        return super().digest(name)


@pytest.mark.virtual_time
async def test_calls_that_succeed_need_no_digest() -> None:
    """However many tenants there are: a digest takes longer than a layer."""
    store = Counting()
    async with Service(store, 1) as service:
        await service.ask(0, "the first one")
        before = store.digests
        for number in range(2 * MAX_VOTERS):
            await service.ask(0, f"tenant {number}")
        assert store.digests == before
