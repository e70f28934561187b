"""Everything that can go wrong between two workers and a store, in every order, eight steps deep."""

import os

import pytest

from ranvier.store.engine.engine import Engine
from support.store.laws import check
from support.store.steps import steps
from support.store.worlds import Worker, World, copied

pytestmark = pytest.mark.once

DEPTH = os.environ.get("RANVIER_STORE_DEPTH")
"""How deep to go from everywhere: 8 takes minutes."""


def begin(*names: str) -> World:
    """A world after the steps of these names."""
    empty = Engine("first")
    world = World(empty, copied(empty), (Worker("a"), Worker("b")))
    for worker in world.workers:
        world.look(worker)
    for name in names:
        step = next(how for what, how in steps(world) if what == name)
        step(world)
    world.lagging = copied(world.engine)
    return world


def explore(world: World, depth: int) -> int:
    """Try all; returns how many worlds there were."""
    seen = {world.state()}
    now = [world]
    for _ in range(depth):
        following = []
        for each in now:
            for name, step in steps(each):
                then = each.copied()
                then.trail = (*each.trail, name)
                try:
                    step(then)
                    key = then.state()
                    if key not in seen:
                        seen.add(key)
                        check(then)
                        following.append(then)
                except AssertionError as error:
                    raise AssertionError("\n".join(then.trail)) from error
        now = following
    return len(seen)


def said(name: str, what: str) -> tuple[str, ...]:
    return f"{name} sends {what}", f"{name} is heard: {what}", f"{name} gets its reply"


ALARMED = (*said("a", "Alarm"), "b gets a push", "a misses a push")
OPEN = (*ALARMED, *said("a", "Count"), *said("b", "Count"), "a gets a push", "b misses a push", "3 s pass")
PROBED = (*OPEN, *said("a", "Probe"), "a misses a push", "b gets a push")


@pytest.mark.parametrize(
    ("start", "depth", "least"),
    [((), 8, 20_000), (ALARMED, 8, 9_000), (OPEN, 6, 8_000), (PROBED, 6, 9_000)],
    ids=["closed", "alarmed", "open", "half open"],
)
def test_no_order_of_losses_breaks_a_law(start: tuple[str, ...], depth: int, least: int) -> None:
    """From each state of the circuit, the later ones of which are many steps deep themselves."""
    depth = int(DEPTH or depth)
    worlds = explore(begin(*start), depth)
    assert worlds >= least or DEPTH is not None
