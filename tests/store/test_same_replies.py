"""The engine in memory and the scripts on a real server answer the same, and push the same."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings

from ranvier.store.engine import limits, votes
from support.store.moves import LOSSES, VOTES_IN_BOTH_HALVES, Move, moves
from support.store.pair import Pair, ScriptedServer
from support.valkey.server import ValkeyServer

pytestmark = pytest.mark.once

slowly = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def scripted(valkey_server: ValkeyServer) -> Iterator[ScriptedServer]:
    import valkey

    with valkey.Valkey(port=valkey_server.port) as client:
        server = ScriptedServer(client)
        yield server
        server.close()


def play(server: ScriptedServer, drawn: list[Move]) -> None:
    server.start()
    pair = Pair(server)
    for move in drawn:
        pair.play(move)


@slowly
@given(drawn=moves(*LOSSES))
@example(drawn=VOTES_IN_BOTH_HALVES)
def test_the_same_commands_give_the_same_replies(scripted: ScriptedServer, drawn: list[Move]) -> None:
    """Whatever workers say, in whatever order, with keys lost and the clock set back."""
    play(scripted, drawn)


@slowly
@given(drawn=moves(often=("take slice",) * 20))
def test_spend_limits_are_leased_alike(scripted: ScriptedServer, drawn: list[Move]) -> None:
    """Also while windows turn."""
    play(scripted, drawn)


@slowly
@given(drawn=moves())
def test_full_halves_are_sampled_alike(
    scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch, drawn: list[Move]
) -> None:
    """With more tenants, and more counts, than a half may have."""
    for name, value in (("MAX_VOTERS", 4), ("MAX_COUNTS", 6), ("ENOUGH_VOTERS", 3)):
        monkeypatch.setattr(limits, name, value)
        monkeypatch.setattr(votes, name, value)
    play(scripted, drawn)


@slowly
@given(drawn=moves())
def test_full_lists_are_cut_alike(
    scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch, drawn: list[Move]
) -> None:
    """With more troubles, and more counters, than are kept or shown."""
    from ranvier.store.engine import engine, troubles, workers

    for module in (limits, engine, troubles, workers):
        for name in ("MAX_LOOKED", "MAX_TROUBLES", "MAX_SUMS"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, {"MAX_LOOKED": 1, "MAX_TROUBLES": 2, "MAX_SUMS": 3}[name])
    play(scripted, drawn)
