"""Scenes about what is not of this fleet: another version, what a later one says, 100,000 circuits."""

from __future__ import annotations

import asyncio
import json
import time

from fleet_faults.scenes import Scene, outage
from fleet_faults.stage import Stage
from fleet_faults.working import PREFIX, SECRET
from ranvier.store import ValkeyStore
from ranvier.store.commands.tenants import TenantKey, TenantOpened
from ranvier.store.protocol import Worker

CIRCUITS = 100_000
BATCH = 200
OTHER_PROTOCOL = 99
"""That of a worker of another version."""

CHANNEL = f"{PREFIX}:1:changes"


def another_protocol(stage: Stage, scene: Scene) -> None:
    """A worker of another version joins; it shares nothing with the others, and says so once."""
    (stranger,) = stage.start(1, protocol=OTHER_PROTOCOL)
    time.sleep(2.5)
    stranger.end()
    with outage(stage, scene):
        time.sleep(1)
    said = [e for e in stranger.read() if e.what == "said" and "protocol" in e.facts["line"]]
    replies = [reply for e in stranger.read() if e.what == "replied" for reply in e.facts["replies"]]
    seen = {reply["workers"] for reply in replies if reply["is"] == "Alive"}
    if len(said) != 1 or not seen <= {0, 1}:
        scene.trouble = f"a worker of another version said {len(said)} lines and saw {seen} workers"


def unknown_fields(stage: Stage, scene: Scene) -> None:
    """Each change is pushed again with a field of a later version, and so is something quite unknown."""
    import valkey

    told = {"kind": "of a later version", "later": True}
    with valkey.Valkey(port=stage.server.port) as client, client.pubsub() as hears, outage(stage, scene):
        hears.subscribe(CHANNEL)
        until = time.monotonic() + 4
        while time.monotonic() < until:
            message = hears.get_message(timeout=0.1)
            if message and message["type"] == "message" and b"later" not in message["data"]:
                more = {**json.loads(message["data"]), "later": [1, 2, 3]}
                client.publish(CHANNEL, json.dumps(more))
                client.publish(CHANNEL, json.dumps(told))
                client.publish(CHANNEL, b"\xff later")


def many_circuits(stage: Stage, scene: Scene) -> None:
    """A hundred thousand tenants' circuits are open when the target fails."""
    asyncio.run(_fill(stage.server.url))
    with outage(stage, scene):
        time.sleep(3)


async def _fill(url: str) -> None:
    store = ValkeyStore(url, prefix=PREFIX, secret=SECRET, timeout=30)
    session = await store.connect(Worker("filler", "here", 1, "1"), lambda change: None)
    try:
        for first in range(0, CIRCUITS, BATCH):
            tenants = (store.digest(f"another-{first + number}") for number in range(BATCH))
            await session.execute(
                [TenantOpened(TenantKey(each, "openai"), "filler", 600_000) for each in tenants]
            )
    finally:
        await session.aclose()
