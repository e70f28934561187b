"""The order of the scenes, and how one is played."""

from __future__ import annotations

from fleet_faults import scenes, strangers
from fleet_faults.scenes import Play, Scene, parted
from fleet_faults.stage import Stage, UnmetError
from fleet_faults.worker_log import now
from support.valkey.proxy import Way

SCENES: dict[str, Play] = {
    "outage": scenes.nothing_else,
    "probe's holder killed": scenes.holder_killed,
    "probe's holder stopped": scenes.holder_stopped,
    "server killed, restarted without data": scenes.server_killed,
    "server stopped": scenes.server_stopped,
    "FLUSHALL": scenes.flushed,
    "SCRIPT FLUSH": scenes.scripts_flushed,
    "failover to a replica that lags": scenes.failed_over,
    "maxmemory reached": scenes.full,
    "partition": parted(Way.LOST),
    "partition, late commands": parted(Way.HELD),
    "partition, lost replies": parted(Way.DEAF),
    "connections broken": parted(Way.REFUSED),
    "push cut": scenes.pushes_cut,
    "another protocol": strangers.another_protocol,
    "unknown fields": strangers.unknown_fields,
    "100,000 circuits": strangers.many_circuits,
}
"""Every scene, by what goes wrong in it. The wall clocks of the workers are wrong in all of them."""

SHORT = ("outage", "probe's holder killed", "server killed, restarted without data", "push cut")
"""Those of the short form."""


def played(stage: Stage, name: str) -> Scene:
    """Play a scene."""
    scene = Scene(name, now())
    try:
        SCENES[name](stage, scene)
    except UnmetError as unmet:
        scene.trouble = str(unmet)
    scene.ended = now()
    return scene
